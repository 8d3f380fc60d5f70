"""Replies and ballots as plain JSON values, for ``--json``, for programs that call the page, and for rows that were measured."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from vision.pictures.box import Box
from vision.pictures.writing import Writing
from vision.replies import Ballot, Reply
from vision.thoughts.names import Lookup
from vision.thoughts.sources import Source


def reply_as_json(reply: Reply) -> dict[str, Any]:
    """A reply as one JSON object."""
    return {
        "question": reply.question,
        "thought": reply.thought,
        **checked_as_json(reply),
        "answer": reply.answer,
        "withheld": reply.withheld,
        "writing": [writing_as_json(each) for each in reply.writing],
        "truncated": reply.truncated,
        "usage": asdict(reply.usage) if reply.usage else None,
    }


def checked_as_json(reply: Reply) -> dict[str, Any]:
    """The steps of a reply with their claims and sources, and how far it can be trusted."""
    return {
        "steps": [
            {
                "text": step.text,
                "claims": [{"text": claim.text, "verdict": claim.verdict, "correct_value": claim.correct_value} for claim in step.claims],
                "sources": [source_as_json(source) for source in step.sources],
                "lookups": [lookup_as_json(lookup) for lookup in step.lookups],
            }
            for step in reply.steps
        ],
        "trust": {"level": reply.trust.level, "reasons": list(reply.trust.reasons)} if reply.trust else None,
    }


def source_as_json(source: Source) -> dict[str, Any]:
    """Where a number comes from; ``start`` and ``end`` are its place in the step, ``boxes`` its places in the picture."""
    return {
        "text": source.text,
        "start": source.start,
        "end": source.end,
        "kind": source.kind,
        "verdict": source.verdict,
        "name": source.name,
        "why": source.why,
        "step": source.step or None,
        "picture": source.picture if source.texts or source.drawn else None,
        "boxes": [_edges(each.box) for each in (*source.texts, *((source.drawn,) if source.drawn else ()))],
    }


def lookup_as_json(lookup: Lookup) -> dict[str, Any]:
    """Where a name stands that no number is told for; places are told as for a number."""
    boxes = [_edges(text.box) for text in lookup.texts]
    return {"text": lookup.text, "start": lookup.start, "end": lookup.end, "picture": lookup.picture, "boxes": boxes}


def _edges(box: Box) -> list[float]:
    return [round(edge, 1) for edge in (box.left, box.top, box.right, box.bottom)]


def writing_as_json(writing: Writing) -> dict[str, Any]:
    """The text of a picture: ``size`` is (width, height), a ``box`` (left, top, right, bottom), all in the picture's pixels."""
    return {
        "size": list(writing.size),
        "texts": [
            {
                "text": text.text,
                "box": _edges(text.box),
                "angle": round(text.angle, 1),
                "score": round(text.score, 3),
            }
            for text in writing.texts
        ],
        "drawn": [
            {
                "name": drawn.name,
                "series": drawn.series,
                "value": round(drawn.value, 4),
                "error": round(drawn.error, 4),
                "box": _edges(drawn.box),
            }
            for drawn in writing.drawn
        ],
    }


def ballot_as_json(ballot: Ballot) -> dict[str, Any]:
    """A ballot as one JSON object."""
    vote = ballot.vote
    return {
        "question": ballot.question,
        "answer": vote.winner,
        "confidence": vote.confidence,
        "interval": list(vote.interval),
        "clusters": [{"answer": cluster.answer, "traces": list(cluster.traces)} for cluster in vote.clusters],
        "abstained": list(vote.abstained),
        "spared": ballot.spared,
        "writing": [writing_as_json(each) for each in ballot.replies[0].writing] if ballot.replies else [],
        "traces": [
            {"temperature": temperature, **reply_as_json(reply), "writing": []}
            for reply, temperature in zip(ballot.replies, ballot.temperatures, strict=True)
        ],
    }

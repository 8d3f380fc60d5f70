"""Replies and ballots as plain JSON values, for ``--json`` and for programs that call the page."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from vision.pictures.writing import Writing
from vision.replies import Ballot, Reply


def reply_as_json(reply: Reply) -> dict[str, Any]:
    """A reply as one JSON object."""
    return {
        "question": reply.question,
        "thought": reply.thought,
        "steps": [
            {
                "text": step.text,
                "claims": [{"text": claim.text, "verdict": claim.verdict, "correct_value": claim.correct_value} for claim in step.claims],
            }
            for step in reply.steps
        ],
        "answer": reply.answer,
        "writing": [writing_as_json(each) for each in reply.writing],
        "truncated": reply.truncated,
        "usage": asdict(reply.usage) if reply.usage else None,
    }


def writing_as_json(writing: Writing) -> dict[str, Any]:
    """The text of a picture: ``size`` is (width, height), a ``box`` (left, top, right, bottom), all in the picture's pixels."""
    return {
        "size": list(writing.size),
        "texts": [
            {
                "text": text.text,
                "box": [round(edge, 1) for edge in (text.box.left, text.box.top, text.box.right, text.box.bottom)],
                "angle": round(text.angle, 1),
                "score": round(text.score, 3),
            }
            for text in writing.texts
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
            {"temperature": temperature, **reply_as_json(replace(reply, writing=()))}
            for reply, temperature in zip(ballot.replies, ballot.temperatures, strict=True)
        ],
    }

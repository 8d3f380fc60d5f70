"""Replies and ballots as plain JSON values, for ``--json`` and for programs that call the page."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

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
        "truncated": reply.truncated,
        "usage": asdict(reply.usage) if reply.usage else None,
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
        "traces": [
            {"temperature": temperature, **reply_as_json(reply)}
            for reply, temperature in zip(ballot.replies, ballot.temperatures, strict=True)
        ],
    }

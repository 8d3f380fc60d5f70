"""What comes back: an answer with the way it came about, and several of them that vote."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from vision.answers.answers import extract
from vision.answers.consensus import Vote, Weighing, tally
from vision.answers.trust import Trust, assess
from vision.engines.engine import Usage
from vision.pictures.writing import Writing
from vision.thoughts.steps import Step, steps_of

CANNOT_TELL = "I cannot tell."
"""The answer in place of one that was not traced, where such are withheld."""
TRUST_WEIGHTS = {"traced": 1.0, "open": 0.6, "broken": 0.1}
"""What a trace weighs by its trust: about how much more often than guessing it was right, `python -m tests.bench.trust score`."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer with the way it came about, whole or still growing.

    Attributes:
        question: as it was asked.
        thought: the reasoning so far.
        answer_text: the text after the thought so far.
        thinking: whether the thought is still open.
        usage: counts and times; None while the text grows.
        tokens: that it has so far, 0 where nobody counts; in the end ``usage`` tells.
        writing: the text of each picture, where it was read.
        text: all that the model wrote, tags included: the draft from which a stopped answer can go on.
        withheld: the answer that was not given because it was not traced, "" where none was.
    """

    question: str
    thought: str = ""
    answer_text: str = ""
    thinking: bool = False
    usage: Usage | None = None
    tokens: int = 0
    text: str = ""
    writing: tuple[Writing, ...] = ()
    withheld: str = ""

    @cached_property
    def steps(self) -> list[Step]:
        """The thought as numbered steps with their arithmetic checked, and their numbers traced where a picture was read."""
        return steps_of(self.thought, self.question, self.writing or None, growing=self.thinking)

    @cached_property
    def trust(self) -> Trust | None:
        """How far the answer is traced; None while it grows."""
        if self.usage is None:
            return None
        return assess(self.steps, self.question, self.withheld or self.answer, self.writing)

    @property
    def answer(self) -> str:
        """The final answer so far; in the end "" where there is none, or where the model did not come to its own end."""
        return extract(self.answer_text) if self.usage is None or self.whole else ""

    @property
    def whole(self) -> bool:
        """Whether the model came to its own end."""
        return self.usage is not None and self.usage.end == "end" and not self.thinking

    @property
    def spared(self) -> bool:
        """Whether it was ended because a vote was settled without it."""
        return self.usage is not None and self.usage.end == "spared"

    @property
    def truncated(self) -> bool:
        """Whether the thought never closed, or the text ran into its limit."""
        return self.usage is not None and (self.thinking or self.usage.end == "length")

    @property
    def why_no_answer(self) -> str:
        """One sentence for a reply that ended without an answer, "" for any other; one that was cut off may be half, and is none."""
        if self.usage is None or self.answer:
            return ""
        if self.usage.end == "stopped":
            return f"stopped {'in' if self.answer_text else 'before'} its answer"
        if self.usage.end == "spared":
            return "not needed: the vote was settled"
        if self.usage.end == "failed":
            return "no answer: the server gave this trace up"
        if self.usage.end == "length":
            what = "its answer was cut off" if self.answer_text else "the tokens ran out"
            return f"no answer: {what}; raise the token budgets"
        if not self.thought and not self.thinking:
            return "no answer: the model wrote nothing; ask again with another seed and a temperature above 0"
        if not self.thinking:
            return "no answer: the model ended after its thought; ask again with another seed and a temperature above 0"
        return "no answer: the model ended inside its thought; ask again with another seed and a temperature above 0"


@dataclass(frozen=True, kw_only=True)
class Ballot:
    """Several traces of one question and their vote, whole or still growing.

    Attributes:
        question: as it was asked.
        replies: one for each trace; those that still grow have no usage yet.
        temperatures: of the traces, in order.
        done: whether all have ended.
        weighing: how traces weigh.
    """

    question: str
    replies: tuple[Reply, ...] = ()
    temperatures: tuple[float, ...] = ()
    done: bool = False
    weighing: Weighing = "count"

    @property
    def vote(self) -> Vote:
        """The standing among the traces that have ended; those cut off or stopped abstain."""
        return count_votes(self.replies, self.weighing)

    @property
    def spared(self) -> int:
        """Traces that were ended because the vote was settled without them."""
        return sum(reply.spared for reply in self.replies)


def count_votes(replies: Sequence[Reply], weighing: Weighing = "count") -> Vote:
    """The vote over those of ``replies`` that have ended; an answer that was cut off or stopped may be half, so it abstains.

    The vote names traces by their places in ``replies``.
    """
    ended = {i: reply for i, reply in enumerate(replies) if reply.usage is not None and not reply.spared}
    weights = {i: _weight(reply, weighing) for i, reply in ended.items()} if weighing != "count" else None
    return tally({i: "" if reply.withheld else reply.answer for i, reply in ended.items()}, weights=weights)


def _weight(reply: Reply, weighing: Weighing) -> float:
    """What ``reply`` weighs, above 0 and at most 1."""
    if weighing == "probability":
        known = reply.usage.mean_logprob if reply.usage is not None else None
        return math.exp(known) if known is not None else 1.0  # nothing was drawn
    if weighing == "trust":
        return TRUST_WEIGHTS[reply.trust.level] if reply.trust is not None else 1.0
    claims = [claim.verdict for step in reply.steps for claim in step.claims if claim.verdict != "unchecked"]
    return (claims.count("true") + 1) / (len(claims) + 1)

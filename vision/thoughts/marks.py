"""One kind of mark for all that is checked in a thought: where it stands, what it says, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["true", "false", "unchecked"]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A checked place of a text.

    Attributes:
        text: what is marked, as it was written.
        start, end: its place in the text it was found in, characters.
        why: in words, why it is marked so; "" where the verdict says it all.
    """

    text: str
    start: int
    end: int
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class Claim(Mark):
    """One arithmetic claim.

    Attributes:
        verdict: ``true``, ``false`` or ``unchecked``.
        correct_value: for a false one what should stand there, as it would be written; None where that is not told.
    """

    verdict: Verdict
    correct_value: str | None = None

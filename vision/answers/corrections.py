"""A reading that a person corrects, and what follows from it: every later claim that uses it is computed again.

Only arithmetic is computed again. Where a choice hangs on the number (``64 > 41, Museum``), or the answer is a name, computing does
not tell what follows: ``whole`` is False then, and the question has to be asked again with the reading.

>>> from vision.thoughts.steps import steps_of
>>> from vision.pictures.box import Box
>>> from vision.pictures.writing import Text, Writing
>>> writing = Writing(size=(90, 60), texts=(Text(text="Oslo", box=Box(0, 0, 30, 9)), Text(text="Rome", box=Box(0, 30, 30, 39))))
>>> steps = steps_of("Oslo 46, Rome 9.\\n46 - 9 = 37.\\nSo it is 37.", "How much more has Oslo?", [writing])
>>> corrected = correct(steps, "The answer is 37.", Correction(step=1, start=5, end=7, value="64"))
>>> corrected.thought, corrected.answer_text, corrected.whole
('Oslo 64, Rome 9.\\n64 - 9 = 55.\\nSo it is 55.', 'The answer is 55.', True)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from vision.answers.answers import extract, number_of
from vision.thoughts.claims import find_claims
from vision.thoughts.marks import Claim
from vision.thoughts.sources import Source
from vision.thoughts.steps import Step

MOST_AGAIN = 20
"""Claims of a step that are computed again."""
MOST_CHARS = 40
"""Of a value that a person types."""
READ = ("picture", "estimate", "unknown")
"""Kinds of sources that are readings."""
_NUMBER = r"[-−]?\d[\d,]*(?:\.\d+)?"


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What really stands where a model read something else.

    Attributes:
        step: number of the step, from 1.
        start, end: place of the reading in the step's text.
        value: what stands there, as a person types it.
    """

    step: int
    start: int
    end: int
    value: str


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """A reply with a corrected reading.

    Attributes:
        thought: the steps, a line each.
        answer_text: with what follows.
        whole: whether everything that hangs on the reading could be computed again.
        was: the reading before.
        name: what it was read for, "" where nothing was named.
    """

    thought: str
    answer_text: str
    whole: bool
    was: str
    name: str


def correct(steps: Sequence[Step], answer_text: str, correction: Correction) -> Corrected | None:
    """``steps`` and answer with the reading corrected; None where there is no reading at that place, or the value is no number."""
    reading = _reading(steps, correction)
    value, new = (number_of(reading.text), number_of(correction.value)) if reading is not None else (None, None)
    if reading is None or value is None or new is None or len(correction.value) > MOST_CHARS:
        return None
    others = {
        source.name.casefold() for step in steps for source in step.sources if source.kind in READ and number_of(source.text) == value
    } - {"", reading.name.casefold()}
    follower = _Follower(reading, value, correction, alone=not others)
    texts: list[str] = []
    for step in steps:
        texts.append(follower.step(step, texts[-1] if texts else ""))
    answer = extract(answer_text)
    due = follower.now.get(number_of(answer) or Fraction(-1, 7))
    if due is not None:
        answer_text = re.sub(rf"(?<![\w.]){re.escape(_digits(answer))}(?![\w]|\.\d)", lambda _: due, answer_text)
    is_untouched = number_of(answer) is not None or not follower.touched
    return Corrected(
        thought="\n".join(texts), answer_text=answer_text, whole=follower.whole and is_untouched, was=reading.text, name=reading.name
    )


def _digits(answer: str) -> str:
    found = re.search(_NUMBER, answer)
    return found[0] if found else answer


def _reading(steps: Sequence[Step], correction: Correction) -> Source | None:
    """The reading at the place of ``correction``."""
    sources = next((step.sources for step in steps if step.number == correction.step), ())
    at = [source for source in sources if (source.start, source.end) == (correction.start, correction.end) and source.kind in READ]
    return at[0] if at else None


class _Follower:
    """Goes through the steps and puts in what follows.

    Attributes:
        now: what was another number before, as it is written now.
        whole: whether everything could be computed.
        touched: whether a claim used the reading.
        alone: whether nothing else was read with the same value.
    """

    def __init__(self, reading: Source, value: Fraction, correction: Correction, *, alone: bool) -> None:
        self.reading, self.value, self.correction, self.alone = reading, value, correction, alone
        self.now: dict[Fraction, str] = {value: correction.value}
        self.made: dict[tuple[int, Fraction], str] = {(correction.step, value): correction.value}
        self.whole, self.touched = True, False

    def step(self, step: Step, before: str) -> str:
        """The text of ``step`` as it is now."""
        text = step.text
        for source in sorted(step.sources, key=lambda source: -source.start):
            if (new := self._of(step, source)) is not None:
                text = text[: source.start] + new + text[source.end :]
                self.touched |= any(claim.start <= source.start < claim.end for claim in step.claims)
        if text == step.text:
            return text
        was_false = {claim.text for claim in step.claims if claim.verdict == "false"}
        for _ in range(MOST_AGAIN):
            wrong = next((claim for claim in find_claims(text, before) if claim.verdict == "false" and claim.text not in was_false), None)
            if wrong is None:
                break
            again = self._again(text, wrong, step.number)
            if again is None:
                self.whole = False
                break
            text = again
        return text

    def _of(self, step: Step, source: Source) -> str | None:
        """What stands now where ``source`` stood; None where it is as it was."""
        value = number_of(source.text)
        if value is None:
            return None
        if step.number == self.correction.step and source.start == self.correction.start:
            return self.correction.value
        if source.kind == "step":
            return self.made.get((source.step, value))
        if source.kind not in READ or value != self.value:
            return None
        in_claim = any(claim.start <= source.start < claim.end for claim in step.claims)
        if not self.alone and (in_claim or not source.name):
            self.whole = False  # it may be the other one that was read alike
            return None
        if source.name and source.name.casefold() != self.reading.name.casefold():
            return None
        self.made[step.number, value] = self.correction.value
        return self.correction.value

    def _again(self, text: str, claim: Claim, number: int) -> str | None:
        """``text`` with the right result of a claim; None for a claim without one."""
        result = list(re.finditer(_NUMBER, claim.text))
        if claim.correct_value is None or not result or not re.search("[=≈]", claim.text):
            return None
        start, end = claim.start + result[-1].start(), claim.start + result[-1].end()
        old, due = number_of(text[start:end]), number_of(claim.correct_value.lstrip("≈"))
        if old is None or due is None:
            return None
        new = claim.correct_value
        if new.startswith("≈"):  # as exact as it was
            new = f"{float(due):.{len(text[start:end].partition('.')[2]) or 2}f}"
        self.now[old] = self.made[number, old] = new
        return text[:start] + new + text[end:]

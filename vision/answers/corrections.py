"""Readings that a person corrects, and what follows from them: every later claim that uses one is computed again.

``whole`` says that all of it could be followed. It is False by default: unless every number that hangs on a reading stands in a claim that
holds again, and the answer is what the last claim comes to, or the reading itself. A choice (``the larger one``), a comparison, a
percentage, a chain, a number in prose: there computing does not tell what follows, the answer stays as it was, and the question has to be
asked again with the reading.

>>> from vision.thoughts.steps import steps_of
>>> from vision.pictures.box import Box
>>> from vision.pictures.writing import Text, Writing
>>> writing = Writing(size=(90, 60), texts=(Text(text="Oslo", box=Box(0, 0, 30, 9)), Text(text="Rome", box=Box(0, 30, 30, 39))))
>>> steps = steps_of("Oslo 46, Rome 9.\\n46 - 9 = 37.\\nSo it is 37.", "What is the difference?", [writing])
>>> corrected = correct(steps, "The answer is 37.", [Correction(step=1, start=5, end=7, was="46", value="64")])
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

MOST_CHARS = 40
"""Of a value that a person types."""
READ = ("picture", "estimate", "unknown")
"""Kinds of sources that are readings."""
_TYPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")
_NUMBER = r"[-−]?\d[\d,]*(?:\.\d+)?"
_PLAIN = re.compile(rf"[^=≈<>≤≥]*[=≈]\s*[$€£]?\s*(?P<result>{_NUMBER})[\s.)*]*", re.DOTALL)
"""A claim with one relation, whose right side is one number."""
_CHOICE = re.compile(
    r"\b(?:larg|small|high|low|great|few|long|short|old|young|big|tall|near|fast|slow|cheap)(?:e?r|e?st)\b"
    r"|\b(?:most|least|more|less|above|below|"
    r"over|under"
    r"|sort(?:ed)?|median|max(?:imum)?|min(?:imum)?|twice|times as|half|between|rank\w*|order\w*|exceeds?|at least|at most|only|if)\b"
    r"|[<>≤≥≠]",
    re.IGNORECASE,
)
"""Words by which a step chooses, which another number may turn."""
_ASKS_CHOICE = re.compile(
    r"\b(?:which|who|whose)\b|^\s*(?:is|are|does|do|did|has|have|was|were)\b|\bhow many\b[^?]*\b(?:above|below|over|under|exceed)",
    re.IGNORECASE,
)
"""Questions whose answer another number may turn."""


@dataclass(frozen=True, kw_only=True)
class Correction:
    """What really stands where a model read something else.

    Attributes:
        step: number of the step, from 1.
        start, end: place of the reading in the step's text.
        was: what was read, by which the place is known again.
        value: what stands there, as a person types it.
    """

    step: int
    start: int
    end: int
    was: str
    value: str


@dataclass(frozen=True, kw_only=True)
class Corrected:
    """A reply with corrected readings.

    Attributes:
        thought: the steps, a line each.
        answer_text: with what follows; as it was where that is not known.
        whole: whether everything that hangs on the readings could be computed again.
        changes: what each was read for ("" where nothing was named), what was read, and what stands there.
    """

    thought: str
    answer_text: str
    whole: bool
    changes: tuple[tuple[str, str, str], ...]


def typed(value: str) -> str:
    """A number as a person types it, a percent sign aside; "" for what is none.

    >>> typed(" 1,200 "), typed("64%"), typed("1e9"), typed("-3")
    ('1,200', '64', '', '')
    """
    text = value.strip().removesuffix("%").strip()
    return text if len(text) <= MOST_CHARS and _TYPED.fullmatch(text) else ""


def reading_at(steps: Sequence[Step], correction: Correction) -> Source | None:
    """The reading that ``correction`` is about; None where there is none, or another one."""
    sources = next((step.sources for step in steps if step.number == correction.step), ())
    at = [each for each in sources if (each.start, each.end) == (correction.start, correction.end) and each.kind in READ]
    return at[0] if at and at[0].text == correction.was else None


def correct(steps: Sequence[Step], answer_text: str, corrections: Sequence[Correction], question: str = "") -> Corrected | None:
    """``steps`` and answer with all ``corrections``; None where none of them fits."""
    fitting = [(each, source) for each in corrections if (source := reading_at(steps, each)) is not None and typed(each.value)]
    if not fitting:
        return None
    changes = tuple((source.name, source.text, typed(each.value)) for each, source in fitting)
    follower = _Follower(steps, fitting)
    texts: list[str] = []
    for step in steps:
        texts.append(follower.step(step, texts[-1] if texts else ""))
    answer, whole = follower.answer(answer_text), follower.whole and len(fitting) == len(corrections)
    chooses = _ASKS_CHOICE.search(question) or any(_CHOICE.search(step.text) for step in steps)
    if not whole or answer is None or chooses:
        return Corrected(thought="\n".join(follower.readings_only()), answer_text=answer_text, whole=False, changes=changes)
    return Corrected(thought="\n".join(texts), answer_text=answer, whole=True, changes=changes)


class _Follower:
    """Goes through the steps and puts in what follows.

    Attributes:
        whole: whether everything so far could be computed.
    """

    def __init__(self, steps: Sequence[Step], fitting: Sequence[tuple[Correction, Source]]) -> None:
        self.steps, self.whole = steps, True
        self._new: dict[tuple[str, Fraction], str] = {}
        self._places: dict[tuple[int, int], str] = {}
        for correction, source in fitting:
            value, name = number_of(source.text) or Fraction(0), source.name.casefold()
            self._new[name, value] = self._places[correction.step, correction.start] = typed(correction.value)
        readings = [(source.name.casefold(), number_of(source.text)) for step in steps for source in step.sources if source.kind in READ]
        names: dict[Fraction | None, set[str]] = {}
        for name, read in readings:
            names.setdefault(read, set()).add(name)
        self._shared = {value for value, many in names.items() if len(many - {""}) > 1}
        self._made: dict[tuple[int, Fraction], str] = {}
        self._last: tuple[Fraction | None, str, bool] = (None, "", False)  # result of the last claim, as it is now, and whether it changed

    def readings_only(self) -> list[str]:
        """The steps with the corrected readings and nothing else changed."""
        texts = []
        for step in self.steps:
            text = step.text
            for source in sorted(step.sources, key=lambda source: -source.start):
                if (new := self._places.get((step.number, source.start))) is not None:
                    text = text[: source.start] + new + text[source.end :]
            texts.append(text)
        return texts

    def step(self, step: Step, before: str) -> str:
        """The text of ``step`` as it is now."""
        text, changed = step.text, 0
        for source in sorted(step.sources, key=lambda source: -source.start):
            if (new := self._of(step, source)) is not None:
                text = text[: source.start] + new + text[source.end :]
                changed += 1
        computes = [claim for claim in step.claims if re.search("[=≈]", claim.text)]
        loose = any(source.kind == "unknown" and not source.name and not _inside(source, step.claims) for source in step.sources)
        self.whole &= not loose and not any(claim.verdict != "true" for claim in step.claims)
        if changed and step.claims:
            text = self._again(step, text, before, computes) or text
        elif computes:
            self._last = (_result(computes[-1].text), "", False)
        return text

    def _of(self, step: Step, source: Source) -> str | None:
        """What stands now where ``source`` stood; None where it is as it was."""
        value = number_of(source.text)
        if value is None:
            return None
        if (at := self._places.get((step.number, source.start))) is not None:
            return at
        if source.kind == "step":
            return self._made.get((source.step, value))
        if source.kind not in READ:
            self.whole &= not any(value == known for _, known in self._new)  # it may be meant by what is told otherwise
            return None
        known = [new for (name, read), new in self._new.items() if read == value and name in (source.name.casefold(), "")]
        meant = known or [new for (_, read), new in self._new.items() if read == value and not source.name]
        if meant and (value in self._shared or len(set(meant)) > 1) and _inside(source, step.claims):
            self.whole = False  # it may be the other one that was read alike
            return None
        return meant[0] if meant else None

    def _again(self, step: Step, text: str, before: str, computes: Sequence[Claim]) -> str | None:
        """``text`` with the right result of its one claim; None, and not whole, for anything else."""
        found = [claim for claim in find_claims(text, before) if re.search("[=≈]", claim.text)]
        if len(computes) != 1 or len(step.claims) != 1 or len(found) != 1 or (match := _PLAIN.fullmatch(found[0].text)) is None:
            self.whole = False
            return None
        claim, old = found[0], _result(computes[0].text)
        start, end = claim.start + match.start("result"), claim.start + match.end("result")
        new = text[start:end]
        if claim.verdict == "false":
            due = number_of((claim.correct_value or "").lstrip("≈"))
            if due is None or due < 0 or "%" in claim.text:
                self.whole = False
                return None
            exact = claim.correct_value is not None and not claim.correct_value.startswith("≈")
            new = str(claim.correct_value) if exact else f"{float(due):.{len(new.partition('.')[2]) or 2}f}"
        text = text[:start] + new + text[end:]
        again = [claim for claim in find_claims(text, before) if re.search("[=≈]", claim.text)]
        if len(again) != 1 or again[0].verdict != "true" or old is None:
            self.whole = False
            return None
        self._made[step.number, old] = new
        self._last = (old, new, True)
        return text

    def answer(self, answer_text: str) -> str | None:
        """The answer with what follows; None where that is not known."""
        answer = extract(answer_text)
        value = number_of(answer)
        result, new, changed = self._last
        if value is None:
            return None
        if result is None:  # nothing was computed: the reading itself is asked for
            meant = {new for (_, read), new in self._new.items() if read == value}
            return _replaced(answer_text, answer, meant.pop()) if len(meant) == 1 and value not in self._shared else None
        if result != value:
            return None
        return _replaced(answer_text, answer, new) if changed else answer_text


def _inside(source: Source, claims: Sequence[Claim]) -> bool:
    return any(claim.start <= source.start < claim.end for claim in claims)


def _result(claim: str) -> Fraction | None:
    match = _PLAIN.fullmatch(claim)
    return number_of(match["result"]) if match else None


def _replaced(text: str, answer: str, new: str) -> str | None:
    """``text`` with the number of its answer replaced, where that stands once; None where it is not plain which is meant."""
    found = re.search(_NUMBER, answer)
    places = [match for match in re.finditer(_NUMBER, text) if found and match[0].strip(",") == found[0].strip(",")]
    if len(places) != 1:
        return None
    return text[: places[0].start()] + new + text[places[0].end() :]

"""The answer that a question has by what is drawn: by bars, lines and slices that were measured where the steps read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from vision.answers.answers import equivalent, number_of
from vision.answers.expected import expected
from vision.thoughts.steps import Step

TOLERANCE = 0.05
"""How far off, of its size, a number may be that is read off an axis: as ChartQA is scored."""


@dataclass(frozen=True)
class AnswerDrawn:
    """The answers that a question may have by what was measured of the bars or lines; none where that does not tell.

    Attributes:
        due: names or numbers.
        names: of what was read; one that looks like a number is none.
        error: how far a number may be off.
        whole: whether everything that was read was measured, or stands printed at its name.
    """

    due: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    error: float = 0.0
    whole: bool = False

    def __str__(self) -> str:
        number = None if self.due[0] in self.names else number_of(self.due[0].lstrip("≈"))
        return self.due[0] if number is None else f"about {float(number):.3g}"

    def says(self, answer: str, *, exactly: bool = False) -> bool:
        """Whether ``answer`` is one of them, within :data:`TOLERANCE` where it is a number, and unless ``exactly`` within the error."""
        return any(self._is(due, answer, 0.0 if exactly else self.error) for due in self.due)

    def _is(self, due: str, answer: str, error: float) -> bool:
        a, b = number_of(due.lstrip("≈")), number_of(answer)
        if a is None or b is None or due in self.names:
            return equivalent(due, answer)
        off = min(abs(abs(a) * scale - abs(b)) / scale for scale in (1, 1000, 1_000_000))
        return float(off) <= error + TOLERANCE * abs(float(a))


def answer_drawn(steps: Sequence[Step], question: str, read: Mapping[str, Fraction]) -> AnswerDrawn:
    """The answer by what is drawn, and by what was ``read`` where nothing was measured."""
    sources = {source.name: source for step in steps if not step.claims for source in step.sources if source.name in read}
    measured = {name: source.drawn for name, source in sources.items() if source.drawn is not None}
    if not measured:
        return AnswerDrawn()
    whole = all(source.drawn is not None or source.verdict == "true" for source in sources.values())
    values = {name: Fraction(measured[name].value) if name in measured else value for name, value in read.items()}
    due = expected(question, values)
    error = 0.0
    for name, drawn in measured.items():
        others = [expected(question, {**values, name: values[name] + off}) for off in (Fraction(drawn.error), -Fraction(drawn.error))]
        offs = [_offs(due, other) for other in others]
        if None in offs:
            return AnswerDrawn()  # within its error the answer is another
        error += max(off for off in offs if off is not None)
    return AnswerDrawn(due, frozenset(read), error, whole and bool(due))


def _offs(due: Sequence[str], other: Sequence[str]) -> float | None:
    """The largest difference between numbers of two answers that are alike otherwise; None where they are not."""
    if len(due) != len(other):
        return None
    pairs = [(number_of(a.lstrip("≈")), number_of(b.lstrip("≈"))) for a, b in zip(due, other, strict=True)]
    if any((a is None or b is None) and one != two for (a, b), one, two in zip(pairs, due, other, strict=True)):
        return None
    return max((abs(float(a - b)) for a, b in pairs if a is not None and b is not None), default=0.0)

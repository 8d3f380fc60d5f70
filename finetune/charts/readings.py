"""What a question about a figure is, and how a figure is read out: the parts that all kinds of questions share."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, replace

from finetune.charts.canvas import Letter, texts_of
from finetune.charts.figures import Figure, number

LINES = 16
"""What stands in the same of so many strips of a picture is level."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question about a figure.

    Attributes:
        task: what is asked, such as ``value`` or ``mean``.
        text: the question.
        steps: the reasoning, one step a line.
        answer: the exact answer as it is written.
        operations: how many look-ups, comparisons and calculations a solver needs after reading.
        exact: whether the answer is a word or follows from printed numbers; False where an axis must be read.
        form: what :mod:`finetune.charts.wordings` knows other wordings for; may be empty.
        slots: what fills them, as (slot, text).
        announced: whether the answer is a word or a number, given as ``The answer is …``; else it is a sentence of its own.
    """

    task: str
    text: str
    steps: tuple[str, ...]
    answer: str
    operations: int
    exact: bool
    form: str = ""
    slots: tuple[tuple[str, str], ...] = ()
    announced: bool = True

    @property
    def said(self) -> str:
        """The answer as a model gives it."""
        return f"The answer is {self.answer}." if self.announced else self.answer


Asked = Question | None


def read(names: tuple[str, ...], values: tuple[float, ...]) -> str:
    """``Fish 7, Jul 77, Oct 75``."""
    return ", ".join(f"{name} {number(value)}" for name, value in zip(names, values, strict=True))


def describe(figure: Figure) -> str:
    """Everything a figure shows in one line, the form that pretraining teaches first.

    >>> describe(Figure(kind="bar", categories=("A", "B"), series={"": (30.0, 45.0)}))
    'A 30, B 45'
    """
    if figure.kind == "flow":
        return " -> ".join(figure.categories)
    if figure.kind == "geometry":
        return f"{figure.shape}: " + ", ".join(f"{name} {number(v)}" for name, v in _parts(figure))
    return ". ".join((f"{name}: " if name else "") + read(figure.categories, values) for name, values in figure.series.items())


def in_reading_order(figure: Figure, letters: list[Letter]) -> Figure:
    """``figure`` with the slices of a pie, or the sides or angles of a triangle, in the order in which their names stand in the picture.

    Slices may begin anywhere and run either way round, triangles may be mirrored: nothing that a reader sees tells in
    which order they were drawn. So they are read as lines are, from the top, and from the left where they are level.
    All other figures show their order.
    """
    if figure.kind != "pie" and figure.shape not in ("triangle", "angles"):
        return figure
    shares = tuple(map(number, figure.values))
    wanted = figure.categories if figure.kind == "pie" else shares
    behind = [rf"[ :,(]+{re.escape(share)}(\.0)?%?\)?" if figure.kind == "pie" else rf" ?{re.escape(figure.unit)}" for share in shares]
    found: dict[int, tuple[int, float]] = {}
    for _, text in texts_of(letters):
        written, (_, x, y) = "".join(letter for letter, *_ in text), text[0]
        missing = [i for i in range(len(wanted)) if i not in found]
        named = [i for i in missing if written == wanted[i]]  # Unit 5 before the Unit that has 5 %
        for i in named or [i for i in missing if re.fullmatch(re.escape(wanted[i]) + behind[i], written)]:
            found[i] = (int(y * LINES), x)
            break
    if len(found) < len(wanted):
        raise ValueError(f"only {len(found)} of {', '.join(wanted)} are written in the picture")
    order = sorted(range(len(wanted)), key=lambda i: found[i])
    series = {name: tuple(values[i] for i in order) for name, values in figure.series.items()}
    return replace(figure, categories=tuple(figure.categories[i] for i in order if figure.categories), series=series)


def _parts(figure: Figure) -> list[tuple[str, float]]:
    names = {
        "rectangle": ("width", "height"),
        "right triangle": ("base", "height"),
        "triangle": ("side", "side", "side"),
        "angles": ("angle", "angle"),
    }[figure.shape]
    return list(zip(names, figure.values, strict=True))


def phrase(rng: random.Random, wordings: tuple[str, ...], **slots: str) -> str:
    """One of the ``wordings`` with its slots filled."""
    return rng.choice(wordings).format(**slots)


def sign(a: float, b: float) -> str:
    """``<``, ``>`` or ``=``, whichever is true between ``a`` and ``b``."""
    return "<" if a < b else ">" if a > b else "="


def weigh(high: bool, one: tuple[str, float], other: tuple[str, float]) -> tuple[str, bool]:
    """The step that finds the higher (or lower) of two named values, and whether it is the ``other``; of equals it is the ``one``.

    Both numbers stand before the sign, and the sign before the choice: a small model that had to choose at once was
    wrong in 43 % of the cases, and in 5 % like this. The sign is a claim that the checker judges.

    >>> weigh(True, ("Oman", 9), ("Geestal", 11))
    ('Higher of Oman 9, Geestal 11: 9 < 11, Geestal 11.', True)
    """
    (name, a), (against, b) = one, other
    second = b > a if high else b < a
    chosen = f"{against} {number(b)}" if second else f"{name} {number(a)}"
    pair = f"{name} {number(a)}, {against} {number(b)}"
    return f"{'Higher' if high else 'Lower'} of {pair}: {number(a)} {sign(a, b)} {number(b)}, {chosen}.", second


def tally_up(items: list[str], counts: list[bool]) -> str:
    """``items`` one after another, each with whether it counts and how many have counted so far.

    >>> tally_up(["Fish 7", "Jul 77"], [False, True])
    'Fish 7 no 0, Jul 77 yes 1'
    """
    return ", ".join(f"{item} {'yes' if counts[i] else 'no'} {sum(counts[: i + 1])}" for i, item in enumerate(items))


def running_sum(values: tuple[float, ...]) -> tuple[list[str], float]:
    """The steps of adding ``values`` one after another, and their sum."""
    steps, total = [], values[0]
    for value in values[1:]:
        steps.append(f"Add {number(total)} + {number(value)} = {number(total + value)}.")
        total += value
    return steps, total

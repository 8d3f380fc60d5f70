"""What a question about a figure is, and how a figure is read out: the parts that all kinds of questions share."""

from __future__ import annotations

import random
from dataclasses import dataclass

from finetune.charts.figures import Figure, number


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
    """

    task: str
    text: str
    steps: tuple[str, ...]
    answer: str
    operations: int
    exact: bool


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

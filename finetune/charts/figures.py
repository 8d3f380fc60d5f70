"""What a picture shows, as plain values: the numbers come first, the picture and the reasoning follow from them.

A :class:`Figure` holds series of values by category (bars, lines, pies, tables), the boxes of a flow
diagram, or the parts of a triangle or a rectangle. :func:`sample` draws one of a kind at random.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from finetune.charts import words

KINDS = ("bar", "hbar", "grouped", "line", "pie", "table", "flow", "geometry")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """The content of one picture.

    Attributes:
        kind: one of :data:`KINDS`.
        title: headline, may be empty.
        quantity: what the values measure, for the value axis; may be empty.
        unit: unit of the values, may be empty.
        topic: what the categories are, for the category axis.
        categories: labels in reading order; the boxes of a flow diagram from first to last.
        series: name -> values, one for each category; one series has the name "" and no legend.
        printed: whether the values are written in the picture or must be read off an axis.
        shape: for geometry: ``rectangle``, ``triangle``, ``right triangle`` or ``angles``, else "".
    """

    kind: str
    title: str = ""
    quantity: str = ""
    unit: str = ""
    topic: str = ""
    categories: tuple[str, ...] = ()
    series: dict[str, tuple[float, ...]]
    printed: bool = True
    shape: str = ""

    @property
    def values(self) -> tuple[float, ...]:
        """The values of the first series."""
        return next(iter(self.series.values()))

    def words(self) -> set[str]:
        """Every word that a reader of the picture sees, without the numbers."""
        names = " ".join((self.title, self.quantity, self.topic, *self.categories, *self.series))
        return {word for word in names.replace(",", " ").split() if any(letter.isalpha() for letter in word)}


def number(value: float) -> str:
    """``value`` as it is written in questions, thoughts and answers: ``70``, ``7.5``, never ``7.0``."""
    return f"{round(value, 4):.10g}"


def _values(rng: random.Random, count: int, *, smooth: bool, few: bool = False) -> list[float]:
    """``count`` values of one scale; ``smooth`` ones follow each other as a line does."""
    low, high, step = rng.choices(
        ((1, 100, 1), (1, 20, 1), (10, 100, 5), (100, 1000, 10), (100, 1000, 1), (0.5, 10, 0.1), (1000, 10000, 100)),
        weights=(58, 9, 9, 7, 4, 7, 6),
    )[0]
    if few:
        low, high, step = 1, 100, 1
    cells = round((high - low) / step)
    if not smooth or rng.random() < 0.4:
        drawn = [rng.randint(0, cells) for _ in range(count)]
    else:
        at, drawn = rng.uniform(0.1, 0.9) * cells, []
        drift = rng.uniform(-0.1, 0.1) * cells
        for _ in range(count):
            at = min(max(at + drift + rng.gauss(0, 0.12) * cells, 0), cells)
            drawn.append(round(at))
    if rng.random() < 0.15 and count > 1:
        whole = rng.randrange(count)
        drawn = [min(value, drawn[whole] // 2 or 1) for value in drawn[:whole]] + drawn[whole:]
    return [round(low + cell * step, 1) for cell in drawn]


def _shares(rng: random.Random, count: int) -> list[float]:
    """``count`` whole percentages of at least 3 that sum to 100."""
    cuts = sorted(rng.sample(range(1, 100 - 3 * count + count), count - 1))
    parts = [b - a for a, b in zip([0, *cuts], [*cuts, 100 - 3 * count + count], strict=True)]
    return [float(part + 2) for part in parts]


def _side_by_side(names: list[str]) -> list[str]:
    """As many of ``names`` as can stand beside each other under an axis in large print, but two at least."""
    while len(names) > 2 and max(map(len, names)) * len(names) + 2 * len(names) > 34:
        names = names[:-1]
    return names


def _charted(rng: random.Random, kind: str, ease: float, held_out: bool, few: bool) -> Figure:
    several = {"grouped": rng.choice((2, 2, 2, 3)), "line": rng.choice((1, 1, 2)), "table": rng.choice((1, 1, 2, 2, 3))}.get(kind, 1)
    most = {"grouped": 4, "pie": 6, "hbar": 7}.get(kind, 6)
    count = rng.randint(2, max(2, round(most - (most - 2) * ease)))
    categories, topic = words.labels(rng, count, held_out, ordered=kind == "line", few=few)
    if kind in ("bar", "grouped", "line") and rng.random() < 0.85:
        categories = _side_by_side(categories)
        count = len(categories)
    quantity, unit = words.quantity(rng)
    names = words.series_names(rng, several, held_out, few=few) if several > 1 else [""]
    if kind == "table":
        names = names if several > 1 and rng.random() < 0.6 else rng.sample(words.QUANTITIES, several)
    if kind == "pie":
        series = {"": tuple(_shares(rng, count))}
        unit = "%"
    else:
        columns = _values(rng, count * several, smooth=kind == "line", few=few) if kind != "table" else []
        if kind == "table":
            series = {name: tuple(_values(rng, count, smooth=False, few=few)) for name in names}
        else:
            series = {name: tuple(columns[i * count : (i + 1) * count]) for i, name in enumerate(names)}
    title = words.title(rng, quantity, topic, held_out) if rng.random() < 0.75 else ""
    return Figure(
        kind=kind,
        title=title,
        quantity=quantity,
        unit=unit,
        topic=topic,
        categories=tuple(categories),
        series=series,
        printed=kind in ("pie", "table") or rng.random() < (0.6 if kind != "line" else 0.55 if several == 1 else 0.3),
    )


def _flow(rng: random.Random, ease: float, held_out: bool, few: bool) -> Figure:
    count = rng.randint(3, max(3, round(6 - 3 * ease)))
    topic = "Step" if rng.random() < 0.6 else ""
    boxes, _ = words.labels(rng, count, held_out, topic=topic, few=few)
    place = words.invent_for(rng, held_out)
    title = rng.choice(("", "", "Process", "Workflow", "Pipeline", f"{place} process", f"{place} workflow"))
    return Figure(kind="flow", title=title, topic="Step", categories=tuple(boxes), series={"": ()})


def _geometry(rng: random.Random) -> Figure:
    shape = rng.choice(("rectangle", "rectangle", "triangle", "right triangle", "angles"))
    unit = rng.choice(("", "cm", "m", "mm", "in"))
    series: dict[str, tuple[float, ...]]
    if shape == "rectangle":
        series = {"": (float(rng.randint(6, 20)), float(rng.randint(2, 12)))}
    elif shape == "right triangle":
        series = {"": (float(rng.randint(2, 10) * 2), float(rng.randint(2, 12)))}
    elif shape == "angles":
        first = rng.randint(20, 110)
        series = {"": (float(first), float(rng.randint(20, 160 - first)))}
        unit = "°"
    else:
        a, b = rng.randint(4, 30), rng.randint(4, 30)
        series = {"": (float(a), float(b), float(rng.randint(max(abs(a - b) + 2, a // 3, b // 3), a + b - 2)))}
    return Figure(kind="geometry", unit=unit, series=series, shape=shape)


def sample(rng: random.Random, kind: str, *, ease: float = 0.0, held_out: bool = False, few: bool = False) -> Figure:
    """A random figure of ``kind``.

    Args:
        rng: source of randomness; the same state gives the same figure.
        kind: one of :data:`KINDS`.
        ease: 0.0 for the full range, 1.0 for two or three categories only (a curriculum's start).
        held_out: whether words that training never shows may occur.
        few: labels from a list of some fifty words and whole numbers up to 100 only (a curriculum's start too).
    """
    if kind == "flow":
        return _flow(rng, ease, held_out, few)
    if kind == "geometry":
        return _geometry(rng)
    return _charted(rng, kind, ease, held_out, few)

"""Charts that are not drawn, only laid out: where their texts would stand, as lines with a question about them.

Which value belongs to which name is learned from places alone, at a tenth of the cost of a picture, and in more layouts
than any renderer here draws. Only what the text tells is asked: values are printed, names stand beside them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import replace

from finetune.charts.canvas import Letter
from finetune.charts.elsewhere import unanswerable
from finetune.charts.figures import Figure, number, sample
from finetune.charts.ocr import Faults, as_read
from finetune.charts.questions import ask
from finetune.charts.readings import describe, in_reading_order, read
from finetune.charts.ticks import tick_text, ticks
from finetune.charts.wordings import asked as in_words
from finetune.charts.wordings import reworded
from vision.pictures.lines import lines_of

FAULTS = Faults(merged=0.3, glued=0.1, lost_lone=0.0, lost=0.0, cut=0.0, swapped=0.0, spoiled=0.0, dashed=0.03, percent=0.0)
"""Those faults of OCR that leave what is asked to be read from the text."""
WIDE = 0.55
"""Width of a letter, in sizes of its text."""
Texts = list[tuple[str, float, float]]


def exchange(rng: random.Random) -> tuple[str, str, str]:
    """(task, user's text, model's text) about a chart that is laid out as lines: a value, a look-up or everything it shows."""
    kind = rng.choices(("bar", "hbar", "grouped", "line", "pie", "table"), (4, 3, 2, 2, 3, 3))[0]
    figure = replace(sample(rng, kind, ease=0.3), printed=True)
    if kind == "line" and len(figure.series) > 1:  # which line is whose shows in colours only
        figure = replace(figure, series={"": figure.values})
    size = rng.choice(((640, 480), (480, 360), (500, 400), (400, 400), (720, 432)))
    em = rng.uniform(0.03, 0.05)
    letters = _letters(_LAYOUTS[kind](rng, figure), em, size)
    figure = in_reading_order(figure, letters)
    lines = lines_of(as_read(rng, letters, size, FAULTS.scaled(rng.choice((0.0, 0.0, 1.0)))))
    task, asked, said = _asked(rng, figure)
    return f"lines {task}", lines + asked, said


def _asked(rng: random.Random, figure: Figure) -> tuple[str, str, str]:
    if rng.random() < 0.06:
        apart = unanswerable(rng, figure)
        return apart.task, apart.text, apart.said
    chance = rng.random()
    if chance < 0.5 or (chance < 0.7 and len(figure.series) > 1):
        asked = reworded(rng, ask(rng, figure, "value"))
        return asked.task, asked.text, asked.said
    if chance < 0.7:
        chosen = rng.sample(range(len(figure.categories)), min(3, len(figure.categories)))
        names = tuple(figure.categories[i] for i in chosen)
        return "look up", f"Look up {', '.join(names)}.", f"It shows {read(names, tuple(figure.values[i] for i in chosen))}."
    if chance < 0.8 and len(figure.series) > 1:
        name = rng.choice(list(figure.series))
        return "series", f"Read {name}.", f"It shows {name}: {read(figure.categories, figure.series[name])}."
    return "describe", in_words(rng, "describe", "trained"), f"It shows {describe(figure)}."


def _letters(texts: Texts, em: float, size: tuple[int, int]) -> list[Letter]:
    """``texts`` as the letters of a picture of ``size``, written level at ``em`` shares of its width."""
    high = em * size[0] / size[1]
    made: list[Letter] = []
    for text, x, y in texts:
        made.append(("\n", em, high))
        made += [(letter, x + (i - (len(text) - 1) / 2) * WIDE * em, y) for i, letter in enumerate(text)]
    return made


def _headed(rng: random.Random, figure: Figure) -> tuple[Texts, float]:
    """The title, where there is one, and where the room below it begins."""
    if not figure.title or rng.random() < 0.4:
        return [], rng.uniform(0.03, 0.1)
    return [(figure.title, rng.choice((0.5, 0.5, 0.25)), rng.uniform(0.03, 0.07))], rng.uniform(0.12, 0.2)


def _axis(rng: random.Random, figure: Figure) -> tuple[float, Texts]:
    """The highest value of the axis, and its ticks as (text, share of the axis, 0)."""
    if rng.random() < 0.15:
        return 1.0, []
    top = max(value for values in figure.series.values() for value in values)
    marks, form = ticks(0.0, top, rng.randint(3, 7)), rng.choice(("plain", "plain", "separator", "k"))
    return marks[-1], [(tick_text(mark, form), mark / (marks[-1] or 1.0), 0.0) for mark in marks]


def _upright(rng: random.Random, figure: Figure) -> Texts:
    """Bars side by side, or points of a line: names below, values above or within, ticks at the left."""
    texts, top = _headed(rng, figure)
    left, right, bottom = rng.uniform(0.08, 0.2), rng.uniform(0.9, 0.98), rng.uniform(0.78, 0.92)
    names = list(figure.series)
    if len(names) > 1:
        texts += _legend(rng, names, top)
        top, right = top + 0.07, right - 0.1
    highest, marks = _axis(rng, figure)
    most = highest if marks else 1.05 * max(value for values in figure.series.values() for value in values) or 1.0
    texts += [(text, left - 0.02 - len(text) * 0.01, bottom - share * (bottom - top)) for text, share, _ in marks]
    if rng.random() < 0.3:
        texts.append((figure.topic, (left + right) / 2, min(0.98, bottom + 0.12)))
    each, fill, inside = (right - left) / len(figure.categories), rng.uniform(0.6, 0.9), rng.choice((-0.025, -0.025, 0.03, 0.5))
    for i, name in enumerate(figure.categories):
        middle = left + (i + 0.5) * each
        texts.append((name, middle, bottom + 0.045))
        for s, values in enumerate(figure.series.values()):
            x = middle + fill * each * ((s + 0.5) / len(names) - 0.5)
            end = bottom - values[i] / most * (bottom - top)
            y = (end + bottom) / 2 if inside == 0.5 else end + inside
            texts.append((number(values[i]), x, y))
    return texts


def _legend(rng: random.Random, names: list[str], top: float) -> Texts:
    """The series in their order: in a row, or one below the other."""
    if rng.random() < 0.5:
        return [(name, (i + 1) / (len(names) + 1), top + 0.02) for i, name in enumerate(names)]
    return [(name, 0.93, top + 0.03 + 0.06 * i) for i, name in enumerate(names)]


def _across(rng: random.Random, figure: Figure) -> Texts:
    """Bars one below the other: names at the left of them, values at their ends or within, ticks below."""
    texts, top = _headed(rng, figure)
    em = rng.uniform(0.018, 0.024)
    left = 0.03 + em * max(map(len, figure.categories))
    right, bottom = rng.uniform(0.85, 0.95), rng.uniform(0.85, 0.95)
    highest, marks = _axis(rng, figure)
    most = highest if marks else max(figure.values) or 1.0
    texts += [(text, left + share * (right - left), min(0.98, bottom + 0.05)) for text, share, _ in marks]
    each, beyond = (bottom - top) / len(figure.categories), rng.choice((0.03, 0.03, -0.03))
    for i, (name, value) in enumerate(zip(figure.categories, figure.values, strict=True)):
        y = top + (i + 0.5) * each
        texts += [(name, left - 0.015 - em * len(name) / 2, y), (number(value), left + value / most * (right - left) + beyond, y)]
    return texts


def _round(rng: random.Random, figure: Figure) -> Texts:
    """A pie: names around it with the shares within, or both together, beside or one below the other."""
    texts, top = _headed(rng, figure)
    radius, turn = rng.uniform(0.22, 0.3), rng.choice((-1, 1))
    sign, at = rng.choice(("%", "%", "%", "")), rng.choice((0.0, -90.0, rng.uniform(0, 360)))
    layout = rng.choice(("within", "within", "together", "below"))
    for name, value in zip(figure.categories, figure.values, strict=True):
        share, along = number(value) + sign, math.radians(at + turn * 1.8 * value)
        at += turn * 3.6 * value
        x, y = 0.5 + radius * math.cos(along), (top + 1) / 2 + radius * 1.2 * math.sin(along)
        if layout == "within":
            within = rng.uniform(0.6, 0.65)
            texts.append((share, 0.5 + within * (x - 0.5), (top + 1) / 2 + within * (y - (top + 1) / 2)))
        out = (x + math.copysign(0.02 + 0.01 * len(name), math.cos(along)), y + 0.05 * math.sin(along))
        if layout == "together":
            texts.append((f"{name} {share}", *out))
        else:
            texts.append((name, *out))
        if layout == "below":
            texts.append((share, out[0], out[1] + 0.05))
    return texts


def _table(rng: random.Random, figure: Figure) -> Texts:
    """Columns side by side, the names in the first."""
    texts, top = _headed(rng, figure)
    columns = [figure.topic or "Name", *(name or figure.quantity or "Value" for name in figure.series)]
    each, row = 0.94 / len(columns), min(0.12, (0.97 - top) / (len(figure.categories) + 1))
    right = rng.random() < 0.5
    rows = [columns, *([name, *(number(values[i]) for values in figure.series.values())] for i, name in enumerate(figure.categories))]
    for r, cells in enumerate(rows):
        for c, text in enumerate(cells):
            x = 0.03 + each * c + (each - 0.02 - 0.01 * len(text) if right and c else 0.02 + 0.01 * len(text))
            texts.append((text, x, top + row * (r + 0.5)))
    return texts


_LAYOUTS: dict[str, Callable[[random.Random, Figure], Texts]] = {
    "bar": _upright,
    "hbar": _across,
    "grouped": _upright,
    "line": _upright,
    "pie": _round,
    "table": _table,
}

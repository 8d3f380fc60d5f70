"""Exchanges in text alone: arithmetic, comparisons, look-ups, thoughts about a reading, and charts laid out as lines.

A row of text costs a tenth of a picture, so what needs no picture is learned here: the base has to know arithmetic and
comparisons before an adapter can use them in a thought.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from finetune.charts import layouts, words
from finetune.charts.elsewhere import small_talk
from finetune.charts.figures import KINDS, number, sample
from finetune.charts.questions import ask
from finetune.charts.readings import read, running_sum, sign, tally_up, weigh
from finetune.charts.series import View, scan
from finetune.charts.wordings import reworded

REWORDED = 0.65
"""Share of questions asked in one of the many wordings, the others in the few plain phrases."""

Exchange = tuple[str, str, str]
"""(task, user's text, model's text)"""


def values_of(rng: random.Random, count: int) -> tuple[float, ...]:
    """Numbers as charts have them: of one to four digits, with a decimal, far apart and close together.

    >>> values_of(random.Random(3), 4)
    (75.0, 47.0, 60.0, 8.0)
    """
    top = rng.choice((10, 20, 50, 100, 100, 100, 100, 300, 1000, 1000, 10_000))
    made: list[float] = []
    for _ in range(count):
        if made and rng.random() < 0.25:
            made.append(max(0, rng.choice(made) + rng.choice((-1, 1)) * rng.randint(1, max(2, top // 20))))
        else:
            made.append(rng.randint(0, top))
    if top > 100 and rng.random() < 0.5:
        made = [value // 10 * 10 for value in made]  # as printed values often are
    elif rng.random() < 0.2:
        made = [round(value + rng.randint(0, 9) / 10, 1) for value in made]
    return tuple(map(float, made))


def _names(rng: random.Random, least: int, most: int) -> tuple[str, ...]:
    return tuple(words.labels(rng, rng.randint(least, most), held_out=False)[0])


def _arithmetic(rng: random.Random) -> Exchange:
    lines = []
    for _ in range(rng.randint(3, 6)):
        top = rng.choice((20, 100, 100, 100, 400, 1000, 10_000))
        a, b = float(rng.randint(1, top)), float(rng.randint(1, min(top, rng.choice((100, top)))))
        if top <= 1000 and rng.random() < 0.15:
            a, b = round(a / 10, 1), round(b / 10, 1)
        kind = rng.random()
        if kind < 0.4:
            lines.append(f"{number(a)} + {number(b)} = {number(a + b)}")
        elif kind < 0.75:
            a, b = max(a, b), min(a, b)
            lines.append(f"{number(a)} - {number(b)} = {number(a - b)}")
        elif kind < 0.84:
            one, other = rng.randint(2, 24), rng.randint(2, 12)
            lines.append(f"{one} × {other} = {one * other}")
        else:
            divisor, tenths = rng.randint(2, 8), rng.randint(2, rng.choice((100, 100, 1000))) * rng.choice((10, 10, 5, 1))
            lines.append(f"{number(divisor * tenths / 10)} / {divisor} = {number(tenths / 10)}")
    tasks = ", ".join(line.split(" = ")[0] for line in lines)
    return "arithmetic", f"Work out {tasks}.", "\n".join(f"Compute {line}." for line in lines)


def _running(rng: random.Random) -> Exchange:
    values = values_of(rng, rng.randint(3, 7))
    return "running sum", f"Add {', '.join(map(number, values))}.", "\n".join(running_sum(values)[0])


def _look_up(rng: random.Random) -> Exchange:
    names = _names(rng, 2, 9)
    values = values_of(rng, len(names))
    asked = rng.sample(range(len(names)), min(len(names), rng.randint(1, 4)))
    text = f"Read {read(names, values)}.\nLook up {', '.join(names[i] for i in asked)}."
    return "text look up", text, f"Look up {', '.join(f'{names[i]} {number(values[i])}' for i in asked)}."


def _repeat(rng: random.Random) -> Exchange:
    parts = [words.invent(rng) if rng.random() < 0.5 else number(values_of(rng, 1)[0]) for _ in range(rng.randint(4, 12))]
    parts = [part for part in parts if not words.is_held_out(part)] or ["0"]
    return "repeat", f"Repeat {' '.join(parts)}.", f"Repeat {' '.join(parts)}."


def _worked(rng: random.Random) -> Exchange:
    while True:
        figure = sample(rng, rng.choice(KINDS))
        asked = ask(rng, figure)
        reading, *steps = asked.steps
        if not any(step.startswith("Read ") for step in steps):  # those need the picture
            break
    asked = reworded(rng, asked) if rng.random() < REWORDED else asked
    return "text reasoning", f"{reading}\n{asked.text}", "\n".join((*steps, asked.said))


def _signs(rng: random.Random) -> Exchange:
    values = values_of(rng, 2 * rng.randint(3, 6))
    couples = list(zip(values[::2], values[1::2], strict=True))
    text = ", ".join(f"{number(a)} and {number(b)}" for a, b in couples)
    return "signs", f"Compare {text}.", ", ".join(f"{number(a)} {sign(a, b)} {number(b)}" for a, b in couples) + "."


def _named(rng: random.Random) -> Exchange:
    names = _names(rng, 4, 8)
    items = list(zip(names, values_of(rng, len(names)), strict=True))
    high = rng.random() < 0.6
    couples = [rng.sample(items, 2) for _ in range(min(len(items), rng.randint(2, 4)))] if len(items) > 1 else []
    text = "; ".join(f"{a[0]} {number(a[1])}, {b[0]} {number(b[1])}" for a, b in couples)
    return "pairs", f"{'Higher' if high else 'Lower'} of {text}.", "\n".join(weigh(high, a, b)[0] for a, b in couples)


def _chain(rng: random.Random) -> Exchange:
    names = _names(rng, 2, 7)
    values = values_of(rng, len(names))
    view = View(names=names, values=values, of="", what="value", each="name", reading="", exact=True)
    high = rng.random() < 0.6
    text = f"Read {read(names, values)}.\nWhich is the {'highest' if high else 'lowest'}?"
    return "chain", text, "\n".join(scan(view, high)[0])


def _tally(rng: random.Random) -> Exchange:
    names = _names(rng, 3, 7)
    values = values_of(rng, len(names))
    line = rng.choice(values) + rng.choice((-1, 0, 1)) * rng.randint(0, max(1, int(max(values) / 10)))
    above = rng.random() < 0.6
    counts = [value > line if above else value < line for value in values]
    text = f"Read {read(names, values)}.\nHow many are {'above' if above else 'below'} {number(line)}?"
    items = [f"{name} {number(value)}" for name, value in zip(names, values, strict=True)]
    return "tally", text, f"{'Above' if above else 'Below'} {number(line)}: {tally_up(items, counts)}.\nThat makes {sum(counts)}."


def _talk(rng: random.Random) -> Exchange:
    asked = small_talk(rng)
    return asked.task, asked.text, asked.said


DRILLS: tuple[tuple[Callable[[random.Random], Exchange], float], ...] = (
    (_arithmetic, 1.5),
    (_running, 1.2),
    (_look_up, 1.2),
    (_repeat, 0.4),
    (_worked, 3.5),
    (_signs, 1.2),
    (_named, 2.5),
    (_chain, 2.5),
    (_tally, 0.8),
    (layouts.exchange, 4.0),
    (_talk, 0.2),
)
"""(what makes an exchange, how often)"""


def text_exchange(rng: random.Random) -> Exchange:
    """One exchange without a picture."""
    made, weights = zip(*DRILLS, strict=True)
    return rng.choices(made, weights)[0](rng)  # type: ignore[no-any-return]

"""Questions about a figure with step-by-step reasoning and an exact answer, all from the same numbers.

A thought reads what matters, restates what is asked, does one operation a line, and checks itself where
that is natural. Names follow a space and precede their value everywhere (``Oct 75``), so that looking a
name up in one's own reading is the same pattern as having read it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

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


def _ask(rng: random.Random, wordings: tuple[str, ...], **slots: str) -> str:
    return rng.choice(wordings).format(**slots)


@dataclass(frozen=True, kw_only=True)
class _View:
    """One series of a figure as a question sees it: what it is called, and how it is read."""

    names: tuple[str, ...]
    values: tuple[float, ...]
    of: str  # " of Men", " in 2019" or ""
    what: str
    each: str
    reading: str
    exact: bool

    def at(self, index: int) -> str:
        return f"{self.names[index]} {number(self.values[index])}"


Asked = Question | None


def _value(rng: random.Random, view: _View) -> Asked:
    at = rng.randrange(len(view.names))
    text = _ask(
        rng,
        (
            "What is the value for {name}{of}?",
            "What is the value of {name}{of}?",
            "What is the {what} of {name}{of}?",
            "What is the {what} for {name}{of}?",
            "How much is {name}{of}?",
            "Which value does {name} have{of}?",
            "What does the chart show for {name}{of}?",
        ),
        name=view.names[at],
        of=view.of,
        what=view.what,
    )
    return _question("value", text, view, (f"Look up {view.at(at)}.",), number(view.values[at]), 1, view.exact)


def _extreme(rng: random.Random, view: _View) -> Asked:
    high = rng.random() < 0.6
    best = max(view.values) if high else min(view.values)
    if view.values.count(best) > 1:
        return None
    at = view.values.index(best)
    word = rng.choice(("highest", "largest", "maximum", "greatest") if high else ("lowest", "smallest", "minimum", "least"))
    step = f"The {'highest' if high else 'lowest'} is {view.at(at)}."
    if rng.random() < 0.35:
        text = _ask(
            rng,
            ("What is the {word} value{of}?", "What is the {word} {what}{of}?", "How much is the {word} {each}{of}?"),
            word=word,
            of=view.of,
            what=view.what,
            each=view.each,
        )
        return _question("extreme value", text, view, (step,), number(best), 1, view.exact)
    text = _ask(
        rng,
        (
            "Which {each} has the {word} value{of}?",
            "Which {each} has the {word} {what}{of}?",
            "Which is the {word}{of}?",
            "Which one is the {word}{of}?",
            "Which {each} is the {word}{of}?",
            "What {each} has the {word} value{of}?",
        ),
        word=word,
        of=view.of,
        what=view.what,
        each=view.each,
    )
    return _question("extreme", text, view, (step,), view.names[at], 1, True)


def _difference(rng: random.Random, view: _View) -> Asked:
    if len(view.names) < 2:
        return None
    a, b = rng.sample(range(len(view.names)), 2)
    if view.values[a] < view.values[b]:
        a, b = b, a
    gap = number(view.values[a] - view.values[b])
    text = _ask(
        rng,
        (
            "What is the difference between {a} and {b}{of}?",
            "How much higher is {a} than {b}{of}?",
            "How much more is {a} than {b}{of}?",
            "By how much does {a} exceed {b}{of}?",
            "How much lower is {b} than {a}{of}?",
            "What is {a} minus {b}{of}?",
        ),
        a=view.names[a],
        b=view.names[b],
        of=view.of,
    )
    high, low = number(view.values[a]), number(view.values[b])
    steps = (f"Look up {view.at(a)}, {view.at(b)}.", f"Subtract {high} - {low} = {gap}.")
    return _question("difference", text, view, steps, gap, 2, view.exact)


def _sum(rng: random.Random, view: _View) -> Asked:
    if len(view.names) < 3:
        return None
    a, b = rng.sample(range(len(view.names)), 2)
    total = number(view.values[a] + view.values[b])
    text = _ask(
        rng,
        (
            "What is the sum of {a} and {b}{of}?",
            "How much are {a} and {b} together{of}?",
            "What do {a} and {b} add up to{of}?",
            "What is {a} plus {b}{of}?",
            "What is the combined {what} of {a} and {b}{of}?",
        ),
        a=view.names[a],
        b=view.names[b],
        of=view.of,
        what=view.what,
    )
    steps = (f"Look up {view.at(a)}, {view.at(b)}.", f"Add {number(view.values[a])} + {number(view.values[b])} = {total}.")
    return _question("sum", text, view, steps, total, 2, view.exact)


def _running_sum(values: tuple[float, ...]) -> tuple[list[str], float]:
    steps, total = [], values[0]
    for value in values[1:]:
        steps.append(f"Add {number(total)} + {number(value)} = {number(total + value)}.")
        total += value
    return steps, total


def _addable(view: _View, most: int) -> bool:
    return 2 <= len(view.values) <= most and all(value < 1000 for value in view.values)


def _total(rng: random.Random, view: _View) -> Asked:
    if not _addable(view, 8):
        return None
    steps, total = _running_sum(view.values)
    text = _ask(
        rng,
        (
            "What is the total{of}?",
            "What is the total of all values{of}?",
            "What is the sum of all values{of}?",
            "How much is the total {what}{of}?",
            "What do all {each} values add up to{of}?",
        ),
        of=view.of,
        what=view.what,
        each=view.each,
    )
    return _question("total", text, view, tuple(steps), number(total), len(steps), view.exact)


def _mean(rng: random.Random, view: _View) -> Asked:
    count = len(view.values)
    if not _addable(view, 6):
        return None
    steps, total = _running_sum(view.values)
    mean = Fraction(number(total)) / count
    if (mean * 10).denominator != 1:
        return None
    written = number(float(mean))
    steps += [f"Divide {number(total)} / {count} = {written}."]
    text = _ask(
        rng,
        (
            "What is the average{of}?",
            "What is the mean{of}?",
            "What is the average value{of}?",
            "What is the mean of all values{of}?",
            "What is the average {what}{of}?",
        ),
        of=view.of,
        what=view.what,
    )
    return _question("mean", text, view, tuple(steps), written, count, view.exact)


def _ratio(rng: random.Random, view: _View) -> Asked:
    pairs = [
        (a, b)
        for a in range(len(view.names))
        for b in range(len(view.names))
        if view.values[a] > view.values[b] >= 1
        and ((ratio := Fraction(number(view.values[a])) / Fraction(number(view.values[b]))) * 10).denominator == 1
        and ratio <= 20
    ]
    if not pairs:
        return None
    a, b = rng.choice(pairs)
    ratio = number(float(Fraction(number(view.values[a])) / Fraction(number(view.values[b]))))
    text = _ask(
        rng,
        (
            "What is the ratio of {a} to {b}{of}?",
            "How many times as high as {b} is {a}{of}?",
            "How many times larger is {a} than {b}{of}?",
            "What is {a} divided by {b}{of}?",
        ),
        a=view.names[a],
        b=view.names[b],
        of=view.of,
    )
    steps = (f"Look up {view.at(a)}, {view.at(b)}.", f"Divide {number(view.values[a])} / {number(view.values[b])} = {ratio}.")
    return _question("ratio", text, view, steps, ratio, 2, view.exact)


def _count(rng: random.Random, view: _View) -> Asked:
    if len(view.names) < 3:
        return None
    above = rng.random() < 0.65
    spread = sorted(view.values)
    at = rng.randrange(1, len(spread))
    if spread[at] - spread[at - 1] < 0.06 * spread[-1] and not view.exact:
        return None
    line = _between(spread[at - 1], spread[at])
    if line is None:
        return None
    chosen = [i for i, value in enumerate(view.values) if (value > line) == above]
    text = _ask(
        rng,
        ("How many are {side} {line}{of}?", "How many values are {side} {line}{of}?", "How many {each} values are {side} {line}{of}?"),
        side=rng.choice(("above", "over", "higher than", "more than") if above else ("below", "under", "lower than", "less than")),
        line=number(line),
        of=view.of,
        each=view.each,
    )
    side = "Above" if above else "Below"
    steps = (f"{side} {number(line)}: {', '.join(view.at(i) for i in chosen)}.", f"That makes {len(chosen)}.")
    return _question("count", text, view, steps, str(len(chosen)), 2, True)


def _between(low: float, high: float) -> float | None:
    """A round number strictly between two values, as round as there is, or None."""
    for grain in (1000, 500, 100, 50, 10, 5, 1):
        line = (low // grain + 1) * grain
        if low < line < high:
            return line
    return None


def _rank(rng: random.Random, view: _View) -> Asked:
    order = sorted(range(len(view.names)), key=lambda i: -view.values[i])
    if len(order) < 3 or len(order) > 7 or len(set(view.values)) < len(order):
        return None
    which = rng.choice((1, 1, 2)) if len(order) > 3 else 1
    high = rng.random() < 0.7
    order = order if high else order[::-1]
    text = _ask(
        rng,
        (
            "Which {each} has the {nth} {word} value{of}?",
            "Which is the {nth} {word}{of}?",
            "Which {each} ranks {nth} from the {end}{of}?",
        ),
        nth=("second", "third")[which - 1],
        word="highest" if high else "lowest",
        end="top" if high else "bottom",
        of=view.of,
        each=view.each,
    )
    steps = (f"In order: {', '.join(view.at(i) for i in order[: which + 1])}.",)
    return _question("rank", text, view, steps, view.names[order[which]], 2, True)


def _spread(rng: random.Random, view: _View) -> Asked:
    if len(view.values) < 3 or len(set(view.values)) < len(view.values):
        return None
    high, low = (view.values.index(f(view.values)) for f in (max, min))
    gap = number(view.values[high] - view.values[low])
    text = _ask(
        rng,
        (
            "What is the difference between the highest and the lowest value{of}?",
            "What is the range of the values{of}?",
            "How far apart are the highest and lowest {what}{of}?",
        ),
        of=view.of,
        what=view.what,
    )
    steps = (
        f"The highest is {view.at(high)}.",
        f"The lowest is {view.at(low)}.",
        f"Subtract {number(view.values[high])} - {number(view.values[low])} = {gap}.",
    )
    return _question("range", text, view, steps, gap, 3, view.exact)


def _trend(rng: random.Random, view: _View) -> Asked:
    if len(view.names) < 3:
        return None
    a, b = sorted(rng.sample(range(len(view.names)), 2))
    first, last = view.values[a], view.values[b]
    if abs(first - last) < 0.08 * max(view.values):
        return None
    text = _ask(
        rng,
        (
            "Does the value increase or decrease from {a} to {b}{of}?",
            "Did {what} increase or decrease from {a} to {b}{of}?",
            "Is there an increase or a decrease from {a} to {b}{of}?",
        ),
        a=view.names[a],
        b=view.names[b],
        of=view.of,
        what=view.what,
    )
    sign = "<" if first < last else ">"
    steps = (f"Look up {view.at(a)}, {view.at(b)}.", f"Compare {number(first)} {sign} {number(last)}.")
    return _question("trend", text, view, steps, "increase" if first < last else "decrease", 2, True)


def _question(task: str, text: str, view: _View, steps: tuple[str, ...], answer: str, operations: int, exact: bool) -> Question:
    return Question(
        task=task,
        text=text,
        steps=(f"Read {view.reading}.", *steps),
        answer=answer,
        operations=operations,
        exact=exact,
    )


_ABOUT_SERIES: dict[str, tuple[Callable[[random.Random, _View], Asked], float]] = {
    "value": (_value, 4),
    "extreme": (_extreme, 3),
    "difference": (_difference, 2.5),
    "sum": (_sum, 2),
    "total": (_total, 1.8),
    "mean": (_mean, 1.8),
    "ratio": (_ratio, 1),
    "count": (_count, 1.5),
    "rank": (_rank, 1.5),
    "range": (_spread, 1.2),
    "trend": (_trend, 1),
}


def _view(rng: random.Random, figure: Figure) -> _View:
    """One series (or, where there are several, sometimes one category across them) to ask about."""
    what, each = (figure.quantity or "value").lower(), (figure.topic or "category").lower()
    exact = figure.printed
    if len(figure.series) == 1:
        name, values = next(iter(figure.series.items()))
        what = name.lower() if figure.kind == "table" and name else what
        reading = f"{name}: {read(figure.categories, values)}" if name else read(figure.categories, values)
        return _View(names=figure.categories, values=values, of="", what=what, each=each, reading=reading, exact=exact)
    if figure.kind != "table" and rng.random() < 0.3:
        at = rng.randrange(len(figure.categories))
        name, names = figure.categories[at], tuple(figure.series)
        values = tuple(series[at] for series in figure.series.values())
        each = "series"
        of = rng.choice((f" in {name}", f" for {name}"))
    else:
        name = rng.choice(list(figure.series))
        names, values = figure.categories, figure.series[name]
        of = rng.choice((f" of {name}", f" for {name}", f" in {name}"))
    return _View(names=names, values=values, of=of, what=what, each=each, reading=f"{name}: {read(names, values)}", exact=exact)


def _compare(rng: random.Random, figure: Figure) -> Asked:
    first, second = rng.sample(list(figure.series), 2)
    a, b = figure.series[first], figure.series[second]
    at = rng.randrange(len(figure.categories))
    place = figure.categories[at]
    exact = figure.printed
    if rng.random() < 0.6:
        if abs(a[at] - b[at]) < (0.01 if exact else 0.08) * max(a + b):
            return None
        high = rng.random() < 0.6
        winner = first if (a[at] > b[at]) == high else second
        text = _ask(
            rng,
            (
                "Which is {word} for {place}, {a} or {b}?",
                "Which is {word} in {place}, {a} or {b}?",
                "In {place}, which is {word}, {a} or {b}?",
            ),
            word=rng.choice(("higher", "larger") if high else ("lower", "smaller")),
            place=place,
            a=first,
            b=second,
        )
        pair = f"{first} {number(a[at])}, {second} {number(b[at])}"
        steps = (f"Read {place}: {pair}.", f"Compare {number(a[at])} {'>' if a[at] > b[at] else '<'} {number(b[at])}.")
        return Question(task="compare", text=text, steps=steps, answer=winner, operations=2, exact=True)
    if any(abs(x - y) < (0.01 if exact else 0.06) * max(a + b) for x, y in zip(a, b, strict=True)):
        return None
    won = [name for name, x, y in zip(figure.categories, a, b, strict=True) if x > y]
    text = _ask(
        rng,
        ("How often is {a} higher than {b}?", "For how many {each} values is {a} above {b}?"),
        a=first,
        b=second,
        each=(figure.topic or "category").lower(),
    )
    steps = (
        f"Read {first}: {read(figure.categories, a)}.",
        f"Read {second}: {read(figure.categories, b)}.",
        f"{first} is higher in {', '.join(won) or 'none'}.",
        f"That makes {len(won)}.",
    )
    return Question(task="compare", text=text, steps=steps, answer=str(len(won)), operations=3, exact=True)


def _flow(rng: random.Random, figure: Figure) -> Asked:
    boxes = figure.categories
    reading = f"Read {describe(figure)}."
    kind = rng.choice(("after", "after", "before", "steps", "first", "last", "count", "two after"))
    at = rng.randrange(len(boxes))
    if kind in ("after", "before"):
        at = rng.randrange(0, len(boxes) - 1) if kind == "after" else rng.randrange(1, len(boxes))
        other = boxes[at + (1 if kind == "after" else -1)]
        wordings = (
            (
                "What comes after {name}?",
                "Which step follows {name}?",
                "What comes right after {name}?",
                "Where does the arrow from {name} go?",
            )
            if kind == "after"
            else ("What comes before {name}?", "Which step comes right before {name}?", "Which box leads to {name}?")
        )
        pair = f"{boxes[at]} -> {other}" if kind == "after" else f"{other} -> {boxes[at]}"
        return Question(
            task=kind, text=_ask(rng, wordings, name=boxes[at]), steps=(reading, f"Look up {pair}."), answer=other, operations=1, exact=True
        )
    if kind == "two after":
        if len(boxes) < 3:
            return None
        at = rng.randrange(len(boxes) - 2)
        text = _ask(rng, ("What comes two steps after {name}?", "Which step is two after {name}?"), name=boxes[at])
        steps = (reading, f"Look up {boxes[at]} -> {boxes[at + 1]} -> {boxes[at + 2]}.")
        return Question(task=kind, text=text, steps=steps, answer=boxes[at + 2], operations=2, exact=True)
    if kind == "steps":
        a, b = sorted(rng.sample(range(len(boxes)), 2))
        path = [f"{boxes[i]} {i - a}" for i in range(a, b + 1)]
        text = _ask(
            rng,
            ("How many steps from {a} to {b}?", "How many steps does it take from {a} to {b}?", "How many arrows lead from {a} to {b}?"),
            a=boxes[a],
            b=boxes[b],
        )
        return Question(task=kind, text=text, steps=(reading, f"Count {', '.join(path)}."), answer=str(b - a), operations=2, exact=True)
    if kind == "count":
        path = [f"{box} {i + 1}" for i, box in enumerate(boxes)]
        text = _ask(rng, ("How many boxes are there?", "How many steps does the diagram have?", "How many steps are there?"))
        return Question(
            task=kind, text=text, steps=(reading, f"Count {', '.join(path)}."), answer=str(len(boxes)), operations=2, exact=True
        )
    text = _ask(
        rng,
        ("What is the first step?", "Where does it start?", "Which box comes first?")
        if kind == "first"
        else ("What is the last step?", "Where does it end?", "Which box comes last?"),
    )
    end = boxes[0] if kind == "first" else boxes[-1]
    return Question(task=kind, text=text, steps=(reading, f"The {kind} is {end}."), answer=end, operations=1, exact=True)


def _geometry(rng: random.Random, figure: Figure) -> Asked:
    values = [number(value) for value in figure.values]
    reading = f"Read {describe(figure)}."
    unit = "" if rng.random() < 0.8 or not figure.unit else " in " + figure.unit
    if figure.shape == "angles":
        total = figure.values[0] + figure.values[1]
        rest = number(180 - total)
        text = _ask(
            rng, ("What is the missing angle?", "How large is the third angle?", "What is the angle marked ?", "Find the missing angle.")
        )
        steps = (
            reading,
            f"Add {values[0]} + {values[1]} = {number(total)}.",
            f"Subtract 180 - {number(total)} = {rest}.",
            f"Check {number(total)} + {rest} = 180.",
        )
        return Question(task="angle", text=text, steps=steps, answer=rest, operations=2, exact=True)
    area = figure.shape == "right triangle" or (figure.shape == "rectangle" and rng.random() < 0.5)
    if area:
        text = _ask(
            rng,
            ("What is the area{unit}?", "What is the area of the {shape}?", "How large is the area?", "Find the area."),
            unit="",
            shape=figure.shape.split()[-1],
        )
        product = figure.values[0] * figure.values[1]
        steps = [reading, f"Multiply {values[0]} × {values[1]} = {number(product)}."]
        if figure.shape == "right triangle":
            steps.append(f"Divide {number(product)} / 2 = {number(product / 2)}.")
            product /= 2
        return Question(task="area", text=text, steps=tuple(steps), answer=number(product), operations=len(steps) - 1, exact=True)
    text = _ask(
        rng,
        ("What is the perimeter{unit}?", "What is the perimeter of the {shape}?", "How long is the perimeter?", "Find the perimeter."),
        unit=unit,
        shape=figure.shape.split()[-1],
    )
    if figure.shape == "rectangle":
        half = sum(figure.values)
        steps = [reading, f"Add {values[0]} + {values[1]} = {number(half)}.", f"Multiply 2 × {number(half)} = {number(2 * half)}."]
        return Question(task="perimeter", text=text, steps=tuple(steps), answer=number(2 * half), operations=2, exact=True)
    sums, total = _running_sum(figure.values)
    return Question(task="perimeter", text=text, steps=(reading, *sums), answer=number(total), operations=2, exact=True)


def ask(rng: random.Random, figure: Figure, task: str = "") -> Question:
    """One random question about ``figure``.

    Args:
        rng: source of randomness.
        figure: what the picture shows.
        task: one of the tasks about series (``value``, ``mean`` …) to insist on where the figure allows it.
    """
    while True:
        if figure.kind == "flow":
            asked = _flow(rng, figure)
        elif figure.kind == "geometry":
            asked = _geometry(rng, figure)
        elif len(figure.series) > 1 and figure.kind != "table" and not task and rng.random() < 0.2:
            asked = _compare(rng, figure)
        else:
            tasks, weights = zip(*((name, weight) for name, (_, weight) in _ABOUT_SERIES.items()), strict=True)
            chosen = task or rng.choices(tasks, weights)[0]
            asked = _ABOUT_SERIES[chosen][0](rng, _view(rng, figure))
            task = ""
        if asked is not None:
            return asked

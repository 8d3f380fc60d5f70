"""Questions about one series of values: from reading one of them to means and trends."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from finetune.charts.figures import Figure, number
from finetune.charts.readings import Asked, Question, phrase, read, running_sum, sign, tally_up, weigh


@dataclass(frozen=True, kw_only=True)
class View:
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


def scan(view: View, high: bool, among: list[int] | None = None) -> tuple[list[str], int]:
    """The steps of finding the highest or lowest value by one comparison after another, and where it is.

    Of two that are equal the first stays.
    """
    among = list(range(len(view.values))) if among is None else among
    best, steps = among[0], []
    for at in among[1:]:
        step, second = weigh(high, (view.names[best], view.values[best]), (view.names[at], view.values[at]))
        steps.append(step)
        best = at if second else best
    return [*steps, f"The {'highest' if high else 'lowest'} is {view.at(best)}."], best


def _value(rng: random.Random, view: View) -> Asked:
    at = rng.randrange(len(view.names))
    text = phrase(
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
    return _question("value", text, view, (f"Look up {view.at(at)}.",), number(view.values[at]), 1, view.exact, name=view.names[at])


def _extreme(rng: random.Random, view: View) -> Asked:
    high = rng.random() < 0.6
    best = max(view.values) if high else min(view.values)
    if view.values.count(best) > 1:
        return None
    at = view.values.index(best)
    word = rng.choice(("highest", "largest", "maximum", "greatest") if high else ("lowest", "smallest", "minimum", "least"))
    steps, side = tuple(scan(view, high)[0]), "high" if high else "low"
    if rng.random() < 0.35:
        text = phrase(
            rng,
            ("What is the {word} value{of}?", "What is the {word} {what}{of}?", "How much is the {word} {each}{of}?"),
            word=word,
            of=view.of,
            what=view.what,
            each=view.each,
        )
        return _question("extreme value", text, view, steps, number(best), 1, view.exact, f"extreme value {side}")
    text = phrase(
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
    return _question("extreme", text, view, steps, view.names[at], 1, True, f"extreme {side}")


def _difference(rng: random.Random, view: View) -> Asked:
    if len(view.names) < 2:
        return None
    a, b = rng.sample(range(len(view.names)), 2)
    if view.values[a] < view.values[b]:
        a, b = b, a
    gap = number(view.values[a] - view.values[b])
    text = phrase(
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
    return _question("difference", text, view, steps, gap, 2, view.exact, a=view.names[a], b=view.names[b])


def _sum(rng: random.Random, view: View) -> Asked:
    if len(view.names) < 3:
        return None
    a, b = rng.sample(range(len(view.names)), 2)
    total = number(view.values[a] + view.values[b])
    text = phrase(
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
    return _question("sum", text, view, steps, total, 2, view.exact, a=view.names[a], b=view.names[b])


def _addable(view: View, most: int) -> bool:
    return 2 <= len(view.values) <= most and all(value < 1000 for value in view.values)


def _total(rng: random.Random, view: View) -> Asked:
    if not _addable(view, 8):
        return None
    steps, total = running_sum(view.values)
    text = phrase(
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


def _mean(rng: random.Random, view: View) -> Asked:
    count = len(view.values)
    if not _addable(view, 6):
        return None
    steps, total = running_sum(view.values)
    mean = Fraction(number(total)) / count
    if (mean * 10).denominator != 1:
        return None
    written = number(float(mean))
    steps += [f"Divide {number(total)} / {count} = {written}."]
    text = phrase(
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


def _ratio(rng: random.Random, view: View) -> Asked:
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
    quotient = number(float(Fraction(number(view.values[a])) / Fraction(number(view.values[b]))))
    text = phrase(
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
    steps = (f"Look up {view.at(a)}, {view.at(b)}.", f"Divide {number(view.values[a])} / {number(view.values[b])} = {quotient}.")
    return _question("ratio", text, view, steps, quotient, 2, view.exact, a=view.names[a], b=view.names[b])


def _count(rng: random.Random, view: View) -> Asked:
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
    text = phrase(
        rng,
        ("How many are {side} {line}{of}?", "How many values are {side} {line}{of}?", "How many {each} values are {side} {line}{of}?"),
        side=rng.choice(("above", "over", "higher than", "more than") if above else ("below", "under", "lower than", "less than")),
        line=number(line),
        of=view.of,
        each=view.each,
    )
    counted = tally_up([view.at(i) for i in range(len(view.values))], [i in chosen for i in range(len(view.values))])
    steps = (f"{'Above' if above else 'Below'} {number(line)}: {counted}.", f"That makes {len(chosen)}.")
    return _question("count", text, view, steps, str(len(chosen)), 2, True, f"count {'above' if above else 'below'}", line=number(line))


def _between(low: float, high: float) -> float | None:
    """A round number strictly between two values, as round as there is, or None."""
    for grain in (1000, 500, 100, 50, 10, 5, 1):
        line = (low // grain + 1) * grain
        if low < line < high:
            return line
    return None


def _rank(rng: random.Random, view: View) -> Asked:
    order = sorted(range(len(view.names)), key=lambda i: -view.values[i])
    if len(order) < 3 or len(order) > 7 or len(set(view.values)) < len(order):
        return None
    which = rng.choice((1, 1, 2)) if len(order) > 3 else 1
    high = rng.random() < 0.7
    order = order if high else order[::-1]
    text = phrase(
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
    left, steps = list(range(len(view.names))), list[str]()
    for place in range(which + 1):
        found, at = scan(view, high, left)
        left.remove(at)
        steps += found
        if place < which:
            steps.append(f"Left: {', '.join(view.at(i) for i in left)}.")
    form = f"rank {'high' if high else 'low'}"
    nth = ("second", "third")[which - 1]
    return _question("rank", text, view, tuple(steps), view.names[order[which]], 2, True, form, nth=nth, n=str(which + 1))


def _spread(rng: random.Random, view: View) -> Asked:
    if len(view.values) < 3 or len(set(view.values)) < len(view.values):
        return None
    high, low = (view.values.index(f(view.values)) for f in (max, min))
    gap = number(view.values[high] - view.values[low])
    text = phrase(
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
        *scan(view, True)[0],
        *scan(view, False)[0],
        f"Subtract {number(view.values[high])} - {number(view.values[low])} = {gap}.",
    )
    return _question("range", text, view, steps, gap, 3, view.exact)


def _trend(rng: random.Random, view: View) -> Asked:
    if len(view.names) < 3:
        return None
    a, b = sorted(rng.sample(range(len(view.names)), 2))
    first, last = view.values[a], view.values[b]
    if abs(first - last) < 0.08 * max(view.values):
        return None
    text = phrase(
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
    answer = "increase" if first < last else "decrease"
    steps = (
        f"Look up {view.at(a)}, {view.at(b)}.",
        f"From {number(first)} to {number(last)}: {number(first)} {sign(first, last)} {number(last)}, {answer}.",
    )
    return _question("trend", text, view, steps, answer, 2, True, a=view.names[a], b=view.names[b])


def _question(
    task: str,
    text: str,
    view: View,
    steps: tuple[str, ...],
    answer: str,
    operations: int,
    exact: bool,
    form: str = "",
    **slots: str,
) -> Question:
    return Question(
        task=task,
        text=text,
        steps=(f"Read {view.reading}.", *steps),
        answer=answer,
        operations=operations,
        exact=exact,
        form=form or task,
        slots=(("of", view.of), ("what", view.what), ("each", view.each), *slots.items()),
    )


ABOUT_SERIES: dict[str, tuple[Callable[[random.Random, View], Asked], float]] = {
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


def look_at(rng: random.Random, figure: Figure) -> View:
    """One series (or, where there are several, sometimes one category across them) to ask about."""
    what, each = (figure.quantity or "value").lower(), (figure.topic or "category").lower()
    exact = figure.printed
    if len(figure.series) == 1:
        name, values = next(iter(figure.series.items()))
        what = name.lower() if figure.kind == "table" and name else what
        reading = f"{name}: {read(figure.categories, values)}" if name else read(figure.categories, values)
        return View(names=figure.categories, values=values, of="", what=what, each=each, reading=reading, exact=exact)
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
    return View(names=names, values=values, of=of, what=what, each=each, reading=f"{name}: {read(names, values)}", exact=exact)

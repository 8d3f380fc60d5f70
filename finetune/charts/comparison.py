"""Questions that set two series beside each other."""

from __future__ import annotations

import random

from finetune.charts.figures import Figure, number
from finetune.charts.readings import Asked, Question, phrase, read, tally_up, weigh


def ask_comparison(rng: random.Random, figure: Figure) -> Asked:
    """Which of two series is higher in one place, or how often one is; None where they are too close to tell."""
    first, second = rng.sample(list(figure.series), 2)
    a, b = figure.series[first], figure.series[second]
    at = rng.randrange(len(figure.categories))
    place = figure.categories[at]
    exact = figure.printed
    if rng.random() < 0.6:
        if abs(a[at] - b[at]) < (0.01 if exact else 0.08) * max(a + b):
            return None
        high = rng.random() < 0.6
        text = phrase(
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
        step, second_wins = weigh(high, (first, a[at]), (second, b[at]))
        winner = second if second_wins else first
        return Question(
            task="compare",
            text=text,
            steps=(f"Read {place}: {pair}.", step),
            answer=winner,
            operations=2,
            exact=True,
            form=f"compare {'high' if high else 'low'}",
            slots=(("place", place), ("a", first), ("b", second)),
        )
    if any(abs(x - y) < (0.01 if exact else 0.06) * max(a + b) for x, y in zip(a, b, strict=True)):
        return None
    won = [name for name, x, y in zip(figure.categories, a, b, strict=True) if x > y]
    text = phrase(
        rng,
        ("How often is {a} higher than {b}?", "For how many {each} values is {a} above {b}?"),
        a=first,
        b=second,
        each=(figure.topic or "category").lower(),
    )
    pairs = [f"{name} {number(x)} and {number(y)}" for name, x, y in zip(figure.categories, a, b, strict=True)]
    steps = (
        f"Read {first}: {read(figure.categories, a)}.",
        f"Read {second}: {read(figure.categories, b)}.",
        f"Higher: {tally_up(pairs, [x > y for x, y in zip(a, b, strict=True)])}.",
        f"That makes {len(won)}.",
    )
    slots = (("a", first), ("b", second), ("each", (figure.topic or "category").lower()))
    answer = str(len(won))
    return Question(task="compare", text=text, steps=steps, answer=answer, operations=3, exact=True, form="how often", slots=slots)

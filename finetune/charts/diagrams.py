"""Questions about flow diagrams and geometric figures."""

from __future__ import annotations

import random
from itertools import pairwise

from finetune.charts.figures import Figure, number
from finetune.charts.readings import Asked, Question, describe, phrase, running_sum


def ask_flow(rng: random.Random, figure: Figure) -> Asked:
    """What follows, precedes, begins or ends, and how many steps there are; None where the diagram is too short."""
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
        arrows = [f"{one} -> {next_one}" for one, next_one in pairwise(boxes)]
        found = [f"Look up {arrows[at]}."] if kind == "after" else [f"Follow {arrow}." for arrow in arrows[:at]]
        return Question(
            task=kind,
            text=phrase(rng, wordings, name=boxes[at]),
            steps=(reading, *found),
            answer=other,
            operations=1,
            exact=True,
            form=kind,
            slots=(("name", boxes[at]),),
        )
    if kind == "two after":
        if len(boxes) < 3:
            return None
        at = rng.randrange(len(boxes) - 2)
        text = phrase(rng, ("What comes two steps after {name}?", "Which step is two after {name}?"), name=boxes[at])
        steps = (reading, f"Look up {boxes[at]} -> {boxes[at + 1]} -> {boxes[at + 2]}.")
        slots = (("name", boxes[at]),)
        return Question(task=kind, text=text, steps=steps, answer=boxes[at + 2], operations=2, exact=True, form=kind, slots=slots)
    if kind == "steps":
        a, b = sorted(rng.sample(range(len(boxes)), 2))
        path = [f"{boxes[i]} {i - a}" for i in range(a, b + 1)]
        text = phrase(
            rng,
            ("How many steps from {a} to {b}?", "How many steps does it take from {a} to {b}?", "How many arrows lead from {a} to {b}?"),
            a=boxes[a],
            b=boxes[b],
        )
        ends = (("a", boxes[a]), ("b", boxes[b]))
        steps = (reading, f"Count {', '.join(path)}.")
        return Question(task=kind, text=text, steps=steps, answer=str(b - a), operations=2, exact=True, form=kind, slots=ends)
    if kind == "count":
        path = [f"{box} {i + 1}" for i, box in enumerate(boxes)]
        text = phrase(rng, ("How many boxes are there?", "How many steps does the diagram have?", "How many steps are there?"))
        steps = (reading, f"Count {', '.join(path)}.")
        return Question(task=kind, text=text, steps=steps, answer=str(len(boxes)), operations=2, exact=True, form="count boxes")
    return _end_of_flow(rng, boxes, kind, reading)


def _end_of_flow(rng: random.Random, boxes: tuple[str, ...], kind: str, reading: str) -> Question:
    """What comes ``first`` or ``last``."""
    text = phrase(
        rng,
        ("What is the first step?", "Where does it start?", "Which box comes first?")
        if kind == "first"
        else ("What is the last step?", "Where does it end?", "Which box comes last?"),
    )
    end = boxes[0] if kind == "first" else boxes[-1]
    return Question(task=kind, text=text, steps=(reading, f"The {kind} is {end}."), answer=end, operations=1, exact=True, form=kind)


def ask_geometry(rng: random.Random, figure: Figure) -> Question:
    """The missing angle, the area or the perimeter, whichever the figure's labels give."""
    values = [number(value) for value in figure.values]
    reading = f"Read {describe(figure)}."
    unit = "" if rng.random() < 0.8 or not figure.unit else " in " + figure.unit
    steps: list[str]
    if figure.shape == "angles":
        total = figure.values[0] + figure.values[1]
        rest = number(180 - total)
        text = phrase(
            rng, ("What is the missing angle?", "How large is the third angle?", "What is the angle marked ?", "Find the missing angle.")
        )
        steps = [
            reading,
            f"Add {values[0]} + {values[1]} = {number(total)}.",
            f"Subtract 180 - {number(total)} = {rest}.",
            f"Check {number(total)} + {rest} = 180.",
        ]
        return Question(task="angle", text=text, steps=tuple(steps), answer=rest, operations=2, exact=True, form="angle")
    shape = (("shape", figure.shape.split()[-1]),)
    area = figure.shape == "right triangle" or (figure.shape == "rectangle" and rng.random() < 0.5)
    if area:
        text = phrase(
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
        answer, operations = number(product), len(steps) - 1
        return Question(
            task="area", text=text, steps=tuple(steps), answer=answer, operations=operations, exact=True, form="area", slots=shape
        )
    text = phrase(
        rng,
        ("What is the perimeter{unit}?", "What is the perimeter of the {shape}?", "How long is the perimeter?", "Find the perimeter."),
        unit=unit,
        shape=figure.shape.split()[-1],
    )
    if figure.shape == "rectangle":
        half = sum(figure.values)
        steps = [reading, f"Add {values[0]} + {values[1]} = {number(half)}.", f"Multiply 2 × {number(half)} = {number(2 * half)}."]
        answer = number(2 * half)
    else:
        sums, total = running_sum(figure.values)
        steps, answer = [reading, *sums], number(total)
    return Question(task="perimeter", text=text, steps=tuple(steps), answer=answer, operations=2, exact=True, form="perimeter", slots=shape)

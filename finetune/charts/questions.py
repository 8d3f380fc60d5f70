"""Questions about a figure with step-by-step reasoning and an exact answer, all from the same numbers.

A thought reads what matters, restates what is asked, does one operation a line, and checks itself where
that is natural. Names follow a space and precede their value everywhere (``Oct 75``), so that looking a
name up in one's own reading is the same pattern as having read it.
"""

from __future__ import annotations

import random

from finetune.charts.comparison import ask_comparison
from finetune.charts.diagrams import ask_flow, ask_geometry
from finetune.charts.figures import Figure
from finetune.charts.readings import Question
from finetune.charts.series import ABOUT_SERIES, look_at


def ask(rng: random.Random, figure: Figure, task: str = "") -> Question:
    """One random question about ``figure``.

    Args:
        rng: source of randomness.
        figure: what the picture shows.
        task: one of the tasks about series (``value``, ``mean`` …) to insist on where the figure allows it.
    """
    while True:
        if figure.kind == "flow":
            asked = ask_flow(rng, figure)
        elif figure.kind == "geometry":
            asked = ask_geometry(rng, figure)
        elif len(figure.series) > 1 and figure.kind != "table" and not task and rng.random() < 0.2:
            asked = ask_comparison(rng, figure)
        else:
            tasks, weights = zip(*((name, weight) for name, (_, weight) in ABOUT_SERIES.items()), strict=True)
            chosen = task or rng.choices(tasks, weights)[0]
            asked = ABOUT_SERIES[chosen][0](rng, look_at(rng, figure))
            task = ""
        if asked is not None:
            return asked

"""The round numbers of an axis, and how they are written."""

from __future__ import annotations

import math

from finetune.charts.figures import number


def ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers from ``low`` or below to ``high`` or above, about ``about`` of them.

    >>> ticks(0, 77, 5)
    [0.0, 20.0, 40.0, 60.0, 80.0]
    """
    raw = max(high - low, 1e-9) / max(about - 1, 1)
    grain = 10 ** math.floor(math.log10(raw))
    step = next(grain * m for m in (1, 2, 2.5, 5, 10) if grain * m >= raw * 0.95)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    return [round(float(step) * i, 10) for i in range(first, last + 1)]


def tick_text(value: float, form: str) -> str:
    """``value`` as an axis has it: ``plain``, with a ``separator``, with a ``space`` for one, or in thousands, ``k``.

    >>> [tick_text(2500, form) for form in ("plain", "separator", "space", "k")]
    ['2500', '2,500', '2 500', '2.5k']
    """
    if form == "k" and value >= 1000:
        return f"{number(value / 1000)}k"
    if form in ("separator", "space") and value == int(value):
        return f"{value:,.0f}".replace(",", " " if form == "space" else ",")
    return number(value)

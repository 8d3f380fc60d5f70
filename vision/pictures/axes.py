"""The scales of a chart: numbers in a line whose values grow evenly with their places, from the picture's text alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

import numpy as np

from vision.pictures.labels import Labels, in_line
from vision.pictures.writing import Text

NEAR_PX = 3.5
"""How far from its place on the axis a number may stand."""

Places = tuple[Callable[[Text], float], ...]

BESIDE: Places = (lambda text: text.box.right, lambda text: text.box.left, lambda text: text.box.middle[0])
BELOW: Places = (lambda text: text.box.middle[1], lambda text: text.box.top, lambda text: text.box.bottom)
"""What texts have in common that stand one above the other, and side by side."""


@dataclass(frozen=True)
class Axis:
    """A scale: ``value = start + rise * place``.

    Attributes:
        upright: whether values stand one above the other.
        rise: value by pixel.
        start: value at pixel 0.
        texts: its numbers.
        low, high: the least of them and the greatest.
    """

    upright: bool
    rise: float
    start: float
    texts: tuple[Text, ...]
    low: float
    high: float

    def value(self, place: float) -> float:
        return self.start + self.rise * place

    def place(self, value: float) -> float:
        return (value - self.start) / self.rise


def axes_of(labels: Labels) -> list[Axis]:
    """The scales of a picture: numbers in a line of which most grow evenly with their places; 0 and one more where there are no others."""
    numbers = [text for text in labels.writing.texts if id(text) in labels.values and text.level and id(text) not in labels.years]
    found: list[Axis] = []
    for upright in (True, False):
        lines = [line for place in (BESIDE if upright else BELOW) for line in in_line(numbers, place)]
        for line in sorted(lines, key=len, reverse=True):
            axis = _fit(line, labels.values, upright)
            if axis is not None and not any(set(map(id, axis.texts)) & set(map(id, other.texts)) for other in found):
                found.append(axis)
    return found


def _fit(line: Sequence[Text], values: dict[int, Fraction], upright: bool) -> Axis | None:
    """The scale on which most of ``line`` stand, whatever OCR made of the others."""
    points = [(text.box.middle[1 if upright else 0], float(values[id(text)]), text) for text in line]
    best: list[tuple[float, float, Text]] = []
    for (a, low, _), (b, high, _) in combinations(points[:24], 2):
        if abs(a - b) < 8 or low == high:
            continue
        rise = (high - low) / (b - a)
        near = [point for point in points if abs((point[1] - low) / rise + a - point[0]) <= NEAR_PX]
        if (rise < 0) == upright and len(near) > len(best):
            best = near
    told = {value for _, value, _ in best}
    if len(best) < max(2, 0.6 * len(points)) or len(told) < len(best) or (len(best) == 2 and 0 not in told):
        return None
    rise, start = np.polyfit([place for place, _, _ in best], [value for _, value, _ in best], 1)
    return Axis(upright, float(rise), float(start), tuple(text for _, _, text in best), min(told), max(told))

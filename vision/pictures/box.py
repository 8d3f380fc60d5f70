"""A place in a picture: an upright rectangle in its pixels, and the little arithmetic that reading needs.

>>> Box(10, 10, 30, 20).middle
(20.0, 15.0)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Box:
    """An upright rectangle; x grows to the right and y down.

    Attributes:
        left, top, right, bottom: edges in pixels of the picture as it was opened; fractions are allowed.
    """

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> tuple[float, float]:
        """(x, y)."""
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def area(self) -> float:
        return max(self.width, 0.0) * max(self.height, 0.0)

    def common(self, other: Box) -> float:
        """The area that both cover, square pixels.

        >>> Box(0, 0, 10, 10).common(Box(5, 0, 15, 10))
        50
        """
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0) * max(height, 0)

    def overlap(self, other: Box) -> float:
        """Intersection over union, 0 to 1.

        >>> Box(0, 0, 10, 10).overlap(Box(0, 0, 10, 5))
        0.5
        """
        common = self.common(other)
        whole = self.area + other.area - common
        return common / whole if whole else 0.0

    def scaled(self, by: float) -> Box:
        """The same place in a picture that is larger ``by`` a factor.

        >>> Box(1, 2, 3, 4).scaled(2)
        Box(left=2, top=4, right=6, bottom=8)
        """
        return Box(self.left * by, self.top * by, self.right * by, self.bottom * by)

    def moved(self, across: float, down: float) -> Box:
        """The same place in a picture that has so many more pixels on its left and above.

        >>> Box(1, 2, 3, 4).moved(10, 20)
        Box(left=11, top=22, right=13, bottom=24)
        """
        return Box(self.left + across, self.top + down, self.right + across, self.bottom + down)

    def contains(self, x: float, y: float) -> bool:
        """Whether the point lies inside or on the edge."""
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def distance(self, other: Box) -> float:
        """From edge to edge in pixels; 0 where they touch.

        >>> Box(0, 0, 10, 10).distance(Box(13, 14, 20, 20))
        5.0
        """
        across = max(self.left - other.right, other.left - self.right, 0.0)
        down = max(self.top - other.bottom, other.top - self.bottom, 0.0)
        return math.hypot(across, down)


def union(boxes: Iterable[Box]) -> Box:
    """The smallest box around ``boxes``, of which there is at least one."""
    left, top, right, bottom = zip(*((box.left, box.top, box.right, box.bottom) for box in boxes), strict=True)
    return Box(min(left), min(top), max(right), max(bottom))

"""The shares of a pie or a ring, measured by the angles of its slices.

Only where each slice has a color of its own and exactly one name, in the legend or beside it, something is told. Numbers that are
printed at the slices say what the whole stands for, and have to agree with the angles.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import cv2
import numpy as np

from vision.pictures.box import Box
from vision.pictures.colors import Color, Mask, Pixels, colors_in, legend_of, mask_of
from vision.pictures.labels import Labels
from vision.pictures.writing import Drawn, Text

SAME = 12
"""How far channels of one color differ, of 255: slices have no shades."""
STEPS = 1440
"""Directions that are looked at."""
OUTWARD = np.linspace(0.4, 0.95, 24)
"""How far out it is looked, of the radius; in a ring's hole is nothing but the ground."""
RING = 0.8, 0.95
"""Where everything is covered, of the radius: a ring is seldom narrower."""
BORDER_PX = 5
"""A line between slices is no wider."""
ERROR, AGREES = 0.004, 0.012
"""Share of the whole by which a slice may be off, and by which a printed share may differ from it: it is rounded."""
FAR, APART = 1.5, 0.06
"""How far from the middle a label beside a slice stands at most, of the radius, and how much farther what else is written."""


@dataclass(frozen=True)
class _Disc:
    """Where a pie lies, pixels."""

    x: float
    y: float
    radius: float

    def polar(self, x: float, y: float) -> tuple[float, float]:
        """The share of the way round, clockwise from the right, and the distance in radii."""
        return math.atan2(y - self.y, x - self.x) / math.tau % 1, math.hypot(x - self.x, y - self.y) / self.radius


@dataclass(frozen=True)
class _Slice:
    """A part of the way round: where it begins, how much it is, and the number of its color."""

    start: float
    share: float
    color: int

    def off(self, at: float) -> float:
        """How far ``at`` is outside of it, below 0 inside: the way to its nearer border."""
        return abs((at - self.start - self.share / 2 + 0.5) % 1 - 0.5) - self.share / 2


def shares_in(pixels: Pixels, labels: Labels) -> list[Drawn]:
    """What each slice of a pie comes to, clockwise from the top; nothing where the picture shows none that is plain.

    Args:
        pixels: of the picture, (rows, columns, 3).
        labels: of its text.
    """
    edges = (pixels[:4], pixels[-4:], pixels[:, :4], pixels[:, -4:])
    ground = colors_in(np.concatenate([edge.reshape(-1, 3) for edge in edges]))[:1]
    disc = _disc(~mask_of(pixels, ground[0], SAME)) if ground else None
    if disc is None:
        return []
    box = [max(0, round(each)) for each in (disc.y - disc.radius, disc.y + disc.radius, disc.x - disc.radius, disc.x + disc.radius)]
    colors = [*ground, *(color for color in colors_in(pixels[box[0] : box[1], box[2] : box[3]]) if np.abs(color - ground[0]).max() > SAME)]
    slices = _slices(pixels, disc, colors, labels.writing.texts)
    names = _names(pixels, disc, slices, colors, labels)
    numbers = _numbers(disc, slices, labels)
    whole = _whole(slices, numbers, labels)
    if not names or not whole:
        return []
    error = whole * max(ERROR, 1.5 / (math.tau * disc.radius))
    told = [
        Drawn(
            name=name.text,
            series="",
            value=float(labels.values[id(at[0])]) if at else whole * each.share,
            error=error,
            box=at[0].box if at else _box(disc, each),
        )
        for name, each, at in zip(names, slices, numbers, strict=True)
    ]
    from_top = sorted(zip(slices, told, strict=True), key=lambda each: (each[0].start + each[0].share / 2 + 0.25) % 1)
    return [drawn for _, drawn in from_top]


def _disc(shown: Mask) -> _Disc | None:
    """The largest round thing among what is not the ground."""
    solid = cv2.morphologyEx(shown.astype(np.uint8), cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))  # without lines that lead to names
    solid = cv2.morphologyEx(solid, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    count, numbered, stats, _ = cv2.connectedComponentsWithStats(solid, connectivity=8)
    if count < 2:
        return None
    largest = max(range(1, count), key=lambda i: int(stats[i][2]) * int(stats[i][3]))
    left, top, wide, high, _ = (int(each) for each in stats[largest])
    disc = _Disc(left + wide / 2 - 0.5, top + high / 2 - 0.5, (wide + high) / 4)
    if abs(wide - high) > max(4, 0.04 * wide) or disc.radius < 25:
        return None
    rows, columns = np.ogrid[: shown.shape[0], : shown.shape[1]]
    far = np.hypot(rows - disc.y, columns - disc.x) / disc.radius
    own = numbered == largest
    within, beyond = own[(far > RING[0]) & (far < RING[1])], own[(far > 1.04) & (far < 1.4)]
    return disc if within.mean() > 0.95 and (not beyond.size or beyond.mean() < 0.02) else None


def _slices(pixels: Pixels, disc: _Disc, colors: Sequence[Color], texts: Sequence[Text]) -> list[_Slice]:
    """The slices in their order; none where two have one color, or where borders cannot be told."""
    angles = np.arange(STEPS) / STEPS * math.tau
    x = np.rint(disc.x + disc.radius * np.outer(np.cos(angles), OUTWARD)).astype(int).clip(0, pixels.shape[1] - 1)
    y = np.rint(disc.y + disc.radius * np.outer(np.sin(angles), OUTWARD)).astype(int).clip(0, pixels.shape[0] - 1)
    seen = pixels[y, x].astype(np.int16)
    free = np.ones(x.shape, dtype=np.bool_)
    for text in texts:
        free &= ~((x >= text.box.left - 1) & (x <= text.box.right + 1) & (y >= text.box.top - 1) & (y <= text.box.bottom + 1))
    free &= np.abs(seen - colors[0]).max(axis=2) > SAME
    votes = np.stack([((np.abs(seen - color).max(axis=2) <= SAME) & free).sum(axis=1) for color in colors])
    of = np.where(votes.max(axis=0) >= np.maximum(0.6 * free.sum(axis=1), 2), votes.argmax(axis=0), -1)
    runs = [[int(color), at[0], at[-1]] for color, group in groupby(range(STEPS), key=of.__getitem__) if (at := list(group))]
    narrow = max(STEPS / 240, BORDER_PX / disc.radius / math.tau * STEPS)
    runs = [run for run in runs if run[0] > 0 and run[2] - run[1] + 1 > narrow]
    joined: list[list[int]] = []
    for run in runs:
        if joined and joined[-1][0] == run[0]:
            joined[-1][2] = run[2]
        else:
            joined.append(run)
    if len(joined) > 1 and joined[0][0] == joined[-1][0]:
        joined[0][1] = joined.pop()[1] - STEPS
    gaps = [(after[1] - before[2]) % STEPS for before, after in zip(joined, [*joined[1:], *joined[:1]], strict=True)]
    if not 2 <= len(joined) <= 12 or len({run[0] for run in joined}) < len(joined) or max(gaps) > 3 * narrow:
        return []
    borders = [(before[2] + gap / 2) / STEPS for before, gap in zip(joined, gaps, strict=True)]
    return [_Slice(borders[i - 1] % 1, (borders[i] - borders[i - 1]) % 1, run[0]) for i, run in enumerate(joined)]


def _names(pixels: Pixels, disc: _Disc, slices: Sequence[_Slice], colors: Sequence[Color], labels: Labels) -> list[Text]:
    """The name of each slice: by its color in the legend, or the one that stands beside it."""
    shown = [text for text in labels.writing.texts if labels.is_label(text) and not re.search(r"\d\s*%|\(", text.text)]
    if not labels.numbers and any(re.search(r"\d", text.text) for text in shown):
        return []  # which may be shares
    rows, columns = np.ogrid[: pixels.shape[0], : pixels.shape[1]]
    inside = np.hypot(rows - disc.y, columns - disc.x) < 1.04 * disc.radius
    legend = legend_of(np.where(inside[..., None], colors[0].astype(np.uint8), pixels), colors, shown)
    if all(each.color in legend for each in slices):
        return [legend[each.color] for each in slices]
    placed = sorted(((*disc.polar(*_anchor(disc, text.box))[::-1], text) for text in shown), key=lambda each: each[0])
    beside, others = placed[: len(slices)], placed[len(slices) :]
    if legend or len(beside) < len(slices) or beside[-1][0] > FAR or (others and others[0][0] < beside[-1][0] + APART):
        return []
    names: dict[int, Text] = {}
    for _, at, text in beside:
        off, i = min((each.off(at), i) for i, each in enumerate(slices))
        if off < -min(AGREES, slices[i].share / 4):  # else it stands near a border
            names.setdefault(i, text)
    return [names[i] for i in range(len(slices))] if len(names) == len(slices) else []


def _anchor(disc: _Disc, box: Box) -> tuple[float, float]:
    """The point of a label by which it was placed: its side or its edge that looks at the middle."""
    x = box.left if box.left > disc.x else box.right if box.right < disc.x else box.middle[0]
    return x, box.middle[1] if x != box.middle[0] else box.bottom if box.bottom < disc.y else box.top


def _numbers(disc: _Disc, slices: Sequence[_Slice], labels: Labels) -> list[list[Text]]:
    """The numbers printed at each slice."""
    at: list[list[Text]] = [[] for _ in slices]
    for number in labels.numbers:
        along, far = disc.polar(*number.box.middle)
        if far < FAR and slices:
            at[min(range(len(slices)), key=lambda i: slices[i].off(along))].append(number)
    return at


def _whole(slices: Sequence[_Slice], numbers: Sequence[Sequence[Text]], labels: Labels) -> float:
    """What all slices come to together by the numbers printed at them, 100 where there are none; 0 where numbers do not agree."""
    told = [(float(labels.values[id(at[0])]), each.share) for at, each in zip(numbers, slices, strict=True) if at]
    if not told:
        return 100.0
    if max(map(len, numbers)) > 1 or 2 * len(told) < len(slices):
        return 0.0
    whole = sum(value for value, _ in told) / sum(share for _, share in told)
    return whole if whole > 0 and all(abs(value / whole - share) <= AGREES for value, share in told) else 0.0


def _box(disc: _Disc, part: _Slice) -> Box:
    """A square on a slice."""
    along, side = (part.start + part.share / 2) * math.tau, 0.16 * disc.radius
    x, y = disc.x + 0.65 * disc.radius * math.cos(along), disc.y + 0.65 * disc.radius * math.sin(along)
    return Box(x - side, y - side, x + side, y + side)

"""Values that are drawn: how far each bar of a chart reaches, where a line passes each label, what share of a pie each slice is.

    for drawn in measure(image, writing):
        print(drawn.name, drawn.value, drawn.error)

The axis comes from the numbers in the picture's text, the marks from its pixels; no model is asked. Only plain charts are measured:
one axis whose numbers are evenly spaced, labels in a row before it, and at each label one bar for each series, or one point of each
line. Where anything else is seen (stacked bars, a second axis, a color of which the legend does not tell the name), nothing is told.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from vision.pictures.axes import BELOW, BESIDE, NEAR_PX, Axis, axes_of
from vision.pictures.box import Box
from vision.pictures.colors import ALIKE, PATCH, Color, Mask, Pixels, colors_in, legend_of, mask_of
from vision.pictures.labels import Labels, anchor, in_line
from vision.pictures.pies import shares_in
from vision.pictures.writing import Drawn, Text, Writing

_log = logging.getLogger(__name__)

MAX_SIDE = 1600
"""Longer pictures are reduced to this before they are measured, pixels."""
MAX_TEXTS = 200
"""A picture with more texts is no plain chart."""
MAX_SHAPES = 400
"""Of a color, that are looked at."""
MIN_LENGTH_PX = 4
"""Shorter bars are not told from the softened edge of their axis."""
FOOT_PX = 6
"""How far from the line of 0 a bar may stand."""


@dataclass(frozen=True)
class _Plot:
    """A chart turned so that values run along the rows of its pixels and labels along the columns.

    Attributes:
        pixels: (rows, columns, 3).
        axis: of the values, in places of rows.
        labels: in order, each with its column.
        gap: the least distance between two labels, pixels.
        rows, columns: the part in which bars and lines stand.
    """

    pixels: Pixels
    axis: Axis
    labels: tuple[tuple[float, Text], ...]
    gap: float
    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def turned(self) -> bool:
        """Whether labels stand aslant, so that it isn't known which end of them is at its place."""
        return any(20 <= abs(text.angle) <= 70 for _, text in self.labels)

    def box(self, top: float, bottom: float, left: float, right: float) -> Box:
        """In the picture, from rows and columns."""
        return Box(left, top, right, bottom) if self.axis.upright else Box(top, left, bottom, right)


def measure(image: Image.Image, writing: Writing) -> tuple[Drawn, ...]:
    """What the bars or lines of a chart come to; nothing where the picture is no chart, or none that can be measured.

    Args:
        image: the picture.
        writing: its text.
    """
    if not 2 < len(writing.texts) <= MAX_TEXTS:
        return ()
    over = max(image.size) / MAX_SIDE
    if over > 1:
        small = image.resize((max(1, round(image.width / over)), max(1, round(image.height / over))), Image.Resampling.BOX)
        texts = tuple(replace(text, box=text.box.scaled(1 / over)) for text in writing.texts)
        return tuple(replace(each, box=each.box.scaled(over)) for each in measure(small, replace(writing, texts=texts)))
    labels = Labels(writing)
    pixels: Pixels = np.asarray(image.convert("RGB"))
    axes = axes_of(labels)
    sure = [axis for axis in axes if len(axis.texts) > 2]
    either = [[axis for axis in sure if axis.upright == way] or [axis for axis in axes if axis.upright == way] for way in (True, False)]
    alone = [axis for same in either if len(same) == 1 for axis in same]
    plots = [plot for axis in alone if (plot := _plot(pixels, axis, labels)) is not None]
    for plot in plots:
        colors = colors_in(plot.pixels[plot.rows[0] : plot.rows[1], plot.columns[0] : plot.columns[1]])
        if not colors:
            continue
        members = {id(text) for _, text in plot.labels}
        legend = legend_of(pixels, colors, [text for text in writing.texts if labels.is_label(text) and id(text) not in members])
        shapes = list(_shapes(plot, colors))
        bars = [bar for bar in (_bar(plot, shape) for shape in shapes) if bar is not None]
        if bars:
            stacked = any(_adjoins(bar, shape, plot.axis.upright) for bar in bars for shape in shapes)
            return () if stacked else tuple(_told(plot, bars, legend))
        certain = plot.axis.upright and not plot.turned and len(plot.axis.texts) > 2
        if found := tuple(_lines(plot, colors, legend, writing.texts)) if certain else ():
            return found
    return () if plots else tuple(shares_in(pixels, labels))


def with_drawn(image: Image.Image, writing: Writing) -> Writing:
    """``writing`` with what is drawn beside it; without where that fails, since no text may be lost with it."""
    try:
        return replace(writing, drawn=measure(image, writing))
    except Exception:
        _log.warning("bars and lines of a picture are not measured", exc_info=True)
        return writing


def _plot(pixels: Pixels, axis: Axis, labels: Labels) -> _Plot | None:
    """The chart whose values ``axis`` tells: with the row of labels next to the axis's lower end."""
    along, across = (0, 1) if axis.upright else (1, 0)
    end = axis.place(axis.low)
    shown = [text for text in labels.writing.texts if labels.is_label(text)]
    shown = [text for text in shown if (text.box.middle[1] > end if axis.upright else text.box.middle[0] < end)]
    rows = [row for place in (BELOW if axis.upright else BESIDE) for row in in_line(shown, place) if len(row) > 1]
    for row in sorted(rows, key=lambda row: (min(abs(anchor(text)[across] - end) for text in row), -len(row))):
        placed = sorted(((anchor(text)[along], text) for text in row), key=lambda each: each[0])
        gaps = [b[0] - a[0] for a, b in pairwise(placed)]
        gap, wide = min(gaps), placed[-1][0] - placed[0][0]
        even = gap >= 8 and all(abs(each / gap - round(each / gap)) <= 0.3 for each in gaps)
        if even and wide >= 0.15 * pixels.shape[1 - along] and len({text.text.casefold() for text in row}) == len(row):
            break
    else:
        return None
    height = abs(axis.place(axis.high) - end)
    if axis.upright:
        first, last = axis.place(axis.high) - 0.6 * height, min(text.box.top for text in row)
    else:
        first, last = max(text.box.right for text in row), axis.place(axis.high) + 0.6 * height
    turned = pixels if axis.upright else pixels.transpose(1, 0, 2)
    part = max(0, round(first)), min(turned.shape[0], round(last) + 1)
    columns = max(0, round(placed[0][0] - 0.55 * gap)), min(turned.shape[1], round(placed[-1][0] + 0.55 * gap) + 1)
    return _Plot(turned, axis, tuple(placed), gap, part, columns)


def _with_patch(text: Text) -> Box:
    """Around a text of a legend and its patch, with the frame of the legend."""
    box, margin = text.box, text.box.height
    return Box(box.left - PATCH * box.height, box.top - margin, box.right + margin, box.bottom + margin)


@dataclass(frozen=True)
class _Shape:
    """What is of one color and no wider than a label's place: its edges in the plot, its pixels (rows, columns), its color by number."""

    top: int
    bottom: int
    left: int
    right: int
    mask: Mask
    color: int


@dataclass(frozen=True)
class _Bar:
    """A shape that stands on the line of 0, and the row at which it ends."""

    shape: _Shape
    end: float

    @property
    def middle(self) -> float:
        return (self.shape.left + self.shape.right) / 2


def _told(plot: _Plot, bars: Sequence[_Bar], legend: dict[int, Text]) -> Iterator[Drawn]:
    """The bars at each label, with their names in the legend; none where several stand at one that cannot be told apart."""
    at: dict[int, list[_Bar]] = {}
    usual = median(bar.shape.right - bar.shape.left for bar in bars)
    for bar in (bar for bar in bars if bar.shape.right - bar.shape.left > 0.4 * usual):  # else a softened edge
        i = min(range(len(plot.labels)), key=lambda i: abs(plot.labels[i][0] - bar.middle))
        at.setdefault(i, []).append(bar)
    if len(at) < max(2, 0.6 * len(plot.labels)):
        return
    offs = [abs(sum(bar.middle for bar in standing) / len(standing) - plot.labels[i][0]) for i, standing in at.items()]
    if plot.turned and max(offs) > 0.3 * plot.gap:
        return  # another end of the labels may be at their places
    alone = max(map(len, at.values())) == 1
    covers = [_with_patch(text) for text in legend.values()]
    named = any(bar.shape.color in legend for bar in bars)
    for i, standing in at.items():
        place, label = plot.labels[i]
        if alone and abs(place - standing[0].middle) > 0.3 * plot.gap:
            continue
        names = [legend[bar.shape.color].text for bar in standing if bar.shape.color in legend] if named or not alone else [""]
        if len(set(names)) < len(standing):
            continue
        for bar, name in zip(standing, names, strict=True):
            box = plot.box(bar.shape.top, bar.shape.bottom, bar.shape.left, bar.shape.right)
            if not any(box.distance(cover) <= 3 for cover in covers):
                yield Drawn(name=label.text, series=name, value=plot.axis.value(bar.end), error=1.5 * abs(plot.axis.rise), box=box)


def _shapes(plot: _Plot, colors: Sequence[Color]) -> Iterator[_Shape]:
    """What is of one color beyond the line of 0 and no wider than a label's place; nothing where the plot has no such line."""
    zero, first = plot.axis.place(0), plot.columns[0]
    top, bottom = (plot.rows[0], round(zero - 1)) if plot.axis.upright else (round(zero + 1), plot.rows[1])
    if not plot.rows[0] < zero < plot.rows[1] or bottom - top < MIN_LENGTH_PX:
        return
    part = plot.pixels[top:bottom, slice(*plot.columns)]
    if not part.size:
        return
    for number, color in enumerate(colors):
        mask = mask_of(part, color).astype(np.uint8)
        if _is_ground(mask if plot.axis.upright else mask[::-1]):
            continue
        closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 1), np.uint8))  # lines of a grid may cut a bar
        count, numbered, stats, _ = cv2.connectedComponentsWithStats(closed, connectivity=4)
        for i in range(1, min(count, MAX_SHAPES)):
            left, up, wide, high = (int(each) for each in stats[i][:4])
            if max(3, 0.03 * plot.gap) <= wide <= 1.02 * plot.gap and high >= MIN_LENGTH_PX:
                own: Mask = numbered[up : up + high, left : left + wide] == i
                yield _Shape(top + up, top + up + high, first + left, first + left + wide, own, number)


def _is_ground(mask: npt.NDArray[np.uint8]) -> bool:
    """Whether there is more of a color far from the line of 0, in the upper third of the rows, than near it: the ground behind bars."""
    third = max(1, len(mask) // 3)
    return float(mask[:third].mean()) > float(mask[-third:].mean())


def _bar(plot: _Plot, shape: _Shape) -> _Bar | None:
    """``shape`` as a bar that stands on the line of 0, or as a thin one with a dot at its end."""
    foot, end = (shape.bottom, float(shape.top)) if plot.axis.upright else (shape.top, float(shape.bottom))
    if abs(foot - plot.axis.place(0)) > FOOT_PX or not plot.rows[0] + 2 < end < plot.rows[1] - 2:
        return None
    if _goes_on(plot, shape):
        return None
    high, wide = shape.mask.shape
    if shape.mask.mean() >= 0.85:
        end += _outline(plot, shape) / 2 * (-1 if plot.axis.upright else 1)
        return _Bar(shape, end) if wide >= 0.08 * plot.gap else None
    stem = shape.mask[wide:] if plot.axis.upright else shape.mask[:-wide]
    columns = np.flatnonzero(stem.any(axis=0))
    if wide < 0.5 * plot.gap and len(columns) and columns[-1] - columns[0] < 0.5 * wide:
        return _Bar(shape, end + (wide / 2 if plot.axis.upright else -wide / 2))
    return None


def _goes_on(plot: _Plot, shape: _Shape) -> bool:
    """Whether a shape is only the part beyond the line of 0 of something that goes on behind it."""
    column = (shape.left + shape.right) // 2
    row, behind = (shape.bottom - 2, shape.bottom + FOOT_PX) if plot.axis.upright else (shape.top + 1, shape.top - FOOT_PX - 1)
    if not 0 <= behind < len(plot.pixels):
        return False
    return bool(np.abs(plot.pixels[row, column].astype(np.int16) - plot.pixels[behind, column]).max() <= ALIKE)


def _outline(plot: _Plot, shape: _Shape) -> int:
    """How many rows an outline has at the end of a bar, 0 to 4."""
    margin = (shape.right - shape.left) // 4
    columns = slice(shape.left + margin, shape.right - margin)
    rows = plot.pixels[max(0, shape.top - 6) : shape.top] if plot.axis.upright else plot.pixels[shape.bottom : shape.bottom + 6][::-1]
    beyond = rows[:, columns].astype(np.int16)  # the last row is next to the bar
    if len(beyond) < 6 or not beyond.size:
        return 0
    middle = np.median(beyond, axis=1)
    differs = np.abs(middle - middle[0]).max(axis=1) > 2 * ALIKE
    even = np.abs(beyond - middle[:, None]).max(axis=2).mean(axis=1) < ALIKE
    if differs[:2].any() or not even.all():
        return 0
    return int(differs.sum())


def _adjoins(bar: _Bar, shape: _Shape, upright: bool) -> bool:
    """Whether ``shape`` goes on where ``bar`` ends, as bars do that are stacked."""
    start, end = (shape.bottom, bar.shape.top) if upright else (shape.top, bar.shape.bottom)
    same = abs(shape.left - bar.shape.left) <= 2 and abs(shape.right - bar.shape.right) <= 2
    return same and abs(start - end) <= 3 and shape.bottom - shape.top > 2 * MIN_LENGTH_PX and bool(shape.mask.mean() > 0.85)


def _lines(plot: _Plot, colors: Sequence[Color], legend: dict[int, Text], texts: Sequence[Text]) -> Iterator[Drawn]:
    part = plot.pixels[slice(*plot.rows), slice(*plot.columns)]
    shown = np.ones(part.shape[:2], dtype=np.bool_)  # where no text stands
    for text in texts:
        top, left = max(0, round(text.box.top) - 1 - plot.rows[0]), max(0, round(text.box.left) - 1 - plot.columns[0])
        shown[top : max(0, round(text.box.bottom) + 1 - plot.rows[0]), left : max(0, round(text.box.right) + 1 - plot.columns[0])] = False
    first, last = (round(plot.labels[i][0] - plot.columns[0]) for i in (0, -1))
    for alike in (ALIKE, 2.5 * ALIKE):  # thin lines are softened all along
        raw = {i: mask_of(part, color, alike) & shown for i, color in enumerate(colors)}
        masks = {i: _without_rules(mask, first, last) for i, mask in raw.items()}
        masks = _apart({i: mask for i, mask in masks.items() if mask.sum() > 0.5 * raw[i].sum() and _is_line(mask, first, last)})
        named = {i: legend[i].text for i in masks if i in legend}
        if not named and len(masks) == 1:
            named = dict.fromkeys(masks, "")
        found = [drawn for i, name in named.items() for drawn in _points(plot, masks[i], name)]
        if found:
            yield from found
            return


def _points(plot: _Plot, mask: Mask, series: str) -> Iterator[Drawn]:
    """Where the line of ``mask`` passes each label."""
    for place, label in plot.labels:
        point = _point(mask, round(place - plot.columns[0]))
        if point is not None and abs(point[0] + plot.rows[0] - plot.axis.place(0)) > NEAR_PX:  # else it may be the axis
            row, error = point[0] + plot.rows[0], (1.5 + point[1]) * abs(plot.axis.rise)
            box = plot.box(row - 4, row + 4, place - 4, place + 4)
            yield Drawn(name=label.text, series=series, value=plot.axis.value(row), error=error, box=box)


def _apart(masks: dict[int, Mask]) -> dict[int, Mask]:
    """``masks`` without those that are only the softened edge of another."""
    kept: dict[int, Mask] = {}
    for i, mask in sorted(masks.items(), key=lambda each: -int(each[1].sum())):
        around = [cv2.dilate(other.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0 for other in kept.values()]
        if all(mask[other].sum() < 0.5 * mask.sum() for other in around):
            kept[i] = mask
    return kept


def _without_rules(mask: Mask, first: int, last: int) -> Mask:
    """``mask`` without the rows that are of its color nearly from the ``first`` column to the ``last``: axes, lines of a grid."""
    rules = mask[:, first : last + 1].mean(axis=1) > 0.75
    without: Mask = mask & ~rules[:, None]
    return without


def _is_line(mask: Mask, first: int, last: int) -> bool:
    """Whether one color runs from the ``first`` column to the ``last`` and is thin."""
    high = mask[:, first : last + 1].sum(axis=0)
    covered = high > 0
    return len(high) >= 8 and bool(covered.mean() > 0.5 and np.median(high[covered]) < 0.1 * len(mask))


def _point(mask: Mask, column: int) -> tuple[float, float] | None:
    """The row at which a line passes ``column``, and how far it may be off; None where that is not plain."""
    middles: list[tuple[int, float]] = []
    for x in range(max(0, column - 2), min(mask.shape[1], column + 3)):
        rows = np.flatnonzero(mask[:, x])
        if len(rows) and rows[-1] - rows[0] > max(14, 0.07 * len(mask)):
            return None
        if len(rows):
            middles.append((abs(x - column), (rows[0] + rows[-1]) / 2 + 0.5))
    if len(middles) < 3:
        return None
    told = [middle for _, middle in middles]
    return float(min(middles)[1]), float(max(told) - min(told)) / 2

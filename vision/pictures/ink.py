"""Which of many texts can be seen in a drawing, and where: a text is seen where the drawing changes without it.

The drawing is made several times, each time without half of the texts. Every text has its own pattern of drawings that
lack it, all of equal weight (a constant-weight code), so that a pixel tells which one text it shows, and says nothing
where two lie upon each other. Whatever hides a text, hides it here: colour, opacity, a clip, a cover, the picture's edge.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import combinations, islice

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFont

from vision.pictures.box import Box
from vision.pictures.drawing import roboto
from vision.pictures.writing import MAX_TEXTS, Text, Writing

MIN_CONTRAST = 20
"""From which difference, of 255, a pixel counts as ink that a person sees."""
MIN_HEIGHT_PX = 3
"""Lower letters are no letters for anybody."""
MIN_LENGTH, MIN_FILL = 0.8, 0.5
"""Shares of the length and of the ink that a text must show, of those that it has in a narrow font."""
MAX_CHARS = 400
"""Longer texts are no labels and no lines."""
LATIN_TO_CYRILLIC = 0x530
"""Letters below this code point have their own width in the fonts that come along."""


Draw = Callable[[list[frozenset[int]]], list[Image.Image]]
"""Gives one drawing for each set of texts, without them."""


@dataclass(frozen=True)
class Ink:
    """Where a text is seen.

    Attributes:
        box: around its pixels.
        length, height: along the text and across it, pixels.
        pixels: how many there are.
    """

    box: Box
    length: float
    height: float
    pixels: int


def codes(count: int) -> list[frozenset[int]]:
    """For each of ``count`` texts the drawings that lack it: distinct, all of equal size, as few drawings as will do.

    >>> [sorted(code) for code in codes(4)]
    [[0, 1], [0, 2], [0, 3], [1, 2]]
    """
    drawings = 1
    while math.comb(drawings, drawings // 2) < count:
        drawings += 1
    return [frozenset(code) for code in islice(combinations(range(drawings), max(drawings // 2, 1)), count)]


def owners(draw: Draw, count: int) -> npt.NDArray[np.int32]:
    """(H, W): the number, from 0, of the only one of ``count`` texts that a pixel shows, -1 where there is none.

    Args:
        draw: gives one drawing for each set, without the texts in it.
        count: how many texts there are, one at least.
    """
    code = codes(count)
    drawings = max(max(lacking_in) for lacking_in in code) + 1
    lacking = [frozenset(i for i, lacking_in in enumerate(code) if k in lacking_in) for k in range(drawings)]
    whole, *others = (np.asarray(image, dtype=np.int16) for image in draw([frozenset(), *lacking]))
    shown: npt.NDArray[np.int32] = np.zeros(whole.shape[:2], dtype=np.int32)  # (H, W), a bit for each drawing
    for k, other in enumerate(others):
        shown |= (np.abs(whole - other).max(axis=2) >= MIN_CONTRAST).astype(np.int32) << k
    number = np.full(1 << drawings, -1, dtype=np.int32)
    number[[sum(1 << k for k in lacking_in) for lacking_in in code]] = np.arange(count)
    return number[shown]


def find(draw: Draw, angles: list[float]) -> list[Ink | None]:
    """Where each text is seen, None where it is not.

    Args:
        draw: gives one drawing for each set, without the texts in it.
        angles: of each text, degrees clockwise.
    """
    if not angles:
        return []
    owner = owners(draw, len(angles))
    rows, columns = np.nonzero(owner >= 0)
    order = np.argsort(owner[rows, columns], kind="stable")
    rows, columns = rows[order], columns[order]
    cuts = np.searchsorted(owner[rows, columns], np.arange(len(angles) + 1))
    return [ink_of(rows[low:high], columns[low:high], angle) for low, high, angle in zip(cuts[:-1], cuts[1:], angles, strict=True)]


def ink_of(rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], angle: float) -> Ink | None:
    """The ink of a text that runs at ``angle``, from its pixels; None where there are none."""
    if not len(rows):
        return None
    along, across = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    u, v = columns * along + rows * across, rows * along - columns * across
    box = Box(float(columns.min()), float(rows.min()), float(columns.max()) + 1, float(rows.max()) + 1)
    return Ink(box, float(u.max() - u.min()) + 1, float(v.max() - v.min()) + 1, len(rows))


def in_order(size: tuple[int, int], texts: list[Text]) -> Writing | None:
    """``texts`` as OCR gives them: by rows from the top, :data:`MAX_TEXTS` at most; None where there are none."""
    texts = [text for row in Writing(size=size, texts=tuple(texts)).rows for text in row]
    return Writing(size=size, texts=tuple(texts[:MAX_TEXTS])) if texts else None


def legible(text: str, ink: Ink) -> bool:
    """Whether ``ink`` shows about all of ``text`` and is large enough to be read: a line of which one word shows is not that line."""
    length, height, fill = _expected("".join(letter if ord(letter) < LATIN_TO_CYRILLIC else "n" for letter in text[:MAX_CHARS]))
    if len(text) > MAX_CHARS or max(ink.length, ink.height) < MIN_HEIGHT_PX or (len(text) > 1 and ink.height < MIN_HEIGHT_PX - 1):
        return False
    least = MIN_LENGTH * length / height * max(ink.height - 1, 1) - (1 if len(text) > 1 else 2)  # a pixel at each edge is only touched
    return ink.length >= least and ink.pixels >= MIN_FILL * fill * (ink.length - 1) * (ink.height - 1)


@cache
def _font() -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(roboto("Regular"), 40)


def _expected(text: str) -> tuple[float, float, float]:
    """Length and height of ``text`` in a narrow font, and the share of that box that is ink."""
    left, top, right, bottom = _font().getbbox(text)
    width, height = max(right - left, 1), max(bottom - top, 1)
    mask = np.asarray(_font().getmask(text, mode="L"), dtype=np.uint8)
    return width, height, float((mask > 80).sum()) / (width * height)

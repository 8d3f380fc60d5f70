"""What a model is shown of a picture: without wide blank margins, squeezed to its square, in pan-and-scan crops where they show more."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageChops

PanAndScan = Literal["auto", "on", "off"]
"""Whether long pictures are also shown in crops: ``on`` wherever Gemma 3's rule makes any, ``auto`` only where a crop
shows more than the whole did, and never for a model that was not made for crops, ``off`` not at all."""
GEMMA_SIDE, GEMMA_TOKENS = 896, 256
"""How Gemma 3 is shown a picture: side of its square in pixels, and the tokens that it costs."""
LARGE = 1024
"""Longest side from which blank margins are looked for, pixels."""
BLANK = 8
"""Steps of 256 by which a margin may differ from the color of most corners."""
MIN_CROP = 256
"""Smallest side of a pan-and-scan crop, pixels."""
MAX_CROPS = 4
"""Most crops of one picture."""
MIN_RATIO = 1.2
"""Aspect ratio from which a picture is cropped at all."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a model sees of one picture.

    Attributes:
        squares: the whole picture (without wide blank margins) and each crop, squeezed to the model's square.
        boxes: (left, top, right, bottom) in the picture's pixels for each of them.
        tokens: image tokens that they cost together.
    """

    squares: tuple[Image.Image, ...]
    boxes: tuple[tuple[int, int, int, int], ...]
    tokens: int


def content_box(image: Image.Image) -> tuple[int, int, int, int]:
    """The part of ``image`` that a model is shown: what stands on a large page that is blank for more than half, else the whole.

    Returns:
        (left, top, right, bottom) in pixels, with a rim of a thirtieth and at most twice as long as it is wide.

    >>> page = Image.new("RGB", (2400, 1600), "white")
    >>> page.paste("black", (500, 300, 900, 700))
    >>> content_box(page), content_box(page.resize((600, 400)))
    ((482, 282, 918, 718), (0, 0, 600, 400))
    """
    whole, step = (0, 0, image.width, image.height), math.ceil(max(image.size) / (LARGE // 2))
    if max(image.size) < LARGE:
        return whole
    small = (image if image.mode == "RGB" else image.convert("RGB")).reduce(step)
    corners = Counter(small.getpixel((x, y)) for x in (0, small.width - 1) for y in (0, small.height - 1))
    differs = ImageChops.difference(small, Image.new("RGB", small.size, corners.most_common(1)[0][0])).split()
    inked = ImageChops.lighter(ImageChops.lighter(differs[0], differs[1]), differs[2]).point(lambda value: 255 * (value > BLANK))
    found = inked.getbbox()
    if found is None:
        return whole
    left, top, right, bottom = (step * at for at in found)
    rim = max(right - left, bottom - top) // 30 + step
    wide, high = (max(0, (max(right - left, bottom - top) // 2 - side) // 2) + rim for side in (right - left, bottom - top))
    box = max(0, left - wide), max(0, top - high), min(image.width, right + wide), min(image.height, bottom + high)
    return box if 2 * (box[2] - box[0]) * (box[3] - box[1]) < image.width * image.height else whole


def content(image: Image.Image) -> Image.Image:
    """``image`` as a model is shown it (:func:`content_box`); itself where that is the whole."""
    box = content_box(image)
    return image if box == (0, 0, *image.size) else image.crop(box)


def pan_and_scan_boxes(
    size: tuple[int, int], *, min_crop: int = MIN_CROP, max_crops: int = MAX_CROPS, min_ratio: float = MIN_RATIO
) -> list[tuple[int, int, int, int]]:
    """The crops that Gemma 3's pan-and-scan takes of a picture of ``size`` (width, height), in reading order.

    Args:
        size: pixels.
        min_crop: smallest side of a crop, pixels.
        max_crops: most crops.
        min_ratio: aspect ratio from which a picture is cropped at all.

    Returns:
        (left, top, right, bottom) boxes; none for a picture that is nearly square or too small.

    Source: Gemma 3 technical report (arXiv 2503.19786) section 2.1 and ``Gemma3ImageProcessor.pan_and_scan``.

    >>> pan_and_scan_boxes((1000, 400))
    [(0, 0, 334, 400), (334, 0, 668, 400), (668, 0, 1000, 400)]
    """
    width, height = size
    long, short = max(size), min(size)
    if long / short < min_ratio:
        return []
    count = min(math.floor(long / min_crop), math.floor(long / short + 0.5))
    count = min(max_crops, max(2, count))
    step = math.ceil(long / count)
    if min(step, short) < min_crop:
        return []
    cuts = [(step * i, min(step * (i + 1), long)) for i in range(count)]
    return [(a, 0, b, height) if width >= height else (0, a, width, b) for a, b in cuts]


def smallest_crop(wanted: PanAndScan, *, side: int, made_for_crops: bool | None) -> int:
    """The smallest side of a crop that is worth its tokens, pixels; 0 where nothing is cropped.

    Args:
        wanted: what was asked for.
        side: of the model's square, pixels.
        made_for_crops: what the model's processor says, None where it says nothing.

    >>> smallest_crop("auto", side=896, made_for_crops=None)  # twice as long as the square: each crop doubles what is seen
    448
    """
    if wanted == "off" or (wanted == "auto" and made_for_crops is False):
        return 0
    return MIN_CROP if wanted == "on" else max(MIN_CROP, side // 2)


def seen(image: Image.Image, *, side: int, tokens_per_image: int, min_crop: int = 0) -> Seen:
    """What a model with squares of ``side`` pixels sees of ``image``, with pan-and-scan crops unless ``min_crop`` is 0."""
    left, top, right, bottom = whole = content_box(image)
    crops = pan_and_scan_boxes((right - left, bottom - top), min_crop=min_crop) if min_crop else []
    boxes = (whole, *((left + a, top + b, left + c, top + d) for a, b, c, d in crops))
    squares = tuple(image.crop(box).resize((side, side), Image.Resampling.BILINEAR) for box in boxes)
    return Seen(squares=squares, boxes=boxes, tokens=tokens_per_image * len(boxes))

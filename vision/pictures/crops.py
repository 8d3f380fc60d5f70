"""What a model is shown of a picture: squeezed to its square, and in pan-and-scan crops where they show more."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from PIL import Image

PanAndScan = Literal["auto", "on", "off"]
"""Whether long pictures are also shown in crops: ``on`` wherever Gemma 3's rule makes any, ``auto`` only where a crop
shows more than the whole did, and never for a model that was not made for crops, ``off`` not at all."""
GEMMA_SIDE, GEMMA_TOKENS = 896, 256
"""How Gemma 3 is shown a picture: side of its square in pixels, and the tokens that it costs."""
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
        squares: the whole picture and each crop, squeezed to the model's square.
        boxes: (left, top, right, bottom) in the picture's pixels for each of them.
        tokens: image tokens that they cost together.
    """

    squares: tuple[Image.Image, ...]
    boxes: tuple[tuple[int, int, int, int], ...]
    tokens: int


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
    boxes = [(0, 0, image.width, image.height), *(pan_and_scan_boxes(image.size, min_crop=min_crop) if min_crop else [])]
    squares = tuple(image.crop(box).resize((side, side), Image.Resampling.BILINEAR) for box in boxes)
    return Seen(squares=squares, boxes=tuple(boxes), tokens=tokens_per_image * len(boxes))

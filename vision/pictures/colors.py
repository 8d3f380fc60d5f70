"""The colors of a chart, and what its legend calls them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from vision.pictures.box import Box
from vision.pictures.writing import Text

Color = npt.NDArray[np.int16]
Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

ALIKE = 24
"""Colors whose channels differ by no more than this, of 255, are one."""
PATCH = 3.2
"""Heights of a legend's text from which its patch of color begins before it."""
MAX_COLORS = 24
"""That are looked at, the most frequent ones."""


def colors_in(pixels: Pixels) -> list[Color]:
    """The colors of which there is most, no two alike."""
    part = pixels.reshape(-1, 3)
    codes = ((part >> 3).astype(np.int32) @ np.array([1024, 32, 1])).astype(np.int32)
    counts = np.bincount(codes, minlength=1 << 15)
    found: list[Color] = []
    for code in np.argsort(counts)[::-1][: 3 * MAX_COLORS]:
        if counts[code] < 12 or len(found) == MAX_COLORS:
            break
        color = np.median(part[codes == code], axis=0).astype(np.int16)
        if all(np.abs(color - other).max() > ALIKE for other in found):
            found.append(color)
    return found


def mask_of(pixels: Pixels, color: Color, alike: float = ALIKE) -> Mask:
    """Where ``pixels`` are of ``color``, (rows, columns)."""
    mask: Mask = np.abs(pixels.astype(np.int16) - color).max(axis=2) <= alike
    return mask


def legend_of(pixels: Pixels, colors: Sequence[Color], texts: Sequence[Text]) -> dict[int, Text]:
    """The text behind a patch of each color, by the color's number; those left out that stand before several."""
    named: dict[int, list[Text]] = {}
    for text in texts:
        left = text.box.left - PATCH * text.box.height
        patch, ground = part_of(pixels, replace(text.box, left=left, right=text.box.left - 1)), part_of(pixels, text.box)
        if not text.level or not patch.size or not ground.size:
            continue
        behind = max(range(len(colors)), key=lambda i: int(mask_of(ground, colors[i]).sum()))
        counts = {i: int(mask_of(patch, color).sum()) for i, color in enumerate(colors) if i != behind}
        most = max(counts.values(), default=0)
        color = next((i for i, count in counts.items() if 2 * count >= most > 0), -1)  # the most frequent one, else a softened edge of it
        if most >= 0.8 * text.box.height and mask_of(patch, colors[color]).any(axis=0).mean() < 0.85:
            named.setdefault(color, []).append(text)
    return {color: same[0] for color, same in named.items() if len(same) == 1}


def part_of(pixels: Pixels, box: Box) -> Pixels:
    """The pixels of ``box``."""
    return pixels[max(0, round(box.top)) : round(box.bottom) + 1, max(0, round(box.left)) : max(0, round(box.right))]

"""The text layer of a PDF page: what the page itself says, with boxes in pixels of the page as it was drawn.

Only what a person sees is taken: the page is drawn without its texts, part by part (:mod:`vision.pictures.ink`), so that
what scanners write invisibly behind a picture, which is somebody's reading and not the page, or what is white, covered
or cut off, is not in it. To be called with PDFium's lock held, on a page that is closed afterwards.
"""

from __future__ import annotations

import ctypes
import math
import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image

from vision.pictures import ink
from vision.pictures.box import Box
from vision.pictures.writing import Text, Writing

MAX_LETTERS, MAX_OBJECTS = 20_000, 3_000
"""With more on a page its layer is not taken."""
BROKEN_SHARE = 0.05
"""Share of letters that are none, from which the layer is not taken: the font does not say what its shapes mean."""
PICTURE_SHARE = 0.1
"""Share of the page from which a picture in it may hold writing of its own, so that OCR reads all of it."""
MIN_PIXELS = 10_000
"""Pixels of a picture in which there is room for writing; the squares of a heat map are fewer."""
WIDE, NEXT = 0.9, 0.5
"""Gaps that part two texts in a line, as shares of the font's size; the smaller one where the file has parted them already."""
COARSE = 0.5
"""Scale of the drawings that tell what is seen."""
_LIGATURES = re.compile("[\ufb00-\ufb06]")
FINE = 16
"""PDFium gives places in whole numbers: they are asked for in so many parts of a pixel."""


@dataclass
class _Letter:
    """One letter: what it is, the number of its text object, its box and font size in pixels, its direction in degrees clockwise."""

    text: str
    owner: int
    box: Box
    size: float
    angle: float


def layer_of(page: Any, image: Image.Image) -> Writing | None:
    """The text of ``page``, which was drawn as ``image``; None where OCR must read it.

    That is so where the page has no text that is seen, where its fonts do not say what their shapes mean, and where a
    picture takes more than :data:`PICTURE_SHARE` of it.
    """
    if _picture_share(page) > PICTURE_SHARE:
        return None
    with_text = page.get_textpage()
    try:
        if not 0 < with_text.count_chars() <= MAX_LETTERS:
            return None
        objects: dict[int, Any] = {}
        letters = _letters(page, with_text, image.size, objects)
        if not letters or len(objects) > MAX_OBJECTS or sum(map(_is_broken, letters)) > BROKEN_SHARE * len(letters):
            return None
        owner = ink.owners(lambda sets: [_drawn(page, list(objects.values()), lacking, image.size) for lacking in sets], len(objects))
    finally:
        with_text.close()
    return ink.in_order(image.size, [text for line in _lines(letters) if (text := _seen(line, owner)) is not None])


def _picture_share(page: Any) -> float:
    """The largest share of ``page`` that one picture covers in which there is room for writing."""
    import pypdfium2.raw as pdfium

    width, height = page.get_size()
    shares = [0.0]
    for thing in page.get_objects(filter=(pdfium.FPDF_PAGEOBJ_IMAGE,), max_depth=4):
        left, bottom, right, top = thing.get_bounds()
        across, down = thing.get_px_size()
        if across * down < MIN_PIXELS:
            continue
        shares.append(max(right - left, 0.0) * max(top - bottom, 0.0) / max(width * height, 1.0))
    return max(shares)


def _letters(page: Any, with_text: Any, size: tuple[int, int], objects: dict[int, Any]) -> list[_Letter]:
    """The letters in the file's order; their text objects go into ``objects`` by their address."""
    import pypdfium2.raw as pdfium

    numbers: dict[int, int] = {}
    letters: list[_Letter] = []
    for i in range(with_text.count_chars()):
        thing = pdfium.FPDFText_GetTextObject(with_text, i)
        address = ctypes.cast(thing, ctypes.c_void_p).value
        if not address or pdfium.FPDFText_IsGenerated(with_text, i) == 1:  # PDFium supposes a space or an end of line here
            if letters and pdfium.FPDFText_GetUnicode(with_text, i) == ord(" "):
                letters.append(replace(letters[-1], text=" "))
            continue
        objects.setdefault(address, thing)
        matrix = pdfium.FS_MATRIX()
        pdfium.FPDFText_GetMatrix(with_text, i, matrix)
        left, right, bottom, top = (ctypes.c_double() for _ in range(4))
        pdfium.FPDFText_GetCharBox(with_text, i, left, right, bottom, top)
        x1, y1 = _pixel(page, size, left.value, bottom.value)
        x2, y2 = _pixel(page, size, right.value, top.value)
        broken = pdfium.FPDFText_HasUnicodeMapError(with_text, i) == 1
        letters.append(
            _Letter(
                text="\ufffd" if broken else chr(pdfium.FPDFText_GetUnicode(with_text, i)),
                owner=numbers.setdefault(address, len(numbers)),
                box=Box(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)),
                size=pdfium.FPDFText_GetFontSize(with_text, i) * math.hypot(matrix.c, matrix.d) * max(size) / max(*page.get_size(), 1.0),
                angle=_angle(page, size, matrix.a, matrix.b),
            )
        )
    return letters


def _pixel(page: Any, size: tuple[int, int], x: float, y: float) -> tuple[float, float]:
    """A place on the page in pixels of its drawing: the page may be turned and cut."""
    import pypdfium2.raw as pdfium

    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, size[0] * FINE, size[1] * FINE, 0, x, y, across, down)
    return across.value / FINE, down.value / FINE


def _angle(page: Any, size: tuple[int, int], a: float, b: float) -> float:
    """Degrees clockwise in the drawing of the direction (a, b) on the page, as -180 to below 180."""
    length = math.hypot(a, b) or 1.0
    x0, y0 = _pixel(page, size, 0.0, 0.0)
    x1, y1 = _pixel(page, size, 100.0 * a / length, 100.0 * b / length)
    return (round(math.degrees(math.atan2(y1 - y0, x1 - x0)), 1) + 180.0) % 360.0 - 180.0


def _is_broken(letter: _Letter) -> bool:
    """Whether that is no letter: unmapped, private, or a control character.

    >>> box = Box(0, 0, 9, 9)
    >>> [_is_broken(_Letter(text, 0, box, 9, 0)) for text in ("é", "\\ue012", "\\x02", " ")]
    [False, True, True, False]
    """
    return letter.text == "\ufffd" or unicodedata.category(letter.text) in ("Co", "Cn", "Cs", "Cc") and not letter.text.isspace()


def _drawn(page: Any, objects: list[Any], lacking: frozenset[int], size: tuple[int, int]) -> Image.Image:
    """A small drawing of ``page`` without the text objects that are ``lacking``."""
    import pypdfium2.raw as pdfium

    for number in lacking:
        pdfium.FPDFPageObj_SetIsActive(objects[number], False)
    bitmap = page.render(scale=COARSE * max(size) / max(*page.get_size(), 1.0), may_draw_forms=False)
    drawn: Image.Image = bitmap.to_pil().convert("RGB")
    for number in lacking:
        pdfium.FPDFPageObj_SetIsActive(objects[number], True)
    return drawn


def _lines(letters: list[_Letter]) -> list[list[_Letter]]:
    """``letters`` as OCR would part them: a label, a number or a line is one text, and a wide gap ends it."""
    lines: list[list[_Letter]] = []
    for letter in letters:
        if letter.text.isspace():
            if lines:
                lines[-1].append(letter)
            continue
        before = next(other for other in reversed(lines[-1]) if not other.text.isspace()) if lines else None
        if before is None or _parted(before, letter):
            lines.append([])
        lines[-1].append(letter)
    return lines


def _parted(before: _Letter, letter: _Letter) -> bool:
    size = max(before.size, letter.size)
    if before.box == letter.box and before.owner == letter.owner:  # two letters in one shape, as fi
        return False
    if abs(before.angle - letter.angle) > 2:
        return True
    along, across = _gap(before, letter)
    return not -0.5 * size <= along <= (WIDE if before.owner == letter.owner else NEXT) * size or abs(across) > 0.5 * size


def _gap(before: _Letter, letter: _Letter) -> tuple[float, float]:
    """From the end of one letter to the beginning of the next along the line, and from middle to middle across it, pixels."""
    turn = math.radians(before.angle)
    cos, sin = math.cos(turn), math.sin(turn)
    (x1, y1), (x2, y2) = before.box.middle, letter.box.middle
    along, across = (x2 - x1) * cos + (y2 - y1) * sin, (y2 - y1) * cos - (x2 - x1) * sin
    half = sum(abs(box.width * cos) + abs(box.height * sin) for box in (before.box, letter.box)) / 2
    return along - half, across


def _seen(line: list[_Letter], owner: Any) -> Text | None:
    """``line`` as a text where it is seen."""
    while line and line[-1].text.isspace():
        line = line[:-1]
    text = " ".join(_LIGATURES.sub(lambda found: unicodedata.normalize("NFKC", found[0]), "".join(letter.text for letter in line)).split())
    boxes = [letter.box for letter in line if not letter.text.isspace()]
    left, top = max(int(min(b.left for b in boxes) * COARSE) - 1, 0), max(int(min(b.top for b in boxes) * COARSE) - 1, 0)
    right, bottom = int(max(b.right for b in boxes) * COARSE) + 2, int(max(b.bottom for b in boxes) * COARSE) + 2
    rows, columns = np.nonzero(np.isin(owner[top:bottom, left:right], list({letter.owner for letter in line})))
    where = ink.ink_of(rows + top, columns + left, line[0].angle)
    if not text or where is None or not ink.legible(text, where):
        return None
    box = where.box
    return Text(
        text=text, box=Box(box.left / COARSE, box.top / COARSE, box.right / COARSE, box.bottom / COARSE), angle=-line[0].angle or 0.0
    )

"""From lines to texts: each line read in its direction, taken apart, read anew, joined with its rest; and what was overlooked.

Nothing is made up: every text was recognized from its own pixels, and what a rule changes is only where a text begins and
ends, its direction, and a sign between ``0`` and ``O``. The detector overlooks lone digits; they are sought among the small marks
beside other texts, and taken only where they stand in a row or column of such texts, as high as those and in their colour.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vision.pictures.mending import ink_of, runs, taken_apart, tidied
from vision.pictures.reading import LONG, STRIP, Line, Pixels, Reader, Reading

NARROW = 1.25
"""Width to height under which a level line may be a short turned one."""
SHORT = 2.5
"""Width to height under which a turned line may as well be a level sign or two."""
UNIT_REACH = 0.7
"""Space in heights over which an opening bracket belongs to the text before it, as in ``Rate (%)``."""
UNIT_LONGEST = 6.0
"""Longest unit in brackets that is sought, heights."""
FEW, SMALL, LARGER = 8, 600_000, 1.5
"""A picture with fewer lines and pixels is looked at again, enlarged: the detector overlooks lone texts on large shapes."""
CANDIDATES = 24
"""Small marks that are looked at for lone signs."""
THICK, DOUBTED = 0.27, 0.9
"""A lone sign with a lower score than the second is none if it is ink over this share of its height both ways."""
SURE_ALONE = 0.7
"""Least score of a lone sign."""


@dataclass(frozen=True)
class Found:
    """A text, the tight rectangle along it, and the score of its reading."""

    text: str
    line: Line
    score: float

    @property
    def is_number(self) -> bool:
        return any(sign.isdigit() for sign in self.text) and not any(sign.isalpha() for sign in self.text)


def gather(reader: Reader, pixels: Pixels, most: int, seconds: float) -> list[Found]:
    """The texts of a picture: not more than ``most``, and those that were read within so many seconds of knowing where they are."""
    lines = reader.detect(pixels)
    if len(lines) < FEW and pixels.shape[0] * pixels.shape[1] < SMALL:
        lines = _with_others(lines, reader.detect(pixels, LARGER))
    deadline = time.monotonic() + seconds
    lines = sorted(lines, key=lambda line: (line.y, line.x))[:most]
    found = _apart(reader, pixels, _directed(reader, pixels, lines, deadline), deadline)
    if time.monotonic() < deadline:
        found = _joined(reader, pixels, found, deadline)
        found = _with_units(reader, pixels, found, deadline)
        found = _in_columns(reader, pixels, found, deadline)
        found = [_figure(text, found) for text in found]
        found += _overlooked(reader, pixels, found, lines, deadline)
    return [text for text in _without_marks(found) if text.text and not _is_shape(text, pixels)][:most]


def _with_others(lines: list[Line], others: list[Line]) -> list[Line]:
    """``lines``, and those of the other size that lie apart from them."""
    boxes = [line.box for line in lines]
    apart = [other for other in others if not any(box.common(other.box) > 0.1 * min(box.area, other.box.area) for box in boxes)]
    return lines + apart


def _directed(reader: Reader, pixels: Pixels, lines: list[Line], deadline: float) -> list[tuple[Line, Pixels, Reading]]:
    """Each line in the direction in which it reads best, with its strip and what that says."""
    tries = list(enumerate(lines))
    tries += [(i, _level(line)) for i, line in enumerate(lines) if line.angle and line.width < SHORT * line.height]
    tries += [(i, line.turned(90)) for i, line in enumerate(lines) if not line.angle and line.width < NARROW * line.height]
    read = _read(reader, pixels, tries, deadline)
    ends = [(i, line.turned(180)) for i, line, *_ in read if abs(line.angle) > 60 and line.width > LONG * line.height]
    best: dict[int, tuple[float, Line, Pixels, Reading]] = {}
    for i, line, strip, said in read + _read(reader, pixels, ends, deadline):
        signs = _letters(said.text)
        level = 0.0 if line.angle else 0.5 if signs == 1 else 0.1  # a lone sign is hardly ever turned
        favour = said.score + 0.15 * min(signs, 4) + level
        if said.text.strip() and (i not in best or favour > best[i][0]):
            best[i] = (favour, line, strip, said)
    return [choice[1:] for choice in best.values()]


def _read(reader: Reader, pixels: Pixels, lines: Iterable[tuple[int, Line]], deadline: float) -> list[tuple[int, Line, Pixels, Reading]]:
    cut = [(i, line, line.cut(pixels)) for i, line in lines]
    readings = reader.recognize([strip for *_, strip in cut], deadline)
    return [(*one, said) for one, said in zip(cut, readings, strict=True) if said is not None]


def _level(line: Line) -> Line:
    box = line.box
    return Line(line.x, line.y, box.width, box.height)


def _apart(reader: Reader, pixels: Pixels, read: list[tuple[Line, Pixels, Reading]], deadline: float) -> list[Found]:
    """The texts of the lines; those that were parted from others are recognized anew by themselves."""
    found: list[Found] = []
    anew: list[tuple[int, Line]] = []
    for line, strip, said in read:
        for piece in taken_apart(pixels, line, strip, said):
            tight = piece.within(line)
            if piece.cut:
                anew.append((len(found), tight.grown(0.1 * tight.height, 0.25 * tight.height)))
            found.append(Found(tidied(piece.text), tight, piece.score))
    for i, _, _, said in _read(reader, pixels, anew, deadline):
        text, before = tidied(said.text), found[i].text
        if text and said.score > 0.6 * found[i].score and abs(_letters(text) - _letters(before)) <= 1:
            found[i] = replace(found[i], text=text, score=said.score)
    return found


def _letters(text: str) -> int:
    return len(text.replace(" ", ""))


def _joined(reader: Reader, pixels: Pixels, found: list[Found], deadline: float) -> list[Found]:
    """Texts and what the detector cut off them, as one: units in brackets, and the ``1`` of ``Grade 1`` beside other Grades."""
    first_words = Counter(text.text.split()[0] for text in found if text.text)
    pairs = [
        (i, j, _around(head.line, tail.line))
        for j, tail in enumerate(found)
        for i, head in enumerate(found)
        if (tail.text.startswith("(") and "(" not in head.text and _follows(head.line, tail.line, UNIT_REACH))
        or (first_words[head.text] > 1 and len(tail.text) < 3 and head.text.isalpha() and _follows(head.line, tail.line, 1.0))
    ]
    gone: set[int] = set()
    whole: list[Found] = []
    grown = [(k, around.grown(0.2 * around.height, 0.25 * around.height)) for k, (*_, around) in enumerate(pairs)]
    for k, line, strip, said in _read(reader, pixels, grown, deadline):
        i, j, _ = pairs[k]
        pieces = taken_apart(pixels, line, strip, said)
        if len(pieces) == 1 and _letters(pieces[0].text) >= _letters(found[i].text) + 1 and not gone & {i, j}:
            gone |= {i, j}
            whole.append(Found(tidied(pieces[0].text), pieces[0].within(line), said.score))
    return [text for i, text in enumerate(found) if i not in gone] + whole


def _with_units(reader: Reader, pixels: Pixels, found: list[Found], deadline: float) -> list[Found]:
    """Turned texts with the unit in brackets that the detector left off their ends: what stands close behind is read with them."""
    turned = [(i, text) for i, text in enumerate(found) if abs(text.line.angle) > 20 and ")" not in text.text and len(text.text) > 2]
    longer = [(i, line) for i, text in turned if (line := _run_on(pixels, text.line)) is not None]
    whole: dict[int, Found] = {}
    for i, line, strip, said in _read(reader, pixels, longer, deadline):
        pieces = taken_apart(pixels, line, strip, said)
        name = found[i].text.split("(")[0].strip()
        if len(pieces) == 1 and tidied(pieces[0].text).startswith(name) and pieces[0].text.endswith(")") and "(" in pieces[0].text:
            whole[i] = Found(tidied(pieces[0].text), pieces[0].within(line), said.score)
    boxes = [text.line.box for text in whole.values()]
    rest = [
        text
        for i, text in enumerate(found)
        if i not in whole and not (_letters(text.text) < 12 and any(box.contains(text.line.x, text.line.y) for box in boxes))
    ]
    return rest + list(whole.values())


def _run_on(pixels: Pixels, line: Line) -> Line | None:
    """The line with the ink that goes on behind its end without a wide gap; None where there is none."""
    grown = line.grown(UNIT_LONGEST * line.height, 0.25 * line.height)
    ink, _ = ink_of(grown.cut(pixels))
    scale = grown.height / STRIP
    end = last = (UNIT_LONGEST * line.height + line.width) / scale
    for start, stop in runs(ink.sum(axis=0) >= 2):
        if end - 2 <= start < end + UNIT_REACH * line.height / scale:
            end = stop
    if end - last < 0.3 * line.height / scale:
        return None
    return grown.part((UNIT_LONGEST - 0.2) * line.height, 0, end * scale + 0.2 * line.height, grown.height)


def _in_columns(reader: Reader, pixels: Pixels, found: list[Found], deadline: float) -> list[Found]:
    """Texts that stand over columns of others (``Boys Girls``), or fill places of an evenly spaced row, parted into words."""
    level = [text for text in found if not text.line.angle]
    words = [(text, parts) for text in level if " " in text.text and len(parts := _words(pixels, text)) > 1]
    owned = [
        (text, part) for text, parts in words if _over_columns(parts, text, level) or _evenly_spaced(parts, text, level) for part in parts
    ]
    parted = [part for _, part in owned]
    grown = [(i, part.line.grown(0.1 * part.line.height, 0.25 * part.line.height)) for i, part in enumerate(parted)]
    for i, _, _, said in _read(reader, pixels, grown, deadline):
        text = tidied(said.text)
        if text and abs(_letters(text) - _letters(parted[i].text)) <= 1:
            parted[i] = replace(parted[i], text=text, score=said.score)
    gone = {id(text) for text, _ in owned}
    return [text for text in found if id(text) not in gone] + parted


def _words(pixels: Pixels, text: Found) -> list[Found]:
    """Its words, each with the ink between the gaps that lie about where the spaces are; none where such a gap is missing."""
    height, width, edges = text.line.height, text.line.width, [0.0]
    for space in (i for i, sign in enumerate(text.text) if sign == " "):
        gap = _gap_near(pixels, text.line, (space + 0.5) / len(text.text) * width)
        if gap is None or gap[0] < edges[-1]:
            return []
        edges += gap
    edges.append(width)
    lines = [text.line.part(start, 0, end, height) for start, end in zip(edges[::2], edges[1::2], strict=True)]
    return [replace(text, text=word, line=line) for word, line in zip(text.text.split(" "), lines, strict=True)]


def _gap_near(pixels: Pixels, line: Line, place: float) -> tuple[float, float] | None:
    """(start, end) of the widest gap in the ink within a height of ``place``, pixels along the line."""
    grown = line.grown(0, 0.25 * line.height)
    ink, _ = ink_of(grown.cut(pixels))
    scale = grown.height / STRIP
    gaps = [run for run in runs(ink.sum(axis=0) < 2) if abs((run[0] + run[1]) / 2 * scale - place) < 1.2 * line.height]
    if not gaps:
        return None
    start, end = max(gaps, key=lambda run: run[1] - run[0])
    return (start * scale, end * scale) if (end - start) * scale > 0.28 * line.height else None


def _over_columns(parts: list[Found], text: Found, level: list[Found]) -> bool:
    """Whether each part has its middle, or each its left or its right edge, where two texts or more above or below it have theirs."""
    near, height = 0.25 * text.line.height, text.line.height
    others = [other.line for other in level if abs(other.line.y - text.line.y) > height]

    def alike(part: Line, share: float) -> int:
        return sum(abs(other.x + share * other.width - part.x - share * part.width) < near for other in others)

    return any(all(alike(part.line, share) >= 2 for part in parts) for share in (0.0, -0.5, 0.5))


def _evenly_spaced(parts: list[Found], text: Found, level: list[Found]) -> bool:
    """Whether the row of the text is evenly spaced with it parted: four middles at least, with steps that differ by 6 %."""
    row = [other.line.x for other in level if other is not text and abs(other.line.y - text.line.y) < 0.4 * text.line.height]
    steps = np.diff(np.sort([*row, *(part.line.x for part in parts)]))
    return len(row) >= 1 and len(steps) >= 3 and bool(np.abs(steps / np.median(steps) - 1).max() < 0.06)


def _offset(first: Line, second: Line) -> tuple[float, float]:
    """(along, across) the first line, from its middle to the second's, pixels."""
    cos, sin = first.axes
    x, y = second.x - first.x, second.y - first.y
    return x * cos - y * sin, x * sin + y * cos


def _follows(first: Line, second: Line, reach: float) -> bool:
    """Whether the second line goes on where the first ends, with at most ``reach`` heights between them."""
    along, across = _offset(first, second)
    height = max(first.height, second.height)
    gap = along - (first.width + second.width) / 2
    return abs(first.angle - second.angle) < 8 and abs(across) < 0.35 * height and -0.5 * height < gap < reach * height and along > 0


def _around(first: Line, second: Line) -> Line:
    along, across = _offset(first, second)
    right = max(first.width / 2, along + second.width / 2) + first.width / 2
    top = min(0.0, across - second.height / 2 + first.height / 2)
    bottom = max(first.height, across + second.height / 2 + first.height / 2)
    return first.part(0, top, right, bottom)


def _figure(text: Found, found: list[Found]) -> Found:
    """A round letter that stands alone in a row or column of numbers is a nought, an upright one a one."""
    if text.text not in ("O", "o", "l", "I") or len(_aligned(text.line, [other for other in found if other.is_number])) < 2:
        return text
    return replace(text, text="0" if text.text in "Oo" else "1")


def _aligned(line: Line, found: Iterable[Found]) -> list[Found]:
    """Level texts in the row of ``line``, or in its column: with the same middle, left or right edge."""
    box, near = line.box, 0.45 * line.box.height
    aligned = []
    for other in found:
        theirs = other.line.box
        column = min(abs(box.middle[0] - theirs.middle[0]), abs(box.left - theirs.left), abs(box.right - theirs.right))
        if not other.line.angle and min(abs(box.middle[1] - theirs.middle[1]), column) < near:
            aligned.append(other)
    return aligned


def _without_marks(found: list[Found]) -> list[Found]:
    """``found`` without what has no letter, digit or question mark, and without icons read as one or two signs of another script
    than the rest, or of a direction in which hardly anything else is written."""
    meant = [text for text in found if "?" in text.text or any(sign.isalnum() for sign in text.text)]
    signs = "".join(text.text for text in meant)
    if sum(map(_is_ideograph, signs)) < 0.1 * len(signs) + 1:
        meant = [text for text in meant if len(text.text) > 2 or not all(map(_is_ideograph, text.text))]
    turned = [text for text in meant if abs(text.line.angle) > 20]
    return [text for text in meant if text not in turned or len(text.text) > 2 or len(turned) > 2]


def _is_shape(text: Found, pixels: Pixels) -> bool:
    """Whether a lone sign that was hardly read is the head of an arrow or another filled shape: few strokes of letters are that thick."""
    if len(text.text) != 1 or text.score > DOUBTED:
        return False
    import cv2

    ink, _ = ink_of(text.line.cut(pixels))
    side = round(THICK * STRIP)
    return bool(cv2.morphologyEx(ink.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8)).any())


def _is_ideograph(sign: str) -> bool:
    """Whether it is a sign of Chinese, Japanese or Korean: the recognizer takes icons and arrows for such."""
    return ord(sign) > 0x2E7F


def _overlooked(reader: Reader, pixels: Pixels, found: list[Found], lines: list[Line], deadline: float) -> list[Found]:
    """Lone digits, and question marks, among the small marks of the picture."""
    level = [text for text in found if not text.line.angle]
    heights = [text.line.height for text in level if text.is_number] or [text.line.height for text in level]
    if not heights:
        return []
    height = statistics.median(heights)
    taken = [line.box for line in lines if any(line.box.contains(text.line.x, text.line.y) for text in found)]
    marks = [mark for mark in _marks(pixels, height) if not any(box.contains(mark.x, mark.y) for box in taken)]
    ranked = sorted(marks, key=lambda mark: -len(_aligned(mark, level)))[:CANDIDATES]
    new = []
    for _, mark, strip, said in _read(reader, pixels, enumerate(mark.grown(0.4 * height, 0.35 * height) for mark in ranked), deadline):
        tight = mark.grown(-0.4 * height, -0.35 * height)
        text = tidied(said.text)
        if said.score > SURE_ALONE and _is_meant(text, tight, pixels, level, strip):
            new.append(Found(text.replace("O", "0").replace("o", "0"), tight, said.score))
    return new


def _is_meant(text: str, mark: Line, pixels: Pixels, level: list[Found], strip: Pixels) -> bool:
    """Whether a lone mark that reads ``text`` is one: circles of a line chart read as noughts, too."""
    if text == "?":
        return True
    beside = [other for other in _aligned(mark, level) if 0.75 < mark.height / other.line.height < 1.4]
    numbers = [other for other in beside if other.is_number]
    plain = text.isdecimal() and len(text) <= 3 and len(beside) >= 1
    if not plain and not (text in ("0", "1", "O", "o") and len(numbers) >= 2):
        return False
    if text in "01" and len(numbers) < 2:
        return False
    color = _ink_color(strip)
    return any(np.abs(color - _ink_color(other.line.grown(2, 0.25 * other.line.height).cut(pixels))).max() < 90 for other in beside[:4])


def _ink_color(strip: Pixels) -> NDArray[np.float64]:
    ink, ground = ink_of(strip)
    if not ink.any():
        return np.full(3, -1e3)
    values = strip[ink].astype(np.float64)
    apart = np.abs(values - np.median(ground, axis=0)).max(axis=1)
    return np.median(values[apart >= np.percentile(apart, 60)], axis=0)  # type: ignore[no-any-return]


def _marks(pixels: Pixels, height: float) -> list[Line]:
    """Small marks about as high as the texts, on a ground of their own; neighbours in a row are one."""
    import cv2

    gray = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    side = max(3, round(0.9 * height)) | 1
    kernel = np.ones((side, side), np.uint8)
    boxes = []
    for hat in (cv2.MORPH_BLACKHAT, cv2.MORPH_TOPHAT):
        thin = (cv2.morphologyEx(gray, hat, kernel) > 50).astype(np.uint8)
        # a question mark is one with its dot
        joined = cv2.morphologyEx(thin, cv2.MORPH_CLOSE, np.ones((max(1, round(0.25 * height)), 1), np.uint8))
        _, _, stats, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        for left, top, wide, high, area in stats[1:].tolist():
            if 0.7 * height <= high <= 1.25 * height and 0.15 * height <= wide <= 1.1 * height and area < 0.8 * wide * high:
                boxes.append((left, top, left + wide, top + high))
    groups: list[list[float]] = []
    for left, top, right, bottom in sorted(boxes):
        last = next((g for g in groups if 0 <= left - g[2] < 0.35 * height and abs(top - g[1]) + abs(bottom - g[3]) < 0.3 * height), None)
        if last is None:
            groups.append([left, top, right, bottom])
        else:
            last[2] = right
    return [Line((a + c) / 2, (b + d) / 2, c - a, d - b) for a, b, c, d in groups if c - a < 3 * height]

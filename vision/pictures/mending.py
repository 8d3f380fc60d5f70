"""What the networks say about a line, taken apart by its ink: where each text begins and ends, and what is no letter at all.

A detector joins neighbours (``60 64`` over two bars, ``23.0%11.0%`` in a pie), and lets in the dash of a tick, the edge of a bar,
the line of a legend. A straightened strip tells more: its ground, column by column, is what lies above and below the letters;
all else is ink. A gap that is wide for the size of the letters, a new ground, or a new kind of text ends a text. A mark that
goes on beyond its line is no letter, nor is one in another colour than its neighbours. What was parted is recognized anew.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vision.pictures.reading import STRIP, Line, Pixels, Reading

_DEGREES = re.compile(r"(?<=\d)[。º˚]")
_ROUND = re.compile(r"(?<![^\W_])(?=[\dOolI.,]*\d)[\dOolI.,]{2,}(?![^\W\d_])")
_MEASURE = re.compile(r"[\d.,]+[^\W\d_]{1,3}")
_CAPITAL = re.compile(r"(?<![^\W_])0(?=[a-z]{2})")
_FIGURES = str.maketrans("OolI", "0011")
_WIDE_FORMS = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}

Mask = NDArray[np.bool_]

WIDE = 1.1
"""Gap that always parts, in ems. Spaces within texts were 0.23 to 0.85 wide on 985 drawn texts, mono-spaced fonts with them."""
FIGURES_APART = 0.38
"""Gap that parts two numbers where no space was recognized, in ems; letters and digits stood at most 0.27 apart."""
EDGE_GAP = 0.16
"""Least gap at which another ground or another kind of text parts."""
LONG_DASH = 0.75
"""Dash that is a piece of a line and no sign, in ems: a minus is 0.6 wide."""
UNIT_GAP = 0.14
"""Gap between a digit and a letter that is a space, in heights of a strip, which are about 1.3 ems."""
FINE = 28.0
"""Ems from which the place of a sign is known well enough to doubt a letter; the recognizer's steps are eight pixels."""
DOUBTFUL = frozenset("-—–−_|[](){}<>/\\'`´.,:;~=+1lI!一丨二")
"""Signs that ticks, edges of bars and lines of legends are taken for."""
DASHES = frozenset("-—–−_=~一")
_NUMBER = re.compile(r"[-−+$€£]?\d[\d.,]*%?")
_THOUSANDS = re.compile(r"(?<!\d)\d{1,3}( \d{3})*$"), re.compile(r"^\d{3}(?!\d)")


@dataclass(frozen=True)
class Sign:
    """One recognized sign: its place in the strip's columns, and the gap before it in columns."""

    text: str
    at: float
    gap: tuple[int, int] = (0, 0)
    spaced: bool = False
    span: int = 0


@dataclass(frozen=True)
class Piece:
    """A text within a strip: its signs and its edges in the strip's pixels."""

    text: str
    left: float
    top: float
    right: float
    bottom: float
    score: float
    cut: bool

    def within(self, line: Line) -> Line:
        """The piece as a line of the picture."""
        scale = line.height / STRIP
        return line.part(self.left * scale, self.top * scale, self.right * scale, self.bottom * scale)


def ink_of(strip: Pixels) -> tuple[Mask, NDArray[np.float64]]:
    """(height, width) where the strip has ink, and (width, 3), the ground of each column."""
    values: NDArray[Any] = strip.astype(np.int16)
    top, bottom, middle = np.median(values[:3], axis=0), np.median(values[-3:], axis=0), np.median(values, axis=0)
    above = np.abs(top - middle).max(axis=1) <= np.abs(bottom - middle).max(axis=1)
    ground: NDArray[np.float64] = np.where(above.reshape(-1, 1), top, bottom)
    contrast: NDArray[np.float64] = np.abs(values - ground[None]).max(axis=2)
    ink: Mask = contrast > max(0.4 * float(np.percentile(contrast, 98)), 24.0)
    if ink.shape[1] > 2 * STRIP:
        ink[ink.mean(axis=1) > 0.9] = False  # a line that runs along the text
    for rows in (ink[:3], ink[-3:]):
        rows[rows.mean(axis=1) > 0.5] = False  # a frame at the edge
    return ink, ground


def runs(columns: NDArray[Any]) -> list[tuple[int, int]]:
    """(first, one past the last) of each stretch of true columns.

    >>> runs(np.array([False, True, True, False, True]))
    [(1, 3), (4, 5)]
    """
    edges = np.diff(np.concatenate([[0], columns.astype(np.int8), [0]]))
    return [(int(a), int(b)) for a, b in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True)]


def em_of(text: str, height: float) -> float:
    """Size of a text whose ink is so high, in the same unit: capitals are about 0.73 em, small letters 0.54, tails 0.21 more."""
    tall = any(sign.isdigit() or sign.isupper() or sign in "bdfhklt()%" for sign in text)
    tails = any(sign in "gjpqy()" for sign in text)
    return height / ((0.73 if tall else 0.54) + (0.21 if tails else 0.0))


def taken_apart(pixels: Pixels, line: Line, strip: Pixels, reading: Reading) -> list[Piece]:
    """The texts of a strip, from its left to its right."""
    ink, ground = ink_of(strip)
    signs = _signs(ink, reading, strip.shape[1])
    if not signs:
        return []
    em = em_of(reading.text, _extent(ink.sum(axis=1) >= 2, STRIP))
    groups: list[list[Sign]] = [[signs[0]]]
    for i, sign in enumerate(signs[1:], start=1):
        if _parts(signs, i, em, ground):
            groups.append([])
        groups[-1].append(sign)
    pieces = []
    starts = [0, *(_border(before[-1], after[0]) for before, after in zip(groups, groups[1:], strict=False)), strip.shape[1]]
    for group, start, end in zip(groups, starts, starts[1:], strict=False):
        own = ink.copy()
        own[:, :start] = own[:, end:] = False
        kept = _letters(pixels, line, strip, own, ground, group, em)
        if kept[0] is not group[0]:
            own[:, : _border(group[group.index(kept[0]) - 1], kept[0])] = False
        if kept[-1] is not group[-1]:
            own[:, _border(kept[-1], group[group.index(kept[-1]) + 1]) :] = False
        pieces.append(_piece(own, kept, em, reading.score, cut=len(groups) > 1))
    return pieces


def _border(before: Sign, after: Sign) -> int:
    """The column between two signs: the middle of their gap, or of the signs where they touch."""
    start, end = after.gap if after.gap[1] else (before.at, after.at)
    return round((start + end) / 2)


def _signs(ink: Mask, reading: Reading, width: int) -> list[Sign]:
    empty = ink.sum(axis=0) < 2
    blots = runs(~empty)
    measure = _MEASURE.fullmatch(reading.text)
    signs: list[Sign] = []
    spaced = False
    for text, place in zip(reading.text, reading.places, strict=True):
        if text.isspace():
            spaced = True
            continue
        at = _on_ink(min(place * width, width - 1.0), blots, signs[-1].at if signs else -1.0)
        gap = (0, 0)
        if signs:
            start = int(signs[-1].at)
            found = runs(empty[start : int(at) + 1])
            if found:
                first, last = max(found, key=lambda run: run[1] - run[0])
                gap = (start + first, start + last)
        span = next((end - start for start, end in blots if start <= at < end), 0)
        if measure and signs[-1:] and signs[-1].text.isdigit() and text.isalpha() and gap[1] - gap[0] > UNIT_GAP * STRIP:
            spaced = True  # "6 m": a unit's thin space is often not recognized
        signs.append(Sign(text, at, gap, spaced and bool(signs), span))
        spaced = False
    return signs


def _on_ink(at: float, blots: list[tuple[int, int]], before: float) -> float:
    """The place of a sign moved onto the ink next to it, where it lies beside: the recognizer's steps are eight pixels wide."""
    free = [blot for blot in blots if not blot[0] <= before < blot[1] and blot[1] > before]
    start, end = min(free, key=lambda blot: max(blot[0] - at, at - blot[1] + 1), default=(0, 0))
    return min(max(at, start), end - 1.0) if max(start - at, at - end) < STRIP / 4 and free else at


def _parts(signs: Sequence[Sign], i: int, em: float, ground: NDArray[np.float64]) -> bool:
    """Whether a new text begins with sign ``i``."""
    start, end = signs[i].gap
    gap = (end - start) / em
    if gap > WIDE or (gap > 0.5 and signs[i].text in DASHES and signs[i].span > LONG_DASH * em):
        return True
    before, after = (_written(part) for part in (signs[:i], signs[i:]))
    last, first = before.split()[-1], after.split()[0]
    if last.endswith("%") and first[0].isdigit() and last[0].isdigit():
        return True
    if _NUMBER.fullmatch(last) and _NUMBER.fullmatch(first):
        grouped = _THOUSANDS[0].search(last) and _THOUSANDS[1].search(first) and gap < FIGURES_APART
        if not grouped and (gap > FIGURES_APART or (gap > EDGE_GAP and signs[i].spaced)):
            return True
    if gap < EDGE_GAP:
        return False
    if np.abs(ground[max(start - 1, 0)] - ground[min(end, len(ground) - 1)]).max() > 40:
        left, right = np.median(ground[: start + 1], axis=0), np.median(ground[end:], axis=0)
        if np.abs(left - right).max() > 40:
            return True
    return not signs[i].spaced and before[-1].islower() and after[0].isupper()


def _written(signs: Sequence[Sign]) -> str:
    return "".join((" " if sign.spaced and i else "") + sign.text for i, sign in enumerate(signs))


def tidied(text: str) -> str:
    """``text`` with signs that the recognizer takes from another script put back, and no space too many.

    >>> tidied("24。 ５％ 1O0 0tter m²")
    '24° 5% 100 Otter m²'
    """
    text = _DEGREES.sub("°", text).translate(_WIDE_FORMS)
    text = _CAPITAL.sub("O", text)
    return " ".join(_ROUND.sub(lambda found: found[0].translate(_FIGURES), text).split())


def _letters(pixels: Pixels, line: Line, strip: Pixels, ink: Mask, ground: NDArray[np.float64], signs: list[Sign], em: float) -> list[Sign]:
    """``signs`` without the marks at both ends that are no letters."""
    kept = list(signs)
    for end in (0, -1):
        while len(kept) > 1 and kept[end].text in DOUBTFUL and _alien(pixels, line, strip, ink, ground, kept, end, em):
            kept.pop(end)
    return kept


def _alien(
    pixels: Pixels, line: Line, strip: Pixels, ink: Mask, ground: NDArray[np.float64], signs: list[Sign], end: int, em: float
) -> bool:
    """Whether the sign at an end goes on outside the line, or has another colour than the others."""
    sign, width = signs[end], strip.shape[1]
    gap = signs[1].gap if end == 0 else sign.gap
    if not gap[1] or (sign.text.isalnum() and (end == 0 or em < FINE)):
        return False
    edges = (0, gap[1]) if end == 0 else (gap[0], width)
    own = np.zeros_like(ink)
    own[:, edges[0] : edges[1]] = ink[:, edges[0] : edges[1]]
    others: Mask = ink & ~own
    if not others.any():
        return False
    if not own.any():  # a line from edge to edge is taken for ground
        return sign.text not in "lI" and bool(np.abs(ground[edges[0] : edges[1]] - ground[round(signs[len(signs) // 2].at)]).max() > 60)
    if sign.text.isalnum():
        return _is_no_letter(pixels, line, strip, own, others, ground, sign, end)
    if _ends_at_edge(own, ground, end) or (sign.text in DASHES and (sign.span > LONG_DASH * em or (end and signs[-2].text.isdigit()))):
        return True
    color = _color(strip, own)
    return bool(np.abs(color - _color(strip, others)).max() > 70) or _reaches_out(pixels, line, edges, color, upright_only=False)


def _is_no_letter(
    pixels: Pixels, line: Line, strip: Pixels, own: Mask, others: Mask, ground: NDArray[np.float64], sign: Sign, end: int
) -> bool:
    """Whether a ``1`` or ``l`` is a dash, which is low, or an edge, which goes on above and below."""
    if _stands_with(own, others):
        return False
    mark = _mark_at(own, sign.at)
    low = _extent(mark.sum(axis=1) > 0, 0) < 0.4 * _extent(others.sum(axis=1) >= 2, 0)
    if low or (mark[[0, -1]].any() and not others[[0, -1]].any()):
        return True
    columns = np.flatnonzero(mark.any(axis=0))
    reach = (int(columns[0]), int(columns[-1]) + 1)
    return _ends_at_edge(mark, ground, end) and _reaches_out(pixels, line, reach, _color(strip, mark), upright_only=True)


def _stands_with(own: Mask, others: Mask) -> bool:
    """Whether a connected part of the ink begins and ends about where the other letters do."""
    import cv2

    rows = np.flatnonzero(others.sum(axis=1) >= 2)
    if not len(rows):
        return False
    top, height = int(rows[0]), int(rows[-1] - rows[0] + 1)
    _, _, stats, _ = cv2.connectedComponentsWithStats(own.astype(np.uint8), connectivity=8)
    for _, start, _, high, area in stats[1:].tolist():
        if area > 8 and start > 0 and start + high < STRIP and start < top + 0.2 * height and start + high > top + 0.55 * height:
            return True
    return False


def _mark_at(mask: Mask, column: float) -> Mask:
    """The connected part of it that is nearest to ``column``, specks left aside."""
    import cv2

    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    parts = [i for i in range(1, len(stats)) if stats[i, cv2.CC_STAT_AREA] > 8] or [1]
    starts = {i: int(stats[i, cv2.CC_STAT_LEFT]) for i in parts}
    nearest = min(parts, key=lambda i: max(starts[i] - column, column - starts[i] - int(stats[i, cv2.CC_STAT_WIDTH])))
    return np.asarray(labels == nearest)


def _ends_at_edge(own: Mask, ground: NDArray[np.float64], end: int) -> bool:
    """Whether the ink goes on to the end of the strip, or to another ground: an axis has none above and below it but itself."""
    columns = np.flatnonzero(own.any(axis=0))
    outer, inner = (columns[0], columns[-1]) if end == 0 else (columns[-1], columns[0])
    if outer in (0, own.shape[1] - 1):
        return True
    beyond = ground[max(outer - 4, 0) : outer + 1] if end == 0 else ground[outer : outer + 5]
    return bool(np.abs(beyond - ground[inner]).max() > 60)


def _color(strip: Pixels, mask: Mask) -> NDArray[np.float64]:
    """The colour of the ink, taken where it differs most from its surroundings: letters have soft edges."""
    values = strip[mask].astype(np.float64)
    ground = np.median(strip[~mask], axis=0) if (~mask).any() else values.mean(axis=0)
    apart = np.abs(values - ground).max(axis=1)
    return np.median(values[apart >= np.percentile(apart, 60)], axis=0)  # type: ignore[no-any-return]


def _reaches_out(pixels: Pixels, line: Line, columns: tuple[int, int], color: NDArray[np.float64], upright_only: bool) -> bool:
    """Whether what has this colour between these columns of the strip goes on far above or below the line."""
    import cv2

    scale = line.height / STRIP
    around = line.part((columns[0] - 24) * scale, -line.height, (columns[1] + 24) * scale, 2 * line.height)
    wide = round((columns[1] - columns[0] + 48) / 3)  # the strip of three heights is a third in scale
    shown = around.cut(pixels)
    alike = (np.abs(shown.astype(np.float64) - color).max(axis=2) < 70).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(alike, connectivity=8)
    third = STRIP // 3
    inside = np.unique(labels[third + 2 : 2 * third - 2, 8 : max(wide - 8, 9)])
    for label in inside[inside > 0]:
        _, _, across, down, _ = stats[label]
        if down > 1.9 * third and (not upright_only or (down > 2.5 * third and across < third)):
            return True
    return False


def _piece(ink: Mask, signs: list[Sign], em: float, score: float, cut: bool) -> Piece:
    """The tight edges of what the signs were read from."""
    reach = 0.45 * em
    first, last = signs[0].at, signs[-1].at
    blots = runs(ink.sum(axis=0) >= 2)
    near = [blot for blot in blots if blot[1] >= first - reach and blot[0] <= last + reach]
    near = [blot for blot in near if any(blot[0] - reach <= sign.at <= blot[1] + reach for sign in signs)]
    left = max(min((blot[0] for blot in near), default=0), int(first - 0.9 * em), 0)
    right = min(max((blot[1] for blot in near), default=ink.shape[1]), int(last + 0.9 * em) + 1, ink.shape[1])
    rows = np.flatnonzero(ink[:, left:right].sum(axis=1) >= 1) if right > left else np.arange(STRIP)
    top, bottom = (int(rows[0]), int(rows[-1]) + 1) if len(rows) else (0, STRIP)
    return Piece(_written([replace(signs[0], spaced=False), *signs[1:]]), left, top, right, bottom, score, cut)


def _extent(rows: NDArray[Any], whole: int) -> float:
    at = np.flatnonzero(rows)
    return float(at[-1] - at[0] + 1) if len(at) else float(whole)

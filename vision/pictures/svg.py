"""Charts saved as SVG: drawn on white, with the texts that the file itself holds and a person sees, no OCR.

    picture, texts = open_svg(Path("chart.svg").read_bytes())

Texts stand in ``<text>``; matplotlib draws letters as paths and says in a comment what they spell: there the words of
the comment are drawn as text in place of the paths, so that what is claimed is what is seen. Where each text stands and
whether it is seen at all is read off the drawing (:mod:`vision.pictures.ink`), not computed from the file.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from html import unescape
from itertools import groupby
from xml.etree.ElementTree import Element, SubElement

from PIL import Image

from vision.errors import ImageError
from vision.pictures import drawing, ink, markup
from vision.pictures.box import Box, union
from vision.pictures.images import MIN_SIDE, Limits
from vision.pictures.markup import COMMENT
from vision.pictures.writing import Text, Writing

LONG_SIDE = 1600
"""Longest side of the drawing, pixels."""
COARSE = 2
"""The drawings that tell where texts stand are so many times smaller."""
MAX_TEXTS = 900
"""With more texts the file's own are not taken."""
WORDS = "data-words"
"""Attribute that holds what a comment says that a ``<text>`` spells, which counts where its letters say the same."""
SPACE, NEXT = 0.3, 1.0
"""Gaps between letters that are a space, and that still belong to a line, as shares of the letters' height."""
UNREAD_SHARE = 0.25
"""Share of formulas that the file draws but does not spell, from which OCR reads the whole picture better."""
UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 96 / 2.54, "mm": 96 / 25.4, "em": 16.0, "ex": 8.0}
"""Pixels in a unit of length: SVG 2, section 8.9, and CSS Values 3."""
NOT_SHOWN = frozenset(("defs", "symbol", "clipPath", "mask", "pattern", "marker"))
"""Elements whose content is not drawn where it stands."""
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_NOTHING = re.compile("[\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")
"""Signs that are not drawn."""
_SUPERSCRIPTS = str.maketrans("0123456789-−+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁻⁺")
Matrix = tuple[float, float, float, float]
"""a, b, c, d of a transform, without its shift."""


@dataclass(frozen=True)
class _Piece:
    """One text: the ``<text>`` that it belongs to, the elements that hold its letters, what they spell, and which way it runs,
    degrees clockwise."""

    whole: Element
    elements: list[Element]
    text: str
    angle: float


def is_svg(data: bytes) -> bool:
    """Whether ``data`` begins as SVG files do: a tag, and soon the one that is called svg."""
    head = data[:4096]
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        head = head[2:].replace(b"\0", b"")
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return head.startswith(b"<") and re.search(rb"<(\w+:)?svg[\s>]", head) is not None and b"<html" not in head.lower()


def open_svg(data: bytes, name: str = "the picture", limits: Limits | None = None) -> tuple[Image.Image, Writing | None]:
    """The drawing, :data:`LONG_SIDE` pixels long, and the texts in it that can be seen; None where OCR must read them.

    Raises:
        ImageError: for what is damaged, too large, takes too long, or reaches for more than a drawing may.
    """
    limits = limits or Limits()
    if len(data) > limits.max_bytes:
        raise ImageError(f"{name} has {len(data) / 1e6:.1f} MB; at most {limits.max_bytes / 1e6:.1f} MB are accepted: save it smaller")
    tree = markup.parse(data, name, limits)
    size = _fit(tree, name, limits)
    unread = _spell(tree)
    pieces = _pieces(tree)
    spelled = "".join(piece.text for piece in pieces)
    system_fonts = any(ord(letter) >= ink.LATIN_TO_CYRILLIC for letter in spelled)
    spells = 0 < len(pieces) <= MAX_TEXTS and unread <= UNREAD_SHARE * len(pieces)
    small = (max(size[0] // COARSE, 1), max(size[1] // COARSE, 1))
    drawn: list[Image.Image] = []

    def draw(sets: list[frozenset[int]]) -> list[Image.Image]:
        documents = [_sized(tree, size), *(_without(tree, pieces, lacking, small) for lacking in sets)]
        drawn.extend(drawing.draw(documents, system_fonts=system_fonts))
        return drawn[1:]

    try:
        found = ink.find(draw, [piece.angle for piece in pieces]) if spells else [None for _ in draw([])]
    except drawing.DrawingError as exc:
        raise ImageError(f"{name} {exc}; save it as PNG") from exc
    shown = {i for i, where in enumerate(found[: len(pieces)]) if where is not None and ink.legible(pieces[i].text, where)}
    # A text that is written letter by letter is another one where a letter is missing: 03 for 103.
    torn = {id(piece.whole) for i, piece in enumerate(pieces) if len(piece.text) == 1 and i not in shown}
    seen = [(pieces[i], where) for i, where in enumerate(found) if where is not None and i in shown and id(pieces[i].whole) not in torn]
    texts = [Text(text=text, box=_larger(box, size, small), angle=-angle or 0.0) for text, box, angle in _joined(seen)]
    return drawn[0], ink.in_order(size, texts)


def _joined(seen: list[tuple[_Piece, ink.Ink]]) -> list[tuple[str, Box, float]]:
    """What belongs to one ``<text>`` and stands side by side, as programs write that place words or letters one by one, as one text."""
    texts: list[tuple[str, Box, float]] = []
    for _, group in groupby(seen, key=lambda pair: id(pair[0].whole)):
        pairs, runs = list(group), list[tuple[str, Box, float]]()
        words = pairs[0][0].whole.get(WORDS, "")
        for piece, where in sorted(pairs, key=lambda pair: pair[1].box.left):
            at = next((i for i, (_, box, angle) in enumerate(runs) if angle == piece.angle == 0.0 and _follows(box, where.box)), None)
            if at is None:
                runs.append((piece.text, where.box, piece.angle))
            else:
                text, box, angle = runs[at]
                space = " " if where.box.left - box.right > SPACE * max(box.height, where.box.height) else ""
                runs[at] = (f"{text}{space}{piece.text}", union([box, where.box]), angle)
        runs = [(words if _letters(text) == _letters(words) else text, box, angle) for text, box, angle in runs]
        texts += sorted(runs, key=lambda run: run[1].top)
    return texts


def _letters(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def _follows(box: Box, after: Box) -> bool:
    """Whether ``after`` goes on in the line of ``box``; a raised number does too."""
    common = min(box.bottom, after.bottom) - max(box.top, after.top)
    gap = after.left - box.right
    return common > 0.2 * min(box.height, after.height) and -2 <= gap < NEXT * max(box.height, after.height)


def _larger(box: Box, size: tuple[int, int], small: tuple[int, int]) -> Box:
    across, down = size[0] / small[0], size[1] / small[1]
    return Box(box.left * across, box.top * down, box.right * across, box.bottom * down)


def _fit(tree: Element, name: str, limits: Limits) -> tuple[int, int]:
    """The size that ``tree`` is drawn in, pixels; its coordinates are made to fill that."""
    view = [float(number) for number in re.findall(_NUMBER, tree.get("viewBox", ""))]
    width, height = _length(tree.get("width", "")), _length(tree.get("height", ""))
    if len(view) == 4 and view[2] > 0 and view[3] > 0:
        if not width or not height:  # in percent, or not said: as the view is
            width, height = (width, width * view[3] / view[2]) if width else (view[2], view[3])
    elif width and height:
        tree.set("viewBox", f"0 0 {width} {height}")
    if not width or not height or not math.isfinite(width * height):
        raise ImageError(f"{name} does not say how large it is; save it with a width and a height, or as PNG")
    scale = LONG_SIDE / max(width, height)
    size = round(width * scale), round(height * scale)
    if min(size) < MIN_SIDE or size[0] * size[1] > limits.max_pixels:
        raise ImageError(f"{name} is {width:g} by {height:g}: too long and thin, or too large, to be drawn; save it as PNG")
    return size


def _length(text: str) -> float:
    """Pixels, 0.0 for what is no length or a share."""
    found = re.fullmatch(rf"\s*({_NUMBER})\s*([a-z]*)\s*", text)
    return max(float(found[1]) * UNITS.get(found[2], 0.0), 0.0) if found else 0.0


def _sized(tree: Element, size: tuple[int, int]) -> str:
    tree.set("width", str(size[0]))
    tree.set("height", str(size[1]))
    return markup.written(tree)


def _without(tree: Element, pieces: list[_Piece], lacking: frozenset[int], size: tuple[int, int]) -> str:
    """``tree`` in which the pieces in ``lacking`` keep their room but are not drawn."""
    styles = [(element, element.get("style")) for i in lacking for element in pieces[i].elements]
    for element, style in styles:
        element.set("style", f"{style.rstrip('; ')};visibility:hidden" if style and style.strip("; ") else "visibility:hidden")
    document = _sized(tree, size)
    for element, style in styles:
        if style is None:
            del element.attrib["style"]
        else:
            element.set("style", style)
    return document


def _spell(tree: Element) -> int:
    """Put text in place of matplotlib's letter shapes; how many formulas could not be spelled.

    A comment stands before the group of its letters: ``<!-- Museum --><g transform="…scale(0.1 -0.1)"><use …/></g>``.
    """
    unread = 0
    for parent in list(tree.iter()):
        before: Element | None = None
        for child in list(parent):
            words = _plain(unescape(str(before.text)).strip()) if before is not None else ""
            if before is not None and child.tag == "g" and [each.tag for each in child] == ["text"]:
                child[0].set(WORDS, words)
            elif before is not None and child.tag == "g" and _is_letters(child):
                if words:
                    _write(child, words)
                else:
                    unread += 1
            before = child if child.tag == COMMENT else None
    for parent in list(tree.iter()):
        for child in [child for child in parent if child.tag == COMMENT]:
            _drop(parent, child)
    return unread


def _drop(parent: Element, child: Element) -> None:
    """Take ``child`` out and leave the characters behind it."""
    at = list(parent).index(child)
    if child.tail and at:
        parent[at - 1].tail = (parent[at - 1].tail or "") + child.tail
    elif child.tail:
        parent.text = (parent.text or "") + child.tail
    parent.remove(child)


def _is_letters(group: Element) -> bool:
    """Whether ``group`` is a line of letter shapes as matplotlib draws it, upside down in a hundredth of the font's size."""
    scale = re.search(rf"scale\(\s*({_NUMBER})[\s,]+({_NUMBER})\s*\)\s*$", group.get("transform", ""))
    inside = [child for child in group.iter() if child is not group]
    return (
        scale is not None
        and float(scale[1]) == -float(scale[2])
        and any(child.tag == "use" for child in inside)
        and all(child.tag in ("defs", "path", "use", "g", "rect") for child in inside)
    )


def _plain(words: str) -> str:
    """What a comment spells, a simple formula as plain text, "" for any other.

    >>> _plain("$\\\\mathdefault{10^{-3}}$")
    '10⁻³'
    """
    if words.count("$") < 2:
        return words
    words = words.replace(r"\$", "\0").replace("$", "")
    words = re.sub(r"\\math\w+\s*\{((?:[^{}]|\{[^{}]*\})*)\}", r"\1", words)
    words = re.sub(r"\^(?:\{([-−+]?\d+)\}|(\d))", lambda found: (found[1] or found[2]).translate(_SUPERSCRIPTS), words)
    words = words.replace(r"\times", "×").replace(r"\cdot", "·").replace(r"\%", "%")
    return "" if re.search(r"[\\^_{}]", words) else " ".join(words.replace("\0", "$").split())


def _write(group: Element, words: str) -> None:
    face = next((str(use.get("href", "#")) for use in group.iter("use")), "#")[1:]
    group[:] = []
    text = SubElement(group, "text", {"transform": "scale(1 -1)", "font-size": "100", "text-anchor": "start"})
    text.set("font-family", "Roboto")
    text.set("font-weight", "bold" if "Bold" in face else "normal")
    text.text = words


def _pieces(tree: Element) -> list[_Piece]:
    """The texts of ``tree`` that are drawn where they stand, in the file's order."""
    pieces: list[_Piece] = []

    def walk(element: Element, matrix: Matrix) -> None:
        matrix = _times(matrix, _matrix(element.get("transform", "")))
        if element.tag == "text":
            angle = math.degrees(math.atan2(matrix[1], matrix[0])) + _turn(element)
            pieces.extend(_lines(element, (angle + 180.0) % 360.0 - 180.0))
        elif element.tag not in NOT_SHOWN:
            for child in element:
                walk(child, matrix)

    walk(tree, (1.0, 0.0, 0.0, 1.0))
    return pieces


def _lines(element: Element, angle: float) -> list[_Piece]:
    """A ``<text>`` in pieces: a new one where a part of it is put to a place of its own, as lines are."""
    found: list[list[Element]] = [[]]

    def walk(part: Element) -> None:
        if part is not element and _starts_anew(part):
            found.append([])
        if not len(part):
            if part.text:
                found[-1].append(part)
            return
        if part.text:
            first = Element("tspan")
            first.text, part.text = part.text, None
            part.insert(0, first)
        for child in list(part):
            walk(child)
            if child.tail and not (child.tail.isspace() and "\n" in child.tail):
                after = Element("tspan")
                after.text, child.tail = child.tail, None
                part.insert(list(part).index(child) + 1, after)
                found[-1].append(after)

    walk(element)
    spelled = [(elements, " ".join(_NOTHING.sub("", "".join(part.text or "" for part in elements)).split())) for elements in found]
    return [_Piece(element, elements, text, angle) for elements, text in spelled if text]


def _starts_anew(part: Element) -> bool:
    """Whether ``part`` begins a line, is raised or lowered, or stands at a place of its own."""
    return part.tag == "textPath" or any(part.get(key) for key in ("x", "y", "dy"))


def _turn(element: Element) -> float:
    """Degrees by which each letter of a text is turned by itself, where it is the same for all."""
    found = re.findall(_NUMBER, element.get("rotate", ""))
    return float(found[0]) if len(found) == 1 else 0.0


def _matrix(written: str) -> Matrix:
    """The transform attribute: SVG 2, section 8.5.

    >>> [round(value) for value in _matrix("translate(9 9) rotate(-90, 5, 5)")]
    [0, -1, 1, 0]
    """
    result: Matrix = (1.0, 0.0, 0.0, 1.0)
    for kind, inside in re.findall(r"(matrix|rotate|scale|skewX|skewY)\s*\(([^)]*)\)", written):
        n = [float(number) for number in re.findall(_NUMBER, inside)] or [0.0]
        turn = math.radians(n[0]) if kind in ("rotate", "skewX", "skewY") else 0.0
        step: Matrix = {
            "matrix": (n[0], n[1], n[2], n[3]) if len(n) == 6 else (1.0, 0.0, 0.0, 1.0),
            "rotate": (math.cos(turn), math.sin(turn), -math.sin(turn), math.cos(turn)),
            "scale": (n[0], 0.0, 0.0, n[1] if len(n) > 1 else n[0]),
            "skewX": (1.0, 0.0, math.tan(turn), 1.0),
            "skewY": (1.0, math.tan(turn), 0.0, 1.0),
        }[kind]
        result = _times(result, step)
    return result


def _times(first: Matrix, second: Matrix) -> Matrix:
    a, b, c, d = first
    e, f, g, h = second
    return a * e + c * f, b * e + d * f, a * g + c * h, b * g + d * h

"""The text of a picture as lines that a model is given: where each text stands in what it is shown, in whole percent, from the top.

    Text in the picture, each at x y percent:
    50 5 Visitors
    20 40 64
    20 91 Museum

One form for everybody: the app sends it, rows that models are trained on hold it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from vision.pictures.crops import Seen
from vision.pictures.writing import Text, Writing

GiveWriting = Literal["auto", "on", "off"]
"""Whether a model is given the text of pictures: ``on`` for every picture, ``auto`` where the model cannot read it by itself,
``off`` never. It is read all the same, to trace the thought to it."""

HEADER = "Text in the picture, each at x y percent:\n"
MOST = 90
"""Lines of one picture at most."""
NEAR, WIDE = 0.012, 0.02
"""Places that are this near to the next, in groups at most this wide, as shares of a side, are made the same."""

LEGIBLE = 12.0
"""Height of a text from which a model is taken to read it, pixels of the square that the model is shown. SigLIP looks at patches of 14
pixels: of smaller letters several share a patch, and small towers confuse them."""
LABEL = 24
"""Letters of a text that may be a label or a value; longer ones are prose, which goes first where there is too much."""
_MARK = re.compile(r"<(?=[a-zA-Z/|◁])")

Placed = tuple[str, float, float]
"""A text, and where its middle stands as shares of the picture's width and height."""


def lines_of(texts: Iterable[Placed], most: int = MOST) -> str:
    """``texts`` under their header with an empty line behind, "" where there are none.

    >>> lines_of([("64", 0.2, 0.402), ("85", 0.5, 0.398), ("Visitors", 0.5, 0.05)])
    'Text in the picture, each at x y percent:\\n50 5 Visitors\\n20 40 64\\n50 40 85\\n\\n'
    """
    clean = [(" ".join(text.split()), x, y) for text, x, y in texts if text.strip()][:most]
    if not clean:
        return ""
    columns, rows = _aligned([x for _, x, _ in clean]), _aligned([y for _, _, y in clean])
    placed = sorted(zip(rows, columns, (text for text, *_ in clean), strict=True))
    return HEADER + "".join(f"{x} {y} {text}\n" for y, x, text in placed) + "\n"


def _aligned(places: list[float]) -> list[int]:
    """``places`` in whole percent; those that are nearly the same become the same."""
    percent, group = [0] * len(places), list[int]()

    def close() -> None:
        mean = sum(places[i] for i in group) / len(group)
        for i in group:
            percent[i] = min(max(round(100 * mean), 0), 100)

    for i in sorted(range(len(places)), key=places.__getitem__):
        if group and (places[i] - places[group[-1]] > NEAR or places[i] - places[group[0]] > WIDE):
            close()
            group = []
        group.append(i)
    close()
    return percent


def lines_for(writing: Writing, give: GiveWriting, seen: Seen | None) -> str:
    """The lines of ``writing`` that a model is given, "" where it is given none.

    Args:
        writing: of one picture.
        give: what was asked for.
        seen: what the model sees of the picture, None for a model that reads text only.
    """
    if give == "off" or not writing.texts or (give == "auto" and seen is not None and legible(writing, seen)):
        return ""
    left, top, right, bottom = seen.boxes[0] if seen is not None else (0, 0, *writing.size)
    chosen = sorted(writing.texts, key=_usefulness, reverse=True)[:MOST]
    places = ((text, *text.box.middle) for text in chosen)
    return lines_of((without_marks(text.text), (x - left) / (right - left), (y - top) / (bottom - top)) for text, x, y in places)


def legible(writing: Writing, seen: Seen) -> bool:
    """Whether a model reads what stands in a picture by itself: nine texts in ten are :data:`LEGIBLE` pixels high as it is shown them.

    The tenth that may be smaller is what nobody asks for, such as a footnote.
    """
    sizes = sorted(_shown_height(text, seen) for text in writing.texts)
    return not sizes or sizes[len(sizes) // 10] >= LEGIBLE


def _shown_height(text: Text, seen: Seen) -> float:
    """The height of ``text`` across its letters, in pixels of the square that shows it largest."""
    x, y = text.box.middle
    level = abs(text.angle) < 45
    sizes = [0.0]
    for square, (left, top, right, bottom) in zip(seen.squares, seen.boxes, strict=True):
        if left <= x <= right and top <= y <= bottom:
            sizes.append(text.box.height * square.height / (bottom - top) if level else text.box.width * square.width / (right - left))
    return max(sizes)


def _usefulness(text: Text) -> tuple[bool, float]:
    """Labels and values before prose, large before small."""
    return len(text.text) <= LABEL, min(text.box.height, text.box.width)


def without_marks(text: str) -> str:
    """``text`` without marks that a template would take for its own: ``<end_of_turn>`` becomes ``< end_of_turn>``."""
    return _MARK.sub("< ", text)

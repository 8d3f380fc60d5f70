"""The text that stands in a picture: what, where, and at which angle; read from its pixels, or built from a file that knows its own text.

    writing = read_writing(picture)
    writing.find("Museum")[0].box.middle

Only text is claimed. A score proves nothing (a wrong reading may well have 1.0), and what is not found may still be in the picture,
so "not found" must never be taken for "wrong". A picture that cannot be read costs nothing: it gives an empty ``Writing``.

PP-OCR's networks come with ``rapidocr`` and run on ``onnxruntime``; both are imported when the first picture is read. One picture
is read at a time in a process, on :data:`vision.pictures.reading.THREADS` threads; what was read is kept by its pixels.
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING

from PIL import Image

from vision.pictures.box import Box
from vision.pictures.crops import content_box

if TYPE_CHECKING:
    from vision.pictures.gathering import Found
    from vision.pictures.reading import Reader

MAX_TEXTS = 1000
"""Texts that are read of one picture, from its top."""
TIME_LIMIT_S = 8.0
"""Lines are recognized for so long at most; the detector's look at the whole picture comes before."""
MAX_PIXELS = 8_000_000
"""Larger pictures are reduced to this before they are read."""
KEPT = 64
"""Pictures whose text is kept."""

_log = logging.getLogger(__name__)
_lock, _turn = threading.Lock(), threading.Lock()
_kept: OrderedDict[bytes, Future[Writing]] = OrderedDict()
_failures: set[str] = set()


@dataclass(frozen=True, kw_only=True)
class Text:
    """One text of a picture.

    Attributes:
        text: as it was read, in one line.
        box: upright and tight, in pixels of the picture as opened.
        angle: direction of reading in degrees: 0 level, 90 upwards, -90 downwards, 45 rising.
        score: the recognizer's confidence, 0 to 1; no proof of anything.
    """

    text: str
    box: Box
    angle: float = 0.0
    score: float = 1.0

    @property
    def level(self) -> bool:
        """Whether it is read from left to right."""
        return abs(self.angle) < 20


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """A value as it is drawn: how far a bar reaches along its axis, or where a line passes its label.

    Attributes:
        name: the label at which it stands.
        series: its name in the legend, "" where there is no legend.
        value: by the numbers of the axis.
        error: how far off that may be.
        box: of the bar or the point, in pixels of the picture as opened.
    """

    name: str
    series: str = ""
    value: float
    error: float
    box: Box

    @property
    def about(self) -> str:
        """The value as far as it can be told.

        >>> Drawn(name="Oslo", value=58.213, error=0.4, box=Box(0, 0, 9, 9)).about
        '58.2'
        >>> Drawn(name="Oslo", value=57.996, error=0.04, box=Box(0, 0, 9, 9)).about
        '58'
        """
        digits = min(-math.floor(math.log10(self.error)) if self.error > 0 else 2, 6)
        told = f"{round(self.value, digits) + 0.0:.{max(digits, 0)}f}"
        return told.rstrip("0").rstrip(".") if "." in told else told


@dataclass(frozen=True, kw_only=True)
class Writing:
    """All text of a picture, and what is drawn beside it.

    Attributes:
        size: (width, height) of the picture, pixels.
        texts: in reading order: by rows from the top, each from the left.
        drawn: values that were measured against an axis (:mod:`vision.pictures.drawn`).
    """

    size: tuple[int, int]
    texts: tuple[Text, ...] = ()
    drawn: tuple[Drawn, ...] = ()

    @cached_property
    def rows(self) -> tuple[tuple[Text, ...], ...]:
        """Texts that stand side by side, from the top; level ones by their middles, turned ones by the edge from which they hang.

        >>> at = {"Oslo": (0, 0), "64": (60, 1), "Rome": (0, 30)}
        >>> writing = Writing(size=(99, 99), texts=tuple(Text(text=t, box=Box(x, y, x + 30, y + 12)) for t, (x, y) in at.items()))
        >>> [[text.text for text in row] for row in writing.rows]
        [['Oslo', '64'], ['Rome']]
        """
        level = _groups([text for text in self.texts if text.level], lambda text: text.box.middle[1], lambda text: text.box.height)
        turned = _groups([text for text in self.texts if not text.level], lambda text: text.box.top, _thickness)
        rows = [tuple(sorted(row, key=lambda text: text.box.left)) for row in (*level, *turned)]
        return tuple(sorted(rows, key=lambda row: (sum(text.box.middle[1] for text in row) / len(row), row[0].box.left)))

    @cached_property
    def columns(self) -> tuple[tuple[Text, ...], ...]:
        """Texts that stand one above the other, from the left: with one middle, or one left or right edge; the fullest columns first."""
        left = list(self.texts)
        columns: list[tuple[Text, ...]] = []
        places: tuple[Callable[[Text], float], ...] = (
            lambda text: text.box.middle[0],
            lambda text: text.box.left,
            lambda text: text.box.right,
        )
        while left:
            column = max((group for place in places for group in _groups(left, place, _thickness)), key=len)
            if len(column) == 1:
                columns += [(text,) for text in left]
                break
            columns.append(tuple(sorted(column, key=lambda text: text.box.top)))
            gone = set(map(id, column))
            left = [text for text in left if id(text) not in gone]
        return tuple(sorted(columns, key=lambda column: sum(text.box.middle[0] for text in column) / len(column)))

    def find(self, text: str) -> tuple[Text, ...]:
        """Every text that is ``text``, but for case, spaces, the form of a minus and separators of thousands.

        >>> Writing(size=(9, 9), texts=(Text(text="−3,000", box=Box(0, 0, 9, 9)),)).find("-3000")[0].text
        '−3,000'
        """
        wanted = plain(text)
        return tuple(found for found in self.texts if plain(found.text) == wanted)

    def near(self, box: Box, most: int = 5) -> tuple[Text, ...]:
        """At most so many texts, the nearest to ``box`` first; those in it before those beside it."""
        return tuple(sorted(self.texts, key=lambda text: (text.box.distance(box), math.dist(text.box.middle, box.middle)))[:most])


def plain(text: str) -> str:
    """``text`` as it is compared.

    >>> plain("1,200  Visitors – a")
    '1200 visitors - a'
    """
    text = " ".join(re.sub("[−–—]", "-", text).casefold().split())
    return re.sub(r"(?<=\d)[, ](?=\d{3}(?!\d))", "", text)


def read_writing(image: Image.Image) -> Writing:
    """The text of ``image`` and what is drawn beside it; empty where there is none, or where it cannot be read.

    The same pixels are read once, however many ask and whenever, as long as they are among the last :data:`KEPT`.
    """
    rgb = _flat(image)
    key = _digest(rgb)
    with _lock:
        future = _kept.get(key)
        if mine := future is None:
            future = _kept[key] = Future()
        _kept.move_to_end(key)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    if mine:
        writing = None
        try:
            writing = _read(rgb)
        finally:
            if writing is None:  # another try may go better
                with _lock:
                    _kept.pop(key, None)
            future.set_result(writing or Writing(size=image.size))
    return future.result()


def warm_up() -> None:
    """Load what reads, in the background, while something else is loaded."""

    def load() -> None:
        with suppress(Exception), _turn:  # whoever asks for a picture's text hears of it
            import vision.pictures.gathering  # noqa: F401

            _reader(os.getpid())

    threading.Thread(target=load, name="logicflow-reading", daemon=True).start()


def forget() -> None:
    """Drop what is kept of pictures."""
    with _lock:
        _kept.clear()


def _flat(image: Image.Image) -> Image.Image:
    """RGB; what is transparent shows white."""
    if "A" in image.getbands() or "transparency" in image.info:
        layered = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), layered).convert("RGB")
    return image.convert("RGB")


def _digest(rgb: Image.Image) -> bytes:
    digest = hashlib.sha1(repr(rgb.size).encode(), usedforsecurity=False)
    digest.update(rgb.tobytes())
    return digest.digest()


@cache
def _reader(process: int) -> Reader:
    """The reader of this process. One that was inherited by a fork cannot be used, nor be taken apart without its threads: it stays."""
    from vision.pictures.reading import Reader

    return Reader()


def _begin_anew() -> None:
    """A forked process has none of the threads that read, and must not wait for them."""
    global _lock, _turn
    _lock, _turn = threading.Lock(), threading.Lock()
    _kept.clear()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_begin_anew)


def _read(rgb: Image.Image) -> Writing | None:
    """The text of a picture; None where the library failed. Of a large page that is mostly blank what stands on it is read by itself."""
    left, top, *_ = box = content_box(rgb)
    found = _read_whole(rgb if box == (0, 0, *rgb.size) else rgb.crop(box))
    if found is None or found.size == rgb.size:
        return found
    return Writing(
        size=rgb.size,
        texts=tuple(replace(text, box=text.box.moved(left, top)) for text in found.texts),
        drawn=tuple(replace(value, box=value.box.moved(left, top)) for value in found.drawn),
    )


def _read_whole(rgb: Image.Image) -> Writing | None:
    try:
        with _turn:
            import numpy as np

            from vision.pictures.gathering import gather

            scale = max(1.0, math.sqrt(rgb.width * rgb.height / MAX_PIXELS))
            small = rgb if scale == 1 else rgb.resize(tuple(max(1, round(side / scale)) for side in rgb.size), Image.Resampling.BOX)  # type: ignore[arg-type]
            pixels = np.ascontiguousarray(np.asarray(small)[:, :, ::-1])
            over, up = rgb.width / small.width, rgb.height / small.height
            reader = _reader(os.getpid())
            texts = [_text(found, over, up) for found in gather(reader, pixels, MAX_TEXTS, TIME_LIMIT_S)]
    except Exception as exc:  # whatever the library raises: the answer must not be lost with the text
        if (kind := type(exc).__name__) not in _failures:
            _failures.add(kind)
            _log.warning("text of pictures is not read: %s: %s", kind, exc)
        return None
    from vision.pictures.drawn import with_drawn

    writing = Writing(size=rgb.size, texts=tuple(texts))
    return with_drawn(rgb, replace(writing, texts=tuple(text for row in writing.rows for text in row)))


def _text(found: Found, over: float, up: float) -> Text:
    box = found.line.box
    box = Box(box.left * over, box.top * up, box.right * over, box.bottom * up)
    return Text(text=found.text, box=box, angle=found.line.angle, score=found.score)


def _thickness(text: Text) -> float:
    """About the height of a line of the text, pixels."""
    return text.box.height if text.level else min(text.box.width, text.box.height)


def _groups(texts: Sequence[Text], place: Callable[[Text], float], size: Callable[[Text], float]) -> list[list[Text]]:
    """``texts`` in groups that have one place, give or take half their size."""
    groups: list[list[Text]] = []
    mean = 0.0
    for text in sorted(texts, key=place):
        if groups and place(text) - mean < 0.5 * min(size(text), size(groups[-1][0])):
            groups[-1].append(text)
            mean += (place(text) - mean) / len(groups[-1])
        else:
            groups.append([text])
            mean = place(text)
    return groups

"""Whatever people have as pictures: photos, charts as SVG, pages of a PDF through pypdfium2, with the text that files hold.

for picture in open_pictures("report.pdf#page=2-3"):
    print(picture.image.size, picture.writing)  # None where OCR must read it
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from vision.errors import ImageError
from vision.pictures.images import Limits, Source, decode, open_image, read_bytes
from vision.pictures.layer import layer_of
from vision.pictures.svg import is_svg, open_svg
from vision.pictures.writing import Writing

LONG_SIDE = 1792
"""Longest side of a drawn page, pixels: two of Gemma's squares."""
MAX_PAGES = 16
"""Pages that are drawn at once."""
_PDFIUM = threading.Lock()
"""PDFium is not safe in threads."""


@dataclass(frozen=True)
class Picture:
    """A picture that was opened.

    Attributes:
        image: upright, RGB, without metadata.
        writing: the text that the file itself holds and a person sees, with boxes in pixels of ``image``; None where there
            is none, so that it must be read by OCR.
    """

    image: Image.Image
    writing: Writing | None = None


def is_pdf(data: bytes) -> bool:
    """Whether ``data`` begins as PDF files do, allowing for the few bytes of rubbish that readers allow for."""
    return b"%PDF-" in data[:1024]


def page_numbers(written: str, count: int) -> list[int]:
    """The pages, from 1, that ``written`` names, each once and in its order.

    Raises:
        ImageError: when that is no list of pages, names one beyond ``count``, or more than :data:`MAX_PAGES`.

    >>> page_numbers("2-4, 1", count=9)
    [2, 3, 4, 1]
    """
    found: dict[int, None] = {}
    for part in written.replace(" ", "").split(","):
        first, dash, last = part.partition("-")
        if not (first.isdecimal() and (last.isdecimal() or not dash)) or len(first) > 6 or len(last) > 6:
            raise ImageError(f"pages are {written[:40]!r}; expected numbers with commas, as in 1 or 2-4,7")
        low, high = int(first), int(last or first)
        if not 1 <= low <= high <= count:
            raise ImageError(f"page {part} is not in the document, which has {count} page{'s' if count > 1 else ''}")
        found.update(dict.fromkeys(range(low, min(high, low + MAX_PAGES) + 1)))
        if len(found) > MAX_PAGES:
            raise ImageError(f"pages {written[:40]} are more than {MAX_PAGES}; choose fewer")
    return list(found)


def open_pages(source: str | Path | bytes, pages: str = "1", limits: Limits | None = None) -> list[Picture]:
    """The ``pages`` of the PDF at ``source``, :data:`LONG_SIDE` pixels long, with the text that is seen on them.

    Raises:
        ImageError: for a file that is missing, too large, damaged or locked, and for pages that it does not have.
    """
    import pypdfium2

    limits = limits or Limits()
    name = "the PDF" if isinstance(source, bytes) else Path(source).name[:60]
    try:
        data = source if isinstance(source, bytes) else Path(source).read_bytes()
    except OSError as exc:
        raise ImageError(f"{name} cannot be read: {exc.strerror}") from exc
    if len(data) > limits.max_bytes:
        raise ImageError(f"{name} has {len(data) / 1e6:.1f} MB; at most {limits.max_bytes / 1e6:.1f} MB are accepted: save the page alone")
    with _PDFIUM:
        try:
            with pypdfium2.PdfDocument(data) as document:
                return [_draw(document[number - 1]) for number in page_numbers(pages, len(document))]
        except pypdfium2.PdfiumError as exc:
            why = "is locked with a password; save it without" if "assword" in str(exc) else "is damaged or no PDF; save it again"
            raise ImageError(f"{name} {why}") from exc


def _draw(page: Any) -> Picture:
    width, height = page.get_size()  # points
    bitmap = page.render(scale=LONG_SIDE / max(width, height, 1.0), may_draw_forms=False)
    drawn: Image.Image = bitmap.to_pil().convert("RGB")
    return _measured(drawn, layer_of(page, drawn))


def _measured(image: Image.Image, writing: Writing | None) -> Picture:
    """A picture whose file has the text; of others it is read later, if at all."""
    from vision.pictures.drawn import with_drawn  # opencv is loaded with the first picture

    return Picture(image=image, writing=writing and with_drawn(image, writing))


def open_pictures(source: Source, limits: Limits | None = None) -> list[Picture]:
    """One picture, a drawing, or the pages of a PDF, with the text that the file itself holds.

    Args:
        source: as :func:`vision.pictures.images.open_image` takes it, or a PDF: its first page, or those that its name
            ends with, as in ``report.pdf#page=2-3``.
        limits: sizes that are accepted.

    Raises:
        ImageError: as :func:`vision.pictures.images.open_image`, :func:`vision.pictures.svg.open_svg` and :func:`open_pages`.
    """
    if isinstance(source, Image.Image):
        return [Picture(image=open_image(source, limits))]
    if isinstance(source, (str, os.PathLike)):
        path, mark, pages = os.fspath(source).partition("#page=")
        if path.lower().endswith(".pdf") and "://" not in path:
            return open_pages(path, pages if mark else "1", limits)
    data, name = read_bytes(source, limits)
    if is_pdf(data):
        return open_pages(data, "1", limits)
    if is_svg(data):
        return [_measured(*open_svg(data, name, limits))]
    return [Picture(image=decode(data, name, limits))]

"""What people drop into the box, taken in: pictures that every browser shows, with the text that their files hold.

Browsers show no HEIC and no TIFF, and an SVG must not reach one as it is, since it may run scripts: those become PNG.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from vision.pictures.documents import Picture, is_pdf, open_pages, open_pictures
from vision.pictures.images import Limits, open_image
from vision.pictures.writing import Writing

FILE_TYPES = ["image", ".heic", ".heif", ".avif", ".svg", ".pdf"]
"""What the file picker offers; browsers that do not know a format would leave it out of ``image``."""
SHOWN = re.compile(rb"\x89PNG|\xff\xd8|GIF8|BM|RIFF....WEBP|....ftypavi[fs]", re.DOTALL)
"""How files begin that every browser shows."""
MAX_PNG_BYTES = 4 * 1024 * 1024
"""A photo that takes more as PNG is kept as JPEG instead."""


@dataclass(frozen=True)
class TakenPicture:
    """A picture that may be kept.

    Attributes:
        data: its bytes, in a format that browsers show.
        writing: the text that its file holds, with boxes in its pixels; None where it must be read by OCR.
    """

    data: bytes
    writing: Writing | None = None


def picture_files(file: Path, pages: str, limits: Limits) -> list[TakenPicture]:
    """The picture in ``file`` as it is, or as PNG where browsers do not show it, or the chosen ``pages`` of a PDF as PNG.

    Raises:
        ImageError: for what is none of these, or goes beyond ``limits``.
    """
    data = file.read_bytes()
    if is_pdf(data):
        return [_taken(page, limits) for page in open_pages(data, pages or "1", limits)]
    (picture,) = open_pictures(file, limits)
    return [TakenPicture(data) if SHOWN.match(data) else _taken(picture, limits)]


def _taken(picture: Picture, limits: Limits) -> TakenPicture:
    data = _encoded(picture.image, "PNG")
    if len(data) > MAX_PNG_BYTES:
        data = _encoded(picture.image, "JPEG", quality=95, subsampling=0)
    open_image(data, limits)
    return TakenPicture(data, picture.writing)


def _encoded(image: Image.Image, form: str, **options: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, **options)
    return stream.getvalue()

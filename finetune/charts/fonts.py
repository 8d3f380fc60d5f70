"""Fonts that come with installed packages: matplotlib's, Pillow's own, and four sans-serif families.

System fonts are left alone, so that a seed gives the same picture on every machine.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path

import font_hanken_grotesk
import font_manrope
import font_roboto
import font_source_sans_pro
import matplotlib
from PIL import ImageFont

_MATPLOTLIB = Path(matplotlib.get_data_path()) / "fonts" / "ttf"


def _files(package: object) -> Path:
    return Path(str(package.__file__)).parent / "files"  # type: ignore[attr-defined]


# (regular, bold, weight in sampling): what plotting libraries and spreadsheets look like comes first.
FAMILIES: tuple[tuple[Path | None, Path | None, float], ...] = (
    (_MATPLOTLIB / "DejaVuSans.ttf", _MATPLOTLIB / "DejaVuSans-Bold.ttf", 9.0),
    (_files(font_roboto) / "Roboto-Regular.ttf", _files(font_roboto) / "Roboto-Bold.ttf", 3.0),
    (_files(font_hanken_grotesk) / "HankenGrotesk-Regular.otf", _files(font_hanken_grotesk) / "HankenGrotesk-Bold.otf", 3.0),
    (_files(font_source_sans_pro) / "SourceSansPro-Regular.ttf", _files(font_source_sans_pro) / "SourceSansPro-Bold.ttf", 3.0),
    (_files(font_manrope) / "Manrope-Regular.ttf", _files(font_manrope) / "Manrope-Bold.ttf", 1.5),
    (None, None, 2.0),
    (_MATPLOTLIB / "DejaVuSerif.ttf", _MATPLOTLIB / "DejaVuSerif-Bold.ttf", 1.0),
    (_MATPLOTLIB / "STIXGeneral.ttf", _MATPLOTLIB / "STIXGeneralBol.ttf", 1.5),
    (_MATPLOTLIB / "DejaVuSansMono.ttf", _MATPLOTLIB / "DejaVuSansMono-Bold.ttf", 0.7),
)


@cache
def _bytes(path: Path) -> bytes:
    return path.read_bytes()


@cache
def font(family: int, size_px: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The font of ``FAMILIES[family]`` at ``size_px`` pixels to the em."""
    path = FAMILIES[family][1 if bold else 0]
    if path is None:
        loaded = ImageFont.load_default(size_px)
        assert isinstance(loaded, ImageFont.FreeTypeFont)
        return loaded
    return ImageFont.truetype(io.BytesIO(_bytes(path)), size_px, layout_engine=ImageFont.Layout.BASIC)


@cache
def advance(set_in: ImageFont.FreeTypeFont, letter: str) -> float:
    """How far ``letter`` moves the pen, pixels; kerning is left aside."""
    return set_in.getlength(letter)

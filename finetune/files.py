"""Files that are written whole or not at all: beside their place first, then renamed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def write_text(path: Path, text: str) -> None:
    """Write ``text``, UTF-8."""
    half = path.with_name(path.name + ".half")
    half.write_text(text, encoding="utf-8")
    half.replace(path)


def save_figure(figure: Figure, path: Path) -> Path:
    """Draw ``figure`` as a PNG; where it is now."""
    half = path.with_name(path.name + ".half")
    figure.savefig(half, format="png")
    return half.replace(path)

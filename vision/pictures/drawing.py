"""SVG text drawn to pixels by resvg, in a process of its own: what hangs, bursts or crashes there ends there.

    echo '{"pictures": ["<svg xmlns=… width="40" height="30"/>"], "fonts": [], "system_fonts": false}' | python -P drawing.py

Nothing is fetched: resvg knows no addresses, runs no scripts, and :mod:`vision.pictures.svg` gives it no file names.
"""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image  # the process that draws starts without it

TIMEOUT_S = 40.0
"""Seconds that a drawing may take on a busy machine."""
CPU_S = 12
"""Seconds of computing that it may take."""
MEMORY_BYTES = 2 * 1024**3
"""Memory that it may take."""


class DrawingError(Exception):
    """The drawing was given up; says why in a few words."""


def roboto(face: str) -> Path:
    """The file of the font that is always there and stands in for whatever is asked for."""
    import font_roboto

    return Path(str(font_roboto.__file__)).parent / "files" / f"Roboto-{face}.ttf"


def draw(pictures: list[str], *, system_fonts: bool = False) -> list[Image.Image]:
    """Each of ``pictures``, SVG with its size in pixels, as RGB on white.

    Args:
        pictures: documents that came out of :mod:`vision.pictures.svg`, which lets nothing through that reaches outside.
        system_fonts: whether the machine's fonts are asked for letters that Roboto lacks.

    Raises:
        DrawingError: when it takes too long or too much, or resvg cannot draw it.
    """
    from PIL import Image

    task = json.dumps(
        {"pictures": pictures, "fonts": [str(roboto(face)) for face in ("Regular", "Bold", "Italic")], "system_fonts": system_fonts}
    ).encode()
    try:
        done = subprocess.run([sys.executable, "-P", __file__], input=task, capture_output=True, timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise DrawingError("takes too long to draw") from None
    if done.returncode:
        why = "cannot be drawn" if done.returncode == 1 else "takes too long or too much memory to draw"
        raise DrawingError(why) from RuntimeError(done.stderr.decode(errors="replace")[-500:])
    drawn, rest = [], done.stdout
    while rest:
        (size,) = struct.unpack(">I", rest[:4])
        with Image.open(io.BytesIO(rest[4 : 4 + size]), formats=("PNG",)) as image:
            drawn.append(image.convert("RGB"))
        rest = rest[4 + size :]
    return drawn


def main() -> None:
    """Draw what standard input asks for; each PNG goes to standard output behind its length in four bytes."""
    import resvg_py

    task = json.load(sys.stdin.buffer)
    _limit()
    for picture in task["pictures"]:
        png = resvg_py.svg_to_bytes(
            svg_string=picture,
            dpi=96,
            background="white",
            skip_system_fonts=not task["system_fonts"],
            font_files=task["fonts"],
            font_family="Roboto",
            serif_family="Roboto",  # which resvg falls back on when no other family is found
            sans_serif_family="Roboto",
            cursive_family="Roboto",
            fantasy_family="Roboto",
            monospace_family="Roboto",
        )
        sys.stdout.buffer.write(struct.pack(">I", len(png)) + png)


def _limit() -> None:
    try:
        import resource
    except ImportError:  # on Windows the time alone is limited
        return
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


if __name__ == "__main__":
    main()

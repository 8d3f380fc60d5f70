"""Files of a run that survive a kill: figures, and rows that are added one by one."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vision.files import half_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save_figure(figure: Figure, path: Path) -> Path:
    """Draw ``figure`` as a PNG; where it is now."""
    with half_of(path) as half:
        figure.savefig(half, format="png")
    return path


def grown_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSONL file that :func:`growing` wrote; none where there is no file. A line that was cut off by a kill is left out."""
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                row = json.loads(line)
            except (ValueError, RecursionError):  # also a number of too many digits
                continue
            if isinstance(row, dict):
                yield row


@contextmanager
def growing(path: Path) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Appends rows to a JSONL file; each is on the disk when the call returns."""
    with path.open("a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")  # a run was killed in the middle of a line

        def append(row: dict[str, Any]) -> None:
            file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
            file.flush()
            os.fsync(file.fileno())

        yield append

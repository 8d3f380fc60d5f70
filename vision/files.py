"""Files that survive a kill: written beside their place and renamed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def half_of(path: Path, mode: int = 0o666) -> Iterator[Path]:
    """A file beside ``path`` to write to, which takes its place in the end; nothing of it is left where writing failed.

    Args:
        mode: who may read it from its first byte on, as far as the umask allows.
    """
    half = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.half")
    os.close(os.open(half, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, mode))
    try:
        yield half
        os.replace(half, path)
    finally:
        half.unlink(missing_ok=True)


def write_text(path: Path, text: str, mode: int = 0o666) -> None:
    """Write ``text``, UTF-8; what is no character is a question mark."""
    with half_of(path, mode) as half:
        half.write_text(text, encoding="utf-8", errors="replace")

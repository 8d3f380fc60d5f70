"""What waits and what runs in the engine of this process: prompts, callers' requests, and their rows in the batch."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from vision.engines.engine import Delta, Piece
from vision.engines.local.cache import digests_of
from vision.engines.local.trace import Trace


class Encoded:
    """A prompt as the processor gives it.

    Attributes:
        ids, types: (1, length) tokens and their kinds, 1 for a picture's.
        pixels: (pictures and crops, 3, side, side), None without any.
    """

    def __init__(self, ids: Any, types: Any, pixels: Any) -> None:
        self.ids, self.types, self.pixels = ids, types, pixels
        self.digests = digests_of(pixels) if pixels is not None else ()

    @property
    def length(self) -> int:
        return int(self.ids.shape[1])

    @property
    def pictures(self) -> int:
        return len(self.digests)

    def pictures_before(self, end: int) -> int:
        """Pictures whose tokens begin before ``end``."""
        image = self.types[0, :end] == 1
        return int((image[1:] & ~image[:-1]).sum()) + int(image[0])


class Job:
    """One caller's traces, and what they have written and the caller has not yet taken.

    Attributes:
        written: (which trace, piece).
        left: whether the caller has gone away.
        error: what went wrong.
    """

    def __init__(self, encoded: Encoded, traces: list[Trace]) -> None:
        self.encoded, self.traces = encoded, traces
        self.written: deque[tuple[int, Piece]] = deque()
        self.left = False
        self.error: Exception | None = None
        self._going = len(traces)

    @property
    def over(self) -> bool:
        """Whether nothing will be written any more."""
        return self.error is not None or self._going == 0

    def write(self, index: int, text: str) -> None:
        """Add ``text`` of a trace, and what it took where it has ended."""
        trace = self.traces[index]
        if text:
            self.written.append((index, Delta(text)))
        if trace.end is not None:
            self.written.append((index, trace.usage(self.encoded.length - trace.draft_tokens)))
            self._going -= 1

    def fail(self, error: Exception) -> None:
        self.error = error


@dataclass
class Row:
    """A trace in the batch, and the token that it feeds next."""

    job: Job
    index: int
    trace: Trace
    token: int = 0

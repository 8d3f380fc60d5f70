"""What waits and what runs in the engine of this process: prompts, callers' requests, and their rows in the batch."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

from vision.engines.engine import Delta, Piece
from vision.engines.local.cache import digest_of, digests_of
from vision.engines.local.trace import Trace


class Encoded:
    """A prompt as the processor gives it.

    Attributes:
        ids: (1, length) tokens.
        image: (length,) which of them are a picture's.
        inputs: what else the processor gives, by the names that the model knows.
        media: names of those of ``inputs`` that hold pictures.
        digests: of each picture and crop, where they are kept apart; else one of all together.
        opening: the tag, written by the template, with which a thought begins; "" where the model writes it.
    """

    def __init__(self, ids: Any, image: Any, inputs: dict[str, Any], *, apart: bool = False, opening: str = "") -> None:
        self.ids, self.image, self.inputs, self.opening = ids, image, inputs, opening
        self.media = tuple(name for name in inputs if not name.endswith(("token_type_ids", "attention_mask")))
        tensors = [inputs[name] for name in self.media]
        self.digests = () if not tensors else digests_of(inputs["pixel_values"]) if apart else (digest_of(tensors),)
        runs = int((image[1:] & ~image[:-1]).sum()) + int(image[0])
        self.pictures = len(self.digests) if apart else runs
        ends = image.nonzero()
        self.last_picture = int(ends.max()) + 1 if len(ends) else 0

    @property
    def length(self) -> int:
        """Tokens."""
        return int(self.ids.shape[1])

    def pictures_before(self, end: int) -> int:
        """Pictures whose tokens begin before ``end``."""
        image = self.image[:end]
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
        opened = [(i, Delta(encoded.opening)) for i in range(len(traces)) if encoded.opening]
        self.written: deque[tuple[int, Piece]] = deque(opened)
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
            self.written.append((index, Delta(text, trace.thought_tokens + trace.answer_tokens)))
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

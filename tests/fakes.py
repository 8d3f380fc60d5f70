"""The few stand-ins that tests need for what the bundled model cannot be made to do."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace

from PIL import Image

from vision.engines.engine import Control, Delta, Piece, Sampling, Usage
from vision.pictures.crops import PanAndScan, Seen, seen
from vision.prompts import Prompt


class OneByOne(ABC):
    """Traces one after another; what is ordered to end before it begins has taken nothing. Sees pictures as nano does."""

    concurrent: int | None = 1
    knows_probability = True
    sees = True

    def seen(self, image: Image.Image, pan_and_scan: PanAndScan = "auto") -> Seen:
        return seen(image, side=320, tokens_per_image=256, min_crop=256 if pan_and_scan == "on" else 0)

    @abstractmethod
    def stream(self, prompt: Prompt, sampling: Sampling, control: Control) -> Iterator[Piece]: ...

    def streams(self, prompt: Prompt, samplings: Sequence[Sampling], control: Control | None = None) -> Generator[tuple[int, Piece]]:
        control = control or Control()
        for index, sampling in enumerate(samplings):
            if end := control.ordered_end:
                yield index, replace(TOOK, thought_tokens=0, answer_tokens=0, end=end)
            else:
                with closing(self.stream(prompt, sampling, control)) as pieces:
                    yield from ((index, piece) for piece in pieces)


TOOK = Usage(prompt_tokens=1, thought_tokens=9, answer_tokens=4, first_token_s=0.1, thinking_s=0.1, total_s=0.2, end="end")


class QueuedEngine(OneByOne):
    """An engine that plays back pieces and remembers what it was asked."""

    name = "queued"

    def __init__(self, pieces: list[Delta | Usage]) -> None:
        self.pieces = pieces
        self.history: list[Prompt] = []

    def stream(self, prompt: Prompt, sampling: Sampling, control: Control) -> Iterator[Piece]:
        self.history.append(prompt)
        yield from self.pieces


class ScriptedEngine(OneByOne):
    """An engine that writes ``text`` again and again, ``pause_s`` between two pieces."""

    def __init__(self, text: str, name: str = "scripted", pause_s: float = 0.0) -> None:
        self.text, self.name, self.pause_s = text, name, pause_s
        self.begun = self.ended = 0

    def stream(self, prompt: Prompt, sampling: Sampling, control: Control) -> Iterator[Piece]:
        self.begun += 1
        stopped = False
        try:
            for start in range(0, len(self.text), 8):
                time.sleep(self.pause_s)
                yield Delta(self.text[start : start + 8])
                if stopped := control.stopped:
                    break
            yield replace(TOOK, end="stopped" if stopped else "end")
        finally:
            self.ended += 1


class SeededEngine(OneByOne):
    """An engine whose answer depends on the seed alone; None is a thought that never closes."""

    name = "seeded"

    def __init__(self, answers: list[str | None]) -> None:
        self.answers = answers
        self.drawn: list[Sampling] = []

    def stream(self, prompt: Prompt, sampling: Sampling, control: Control) -> Iterator[Piece]:
        self.drawn.append(sampling)
        answer = self.answers[sampling.seed]
        yield Delta("<think>\nRead it.\n")
        if answer is not None:
            yield Delta(f"</think>\n\nThe answer is {answer}.")
        yield replace(TOOK, answer_tokens=0, end="length") if answer is None else TOOK

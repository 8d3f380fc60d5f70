"""The few stand-ins that tests need for what the bundled model cannot be made to do."""

from __future__ import annotations

import time
from collections.abc import Iterator

from PIL import Image

from vision.engine import Control, Delta, Sampling, Usage
from vision.images import PanAndScan, Seen, seen
from vision.prompts import Conversation


class QueuedEngine:
    """An engine that plays back pieces and remembers what it was asked."""

    name = "queued"

    def __init__(self, pieces: list[Delta | Usage]) -> None:
        self.pieces = pieces
        self.history: list[Conversation] = []

    def stream(self, conversation: Conversation, sampling: Sampling, control: Control | None = None) -> Iterator[Delta | Usage]:
        self.history.append(conversation)
        yield from self.pieces


class ScriptedEngine:
    """An engine that writes ``text`` again and again, ``pause_s`` between two pieces, and sees pictures as nano does."""

    def __init__(self, text: str, name: str = "scripted", pause_s: float = 0.0) -> None:
        self.text, self.name, self.pause_s = text, name, pause_s
        self.begun = self.ended = 0

    def seen(self, image: Image.Image, pan_and_scan: PanAndScan = "auto") -> Seen:
        return seen(image, side=320, tokens_per_image=256, min_crop=256 if pan_and_scan == "on" else 0)

    def stream(self, conversation: Conversation, sampling: Sampling, control: Control | None = None) -> Iterator[Delta | Usage]:
        self.begun += 1
        stopped = False
        try:
            for start in range(0, len(self.text), 8):
                time.sleep(self.pause_s)
                yield Delta(self.text[start : start + 8])
                if stopped := control is not None and control.stopped:
                    break
            yield Usage(
                prompt_tokens=1,
                thought_tokens=9,
                answer_tokens=4,
                first_token_s=0.1,
                thinking_s=0.1,
                total_s=0.2,
                end="stopped" if stopped else "end",
            )
        finally:
            self.ended += 1


class SeededEngine:
    """An engine whose answer depends on the seed alone; None is a thought that never closes."""

    name = "seeded"

    def __init__(self, answers: list[str | None]) -> None:
        self.answers = answers
        self.drawn: list[Sampling] = []

    def stream(self, conversation: Conversation, sampling: Sampling, control: Control | None = None) -> Iterator[Delta | Usage]:
        self.drawn.append(sampling)
        answer = self.answers[sampling.seed]
        yield Delta("<think>\nRead it.\n")
        if answer is not None:
            yield Delta(f"</think>\n\nThe answer is {answer}.")
        yield Usage(
            prompt_tokens=1,
            thought_tokens=3,
            answer_tokens=0 if answer is None else 4,
            first_token_s=0.1,
            thinking_s=0.1,
            total_s=0.2,
            end="length" if answer is None else "end",
        )

"""The few stand-ins that tests need for what the bundled model cannot be made to do."""

from __future__ import annotations

from collections.abc import Iterator

from vision.engine import Control, Delta, Sampling, Usage
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

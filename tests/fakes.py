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

"""An engine on a Space whose every answer borrows a GPU (ZeroGPU): the work runs in another process.

What a person does to a running trace cannot reach that process, so it is done here: a stop closes the stream, and
"answer now" closes it and asks again with the thought so far, closed, as the draft.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gradio as gr
from PIL import Image

from vision.engine import Control, Delta, Engine, Sampling, Usage
from vision.errors import GenerationError
from vision.images import PanAndScan, Seen
from vision.prompts import Conversation
from vision.reasoning import ReasoningParser, split

Borrow = Callable[..., Callable[[Callable[..., Any]], Callable[..., Any]]]
"""``spaces.GPU``."""

START_S = 20
"""Seconds for a picture to be read and the first token to come."""
TOKENS_PER_S = 25
"""A cautious rate of large models on a borrowed GPU; what is asked for but not used is given back."""
DRAFT_CHARS = 3
"""Characters that a token of a draft has at least, on average: its tokens cannot be counted here."""


def seconds_for(conversation: Conversation, sampling: Sampling) -> int:
    """How long a GPU is asked for, seconds."""
    tokens = sampling.max_answer_tokens + (sampling.max_thought_tokens if conversation.thinking else 0)
    return min(300, START_S + 2 * len(conversation.images) + tokens // TOKENS_PER_S)


class BorrowingEngine:
    """``engine`` behind ``borrow``, which is ``spaces.GPU``; ``size`` is ``large`` (48 GB) or ``xlarge`` (96 GB)."""

    def __init__(self, engine: Engine, borrow: Borrow, size: str = "large") -> None:
        self.engine, self.name = engine, engine.name

        @borrow(duration=seconds_for, size=size)
        def stream(conversation: Conversation, sampling: Sampling) -> Iterator[Delta | Usage]:
            yield from engine.stream(conversation, sampling)

        self._stream = stream

    def seen(self, image: Image.Image, pan_and_scan: PanAndScan = "auto") -> Seen:
        """See :class:`vision.engine.Engine`."""
        return self.engine.seen(image, pan_and_scan)

    def stream(self, conversation: Conversation, sampling: Sampling, control: Control | None = None) -> Iterator[Delta | Usage]:
        """See :class:`vision.engine.Engine`."""
        control, parser, started = control or Control(), ReasoningParser(), time.perf_counter()
        parser.feed(conversation.draft)
        drafted = split(conversation.draft)
        thought, answer = len(drafted.thought) // DRAFT_CHARS, len(drafted.answer) // DRAFT_CHARS
        text, closed_by, first_s = conversation.draft, "", 0.0
        pieces = self._stream(conversation, sampling)
        try:
            while True:
                piece = next(pieces, None)
                if piece is None:
                    raise GenerationError("the borrowed GPU ended without an answer; ask again")
                if isinstance(piece, Usage):
                    total = time.perf_counter() - started
                    closed_by = closed_by or piece.thought_closed_by
                    yield replace(piece, first_token_s=first_s or total, total_s=total, thought_closed_by=closed_by)
                    return
                first_s = first_s or time.perf_counter() - started
                text += piece.text
                parser.feed(piece.text)
                thought, answer = (thought + 1, answer) if parser.thinking else (thought, answer + 1)
                yield piece
                if control.stopped:
                    total = time.perf_counter() - started
                    thinking_s = total - first_s if thought else 0.0
                    yield Usage(
                        prompt_tokens=0,
                        thought_tokens=thought,
                        answer_tokens=answer,
                        first_token_s=first_s,
                        thinking_s=thinking_s,
                        total_s=total,
                        end="stopped",
                        thought_closed_by=closed_by,
                    )
                    return
                if control.wants_answer and parser.thinking:
                    closing, closed_by = f"\n{parser.closing}\n\n", "user"
                    pieces.close()
                    yield Delta(closing)
                    parser.feed(closing)
                    text += closing
                    pieces = self._stream(replace(conversation, draft=text), sampling)
        except gr.Error as exc:
            raise GenerationError(f"the borrowed GPU gave up: {exc.message}; ask again, or with fewer tokens") from exc
        finally:
            pieces.close()

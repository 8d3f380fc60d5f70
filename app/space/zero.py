"""An engine on a Space whose every answer borrows a GPU (ZeroGPU): the work runs in another process.

What a person does to a running trace cannot reach that process, so it is done here: a stop closes the stream, and
"answer now" closes it and asks again with the thought so far, closed, as the draft.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr
from PIL import Image

from vision.engines.counts import Ledger
from vision.engines.engine import Control, Engine, Piece, Sampling, Usage
from vision.errors import GenerationError
from vision.pictures.crops import PanAndScan, Seen
from vision.prompts import Prompt

Borrow = Callable[..., Callable[[Callable[..., Any]], Callable[..., Any]]]
"""``spaces.GPU``."""

START_S = 20
"""Seconds for a picture to be read and the first token to come."""
TOKENS_PER_S = 25
"""A cautious rate of large models on a borrowed GPU; what is asked for but not used is given back."""


def seconds_for(prompt: Prompt, samplings: Sequence[Sampling]) -> int:
    """How long a GPU is asked for, seconds; traces side by side take little longer than the longest."""
    tokens = max(each.max_answer_tokens + (each.max_thought_tokens if prompt.thinking else 0) for each in samplings)
    return min(300, START_S + 2 * len(prompt.images) + tokens // TOKENS_PER_S)


class BorrowingEngine:
    """``engine`` behind ``borrow``, which is ``spaces.GPU``; ``size`` is ``large`` (48 GB) or ``xlarge`` (96 GB)."""

    concurrent: int | None = 1
    knows_probability = True

    def __init__(self, engine: Engine, borrow: Borrow, size: str = "large") -> None:
        self.engine, self.name, self.sees = engine, engine.name, engine.sees

        @borrow(duration=seconds_for, size=size)
        def streams(prompt: Prompt, samplings: Sequence[Sampling]) -> Generator[tuple[int, Piece]]:
            yield from engine.streams(prompt, samplings)

        self._streams = streams

    def seen(self, image: Image.Image, pan_and_scan: PanAndScan = "auto") -> Seen | None:
        """See :class:`vision.engines.engine.Engine`."""
        return self.engine.seen(image, pan_and_scan)

    def streams(self, prompt: Prompt, samplings: Sequence[Sampling], control: Control | None = None) -> Generator[tuple[int, Piece]]:
        """See :class:`vision.engines.engine.Engine`. After "answer now" the traces go on one after another, each from its own draft."""
        control = control or Control()
        open_ones = {index: Ledger(sampling, prompt.draft) for index, sampling in enumerate(samplings)}
        try:
            yield from self._follow(prompt, open_ones, control)
            while open_ones:
                index, ledger = next(iter(open_ones.items()))
                if ledger.thinking:
                    yield index, ledger.close_thought("user")
                draft = replace(prompt, draft=ledger.text)
                yield from self._follow(draft, {index: open_ones.pop(index)}, control)
        except gr.Error as exc:
            raise GenerationError(f"the borrowed GPU gave up: {exc.message}; ask again, or with fewer tokens") from exc

    def _follow(self, prompt: Prompt, ledgers: dict[int, Ledger], control: Control) -> Generator[tuple[int, Piece]]:
        """Borrow once for ``ledgers``; those that have ended are taken out, the others have to be answered now."""
        places, closed = list(ledgers), {index for index, ledger in ledgers.items() if ledger.closed_by}
        pieces = self._streams(prompt, [ledger.sampling for ledger in ledgers.values()])
        try:
            while ledgers:
                if end := control.ordered_end:
                    yield from ((index, ledger.usage(end)) for index, ledger in ledgers.items())
                    ledgers.clear()
                    return
                if control.wants_answer and any(ledger.thinking for ledger in ledgers.values()):
                    return
                found = next(pieces, None)
                if found is None:
                    raise GenerationError("the borrowed GPU ended without an answer; ask again")
                index, piece = places[found[0]], found[1]
                if isinstance(piece, Usage):
                    ledger = ledgers.pop(index)
                    if rest := ledger.rest():
                        yield index, rest
                    by = ledger.closed_by if index in closed else piece.thought_closed_by
                    seen_here = ledger.usage(piece.end)
                    yield index, replace(piece, first_token_s=seen_here.first_token_s, total_s=seen_here.total_s, thought_closed_by=by)
                elif delta := ledgers[index].take(piece.text):
                    yield index, delta
        finally:
            pieces.close()

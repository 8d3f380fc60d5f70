"""One answer in the making, token by token: what it draws, when its thought must close, when it ends, what it took."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

from vision.engines.engine import Control, EndReason, Sampling, Usage
from vision.thoughts.reasoning import ReasoningParser

QUOTED = 2
"""Tokens that must have come in this order before for a guess at what follows them."""
GUESSED = 5
"""Tokens of a guess at most."""
MARKS = 64
"""Tokens that a trace may take beyond its budgets, for the marks around its thought."""


class Trace:
    """The state of one row: its seed, its parser, its budgets and counts.

    Args:
        tokenizer: of the model.
        ends: ids of the tokens that end a turn.
        sampling: how it is drawn.
        control: what the user may do to it.
        draft: text it goes on from; its tokens count as the thought and the answer that they are.
        opening: the tag with which the template has begun a thought.
    """

    def __init__(
        self, tokenizer: Any, ends: frozenset[int], sampling: Sampling, control: Control, draft: str = "", opening: str = ""
    ) -> None:
        import torch

        self.tokenizer, self.ends, self.sampling, self.control = tokenizer, ends, sampling, control
        self.random = torch.Generator(device="cpu").manual_seed(sampling.seed)
        self.parser = ReasoningParser()
        self.decoder = Decoder(tokenizer)
        self.thought_tokens = self.answer_tokens = 0
        self.started = time.perf_counter()
        self.first_at = self.thought_at = self.answer_at = 0.0
        self.closed_by = ""
        self.logprobs = 0.0
        self.drawn = 0
        self.end: EndReason | None = None
        self._forced: list[int] = []
        self._read: list[int] = []  # the prompt and what was written, for guesses
        self._after: dict[tuple[int, ...], int] = {}  # where a few tokens in a row were last seen to end
        written = tokenizer(draft, add_special_tokens=False)["input_ids"] if draft else []
        self.draft_tokens = len(written)
        for token in written:
            self._write(token)
        if opening:
            self._follow(opening)

    def take(self, drawn: int, logprob: float) -> tuple[int, str]:
        """The token that comes next, the ``drawn`` one unless a closing tag must be written, and the text that it settles.

        Sets :attr:`end` where the trace is over; the token then is not part of it.
        """
        self.end = self.control.ordered_end
        if self.end is not None:
            return drawn, self._rest()
        forced = bool(self._forced)
        token = self._forced.pop(0) if forced else drawn
        if not forced:
            self.logprobs, self.drawn = self.logprobs + logprob, self.drawn + 1
        if not forced and token in self.ends:
            self.end = "end"
            return token, self._rest()
        self.first_at = self.first_at or time.perf_counter()
        text = self._write(token)
        if not self._forced and self._must_close():
            self._forced = list(self.tokenizer(f"\n{self.parser.closing}\n\n", add_special_tokens=False)["input_ids"])
        # White space alone is neither thought nor answer, but it must end too.
        room = self.sampling.max_thought_tokens + self.sampling.max_answer_tokens + MARKS
        if (self.parser.begun and self.answer_tokens >= self.sampling.max_answer_tokens) or self.made >= room:
            self.end = "length"
            text += self._rest()
        return token, text

    def remember(self, tokens: Iterable[int]) -> None:
        """Read ``tokens``, the prompt's or the trace's own, so that guesses can quote them."""
        for token in tokens:
            if len(self._read) >= QUOTED:
                self._after[tuple(self._read[-QUOTED:])] = len(self._read)
            self._read.append(token)

    def guess(self) -> list[int]:
        """What comes next if the trace goes on to quote: the tokens that last followed its latest ones, most often none."""
        at = self._after.get(tuple(self._read[-QUOTED:]))
        return [] if at is None or self._forced else self._read[at : at + GUESSED]

    @property
    def made(self) -> int:
        """Tokens written beyond the draft."""
        return len(self.decoder.ids) - self.draft_tokens

    def cut(self, end: EndReason) -> str:
        """End the trace from outside; the text that was still held back."""
        self.end = end
        return self._rest()

    def usage(self, prompt_tokens: int) -> Usage:
        """What the trace took."""
        assert self.end is not None
        now = time.perf_counter()
        return Usage(
            prompt_tokens=prompt_tokens,
            thought_tokens=self.thought_tokens,
            answer_tokens=self.answer_tokens,
            first_token_s=(self.first_at or now) - self.started,
            thinking_s=(self.answer_at or now) - self.thought_at if self.thought_at else 0.0,
            total_s=now - self.started,
            end=self.end,
            thought_closed_by=self.closed_by,
            mean_logprob=self.logprobs / self.drawn if self.drawn else None,
        )

    def _write(self, token: int) -> str:
        """Count ``token`` and give the text that it settles."""
        thinking = self.parser.thinking
        text = self.decoder.feed(token)
        if text:
            self._follow(text)
        if thinking or self.parser.thinking:
            self.thought_tokens += 1
        else:
            self.answer_tokens += 1
        return text

    def _rest(self) -> str:
        rest = self.decoder.flush()
        if rest:
            self._follow(rest)
        return rest

    def _follow(self, text: str) -> None:
        """Keep the parser and its times in step with what was written."""
        thinking = self.parser.thinking
        self.parser.feed(text)
        now = time.perf_counter()
        if self.parser.thinking and not thinking:
            self.thought_at = now
            if not self.parser.answer:  # the opening tag was counted as answer before it was known to be one
                self.thought_tokens, self.answer_tokens = self.thought_tokens + self.answer_tokens, 0
        elif thinking and not self.parser.thinking:
            self.answer_at = now
            self.closed_by = self.closed_by or "model"

    def _must_close(self) -> bool:
        if not self.parser.thinking:
            return False
        if self.control.wants_answer:
            self.closed_by = "user"
        elif self.thought_tokens >= self.sampling.max_thought_tokens:
            self.closed_by = "budget"
        return bool(self.closed_by)


class Decoder:
    """Token by token to text, holding back bytes that are not yet a whole character."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.ids: list[int] = []
        self.start = 0  # where the context for decoding begins
        self.done = 0  # up to where text was given out

    def feed(self, token: int) -> str:
        self.ids.append(token)
        before = self.tokenizer.decode(self.ids[self.start : self.done])
        now = self.tokenizer.decode(self.ids[self.start :])
        if now.endswith("\ufffd") and len(self.ids) - self.done < 8:
            return ""
        self.start, self.done = self.done, len(self.ids)
        return str(now[len(before) :])

    def flush(self) -> str:
        before = self.tokenizer.decode(self.ids[self.start : self.done])
        return str(self.tokenizer.decode(self.ids[self.start :])[len(before) :])

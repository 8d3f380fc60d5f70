"""A trace that is made elsewhere, followed from outside: its text, its counts, and when its thought must close."""

from __future__ import annotations

import time

from vision.engines.engine import Delta, EndReason, Sampling, Usage
from vision.thoughts.reasoning import Answer, ReasoningParser, split

DRAFT_CHARS = 3
"""Characters that a token of a draft has at least, on average: its tokens cannot be counted here."""


class Ledger:
    """What one trace has written so far.

    Args:
        sampling: its budgets.
        draft: text it goes on from.

    Attributes:
        text: all of it, the draft included.
    """

    def __init__(self, sampling: Sampling, draft: str = "") -> None:
        self.sampling, self.text = sampling, draft
        self.started = time.perf_counter()
        drafted = split(draft)
        self.thought_tokens, self.answer_tokens = len(drafted.thought) // DRAFT_CHARS, len(drafted.answer) // DRAFT_CHARS
        self.prompt_tokens = 0
        self.closed_by = ""
        self._first_at = self._thought_at = self._answer_at = 0.0
        self._parser = ReasoningParser()
        self._parser.feed(draft)
        self._rest: ReasoningParser | None = None  # of what comes after a thought that was closed from here
        self._before = (0, 0)  # tokens of thought and answer when the request began

    @property
    def thinking(self) -> bool:
        """Whether the text is inside a thought."""
        return self._parser.thinking

    @property
    def answering(self) -> bool:
        """Whether an answer has begun."""
        return bool(split(self.text).answer.strip())

    @property
    def spent(self) -> bool:
        """Whether the thought has used up its budget."""
        return self.thinking and self.thought_tokens >= self.sampling.max_thought_tokens

    def take(self, text: str, tokens: int = 1) -> Delta | None:
        """Count the ``text`` of so many tokens; what of it is to be given out.

        A model that was told to answer and thinks anew is heard only when it answers.
        """
        now = time.perf_counter()
        self._first_at = self._first_at or now
        if self._rest is not None:
            text = "".join(event.text for event in self._rest.feed(text) if isinstance(event, Answer))
        before = self.thinking
        self._parser.feed(text)
        if self.thinking or before:
            self._thought_at = self._thought_at or now
            self.thought_tokens += tokens
        else:
            self.answer_tokens += tokens
        if before and not self.thinking:
            self._answer_at, self.closed_by = now, self.closed_by or "model"
        self.text += text
        return Delta(text, self.thought_tokens + self.answer_tokens) if text else None

    def close_thought(self, by: str) -> Delta:
        """Write the tag that ends the thought, because its budget is spent (``budget``) or a person wants it (``user``)."""
        closing = f"\n{self._parser.closing}\n\n"
        self.closed_by, self._answer_at = by, time.perf_counter()
        self._parser.feed(closing)
        self._rest = ReasoningParser()
        self.text += closing
        return Delta(closing)

    def rest(self) -> Delta | None:
        """What was held back at the end of the text because it might have become a mark."""
        text = "".join(event.text for event in self._rest.flush() if isinstance(event, Answer)) if self._rest is not None else ""
        self._parser.feed(text)
        self.text += text
        return Delta(text) if text else None

    def begin(self) -> None:
        """A request begins, whose tokens are counted by pieces until the server tells how many they were."""
        self._before = (self.thought_tokens, self.answer_tokens)

    def settle(self, tokens: int) -> None:
        """The server counts so many ``tokens`` in the request; they are shared out as its pieces were."""
        thought, answer = self._before
        pieces = self.thought_tokens - thought, self.answer_tokens - answer
        if tokens > 0 and sum(pieces) > 0:
            thinking = round(tokens * pieces[0] / sum(pieces))
            self.thought_tokens, self.answer_tokens = thought + thinking, answer + tokens - thinking

    def usage(self, end: EndReason) -> Usage:
        """What it took until now."""
        now = time.perf_counter()
        return Usage(
            prompt_tokens=self.prompt_tokens,
            thought_tokens=self.thought_tokens,
            answer_tokens=self.answer_tokens,
            first_token_s=(self._first_at or now) - self.started,
            thinking_s=(self._answer_at or now) - self._thought_at if self._thought_at else 0.0,
            total_s=now - self.started,
            end=end,
            thought_closed_by=self.closed_by,
        )

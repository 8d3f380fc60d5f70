"""What an engine is, and the values it speaks in. Engines know nothing of pages or shells."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal, Protocol

from PIL import Image

from vision.errors import SettingsError
from vision.pictures.crops import PanAndScan, Seen
from vision.prompts import Prompt

EndReason = Literal["end", "length", "stopped", "spared", "failed"]


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How one trace is drawn.

    Attributes:
        temperature: 0 takes the likeliest token every time.
        top_p: share of probability that sampling draws from, above 0 to 1.
        seed: of this trace.
        max_thought_tokens: budget after which the thought is closed and the answer begun.
        max_answer_tokens: budget of the answer.
    """

    temperature: float = 0.0
    top_p: float = 0.95
    seed: int = 0
    max_thought_tokens: int = 1024
    max_answer_tokens: int = 512

    def __post_init__(self) -> None:
        if not 0.0 <= self.temperature <= 2.0:
            raise SettingsError(f"temperature is {self.temperature}; expected 0 to 2")
        if not 0.0 < self.top_p <= 1.0:
            raise SettingsError(f"top_p is {self.top_p}; expected above 0, at most 1")
        if not 0 <= self.seed < 2**63:
            raise SettingsError(f"seed is {self.seed}; expected 0 to {2**63 - 1}")
        if self.max_thought_tokens < 0 or self.max_answer_tokens < 1:
            raise SettingsError("token budgets must be at least 0 for thoughts and 1 for answers")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a trace took.

    Attributes:
        prompt_tokens, thought_tokens, answer_tokens: tokens; image tokens count in the prompt.
        first_token_s: seconds from the request to the first token.
        thinking_s: seconds from the first token of the thought to the first of the answer.
        total_s: seconds altogether.
        end: ``end`` of the text, a ``length`` limit, ``stopped`` by the user, ``spared`` because a vote was settled without it,
            or ``failed`` where its server gave it up.
        thought_closed_by: ``model``, ``budget`` or ``user``; "" where there was no thought or it never closed.
        mean_logprob: mean natural logarithm of the probability that the model gave its own tokens at temperature 1; None
            where the engine does not know it.
    """

    prompt_tokens: int
    thought_tokens: int
    answer_tokens: int
    first_token_s: float
    thinking_s: float
    total_s: float
    end: EndReason
    thought_closed_by: str = ""
    mean_logprob: float | None = None


@dataclass(frozen=True)
class Delta:
    """A piece of text as the model wrote it, tags included.

    Attributes:
        text: never empty.
        tokens: that the trace has with it, 0 where nobody counts.
    """

    text: str
    tokens: int = 0


@dataclass
class Control:
    """What a user may do to traces that are running; safe to call from any thread.

    Attributes:
        above: a control whose orders hold here too.
    """

    above: Control | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _answer_now: threading.Event = field(default_factory=threading.Event)
    _spare: threading.Event = field(default_factory=threading.Event)

    def stop(self) -> None:
        """End the traces within one token."""
        self._stop.set()

    def answer_now(self) -> None:
        """Close the thoughts and answer."""
        self._answer_now.set()

    def spare(self) -> None:
        """End the traces within one token: they are not needed any more."""
        self._spare.set()

    @property
    def stopped(self) -> bool:
        return self._stop.is_set() or (self.above is not None and self.above.stopped)

    @property
    def wants_answer(self) -> bool:
        return self._answer_now.is_set() or (self.above is not None and self.above.wants_answer)

    @property
    def ordered_end(self) -> EndReason | None:
        """Why the traces have to end now, None where they need not."""
        return "stopped" if self.stopped else "spared" if self._spare.is_set() else None


Piece = Delta | Usage
"""What a trace gives out: text, and last what it took."""


class Engine(Protocol):
    """Anything that answers a conversation with streams of text.

    Attributes:
        name: of the model, as people call it.
        concurrent: questions that it takes at once, None for any number; further ones should wait their turn.
        knows_probability: whether it tells the probability of a trace's tokens.
        sees: whether it is shown pictures; else it is given the text that was read in them.
    """

    name: str
    concurrent: int | None
    knows_probability: bool
    sees: bool

    def streams(self, prompt: Prompt, samplings: Sequence[Sampling], control: Control | None = None) -> Generator[tuple[int, Piece]]:
        """Traces drawn side by side, one for each of ``samplings``: (which, piece) as it is made.

        The last piece of a trace is its :class:`Usage`. A conversation's draft is not given out again, but its tokens
        count as the thought and answer that they are. Closing the iterator frees the work at once. Errors reach the
        caller as :class:`vision.errors.LogicFlowError`.
        """
        ...

    def seen(self, image: Image.Image, pan_and_scan: PanAndScan = "auto") -> Seen | None:
        """What the model is shown of ``image``, crops included, and the tokens that it costs; None where it reads text only."""
        ...


def stream(engine: Engine, prompt: Prompt, sampling: Sampling, control: Control | None = None) -> Iterator[Piece]:
    """The pieces of a single trace; see :meth:`Engine.streams`."""
    with closing(engine.streams(prompt, [sampling], control)) as pieces:
        for _, piece in pieces:
            yield piece

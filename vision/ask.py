"""The readable path: a picture and a question go in, checked steps and an answer come out.

engine = open_engine()
for update in ask_live("chart.png", "What is the total?", engine):
    ...                                 # Progress values as the text grows
reply = ask("chart.png", "What is the total?", engine)
print(reply.answer, reply.steps)
ballot = vote("chart.png", "What is the total?", engine)
print(ballot.vote.winner, ballot.vote.confidence)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import cast

from vision.answers import extract
from vision.consensus import Vote, Weighing, tally
from vision.documents import open_pictures
from vision.engine import Control, Delta, Engine, Piece, Sampling, Usage
from vision.errors import SettingsError
from vision.images import Limits, PanAndScan, Source
from vision.prompts import Conversation, Turn, check_question
from vision.reasoning import Answer, Event, ReasoningParser, Reopened, Thought
from vision.settings import Settings, load_settings
from vision.steps import Step, steps_of


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer with the way it came about, whole or still growing.

    Attributes:
        question: as it was asked.
        thought: the reasoning so far.
        answer_text: the text after the thought so far.
        thinking: whether the thought is still open.
        usage: counts and times; None while the text grows.
        text: all that the model wrote, tags included: the draft from which a stopped answer can go on.
    """

    question: str
    thought: str = ""
    answer_text: str = ""
    thinking: bool = False
    usage: Usage | None = None
    text: str = ""

    @property
    def steps(self) -> list[Step]:
        """The thought as numbered steps with their arithmetic checked."""
        return steps_of(self.thought)

    @property
    def answer(self) -> str:
        """The final answer, "" where there is none."""
        return extract(self.answer_text)

    @property
    def whole(self) -> bool:
        """Whether the model came to its own end."""
        return self.usage is not None and self.usage.end == "end" and not self.thinking

    @property
    def spared(self) -> bool:
        """Whether it was ended because a vote was settled without it."""
        return self.usage is not None and self.usage.end == "spared"

    @property
    def truncated(self) -> bool:
        """Whether the thought never closed, or the text ran into its limit."""
        return self.usage is not None and (self.thinking or self.usage.end == "length")

    @property
    def why_no_answer(self) -> str:
        """One sentence for a reply that ended without an answer, "" for any other."""
        if self.usage is None or self.answer_text:
            return ""
        if self.usage.end == "stopped":
            return "stopped before an answer"
        if self.usage.end == "spared":
            return "not needed: the vote was settled"
        if self.usage.end == "failed":
            return "no answer: the server gave this trace up"
        if self.usage.end == "length":
            return "no answer: the tokens ran out; raise the token budgets"
        return "no answer: the model ended inside its thought; ask again with another seed and a temperature above 0"


def open_engine(settings: Settings | None = None) -> Engine:
    """The engine that ``settings`` (else the environment) ask for: a server, or a model that is loaded here."""
    settings = settings or load_settings()
    if settings.engine_url:
        from vision.remote import RemoteEngine

        return RemoteEngine(settings.engine_url, settings.engine_key.get_secret_value(), settings.engine_model, settings.engine_quiet_s)
    from vision.computing import computed
    from vision.loading import load
    from vision.local import LocalEngine

    return computed(lambda: LocalEngine(load(settings), settings.reuse_mb << 20, compiled=settings.compile))


def rival_of(settings: Settings) -> Settings | None:
    """The settings of the model that answers are compared with: the one that is set, else the model without its adapter."""
    from vision.loading import adapter_of

    here = {"engine_url": ""}
    if settings.compare:
        return settings.model_copy(update=here | {"model": settings.compare, "adapter": ""})
    return settings.model_copy(update={"adapter": "none"}) if adapter_of(settings) and not settings.engine_url else None


def sampling_of(settings: Settings) -> Sampling:
    """The sampling part of ``settings``."""
    return Sampling(
        temperature=settings.temperature,
        top_p=settings.top_p,
        seed=settings.seed,
        max_thought_tokens=settings.max_thought_tokens,
        max_answer_tokens=settings.max_answer_tokens,
    )


def limits_of(settings: Settings) -> Limits:
    """The picture limits of ``settings``."""
    return Limits(
        max_bytes=int(settings.max_image_mb * 1024 * 1024), max_pixels=int(settings.max_megapixels * 1e6), allow_urls=settings.allow_urls
    )


@dataclass(frozen=True, kw_only=True)
class Ballot:
    """Several traces of one question and their vote, whole or still growing.

    Attributes:
        question: as it was asked.
        replies: one for each trace; those that still grow have no usage yet.
        temperatures: of the traces, in order.
        done: whether all have ended.
        weighing: how traces weigh.
    """

    question: str
    replies: tuple[Reply, ...] = ()
    temperatures: tuple[float, ...] = ()
    done: bool = False
    weighing: Weighing = "count"

    @property
    def vote(self) -> Vote:
        """The standing among the traces that have ended; those cut off or stopped abstain."""
        return count_votes(self.replies, self.weighing)

    @property
    def spared(self) -> int:
        """Traces that were ended because the vote was settled without them."""
        return sum(reply.spared for reply in self.replies)


def count_votes(replies: Sequence[Reply], weighing: Weighing = "count") -> Vote:
    """The vote over those of ``replies`` that have ended; an answer that was cut off or stopped may be half, so it abstains.

    The vote names traces by their places in ``replies``.
    """
    ended = {i: reply for i, reply in enumerate(replies) if reply.usage is not None and not reply.spared}
    weights = {i: _weight(reply, weighing) for i, reply in ended.items()} if weighing != "count" else None
    return tally({i: reply.answer if reply.whole else None for i, reply in ended.items()}, weights=weights)


def _weight(reply: Reply, weighing: Weighing) -> float:
    """What ``reply`` weighs, above 0 and at most 1."""
    if weighing == "probability":
        known = reply.usage.mean_logprob if reply.usage is not None else None
        return math.exp(known) if known is not None else 1.0  # nothing was drawn
    claims = [claim.verdict for step in reply.steps for claim in step.claims if claim.verdict != "unchecked"]
    return (claims.count("true") + 1) / (len(claims) + 1)


def spread(traces: int) -> tuple[float, ...]:
    """Temperatures of the ``traces`` of a vote, from nearly certain to wide: 0.2 to 1.0, evenly.

    >>> spread(3)
    (0.2, 0.6, 1.0)
    """
    return tuple(round(0.2 + 0.8 * i / max(traces - 1, 1), 2) for i in range(traces))


def ask(
    pictures: Source | Sequence[Source],
    question: str,
    engine: Engine,
    *,
    sampling: Sampling | None = None,
    thinking: bool = True,
    limits: Limits | None = None,
    pan_and_scan: PanAndScan = "auto",
) -> Reply:
    """Ask ``question`` about one picture or several and wait for the whole reply.

    Raises:
        LogicFlowError: for a picture, question or model that cannot be used.
    """
    *_, reply = ask_live(pictures, question, engine, sampling=sampling, thinking=thinking, limits=limits, pan_and_scan=pan_and_scan)
    return reply


def ask_live(
    pictures: Source | Sequence[Source],
    question: str,
    engine: Engine,
    *,
    sampling: Sampling | None = None,
    thinking: bool = True,
    limits: Limits | None = None,
    pan_and_scan: PanAndScan = "auto",
    control: Control | None = None,
) -> Iterator[Reply]:
    """The same, as it grows: one :class:`Reply` for each piece of text, the last with its usage."""
    sampling = sampling or Sampling()
    thinking = thinking and sampling.max_thought_tokens > 0
    conversation = converse(pictures, question, thinking=thinking, limits=limits, pan_and_scan=pan_and_scan)
    yield from follow(engine, conversation, sampling, control)


def vote(
    pictures: Source | Sequence[Source],
    question: str,
    engine: Engine,
    *,
    sampling: Sampling | None = None,
    temperatures: Sequence[float] = (),
    weighing: Weighing = "count",
    limits: Limits | None = None,
    pan_and_scan: PanAndScan = "auto",
) -> Ballot:
    """Ask ``question`` several times and let the answers vote; the whole ballot, see :func:`vote_live`.

    Raises:
        LogicFlowError: for a picture, question or model that cannot be used.
    """
    *_, ballot = vote_live(
        pictures,
        question,
        engine,
        sampling=sampling,
        temperatures=temperatures,
        weighing=weighing,
        limits=limits,
        pan_and_scan=pan_and_scan,
    )
    return ballot


def vote_live(
    pictures: Source | Sequence[Source],
    question: str,
    engine: Engine,
    *,
    sampling: Sampling | None = None,
    temperatures: Sequence[float] = (),
    weighing: Weighing = "count",
    limits: Limits | None = None,
    pan_and_scan: PanAndScan = "auto",
    control: Control | None = None,
) -> Iterator[Ballot]:
    """The same, as it grows: a trace for each of ``temperatures`` (five where left out), each with a seed of its own.

    They are drawn side by side; once the vote is settled (:meth:`vision.consensus.Vote.settled`) those that still run are
    ended.
    """
    sampling = sampling or Sampling()
    conversation = converse(pictures, question, thinking=sampling.max_thought_tokens > 0, limits=limits, pan_and_scan=pan_and_scan)
    yield from elect(engine, conversation, sampling, temperatures or spread(5), control, weighing)


def elect(
    engine: Engine,
    conversation: Conversation,
    sampling: Sampling,
    temperatures: Sequence[float],
    control: Control | None = None,
    weighing: Weighing = "count",
) -> Iterator[Ballot]:
    """A vote over the answers to ``conversation``; see :func:`vote_live`. The rule that settles a vote early is one of counts.

    Raises:
        SettingsError: when traces are to weigh by a probability that the engine does not know, before any is drawn.
    """
    if weighing == "probability" and not engine.knows_probability:
        raise SettingsError(f"{engine.name} does not tell the probability of its tokens; weigh by count or by claims")
    control = Control(above=control)
    samplings = [replace(sampling, temperature=temperature, seed=sampling.seed + i) for i, temperature in enumerate(temperatures)]
    growing = [_Growing(conversation) for _ in samplings]
    question, replies = conversation.turns[-1].question, tuple(each.reply for each in growing)
    ballot = Ballot(question=question, replies=replies, temperatures=tuple(temperatures), weighing=weighing)
    with closing(engine.streams(conversation, samplings, control)) as pieces:
        for index, piece in pieces:
            growing[index].take(piece)
            ballot = replace(ballot, replies=tuple(each.reply for each in growing))
            left = sum(reply.usage is None for reply in ballot.replies)
            if isinstance(piece, Usage) and weighing == "count" and ballot.vote.settled(left):
                control.spare()
            yield ballot
    yield replace(ballot, done=True)


def converse(
    pictures: Source | Sequence[Source],
    question: str,
    *,
    thinking: bool,
    limits: Limits | None = None,
    pan_and_scan: PanAndScan = "auto",
) -> Conversation:
    """A conversation with one question about ``pictures``, all opened and checked.

    Raises:
        ImageError, PromptError: for a picture or a question that cannot be used.
    """
    sources: list[Source] = list(pictures) if isinstance(pictures, (list, tuple)) else [cast(Source, pictures)]
    images = tuple(image for source in sources for image in open_pictures(source, limits))
    turn = Turn(question=check_question(question), images=images)
    return Conversation(turns=(turn,), thinking=thinking, pan_and_scan=pan_and_scan)


def follow(engine: Engine, conversation: Conversation, sampling: Sampling, control: Control | None = None) -> Iterator[Reply]:
    """Stream an engine's text through the reasoning parser into growing replies."""
    growing = _Growing(conversation)
    with closing(engine.streams(conversation, [sampling], control)) as pieces:
        for _, piece in pieces:
            growing.take(piece)
            yield growing.reply


class _Growing:
    """A reply in the making."""

    def __init__(self, conversation: Conversation) -> None:
        self.parser = ReasoningParser()
        self.reply = Reply(question=conversation.turns[-1].question)
        if conversation.draft:
            self.take(Delta(conversation.draft))

    def take(self, piece: Piece) -> None:
        """Grow by ``piece``."""
        if isinstance(piece, Usage):
            events, text, usage = self.parser.flush(), "", piece
        else:
            events, text, usage = self.parser.feed(piece.text), piece.text, None
        thought, answer = _grow(self.reply.thought, self.reply.answer_text, events)
        self.reply = replace(
            self.reply, thought=thought, answer_text=answer, thinking=self.parser.thinking, usage=usage, text=self.reply.text + text
        )


def _grow(thought: str, answer: str, events: list[Event]) -> tuple[str, str]:
    for event in events:
        if isinstance(event, Thought):
            thought += event.text
        elif isinstance(event, Answer):
            answer += event.text
        elif isinstance(event, Reopened):
            thought, answer = answer, ""
    return thought, answer

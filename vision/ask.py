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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from vision.answers import extract
from vision.consensus import Vote, tally
from vision.documents import open_pictures
from vision.engine import Control, Delta, Engine, Sampling, Usage
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
        if self.usage.end == "length":
            return "no answer: the tokens ran out; raise the token budgets"
        return "no answer: the model ended inside its thought; ask again with another seed and a temperature above 0"


def open_engine(settings: Settings | None = None) -> Engine:
    """The engine that ``settings`` (else the environment) ask for; loads its model."""
    from vision.loading import load
    from vision.local import LocalEngine

    return LocalEngine(load(settings or load_settings()))


def rival_of(settings: Settings) -> Settings | None:
    """The settings of the model that answers are compared with: the one that is set, else the model without its adapter."""
    from vision.loading import adapter_of

    if settings.compare:
        return settings.model_copy(update={"model": settings.compare, "adapter": ""})
    return settings.model_copy(update={"adapter": "none"}) if adapter_of(settings) else None


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
        replies: the traces begun so far; all but those that still grow have their usage.
        temperatures: of all traces that may be drawn, in order.
        done: whether no further trace will be drawn.
    """

    question: str
    replies: tuple[Reply, ...] = ()
    temperatures: tuple[float, ...] = ()
    done: bool = False

    @property
    def vote(self) -> Vote:
        """The standing among the traces that have ended; those cut off or stopped abstain."""
        return count_votes(self.replies)

    @property
    def spared(self) -> int:
        """Traces that were planned and need not be drawn."""
        return len(self.temperatures) - len(self.replies) if self.done else 0


def count_votes(replies: Sequence[Reply]) -> Vote:
    """The vote over those of ``replies`` that have ended; an answer that was cut off or stopped may be half, so it abstains."""
    ended = [reply for reply in replies if reply.usage is not None]
    return tally([reply.answer if reply.usage and reply.usage.end == "end" and not reply.thinking else None for reply in ended])


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
    limits: Limits | None = None,
    pan_and_scan: PanAndScan = "auto",
) -> Ballot:
    """Ask ``question`` several times and let the answers vote; the whole ballot, see :func:`vote_live`.

    Raises:
        LogicFlowError: for a picture, question or model that cannot be used.
    """
    *_, ballot = vote_live(
        pictures, question, engine, sampling=sampling, temperatures=temperatures, limits=limits, pan_and_scan=pan_and_scan
    )
    return ballot


def vote_live(
    pictures: Source | Sequence[Source],
    question: str,
    engine: Engine,
    *,
    sampling: Sampling | None = None,
    temperatures: Sequence[float] = (),
    limits: Limits | None = None,
    pan_and_scan: PanAndScan = "auto",
    control: Control | None = None,
) -> Iterator[Ballot]:
    """The same, as it grows: a trace for each of ``temperatures`` (five where left out), each with a seed of its own.

    No further trace is begun once the vote is settled (:meth:`vision.consensus.Vote.settled`) or stopped.
    """
    sampling = sampling or Sampling()
    conversation = converse(pictures, question, thinking=sampling.max_thought_tokens > 0, limits=limits, pan_and_scan=pan_and_scan)
    yield from elect(engine, conversation, sampling, temperatures or spread(5), control)


def elect(
    engine: Engine, conversation: Conversation, sampling: Sampling, temperatures: Sequence[float], control: Control | None = None
) -> Iterator[Ballot]:
    """A vote over the answers to ``conversation``; see :func:`vote_live`."""
    control = control or Control()
    ballot = Ballot(question=conversation.turns[-1].question, temperatures=tuple(temperatures))
    for index, temperature in enumerate(ballot.temperatures):
        ended = ballot.replies
        for reply in follow(engine, conversation, replace(sampling, temperature=temperature, seed=sampling.seed + index), control):
            ballot = replace(ballot, replies=(*ended, reply))
            yield ballot
        if control.stopped or ballot.vote.settled(len(ballot.temperatures) - index - 1):
            break
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
    parser = ReasoningParser()
    question, text = conversation.turns[-1].question, conversation.draft
    thought, answer = _grow("", "", parser.feed(text))
    usage: Usage | None = None
    stream = engine.stream(conversation, sampling, control)
    try:
        for piece in stream:
            if isinstance(piece, Usage):
                usage = piece
                thought, answer = _grow(thought, answer, parser.flush())
            elif isinstance(piece, Delta):
                text += piece.text
                thought, answer = _grow(thought, answer, parser.feed(piece.text))
            yield Reply(question=question, thought=thought, answer_text=answer, thinking=parser.thinking, usage=usage, text=text)
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()


def _grow(thought: str, answer: str, events: list[Event]) -> tuple[str, str]:
    for event in events:
        if isinstance(event, Thought):
            thought += event.text
        elif isinstance(event, Answer):
            answer += event.text
        elif isinstance(event, Reopened):
            thought, answer = answer, ""
    return thought, answer

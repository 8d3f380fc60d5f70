"""The readable path: a picture and a question go in, checked steps and an answer come out.

engine = open_engine()
for update in ask_live("chart.png", "What is the total?", engine):
    ...                                 # Progress values as the text grows
reply = ask("chart.png", "What is the total?", engine)
print(reply.answer, reply.steps)
ballot = vote("chart.png", "What is the total?", engine)
print(ballot.vote.winner, ballot.vote.confidence)
print(table("chart.png", engine).csv())
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TypedDict, Unpack, cast

from PIL import Image

from vision.answers.answers import extract
from vision.answers.consensus import Weighing
from vision.answers.tables import Reading, Table, readings_of, tabulate
from vision.engines.engine import Control, Delta, Engine, Piece, Sampling, Usage
from vision.errors import SettingsError
from vision.pictures.crops import PanAndScan
from vision.pictures.documents import Picture, open_pictures
from vision.pictures.images import Limits, Source
from vision.pictures.lines import GiveWriting, lines_for
from vision.pictures.writing import Writing, read_writing
from vision.prompts import Prompt, Turn, check_question
from vision.replies import CANNOT_TELL, Ballot, Reply
from vision.settings import Settings
from vision.thoughts.reasoning import ReasoningParser


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


def spread(traces: int) -> tuple[float, ...]:
    """Temperatures of the ``traces`` of a vote, from nearly certain to wide: 0.2 to 1.0, evenly.

    >>> spread(3)
    (0.2, 0.6, 1.0)
    """
    return tuple(round(0.2 + 0.8 * i / max(traces - 1, 1), 2) for i in range(traces))


class Asking(TypedDict, total=False):
    """How a question is asked.

    Attributes:
        sampling: of the trace, or of the traces of a vote, whose seeds count up from it.
        limits: of the pictures.
        pan_and_scan: whether long pictures are also shown in crops.
        writing: whether the model is given the text of the pictures.
        abstain: whether an answer that is not traced is withheld (:attr:`vision.replies.Reply.withheld`).
    """

    sampling: Sampling
    limits: Limits
    pan_and_scan: PanAndScan
    writing: GiveWriting
    abstain: bool


Pictures = Source | Picture | Sequence[Source | Picture]
"""One picture or several, as :func:`vision.pictures.documents.open_pictures` takes them, or opened already."""


def ask(pictures: Pictures, question: str, engine: Engine, *, thinking: bool = True, **how: Unpack[Asking]) -> Reply:
    """Ask ``question`` about one picture or several and wait for the whole reply.

    Raises:
        LogicFlowError: for a picture, question or model that cannot be used.
    """
    *_, reply = ask_live(pictures, question, engine, thinking=thinking, **how)
    return reply


def ask_live(
    pictures: Pictures, question: str, engine: Engine, *, thinking: bool = True, control: Control | None = None, **how: Unpack[Asking]
) -> Iterator[Reply]:
    """The same, as it grows: one :class:`Reply` for each piece of text, the last with its usage."""
    sampling = how.get("sampling", Sampling())
    prompt = _read(pictures, question, engine, thinking and sampling.max_thought_tokens > 0, how)
    yield from follow(engine, prompt, sampling, control, abstain=how.get("abstain", False))


TABLE_QUESTIONS = ("Read the chart: list all values.", "What is the total of all values?")
"""What a model is asked for a table: the second one where it tells no values to the first."""


def table(picture: Source | Picture | Image.Image, engine: Engine | None, **how: Unpack[Asking]) -> Table:
    """The values that a chart or a table shows: printed at their names, measured, or read by the model, see :mod:`vision.answers.tables`.

    Args:
        picture: one; of a PDF its first page.
        engine: None tells only what is printed and measured.

    Raises:
        LogicFlowError: for a picture or a model that cannot be used.
    """
    (opened, *_) = [picture] if isinstance(picture, Picture) else open_pictures(picture, how.get("limits"))
    writing = opened.writing or read_writing(opened.image)
    readings: list[Reading] = []
    for question in TABLE_QUESTIONS if engine is not None else ():
        reply = ask(replace(opened, writing=writing), question, cast(Engine, engine), **how)
        readings = readings_of(reply.thought) or readings_of(reply.answer_text)
        if readings:
            break
    return tabulate(writing, readings)


def vote(
    pictures: Pictures,
    question: str,
    engine: Engine,
    *,
    temperatures: Sequence[float] = (),
    weighing: Weighing = "count",
    **how: Unpack[Asking],
) -> Ballot:
    """Ask ``question`` several times and let the answers vote; the whole ballot, see :func:`vote_live`.

    Raises:
        LogicFlowError: for a picture, question or model that cannot be used.
    """
    *_, ballot = vote_live(pictures, question, engine, temperatures=temperatures, weighing=weighing, **how)
    return ballot


def vote_live(
    pictures: Pictures,
    question: str,
    engine: Engine,
    *,
    temperatures: Sequence[float] = (),
    weighing: Weighing = "count",
    control: Control | None = None,
    **how: Unpack[Asking],
) -> Iterator[Ballot]:
    """The same, as it grows: a trace for each of ``temperatures`` (five where left out), each with a seed of its own.

    They are drawn side by side; once the vote is settled (:meth:`vision.answers.consensus.Vote.settled`) those that still run are
    ended.
    """
    sampling = how.get("sampling", Sampling())
    prompt = _read(pictures, question, engine, sampling.max_thought_tokens > 0, how)
    yield from elect(engine, prompt, sampling, temperatures or spread(5), control, weighing, abstain=how.get("abstain", False))


def _read(pictures: Pictures, question: str, engine: Engine, thinking: bool, how: Asking) -> Prompt:
    """The prompt of a single question, with the text of its pictures."""
    crops = how.get("pan_and_scan", "auto")
    prompt = converse(pictures, question, thinking=thinking, limits=how.get("limits"), pan_and_scan=crops)
    return read_pictures(engine, prompt, how.get("writing", "auto"))


def elect(
    engine: Engine,
    prompt: Prompt,
    sampling: Sampling,
    temperatures: Sequence[float],
    control: Control | None = None,
    weighing: Weighing = "count",
    *,
    abstain: bool = False,
) -> Generator[Ballot]:
    """A vote over the answers to ``prompt``; see :func:`vote_live`. The rule that settles a vote early is one of counts.

    Raises:
        SettingsError: when traces are to weigh by a probability that the engine does not know, before any is drawn.
    """
    if weighing == "probability" and not engine.knows_probability:
        raise SettingsError(f"{engine.name} does not tell the probability of its tokens; weigh by count, by claims or by trust")
    control = Control(above=control)
    samplings = [replace(sampling, temperature=temperature, seed=sampling.seed + i) for i, temperature in enumerate(temperatures)]
    replies = [_Growing(prompt).reply for _ in samplings]
    ballot = Ballot(question=prompt.turns[-1].question, temperatures=tuple(temperatures), weighing=weighing)
    with closing(grow(engine, prompt, samplings, control, abstain=abstain)) as growing:
        for index, reply in growing:
            replies[index] = reply
            ballot = replace(ballot, replies=tuple(replies))
            left = sum(each.usage is None for each in replies)
            if reply.usage is not None and weighing == "count" and ballot.vote.settled(left):
                control.spare()
            yield ballot
    yield replace(ballot, done=True)


def converse(
    pictures: Pictures,
    question: str,
    *,
    thinking: bool,
    limits: Limits | None = None,
    pan_and_scan: PanAndScan = "auto",
) -> Prompt:
    """A conversation with one question about ``pictures``, all opened and checked.

    Raises:
        ImageError, PromptError: for a picture or a question that cannot be used.
    """
    sources = list(pictures) if isinstance(pictures, (list, tuple)) else [cast(Source | Picture, pictures)]
    opened = [each for source in sources for each in ([source] if isinstance(source, Picture) else open_pictures(source, limits))]
    images, writing = tuple(each.image for each in opened), tuple(each.writing for each in opened)
    turn = Turn(question=check_question(question), images=images, writing=writing)
    return Prompt(turns=(turn,), thinking=thinking, pan_and_scan=pan_and_scan)


def read_pictures(engine: Engine, prompt: Prompt, give: GiveWriting) -> Prompt:
    """``prompt`` with the text of its pictures, read where it was not known, and as lines where ``engine`` is to be given it.

    It is read where nothing is to be given too: the numbers of the thought are traced to it.
    """
    turns = []
    for turn in prompt.turns:
        known = [*turn.writing, *[None] * (len(turn.images) - len(turn.writing))]
        writing = [read_writing(image) if text is None else text for image, text in zip(turn.images, known, strict=True)]
        lines = [_lines(engine, prompt, image, text, give) for image, text in zip(turn.images, writing, strict=True)]
        turns.append(replace(turn, writing=tuple(writing), lines=tuple(lines)))
    return replace(prompt, turns=tuple(turns))


def _lines(engine: Engine, prompt: Prompt, image: Image.Image, writing: Writing, give: GiveWriting) -> str:
    return lines_for(writing, give, engine.seen(image, prompt.pan_and_scan)) if writing.texts else ""


def follow(engine: Engine, prompt: Prompt, sampling: Sampling, control: Control | None = None, *, abstain: bool = False) -> Iterator[Reply]:
    """Stream an engine's text through the reasoning parser into growing replies.

    With ``abstain`` an answer that is not traced in the end is withheld (:attr:`vision.replies.Reply.withheld`).
    """
    with closing(grow(engine, prompt, [sampling], control, abstain=abstain)) as growing:
        for _, reply in growing:
            yield reply


def grow(
    engine: Engine, prompt: Prompt, samplings: Sequence[Sampling], control: Control | None = None, *, abstain: bool = False
) -> Generator[tuple[int, Reply]]:
    """Traces drawn side by side: (which, its reply so far) for each piece of text; the last of a trace has its usage."""
    growing = [_Growing(prompt, abstain=abstain) for _ in samplings]
    with closing(engine.streams(prompt, samplings, control)) as pieces:
        for index, piece in pieces:
            growing[index].take(piece)
            yield index, growing[index].reply


class _Growing:
    """A reply in the making."""

    def __init__(self, prompt: Prompt, *, abstain: bool = False) -> None:
        self.parser, self.abstain = ReasoningParser(), abstain
        self.reply = Reply(
            question=prompt.turns[-1].question, writing=tuple(text for turn in prompt.turns for text in turn.writing if text)
        )
        if prompt.draft:
            self.take(Delta(prompt.draft))

    def take(self, piece: Piece) -> None:
        """Grow by ``piece``."""
        if isinstance(piece, Usage):
            self.parser.flush()
            text, usage, tokens = "", piece, self.reply.tokens
        else:
            self.parser.feed(piece.text)
            text, usage, tokens = piece.text, None, piece.tokens or self.reply.tokens
        self.reply = replace(
            self.reply,
            thought=self.parser.thought,
            answer_text=self.parser.answer,
            thinking=self.parser.thinking,
            usage=usage,
            tokens=tokens,
            text=self.reply.text + text,
        )
        trust = self.reply.trust if self.abstain else None
        if trust is not None and trust.level != "traced" and self.reply.answer_text:
            self.reply = replace(self.reply, withheld=extract(self.reply.answer_text), answer_text=CANNOT_TELL)

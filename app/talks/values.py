"""A conversation as it is kept, shown, exported and sent to a model: plain values and their JSON form.

A :class:`Conversation` is a line of :class:`Exchange`, each a question with its pictures (named by the hash of their bytes)
and the traces that answered it. Nothing here knows of gradio, files or engines.

>>> conversation = Conversation(exchanges=(Exchange(question="How many?"),))
>>> conversation_from_json(conversation_as_json(conversation)) == conversation
True
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Any

from PIL import Image
from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from vision.answers.consensus import Vote
from vision.answers.corrections import MOST_CHARS, Correction
from vision.answers.tables import MOST_CELLS, Table
from vision.engines.engine import Sampling
from vision.errors import ConversationError, SettingsError
from vision.pictures.crops import PanAndScan
from vision.pictures.lines import GiveWriting
from vision.pictures.writing import Writing
from vision.prompts import MAX_QUESTION_CHARS, Prompt, Turn
from vision.replies import Reply, count_votes

FORMAT = "logicflow-talk-1"

MAX_PICTURES = 32
"""Pictures of one question."""
MAX_TEXTS = 10_000
"""Texts of one picture."""
MAX_EXCHANGES = 200
"""Questions of one conversation."""
MAX_CORRECTIONS = 50
"""Readings of one answer that a person corrects."""

PictureName = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
"""SHA-256 of a picture's bytes."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a question was asked.

    Attributes:
        thinking: whether a thought was asked for.
        temperature, top_p, seed, max_thought_tokens: as in :class:`vision.engines.engine.Sampling`.
        pan_and_scan: as in :class:`vision.prompts.Prompt`.
        writing: whether the model is given the text of pictures.
        traces: 1 for a single answer, more for a vote.
        compare: whether a second model answers beside the first.
    """

    thinking: bool = True
    temperature: float = 0.0
    top_p: float = 0.95
    seed: int = 0
    max_thought_tokens: int = 1024
    pan_and_scan: PanAndScan = "auto"
    writing: GiveWriting = "auto"
    traces: int = 1
    compare: bool = False

    def sampling(self, max_answer_tokens: int = 512) -> Sampling:
        """As an engine takes it."""
        return Sampling(
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
            max_thought_tokens=self.max_thought_tokens if self.thinking else 0,
            max_answer_tokens=max_answer_tokens,
        )


def options_of(*chosen: Any) -> Options:
    """Options from the values of the page's fields, in the order of the attributes; a field that was emptied is as usual.

    >>> options_of(*chosen_of(Options(traces=5))) == Options(traces=5)
    True
    """
    given = zip(asdict(Options()), chosen, strict=True)
    return _OPTIONS.validate_python({name: value for name, value in given if value is not None})


def chosen_of(options: Options) -> list[Any]:
    """What the page's fields show for ``options``."""
    return list(asdict(options).values())


def _believable(writing: tuple[Writing | None, ...]) -> tuple[Writing | None, ...]:
    """``writing`` as it may have been read here; what is imported can come from anyone."""
    for each in filter(None, writing):
        width, height = each.size
        boxes = [*(text.box for text in each.texts), *(drawn.box for drawn in each.drawn)]
        edges = [edge for box in boxes for edge in (box.left, box.top, box.right, box.bottom)]
        words = [*(text.text for text in each.texts), *(word for drawn in each.drawn for word in (drawn.name, drawn.series))]
        if max(len(each.texts), len(each.drawn)) > MAX_TEXTS or any(len(word) > MAX_QUESTION_CHARS for word in words):
            raise ValueError(f"a picture has more than {MAX_TEXTS} texts, or one of more than {MAX_QUESTION_CHARS} characters")
        if not all(math.isfinite(drawn.value) and math.isfinite(drawn.error) for drawn in each.drawn):
            raise ValueError("a bar or a point of a picture has a value that is no number")
        if width < 1 or height < 1 or not all(abs(edge) <= 2 * (width + height) for edge in edges):
            raise ValueError(f"a text or a bar stands outside of its picture of {width} x {height} pixels")
    return writing


def _readable(tables: tuple[Table | None, ...]) -> tuple[Table | None, ...]:
    """``tables`` as they may have been made here."""
    for table in filter(None, tables):
        words = [*table.heads, *(name for name, _ in table.rows), *(word for *_, cell in table.cells for word in (cell.value, cell.said))]
        if len(words) > 4 * MOST_CELLS or any(len(word) > MAX_QUESTION_CHARS for word in words):
            raise ValueError(f"a table has more than {MOST_CELLS} values, or one of more than {MAX_QUESTION_CHARS} characters")
        if any(len(cells) != len(table.heads) - 1 for _, cells in table.rows):
            raise ValueError("a row of a table has not one value for each column")
    return tables


def _short(corrections: tuple[Correction, ...]) -> tuple[Correction, ...]:
    """``corrections`` that a person can have typed."""
    if any(max(len(each.value), len(each.was)) > MOST_CHARS for each in corrections):
        raise ValueError(f"a corrected reading has more than {MOST_CHARS} characters")
    return corrections


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One question and what came of it.

    Attributes:
        question: as it was asked.
        pictures: names of its pictures.
        writing: the text of each of them, None where nobody has read it; may be shorter.
        tables: the values behind each of them, None where nobody asked for them; may be shorter.
        options: how it was asked.
        replies: one trace, or those of a vote; a trace without usage was interrupted.
        model: name of the model that answered.
        rival, rival_model: the answer of the second model, and its name.
        liked: a person's verdict on the answer, None where there is none.
        reason: why it is not liked, "" where nothing was said.
        corrections: readings that a person corrected, oldest first.
    """

    question: Annotated[str, Field(max_length=MAX_QUESTION_CHARS)]
    pictures: Annotated[tuple[PictureName, ...], Field(max_length=MAX_PICTURES)] = ()
    writing: Annotated[tuple[Writing | None, ...], Field(max_length=MAX_PICTURES), AfterValidator(_believable)] = ()
    tables: Annotated[tuple[Table | None, ...], Field(max_length=MAX_PICTURES), AfterValidator(_readable)] = ()
    options: Options = field(default_factory=Options)
    replies: Annotated[tuple[Reply, ...], Field(max_length=64)] = ()
    model: str = ""
    rival: Reply | None = None
    rival_model: str = ""
    liked: bool | None = None
    reason: Annotated[str, Field(max_length=500)] = ""
    corrections: Annotated[tuple[Correction, ...], Field(max_length=MAX_CORRECTIONS), AfterValidator(_short)] = ()

    @property
    def vote(self) -> Vote:
        """The standing among the traces that have ended."""
        return count_votes(self.replies)

    @property
    def best(self) -> Reply | None:
        """The trace that stands for the answer: the only one, or the first that elected the winner."""
        if len(self.replies) < 2:
            return self.replies[0] if self.replies else None
        vote = self.vote
        return self.replies[vote.clusters[0].traces[0]] if vote.clusters else self.replies[0]

    @property
    def answer_text(self) -> str:
        """What the model said after its thought, "" where it said nothing."""
        best = self.best
        return best.answer_text if best is not None else ""


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """A conversation.

    Attributes:
        id: random, 32 hexadecimal digits.
        name: given by a person, "" for none.
        exchanges: oldest first.
    """

    id: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] = field(default_factory=lambda: uuid.uuid4().hex)
    name: Annotated[str, Field(max_length=200)] = ""
    exchanges: Annotated[tuple[Exchange, ...], Field(max_length=MAX_EXCHANGES)] = ()

    @property
    def title(self) -> str:
        """The name given to it, else its first question."""
        return self.name or (self.exchanges[0].question if self.exchanges else "")[:80] or "New conversation"

    def until(self, count: int) -> Conversation:
        """The first ``count`` exchanges only: what undo, edit and retry go on from."""
        return replace(self, exchanges=self.exchanges[:count])

    def traced(self, at: int) -> Exchange:
        """The exchange ``at`` a place, its replies with the text of all pictures until then, to which their numbers are traced."""
        exchanges = self.exchanges[: at % len(self.exchanges) + 1]
        read = tuple(text for exchange in exchanges for text in exchange.writing if text is not None)
        last = exchanges[-1]
        rival = replace(last.rival, writing=read) if last.rival is not None else None
        return replace(last, replies=tuple(replace(reply, writing=read) for reply in last.replies), rival=rival)

    def branch(self) -> Conversation:
        """The same as a conversation of its own."""
        return replace(self, id=uuid.uuid4().hex)

    def with_last(self, exchange: Exchange) -> Conversation:
        """The last exchange replaced."""
        return replace(self, exchanges=(*self.exchanges[:-1], exchange))

    def asked(self, exchange: Exchange) -> Conversation:
        """One exchange more."""
        return replace(self, exchanges=(*self.exchanges, exchange))


def prompt_of(conversation: Conversation, open_picture: Callable[[str], Image.Image]) -> Prompt:
    """What a model is sent to answer the last exchange: questions, pictures and answers, never an old thought."""
    options = conversation.exchanges[-1].options
    read = {name: text for exchange in conversation.exchanges for name, text in zip(exchange.pictures, exchange.writing, strict=False)}
    tables = {name: table for exchange in conversation.exchanges for name, table in zip(exchange.pictures, exchange.tables, strict=False)}
    turns = [
        Turn(
            question=question,
            images=tuple(open_picture(name) for name in pictures),
            writing=tuple(read.get(name) for name in pictures),
            values=tuple(table.lines() if (table := tables.get(name)) is not None else "" for name in pictures),
            answer=answer,
        )
        for pictures, question, answer in turns_of(conversation)
    ]
    thinking = options.thinking and options.max_thought_tokens > 0
    return Prompt(turns=tuple(turns), thinking=thinking, pan_and_scan=options.pan_and_scan)


def turns_of(conversation: Conversation) -> list[tuple[tuple[str, ...], str, str]]:
    """(names of pictures, question, answer) of what a model is told; the last, which it answers, has the answer "".

    Exchanges that got no answer are left out, but their pictures stay with the next question.
    """
    turns, carried = [], tuple[str, ...]()
    *earlier, last = conversation.exchanges
    for exchange in earlier:
        carried += exchange.pictures
        if exchange.answer_text:
            turns.append((carried, exchange.question, exchange.answer_text))
            carried = ()
    return [*turns, (carried + last.pictures, last.question, "")]


def conversation_as_json(conversation: Conversation) -> dict[str, Any]:
    """``conversation`` as plain values; pictures are named, not held."""
    return {"format": FORMAT, **_CONVERSATION.dump_python(conversation, mode="json")}


def conversation_from_json(value: Any) -> Conversation:
    """The conversation in ``value``, which may come from anyone: every part is checked.

    Raises:
        ConversationError: naming the part that is not as it should be.
    """
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise ConversationError(f"this is no exported conversation; expected a JSON object with format {FORMAT!r}")
    try:
        conversation = _CONVERSATION.validate_python({name: part for name, part in value.items() if name != "format"})
        for exchange in conversation.exchanges:
            exchange.options.sampling()
    except ValidationError as exc:
        first = exc.errors()[0]
        where = " ".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
        raise ConversationError(f"{where} of the conversation cannot be read: {first['msg'].lower()}") from exc
    except SettingsError as exc:
        raise ConversationError(f"the options of the conversation cannot be used: {exc}") from exc
    return conversation


_OPTIONS = TypeAdapter(Options)
_CONVERSATION = TypeAdapter(Conversation)

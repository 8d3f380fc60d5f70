"""Readings that a person corrected: the answer with what follows from them, both versions kept, and the question asked again with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.talks.values import Conversation, Exchange
from vision.answers.answers import number_of
from vision.answers.corrections import correct, reading_at, typed
from vision.answers.tables import Table
from vision.pictures.box import Box
from vision.pictures.writing import Drawn, Text, Writing
from vision.replies import Reply
from vision.thoughts.sources import Source


@dataclass(frozen=True, kw_only=True)
class Version:
    """An answer as it is with a person's corrections.

    Attributes:
        reply: with the corrected thought and answer, and the pictures' text as the person says it is.
        changes: what was read, for what, and what stands there.
        whole: whether all that hangs on them could be computed again.
    """

    reply: Reply
    changes: tuple[tuple[str, str, str], ...]
    whole: bool


def version_of(exchange: Exchange) -> Version | None:
    """``exchange`` (as :meth:`app.talks.values.Conversation.traced` gives it) with its corrections; None where there are none that fit."""
    reply = exchange.best
    if reply is None or not exchange.corrections:
        return None
    corrected = correct(reply.steps, reply.answer_text, exchange.corrections, exchange.question)
    if corrected is None:
        return None
    writing = reply.writing
    for correction in exchange.corrections:
        if (source := reading_at(reply.steps, correction)) is not None and typed(correction.value):
            writing = corrected_writing(writing, source, typed(correction.value))
    text = f"<think>\n{corrected.thought}\n</think>\n\n{corrected.answer_text}"  # as a model would have written it
    reply = replace(reply, thought=corrected.thought, answer_text=corrected.answer_text, text=text, writing=writing)
    return Version(reply=reply, changes=corrected.changes, whole=corrected.whole)


def corrected_writing(writing: Sequence[Writing], source: Source, value: str) -> tuple[Writing, ...]:
    """The pictures' text with ``value`` where ``source`` was read: in place of the number there, at the bar, or below the name.

    A number that stands at another name stays: there the picture is right, and the model was wrong.
    """
    if not 0 <= source.picture < len(writing) or source.verdict == "false":
        return tuple(writing)
    if source.verdict != "true" and _stands(writing[source.picture], value):
        return tuple(writing)
    picture = writing[source.picture]
    old = next((text for text in source.texts if text in picture.texts and number_of(text.text) == number_of(source.text)), None)
    place = old.box if old is not None else source.drawn.box if source.drawn is not None else source.named[0].box if source.named else None
    if place is None:
        return tuple(writing)
    return _put(writing, source.picture, _rewritten(picture, value, old, place, [source.drawn]))


def _rewritten(picture: Writing, value: str, old: Text | None, place: Box, gone: Sequence[Drawn | None]) -> Writing:
    """``picture`` with ``value`` in place of the text ``old``, else at ``place``, and without what was measured there."""
    texts = list(picture.texts)
    if old is not None:
        texts[texts.index(old)] = replace(old, text=value)
    else:
        texts.append(Text(text=value, box=place))
    return replace(picture, texts=tuple(texts), drawn=tuple(each for each in picture.drawn if each not in gone))


def place_of_picture(conversation: Conversation, number: int) -> tuple[int, int]:
    """In which exchange, and where in it, a picture stands; pictures are counted over the whole conversation.

    Raises:
        IndexError: where there is none.
    """
    return [(at, i) for at, exchange in enumerate(conversation.exchanges) for i in range(len(exchange.pictures))][number]


def with_table(conversation: Conversation, number: int, table: Table, writing: Writing) -> Conversation:
    """``conversation`` with the values behind its picture ``number``, whose text is ``writing``: later questions take them along.

    Raises:
        IndexError: where there is no such picture.
    """
    at, place = place_of_picture(conversation, number)
    exchange = conversation.exchanges[at]
    changed = replace(exchange, tables=_put(exchange.tables, place, table), writing=_put(exchange.writing, place, writing))
    return replace(conversation, exchanges=_put(conversation.exchanges, at, changed))


def with_cell(conversation: Conversation, number: int, row: int, column: int, value: str) -> Conversation:
    """``conversation`` with a value typed by a person into the table of its picture ``number``, and into the text of the picture there.

    Raises:
        IndexError: where there is no such value.
    """
    at, place = place_of_picture(conversation, number)
    exchange = conversation.exchanges[at]
    table, picture = exchange.tables[place], exchange.writing[place]
    if table is None or picture is None:
        raise IndexError(f"picture {number} has no table")
    changed, (name, cells) = table.with_cell(row, column, value), table.rows[row]
    before = cells[column]
    box = before.box if before is not None else None
    old = next((text for text in picture.texts if text.box == box), None)
    drawn = [each for each in picture.drawn if each.name == name and each.series in ("", table.heads[column + 1])]
    spot = box or next((text.box for text in picture.texts if text.text == name), None)
    if spot is not None:
        picture = _rewritten(picture, value, old, spot, drawn)
    return with_table(conversation, number, changed, picture)


def _put(values: Sequence[Any], at: int, value: Any) -> tuple[Any, ...]:
    """``values`` with another one ``at`` a place, None before it where there are too few."""
    filled = [*values, *[None] * (at + 1 - len(values))]
    filled[at] = value
    return tuple(filled)


def _stands(picture: Writing, value: str) -> bool:
    return any(number_of(text.text) == number_of(value) for text in picture.texts)


def asked_again(conversation: Conversation, at: int) -> Conversation | None:
    """The conversation until exchange ``at``, and its question once more with the corrected text of the pictures; None without one."""
    version = version_of(conversation.traced(at))
    if version is None:
        return None
    exchanges, left = [], list(version.reply.writing)
    for exchange in conversation.exchanges[: at + 1]:
        writing = tuple(left.pop(0) if text is not None and left else text for text in exchange.writing)
        exchanges.append(replace(exchange, writing=writing))
    again = replace(exchanges[-1], options=replace(exchanges[-1].options, writing="on"), replies=(), corrections=(), liked=None, reason="")
    kept = (*conversation.exchanges[: at + 1], again)
    return replace(conversation, exchanges=kept)

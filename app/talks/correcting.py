"""Readings that a person corrected: the answer with what follows from them, both versions kept, and the question asked again with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.talks.values import Conversation, Exchange
from vision.answers.answers import number_of
from vision.answers.corrections import correct, reading_at, typed
from vision.pictures.writing import Text, Writing
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
    texts = list(picture.texts)
    old = next((text for text in source.texts if text in texts and number_of(text.text) == number_of(source.text)), None)
    place = old.box if old is not None else source.drawn.box if source.drawn is not None else source.named[0].box if source.named else None
    if place is None:
        return tuple(writing)
    if old is not None:
        texts[texts.index(old)] = replace(old, text=value)
    else:
        texts.append(Text(text=value, box=place))
    drawn = tuple(each for each in picture.drawn if each is not source.drawn)
    changed = replace(picture, texts=tuple(texts), drawn=drawn)
    return (*writing[: source.picture], changed, *writing[source.picture + 1 :])


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

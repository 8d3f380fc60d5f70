"""Answer the last question of a conversation, step by step: conversations in, growing conversations out.

What the page does between a question and an answer, without the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from PIL import Image

from app.talks.rival import Rival
from app.talks.values import Conversation, Exchange, prompt_of
from vision.ask import elect, follow, read_pictures, spread
from vision.engines.engine import Control, Engine, Sampling
from vision.pictures.writing import Writing
from vision.prompts import Prompt
from vision.replies import Reply

OpenPicture = Callable[[str], Image.Image]
"""A picture, checked and upright, by its name."""


def answer(
    engine: Engine,
    conversation: Conversation,
    open_picture: OpenPicture,
    control: Control,
    max_answer_tokens: int = 512,
    rival: Rival | None = None,
    *,
    abstain: bool = False,
) -> Iterator[Conversation]:
    """``conversation`` again and again as the answer to its last question grows.

    With several traces they vote; where a comparison is asked for, ``rival`` answers the same after that, drawn alike.

    Raises:
        LogicFlowError: for a picture, question or model that cannot be used.
    """
    last = replace(conversation.exchanges[-1], model=engine.name, replies=(), rival=None, rival_model="", corrections=())
    prompt, sampling = prompt_of(conversation, open_picture), last.options.sampling(max_answer_tokens)
    asked = read_pictures(engine, prompt, last.options.writing)
    last = replace(last, writing=_read(asked, last))
    yield conversation.with_last(last)
    if last.options.traces > 1:
        for ballot in elect(engine, asked, sampling, spread(last.options.traces), control, abstain=abstain):
            last = replace(last, replies=tuple(map(_lean, ballot.replies)))
            yield conversation.with_last(last)
    else:
        for reply in follow(engine, asked, sampling, control, abstain=abstain):
            last = replace(last, replies=(_lean(reply),))
            yield conversation.with_last(last)
    if last.options.compare and rival is not None and not control.stopped:
        yield from _compared(rival, conversation.with_last(last), asked, sampling, control, abstain=abstain)


def _compared(
    rival: Rival, conversation: Conversation, asked: Prompt, sampling: Sampling, control: Control, *, abstain: bool
) -> Iterator[Conversation]:
    """The same question to the ``rival``; until it is loaded, how far it is stands behind its name."""
    last = conversation.exchanges[-1]
    for told in rival.loading(control):
        yield conversation.with_last(replace(last, rival=Reply(question=last.question), rival_model=f"{rival.name} ({told} …)"))
    if control.stopped:
        yield conversation
        return
    other = rival.engine()
    for reply in follow(other, read_pictures(other, asked, last.options.writing), sampling, control, abstain=abstain):
        yield conversation.with_last(replace(last, rival=_lean(reply), rival_model=other.name))


def resume(
    engine: Engine,
    conversation: Conversation,
    open_picture: OpenPicture,
    control: Control,
    max_answer_tokens: int = 512,
    *,
    abstain: bool = False,
) -> Iterator[Conversation]:
    """The same for an answer that ended before its time: it goes on from what there is, the thought included.

    An answer that had used up its tokens gets as many again.
    """
    last = replace(conversation.exchanges[-1], model=engine.name, liked=None, reason="", corrections=())
    begun = last.replies[0] if last.replies else None
    spent = begun.usage.answer_tokens if begun is not None and begun.usage is not None else 0
    prompt = replace(prompt_of(conversation, open_picture), draft=begun.text if begun is not None else "")
    asked = read_pictures(engine, prompt, last.options.writing)
    last = replace(last, writing=_read(asked, last))
    for reply in follow(engine, asked, last.options.sampling(max_answer_tokens + spent), control, abstain=abstain):
        yield conversation.with_last(replace(last, replies=(_lean(reply),)))


def resumable(conversation: Conversation) -> bool:
    """Whether the last answer ended before its time; a vote is asked again instead."""
    if not conversation.exchanges or conversation.exchanges[-1].options.traces > 1:
        return False
    replies = conversation.exchanges[-1].replies
    return not replies or replies[0].usage is None or replies[0].usage.end != "end"


def _read(prompt: Prompt, exchange: Exchange) -> tuple[Writing | None, ...]:
    """The text of the pictures that came with ``exchange``, the last that was asked; they are the last ones of its turn."""
    writing = prompt.turns[-1].writing
    return writing[len(writing) - len(exchange.pictures) :]


def _lean(reply: Reply) -> Reply:
    """``reply`` without the text of the pictures, which its exchange keeps once for all traces."""
    return replace(reply, writing=())

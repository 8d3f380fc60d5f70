"""Answer the last question of a conversation, step by step: conversations in, growing conversations out.

What the page does between a question and an answer, without the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from PIL import Image

from app.talks.values import Conversation, prompt_of
from vision.ask import elect, follow, spread
from vision.engines.engine import Control, Engine

OpenPicture = Callable[[str], Image.Image]
"""A picture, checked and upright, by its name."""


def answer(
    engine: Engine,
    conversation: Conversation,
    open_picture: OpenPicture,
    control: Control,
    max_answer_tokens: int = 512,
    rival: Callable[[], Engine] | None = None,
) -> Iterator[Conversation]:
    """``conversation`` again and again as the answer to its last question grows.

    With several traces they vote; where a comparison is asked for, ``rival`` answers the same after that, drawn alike.

    Raises:
        LogicFlowError: for a picture, question or model that cannot be used.
    """
    last = replace(conversation.exchanges[-1], model=engine.name, replies=(), rival=None, rival_model="")
    prompt, sampling = prompt_of(conversation, open_picture), last.options.sampling(max_answer_tokens)
    if last.options.traces > 1:
        for ballot in elect(engine, prompt, sampling, spread(last.options.traces), control):
            last = replace(last, replies=ballot.replies)
            yield conversation.with_last(last)
    else:
        for reply in follow(engine, prompt, sampling, control):
            last = replace(last, replies=(reply,))
            yield conversation.with_last(last)
    if last.options.compare and rival is not None and not control.stopped:
        other = rival()
        for reply in follow(other, prompt, sampling, control):
            yield conversation.with_last(replace(last, rival=reply, rival_model=other.name))


def resume(
    engine: Engine, conversation: Conversation, open_picture: OpenPicture, control: Control, max_answer_tokens: int = 512
) -> Iterator[Conversation]:
    """The same for an answer that ended before its time: it goes on from what there is, the thought included.

    An answer that had used up its tokens gets as many again.
    """
    last = replace(conversation.exchanges[-1], model=engine.name, liked=None, reason="")
    begun = last.replies[0] if last.replies else None
    spent = begun.usage.answer_tokens if begun is not None and begun.usage is not None else 0
    prompt = replace(prompt_of(conversation, open_picture), draft=begun.text if begun is not None else "")
    for reply in follow(engine, prompt, last.options.sampling(max_answer_tokens + spent), control):
        yield conversation.with_last(replace(last, replies=(reply,)))


def resumable(conversation: Conversation) -> bool:
    """Whether the last answer ended before its time; a vote is asked again instead."""
    if not conversation.exchanges or conversation.exchanges[-1].options.traces > 1:
        return False
    replies = conversation.exchanges[-1].replies
    return not replies or replies[0].usage is None or replies[0].usage.end != "end"

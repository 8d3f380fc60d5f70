"""What the page's script asks for: a part of a picture, a corrected reading, the question again with it, the values as a table.

A wish is JSON that ``page.js`` writes into a hidden field; whoever else writes there gets nothing that a person could not have.
"""

from __future__ import annotations

import html
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr

from app.page.events import Desk, State
from app.page.evidence import table_html
from app.talks.correcting import asked_again
from app.talks.values import MAX_CORRECTIONS, MAX_EXCHANGES, Conversation, Exchange
from vision.answers.corrections import Correction, reading_at, typed
from vision.ask import sampling_of, table
from vision.errors import LogicFlowError, PromptError
from vision.pictures.documents import Picture
from vision.pictures.writing import Writing

LEAST_PART = 8
"""Pixels of a side that a part of a picture has at least."""


class Wishes:
    """Answers wishes at a ``desk``, whose :meth:`app.page.events.Desk.show` gives so many ``parts`` of the page, the table last."""

    def __init__(self, desk: Desk, parts: int) -> None:
        self.desk = desk
        self._same = [gr.skip()] * parts

    def wish(self, wish: str, message: dict[str, Any], conversation: Conversation, state: State) -> tuple[Any, ...]:
        """What the page's script asks for at once: an example into the box, a part of a picture into the box, a corrected reading."""
        wanted = _wanted(wish)
        try:
            match wanted.get("kind"):
                case "example":
                    path, question = self.desk.examples[int(wanted["number"])]
                    return ({"text": question, "files": [str(path)]}, *self._same)
                case "closer":
                    part = self.part(conversation, state, int(wanted["picture"]), wanted["box"])
                    files = [*((message or {}).get("files") or []), str(part)]
                    return ({"text": (message or {}).get("text") or "", "files": files}, *self._same)
                case "correct":
                    corrected = self.correct(conversation, state, wanted)
                    return (gr.skip(), *self.desk.show(corrected, state))
        except (KeyError, IndexError, TypeError, ValueError, OverflowError):  # not from our script
            return (gr.skip(), *self._same)
        except LogicFlowError as exc:
            return (gr.skip(), *self.desk.show(conversation, state, error=str(exc)))
        return (gr.skip(), *self._same)

    def part(self, conversation: Conversation, state: State, number: int, box: list[Any]) -> Path:
        """A part of a picture of the conversation at its full resolution, as a file for the box.

        Raises:
            PromptError: for a part that is too small to be looked at.
        """
        names = [name for exchange in conversation.exchanges for name in exchange.pictures]
        picture = self.desk.picture(state, names[max(0, number)])
        left, top, right, bottom = (int(edge) for edge in box)
        box_in = (max(0, left), max(0, top), min(picture.width, right), min(picture.height, bottom))
        if box_in[2] - box_in[0] < LEAST_PART or box_in[3] - box_in[1] < LEAST_PART:
            raise PromptError(f"that part is smaller than {LEAST_PART} pixels; draw a larger box")
        stream = io.BytesIO()
        picture.crop(box_in).save(stream, "PNG")
        return self.desk.history.path(state["key"], self.desk.history.keep_picture(state["key"], stream.getvalue()))

    def correct(self, conversation: Conversation, state: State, wanted: dict[str, Any]) -> Conversation:
        """The conversation with a reading of its last answer corrected, kept and noted as feedback.

        Raises:
            PromptError: for a value that is no number, or a place where nothing was read.
        """
        value, was = str(wanted["value"]).strip(), str(wanted["was"])
        correction = Correction(step=int(wanted["step"]), start=int(wanted["start"]), end=int(wanted["end"]), was=was, value=value)
        if not conversation.exchanges or not typed(value):
            raise PromptError(f"{value[:40]!r} cannot stand there; type the number that the picture shows")
        last = conversation.traced(-1)
        if last.best is None or reading_at(last.best.steps, correction) is None:
            raise PromptError("that answer is not the last one any more; correct the reading there, or ask again")
        earlier = tuple(each for each in last.corrections if (each.step, each.start) != (correction.step, correction.start))
        if len(earlier) >= MAX_CORRECTIONS:
            raise PromptError(f"an answer takes {MAX_CORRECTIONS} corrections; ask again with them")
        corrected = conversation.with_last(replace(conversation.exchanges[-1], corrections=(*earlier, correction)))
        self.desk.history.save(state["key"], corrected, anew=False)
        self.desk.history.judge(state["key"], corrected)
        return corrected

    def again(self, wish: str, conversation: Conversation, state: State, request: gr.Request) -> Iterator[Any]:
        """What the page's script asks for that needs the engine: the question again with the corrected reading, the values as a table."""
        wanted = _wanted(wish)
        if wanted.get("kind") not in ("again", "table"):
            yield tuple(self._same)
        elif refused := self.desk.refused(request):
            yield self.desk.show(conversation, state, error=refused)
        elif wanted["kind"] == "table":
            yield (*self._same[1:], '<p class="lf-quiet" role="status">Reading the values …</p>')
            yield (*self._same[1:], self.values(conversation, state, wanted))
        elif 0 < (count := len(conversation.exchanges)) < MAX_EXCHANGES and (anew := asked_again(conversation, count - 1)) is not None:
            yield from self.desk.grow(anew, state, request, self.desk.answer)
        else:
            yield tuple(self._same)

    def values(self, conversation: Conversation, state: State, wanted: dict[str, Any]) -> str:
        """The values of a picture as a table, as HTML; what goes wrong as a sentence."""
        try:
            names = [(name, each) for exchange in conversation.exchanges for name, each in _with_writing(exchange)]
            number = max(0, int(wanted["picture"]))
            name, writing = names[number]
            taken = Picture(image=self.desk.picture(state, name), writing=writing)
            return table_html(table(taken, self.desk.engine, sampling=sampling_of(self.desk.settings)), number)
        except (KeyError, IndexError, TypeError, ValueError, OverflowError):
            return ""
        except LogicFlowError as exc:
            return f'<p class="lf-quiet">{html.escape(str(exc))}</p>'


def _wanted(wish: str) -> dict[str, Any]:
    """What the page's script wants; nothing where it is no object."""
    try:
        wanted = json.loads(wish)
    except (TypeError, ValueError):
        return {}
    return wanted if isinstance(wanted, dict) else {}


def _with_writing(exchange: Exchange) -> Iterator[tuple[str, Writing | None]]:
    """The pictures of an exchange with their text, None where nobody has read it."""
    for i, name in enumerate(exchange.pictures):
        yield name, exchange.writing[i] if i < len(exchange.writing) else None

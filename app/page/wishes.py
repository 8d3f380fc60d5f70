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

from app.page.events import Desk, with_file
from app.page.evidence import table_html
from app.page.views import State, View
from app.talks.correcting import asked_again, place_of_picture, with_cell, with_table
from app.talks.values import MAX_CORRECTIONS, MAX_EXCHANGES, Conversation
from vision.answers.corrections import MOST_CHARS, Correction, reading_at, typed
from vision.ask import sampling_of, table
from vision.errors import LogicFlowError, PromptError
from vision.pictures.documents import Picture
from vision.pictures.writing import read_writing

LEAST_PART = 8
"""Pixels of a side that a part of a picture has at least."""


class Wishes:
    """Answers wishes at a ``desk``."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def wish(self, wish: str, message: dict[str, Any], conversation: Conversation, state: State, request: gr.Request) -> View:
        """What the page's script asks for at once: an example or a part of a picture into the box, a corrected reading or value."""
        wanted = _wanted(wish)
        try:
            match wanted.get("kind"):
                case "example":
                    path, question = self.desk.examples[int(wanted["number"])]
                    return {"box": {"text": question, "files": [str(path)]}}
                case "closer":
                    part = self.part(conversation, state, int(wanted["picture"]), wanted["box"])
                    return {"box": with_file(message, str(part))}
                case "correct":
                    return self.desk.show(self.correct(conversation, state, wanted), state)
                case "cell":
                    self.refuse_while_running(request)
                    return self.typed_in(conversation, state, wanted)
        except (KeyError, IndexError, TypeError, ValueError, OverflowError):  # not from our script
            return {}
        except LogicFlowError as exc:
            return _sentence(exc) if wanted["kind"] == "cell" else self.desk.show(conversation, state, error=str(exc))
        return {}

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

    def refuse_while_running(self, request: gr.Request) -> None:
        """Refuse what would be lost when the answer that is being written is kept.

        Raises:
            PromptError: while this browser's question is being answered.
        """
        if str(request.session_hash) in self.desk.running:
            raise PromptError("an answer is being written; wait for it or stop it, then work on the table")

    def typed_in(self, conversation: Conversation, state: State, wanted: dict[str, Any]) -> View:
        """A value of a table typed anew: later questions take it along, and what was read is held to it.

        Raises:
            PromptError: for a value that is empty or too long.
        """
        value = " ".join(str(wanted["value"]).split())
        if not 0 < len(value) <= MOST_CHARS:
            raise PromptError(f"a value has 1 to {MOST_CHARS} characters; that has {len(value)}")
        conversation = with_cell(conversation, int(wanted["picture"]), int(wanted["row"]), int(wanted["column"]), value)
        self.desk.history.save(state["key"], conversation, anew=False)
        evidence = {"conversation": conversation, "evidence": self.desk.evidence(conversation, state)}
        return evidence | self.desk.looked_at(conversation)

    def again(self, wish: str, conversation: Conversation, state: State, request: gr.Request) -> Iterator[View]:
        """What the page's script asks for that needs the engine: the question again with the corrected reading, the values as a table."""
        wanted = _wanted(wish)
        if wanted.get("kind") not in ("again", "table"):
            yield {}
        elif refused := self.desk.refused(request):
            yield self.desk.show(conversation, state, error=refused)
        elif wanted["kind"] == "table":
            yield {"values": '<p class="lf-quiet" role="status">Reading the values … <span class="lf-clock"></span></p>'}
            yield self.values(conversation, state, wanted, request)
        elif 0 < (count := len(conversation.exchanges)) < MAX_EXCHANGES and (anew := asked_again(conversation, count - 1)) is not None:
            yield from self.desk.grow(anew, state, request, self.desk.answer)
        else:
            yield {}

    def values(self, conversation: Conversation, state: State, wanted: dict[str, Any], request: gr.Request) -> View:
        """The values of a picture as a table, which the conversation keeps; what goes wrong as a sentence."""
        try:
            self.refuse_while_running(request)
            number = max(0, int(wanted["picture"]))
            at, place = place_of_picture(conversation, number)
            exchange = conversation.exchanges[at]
            image = self.desk.picture(state, exchange.pictures[place])
            writing = (exchange.writing[place] if place < len(exchange.writing) else None) or read_writing(image)
            made = table(Picture(image=image, writing=writing), self.desk.engine, sampling=sampling_of(self.desk.settings))
        except (KeyError, IndexError, TypeError, ValueError, OverflowError):
            return {"values": ""}
        except LogicFlowError as exc:
            return _sentence(exc)
        conversation = with_table(conversation, number, made, writing)
        self.desk.history.save(state["key"], conversation, anew=False)
        return {"conversation": conversation, "values": table_html(made, number)}


def _sentence(exc: LogicFlowError) -> View:
    """What is wrong, where the table would stand."""
    return {"values": f'<p class="lf-quiet" role="status">{html.escape(str(exc))}</p>'}


def _wanted(wish: str) -> dict[str, Any]:
    """What the page's script wants; nothing where it is no object."""
    try:
        wanted = json.loads(wish)
    except (TypeError, ValueError):
        return {}
    return wanted if isinstance(wanted, dict) else {}

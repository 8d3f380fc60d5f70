"""What the page shows of a conversation: its parts by their names. What changes a conversation is in :mod:`app.page.events`."""

from __future__ import annotations

import threading
from typing import Any

import gradio as gr
from cachetools import LRUCache, cached
from PIL import Image

from app.page.evidence import Sheet, cards_html, sheets_html, table_html, url_of, verdict_html
from app.page.examples import EXAMPLE_QUESTIONS, EXAMPLES
from app.page.render import chat_messages, exchange_html, step_html
from app.talks.answering import resumable
from app.talks.correcting import version_of
from app.talks.history import History
from app.talks.values import Conversation
from vision.engines.engine import Engine
from vision.errors import LogicFlowError
from vision.pictures.images import Limits, open_image
from vision.thoughts.steps import Step

DECODED_BYTES = 256 << 20
"""Memory for pictures that are kept decoded: those of the conversations that are looked at."""

State = dict[str, Any]
"""What a browser keeps: ``key`` of its history, ``user`` who signed in, and ``talk``, the id of the conversation it shows."""
View = dict[str, Any]
"""Parts of the page by their names in :func:`app.page.layout.build`, those that change."""


class Views:
    """Shows conversations of ``history``, with what ``engine`` sees of their pictures."""

    def __init__(self, engine: Engine, history: History, limits: Limits) -> None:
        self.engine, self.history, self.limits = engine, history, limits
        kept: LRUCache[Any, Image.Image] = LRUCache(DECODED_BYTES, lambda image: 3 * image.width * image.height)
        self.examples = [(EXAMPLES / name, question) for name, question in EXAMPLE_QUESTIONS if (EXAMPLES / name).is_file()]
        self._decoded = cached(kept, lock=threading.Lock())(lambda path: open_image(path, self.limits))

    def show(
        self, conversation: Conversation, state: State, *, busy: bool = False, error: str = "", box: dict[str, Any] | None = None
    ) -> View:
        """The page for ``conversation``, which is ``busy`` while it is being answered; what stands in the box stays unless it is given."""
        buttons: dict[str, Any] = {"submit_btn": not busy, "stop_btn": "Stop" if busy else False}
        return self.looked_at(conversation, busy=busy) | {
            "state": state | {"talk": conversation.id},
            "conversation": conversation,
            "chat": gr.Chatbot(self.chat(conversation, state, busy=busy, error=error), feedback_value=verdicts(conversation)),
            "kept": self.kept(state, conversation),
            "box": gr.MultimodalTextbox(**buttons) if box is None else gr.MultimodalTextbox(box, **buttons),
            "now": gr.Button(visible=busy and conversation.exchanges[-1].options.thinking),
            "on": gr.Button(visible=not busy and resumable(conversation)),
            "saw": self.saw(conversation, state),
            "evidence": self.evidence(conversation, state),
            "values": self.values(conversation),
            "grown": "",
        }

    @staticmethod
    def looked_at(conversation: Conversation, *, busy: bool = False, fixable: bool = True) -> View:
        """The steps of the last answer, and the answer with its trust; readings of one that is not ``busy`` may be ``fixable``."""
        if not conversation.exchanges:
            return {"steps": "", "verdict": ""}
        last = conversation.traced(-1)
        version = None if busy else version_of(last)
        steps = exchange_html(last, version, growing=busy, fixable=fixable and not busy)
        return {"steps": steps, "verdict": verdict_html(last, version, growing=busy)}

    @staticmethod
    def growing(conversation: Conversation, sent: list[Step]) -> View:
        """What is new of an answer that is being written since the steps that were ``sent``, which are brought up to date.

        Of a single trace only the steps that changed go over the wire; ``page.js`` puts them in their places.
        """
        last = conversation.traced(-1)
        alone = last.options.traces == 1 and len(last.replies) == 1 and last.rival is None
        steps = last.replies[0].steps if alone else []
        same = next((i for i, (old, new) in enumerate(zip(sent, steps, strict=False)) if old != new), min(len(sent), len(steps)))
        goes_on = 0 < len(sent) <= len(steps) and len(sent) - 1 <= same
        sent[:] = steps
        view = {"verdict": verdict_html(last, growing=True)}
        if goes_on:
            return view | {"grown": "".join(step_html(step, last.replies[0].writing) for step in steps[same:])}
        return view | {"steps": exchange_html(last, growing=True)}

    def chat(self, conversation: Conversation, state: State, *, busy: bool = False, error: str = "") -> list[Any]:
        """The conversation as messages."""
        return chat_messages(conversation, lambda name: self.history.path(state["key"], name), busy=busy, error=error)

    def kept(self, state: State, conversation: Conversation, search: str = "") -> Any:
        """The list of kept conversations."""
        rows = [(kept.title, kept.id) for kept in self.history.list(state["key"], search)]
        return gr.Radio(choices=rows, value=conversation.id if any(conversation.id == row[1] for row in rows) else None)

    def picture(self, state: State, name: str) -> Image.Image:
        """A picture that this browser keeps; decoded once, however often it is shown."""
        return self._decoded(self.history.path(state["key"], name))

    def evidence(self, conversation: Conversation, state: State) -> str:
        """The pictures of the conversation with what was read in them, the latest question's first one large; else examples."""
        sheets: list[Sheet] = []
        chosen = 0
        for exchange in conversation.exchanges:
            chosen = len(sheets) if exchange.pictures else chosen
            for i, name in enumerate(exchange.pictures):
                writing = exchange.writing[i] if i < len(exchange.writing) else None
                try:
                    url, size = url_of(str(self.history.path(state["key"], name))), self.picture(state, name).size
                except LogicFlowError:  # it is gone; its number stays, by which numbers name their boxes
                    url, size = "", writing.size if writing is not None else (4, 3)
                sheets.append(Sheet(url=url, size=size, writing=writing, name=f"picture {len(sheets) + 1}"))
        if sheets or conversation.exchanges:
            return sheets_html(sheets, chosen)
        return cards_html([(url_of(str(path)), question) for path, question in self.examples])

    @staticmethod
    def values(conversation: Conversation) -> str:
        """The values of the picture that is shown large, where somebody asked for them, as a table."""
        at = max((i for i, exchange in enumerate(conversation.exchanges) if exchange.pictures), default=None)
        if at is None or not (tables := conversation.exchanges[at].tables) or tables[0] is None:
            return ""
        return table_html(tables[0], sum(len(exchange.pictures) for exchange in conversation.exchanges[:at]))

    def saw(self, conversation: Conversation, state: State) -> Any:
        """The pictures of the conversation as the model is shown them, with the tokens that they cost."""
        shown, tokens = [], 0
        crops = conversation.exchanges[-1].options.pan_and_scan if conversation.exchanges else "auto"
        for exchange in conversation.exchanges:
            for name in exchange.pictures:
                try:
                    picture = self.picture(state, name)
                    seen = self.engine.seen(picture, crops)
                except LogicFlowError:
                    continue
                if seen is None:
                    continue
                tokens += seen.tokens
                whole = seen.boxes[0] == (0, 0, *picture.size)
                names = ["whole" if whole else "without its margins", *(f"crop {i}" for i in range(1, len(seen.squares)))]
                shown += [(square, f"{name}, {square.width} px") for square, name in zip(seen.squares, names, strict=True)]
        return gr.Gallery(shown, label=f"What the model saw: {tokens} tokens", visible=bool(shown))


def verdicts(conversation: Conversation) -> list[str | None]:
    """Each answer's verdict, as the chat shows it."""
    return [exchange.reason or {True: "Like", False: "Dislike", None: None}[exchange.liked] for exchange in conversation.exchanges]

"""What the page's events do: from what a browser sends to what it shows. No layout here."""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr
from cachetools import LRUCache, cached
from PIL import Image

from app.page.evidence import Sheet, cards_html, sheets_html, url_of, verdict_html
from app.page.render import chat_messages, exchange_html, place_of
from app.page.running import Running
from app.page.taken import picture_files
from app.serving.accounts import Pace, caller
from app.talks import export, links
from app.talks.answering import answer, resumable, resume
from app.talks.correcting import version_of
from app.talks.feedback import REASONS
from app.talks.history import History
from app.talks.values import (
    MAX_EXCHANGES,
    MAX_PICTURES,
    Conversation,
    Exchange,
    Options,
    chosen_of,
    options_of,
)
from vision.ask import limits_of
from vision.engines.engine import Engine
from vision.errors import ConversationError, LogicFlowError, PromptError
from vision.pictures.images import open_image
from vision.prompts import check_question
from vision.settings import Settings

DECODED_BYTES = 256 << 20
"""Memory for pictures that are kept decoded: those of the conversations that are looked at."""
PACE_S = 0.05
"""Seconds between two states of a growing answer that are sent: a browser gains nothing from more."""
SAVE_S = 2.0
"""Seconds between two states that are kept."""

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
EXAMPLE_QUESTIONS = (
    ("harvest.png", "How much is Apple?"),
    ("visitors.png", "What is the difference between Museum and Library?"),
    ("budget.png", "What is the sum of Savings and Food?"),
    ("bakery.png", "What comes after Mix?"),
    ("garden.png", "What is the perimeter?"),
)

State = dict[str, Any]
"""What a browser keeps: ``key`` of its history, ``user`` who signed in, and ``talk``, the id of the conversation it shows."""


class Desk:
    """What the page's events do. One for all sessions: everything that is a session's own comes in as an argument."""

    def __init__(self, engine: Engine, settings: Settings, history: History, pace: Pace, rival: Callable[[], Engine] | None = None) -> None:
        self.engine, self.settings, self.history = engine, settings, history
        self.limits = limits_of(settings)
        self.answer = partial(answer, rival=rival)
        self.pace = pace
        self.running = Running()
        kept: LRUCache[Any, Image.Image] = LRUCache(DECODED_BYTES, lambda image: 3 * image.width * image.height)
        self.examples = [(EXAMPLES / name, question) for name, question in EXAMPLE_QUESTIONS if (EXAMPLES / name).is_file()]
        self._decoded = cached(kept, lock=threading.Lock())(lambda path: open_image(path, self.limits))

    # What shows a conversation returns, in this order: what the browser keeps, conversation, chat, steps, kept ones, three buttons,
    # what the model saw, the pictures with what was read in them, the answer first, the values as a table, empty until they are asked for.

    def show(self, conversation: Conversation, state: State, *, busy: bool = False, error: str = "") -> tuple[Any, ...]:
        """The page for ``conversation``, which is ``busy`` while it is being answered."""
        steps, verdict = self.looked_at(conversation, busy=busy)
        return (
            state | {"talk": conversation.id},
            conversation,
            gr.Chatbot(self.chat(conversation, state, busy=busy, error=error), feedback_value=verdicts(conversation)),
            steps,
            self.kept(state, conversation),
            gr.Button(visible=busy),
            gr.Button(visible=busy),
            gr.Button(visible=not busy and resumable(conversation)),
            self.saw(conversation, state),
            self.evidence(conversation, state),
            verdict,
            "",
        )

    @staticmethod
    def looked_at(conversation: Conversation, *, busy: bool = False, fixable: bool = True) -> tuple[str, str]:
        """The steps of the last answer, and the answer with its trust; readings of one that is not ``busy`` may be ``fixable``."""
        if not conversation.exchanges:
            return "", ""
        last = conversation.traced(-1)
        version = None if busy else version_of(last)
        steps = exchange_html(last, version, growing=busy, fixable=fixable and not busy)
        return steps, verdict_html(last, version, growing=busy)

    def chat(self, conversation: Conversation, state: State, *, busy: bool = False, error: str = "") -> list[dict[str, Any]]:
        """The conversation as messages."""
        return chat_messages(conversation, lambda name: self.history.path(state["key"], name), busy=busy, error=error)

    def kept(self, state: State, conversation: Conversation, search: str = "") -> Any:
        """The list of kept conversations."""
        rows = [(kept.title, kept.id) for kept in self.history.list(state["key"], search)]
        return gr.Radio(choices=rows, value=conversation.id if any(conversation.id == row[1] for row in rows) else None)

    def picture(self, state: State, name: str) -> Image.Image:
        """A picture that this browser keeps; decoded once, however often it is shown."""
        return self._decoded(self.history.path(state["key"], name))

    def submit(
        self, message: dict[str, Any], pages: str, conversation: Conversation, state: State, request: gr.Request, *chosen: Any
    ) -> Iterator[Any]:
        """Ask what stands in the box."""
        try:
            question = check_question(message.get("text") or "")
            files = [Path(path) for path in message.get("files") or []]
            taken = [picture for file in files[: MAX_PICTURES + 1] for picture in picture_files(file, pages, self.limits)]
            if len(taken) > MAX_PICTURES or len(conversation.exchanges) >= MAX_EXCHANGES:
                raise PromptError(
                    f"a question takes up to {MAX_PICTURES} pictures and a conversation {MAX_EXCHANGES} questions; begin a new one"
                )
            self.pace.check(caller(request))
            names = [self.history.keep_picture(state["key"], picture.data) for picture in taken]
        except LogicFlowError as exc:
            yield (gr.skip(), *self.show(conversation, state, error=str(exc)))
            return
        writing = tuple(picture.writing for picture in taken)
        conversation = conversation.asked(Exchange(question=question, pictures=tuple(names), writing=writing, options=options_of(*chosen)))
        for shown in self.grow(conversation, state, request, self.answer):
            yield ({"text": "", "files": []}, *shown)

    def pages(self, message: dict[str, Any]) -> Any:
        """The field for the pages of a PDF, while there is one in the box."""
        return gr.Textbox(visible=any(str(path).lower().endswith(".pdf") for path in (message or {}).get("files") or []))

    def add_picture(self, taken: str | None, message: dict[str, Any]) -> tuple[Any, Any]:
        """A picture from the camera goes into the box, beside what is there."""
        if not taken:  # the field was emptied here, below
            return gr.skip(), gr.skip()
        return None, {"text": (message or {}).get("text") or "", "files": [*((message or {}).get("files") or []), taken]}

    def retry(self, conversation: Conversation, state: State, event: gr.RetryData, request: gr.Request, *chosen: Any) -> Iterator[Any]:
        """Ask the question of the chosen answer again, as the settings are now; what came after it goes."""
        at = place_of(conversation, event.index)
        if at is None or (refused := self.refused(request)):
            yield self.show(conversation, state, error="" if at is None else refused)
            return
        again = replace(conversation.exchanges[at], options=options_of(*chosen), replies=(), liked=None, reason="", corrections=())
        yield from self.grow(conversation.until(at).asked(again), state, request, self.answer)

    def edit(self, conversation: Conversation, state: State, event: gr.EditData, request: gr.Request, *chosen: Any) -> Iterator[Any]:
        """Ask an earlier question in other words; its pictures stay."""
        at = place_of(conversation, event.index)
        if at is None:
            yield self.show(conversation, state)
            return
        try:
            question = check_question(str(event.value))
            self.pace.check(caller(request))
        except LogicFlowError as exc:
            yield self.show(conversation, state, error=str(exc))
            return
        earlier = conversation.exchanges[at]
        asked = Exchange(question=question, pictures=earlier.pictures, writing=earlier.writing, options=options_of(*chosen))
        yield from self.grow(conversation.until(at).asked(asked), state, request, self.answer)

    def go_on(self, conversation: Conversation, state: State, request: gr.Request) -> Iterator[Any]:
        """Go on with an answer that was stopped."""
        if refused := self.refused(request):
            yield self.show(conversation, state, error=refused)
        elif resumable(conversation):
            yield from self.grow(conversation, state, request, resume)

    def grow(self, conversation: Conversation, state: State, request: gr.Request, how: Any) -> Iterator[Any]:
        """Show and keep ``conversation`` while its last question is answered; whatever happens, what there is stays kept."""
        session = str(request.session_hash)
        control = self.running.begin(session)
        error, said, shown_at, saved_at = "", "", 0.0, time.monotonic()
        self.history.save(state["key"], conversation)
        try:
            yield self.show(conversation, state, busy=True)
            growing = how(
                self.engine,
                conversation,
                lambda name: self.picture(state, name),
                control,
                self.settings.max_answer_tokens,
                abstain=self.settings.abstain,
            )
            for conversation in growing:
                now = time.monotonic()
                if now - saved_at >= SAVE_S:
                    self.history.save(state["key"], conversation, anew=False)
                    saved_at = now
                if now - shown_at >= PACE_S:  # the chat and its pictures go over the wire only when there is a new word in it
                    before, said = said, conversation.exchanges[-1].answer_text
                    chat = gr.skip() if said == before else self.chat(conversation, state, busy=True)
                    steps, verdict = self.looked_at(conversation, busy=True)
                    yield (gr.skip(), conversation, chat, steps, *[gr.skip()] * 6, verdict, gr.skip())
                    shown_at = now
        except LogicFlowError as exc:
            error = str(exc)
        finally:
            self.running.end(session, control)
            kept = self.history.save(state["key"], conversation, anew=False)
        yield self.show(conversation if kept else Conversation(), state, error=error)

    def refused(self, request: gr.Request) -> str:
        """Why this person may not ask now, "" where nothing is in the way; counts as a question."""
        try:
            self.pace.check(caller(request))
        except LogicFlowError as exc:
            return str(exc)
        return ""

    def undo(self, conversation: Conversation, state: State, event: gr.UndoData) -> tuple[Any, ...]:
        """Take the last question back into the box, with its pictures."""
        at = place_of(conversation, event.index)
        if at is None:
            return (gr.skip(), *self.show(conversation, state))
        last, conversation = conversation.exchanges[at], conversation.until(at)
        self.history.save(state["key"], conversation)
        try:
            files = [str(self.history.path(state["key"], name)) for name in last.pictures]
        except ConversationError:  # the question comes back without them
            files = []
        return ({"text": last.question, "files": files}, *self.show(conversation, state))

    def look(self, conversation: Conversation, state: State, event: gr.SelectData) -> Any:
        """The steps of the answer that was clicked, and the text of its pictures."""
        at = place_of(conversation, event.index)
        if at is None:
            return gr.skip(), gr.skip(), gr.skip()
        looked = conversation.until(at + 1)
        steps, verdict = self.looked_at(looked, fixable=at == len(conversation.exchanges) - 1)
        return steps, self.evidence(looked, state), verdict

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

    def saw(self, conversation: Conversation, state: State) -> Any:
        """The pictures of the conversation as the model is shown them, with the tokens that they cost."""
        shown, tokens = [], 0
        crops = conversation.exchanges[-1].options.pan_and_scan if conversation.exchanges else "auto"
        for exchange in conversation.exchanges:
            for name in exchange.pictures:
                try:
                    seen = self.engine.seen(self.picture(state, name), crops)
                except LogicFlowError:
                    continue
                if seen is None:
                    continue
                tokens += seen.tokens
                names = ["whole", *(f"crop {i}" for i in range(1, len(seen.squares)))]
                shown += [(square, f"{name}, {square.width} px") for square, name in zip(seen.squares, names, strict=True)]
        return gr.Gallery(shown, label=f"What the model saw: {tokens} tokens", visible=bool(shown))

    def like(self, conversation: Conversation, state: State, event: gr.LikeData) -> Conversation:
        """Keep a person's verdict with the question, the answer and the trace."""
        at = place_of(conversation, event.index)
        if at is None:
            return conversation
        reason = event.liked if event.liked in REASONS else ""
        liked = False if reason else event.liked if isinstance(event.liked, bool) else None
        judged = conversation.until(at + 1).with_last(replace(conversation.exchanges[at], liked=liked, reason=reason))
        self.history.judge(state["key"], judged)
        conversation = replace(judged, exchanges=(*judged.exchanges, *conversation.exchanges[at + 1 :]))
        self.history.save(state["key"], conversation)
        return conversation

    def stop(self, request: gr.Request) -> None:
        self.running.stop(str(request.session_hash))

    def answer_now(self, request: gr.Request) -> None:
        self.running.answer_now(str(request.session_hash))

    def link(self, conversation: Conversation) -> str:
        """The query that asks the last question again, with its settings; its pictures come back in this browser only."""
        return links.query_of(conversation) if conversation.exchanges else ""

    def follow_link(self, state: State | None, request: gr.Request) -> list[Any]:
        """What a link fills in: the box and the settings."""
        asked = links.asked_of(dict(request.query_params))
        if asked is None:
            return [gr.skip()] * (1 + len(chosen_of(Options())))
        files = []
        for name in asked.pictures:
            try:
                files.append(str(self.history.path(self.known(state, request)["key"], name)))
            except ConversationError:  # another browser's
                continue
        return [{"text": asked.question, "files": files}, *chosen_of(asked.options)]

    def known(self, state: State | None, request: gr.Request) -> State:
        """What a browser keeps, made when there is nothing yet or somebody else has signed in; a user's key is always the user's."""
        user = request.username or ""
        if not (isinstance(state, dict) and isinstance(state.get("key"), str) and state.get("user", "") == user):
            state = {"key": secrets.token_urlsafe(24), "talk": "", "user": user}
        return state | {"key": self.history.key_of(user)} if user else state

    def arrive(self, state: State | None, request: gr.Request) -> tuple[Any, ...]:
        """A browser opens the page: its history, and the conversation that it looked at last unless a link brings a question."""
        state = self.known(state, request)
        conversation = Conversation()
        if links.asked_of(dict(request.query_params)) is None:
            with contextlib.suppress(ConversationError):
                conversation = self.history.load(state["key"], str(state.get("talk")))
        return self.show(conversation, state)

    def open(self, id_: str | None, state: State) -> tuple[Any, ...]:
        """Another conversation of the list."""
        try:
            return self.show(self.history.load(state["key"], str(id_)), state)
        except ConversationError as exc:
            return self.show(Conversation(), state, error=str(exc))

    def begin(self, state: State) -> tuple[Any, ...]:
        return self.show(Conversation(), state)

    def branch(self, conversation: Conversation, state: State) -> tuple[Any, ...]:
        """The same conversation once more, to go on from in another way."""
        if conversation.exchanges:
            conversation = replace(conversation.branch(), name=f"{conversation.title[:190]} (branch)")
            self.history.save(state["key"], conversation)
        return self.show(conversation, state)

    def rename(self, name: str, conversation: Conversation, state: State) -> tuple[Any, ...]:
        if conversation.exchanges and name.strip():
            conversation = replace(conversation, name=name.strip()[:200])
            self.history.save(state["key"], conversation)
        return ("", *self.show(conversation, state))

    def delete(self, conversation: Conversation, state: State, request: gr.Request) -> tuple[Any, ...]:
        self.stop(request)
        self.history.delete(state["key"], conversation.id)
        return self.show(Conversation(), state)

    def delete_everything(self, state: State, request: gr.Request) -> tuple[Any, ...]:
        self.stop(request)
        self.history.delete_everything(state["key"])
        return self.show(Conversation(), state)

    def upload(self, file: str, conversation: Conversation, state: State) -> tuple[Any, ...]:
        """Take in a conversation that was exported as JSON, as one of this browser's own."""
        try:
            taken, pictures = export.from_json(Path(file).read_bytes())
            for data in pictures:
                open_image(data, self.limits)
            names = {self.history.keep_picture(state["key"], data) for data in pictures}
            if not {name for exchange in taken.exchanges for name in exchange.pictures} <= names:
                raise ConversationError("a picture of the conversation is not the one that it names; export it again")
            taken = taken.branch()
            self.history.save(state["key"], taken)
        except LogicFlowError as exc:
            return self.show(conversation, state, error=str(exc))
        return self.show(taken, state)


def verdicts(conversation: Conversation) -> list[str | None]:
    """Each answer's verdict, as the chat shows it."""
    return [exchange.reason or {True: "Like", False: "Dislike", None: None}[exchange.liked] for exchange in conversation.exchanges]

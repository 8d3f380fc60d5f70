"""What the page's events do: from what a browser sends to what it shows. No layout here."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import gradio as gr

from app.page.render import place_of
from app.page.running import Running
from app.page.taken import picture_files
from app.page.views import State, View, Views
from app.serving.accounts import Pace, caller
from app.talks import export, links
from app.talks.answering import answer, resumable, resume
from app.talks.feedback import REASONS
from app.talks.history import History
from app.talks.rival import Rival
from app.talks.values import (
    MAX_EXCHANGES,
    MAX_PICTURES,
    Conversation,
    Exchange,
    options_of,
)
from vision.ask import limits_of
from vision.engines.engine import Control, Engine
from vision.errors import ConversationError, LogicFlowError, PromptError
from vision.pictures.images import open_image
from vision.prompts import check_question
from vision.settings import Settings
from vision.thoughts.steps import Step

PACE_S = 0.03
"""Seconds between two states of a growing answer that are sent: a browser gains nothing from more."""
SAVE_S = 2.0
"""Seconds between two states that are kept."""

EMPTY: dict[str, Any] = {"text": "", "files": []}
"""The box with nothing in it."""


class Desk(Views):
    """What the page's events do. One for all sessions: everything that is a session's own comes in as an argument."""

    def __init__(self, engine: Engine, settings: Settings, history: History, pace: Pace, rival: Rival | None = None) -> None:
        super().__init__(engine, history, limits_of(settings))
        self.settings, self.pace = settings, pace
        self.answer = partial(answer, rival=rival)
        self.running = Running()

    def submit(
        self, message: dict[str, Any], pages: str, conversation: Conversation, state: State, request: gr.Request, *chosen: Any
    ) -> Iterator[View]:
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
            yield self.show(conversation, state, error=str(exc))
            return
        writing = tuple(picture.writing for picture in taken)
        conversation = conversation.asked(Exchange(question=question, pictures=tuple(names), writing=writing, options=options_of(*chosen)))
        yield from self.grow(conversation, state, request, self.answer, box=EMPTY)

    def pages(self, message: dict[str, Any]) -> View:
        """The field for the pages of a PDF, while there is one in the box."""
        return {"pages": gr.Textbox(visible=any(str(path).lower().endswith(".pdf") for path in (message or {}).get("files") or []))}

    def add_picture(self, taken: str | None, message: dict[str, Any]) -> View:
        """A picture from the camera goes into the box, beside what is there."""
        if not taken:  # the field was emptied here, below
            return {}
        return {"camera": None, "box": with_file(message, taken)}

    def retry(self, conversation: Conversation, state: State, event: gr.RetryData, request: gr.Request, *chosen: Any) -> Iterator[View]:
        """Ask the question of the chosen answer again, as the settings are now; what came after it goes."""
        at = place_of(conversation, event.index)
        if at is None or (refused := self.refused(request)):
            yield self.show(conversation, state, error="" if at is None else refused)
            return
        again = replace(conversation.exchanges[at], options=options_of(*chosen), replies=(), liked=None, reason="", corrections=())
        yield from self.grow(conversation.until(at).asked(again), state, request, self.answer)

    def edit(self, conversation: Conversation, state: State, event: gr.EditData, request: gr.Request, *chosen: Any) -> Iterator[View]:
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
        kept: dict[str, Any] = {"pictures": earlier.pictures, "writing": earlier.writing, "tables": earlier.tables}
        asked = Exchange(question=question, options=options_of(*chosen), **kept)
        yield from self.grow(conversation.until(at).asked(asked), state, request, self.answer)

    def go_on(self, conversation: Conversation, state: State, request: gr.Request) -> Iterator[View]:
        """Go on with an answer that was stopped."""
        if refused := self.refused(request):
            yield self.show(conversation, state, error=refused)
        elif resumable(conversation):
            yield from self.grow(conversation, state, request, resume)

    def grow(
        self, conversation: Conversation, state: State, request: gr.Request, how: Any, box: dict[str, Any] | None = None
    ) -> Iterator[View]:
        """Show and keep ``conversation`` while its last question is answered; whatever happens, what there is stays kept.

        Args:
            how: :func:`app.talks.answering.answer` or :func:`app.talks.answering.resume`.
            box: what stands in the box from now on; later it is not touched, since the next question may be written there.
        """
        session = str(request.session_hash)
        control, sent = self.running.begin(session, conversation.id), list[Step]()
        error, said, read, shown_at, saved_at = "", "", conversation.exchanges[-1].writing, 0.0, time.monotonic()
        self.history.save(state["key"], conversation)
        try:
            yield self.show(conversation, state, busy=True, box=box)
            growing = how(
                self.engine,
                conversation,
                lambda name: self.picture(state, name),
                control,
                self.settings.max_answer_tokens,
                abstain=self.settings.abstain,
            )
            for grown in growing:
                conversation, now = self._named(grown, session, control), time.monotonic()
                if now - saved_at >= SAVE_S:
                    self.history.save(state["key"], conversation, anew=False)
                    saved_at = now
                if now - shown_at >= PACE_S and self.running.shows(session, control):
                    last = conversation.exchanges[-1]
                    view: View = {"conversation": conversation} | self.growing(conversation, sent)
                    # the chat and the pictures go over the wire only when there is something new in them
                    if last.answer_text != said:
                        said = last.answer_text
                        view |= {"chat": self.chat(conversation, state, busy=True)}
                        view |= {"now": gr.Button(visible=any(reply.thinking and reply.usage is None for reply in last.replies))}
                    if last.writing != read:
                        read = last.writing
                        view |= {"evidence": self.evidence(conversation, state)}
                    yield view
                    shown_at = now
        except LogicFlowError as exc:
            error = str(exc)
        finally:
            conversation = self._named(conversation, session, control)
            seen, overtaken = self.running.shows(session, control), self.running.overtaken(session, control, conversation.id)
            self.running.end(session, control)
            kept = not overtaken and self.history.save(state["key"], conversation, anew=False)
        if seen:
            yield self.show(conversation if kept else Conversation(), state, error=error)

    def _named(self, conversation: Conversation, session: str, control: Control) -> Conversation:
        """``conversation`` with the name that it was given while it is being answered."""
        return replace(conversation, name=self.running.name_of(session, control) or conversation.name)

    def refused(self, request: gr.Request) -> str:
        """Why this person may not ask now, "" where nothing is in the way; counts as a question."""
        try:
            self.pace.check(caller(request))
        except LogicFlowError as exc:
            return str(exc)
        return ""

    def undo(self, conversation: Conversation, state: State, event: gr.UndoData, request: gr.Request) -> View:
        """Take the last question back into the box, with its pictures."""
        at = place_of(conversation, event.index)
        if at is None:
            return self.show(conversation, state)
        self.leave(request)
        last, conversation = conversation.exchanges[at], conversation.until(at)
        self.history.save(state["key"], conversation)
        try:
            files = [str(self.history.path(state["key"], name)) for name in last.pictures]
        except ConversationError:  # the question comes back without them
            files = []
        return self.show(conversation, state, box={"text": last.question, "files": files})

    def look(self, conversation: Conversation, state: State, event: gr.SelectData) -> View:
        """The steps of the answer that was clicked, and the text of its pictures."""
        at = place_of(conversation, event.index)
        if at is None:
            return {}
        looked = conversation.until(at + 1)
        return self.looked_at(looked, fixable=at == len(conversation.exchanges) - 1) | {"evidence": self.evidence(looked, state)}

    def like(self, conversation: Conversation, state: State, event: gr.LikeData) -> View:
        """Keep a person's verdict with the question, the answer and the trace."""
        at = place_of(conversation, event.index)
        if at is None:
            return {}
        reason = event.liked if event.liked in REASONS else ""
        liked = False if reason else event.liked if isinstance(event.liked, bool) else None
        judged = conversation.until(at + 1).with_last(replace(conversation.exchanges[at], liked=liked, reason=reason))
        self.history.judge(state["key"], judged)
        conversation = replace(judged, exchanges=(*judged.exchanges, *conversation.exchanges[at + 1 :]))
        self.history.save(state["key"], conversation)
        return {"conversation": conversation}

    def stop(self, request: gr.Request) -> None:
        self.running.stop(str(request.session_hash))

    def leave(self, request: gr.Request) -> None:
        """What a browser has running is stopped, kept as it is, and shown no more: it looks at something else."""
        self.running.leave(str(request.session_hash))

    def answer_now(self, request: gr.Request) -> None:
        self.running.answer_now(str(request.session_hash))

    def link(self, conversation: Conversation) -> str:
        """The query that asks the last question again, with its settings; its pictures come back in this browser only."""
        return links.query_of(conversation) if conversation.exchanges else ""

    def follow_link(self, state: State | None, request: gr.Request) -> View:
        """What a link fills in: the box and the settings."""
        asked = links.asked_of(dict(request.query_params))
        if asked is None:
            return {}
        files = []
        for name in asked.pictures:
            try:
                files.append(str(self.history.path(self.known(state, request)["key"], name)))
            except ConversationError:  # another browser's
                continue
        return {"box": {"text": asked.question, "files": files}} | asdict(asked.options)

    def known(self, state: State | None, request: gr.Request) -> State:
        """What a browser keeps, made when there is nothing yet or somebody else has signed in; a user's key is always the user's."""
        user = request.username or ""
        if not (isinstance(state, dict) and isinstance(state.get("key"), str) and state.get("user", "") == user):
            state = {"key": secrets.token_urlsafe(24), "talk": "", "user": user}
        return state | {"key": self.history.key_of(user)} if user else state

    def arrive(self, state: State | None, request: gr.Request) -> View:
        """A browser opens the page: its history, and the conversation that it looked at last unless a link brings a question."""
        state = self.known(state, request)
        conversation = Conversation()
        if links.asked_of(dict(request.query_params)) is None:
            with contextlib.suppress(ConversationError):
                conversation = self.history.load(state["key"], str(state.get("talk")))
        return self.show(conversation, state)

    def open(self, id_: str | None, state: State, request: gr.Request) -> View:
        """Another conversation of the list."""
        self.leave(request)
        try:
            return self.show(self.history.load(state["key"], str(id_)), state)
        except ConversationError as exc:
            return self.show(Conversation(), state, error=str(exc))

    def begin(self, state: State, request: gr.Request) -> View:
        """A new conversation."""
        self.leave(request)
        return self.show(Conversation(), state)

    def branch(self, conversation: Conversation, state: State, request: gr.Request) -> View:
        """The same conversation once more, to go on from in another way."""
        self.leave(request)
        if conversation.exchanges:
            conversation = replace(conversation.branch(), name=f"{conversation.title[:190]} (branch)")
            self.history.save(state["key"], conversation)
        return self.show(conversation, state)

    def rename(self, name: str, conversation: Conversation, state: State, request: gr.Request) -> View:
        """A name of a person's own; what is being answered takes it along and shows the rest itself."""
        name = name.strip()[:200]
        if not (conversation.exchanges and name):
            return {"name": ""}
        answering = self.running.rename(str(request.session_hash), conversation.id, name)
        conversation = replace(conversation, name=name)
        self.history.save(state["key"], conversation, anew=not answering)
        return {"name": "", "kept": self.kept(state, conversation)} | ({} if answering else {"conversation": conversation})

    def delete(self, conversation: Conversation, state: State, request: gr.Request) -> View:
        self.leave(request)
        self.history.delete(state["key"], conversation.id)
        return self.show(Conversation(), state)

    def delete_everything(self, state: State, request: gr.Request) -> View:
        self.leave(request)
        self.history.delete_everything(state["key"])
        return self.show(Conversation(), state)

    def upload(self, file: str, conversation: Conversation, state: State, request: gr.Request) -> View:
        """Take in a conversation that was exported as JSON, as one of this browser's own."""
        try:
            taken, pictures = export.from_json(Path(file).read_bytes())
            for data in pictures:
                open_image(data, self.limits)
            names = {self.history.keep_picture(state["key"], data) for data in pictures}
            if not {name for exchange in taken.exchanges for name in exchange.pictures} <= names:
                raise ConversationError("a picture of the conversation is not the one that it names; export it again")
            self.leave(request)
            taken = taken.branch()
            self.history.save(state["key"], taken)
        except LogicFlowError as exc:
            return self.show(conversation, state, error=str(exc))
        return self.show(taken, state)


def with_file(message: dict[str, Any] | None, file: str) -> dict[str, Any]:
    """What stands in the box, with one file more."""
    message = message or {}
    return {"text": message.get("text") or "", "files": [*(message.get("files") or []), file]}

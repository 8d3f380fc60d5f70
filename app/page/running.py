"""What is running for whom: one control for each browser session, so that a stop reaches its own trace only."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from vision.engines.engine import Control


@dataclass
class _Run:
    control: Control
    conversation: str = ""
    name: str = ""


class Running:
    """Controls of the traces in the making, by session, each with the id of its conversation and the name given to it meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, _Run] = {}

    def begin(self, session: str, conversation: str) -> Control:
        """A fresh control for ``session``; a trace that it still had is stopped."""
        self.leave(session)
        control = Control()
        with self._lock:
            self._running[session] = _Run(control, conversation)
        return control

    def leave(self, session: str) -> None:
        """``session`` looks at something else from now on: what it has running is stopped, and shows nothing any more."""
        with self._lock:
            run = self._running.pop(session, None)
        if run is not None:
            run.control.stop()

    def shows(self, session: str, control: Control) -> bool:
        """Whether ``session`` looks at the trace of ``control``."""
        run = self._running.get(session)
        return run is not None and run.control is control

    def overtaken(self, session: str, control: Control, conversation: str) -> bool:
        """Whether the same ``conversation`` of ``session`` is being answered anew, so that what ``control`` ended is out of date."""
        run = self._running.get(session)
        return run is not None and run.control is not control and run.conversation == conversation

    def rename(self, session: str, conversation: str, name: str) -> bool:
        """Whether ``session`` has ``conversation`` running, which has this ``name`` from now on."""
        run = self._running.get(session)
        if run is None or run.conversation != conversation:
            return False
        run.name = name
        return True

    def name_of(self, session: str, control: Control) -> str:
        """The name that the conversation of ``control`` was given since it began, "" for none."""
        run = self._running.get(session)
        return run.name if run is not None and run.control is control else ""

    def end(self, session: str, control: Control) -> None:
        """Forget ``control``, unless the session has begun another since."""
        control.stop()
        with self._lock:
            if self.shows(session, control):
                del self._running[session]

    def stop(self, session: str) -> None:
        """Stop what ``session`` has running, if anything."""
        if (run := self._running.get(session)) is not None:
            run.control.stop()

    def answer_now(self, session: str) -> None:
        """Have the trace of ``session`` close its thought and answer."""
        if (run := self._running.get(session)) is not None:
            run.control.answer_now()

    def __contains__(self, session: str) -> bool:
        """Whether ``session`` has something running."""
        return session in self._running

    def __len__(self) -> int:
        return len(self._running)

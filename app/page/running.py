"""What is running for whom: one control for each browser session, so that a stop reaches its own trace only."""

from __future__ import annotations

import threading

from vision.engines.engine import Control


class Running:
    """Controls of the traces in the making, by session, each with the id of its conversation."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, tuple[Control, str]] = {}

    def begin(self, session: str, conversation: str) -> Control:
        """A fresh control for ``session``; a trace that it still had is stopped."""
        self.leave(session)
        control = Control()
        with self._lock:
            self._running[session] = (control, conversation)
        return control

    def leave(self, session: str) -> None:
        """``session`` looks at something else from now on: what it has running is stopped, and shows nothing any more."""
        with self._lock:
            control, _ = self._running.pop(session, (None, ""))
        if control is not None:
            control.stop()

    def shows(self, session: str, control: Control) -> bool:
        """Whether ``session`` looks at the trace of ``control``."""
        return self._running.get(session, (None, ""))[0] is control

    def overtaken(self, session: str, control: Control, conversation: str) -> bool:
        """Whether the same ``conversation`` of ``session`` is being answered anew, so that what ``control`` ended is out of date."""
        now, of = self._running.get(session, (control, conversation))
        return now is not control and of == conversation

    def end(self, session: str, control: Control) -> None:
        """Forget ``control``, unless the session has begun another since."""
        control.stop()
        with self._lock:
            if self.shows(session, control):
                del self._running[session]

    def stop(self, session: str) -> None:
        """Stop what ``session`` has running, if anything."""
        control, _ = self._running.get(session, (None, ""))
        if control is not None:
            control.stop()

    def answer_now(self, session: str) -> None:
        """Have the trace of ``session`` close its thought and answer."""
        control, _ = self._running.get(session, (None, ""))
        if control is not None:
            control.answer_now()

    def __contains__(self, session: str) -> bool:
        """Whether ``session`` has something running."""
        return session in self._running

    def __len__(self) -> int:
        return len(self._running)

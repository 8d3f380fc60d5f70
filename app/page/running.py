"""What is running for whom: one control for each browser session, so that a stop reaches its own trace only."""

from __future__ import annotations

import threading

from vision.engines.engine import Control


class Running:
    """Controls of the traces in the making, by session."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._controls: dict[str, Control] = {}

    def begin(self, session: str) -> Control:
        """A fresh control for ``session``; a trace that it still had is stopped."""
        with self._lock:
            old = self._controls.pop(session, None)
            control = self._controls[session] = Control()
        if old is not None:
            old.stop()
        return control

    def end(self, session: str, control: Control) -> None:
        """Forget ``control``, unless the session has begun another since."""
        control.stop()
        with self._lock:
            if self._controls.get(session) is control:
                del self._controls[session]

    def stop(self, session: str) -> None:
        """Stop what ``session`` has running, if anything."""
        with self._lock:
            control = self._controls.get(session)
        if control is not None:
            control.stop()

    def answer_now(self, session: str) -> None:
        """Have the trace of ``session`` close its thought and answer."""
        with self._lock:
            control = self._controls.get(session)
        if control is not None:
            control.answer_now()

    def __contains__(self, session: str) -> bool:
        """Whether ``session`` has something running."""
        return session in self._controls

    def __len__(self) -> int:
        return len(self._controls)

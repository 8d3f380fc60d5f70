"""The second model, with which answers are compared: loaded when it is first asked, once for everybody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait

from vision.engines.checkpoints import display_name, loading_progress
from vision.engines.engine import Control, Engine
from vision.engines.opening import open_engine
from vision.settings import Settings

POLL_S = 0.5
"""Seconds between two looks at how far it is."""


class Rival:
    """The model of ``settings``, which ``opens`` makes; who waits for it is told how far it is."""

    def __init__(self, settings: Settings, opens: Callable[[Settings], Engine] = open_engine) -> None:
        self.name = display_name(settings)
        self._settings, self._opens = settings, opens
        self._lock = threading.Lock()
        self._told: Callable[[], str] = lambda: f"Loading {self.name}"
        self._opened: Future[Engine] | None = None

    def loading(self, control: Control) -> Iterator[str]:
        """How far it is, in a sentence, again and again until it is loaded; who stops waiting leaves it loading for the next.

        Raises:
            LogicFlowError: when it cannot be loaded; the next who asks tries again.
        """
        opened = self._begun()
        while not (control.stopped or wait([opened], POLL_S).done):
            yield self._told()
        if opened.done():
            opened.result()

    def engine(self) -> Engine:
        """The model; waits until it is loaded."""
        return self._begun().result()

    def _begun(self) -> Future[Engine]:
        """The loading that is under way or done; who comes after one that failed begins it anew."""
        with self._lock:
            if self._opened is None:
                self._opened = Future()
                # no pool: leaving the program must not wait for a model that is being fetched
                threading.Thread(target=self._open, args=(self._opened,), name="logicflow-rival", daemon=True).start()
            return self._opened

    def _open(self, opened: Future[Engine]) -> None:
        try:
            self._told = loading_progress(self._settings)
            opened.set_result(self._opens(self._settings))
        except BaseException as exc:  # whatever it is, those who wait must hear of it
            with self._lock:
                self._opened = None
            opened.set_exception(exc)

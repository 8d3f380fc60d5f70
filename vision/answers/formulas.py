"""Whether two formulas are equal, through math-verify in a process of its own.

math-verify's timeouts need the main thread's alarm signal, and without them one formula can hang sympy for good.
So the comparison runs in a child process that is asked line by line, from any thread, and is ended when it takes
too long. The child is started when it is first needed and ends with its parent.
"""

from __future__ import annotations

import atexit
import json
import logging
import queue
import subprocess
import sys
import threading
from functools import lru_cache

TIMEOUT_S = 10.0
"""Seconds for one comparison."""
START_S = 60.0
"""Seconds for the child to start."""


class _Judge:
    """The child process, behind a lock: one question at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._answers: queue.Queue[str] = queue.Queue()

    def same(self, gold: str, answer: str) -> bool:
        with self._lock:
            try:
                child = self._child if self._child is not None and self._child.poll() is None else self._start()
                assert child.stdin is not None
                child.stdin.write(json.dumps([gold, answer]) + "\n")
                child.stdin.flush()
                return self._answers.get(timeout=TIMEOUT_S) == "true"
            except (queue.Empty, OSError):
                self._end()
                return False

    def _start(self) -> subprocess.Popen[str]:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "vision.answers.formulas"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._answers = queue.Queue()
        threading.Thread(target=_pump, args=(self._child, self._answers), daemon=True).start()
        self._answers.get(timeout=START_S)  # "ready"
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    pipe.close()


def _pump(child: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
    assert child.stdout is not None
    try:
        for line in child.stdout:
            answers.put(line.strip())
    except ValueError:  # the pipe was closed by _end
        return


_JUDGE = _Judge()
atexit.register(_JUDGE._end)


@lru_cache(maxsize=4096)
def same_formula(gold: str, answer: str) -> bool:
    """Whether math-verify finds ``answer`` equal to ``gold``; False when it takes longer than :data:`TIMEOUT_S`."""
    return _JUDGE.same(gold, answer)


def _verify(gold: str, answer: str) -> bool:
    from math_verify import parse, verify

    sides = [parse(text if "$" in text else f"${text}$", parsing_timeout=None) for text in (gold, answer)]
    return bool(sides[0] and sides[1] and verify(sides[0], sides[1], timeout_seconds=None))


def _serve() -> None:
    import math_verify  # noqa: F401  (so that "ready" means it)

    logging.disable(logging.WARNING)
    print("ready", flush=True)
    for line in sys.stdin:
        gold, answer = json.loads(line)
        try:
            same = _verify(gold, answer)
        except Exception:  # whatever a formula does to sympy, it is not equal
            same = False
        print(json.dumps(same), flush=True)


if __name__ == "__main__":
    _serve()

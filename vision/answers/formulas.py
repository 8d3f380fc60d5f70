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
import re
import subprocess
import sys
import threading
from functools import lru_cache

TIMEOUT_S = 5.0
"""Seconds for one comparison."""
_HEAVY = re.compile(
    r"(?:\^|\*\*)\s*(?:\{[^{}]*(?:\^|\*\*)|\([^()]*(?:\^|\*\*))|\^\s*\w\s*\^|\*\*\s*[\w.]+\s*\*\*"  # a power of a power
    r"|(?:\^|\*\*)\s*[{(]*\s*[-−]?\s*\d{4,}|\d\s*[eE]\s*\+?\d{4,}|\d{4,}\s*!|!\s*!|\)\s*!"
    r"|factorial|gamma|binom|\\(?:sum|prod|int|iint|oint|lim)"
)
"""What may be worked out for ever: such formulas are compared by their texts alone."""
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
    """Whether math-verify finds ``answer`` equal to ``gold``; False when it takes longer than :data:`TIMEOUT_S`, or would."""
    if _HEAVY.search(gold) or _HEAVY.search(answer):
        return "".join(gold.split()) == "".join(answer.split())
    return _JUDGE.same(gold, answer)


def _verify(gold: str, answer: str) -> bool:
    from math_verify import parse, verify

    sides = [parse(text if "$" in text else f"${text}$", parsing_timeout=None) for text in (gold, answer)]
    return bool(sides[0] and sides[1] and verify(sides[0], sides[1], timeout_seconds=None)) or _rounds(gold, answer)


_BRACKETED = re.compile(r"(?:\\left)?\s*([(\[])(.+?)(?:\\right)?\s*([)\]])", re.DOTALL)
_DECIMALS = re.compile(r"[-−]?\d*\.(\d{4,12})")


def _rounds(gold: str, answer: str) -> bool:
    """Whether ``answer`` is ``gold`` to the last of its digits, four or more behind the point, where no digits would be all of it.

    So are the parts of a pair, a point or an interval, of which all others must be equal.

    >>> _rounds("8/3", "2.6667"), _rounds("8/3", "2.6666"), _rounds("0.12344", "0.1234"), _rounds("(1/2, 8/3]", "(0.5, 2.6667]")
    (True, False, False, True)
    """
    sides = [_BRACKETED.fullmatch(text.strip().strip("$").strip()) for text in (gold, answer)]
    if sides[0] is None or sides[1] is None:
        return _is_rounded(gold, answer)
    if sides[0][1] != sides[1][1] or sides[0][3] != sides[1][3]:
        return False
    parts = [side[2].split(",") for side in sides if side is not None]
    if len(parts[0]) != len(parts[1]) or len(parts[0]) < 2:
        return False
    return all(_verify(a, b) for a, b in zip(*parts, strict=True))


def _is_rounded(gold: str, answer: str) -> bool:
    from math_verify import parse
    from sympy import Expr, Rational

    digits = _DECIMALS.fullmatch(answer.strip().strip("$").strip())
    if digits is None:
        return False
    value = next(iter(parse(f"${gold.strip().strip('$')}$", parsing_timeout=None)), None)
    if not isinstance(value, Expr) or not value.is_real or value.is_Float:
        return False
    unit = Rational(1, 10 ** len(digits[1]))
    return not (value / unit).is_integer and bool(abs(value - Rational(digits[0].replace("−", "-"))) * 2 <= unit)


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

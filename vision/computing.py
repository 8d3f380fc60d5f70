"""The one thread on which models are loaded and run, whoever asks.

OpenMP keeps a team of threads for each thread that computes, and as soon as all teams together have more than there are
cores, they fall asleep between any two operations. A page has a thread for every question, so a small model took twice as long on
it as in a script. Handing a step over to this thread costs a hundredth of one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_thread: ThreadPoolExecutor
_here = threading.local()


def _begin() -> None:
    """Have a thread; a forked process has to have its own."""
    global _thread
    _thread = ThreadPoolExecutor(1, thread_name_prefix="logicflow-computing", initializer=lambda: setattr(_here, "computes", True))


_begin()
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_begin)


def computed(work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """What ``work`` gives on the computing thread; raises what it raises."""
    if getattr(_here, "computes", False):
        return work(*args, **options)
    try:
        future = _thread.submit(work, *args, **options)
    except RuntimeError:  # the interpreter is ending, and nothing else computes any more
        return work(*args, **options)
    return future.result()

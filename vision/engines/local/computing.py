"""The one thread on which models are loaded and run, whoever asks.

OpenMP keeps a team of threads for each thread that computes, and as soon as all teams together have more than there are
cores, they fall asleep between any two operations. A page has a thread for every question, so a small model took twice as long on
it as in a script. Handing a step over to this thread costs a hundredth of one.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

Task = tuple["Future[Any]", Callable[[], Any]]

_tasks: SimpleQueue[Task]
_here = threading.local()


def _begin() -> None:
    """Have a thread; a forked process has to have its own. It keeps nobody waiting who wants to end the process."""
    global _tasks
    _tasks = SimpleQueue()
    threading.Thread(target=_work, args=(_tasks,), name="logicflow-computing", daemon=True).start()


def _work(tasks: SimpleQueue[Task]) -> None:
    _here.computes = True
    while True:
        future, work = tasks.get()
        try:
            future.set_result(work())
        except BaseException as exc:
            future.set_exception(exc)
        del future, work  # nothing of a task lives on while the next is waited for


_begin()
if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_begin)


def computed(work: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """What ``work`` gives on the computing thread; raises what it raises."""
    if getattr(_here, "computes", False) or sys.is_finalizing():  # at the end there is no other thread any more
        return work(*args, **options)
    future: Future[T] = Future()
    _tasks.put((future, partial(work, *args, **options)))
    return future.result()

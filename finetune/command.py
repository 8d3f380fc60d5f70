"""How a command tells of a user's mistake and of Ctrl-C: once, for all that need nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable


def reported(name: str, work: Callable[[], int | None], *mistakes: type[Exception]) -> int:
    """The exit code of ``work``: 2 and one sentence for one of ``mistakes``, 130 where it was interrupted; what was done is kept.

    A mistake that has an ``exit_code`` of its own gives that one.
    """
    try:
        return work() or 0
    except mistakes as exc:
        print(f"finetune.{name}: {exc}", file=sys.stderr)
        return int(getattr(exc, "exit_code", 2))
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from here", file=sys.stderr)
        return 130


def ended(done: bool) -> int:
    """The exit code of a run that came to its end, or was stopped in time."""
    print("the run is done" if done else "stopped in time; the same command goes on from the last checkpoint")
    return 0 if done else 3

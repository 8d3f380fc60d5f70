"""How a command tells of a user's mistake and of Ctrl-C: once, for all that need nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable


def reported(name: str, work: Callable[[], int], *mistakes: type[Exception]) -> int:
    """The exit code of ``work``: 2 and one sentence for one of ``mistakes``, 130 where it was interrupted; what was done is kept."""
    try:
        return work()
    except mistakes as exc:
        print(f"finetune.{name}: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from here", file=sys.stderr)
        return 130

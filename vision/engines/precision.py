"""In which precision a processor computes fastest, measured: what it supports and what it imitates look alike from outside."""

from __future__ import annotations

import time
from functools import cache
from typing import Any


@cache
def faster() -> Any:
    """``torch.bfloat16`` or ``torch.float32``, whichever multiplies matrices faster on this CPU.

    Measured, in some milliseconds: torch calls bf16 supported on CPUs that only imitate it, five to sixty times slower than fp32.
    It has to be slower by half at its best, so that what else runs meanwhile decides nothing.
    """
    import torch

    def seconds(dtype: torch.dtype) -> float:
        a = torch.ones(256, 256, dtype=dtype)
        times = []
        for _ in range(12):
            started = time.perf_counter()
            a @ a
            times.append(time.perf_counter() - started)
        return min(times)

    return torch.float32 if seconds(torch.bfloat16) > 1.5 * seconds(torch.float32) else torch.bfloat16

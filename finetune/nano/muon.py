"""Muon as torch has it, in the precision in which this CPU computes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

COEFFICIENTS = 3.4445, -4.775, 2.0315
STEPS = 5
"""Steps of Newton and Schulz."""


class Muon(torch.optim.Optimizer):
    """``torch.optim.Muon`` with Nesterov's momentum and ``match_rms_adamw``, but its matrices are multiplied in ``computed_in``.

    torch always multiplies them in bf16, which takes twenty times as long as fp32 on a CPU that only imitates it: there Muon took
    several times as long as forward and backward together.

    Args:
        matrices: parameters of two dimensions.
        lr: learning rate as for AdamW.
        computed_in: bf16 or fp32.
        momentum, weight_decay: as in torch.
    """

    def __init__(
        self,
        matrices: Iterable[torch.nn.Parameter],
        lr: float,
        computed_in: torch.dtype,
        momentum: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(matrices, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.computed_in = computed_in

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        """Move every matrix that has a gradient; a ``closure`` is not called."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                state = self.state[matrix]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(matrix)
                kept = state["momentum_buffer"]
                kept.lerp_(matrix.grad, 1 - group["momentum"])
                moved = self._orthogonal(matrix.grad.lerp(kept, group["momentum"]))
                matrix.mul_(1 - group["lr"] * group["weight_decay"])
                matrix.add_(moved, alpha=-0.2 * group["lr"] * max(matrix.shape) ** 0.5)

    def _orthogonal(self, update: torch.Tensor) -> torch.Tensor:
        a, b, c = COEFFICIENTS
        wide = update.T if update.shape[0] > update.shape[1] else update
        wide = (wide / wide.norm().clamp(min=1e-7)).to(self.computed_in)
        for _ in range(STEPS):
            gram = wide @ wide.T
            wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
        return (wide.T if update.shape[0] > update.shape[1] else wide).to(update.dtype)

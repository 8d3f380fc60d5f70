"""Muon as torch has it, in the precision in which this CPU computes."""

from __future__ import annotations

from collections import defaultdict
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
        """Move every matrix that has a gradient, all of one shape together; a ``closure`` is not called."""
        for group in self.param_groups:
            alike: dict[torch.Size, list[torch.nn.Parameter]] = defaultdict(list)
            for matrix in group["params"]:
                if matrix.grad is not None:
                    alike[matrix.shape].append(matrix)
            for shape, matrices in alike.items():
                updates = []
                for matrix in matrices:
                    kept = self.state[matrix].setdefault("momentum_buffer", torch.zeros_like(matrix))
                    kept.lerp_(matrix.grad, 1 - group["momentum"])
                    updates.append(matrix.grad.lerp(kept, group["momentum"]))
                moved = self._orthogonal(torch.stack(updates))
                for matrix, by in zip(matrices, moved, strict=True):
                    matrix.mul_(1 - group["lr"] * group["weight_decay"])
                    matrix.add_(by, alpha=-0.2 * group["lr"] * max(shape) ** 0.5)

    def _orthogonal(self, updates: torch.Tensor) -> torch.Tensor:
        """The nearest orthogonal matrices to ``updates`` (N, rows, columns), nearly."""
        a, b, c = COEFFICIENTS
        tall = updates.shape[1] > updates.shape[2]
        wide = updates.mT if tall else updates
        wide = (wide / wide.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)).to(self.computed_in)
        for _ in range(STEPS):
            gram = wide @ wide.mT
            wide = torch.baddbmm(wide, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
        return (wide.mT if tall else wide).to(updates.dtype)

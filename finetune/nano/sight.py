"""What the vision tower is taught before and beside language: which letters stand where.

From next-token loss alone the tower stays blind for tens of thousands of pictures, because a language model without
sight finds nothing to send back. So each soft token also predicts, through a linear head that is thrown away
afterwards, the letters in its cell: four quarters of 16 x 16 pixels with up to four letters each, in reading order.
The fast renderer knows where it wrote every letter.
"""

from __future__ import annotations

import string

import numpy as np
import torch

from finetune.charts.canvas import Letter
from finetune.nano.model import IMAGE_TOKENS

ALPHABET = string.digits + string.ascii_letters + ".,%-:()>°?$/×"
CLASSES = len(ALPHABET) + 2
"""0 is no letter, 1 any letter outside the alphabet."""
SLOTS = 4
GRID = int(IMAGE_TOKENS**0.5)
_CLASS = {letter: i + 2 for i, letter in enumerate(ALPHABET)}


def letter_targets(letters: list[Letter]) -> np.ndarray:
    """(cells, quarters, slots) classes of the letters of one picture, 0 where there is none."""
    side = GRID * 2
    rows: list[list[list[int]]] = [[[] for _ in range(side)] for _ in range(side)]
    for letter, x, y in letters:
        if 0 <= x < 1 and 0 <= y < 1:
            rows[int(y * side)][int(x * side)].append(_CLASS.get(letter, 1))
    made = np.zeros((IMAGE_TOKENS, 4, SLOTS), np.int64)
    for y, row in enumerate(rows):
        for x, found in enumerate(row):
            made[y // 2 * GRID + x // 2, y % 2 * 2 + x % 2, : len(found)] = found[:SLOTS]
    return made


class Sight(torch.nn.Module):
    """The throw-away heads over patches and over soft tokens.

    A patch only has to know its own letters, which is quickly learned; a soft token, the mean of four patches, must
    hold the letters of all four apart, which the tower then learns to arrange.
    """

    def __init__(self, patch: int, token: int) -> None:
        super().__init__()
        self.of_patch = torch.nn.Linear(patch, SLOTS * CLASSES)
        self.of_token = torch.nn.Linear(token, 4 * SLOTS * CLASSES)

    def forward(self, patches: torch.Tensor, tokens: torch.Tensor, letters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean of both losses, and the shares of letters that are right: by patch, by token.

        Args:
            patches: (P, 400, V) from the tower.
            tokens: (P, 100, D) from the projector.
            letters: (P, 100, 4, 4) classes; -100 where they are unknown.
        """
        by_patch = letters.view(-1, GRID, GRID, 2, 2, SLOTS).permute(0, 1, 3, 2, 4, 5).reshape(len(letters), -1, SLOTS)
        near, near_right = _score(self.of_patch(patches).view(*by_patch.shape, CLASSES), by_patch)
        far, far_right = _score(self.of_token(tokens).view(*letters.shape, CLASSES), letters)
        return near + far, torch.stack([near_right, far_right])


def _score(logits: torch.Tensor, letters: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    real = letters > 0
    weight = torch.where(real, 1.0, 0.03) * (letters >= 0)
    loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, -2), letters.clamp(min=0).flatten(), reduction="none")
    right = ((logits.argmax(-1) == letters) & real).sum() / real.sum().clamp(min=1)
    return (loss * weight.flatten()).sum() / weight.sum().clamp(min=1), right

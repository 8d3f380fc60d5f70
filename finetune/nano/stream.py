"""Endless batches for nano's pretraining: windows of pages and charts, rows of text, and pictures with exchanges about them."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch.utils.data import IterableDataset
from transformers import GemmaTokenizer

from finetune.charts import pillow
from finetune.charts.canvas import Letter, Marks
from finetune.charts.figures import Figure
from finetune.charts.readings import in_reading_order
from finetune.charts.records import wear
from finetune.nano.model import IMAGE_SIDE, PATCH
from finetune.nano.pool import figure_of, figures_of
from finetune.nano.rows import Packer, Row, page_exchanges, pairs, picture_exchanges, reading_exchanges
from finetune.nano.sight import GRID, Sheet, Window, few_words, text_page

FAST_SEEDS = 10_000_000
"""Training seeds from here on are drawn by the Pillow renderer."""


WINDOW = IMAGE_SIDE // 2
"""Side of a window, pixels."""


Part = Literal["text", "sight", "reading", "joint"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A pretraining run: the tower and the text side learn apart, side by side, then both learn charts together.

    Apart, the text side learns text alone at first and then to read what the tower, which learns on beside it, sees.

    Attributes:
        minutes: budget of wall-clock time.
        rows: rows of text a step while the text side learns alone.
        windows: windows a step while the tower learns alone.
        pictures, texts: rows with and without a picture a step in each of two processes.
        length: tokens of a row.
        peak: highest learning rate of the tower, for Muon and AdamW alike.
        text_peak: highest learning rate of the text side; what it has learned exactly does not bear the tower's.
        warm, fall: shares of the budget over which the rate rises and falls.
        easy: share of the budget after ``alone`` at which charts have grown from two categories to the full range.
        alone: share of the budget for text alone.
        apart: share of the budget after which they learn together.
        seed: of the model and of the order of pictures.
    """

    minutes: float = 180.0
    rows: int = 6
    windows: int = 12
    pictures: int = 4
    texts: int = 2
    length: int = 576
    peak: float = 1e-3
    text_peak: float = 8e-4
    warm: float = 0.02
    fall: float = 0.75
    easy: float = 0.4
    alone: float = 0.25
    apart: float = 0.7
    seed: int = 0

    def part(self, done: float, half: Literal["text", "sight"]) -> Part:
        """What the process of ``half`` does when the share ``done`` of the budget is spent.

        >>> Plan(alone=0.2, apart=0.5).part(0.25, "text")
        'reading'
        """
        if done >= self.apart:
            return "joint"
        return half if half == "sight" or done < self.alone else "reading"

    def grown(self, done: float) -> float:
        """How far charts have grown, 0 to 1."""
        return min(max(done - self.alone, 0.0) / self.easy, 1.0)

    def rate(self, done: float, half: Literal["text", "sight"]) -> float:
        """The learning rate: up, level, and down to nothing."""
        return (self.peak if half == "sight" else self.text_peak) * max(0.01, min(1.0, done / self.warm, (1.0 - done) / self.fall))


class Stream(IterableDataset):  # type: ignore[type-arg]
    """Batches for one half; ``clock`` (a shared float tensor, seconds spent) sets their part and difficulty."""

    def __init__(
        self, tokenizer: GemmaTokenizer, plan: Plan, pool: Path, clock: torch.Tensor, start: int, half: Literal["text", "sight"] = "sight"
    ) -> None:
        self.packer = Packer(tokenizer, plan.length)
        self.plan, self.clock, self.start, self.half = plan, clock, start, half
        self.pool, self.shards = pool, list[Path]()
        self.cut: list[tuple[Window, int, int]] = []  # windows that wait, with the patch at which each is shown

    def __iter__(self) -> Iterator[dict[str, Any]]:
        step = self.start
        while True:
            yield self._batch(step)
            step += 1

    def _batch(self, step: int) -> dict[str, Any]:
        rng = random.Random(f"{self.plan.seed} {self.half} {step}")
        if step % 20 == 0 or not self.shards:  # the pool may still be growing
            self.shards = sorted(path for path in self.pool.glob("*.npy") if "half" not in path.name)
        done = float(self.clock[0]) / 60 / self.plan.minutes
        part = self.plan.part(done, self.half)
        if part == "text":
            return {"part": part, **self._rows([self.packer.text_row(rng) for _ in range(self.plan.rows)])}
        if part == "sight":
            return {"part": part, **self._seen(self._windows(rng, whole=step % 6 == 0))}
        shown = [self._picture(rng, self.plan.grown(done)) for _ in range(self.plan.pictures)]
        rows = [row for _, row in shown] + [self.packer.text_row(rng) for _ in range(self.plan.texts)]
        return {"part": part, **self._seen([(window, 0, 0) for window, _ in shown]), **self._rows(rows)}

    def _windows(self, rng: random.Random, *, whole: bool) -> list[tuple[Window, int, int]]:
        """Windows of several pictures, or in their stead as many pixels of whole pictures, so that the tower knows both."""
        if whole:
            return [(self._sheet(rng).window(), 0, 0) for _ in range(max(1, self.plan.windows // 4))]
        while len(self.cut) < 4 * self.plan.windows:  # neighbours of one picture are spread over several steps
            sheet = self._sheet(rng, stretched=True)
            for right, low in ((0, 0), (1, 0), (0, 1), (1, 1)):
                left = min(max(right * (sheet.width - WINDOW) + rng.randint(-12, 12), 0), sheet.width - WINDOW)
                top = min(max(low * (sheet.height - WINDOW) + rng.randint(-12, 12), 0), sheet.height - WINDOW)
                self.cut.append((sheet.window(left, top, WINDOW), rng.randint(0, GRID // 2), rng.randint(0, GRID // 2)))
        rng.shuffle(self.cut)
        taken, self.cut = self.cut[: self.plan.windows], self.cut[self.plan.windows :]
        return taken

    def _sheet(self, rng: random.Random, *, stretched: bool = False) -> Sheet:
        """A page of text, a chart, or a chart by matplotlib."""
        chance = rng.random()
        if chance < 0.5:
            image, letters, _ = text_page(rng)
        elif chance < 0.75 and self.shards:
            image, letters, *_ = self._pooled(rng)
        else:
            ease = rng.random()
            image, letters, *_ = _drawn(FAST_SEEDS + rng.randrange(400_000_000), ease)
        width, height = (round(IMAGE_SIDE * math.exp(rng.uniform(-0.12, 0.12))) if stretched else IMAGE_SIDE for _ in range(2))
        return Sheet(wear(rng, image, pad=False), letters, self.packer.tokenizer, (width, height))

    def _pooled(self, rng: random.Random) -> tuple[Image.Image, list[Letter], Figure, Marks]:
        shard = rng.choice(self.shards)
        figures = figures_of(shard)
        at = rng.randrange(len(figures))
        figure, letters, marks = figures[at]
        return Image.fromarray(np.asarray(np.load(shard, mmap_mode="r")[at])), letters, figure, marks

    def _picture(self, rng: random.Random, grown: float) -> tuple[Window, Row]:
        """A picture with exchanges about it."""
        ease, few = (1.0 - grown) * rng.random(), rng.random() < 1.2 * (1.0 - grown)
        chance = rng.random()
        if chance < 0.1:
            image, letters, lines = text_page(rng)
            row = self.packer.picture_row(rng, page_exchanges(rng, lines), letters)
        elif chance < 0.1 + 0.3 * (1.0 - grown):
            image, letters, lines = few_words(rng, few)
            row = self.packer.picture_row(rng, reading_exchanges(rng, lines), letters)
        else:
            if self.shards and rng.random() < 0.1 + 0.4 * grown:
                image, letters, figure, marks = _shift(rng, *self._pooled(rng))
            else:
                image, letters, figure, marks = _drawn(FAST_SEEDS + rng.randrange(400_000_000), ease, few)
            row = self.packer.picture_row(rng, picture_exchanges(rng, figure, 8), letters, pairs(figure, marks))
        return Sheet(wear(rng, image, pad=False), letters, self.packer.tokenizer, (IMAGE_SIDE, IMAGE_SIDE)).window(), row

    def _seen(self, shown: list[tuple[Window, int, int]]) -> dict[str, torch.Tensor]:
        side = shown[0][0].pixels.shape[0] // PATCH
        square = torch.arange(side)[:, None] * GRID + torch.arange(side)
        return {
            "pixels": torch.from_numpy(np.stack([window.pixels for window, *_ in shown])),
            "places": torch.stack([(square + row * GRID + column).flatten() for _, row, column in shown]),
            "letters": torch.from_numpy(np.stack([window.letters for window, *_ in shown])),
            "words": torch.from_numpy(np.stack([window.words for window, *_ in shown])),
            "follows": torch.from_numpy(np.stack([window.follows for window, *_ in shown])),
        }

    def _rows(self, rows: list[Row]) -> dict[str, Any]:
        arrays = {
            name: torch.from_numpy(np.stack([getattr(row, name) for row in rows]))
            for name in ("ids", "segment", "position", "learn", "spots")
        }
        return {**arrays, "tasks": [row.tasks for row in rows]}


def _drawn(seed: int, ease: float, few: bool = False) -> tuple[Image.Image, list[Letter], Figure, Marks]:
    """A chart by the Pillow renderer."""
    drawn, figure = figure_of(seed, ease, few)
    try:
        image, letters, marks = pillow.render(drawn, figure, ease)
        return image, letters, in_reading_order(figure, letters), marks
    except ValueError as exc:  # hours of training outweigh one picture; the seed is there to mend it
        print(f"seed {seed} cannot be drawn: {exc}", flush=True)
        return _drawn(seed + 1, ease, few)


def _shift(
    rng: random.Random, image: Image.Image, letters: list[Letter], figure: Figure, marks: Marks
) -> tuple[Image.Image, list[Letter], Figure, Marks]:
    """A pooled picture made new: moved and scaled a little, its letters and marks with it."""
    if rng.random() < 0.3:
        return image, letters, figure, marks
    side, ground = image.width, image.getpixel((0, 0))
    wide, high = (round(side * rng.uniform(0.9, 1.0)) for _ in range(2))
    left, top = rng.randint(0, side - wide), rng.randint(0, side - high)
    moved = Image.new("RGB", (side, side), ground)
    moved.paste(image.resize((wide, high), Image.Resampling.BILINEAR), (left, top))

    def there(x: float, y: float) -> tuple[float, float]:
        return (x * wide + left) / side, (y * high + top) / side

    noted = [(name, x * wide / side, y * high / side) if name == "\n" else (name, *there(x, y)) for name, x, y in letters]
    return moved, noted, figure, {names: [there(x, y) for x, y in places] for names, places in marks.items()}

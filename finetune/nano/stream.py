"""Endless batches for nano's training, drawn by worker processes while it learns: pictures with their text and exchanges, and text.

A picture is drawn once and asked about until its row is full. Most rows hold the text of the picture as lines, with the faults that
OCR makes (:mod:`finetune.charts.ocr`); some hold none, and some show a page full of words, so that reading stays the tower's.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import IterableDataset, get_worker_info
from transformers import GemmaTokenizer

from finetune.charts import matplotlib, pillow
from finetune.charts.canvas import Letter, Marks
from finetune.charts.drills import REWORDED, Exchange
from finetune.charts.elsewhere import SHARE, aside
from finetune.charts.figures import Figure, sample
from finetune.charts.ocr import as_read
from finetune.charts.questions import ask
from finetune.charts.readings import Question, in_reading_order
from finetune.charts.records import wear
from finetune.charts.wordings import reworded
from finetune.nano.plan import Mix, Phase
from finetune.nano.rows import Packer, Row, page_exchanges, pairs, picture_exchanges, reading_exchanges
from finetune.nano.sight import Sheet, few_words, sheet, text_page
from vision.pictures.lines import lines_of

FAST_SEEDS = 10_000_000
"""Training seeds from here on are drawn while the base learns."""
KINDS = {"bar": 4.5, "hbar": 3.5, "grouped": 3.5, "line": 4.5, "pie": 3.0, "table": 2.5, "flow": 1.2, "geometry": 1.2}
"""How often each kind of picture is shown: what is read off an axis more often than what is only spelled."""
VARIED = 0.7
"""Share of the pictures drawn with more habits of plotting libraries than the measured ones have."""
WORDLESS = 0.07
"""Share of the rows that hold no text of their picture."""
PAGES = 0.07
"""Share of pictures that are a page full of words."""
DIRECT = 0.1
"""Share of the rows for the adapter that answer at once, without the system prompt, so that both ways stay open."""

KEPT = 64
"""Pictures that are kept to be asked about again."""

Drawn = tuple[Image.Image, list[Letter], Figure, Marks]


def drawn(seed: int, matplotlib_share: float = 0.5, ease: float = 0.0, few: bool = False) -> tuple[random.Random, Drawn]:
    """The picture of a training seed, worn like pictures that are sent around, and the generator that goes on from there."""
    while True:
        rng = random.Random(seed)
        kind = rng.choices(list(KINDS), list(KINDS.values()))[0]
        figure = sample(rng, kind, ease=ease, few=few)
        more = random.Random(f"looks {seed}") if rng.random() < VARIED else None
        try:
            if rng.random() < matplotlib_share:
                image, letters, marks = matplotlib.render(rng, figure, more=more)
            else:
                image, letters, marks = pillow.render(rng, figure, ease, more=more)
            return rng, (wear(rng, image, pad=False), letters, in_reading_order(figure, letters), marks)
        except ValueError as exc:  # hours of training outweigh one picture; the seed is there to mend it
            print(f"seed {seed} cannot be drawn: {exc}", flush=True)
            seed += 1


def lines(rng: random.Random, letters: list[Letter], image: Image.Image) -> str:
    """The text of a picture as a row holds it, now and then nothing."""
    return "" if rng.random() < WORDLESS else lines_of(as_read(rng, letters, image.size))


def question(rng: random.Random, figure: Figure) -> Question:
    """A question about ``figure`` in one of many wordings; a few cannot be answered from it."""
    if rng.random() < SHARE:
        return aside(rng, figure)
    asked = ask(rng, figure)
    return reworded(rng, asked) if rng.random() < REWORDED else asked


def thought(asked: Question) -> str:
    """What a model is to write when it thinks."""
    return "<think>\n" + "\n".join(asked.steps) + f"\n</think>\n\n{asked.said}"


class Stream(IterableDataset):  # type: ignore[type-arg]
    """Batches for the phase that ``done`` tells.

    Args:
        tokenizer: nano's.
        mix: what a batch is made of.
        done: shared tensor (2,): whether the adapter learns, and the share of the phase that is over.
        start: steps taken before, so that a resumed run sees new pictures.
    """

    def __init__(self, tokenizer: GemmaTokenizer, mix: Mix, done: torch.Tensor, start: int = 0) -> None:
        self.pictured, self.textual = Packer(tokenizer, mix.length), Packer(tokenizer, mix.text_length)
        self.mix, self.done, self.start = mix, done, start
        self.kept: deque[Drawn] = deque(maxlen=KEPT)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        info = get_worker_info()
        worker, step = info.id if info else 0, 0
        while True:
            yield self.batch(random.Random(f"{self.mix.seed} {self.start} {worker} {step}"))
            step += 1

    def batch(self, rng: random.Random) -> dict[str, Any]:
        """``phase``, and ``parts``: one batch of pictures and, for the base, one of text."""
        phase: Phase = "adapter" if self.done[0] else "base"
        grown = min(float(self.done[1]) / self.mix.easy, 1.0) if self.mix.easy else 1.0
        show = self.thinking if phase == "adapter" else self.reading
        shown = [show(rng, grown) for _ in range(self.mix.thoughtful if phase == "adapter" else self.mix.pictures)]
        parts = [{**_stacked([row for _, row in shown]), **_seen([seen for seen, _ in shown])}] if shown else []
        if phase == "base" and self.mix.texts:
            parts.append(_stacked([self.textual.text_row(rng) for _ in range(self.mix.texts)]))
        return {"phase": phase, "parts": parts}

    def reading(self, rng: random.Random, grown: float = 1.0) -> tuple[Sheet, Row]:
        """A picture to be read, described and answered about at once."""
        packer, chance = self.pictured, rng.random()
        if chance < PAGES:
            image, letters, written = text_page(rng)
            row = packer.picture_row(rng, page_exchanges(rng, written), letters)
        elif chance < PAGES + 0.3 * (1.0 - grown):
            image, letters, written = few_words(rng, rng.random() < 1.2 * (1.0 - grown))
            row = packer.picture_row(rng, reading_exchanges(rng, written), letters)
        else:
            ease, few = (1.0 - grown) * rng.random(), rng.random() < 1.2 * (1.0 - grown)
            image, letters, figure, marks = self._picture(rng, ease, few)
            row = packer.picture_row(rng, picture_exchanges(rng, figure, 12), letters, pairs(figure, marks), lines(rng, letters, image))
        return sheet(image, letters, packer.tokenizer), row

    def thinking(self, rng: random.Random, grown: float = 1.0) -> tuple[Sheet, Row]:
        """A picture to be thought about."""
        packer = self.pictured
        image, letters, figure, _ = self._picture(rng)
        thinks = rng.random() >= DIRECT
        exchanges: list[Exchange] = []
        for _ in range(12):
            asked = question(rng, figure)
            exchanges.append((asked.task, asked.text, thought(asked) if thinks else asked.said))
        row = packer.pack(exchanges, packer.prefix_for(lines(rng, letters, image), thinking=thinks), shared=True)
        return sheet(image, letters, packer.tokenizer), row

    def _picture(self, rng: random.Random, ease: float = 0.0, few: bool = False) -> Drawn:
        """A new picture, or one that this worker has drawn a while ago."""
        if self.kept and rng.random() < self.mix.again:
            return rng.choice(self.kept)
        _, picture = drawn(FAST_SEEDS + rng.randrange(400_000_000), self.mix.matplotlib, ease, few)
        if self.mix.again:
            self.kept.append(picture)
        return picture


def _stacked(rows: list[Row]) -> dict[str, Any]:
    names = ("ids", "segment", "position", "learn", "spots")
    return {
        **{name: torch.from_numpy(np.stack([getattr(row, name) for row in rows])) for name in names},
        "tasks": [row.tasks for row in rows],
    }


def _seen(sheets: list[Sheet]) -> dict[str, torch.Tensor]:
    names = ("pixels", "letters", "words", "follows")
    return {name: torch.from_numpy(np.stack([getattr(each, name) for each in sheets])) for name in names}

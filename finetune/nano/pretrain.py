"""Pretraining of nano's base from scratch on drawn charts: Muon for matrices, AdamW for the rest, bf16, compiled.

    python -m finetune.nano pretrain --minutes 150

The schedule follows the minutes spent, so that a budget of time is used to the end on any machine; checkpoints
hold the minutes, and the same command resumes. Two cores with AMX see about ten pictures a second while
the tower learns alone, and seven with their questions.
"""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, IterableDataset
from transformers import AutoModelForImageTextToText, GemmaTokenizer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from finetune.charts import fast
from finetune.charts.canvas import Letter
from finetune.charts.records import wear
from finetune.nano.model import IMAGE_SIDE, IMAGE_TOKENS, count, create, save_hub
from finetune.nano.pool import figure_of, figures_of, square
from finetune.nano.rows import Packer, Row, attention_mask, page_exchanges, picture_exchanges, reading_exchanges
from finetune.nano.sight import Sight, few_words, letter_targets, text_page, word_loss, word_targets

FAST_SEEDS = 10_000_000
"""Training seeds from here on are drawn by the fast renderer."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A pretraining run.

    Attributes:
        minutes: budget of wall-clock time.
        pictures, texts: rows of a batch with and without a picture.
        texts_apart: rows of text in the part where tower and text side learn apart; 0 leaves the text side as it is.
        length: tokens of a row.
        peak: highest learning rate, for Muon and AdamW alike.
        warm, fall: shares of the budget over which the rate rises and falls.
        easy: share of the budget at which charts have grown from two categories to the full range.
        sight: share of the budget in which the tower learns letters and the text side text, apart.
        seed: of the model and of the order of pictures.
    """

    minutes: float = 150.0
    pictures: int = 12
    texts: int = 2
    texts_apart: int = 3
    length: int = 400
    peak: float = 2e-3
    warm: float = 0.02
    fall: float = 0.5
    easy: float = 0.85
    sight: float = 0.3
    seed: int = 0


class Stream(IterableDataset):  # type: ignore[type-arg]
    """Endless batches; ``progress`` (a shared float tensor, 0..1) sets their difficulty."""

    def __init__(self, tokenizer: GemmaTokenizer, plan: Plan, pool: Path, progress: torch.Tensor, start: int) -> None:
        self.packer = Packer(tokenizer, plan.length)
        self.plan, self.progress, self.start = plan, progress, start
        self.pool, self.shards = pool, list[Path]()

    def __iter__(self) -> Iterator[dict[str, Any]]:
        step = self.start
        while True:
            yield self._batch(step)
            step += 1

    def _picture(self, rng: random.Random, seed: int) -> tuple[np.ndarray, list[Letter], Row]:
        done = float(self.progress[0])
        grown = min(max(0.0, (done - self.plan.sight) / (self.plan.easy - self.plan.sight)), 1.0)
        ease, few = (1.0 - grown) * rng.random(), rng.random() < 1.2 * (1.0 - grown)
        apart, chance = done < self.plan.sight, rng.random()
        if chance < (0.75 if apart else 0.1):
            drawing, written, lines = text_page(rng)
            image = square(wear(rng, drawing, pad=False), IMAGE_SIDE)
            return np.asarray(image), written, self.packer.picture_row(rng, page_exchanges(rng, lines))
        if not apart and chance < 0.1 + 0.3 * (1.0 - grown):
            drawing, written, lines = few_words(rng, few)
            image = square(wear(rng, drawing, pad=False), IMAGE_SIDE)
            return np.asarray(image), written, self.packer.picture_row(rng, reading_exchanges(rng, lines))
        if self.shards and rng.random() < 0.1 + 0.4 * grown:
            shard = rng.choice(self.shards)
            figures = figures_of(shard)
            at = rng.randrange(len(figures))
            figure, letters = figures[at]
            pixels = np.load(shard, mmap_mode="r")[at]
            image, written = _shift(rng, Image.fromarray(np.asarray(pixels)), letters)
        else:
            drawn, figure = figure_of(FAST_SEEDS + seed, ease, few)
            try:
                drawing, written = fast.render_with_letters(drawn, figure, ease)
            except ValueError as exc:  # hours of training outweigh one picture; the seed is there to mend it
                print(f"seed {FAST_SEEDS + seed} cannot be drawn: {exc}", flush=True)
                return self._picture(rng, seed + 500_000_000)
            image = square(wear(drawn, drawing, pad=False), IMAGE_SIDE)
        return np.asarray(image), written, self.packer.picture_row(rng, picture_exchanges(rng, figure, 1 if grown < 0.5 else 3))

    def _batch(self, step: int) -> dict[str, Any]:
        rng = random.Random(self.plan.seed * 1_000_003 + step)
        if step % 20 == 0 or not self.shards:  # the pool may still be growing
            self.shards = sorted(path for path in self.pool.glob("*.npy") if "half" not in path.name)
        pictures = [self._picture(rng, step * self.plan.pictures + i) for i in range(self.plan.pictures)]
        apart = float(self.progress[0]) < self.plan.sight
        rows = [] if apart else [row for *_, row in pictures]
        rows += [self.packer.text_row(rng) for _ in range(self.plan.texts_apart if apart else self.plan.texts)]
        written, tokenizer = [seen for _, seen, _ in pictures], self.packer.tokenizer
        return {
            "apart": apart,
            "pixels": torch.from_numpy(np.stack([image for image, *_ in pictures])),
            "letters": torch.from_numpy(np.stack([letter_targets(seen) for seen in written])),
            "words": torch.from_numpy(np.stack([word_targets(seen, tokenizer) for seen in written])),
            **self._stacked(rows),
            "tasks": [row.tasks for row in rows],
        }

    def _stacked(self, rows: list[Row]) -> dict[str, torch.Tensor]:
        none = self.packer.pack([], [], shared=False)
        return {
            name: torch.from_numpy(np.stack([getattr(row, name) for row in (rows or [none])])[: len(rows)])
            for name in ("ids", "segment", "position", "learn")
        }


def _shift(rng: random.Random, image: Image.Image, letters: list[Letter]) -> tuple[Image.Image, list[Letter]]:
    """A pooled picture made new: moved and scaled a little, its letters with it."""
    if rng.random() < 0.3:
        return image, letters
    side, ground = image.width, image.getpixel((0, 0))
    wide, high = (round(side * rng.uniform(0.9, 1.0)) for _ in range(2))
    left, top = rng.randint(0, side - wide), rng.randint(0, side - high)
    moved = Image.new("RGB", (side, side), ground)
    moved.paste(image.resize((wide, high), Image.Resampling.BILINEAR), (left, top))
    return moved, [
        (letter, x * wide / side, y * high / side) if letter == "\n" else (letter, (x * wide + left) / side, (y * high + top) / side)
        for letter, x, y in letters
    ]


def _attention(module: torch.nn.Module, q: Any, k: Any, v: Any, mask: Any, scaling: float = 1.0, **_: Any) -> Any:
    """Attention written out: compiled, its backward pass is several times faster on a CPU than the fused one."""
    q, k, v = (x.to(torch.bfloat16) for x in (q, k, v))  # (B, heads, L, 64)
    scores = torch.matmul(q * scaling, k.transpose(-1, -2))
    if mask is not None:
        scores = scores + mask
    weights = torch.softmax(scores, -1, dtype=torch.float32).to(torch.bfloat16)
    return torch.matmul(weights, v).transpose(1, 2).contiguous(), None


ALL_ATTENTION_FUNCTIONS.register("written_out", _attention)


class Learner(torch.nn.Module):
    """Nano with the packed rows' forward pass: pixels and rows in, loss and hits out."""

    def __init__(self, vocabulary: dict[str, int], seed: int) -> None:
        super().__init__()
        self.nano = create(vocabulary, "written_out", seed)
        self.sight = Sight(self.nano.config.vision_config.hidden_size, self.nano.config.text_config.hidden_size)
        self.image_token = vocabulary["<image_soft_token>"]

    def forward(
        self,
        pixels: torch.Tensor,
        letters: torch.Tensor,
        words: torch.Tensor,
        ids: torch.Tensor,
        position: torch.Tensor,
        mask: torch.Tensor,
        places: torch.Tensor | None,
        target: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Loss over the model's own tokens, which of them were right, and the same for the letters.

        Args:
            pixels: (P, 3, side, side) in -1..1; of the first P rows, unless ``places`` is None.
            letters: (P, 256, 4, 4) classes.
            words: (P, 256, 4) tokens that begin in each cell, -100 where there is none.
            ids, position: (B, L).
            mask: (B, 1, L, L) additive.
            places: (P, 256) where each picture's soft tokens stand; None for rows of text that see no picture.
            target: (B, L) the next token, -100 where nothing is learned.

        Returns:
            mean loss, (B, L) hits, loss of sight, shares of letters right by patch and by token, and of cells whose word is right.
        """
        core = self.nano.model
        patches = core.vision_tower(pixel_values=pixels).last_hidden_state  # (P, 1024, V)
        seen = core.multi_modal_projector(patches)  # (P, 256, D)
        letter_loss, letter_hits = self.sight(patches, seen, letters)
        seen_loss, seen_hits = word_loss(seen, words, core.language_model.embed_tokens.weight)
        sight_loss, sight_hits = 0.5 * letter_loss + seen_loss, torch.cat([letter_hits, seen_hits[None]])
        if not len(ids):
            return sight_loss.new_zeros(()), ids > 0, sight_loss, sight_hits
        embedded = core.language_model.embed_tokens(ids)
        if places is not None:
            spread = places[..., None].expand(-1, -1, embedded.shape[-1])
            with_pictures = embedded[: pixels.shape[0]].scatter(1, spread, seen.to(embedded.dtype))
            embedded = torch.cat([with_pictures, embedded[pixels.shape[0] :]])
        masks = {"full_attention": mask, "sliding_attention": mask}
        hidden = core.language_model(inputs_embeds=embedded, attention_mask=masks, position_ids=position, use_cache=False).last_hidden_state
        logits = self.nano.lm_head(hidden).float()  # (B, L, V)
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-100)
        return loss, logits.argmax(-1) == target, sight_loss, sight_hits


def _optimizers(learner: torch.nn.Module, peak: float) -> list[torch.optim.Optimizer]:
    matrices, rest = [], []
    for name, parameter in learner.named_parameters():
        matrix = parameter.ndim == 2 and "embed" not in name and "sight" not in name
        (matrices if matrix else rest).append(parameter)
    return [
        torch.optim.Muon(matrices, lr=peak, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=peak, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]


def _rate(plan: Plan, done: float) -> float:
    """Up, level, and down to nothing: what was learned by then can go on from any point of the level part."""
    return plan.peak * max(0.01, min(1.0, done / plan.warm, (1.0 - done) / plan.fall))


def _tally(hits: torch.Tensor, batch: dict[str, Any], scores: dict[str, list[float]]) -> None:
    """Count the exchanges whose every token was right, by task; all data are new, so this is no memory."""
    learn = torch.zeros_like(batch["learn"])
    learn[:, :-1] = batch["learn"][:, 1:]
    if not batch["apart"]:
        seen = learn[: len(batch["pixels"])]
        scores["picture tokens"].append((hits[: len(seen)][seen]).float().mean().item())
    missed = (~hits & learn).numpy()
    segment = np.zeros(missed.shape, np.int64)
    segment[:, :-1] = batch["segment"].numpy()[:, 1:]
    for row, tasks in enumerate(batch["tasks"]):
        wrong = set(segment[row][missed[row]].tolist())
        for i, task in enumerate(tasks):
            scores[task].append(float(i + 1 not in wrong))


def _inputs(batch: dict[str, Any], image_token: int) -> tuple[torch.Tensor | None, ...]:
    pixels = batch["pixels"].permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0).contiguous()
    ids = batch["ids"]
    image = ids == image_token
    places = None
    if not batch["apart"]:
        places = image[: len(pixels)].int().argmax(1)[:, None] + torch.arange(IMAGE_TOKENS)[None]
    target = torch.full_like(ids, -100)
    target[:, :-1] = torch.where(batch["learn"][:, 1:], ids[:, 1:], -100)
    return pixels, batch["letters"], batch["words"], ids, batch["position"], attention_mask(batch["segment"], image), places, target


def _save(folder: Path, learner: Learner, optimizers: list[torch.optim.Optimizer], step: int, spent: float) -> None:
    save_hub(learner.nano, folder / "base")
    half = folder / "state.half.pt"
    torch.save({"model": learner.state_dict(), "optimizers": [o.state_dict() for o in optimizers], "step": step, "spent_s": spent}, half)
    half.rename(folder / "state.pt")


def pretrain(folder: Path, tokenizer: GemmaTokenizer, plan: Plan, start: Path | None = None) -> None:
    """Train the base into ``folder/base``; resumes from ``folder/state.pt`` and logs to ``folder/curve.jsonl``.

    ``start`` names a finished base whose weights a new run begins with, instead of fresh ones.
    """
    learner = Learner(tokenizer.get_vocab(), plan.seed)
    if start is not None:
        finished = AutoModelForImageTextToText.from_pretrained(start, dtype=torch.float32, local_files_only=True)
        learner.nano.load_state_dict(finished.state_dict())
    optimizers = _optimizers(learner, plan.peak)
    step, spent = 0, 0.0
    if (folder / "state.pt").exists():
        state = torch.load(folder / "state.pt", weights_only=True)
        learner.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        step, spent = state["step"], state["spent_s"]
    print(f"{count(learner.nano) / 1e6:.1f}M parameters, from step {step}", flush=True)
    progress = torch.tensor([spent / 60 / plan.minutes]).share_memory_()
    stream = Stream(tokenizer, plan, folder / "pool", progress, step)
    batches = iter(DataLoader(stream, batch_size=None, num_workers=1, prefetch_factor=3, worker_init_fn=_keep_drawing))
    compiled = torch.compile(learner, dynamic=False)
    scores: dict[str, list[float]] = defaultdict(list)
    before, saved = time.time(), time.time()
    stopping = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    while spent < plan.minutes * 60 and not stopping.is_set():
        batch = next(batches)
        progress[0] = done = spent / 60 / plan.minutes
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = _rate(plan, done)
        with torch.autocast("cpu", torch.bfloat16):
            loss, hits, letter_loss, letter_hits = compiled(*_inputs(batch, learner.image_token))
        (loss + letter_loss * (1.0 if done < 0.7 else 0.3)).backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        learner.zero_grad(set_to_none=True)
        step += 1
        now = time.time()
        spent += min(now - before, 15.0)  # compiling is not learning
        before = now
        _tally(hits, batch, scores)
        for name, value in zip(("letters by patch", "letters by token", "words by token"), letter_hits.tolist(), strict=True):
            scores[name].append(value)
        scores["sight loss"].append(letter_loss.item())
        if step % 50 == 0:
            _log(folder, step, spent, loss.item(), scores, plan)
        if now - saved > 300:
            _save(folder, learner, optimizers, step, spent)
            saved = now
    _save(folder, learner, optimizers, step, spent)
    if stopping.is_set():  # saved, but not finished: nothing may go on from here as if it were
        raise KeyboardInterrupt


def _keep_drawing(worker: int) -> None:
    """Ctrl-C reaches the whole process group: the parent saves and ends, so its drawing worker must outlive the signal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _log(folder: Path, step: int, spent: float, loss: float, scores: dict[str, list[float]], plan: Plan) -> None:
    right = {task: round(sum(values) / len(values), 3) for task, values in sorted(scores.items())}
    line = {"step": step, "minutes": round(spent / 60, 2), "loss": round(loss, 4), "pictures": step * plan.pictures, "right": right}
    with (folder / "curve.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)
    scores.clear()

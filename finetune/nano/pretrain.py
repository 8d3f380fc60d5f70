"""Pretraining of nano's base from scratch on drawn charts: Muon for matrices, AdamW for the rest, bf16, compiled.

    python -m finetune.nano pretrain --minutes 180

Three parts, each with a learning rate that rises and falls: the text side learns text; the tower learns to read in
windows of pages and charts (a quarter of a picture each, because attention over the whole costs most of the time, and
in small batches, because many steps teach it more than many pictures a step); then both learn charts together.

The schedule follows the minutes spent, so that a budget of time is used to the end on any machine; checkpoints
hold the minutes, and the same command resumes.
"""

from __future__ import annotations

import json
import math
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
from finetune.charts.figures import Figure
from finetune.charts.records import wear
from finetune.nano.model import IMAGE_SIDE, IMAGE_TOKENS, count, create, save_hub
from finetune.nano.pool import figure_of, figures_of
from finetune.nano.rows import Packer, Row, attention_mask, page_exchanges, picture_exchanges, reading_exchanges
from finetune.nano.sight import PATCH, Sheet, Sight, Window, few_words, text_page, word_loss

FAST_SEEDS = 10_000_000
"""Training seeds from here on are drawn by the fast renderer."""


WINDOW = IMAGE_SIDE // 2
"""Side of a window, pixels."""
GRID = IMAGE_SIDE // PATCH
"""Patches along a side of a whole picture."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A pretraining run.

    Attributes:
        minutes: budget of wall-clock time.
        rows: rows of text a step while the text side learns alone.
        windows: windows a step while the tower learns alone.
        pictures, texts: rows with and without a picture a step while both learn together.
        length: tokens of a row.
        peak: highest learning rate, for Muon and AdamW alike.
        warm, fall: shares of each part over which the rate rises and falls.
        easy: share of the last part at which charts have grown from two categories to the full range.
        text, sight: shares of the budget for text alone and for the tower alone.
        seed: of the model and of the order of pictures.
    """

    minutes: float = 180.0
    rows: int = 8
    windows: int = 12
    pictures: int = 12
    texts: int = 2
    length: int = 400
    peak: float = 1.5e-3
    warm: float = 0.02
    fall: float = 0.7
    easy: float = 0.75
    text: float = 0.06
    sight: float = 0.44
    seed: int = 0

    def part(self, done: float) -> tuple[str, float]:
        """Which part runs when the share ``done`` of the budget is spent, and the share of that part that is over.

        >>> Plan(text=0.25, sight=0.5).part(0.5)
        ('sight', 0.5)
        """
        both = self.text + self.sight
        if done < self.text:
            return "text", done / self.text
        if done < both:
            return "sight", (done - self.text) / self.sight
        return "joint", (done - both) / (1.0 - both)


class Stream(IterableDataset):  # type: ignore[type-arg]
    """Endless batches; ``progress`` (a shared float tensor, 0..1) sets their part and difficulty."""

    def __init__(self, tokenizer: GemmaTokenizer, plan: Plan, pool: Path, progress: torch.Tensor, start: int) -> None:
        self.packer = Packer(tokenizer, plan.length)
        self.plan, self.progress, self.start = plan, progress, start
        self.pool, self.shards = pool, list[Path]()
        self.cut: list[tuple[Window, int, int]] = []  # windows that wait, with the patch at which each is shown

    def __iter__(self) -> Iterator[dict[str, Any]]:
        step = self.start
        while True:
            yield self._batch(step)
            step += 1

    def _batch(self, step: int) -> dict[str, Any]:
        rng = random.Random(self.plan.seed * 1_000_003 + step)
        if step % 20 == 0 or not self.shards:  # the pool may still be growing
            self.shards = sorted(path for path in self.pool.glob("*.npy") if "half" not in path.name)
        part, over = self.plan.part(float(self.progress[0]))
        if part == "text":
            return {"part": part, **self._rows([self.packer.text_row(rng) for _ in range(self.plan.rows)])}
        if part == "sight":
            return {"part": part, **self._seen(self._windows(rng, whole=step % 6 == 0))}
        shown = [self._picture(rng, step * self.plan.pictures + i, over) for i in range(self.plan.pictures)]
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
            image, letters, _ = self._pooled(rng)
        else:
            ease = rng.random()
            image, letters, _ = _drawn(FAST_SEEDS + rng.randrange(400_000_000), ease)
        width, height = (round(IMAGE_SIDE * math.exp(rng.uniform(-0.12, 0.12))) if stretched else IMAGE_SIDE for _ in range(2))
        return Sheet(wear(rng, image, pad=False), letters, self.packer.tokenizer, (width, height))

    def _pooled(self, rng: random.Random) -> tuple[Image.Image, list[Letter], Figure]:
        shard = rng.choice(self.shards)
        figures = figures_of(shard)
        at = rng.randrange(len(figures))
        figure, letters = figures[at]
        return Image.fromarray(np.asarray(np.load(shard, mmap_mode="r")[at])), letters, figure

    def _picture(self, rng: random.Random, seed: int, over: float) -> tuple[Window, Row]:
        """A picture with exchanges about it."""
        grown = min(over / self.plan.easy, 1.0)
        ease, few = (1.0 - grown) * rng.random(), rng.random() < 1.2 * (1.0 - grown)
        chance = rng.random()
        if chance < 0.1:
            image, letters, lines = text_page(rng)
            row = self.packer.picture_row(rng, page_exchanges(rng, lines))
        elif chance < 0.1 + 0.3 * (1.0 - grown):
            image, letters, lines = few_words(rng, few)
            row = self.packer.picture_row(rng, reading_exchanges(rng, lines))
        else:
            if self.shards and rng.random() < 0.1 + 0.4 * grown:
                image, letters, figure = self._pooled(rng)
                image, letters = _shift(rng, image, letters)
            else:
                image, letters, figure = _drawn(FAST_SEEDS + seed, ease, few)
            row = self.packer.picture_row(rng, picture_exchanges(rng, figure, 1 if grown < 0.5 else 3))
        return Sheet(wear(rng, image, pad=False), letters, self.packer.tokenizer, (IMAGE_SIDE, IMAGE_SIDE)).window(), row

    def _seen(self, shown: list[tuple[Window, int, int]]) -> dict[str, torch.Tensor]:
        side = shown[0][0].pixels.shape[0] // PATCH
        square = torch.arange(side)[:, None] * GRID + torch.arange(side)
        return {
            "pixels": torch.from_numpy(np.stack([window.pixels for window, *_ in shown])),
            "places": torch.stack([(square + row * GRID + column).flatten() for _, row, column in shown]),
            "letters": torch.from_numpy(np.stack([window.letters for window, *_ in shown])),
            "words": torch.from_numpy(np.stack([window.words for window, *_ in shown])),
        }

    def _rows(self, rows: list[Row]) -> dict[str, Any]:
        arrays = {
            name: torch.from_numpy(np.stack([getattr(row, name) for row in rows])) for name in ("ids", "segment", "position", "learn")
        }
        return {**arrays, "tasks": [row.tasks for row in rows]}


def _drawn(seed: int, ease: float, few: bool = False) -> tuple[Image.Image, list[Letter], Figure]:
    """A chart by the fast renderer."""
    drawn, figure = figure_of(seed, ease, few)
    try:
        return *fast.render_with_letters(drawn, figure, ease), figure
    except ValueError as exc:  # hours of training outweigh one picture; the seed is there to mend it
        print(f"seed {seed} cannot be drawn: {exc}", flush=True)
        return _drawn(seed + 1, ease, few)


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
    """Nano with the passes that pretraining needs: over pixels, over packed rows, and over both."""

    def __init__(self, vocabulary: dict[str, int], seed: int) -> None:
        super().__init__()
        self.nano = create(vocabulary, "written_out", seed)
        self.sight = Sight(self.nano.config.vision_config.hidden_size, self.nano.config.text_config.hidden_size)
        self.image_token = vocabulary["<image_soft_token>"]

    def see(
        self, pixels: torch.Tensor, places: torch.Tensor, letters: torch.Tensor, words: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """What the tower sees, and how well it reads.

        Args:
            pixels: (P, side, side, 3) bytes, of whole pictures or windows.
            places: (P, N) which of the model's patches each patch is taken for.
            letters: (P, N, POINTS) classes.
            words: (P, N / 4, 4) tokens that begin in each cell, -100 where there is none.

        Returns:
            (P, N / 4, D) soft tokens, loss, shares of letters right by patch and by token, and of cells whose word is right.
        """
        core = self.nano.model
        tower, projector = core.vision_tower, core.multi_modal_projector
        light = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1.0
        embedded = tower.embeddings.patch_embedding(light).flatten(2).transpose(1, 2) + tower.embeddings.position_embedding(places)
        patches = tower.post_layernorm(tower.encoder(inputs_embeds=embedded).last_hidden_state)  # (P, N, V)
        side = int(places.shape[1] ** 0.5)
        square = patches.transpose(1, 2).reshape(len(patches), -1, side, side)
        pooled = torch.nn.functional.avg_pool2d(square, 2).flatten(2).transpose(1, 2)
        seen = projector.mm_soft_emb_norm(pooled) @ projector.mm_input_projection_weight
        letter_loss, letter_hits = self.sight(patches, seen, letters)
        seen_loss, seen_hits = word_loss(seen, words, core.language_model.embed_tokens.weight)
        return seen, 0.5 * letter_loss + seen_loss, torch.cat([letter_hits, seen_hits[None]])

    def say(
        self,
        ids: torch.Tensor,
        position: torch.Tensor,
        mask: torch.Tensor,
        target: torch.Tensor,
        seen: torch.Tensor | None = None,
        begins: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss over the model's own tokens, and which of them were right.

        Args:
            ids, position: (B, L).
            mask: (B, 1, L, L) additive.
            target: (B, L) the next token, -100 where nothing is learned.
            seen: (P, 256, D) soft tokens of the first P rows.
            begins: (P,) where they begin in their rows.
        """
        core = self.nano.model
        embedded = core.language_model.embed_tokens(ids)
        if seen is not None and begins is not None:
            spread = (begins[:, None] + torch.arange(IMAGE_TOKENS))[..., None].expand(-1, -1, embedded.shape[-1])
            with_pictures = embedded[: len(seen)].scatter(1, spread, seen.to(embedded.dtype))
            embedded = torch.cat([with_pictures, embedded[len(seen) :]])
        masks = {"full_attention": mask, "sliding_attention": mask}
        hidden = core.language_model(inputs_embeds=embedded, attention_mask=masks, position_ids=position, use_cache=False).last_hidden_state
        logits = self.nano.lm_head(hidden).float()  # (B, L, V)
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-100), logits.argmax(-1) == target

    def forward(self, looked: tuple[torch.Tensor, ...], said: tuple[torch.Tensor, ...], begins: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Both at once: loss and hits of :meth:`say`, then of :meth:`see`."""
        seen, sight_loss, sight_hits = self.see(*looked)
        return *self.say(*said, seen, begins), sight_loss, sight_hits


def _optimizers(learner: torch.nn.Module, peak: float) -> list[torch.optim.Optimizer]:
    matrices, rest = [], []
    for name, parameter in learner.named_parameters():
        matrix = parameter.ndim == 2 and "embed" not in name and "sight" not in name
        (matrices if matrix else rest).append(parameter)
    return [
        torch.optim.Muon(matrices, lr=peak, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(rest, lr=peak, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]


def _rate(plan: Plan, over: float) -> float:
    """Up, level, and down to nothing within each part."""
    return plan.peak * max(0.01, min(1.0, over / plan.warm, (1.0 - over) / plan.fall))


def _tally(hits: torch.Tensor, batch: dict[str, Any], scores: dict[str, list[float]]) -> None:
    """Count the exchanges whose every token was right, by task; all data are new, so this is no memory."""
    learn = torch.zeros_like(batch["learn"])
    learn[:, :-1] = batch["learn"][:, 1:]
    if batch["part"] == "joint":
        seen = learn[: len(batch["pixels"])]
        scores["picture tokens"].append((hits[: len(seen)][seen]).float().mean().item())
    missed = (~hits & learn).numpy()
    segment = np.zeros(missed.shape, np.int64)
    segment[:, :-1] = batch["segment"].numpy()[:, 1:]
    for row, tasks in enumerate(batch["tasks"]):
        wrong = set(segment[row][missed[row]].tolist())
        for i, task in enumerate(tasks):
            scores[task].append(float(i + 1 not in wrong))


def _looked(batch: dict[str, Any]) -> tuple[torch.Tensor, ...]:
    return tuple(batch[name] for name in ("pixels", "places", "letters", "words"))


def _said(batch: dict[str, Any], image: torch.Tensor) -> tuple[torch.Tensor, ...]:
    target = torch.full_like(batch["ids"], -100)
    target[:, :-1] = torch.where(batch["learn"][:, 1:], batch["ids"][:, 1:], -100)
    return batch["ids"], batch["position"], attention_mask(batch["segment"], image), target


class Passes:
    """The three passes over batches, compiled or not: each gives the loss to learn from."""

    def __init__(self, learner: Learner, *, compiled: bool = True) -> None:
        self.learner = learner
        self.see, self.say, self.both = (
            torch.compile(each, dynamic=False) if compiled else each for each in (learner.see, learner.say, learner.forward)
        )

    def loss(self, batch: dict[str, Any], scores: dict[str, list[float]]) -> torch.Tensor:
        """The loss of ``batch``; what was right is noted in ``scores``."""
        image = batch["ids"] == self.learner.image_token if "ids" in batch else None
        loss = sight_loss = torch.zeros(())
        with torch.autocast("cpu", torch.bfloat16):
            if image is None:
                _, sight_loss, seen = self.see(*_looked(batch))
            elif batch["part"] == "text":
                loss, hits = self.say(*_said(batch, image))
            else:
                begins = image[: len(batch["pixels"])].int().argmax(1)
                loss, hits, sight_loss, seen = self.both(_looked(batch), _said(batch, image), begins)
        if image is not None:
            scores["loss"].append(loss.item())
            _tally(hits, batch, scores)
        if "pixels" in batch:
            scores["sight loss"].append(sight_loss.item())
            for name, value in zip(("letters by patch", "letters by token", "words by token"), seen.tolist(), strict=True):
                scores[name].append(value)
        return loss + sight_loss * (0.3 if image is not None else 1.0)


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
    passes = Passes(learner)
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
                group["lr"] = _rate(plan, plan.part(done)[1])
        passes.loss(batch, scores).backward()
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        learner.zero_grad(set_to_none=True)
        step += 1
        now = time.time()
        spent += min(now - before, 15.0)  # compiling is not learning
        before = now
        if step % 50 == 0:
            _log(folder, step, spent, scores)
        if now - saved > 300:
            _save(folder, learner, optimizers, step, spent)
            saved = now
    _save(folder, learner, optimizers, step, spent)
    if stopping.is_set():  # saved, but not finished: nothing may go on from here as if it were
        raise KeyboardInterrupt


def _keep_drawing(worker: int) -> None:
    """Ctrl-C reaches the whole process group: the parent saves and ends, so its drawing worker must outlive the signal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _log(folder: Path, step: int, spent: float, scores: dict[str, list[float]]) -> None:
    right = {task: round(sum(values) / len(values), 3) for task, values in sorted(scores.items())}
    line = {"step": step, "minutes": round(spent / 60, 2), "loss": right.pop("loss", None), "right": right}
    with (folder / "curve.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    print(json.dumps(line), flush=True)
    scores.clear()

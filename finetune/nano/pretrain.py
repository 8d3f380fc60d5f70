"""Pretraining of nano's base from scratch on drawn charts: Muon for matrices, AdamW for the rest, bf16, compiled.

    python -m finetune.nano pretrain --minutes 180

Two processes share one model. At first they learn apart: one the tower, which learns to read in windows of pages and charts
(a quarter of a picture each, because attention over the whole costs most of the time, and in small batches, because many
steps teach it more than many pictures a step), the other the text side, on text and then on what the tower sees so far,
where two of its heads are taught to look at the words that it reads. Then both learn charts together, on batches of
their own with averaged gradients. Each takes the optimizer's steps for its half of the model throughout. On a CPU a
process with one thread does in 330 ms what one with two does in 260, so two are half as fast again.

The schedule follows the minutes spent, so that a budget of time is used to the end on any machine; checkpoints
hold the minutes, and the same command resumes.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Literal

import torch
from torch import multiprocessing
from torch.utils.data import DataLoader
from transformers import AutoModelForImageTextToText, GemmaTokenizer

from finetune.nano import learner as learning
from finetune.nano.learner import COMPUTED_IN, Learner, Passes
from finetune.nano.model import count, save_hub
from finetune.nano.muon import Muon
from finetune.nano.stream import Plan, Stream

Half = Literal["sight", "text"]
HALVES: tuple[Half, Half] = ("sight", "text")
PATIENCE_S = 600.0
"""Seconds that one process waits for the other, compiling included, before it gives up."""


def _is_sight(name: str) -> bool:
    return "sight" in name or "vision_tower" in name or "multi_modal_projector" in name


def _optimizers(named: list[tuple[str, torch.nn.Parameter]], peak: float) -> list[torch.optim.Optimizer]:
    matrices, rest = [], []
    for name, parameter in named:
        matrix = parameter.ndim == 2 and "embed" not in name and "sight" not in name
        (matrices if matrix else rest).append(parameter)
    return [
        Muon(matrices, peak, learning.COMPUTED_IN),
        torch.optim.AdamW(rest, lr=peak, betas=(0.9, 0.95), weight_decay=0.0, fused=True),
    ]


class Pair:
    """What the two processes share.

    Attributes:
        learner: the model, its weights in shared memory.
        gradients: of each half of the parameters, as the other process found them.
        clock: seconds spent.
        going: 1 while the run goes on, 0 from the step at which both end.
    """

    def __init__(self, learner: Learner, spent: float) -> None:
        self.learner = learner.share_memory()
        named = list(learner.named_parameters())
        self.owned: dict[Half, list[tuple[str, torch.nn.Parameter]]] = {
            "sight": [(name, p) for name, p in named if _is_sight(name)],
            "text": [(name, p) for name, p in named if not _is_sight(name)],
        }
        self.gradients = {half: [torch.zeros_like(p).share_memory_() for _, p in self.owned[half]] for half in HALVES}
        self.clock = torch.tensor([spent], dtype=torch.float64).share_memory_()
        self.going = torch.ones(1).share_memory_()
        self.meet = multiprocessing.get_context("spawn").Barrier(2, timeout=PATIENCE_S)


class Worker:
    """One of the two processes: batches of its own, and the optimizer of its half."""

    def __init__(self, pair: Pair, half: Half, tokenizer: GemmaTokenizer, plan: Plan, folder: Path, compiled: bool) -> None:
        self.pair, self.half, self.plan, self.folder = pair, half, plan, folder
        self.other: Half = "text" if half == "sight" else "sight"
        self.mine = [p for _, p in pair.owned[half]]
        self.optimizers = _optimizers(pair.owned[half], plan.peak)
        self.step = 0
        if self._kept.exists():
            state = torch.load(self._kept, weights_only=True)
            self.step = state["step"]
            for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(saved)
        stream = Stream(tokenizer, plan, folder / "pool", pair.clock, self.step, half)
        self.batches = iter(DataLoader(stream, batch_size=None, num_workers=1, prefetch_factor=3, worker_init_fn=_keep_drawing))
        self.passes = Passes(pair.learner, compiled=compiled)
        self.scores: dict[str, list[float]] = defaultdict(list)

    @property
    def _kept(self) -> Path:
        return self.folder / f"{self.half}.pt"

    def run(self, stopping: threading.Event) -> None:
        """Learn until the budget is spent, or until ``stopping`` in the process that leads."""
        leads = self.half == HALVES[0]
        before = saved = time.time()
        last = "apart"
        while True:
            done = float(self.pair.clock[0]) / 60 / self.plan.minutes
            together = self.plan.part(done, self.half) == "joint"
            if leads and (stopping.is_set() or done >= 1.0):
                self.pair.going[0] = 0
            if together:
                self.pair.meet.wait()  # both see the same: whether to go on, and weights that nobody changes
            if not self.pair.going[0]:
                break
            batch = next(self.batches)
            while together and batch["part"] != "joint":  # drawn before the part began
                batch = next(self.batches)
            if batch["part"] != last:
                before, last = time.time(), batch["part"]
            self._learn(batch, self.plan.rate(min(done, 1.0), self.half), together)
            self.step += 1
            now = time.time()
            if leads:
                self.pair.clock[0] += min(now - before, 15.0)  # compiling is not learning
            before = now
            if self.step % 50 == 0:
                self._log(quiet=together and not leads)
            if now - saved > 300:
                self.save()
                saved = now
        self._log(quiet=not self.scores)
        self.save()

    def _learn(self, batch: dict[str, Any], rate: float, together: bool) -> None:
        """One step for the half that is this process's own; the other process takes the gradient of its half from here."""
        self.passes.loss(batch, self.scores).backward()
        if together:
            for kept, (_, parameter) in zip(self.pair.gradients[self.other], self.pair.owned[self.other], strict=True):
                kept.copy_(parameter.grad) if parameter.grad is not None else kept.zero_()
            self.pair.meet.wait()
            for found, parameter in zip(self.pair.gradients[self.half], self.mine, strict=True):
                if parameter.grad is not None:
                    parameter.grad.add_(found).mul_(0.5)
        torch.nn.utils.clip_grad_norm_(self.mine, 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        for _, parameter in (*self.pair.owned["sight"], *self.pair.owned["text"]):
            parameter.grad = None

    def save(self) -> None:
        """Keep this half, and the base where this process leads."""
        weights = {name: p.detach() for name, p in self.pair.owned[self.half]}
        half = self.folder / f"{self.half}.half.pt"
        kept = {"weights": weights, "optimizers": [o.state_dict() for o in self.optimizers], "step": self.step}
        torch.save(kept | {"spent_s": float(self.pair.clock[0])}, half)
        half.rename(self._kept)
        if self.half == HALVES[0]:
            save_hub(self.pair.learner.nano, self.folder / "base")

    def _log(self, *, quiet: bool) -> None:
        right = {task: round(sum(values) / len(values), 3) for task, values in sorted(self.scores.items())}
        minutes = round(float(self.pair.clock[0]) / 60, 2)
        line = {"half": self.half, "step": self.step, "minutes": minutes, "loss": right.pop("loss", None), "right": right}
        self.scores.clear()
        if not quiet:
            with (self.folder / "curve.jsonl").open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)


def _work(pair: Pair, half: Half, tokenizer: GemmaTokenizer, plan: Plan, folder: Path, compiled: bool, computed_in: torch.dtype) -> None:
    """The second process, which computes in what the first one has measured to be faster."""
    learning.COMPUTED_IN = computed_in
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # reaches the whole group; the first process says when to end
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    Worker(pair, half, tokenizer, plan, folder, compiled).run(threading.Event())


def pretrain(folder: Path, tokenizer: GemmaTokenizer, plan: Plan, start: Path | None = None, *, compiled: bool = True) -> None:
    """Train the base into ``folder/base``; resumes from ``folder/sight.pt`` and ``text.pt`` and logs to ``folder/curve.jsonl``.

    ``start`` names a finished base whose weights a new run begins with, instead of fresh ones.
    """
    learner = Learner(tokenizer.get_vocab(), plan.seed)
    if start is not None:
        finished = AutoModelForImageTextToText.from_pretrained(start, dtype=torch.float32, local_files_only=True)
        learner.nano.load_state_dict(finished.state_dict())
    spent = 0.0
    for half in HALVES:
        if (folder / f"{half}.pt").exists():
            state = torch.load(folder / f"{half}.pt", weights_only=True)
            learner.load_state_dict(state["weights"], strict=False)
            spent = state["spent_s"]
    print(f"{count(learner.nano) / 1e6:.1f}M parameters in {COMPUTED_IN}, from minute {spent / 60:.0f} of {plan.minutes:g}", flush=True)
    pair, stopping = Pair(learner, spent), threading.Event()
    given = (pair, HALVES[1], tokenizer, plan, folder, compiled, COMPUTED_IN)
    second = multiprocessing.get_context("spawn").Process(target=_work, args=given)
    second.start()
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    signal.signal(signal.SIGINT, lambda *_: stopping.set())
    try:
        Worker(pair, HALVES[0], tokenizer, plan, folder, compiled).run(stopping)
        second.join(PATIENCE_S)
        if second.exitcode != 0:
            raise ValueError("the process that learns text has failed; the same command goes on from the last checkpoint")
    except threading.BrokenBarrierError as exc:
        raise ValueError("the process that learns text has ended too early; the same command goes on from the last checkpoint") from exc
    finally:
        if second.is_alive():
            second.kill()
    if stopping.is_set():  # saved, but not finished: nothing may go on from here as if it were
        raise KeyboardInterrupt


def _keep_drawing(worker: int) -> None:
    """Ctrl-C reaches the whole process group: the parent saves and ends, so its drawing worker must outlive the signal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

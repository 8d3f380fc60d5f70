"""All of nano's training, one script: the base on pictures and text, then an adapter that thinks.

    python -m finetune.nano train --minutes 10 --start vision/nano            # a GPU
    python -m finetune.nano train --minutes 180 --start vision/nano           # two cores
    python -m finetune.nano train --minutes 60 --from-nothing                 # a GPU

Every picture is new, drawn by worker processes while it learns. The schedule follows the minutes spent, so that a budget of time is
used to the end on any machine, and then it stops. It may be stopped before (Ctrl-C, SIGTERM): it saves, and the same command goes on.
The folder holds ``base`` and ``adapter`` as the app loads them, ``log.jsonl``, two curves, and ``state.pt`` to go on from.
"""

from __future__ import annotations

import json
import shutil
import signal
import threading
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch.utils.data import DataLoader
from transformers import AutoModelForImageTextToText, AutoProcessor

from finetune.nano import tokenizer
from finetune.nano.curves import draw_curves
from finetune.nano.learner import Learner, Scores, tally
from finetune.nano.model import count, save_hub
from finetune.nano.muon import Muon
from finetune.nano.plan import Phase, Plan
from finetune.nano.stream import Stream
from vision.engines.precision import faster

PROCESSOR = ("chat_template.jinja", "processor_config.json", "tokenizer.json", "tokenizer_config.json")
"""Files of a checkpoint that say how pictures and words become tokens."""
PROJECTIONS = r".*language_model.*_proj"
HEADS_FIRST = 60
"""Steps in which fresh throw-away heads learn alone, so that they do not spoil a tower that can read."""


class Run:
    """One run of a plan in a folder.

    Args:
        folder: where everything is left, and where an earlier run of the same plan left it.
        plan: what to do.
        device: ``cuda`` or ``cpu``.
        start: a finished base, perhaps with a ``thinking`` adapter in it, to begin with; None begins from nothing.
    """

    def __init__(self, folder: Path, plan: Plan, device: str, start: Path | None) -> None:
        self.began = time.monotonic()
        self.folder, self.plan, self.device = folder, plan, torch.device(device)
        self.computed_in = torch.bfloat16 if device == "cuda" else faster()
        self.stopping = threading.Event()
        self.phase: Phase = "base"
        self.step, self.before_s = 0, 0.0
        self.scores: Scores = defaultdict(list)
        self.processor = _prepared(folder / "base", start)
        self.learner = Learner(self.processor.tokenizer.get_vocab(), plan.mix.seed, compiled=plan.compiled)
        self.thinking: Path | None = None
        self.peft: PeftModel | None = None
        if start is not None:
            finished = AutoModelForImageTextToText.from_pretrained(start, dtype=torch.float32, local_files_only=True)
            self.learner.nano.load_state_dict(finished.state_dict())
            self.thinking = start / "thinking" if (start / "thinking" / "adapter_config.json").exists() else None
        self.optimizers = self._taken_up()
        # whether the adapter learns, and the share of the phase that is over: what draws is told so
        self.done = torch.tensor([float(self.adapting), 0.0], dtype=torch.float64).share_memory_()

    @property
    def adapting(self) -> bool:
        """Whether the adapter learns."""
        return self.phase == "adapter"

    def _taken_up(self) -> list[torch.optim.Optimizer]:
        """The optimizers; they, the weights and the clock as an earlier call has left them."""
        path = self.folder / "state.pt"
        state = torch.load(path, weights_only=True) if path.exists() else None
        if state is not None:
            self.phase, self.step, self.before_s = state["phase"], state["step"], state["spent_s"]
            if self.adapting:
                self._adapt()
            self.learner.load_state_dict(state["weights"])
        self.learner.to(self.device)
        optimizers = self._optimizers()
        if state is not None:
            for optimizer, kept in zip(optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(kept)
        return optimizers

    @property
    def spent_s(self) -> float:
        """Seconds of the budget that are over."""
        return self.before_s + time.monotonic() - self.began

    @property
    def over(self) -> float:
        """The share of the phase that is over."""
        base_s, whole_s = 60 * (self.plan.minutes - self.plan.adapter_minutes), 60 * self.plan.minutes
        if self.phase == "base":
            return self.spent_s / base_s if base_s > 0 else 1.0
        return (self.spent_s - base_s) / (whole_s - base_s) if whole_s > base_s else 1.0

    def train(self) -> None:
        """Learn until the budget is spent.

        Raises:
            KeyboardInterrupt: when it was stopped before; all is saved.
        """
        batches = self._batches()
        self._say(
            device=torch.cuda.get_device_name() if self.device.type == "cuda" else f"{torch.get_num_threads()} threads",
            computed_in=str(self.computed_in),
            parameters=count(self.learner.nano),
            plan=asdict(self.plan),
        )
        saved, waited_s = time.monotonic(), 0.0
        while not self.stopping.is_set():
            if self.over >= 1.0:
                if self.adapting:
                    break
                self._turn()
            asked = time.monotonic()
            batch = next(batches)
            waited_s += time.monotonic() - asked
            if batch["phase"] != self.phase:
                continue  # drawn before the base was finished
            self.done[1] = self.over
            self._learn(batch["parts"])
            if self.step % self.plan.log_steps == 0:
                self._note(waited_s)
            if time.monotonic() - saved > 60 * self.plan.save_minutes:
                self.save()
                saved = time.monotonic()
        del batches  # ends the workers
        self._note(waited_s)
        self.save()
        if self.stopping.is_set():  # saved, but not finished: nothing may go on from here as if it were
            raise KeyboardInterrupt

    def _batches(self) -> Iterator[dict[str, Any]]:
        workers = self.plan.workers
        loader = DataLoader(
            Stream(self.processor.tokenizer, self.plan.mix, self.done, int(self.before_s)),
            batch_size=None,
            num_workers=workers,
            prefetch_factor=2 if workers else None,
            pin_memory=self.device.type == "cuda",
            multiprocessing_context="fork" if workers else None,
            worker_init_fn=_draw_on,
        )
        return iter(loader)

    def _learn(self, parts: list[dict[str, Any]]) -> None:
        """One step: a loss for each of ``parts``, one move."""
        looks = self.plan.looks if self.phase == "base" else 0.0
        sight = self.plan.sight if self.phase == "base" else 0.0
        for part in parts:
            part = {name: value.to(self.device, non_blocking=True) if torch.is_tensor(value) else value for name, value in part.items()}
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.computed_in is torch.bfloat16):
                loss, notes = self.learner.learn(part, sight, looks)
            loss.backward()
            if self.device.type == "cpu" or self.step % 10 == 9:  # telling waits for a GPU
                tally(notes, part, self.scores)
        torch.nn.utils.clip_grad_norm_((p for o in self.optimizers for g in o.param_groups for p in g["params"]), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self._rate(heads=group.get("heads", False))
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1

    def _rate(self, *, heads: bool = False) -> float:
        peak = self.plan.peak if self.phase == "base" else self.plan.adapter_peak
        before = HEADS_FIRST if self.phase == "base" and self.plan.sight and not self.plan.mix.easy else 0
        if heads and self.step < 2 * before:
            return 2e-3
        return peak * min(1.0, max(0, self.step + 1 - before) / self.plan.warm, (1.0 - min(self.over, 1.0)) / self.plan.fall + 0.005)

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        """Muon for the matrices of what learns now, AdamW for the rest; what rests asks for no gradients."""
        matrices, rest, heads = [], [], []
        for name, parameter in self.learner.named_parameters():
            of_tower = "sight" in name or "vision_tower" in name or "multi_modal_projector" in name
            if self.phase == "base":
                parameter.requires_grad_(not of_tower or self.plan.sight > 0)
            if not parameter.requires_grad:
                continue
            if name.startswith("sight"):
                heads.append(parameter)
            elif self.phase == "base" and parameter.ndim == 2 and "embed" not in name:
                matrices.append(parameter)
            else:
                rest.append(parameter)
        groups = [{"params": rest}, *([{"params": heads, "heads": True}] if heads else [])]
        adam = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
        return [*([Muon(matrices, 0.0, self.computed_in)] if matrices else []), adam]

    def _turn(self) -> None:
        """From the base to the adapter, over weights that are rounded as the app will load them."""
        self._note()
        save_hub(self.learner.nano, self.folder / "base")
        with torch.no_grad():
            for parameter in self.learner.nano.parameters():
                parameter.copy_(parameter.to(torch.bfloat16))
        self.phase, self.step = "adapter", 0
        self._adapt()
        self.learner.to(self.device)
        self.optimizers = self._optimizers()
        self.done[0] = 1.0
        self.save()

    def _adapt(self) -> None:
        """Let nothing learn but an adapter, which goes on from where an earlier one was."""
        self.learner.requires_grad_(False)
        nano = self.learner.nano
        rank = self.plan.rank
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft asks transformers by an old name
            if self.thinking is not None:
                self.peft = PeftModel.from_pretrained(nano, self.thinking, is_trainable=True)
            else:
                settings = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=PROJECTIONS, task_type="CAUSAL_LM")
                self.peft = get_peft_model(nano, settings)
        for name, parameter in self.learner.named_parameters():
            parameter.requires_grad_("lora_" in name)

    def save(self) -> None:
        """Keep what a run needs to go on, and what the app needs to load."""
        state = {
            "phase": self.phase,
            "step": self.step,
            "spent_s": self.spent_s,
            "weights": self.learner.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
        }
        half = self.folder / "state.half.pt"
        torch.save(state, half)
        half.replace(self.folder / "state.pt")
        if self.peft is None:
            save_hub(self.learner.nano, self.folder / "base")
        else:
            _save_adapter(self.peft, self.folder / "adapter")

    def _note(self, waited_s: float = 0.0) -> None:
        if not self.scores:
            return
        shares = {name: round(sum(values) / len(values), 3) for name, values in sorted(self.scores.items())}
        self.scores.clear()
        self._say(phase=self.phase, step=self.step, rate=round(self._rate(), 6), waited_s=round(waited_s, 1), **shares)

    def _say(self, **told: Any) -> None:
        line = json.dumps({"minutes": round(self.spent_s / 60, 2), **told})
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(line + "\n")
        print(line, flush=True)


def train(folder: Path, plan: Plan, device: str, start: Path | None = None) -> None:
    """Train nano in ``folder``, or go on where an earlier call was stopped; SIGINT and SIGTERM save and stop it.

    Raises:
        KeyboardInterrupt: when it was stopped.
        ValueError: when it was finished before.
    """
    run = Run(folder, plan, device, start)
    if run.adapting and run.over >= 1.0:
        raise ValueError(f"the run in {folder} has spent its {plan.minutes:g} minutes; give it more, or another folder with --work")
    before = {name: signal.signal(name, lambda *_: run.stopping.set()) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        run.train()
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
        if (folder / "log.jsonl").exists():
            draw_curves(folder)


def _prepared(base: Path, start: Path | None) -> Any:
    """The processor of ``start``, or a new one, with its files in ``base``."""
    base.mkdir(parents=True, exist_ok=True)
    if start is not None:
        for name in PROCESSOR:
            shutil.copyfile(start / name, base / name)
    elif not (base / "tokenizer.json").exists():
        tokenizer.save(base)
    return AutoProcessor.from_pretrained(base, local_files_only=True)


def _save_adapter(peft: PeftModel, folder: Path) -> None:
    """Write the adapter, whole or not at all."""
    half = folder.with_name(folder.name + ".half")
    peft.save_pretrained(half)
    for name in ("adapter_model.safetensors", "adapter_config.json"):
        folder.mkdir(exist_ok=True)
        (half / name).replace(folder / name)
    shutil.rmtree(half)


def _draw_on(worker: int) -> None:
    """Ctrl-C reaches the whole process group: the parent saves and ends, so what draws must outlive the signal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)

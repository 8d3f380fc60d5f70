"""Real runs of LLaMA-Factory, with the memory that they took and the time that they trained."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import AutoConfig, AutoProcessor, Gemma3ForConditionalGeneration

from finetune.recipe import ROOT
from vision.settings import NANO

SHAPE = {
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 128,
}
"""A language part of this machine's size, beside nano's tower."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run took.

    Attributes:
        peak: bytes of the process's own memory at most.
        seconds: of training, without start and data.
        losses: by logged step.
    """

    peak: int
    seconds: float
    losses: dict[int, float]


def made(folder: Path) -> Path:
    """A checkpoint of :data:`SHAPE` with random weights."""
    config = AutoConfig.from_pretrained(NANO)
    for name, value in SHAPE.items():
        setattr(config.text_config, name, value)
    config.text_config.layer_types = ["full_attention" if i % 6 == 5 else "sliding_attention" for i in range(SHAPE["num_hidden_layers"])]
    torch.manual_seed(0)
    Gemma3ForConditionalGeneration(config).save_pretrained(folder)
    AutoProcessor.from_pretrained(NANO).save_pretrained(folder)
    return folder


def train(out: Path, options: Mapping[str, object], *, returned: bool = False) -> Run:
    """Run nano's recipe with ``options`` on top into ``out``.

    ``returned`` gives freed memory back at once, which takes time: glibc keeps it otherwise, which can double a peak.
    """
    command = [str(ROOT / ".venv-train" / "bin" / "llamafactory-cli"), "train", "finetune/nano.yaml", f"output_dir={out}"]
    environment = os.environ | {"DISABLE_VERSION_CHECK": "1", "HF_HUB_OFFLINE": "1"}
    if returned:
        environment |= {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536"}
    written = [f"{key}={str(value).lower() if isinstance(value, bool) else value}" for key, value in options.items()]
    out.mkdir(parents=True, exist_ok=True)
    most, log = 0, out / "log.txt"
    with log.open("w") as file:
        process = subprocess.Popen([*command, *written], cwd=ROOT, stdout=file, stderr=file, env=environment)
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text()
            held = [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon")]
            most = max([most, *held])
            time.sleep(0.02)
    assert process.returncode == 0, log.read_text()[-2000:]
    rows = map(json.loads, (out / "trainer_log.jsonl").read_text().splitlines())
    return Run(
        peak=most,
        seconds=json.loads((out / "train_results.json").read_text())["train_runtime"],
        losses={row["current_steps"]: row["loss"] for row in rows if "loss" in row},
    )

"""How well the preflight's estimate of memory holds: real steps of LLaMA-Factory on a shape of this machine's size.

    python -m tests.bench.footprint

Peaks of a process's own memory are measured less those of the same run on nano, so that what Python and its libraries take is
left out; fp32, since few CPUs compute in bf16.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import torch
from transformers import AutoConfig, AutoProcessor, Gemma3ForConditionalGeneration

from finetune.charts.__main__ import main as draw
from finetune.footprint import Footprint, Plan, config_of
from finetune.preflight import ROOT
from finetune.sieve import tokenizer_of
from vision.settings import NANO

SHAPE = {
    "hidden_size": 512,
    "intermediate_size": 2048,
    "num_hidden_layers": 8,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 128,
}
RUNS = ((8, True), (24, True), (4, False), (12, False))
"""Rows at a time, and whether activations are computed again."""


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


def rows(folder: Path) -> int:
    """Equal rows, so that no batch is shorter than the longest; the tokens of each."""
    draw(["--out", str(folder), "--count", "1", "--renderer", "fast"])
    (row,) = json.loads((folder / "charts.json").read_text())
    (folder / "charts.json").write_text(json.dumps([row] * 64))
    text = row["system"] + "".join(turn["value"] for turn in row["conversations"])
    return len(tokenizer_of(str(NANO))(text, add_special_tokens=False)["input_ids"]) + 12 + config_of(str(NANO)).mm_tokens_per_image + 3


def peak(model: Path, data: Path, out: Path, batch: int, again: bool) -> int:
    """Bytes of its own that two steps of a run held at most."""
    options = {
        "model_name_or_path": model,
        "dataset_dir": data,
        "output_dir": out,
        "max_steps": 2,
        "per_device_train_batch_size": batch,
        "lora_rank": 8,
        "disable_gradient_checkpointing": str(not again).lower(),
        "dataloader_num_workers": 0,
        "bf16": "false",
        "plot_loss": "false",
        "overwrite_output_dir": "true",
    }
    command = [str(ROOT / ".venv-train" / "bin" / "llamafactory-cli"), "train", "finetune/nano.yaml"]
    environment = os.environ | {
        "DISABLE_VERSION_CHECK": "1",
        "HF_HUB_OFFLINE": "1",
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": "65536",
    }
    most = 0
    with (out.parent / "log").open("w") as log:
        process = subprocess.Popen(
            [*command, *(f"{key}={value}" for key, value in options.items())], cwd=ROOT, stdout=log, stderr=log, env=environment
        )
        while process.poll() is None:
            status = Path(f"/proc/{process.pid}/status").read_text()
            held = [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("RssAnon")]
            most = max([most, *held])
            time.sleep(0.02)
    assert process.returncode == 0, (out.parent / "log").read_text()[-2000:]
    return most


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model, length = made(folder / "model"), rows(folder / "rows")
        bare = peak(NANO, folder / "rows", folder / "out", 1, True)
        nano = sum(Footprint(config_of(str(NANO)), Plan(length=length, item=4)).memory().values())
        print(f"rows of {length} tokens, {SHAPE['num_hidden_layers']} layers of {SHAPE['hidden_size']}, fp32\n")
        print("| rows at a time | activations | measured | estimated | ratio |\n|---|---|---|---|---|")
        for batch, again in RUNS:
            plan = Plan(batch=batch, length=length, checkpointing=again, item=4)
            estimated = sum(Footprint(config_of(str(model)), plan).memory().values())
            measured = peak(model, folder / "rows", folder / "out", batch, again) - bare + nano
            how = "computed again" if again else "kept"
            print(f"| {batch} | {how} | {measured / 1e9:.2f} GB | {estimated / 1e9:.2f} GB | {estimated / measured:.2f} |", flush=True)


if __name__ == "__main__":
    main()

"""How well the preflight's estimate of memory holds: real steps of LLaMA-Factory on a shape of this machine's size.

    python -m tests.bench.footprint

Peaks of a process's own memory are measured less those of the same run on nano, so that what Python and its libraries take is
left out. In bf16, for which the estimate is made: a CPU without its instructions takes an hour.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from finetune.charts.__main__ import main as draw
from finetune.footprint import Footprint, Plan, config_of
from finetune.sieve import tokenizer_of
from tests.bench.runs import SHAPE, made, train
from vision.settings import NANO

RUNS = ((8, True), (24, True), (4, False), (12, False))
"""Rows at a time, and whether activations are computed again."""


def rows(folder: Path) -> int:
    """Equal rows, so that no batch is shorter than the longest; the tokens of each."""
    draw(["--out", str(folder), "--count", "1", "--renderer", "pillow"])
    (row,) = json.loads((folder / "charts.json").read_text())
    (folder / "charts.json").write_text(json.dumps([row] * 64))
    text = row["system"] + "".join(turn["value"] for turn in row["conversations"])
    return len(tokenizer_of(str(NANO))(text, add_special_tokens=False)["input_ids"]) + 12 + config_of(str(NANO)).mm_tokens_per_image + 3


def peak(model: Path, data: Path, out: Path, batch: int, again: bool) -> int:
    """Bytes of its own that two steps of a run held at most."""
    options = {
        "model_name_or_path": model,
        "dataset_dir": data,
        "max_steps": 2,
        "per_device_train_batch_size": batch,
        "lora_rank": 8,
        "disable_gradient_checkpointing": not again,
        "dataloader_num_workers": 0,
        "logging_steps": 1,
        "plot_loss": False,
        "overwrite_output_dir": True,
    }
    return train(out, options, returned=True).peak


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        model, length = made(folder / "model"), rows(folder / "rows")
        bare = peak(NANO, folder / "rows", folder / "out", 1, True)
        nano = sum(Footprint(config_of(str(NANO)), Plan(length=length)).memory().values())
        print(f"rows of {length} tokens, {SHAPE['num_hidden_layers']} layers of {SHAPE['hidden_size']}, bf16\n")
        print("| rows at a time | activations | measured | estimated | ratio |\n|---|---|---|---|---|")
        for batch, again in RUNS:
            plan = Plan(batch=batch, length=length, checkpointing=again)
            estimated = sum(Footprint(config_of(str(model)), plan).memory().values())
            measured = peak(model, folder / "rows", folder / "out", batch, again) - bare + nano
            how = "computed again" if again else "kept"
            print(f"| {batch} | {how} | {measured / 1e9:.2f} GB | {estimated / 1e9:.2f} GB | {estimated / measured:.2f} |", flush=True)


if __name__ == "__main__":
    main()

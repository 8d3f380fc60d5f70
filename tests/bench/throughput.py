"""What each change to the published configuration gives: the same rows of text, trained once through, on a shape of this machine's size.

    python -m tests.bench.throughput

Every row of the table trains on the same tokens, so times stand to each other as tokens that count a second; the configurations
take turns. Lengths are spread evenly from a sixth of the cutoff to the cutoff. Not among the changes: Liger, whose kernels run
on GPUs alone, and packing that keeps rows apart (neat_packing), which fails in the loss of transformers' Gemma 3.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from pathlib import Path
from statistics import median

from finetune.charts.records import make
from tests.bench.runs import Run, made, train
from vision.sharegpt import registered

CUTOFF = 512
ROWS = 32
PUBLISHED = {
    "template": "gemma",
    "cutoff_len": CUTOFF,
    "lora_rank": 8,
    "lora_alpha": 16,
    "per_device_train_batch_size": 2,
    "gradient_accumulation_steps": 8,
    "disable_gradient_checkpointing": False,
    "num_train_epochs": 1,
    "logging_steps": 1,
    "plot_loss": False,
    "dataloader_num_workers": 0,
    "overwrite_output_dir": True,
    "save_steps": 100_000,
}
GROUPED = {"train_sampling_strategy": "group_by_length"}
KEPT = {"disable_gradient_checkpointing": True}
WIDER = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 2}
CONFIGURATIONS: dict[str, dict[str, object]] = {
    "published": {},
    "template gemma3, which pictures need: an empty picture a batch": {"template": "gemma3"},
    "length grouping": GROUPED,
    "packing, whose rows see each other": {"packing": True},
    "activations kept": KEPT,
    "8 rows at a time": WIDER,
    "length grouping, activations kept": GROUPED | KEPT,
    "length grouping, activations kept, 8 rows at a time": GROUPED | KEPT | WIDER,
}


def write_rows(folder: Path) -> None:
    """Rows of text whose thoughts are charts' thoughts one after another, until they are as long as drawn."""
    folder.mkdir()
    rng, rows = random.Random(0), []
    for i in range(ROWS):
        wanted, thought, seed = rng.randint(CUTOFF // 6, CUTOFF - 40), "", i * 1000
        while len(thought) < 1.6 * wanted:  # nano's tokens are short: a digit, a few letters
            record = make(seed, renderer="pillow")
            thought, seed = thought + "\n".join(record.asked.steps) + "\n", seed + 1
        turns = [{"from": "human", "value": f"Task {i}"}, {"from": "gpt", "value": f"<think>\n{thought}</think>\n\nThe answer is {i}."}]
        rows.append({"conversations": turns, "images": [], "system": ""})
    (folder / "text.json").write_text(json.dumps(rows))
    (folder / "dataset_info.json").write_text(json.dumps({"text": registered("text.json")}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bf16", action="store_true", help="where the CPU computes in it")
    parser.add_argument("--rounds", type=int, default=2, help="in which all configurations take turns")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        given = {"model_name_or_path": made(folder / "model"), "dataset_dir": folder / "rows", "dataset": "text", "bf16": args.bf16}
        write_rows(folder / "rows")
        runs: dict[str, list[Run]] = {name: [] for name in CONFIGURATIONS}
        for _ in range(args.rounds):
            for name, changes in CONFIGURATIONS.items():
                runs[name].append(train(folder / "out", PUBLISHED | given | changes))
        published = [run.seconds for run in runs["published"]]
        print("| what | seconds | against published | peak |\n|---|---|---|---|")
        for name, some in runs.items():
            faster = median(before / run.seconds for before, run in zip(published, some, strict=True))
            print(f"| {name} | {median(run.seconds for run in some):.0f} | {faster:.2f}x | {max(run.peak for run in some) / 1e9:.1f} GB |")


if __name__ == "__main__":
    main()

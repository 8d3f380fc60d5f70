"""Whether an adapter, its merged checkpoint and the same in 4 bits answer alike: greedy, on held-out pictures.

python -m tests.bench.merged --count 200
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from finetune.merge import merge
from finetune.nano.evaluate import answer_all, held_out
from vision import Settings
from vision.answers.answers import extract
from vision.answers.consensus import wilson
from vision.engines.checkpoints import of_run
from vision.engines.loading import load
from vision.settings import NANO
from vision.thoughts.reasoning import split

FIRST = 1_003_000_000
"""Held-out seeds from here on."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(NANO), help="a run's output folder, or a model with its adapter")
    parser.add_argument("--count", type=int, default=200)
    args = parser.parse_args()
    records = list(held_out(args.count, FIRST))
    answers: dict[str, list[str]] = {}
    print("| weights | right | 95 % interval | the adapter's answer |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as made:
        for name in ("adapter", "bf16", "4bit"):
            model = args.model if name == "adapter" else str(merge(args.model, Path(made) / name, precision=name))
            scored = answer_all(load(of_run(Settings(model=model))), records, thinking=True)
            answers[name] = [extract(split(each.text).answer) for each in scored]
            alike = sum(mine == first for mine, first in zip(answers[name], answers["adapter"], strict=True))
            right = sum(each.right for each in scored)
            low, high = wilson(right, args.count)
            share = f"{100 * right / args.count:.1f} % | {100 * low:.1f} to {100 * high:.1f} %"
            print(f"| {name} | {share} | {alike} of {args.count} |", flush=True)


if __name__ == "__main__":
    main()

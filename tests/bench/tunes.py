"""What tuning gives and takes on nano: its base against a LoRA and a QLoRA of it, on held-out pictures.

    python -m tests.bench.tunes --rows 1600 --count 400

Both are trained by LLaMA-Factory with finetune/nano.yaml on the same rows and answer greedily over the base in full precision, as a
merged model would. Prints a table and writes the loss curves.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from matplotlib.figure import Figure

from finetune.files import save_figure
from finetune.nano.evaluate import Scored, answer_all, held_out, texts_of
from finetune.nano.precision import options
from finetune.nano.thoughts import write_thoughts
from tests.bench.runs import Run, train
from vision.answers.consensus import wilson
from vision.engines.loading import load
from vision.settings import NANO, Settings

FIRST = 1_004_000_000
"""Held-out seeds from here on."""
TUNES: dict[str, dict[str, object]] = {"LoRA": {}, "QLoRA": {"quantization_bit": 4}}


def row(name: str, scored: list[Scored], run: Run | None) -> str:
    """A line of the table."""
    right = sum(each.right for each in scored)
    low, high = wilson(right, len(scored))
    took = f"{run.seconds / 60:.1f} min | {run.peak / 1e9:.1f} GB | {run.losses[max(run.losses)]:.3f}" if run else "– | – | –"
    return f"| {name} | {100 * right / len(scored):.1f} % ({100 * low:.1f} to {100 * high:.1f}) | {took} |"


def curves(runs: dict[str, Run]) -> Figure:
    """Losses over steps."""
    figure = Figure(figsize=(8, 4.5), dpi=110, layout="constrained")
    axes = figure.subplots()
    for name, run in runs.items():
        axes.plot(list(run.losses), list(run.losses.values()), label=name)
    axes.set(xlabel="step", ylabel="loss")
    axes.legend()
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1600)
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--work", type=Path, default=Path(".nano/tunes"), help="folder for rows and runs")
    parser.add_argument("options", nargs="*", metavar="KEY=VALUE", help="on top of the recipe")
    args = parser.parse_intermixed_args()
    write_thoughts(args.work / "rows", args.rows)
    given: dict[str, object] = {"dataset_dir": args.work / "rows", "overwrite_output_dir": True, "save_steps": 100_000}
    given |= options(NANO, args.work) | dict(option.split("=", 1) for option in args.options)
    runs = {name: train((args.work / name).absolute(), given | more) for name, more in TUNES.items()}
    save_figure(curves(runs), args.work / "loss.png")
    cases = list(held_out(args.count, FIRST))
    lines = texts_of(cases)
    print("| model | right (95 % interval) | training | peak of its own memory | last loss |\n|---|---|---|---|---|")
    base = answer_all(load(Settings(model=str(NANO), adapter="none")), cases, lines, thinking=False)
    print(row("base", base, None), flush=True)
    for name, run in runs.items():
        tuned = answer_all(load(Settings(model=str(NANO), adapter=str(args.work / name))), cases, lines, thinking=True)
        print(row(f"base + {name}", tuned, run), flush=True)


if __name__ == "__main__":
    main()

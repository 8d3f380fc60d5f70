"""Make and measure nano, step by step; ``make train-nano`` runs them all in this order.

python -m finetune.nano pool --count 12000       # matplotlib pictures in bulk, resumes
python -m finetune.nano pretrain --minutes 180   # the base from scratch, resumes
python -m finetune.nano thoughts --count 8000    # rows that teach it to think
llamafactory-cli train finetune/nano.yaml $(python -m finetune.nano options)
python -m finetune.nano bundle                   # .nano -> vision/nano
python -m finetune.nano evaluate --count 1000    # base against base + adapter
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

from vision.settings import NANO

WORK = Path(".nano")
PROCESSOR = ("chat_template.jinja", "processor_config.json", "tokenizer.json", "tokenizer_config.json")
"""Files of a checkpoint that say how pictures and words become tokens."""


def _pool(args: argparse.Namespace) -> None:
    from finetune.nano.model import IMAGE_SIDE
    from finetune.nano.pool import render_pool

    render_pool(args.work / "pool", args.count, IMAGE_SIDE)


def _pretrain(args: argparse.Namespace) -> None:
    from transformers import AutoProcessor

    from finetune.nano import tokenizer
    from finetune.nano.curves import draw_curves
    from finetune.nano.pretrain import pretrain
    from finetune.nano.stream import Plan

    base = args.work / "base"
    if args.start is not None:
        base.mkdir(parents=True, exist_ok=True)
        for part in PROCESSOR:
            shutil.copy(args.start / part, base / part)
    elif not (base / "tokenizer.json").exists():
        tokenizer.save(base)
    plan = Plan(minutes=args.minutes) if args.start is None else Plan(minutes=args.minutes, alone=0.0, easy=0.05, apart=0.9)
    pretrain(args.work, AutoProcessor.from_pretrained(base).tokenizer, plan, args.start)
    draw_curves(args.work)


def _thoughts(args: argparse.Namespace) -> None:
    from finetune.nano.thoughts import write_thoughts

    write_thoughts(args.work / "thoughts", args.work / "pool", args.count)


def _options(args: argparse.Namespace) -> None:
    from finetune.nano.precision import options

    print(*(f"{key}={value}" for key, value in options(args.base or args.work / "base", args.work).items()))


def _bundle(args: argparse.Namespace) -> None:
    """Copy the base and the adapter to where the app loads them, whole or not at all."""
    from finetune.nano.bundle import bundle

    bundle(args.work / "base", args.work / "thinking", args.to)


def _evaluate(args: argparse.Namespace) -> None:
    from finetune.nano.evaluate import by_task, evaluate, table, wrong_examples

    base, tuned = evaluate(str(args.model), args.count, str(args.adapter or ""))
    print(table(base, tuned))
    print("\nBase + adapter by kind of question:")
    for task, share in by_task(tuned).items():
        print(f"- {task}: {share}")
    args.work.mkdir(exist_ok=True)
    (args.work / "wrong.json").write_text(json.dumps(wrong_examples(tuned, 200), indent=1, ensure_ascii=False))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m finetune.nano", description="Make and measure the bundled model.")
    parser.add_argument("--work", type=Path, default=WORK, help="folder for everything in the making")
    steps = parser.add_subparsers(required=True, metavar="STEP")
    pool = steps.add_parser("pool", help="draw matplotlib pictures in bulk")
    pool.add_argument("--count", type=int, default=12_000)
    pool.set_defaults(run=_pool)
    pretrain = steps.add_parser("pretrain", help="train the base from scratch")
    pretrain.add_argument("--minutes", type=float, default=180.0, help="budget of wall-clock time, compiling left out")
    pretrain.add_argument("--start", type=Path, default=None, help="go on from this finished base instead of from nothing")
    pretrain.set_defaults(run=_pretrain)
    thoughts = steps.add_parser("thoughts", help="write the rows that teach the base to think")
    thoughts.add_argument("--count", type=int, default=8_000)
    thoughts.set_defaults(run=_thoughts)
    options = steps.add_parser("options", help="print what LLaMA-Factory needs to tune the base in a precision in which this CPU computes")
    options.add_argument("--base", type=Path, default=None, help="the base, where it is not the one in the making")
    options.set_defaults(run=_options)
    bundle = steps.add_parser("bundle", help="copy base and adapter to where the app loads them")
    bundle.add_argument("--to", type=Path, default=NANO)
    bundle.set_defaults(run=_bundle)
    evaluate = steps.add_parser("evaluate", help="measure base against base + adapter on held-out pictures")
    evaluate.add_argument("--count", type=int, default=1000)
    evaluate.add_argument("--model", type=Path, default=NANO)
    evaluate.add_argument("--adapter", type=Path, default=None)
    evaluate.set_defaults(run=_evaluate)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run one step; the exit code."""
    args = _parser().parse_args(arguments)
    try:
        args.run(args)
    except (OSError, ValueError) as exc:
        print(f"finetune.nano: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Make and measure nano, step by step; ``make train-nano`` runs them all in this order.

python -m finetune.nano train --minutes 180      # base and adapter in .nano, on a GPU or on a CPU; resumes
python -m finetune.nano thoughts --count 8000    # rows for the recipe, which makes the other adapter
llamafactory-cli train finetune/nano.yaml $(python -m finetune.nano options)
python -m finetune.nano bundle                   # the base and the better adapter -> vision/nano
python -m finetune.nano evaluate --count 1000    # base against base + adapter
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import fields, replace
from pathlib import Path

from finetune.command import reported
from vision.settings import NANO

WORK = Path(".nano")
NUMBERS = {"float": float, "int": int}


def _train(args: argparse.Namespace) -> None:
    import torch

    from finetune.nano.plan import plan_for
    from finetune.nano.train import train

    device = args.device if args.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    plan = plan_for(device, from_nothing=args.from_nothing)
    told = {name: value for name, value in vars(args).items() if value is not None}
    mix = replace(plan.mix, **{f.name: told[f.name] for f in fields(plan.mix) if f.name in told})
    plan = replace(plan, mix=mix, **{f.name: told[f.name] for f in fields(plan) if f.name in told})
    train(args.work, plan, device, None if args.from_nothing else args.start)


def _thoughts(args: argparse.Namespace) -> None:
    from finetune.nano.thoughts import write_thoughts

    write_thoughts(args.work / "thoughts", args.count)


def _options(args: argparse.Namespace) -> None:
    from finetune.nano.precision import options

    print(*(f"{key}={value}" for key, value in options(args.base or args.work / "base", args.work).items()))


def _bundle(args: argparse.Namespace) -> None:
    """Copy the base and the better of the adapters to where the app loads them, whole or not at all."""
    from finetune.nano.bundle import bundle
    from finetune.nano.evaluate import better

    made = [args.adapter] if args.adapter else [path for path in _adapters(args.work) if (path / "adapter_config.json").exists()]
    chosen = better(args.work / "base", made, args.count) if len(made) > 1 else made[0] if made else _adapters(args.work)[0]
    bundle(args.work / "base", chosen, args.to)
    print(f"{args.work / 'base'} with {chosen} is now {args.to}")


def _adapters(work: Path) -> tuple[Path, Path]:
    """What the recipe makes, and what the script makes."""
    return work / "thinking", work / "adapter"


def _evaluate(args: argparse.Namespace) -> None:
    from finetune.nano.evaluate import by_task, evaluate, held_out, of_folder, table, wrong_examples

    cases = list(of_folder(args.charts) if args.charts else held_out(args.count))
    columns = evaluate(str(args.model), cases, str(args.adapter or ""), args.writing)
    print(table(columns))
    name, scored = list(columns.items())[-1]
    print(f"\n{name}, by kind of question:")
    for task, share in by_task(scored).items():
        print(f"- {task}: {share}")
    args.work.mkdir(exist_ok=True)
    (args.work / "wrong.json").write_text(json.dumps(wrong_examples(scored, 200), indent=1, ensure_ascii=False))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m finetune.nano", description="Make and measure the bundled model.")
    parser.add_argument("--work", type=Path, default=WORK, help="folder for everything in the making")
    steps = parser.add_subparsers(required=True, metavar="STEP")
    _add_train(steps.add_parser("train", help="train base and adapter, by a budget of time; resumes"))
    thoughts = steps.add_parser("thoughts", help="write the rows that teach the base to think")
    thoughts.add_argument("--count", type=int, default=8_000)
    thoughts.set_defaults(run=_thoughts)
    options = steps.add_parser("options", help="print what LLaMA-Factory needs to tune the base in a precision in which this CPU computes")
    options.add_argument("--base", type=Path, default=None, help="the base, where it is not the one in the making")
    options.set_defaults(run=_options)
    bundle = steps.add_parser("bundle", help="copy the base and the better adapter to where the app loads them")
    bundle.add_argument("--to", type=Path, default=NANO)
    bundle.add_argument("--adapter", type=Path, default=None, help="this one, without measuring")
    bundle.add_argument("--count", type=int, default=400, help="held-out pictures to measure two adapters on")
    bundle.set_defaults(run=_bundle)
    evaluate = steps.add_parser("evaluate", help="measure base against base + adapter on held-out pictures")
    evaluate.add_argument("--count", type=int, default=1000)
    evaluate.add_argument("--model", type=Path, default=NANO)
    evaluate.add_argument("--adapter", type=Path, default=None)
    evaluate.add_argument("--writing", choices=("on", "off", "both"), default="on", help="whether the text of the pictures is given")
    evaluate.add_argument("--charts", type=Path, default=None, help="a folder of pictures and JSONL, instead of held-out ones")
    evaluate.set_defaults(run=_evaluate)
    return parser


def _add_train(train: argparse.ArgumentParser) -> None:
    """What a run begins with, and every number of its plan; what is left out suits the device."""
    from finetune.nano.plan import Mix, Plan

    train.add_argument("--start", type=Path, default=NANO, help="a finished base, perhaps with an adapter, to go on from")
    train.add_argument("--from-nothing", action="store_true", help="begin with fresh weights and a tokenizer of its own")
    train.add_argument("--device", choices=("auto", "cuda", "cpu"), default="auto")
    for owner in (Plan, Mix):
        for field in fields(owner):
            if field.type == "bool":
                train.add_argument(f"--{field.name}", action=argparse.BooleanOptionalAction, help=told(owner, field.name))
            if field.type in NUMBERS:
                train.add_argument(
                    f"--{field.name.replace('_', '-')}", type=NUMBERS[field.type], default=None, help=told(owner, field.name)
                )
    train.set_defaults(run=_train)


def told(owner: type, name: str) -> str:
    """What the docstring of ``owner`` says of its attribute ``name``."""
    found = re.search(rf"^ +(?:\w+, )*{name}(?:, \w+)*: (.+?)$", owner.__doc__ or "", re.MULTILINE)
    return found[1] if found else ""


def main(arguments: list[str] | None = None) -> int:
    """Run one step; the exit code."""
    args = _parser().parse_args(arguments)
    return reported("nano", lambda: args.run(args), OSError, ValueError)


if __name__ == "__main__":
    sys.exit(main())

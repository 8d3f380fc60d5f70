"""Measure models: the same rows, budgets and graders for a base, its tune and their votes.

python -m finetune.benchmarks run --model google/gemma-3-4b-it --tasks chartqa gsm8k --limit 200 --out runs/base
python -m finetune.benchmarks run --model saves/logicflow --tasks chartqa gsm8k --limit 200 --vote 5 --out runs/voted
python -m finetune.benchmarks compare runs/base runs/voted --picture runs/compared.png
python -m finetune.benchmarks show runs/base                                # the rows on a page, wrong ones first
python -m finetune.benchmarks dispute runs/base gsm8k 1f3a… --why "two answers fit"
python -m finetune.benchmarks audit --labels labelled.jsonl
python -m finetune.benchmarks overlap --train data/rows.jsonl --tasks gsm8k
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from finetune.benchmarks.tasks import TASKS, Loaded, load_task
from finetune.command import reported
from finetune.sources import SourceError
from vision.errors import LogicFlowError


def tasks_of(args: argparse.Namespace) -> list[Loaded]:
    """The tasks that are named, from the places that are named."""
    places = dict(pair.partition("=")[::2] for pair in args.data)
    if unknown := [name for name in places if name not in args.tasks]:
        raise SourceError(f"--data names {unknown[0]!r}, which is not among --tasks")
    return [load_task(name, places.get(name, ""), args.limit) for name in args.tasks]


def run(args: argparse.Namespace) -> int:
    """Ask, grade, and print the scores; 1 where questions failed."""
    from dataclasses import replace

    from finetune.benchmarks import running
    from vision.ask import sampling_of
    from vision.engines.opening import open_engine
    from vision.settings import load_settings

    code = [name for name in args.tasks if TASKS[name].runs_code]
    if code and not args.run_code:
        raise SourceError(f"{code[0]} runs what the model writes, in a bounded process without a network; add --run-code if that is wanted")
    if code and args.vote:
        raise SourceError(f"programs do not vote; leave --vote out for {code[0]}")
    tasks = tasks_of(args)
    wanted = ("model", "adapter", "engine_url", "engine_model", "precision", "max_thought_tokens", "max_answer_tokens", "seed")
    settings = load_settings(**{name: getattr(args, name) for name in wanted})
    sampling = sampling_of(settings)
    thinking = not args.no_thinking and sampling.max_thought_tokens > 0
    manner = running.Manner(
        vote=args.vote,
        thinking=thinking,
        writing=args.writing,
        sampling=sampling if thinking else replace(sampling, max_thought_tokens=0),
    )
    checkpoint = f"{settings.engine_url} {settings.precision} {running.fingerprint(settings)}".strip()
    failed = running.run(open_engine(settings), tasks, args.out, manner, checkpoint=checkpoint, at_once=args.at_once)
    for name, score in json.loads((args.out / "report.json").read_text()).items():
        low, high = score["interval"]
        print(
            f"{name}: {100 * score['score']:.1f} % ({100 * low:.1f}–{100 * high:.1f}) of {score['rows']}, "
            f"{100 * score['truncated']:.1f} % cut off, {100 * score['empty']:.1f} % empty, "
            f"{score['thought_tokens']:.0f} tokens of thought, {score['seconds']:.1f} s each"
        )
        if score["refused"]:
            print(f"  {score['refused']} could not be asked and count as wrong; their rows say why")
        for rule, share in score["rules"].items():
            print(f"  {rule}: {100 * share:.1f} %")
    if failed:
        print(f"{failed} questions failed and are not counted; the same command asks them again", file=sys.stderr)
    return int(failed > 0)


def compare(args: argparse.Namespace) -> int:
    """Print the table, draw the picture."""
    from finetune.benchmarks.comparing import draw, table

    print(table(args.runs))
    if args.picture:
        print(f"\n{draw(args.runs, args.picture)}")
    return 0


def audit(args: argparse.Namespace) -> int:
    """Print how far graders and labels agree."""
    from finetune.benchmarks.auditing import audit as judge
    from finetune.benchmarks.auditing import summary

    judged = judge(args.labels, args.rule)
    if not judged:
        raise SourceError(f"{args.labels} holds no rows")
    print(summary(judged))
    return 0


def show(args: argparse.Namespace) -> int:
    """Write the page of rows."""
    from finetune.benchmarks.showing import show as write

    print(write(args.run))
    return 0


def dispute(args: argparse.Namespace) -> int:
    """Note a doubt."""
    from finetune.benchmarks.showing import dispute as note

    print(f"{note(args.run, args.task, args.id, args.why)} disputed")
    return 0


def overlap(args: argparse.Namespace) -> int:
    """Print what test sets share with training files; 1 where they do."""
    from finetune.benchmarks.showing import overlap as count
    from finetune.sieve import GRAM

    found = count(args.train, tasks_of(args))
    for name, (shared, rows) in found.items():
        print(f"{name}: {shared} of {rows} questions share {GRAM} words in a row with what was trained on")
    return int(any(shared for shared, _ in found.values()))


def asked_of(parser: argparse.ArgumentParser) -> None:
    """The options that name tasks."""
    parser.add_argument("--tasks", nargs="+", required=True, choices=list(TASKS), metavar="TASK", help=", ".join(TASKS))
    parser.add_argument("--data", nargs="*", default=[], metavar="NAME=PATH", help="a publisher's file or folder instead of the Hub")
    parser.add_argument("--limit", type=int, help="first rows of each task")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m finetune.benchmarks", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)
    running = commands.add_parser("run", help="answer and grade; goes on where it was ended")
    asked_of(running)
    running.add_argument("--out", type=Path, required=True, help="folder of the run")
    running.add_argument("--model", help="as for logicflow; the bundled nano when left out")
    running.add_argument("--adapter", help="LoRA adapter; 'none' for the bare model")
    running.add_argument("--engine-url", help="server that answers instead")
    running.add_argument("--engine-model", help="model as that server names it")
    running.add_argument("--precision", help="auto, fp32, bf16, 8bit or 4bit")
    running.add_argument("--vote", type=int, default=0, help="traces that vote on each answer")
    running.add_argument("--writing", choices=("auto", "on", "off"), default="auto", help="give the model the text of pictures")
    running.add_argument("--no-thinking", action="store_true", help="answer at once")
    running.add_argument("--max-thought-tokens", type=int, help="budget of a thought")
    running.add_argument("--max-answer-tokens", type=int, help="budget of an answer")
    running.add_argument("--seed", type=int, help="of the first trace")
    running.add_argument("--at-once", type=int, default=8, help="questions side by side")
    running.add_argument("--run-code", action="store_true", help="let code tasks run what the model writes")
    running.set_defaults(work=run)
    comparing = commands.add_parser("compare", help="runs beside each other on the rows that all have")
    comparing.add_argument("runs", nargs="+", type=Path, metavar="DIR", help="--out of each run, the base first")
    comparing.add_argument("--picture", type=Path, help="PNG with a bar for each")
    comparing.set_defaults(work=compare)
    auditing = commands.add_parser("audit", help="our graders against people's labels")
    auditing.add_argument("--labels", type=Path, required=True, help="JSONL of question, gold, response, label")
    auditing.add_argument("--rule", choices=("same", "relaxed"), default="same", help="equality, or ChartQA's five percent")
    auditing.set_defaults(work=audit)
    showing = commands.add_parser("show", help="the rows of a run as a page, wrong ones first")
    showing.add_argument("run", type=Path, metavar="DIR")
    showing.set_defaults(work=show)
    disputing = commands.add_parser("dispute", help="note that the gold or the verdict of a row is doubted")
    disputing.add_argument("run", type=Path, metavar="DIR")
    disputing.add_argument("task", metavar="TASK")
    disputing.add_argument("id", metavar="ID")
    disputing.add_argument("--why", required=True)
    disputing.set_defaults(work=dispute)
    overlapping = commands.add_parser("overlap", help="questions whose words stand in training files")
    overlapping.add_argument("--train", nargs="+", type=Path, required=True, metavar="FILE")
    asked_of(overlapping)
    overlapping.set_defaults(work=overlap)
    args = parser.parse_args(arguments)
    return reported("benchmarks", lambda: int(args.work(args)), LogicFlowError, SourceError, ValueError, OSError)


if __name__ == "__main__":
    sys.exit(main())

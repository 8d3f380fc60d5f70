"""The eight filters: how well they find planted faults, what they drop of people's solutions, and how time and memory grow with the rows.

python -m tests.bench.filters quality ../shared/data          # GSM8K, whole and spoiled
python -m tests.bench.filters speed --rows 8300 83000 830000   # generated rows, each size in a process of its own
python -m tests.bench.filters phrases bad.jsonl good.jsonl     # machine text that a stranger wrote, and texts without: part, text
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from finetune.synthesize import funnel
from finetune.synthesize.alike import exact_duplicates, near_duplicates, overlaps
from finetune.synthesize.filters import FILTERS, mathematics
from finetune.synthesize.giveaways import giveaway
from finetune.synthesize.problems import Problem, problem_of
from tests.finetune.synthesize import planted

SPOILED = 3000
"""Of GSM8K's rows for each filter."""
TWICE = 40
"""Every so manieth generated row is nearly one before it, or is spoiled."""


def quality(data: Path) -> None:
    """Precision and recall of each filter on GSM8K's rows, half of them spoiled; and what the mathematics filter drops of all."""
    rows = [json.loads(line) for line in (data / "gsm8k" / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    good = [problem_of(row, f"r{i}") for i, row in enumerate(rows)]
    half, others = good[:SPOILED], good[SPOILED : 2 * SPOILED]
    print("| filter | precision | recall |\n|---|---|---|")
    for name, drop in FILTERS.items():
        spoiled = planted.spoil(name, half)
        _line(name, {problem.id for problem in (*spoiled, *others) if drop(problem)}, spoiled)
    asked = [problem.question for problem in good]
    exact, near = [planted.recased(problem) for problem in half], [planted.reworded(problem) for problem in half]
    ids = [problem.id for problem in (*good, *exact)]
    _line("exact duplicates", {ids[i] for i in exact_duplicates([*asked, *(problem.question for problem in exact)])}, exact)
    ids = [problem.id for problem in (*good, *near)]
    _line("near duplicates", {ids[i] for i in near_duplicates([*asked, *(problem.question for problem in near)])}, near)
    ids = [problem.id for problem in (*others, *near)]
    found = overlaps([problem.question for problem in (*others, *near)], asked[:SPOILED])
    _line("overlap", {ids[i] for i in found}, near)
    dropped = [problem for problem in good if mathematics(problem)]
    print(f"\nof {len(good)} solutions of people the mathematics filter drops {len(dropped)} ({100 * len(dropped) / len(good):.2f} %)")


def _line(name: str, found: set[str], wrong: Sequence[Problem]) -> None:
    precision, recall = planted.score(found, {problem.id for problem in wrong})
    print(f"| {name} | {precision:.3f} | {recall:.3f} |", flush=True)


def phrases(bad: Path, good: Path) -> None:
    """What is found of texts with machine text, and what of texts without."""
    for path in (bad, good):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        found = sum(bool(giveaway(row["text"], question=row["part"] == "question")) for row in rows)
        print(f"{path.name}: {found} of {len(rows)} give themselves away")


def problems(count: int) -> list[Problem]:
    """Generated problems, one in :data:`TWICE` nearly the one before it, one spoiled."""
    made = planted.clean(count, stories=(0, 1, 2, 3))
    for i in range(TWICE, count, TWICE):
        made[i] = planted.reworded(made[i - 7])
        made[i - 1] = planted.spoil("mathematics", [made[i - 1]])[0]
    return made


def one(count: int) -> None:
    """Time and memory for so many rows, as JSON."""
    rows = problems(count)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    seeds, tests = ([problem.question for problem in planted.clean(many, 1, (4, 5))] for many in (200, 8000))
    found = funnel.run(rows, seeds=seeds, tests=tests)
    took = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    stages = {stage.name: round(stage.seconds, 1) for stage in found.stages}
    print(json.dumps({"rows": count, "kept": len(found.kept), "s": took, "GB": peak / 1e6, "rows_GB": before / 1e6, "stages": stages}))


def speed(counts: Sequence[int]) -> None:
    """A table, a size a line."""
    heads = ("rows", "kept", "seconds", "rows a second", "memory at most", "one by one", "near duplicates", "overlap")
    print(f"| {' | '.join(heads)} |\n" + "|---" * len(heads) + "|")
    for count in counts:
        done = subprocess.run([sys.executable, "-m", "tests.bench.filters", "one", str(count)], capture_output=True, text=True, check=True)
        told = json.loads(done.stdout.splitlines()[-1])
        singly = sum(told["stages"][name] for name in FILTERS)
        parts = f"{singly:.0f} s | {told['stages']['near duplicates']:.0f} s | {told['stages']['overlap']:.0f} s"
        print(f"| {count:,} | {told['kept']:,} | {told['s']:.0f} | {count / told['s']:.0f} | {told['GB']:.1f} GB | {parts} |", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.filters", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("quality").add_argument("data", type=Path)
    speeding = commands.add_parser("speed")
    speeding.add_argument("--rows", type=int, nargs="+", default=[8_300, 83_000])
    commands.add_parser("one").add_argument("rows", type=int)
    phrasing = commands.add_parser("phrases")
    phrasing.add_argument("bad", type=Path)
    phrasing.add_argument("good", type=Path)
    args = parser.parse_args(arguments)
    match args.command:
        case "quality":
            quality(args.data)
        case "phrases":
            phrases(args.bad, args.good)
        case "one":
            one(args.rows)
        case _:
            speed(args.rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())

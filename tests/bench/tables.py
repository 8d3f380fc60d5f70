"""How well the table of a chart is told, against the table it was drawn from: what stands there alone, and with a model.

    python -m tests.bench.tables --count 60            # drawn held-out charts
    python -m tests.bench.tables --count 60 --no-model

The measure is RNSS, the similarity of two sets of numbers (Masry et al., ChartQA, 2022), 1 for the same.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from statistics import mean

from finetune.charts.records import HELD_OUT_FROM, make
from vision import open_engine, table
from vision.answers.answers import number_of
from vision.answers.tables import Table
from vision.settings import Settings

KINDS = ("bar", "hbar", "grouped", "line", "pie", "table")
FIRST = HELD_OUT_FROM + 50_000_000


def number_set_similarity(given: Sequence[float], right: Sequence[float]) -> float:
    """RNSS: how alike two sets of numbers are, from 0 to 1 (Masry et al., ChartQA, 2022): the best pairing's relative differences.

    >>> number_set_similarity([64, 41], [64, 41]), number_set_similarity([64], [64, 41])
    (1.0, 0.5)
    """
    if not given or not right:
        return float(not given and not right)
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    costs = np.array([[min(1.0, abs(a - b) / abs(b)) if b else float(a != 0) for b in right] for a in given])
    at = linear_sum_assignment(costs)
    many = max(len(given), len(right))
    return 1.0 - (float(costs[at].sum()) + many - len(at[0])) / many


def numbers(found: Table) -> list[float]:
    values = [number_of(cell.value.lstrip("≈")) for _, _, cell in found.cells]
    return [float(value) for value in values if value is not None]


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tables", description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--no-model", action="store_true")
    args = parser.parse_args(arguments)
    engine = None if args.no_model else open_engine(Settings())
    scores: dict[str, list[float]] = defaultdict(list)
    for i in range(args.count):
        record = make(FIRST + i, kind=KINDS[i % len(KINDS)])
        right = [value for values in record.figure.series.values() for value in values]
        kind = f"{record.kind}, values {'printed' if record.figure.printed else 'on an axis'}"
        scores[kind].append(number_set_similarity(numbers(table(record.image, engine)), right))
    print("| chart | pictures | RNSS |\n|---|---|---|")
    for kind, found in sorted(scores.items()):
        print(f"| {kind} | {len(found)} | {mean(found):.3f} |")
    print(f"| all | {args.count} | {mean(score for found in scores.values() for score in found):.3f} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())

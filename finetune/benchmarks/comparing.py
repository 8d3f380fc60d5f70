"""Runs beside each other on the rows that all of them answered: paired differences with intervals, McNemar's test, a table, a picture."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.benchmarks.running import read_rows
from finetune.files import save_figure
from vision.answers.consensus import wilson

_SETS = ("chartqa", "ai2d", "mathvista", "mmmu", "docvqa", "gsm8k", "math", "gpqa_diamond")
_OF = {
    "gemma-3-4b-it": (68.8, 74.8, 50.0, 48.8, 75.8, 89.2, 75.6, 30.8),
    "gemma-3-12b-it": (75.7, 84.2, 62.9, 59.6, 87.1, 94.4, 83.8, 40.9),
    "gemma-3-27b-it": (78.0, 84.5, 67.6, 64.9, 86.6, 95.9, 89.0, 42.4),
}
PUBLISHED = {name: dict(zip(_SETS, shares, strict=True)) for name, shares in _OF.items()}
"""Published elsewhere, in another harness: Gemma 3's technical report (arXiv 2503.19786), percent."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How a run differs from the first on the same rows.

    Attributes:
        gained, lost: rows that only this run, and only the first, has right.
        share: gained minus lost of all rows, with its 95 % interval.
        p: of McNemar's exact test: how often as unequal a split would come about by chance.
    """

    gained: int
    lost: int
    share: float
    interval: tuple[float, float]
    p: float


def difference(first: Sequence[bool], other: Sequence[bool]) -> Difference:
    """``other`` against ``first``, row by row (McNemar 1947; the interval is that of Agresti and Min 2005, with half a row in each cell).

    >>> found = difference([True, True, False, False], [True, True, True, False])
    >>> found.gained, found.lost, found.share, found.p
    (1, 0, 0.25, 1.0)
    """
    gained = sum(b and not a for a, b in zip(first, other, strict=True))
    lost = sum(a and not b for a, b in zip(first, other, strict=True))
    rows, apart = len(first), gained + lost
    share, more = (gained - lost) / rows, rows + 2
    middle = (gained - lost) / more
    wide = 1.96 * math.sqrt(max(apart + 1 - (gained - lost) ** 2 / more, 0.0)) / more
    tail = sum(math.comb(apart, k) for k in range(min(gained, lost) + 1)) / 2**apart if apart else 1.0
    interval = max(-1.0, middle - wide), min(1.0, middle + wide)
    return Difference(gained=gained, lost=lost, share=share, interval=interval, p=min(1.0, 2 * tail))


def shared(folders: Sequence[Path]) -> dict[str, list[list[dict[str, Any]]]]:
    """Task -> for each run its rows, those that all runs have, in one order.

    Raises:
        ValueError: when a folder holds no rows, or the runs have none in common.
    """
    runs = [{(row["task"], row["id"]): row for row in read_rows(folder)} for folder in folders]
    for folder, rows in zip(folders, runs, strict=True):
        if not rows:
            raise ValueError(f"there are no rows in {folder}; give the --out of a run")
    common = sorted(set(runs[0]).intersection(*runs[1:]))
    if not common:
        raise ValueError(f"{', '.join(folder.name for folder in folders)} have no row in common; run them on the same tasks")
    wrong = [key for key in common if len({rows[key]["gold"] for rows in runs}) > 1]
    if wrong:
        raise ValueError(f"the runs have another gold for {wrong[0][0]} {wrong[0][1]}; run them on the same rows")
    return {task: [[rows[key] for key in common if key[0] == task] for rows in runs] for task in dict.fromkeys(key[0] for key in common)}


def table(folders: Sequence[Path]) -> str:
    """Markdown: a row a task, a column a run, the difference to the first beside each further one, and what was published elsewhere."""
    names, models = [folder.name for folder in folders], [_model(folder) for folder in folders]
    published = next((PUBLISHED[name] for model in models for name in PUBLISHED if name in model), {})
    heads = [names[0], *(part for name in names[1:] for part in (name, "difference (95 %), p"))]
    lines = [f"| task | rows | {' | '.join(heads)} |" + (" published elsewhere |" if published else "")]
    lines.append("|---" * (len(heads) + 2 + bool(published)) + "|")
    for task, runs in shared(folders).items():
        rights = [[bool(row["right"]) for row in rows] for rows in runs]
        cells = [_share(rights[0])]
        for other in rights[1:]:
            found = difference(rights[0], other)
            low, high = (100 * bound for bound in found.interval)
            cells += [_share(other), f"{100 * found.share:+.1f} ({low:+.1f} to {high:+.1f}), p = {found.p:.2g}"]
        there = f" {published[task]:.1f} % |" if task in published else " |" if published else ""
        lines.append(f"| {task} | {len(rights[0])} | {' | '.join(cells)} |{there}")
    return "\n".join(lines)


def _share(right: Sequence[bool]) -> str:
    low, high = wilson(sum(right), len(right))
    return f"{100 * sum(right) / len(right):.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def _model(folder: Path) -> str:
    try:
        return str(json.loads((folder / "run.json").read_text(encoding="utf-8"))["model"])
    except (OSError, ValueError, KeyError):
        return ""


def draw(folders: Sequence[Path], path: Path) -> Path:
    """Bars with intervals, a group a task."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib.figure import Figure

    tasks = shared(folders)
    figure = Figure(figsize=(1.6 + 1.4 * len(tasks), 3.6), dpi=150, layout="constrained")
    axes, width = figure.subplots(), 0.8 / len(folders)
    for i, folder in enumerate(folders):
        shares, errors = [], []
        for runs in tasks.values():
            right, rows = sum(bool(row["right"]) for row in runs[i]), len(runs[i])
            low, high = wilson(right, rows)
            shares.append(100 * right / rows)
            errors.append((max(0.0, shares[-1] - 100 * low), max(0.0, 100 * high - shares[-1])))
        places = [at + width * (i - (len(folders) - 1) / 2) for at in range(len(tasks))]
        axes.bar(places, shares, width, yerr=list(zip(*errors, strict=True)), label=folder.name, capsize=2)
    axes.set_xticks(range(len(tasks)), list(tasks))
    axes.set_ylabel("right, %")
    axes.set_ylim(0, 100)
    axes.legend(frameon=False)
    return save_figure(figure, path)

"""The course of a pretraining run as two pictures: loss and accuracy over minutes."""

from __future__ import annotations

import json
from pathlib import Path

from matplotlib.figure import Figure

from finetune.files import save_figure

SHOWN = ("letters by token", "describe", "value", "extreme", "text look up", "arithmetic", "running sum", "text reasoning")


def draw_curves(folder: Path) -> None:
    """Write ``loss.png`` and ``accuracy.png`` from ``folder/curve.jsonl``."""
    rows = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    minutes = [row["minutes"] for row in rows]
    for name, series in (
        ("loss", {"loss": [row["loss"] for row in rows], "sight loss": [row["right"].get("sight loss") for row in rows]}),
        ("accuracy", {task: [row["right"].get(task) for row in rows] for task in SHOWN}),
    ):
        plot = Figure(figsize=(8, 4.5), dpi=110, layout="constrained")
        axes = plot.add_subplot()
        for label, values in series.items():
            points = [(m, v) for m, v in zip(minutes, values, strict=True) if v is not None]
            axes.plot(*zip(*points, strict=True), label=label) if points else None
        axes.set(xlabel="minutes", ylabel=name)
        axes.grid(alpha=0.3)
        axes.legend()
        save_figure(plot, folder / f"{name}.png")

"""The course of a run as two pictures: loss and accuracy over minutes."""

from __future__ import annotations

import json
from pathlib import Path

from matplotlib.figure import Figure

from finetune.files import save_figure

LOSSES = ("loss", "text: loss", "sight loss")
SHOWN = ("tokens", "describe", "value", "extreme", "sum", "letters by token", "text: pairs", "text: arithmetic", "text: text reasoning")


def draw_curves(folder: Path) -> None:
    """Write ``loss.png`` and ``accuracy.png`` from ``folder/log.jsonl``; a broken line stands where the adapter begins."""
    rows = [row for row in map(json.loads, (folder / "log.jsonl").read_text().splitlines()) if "phase" in row]
    turn = next((row["minutes"] for row in rows if row["phase"] == "adapter"), None)
    for name, series in (("loss", LOSSES), ("accuracy", SHOWN)):
        plot = Figure(figsize=(8, 4.5), dpi=110, layout="constrained")
        axes = plot.add_subplot()
        for label in series:
            points = [(row["minutes"], row[label]) for row in rows if label in row]
            if points:
                axes.plot(*zip(*points, strict=True), label=label)
        if turn is not None:
            axes.axvline(turn, color="gray", linestyle="--")
        axes.set(xlabel="minutes", ylabel=name)
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend(fontsize="small")
        save_figure(plot, folder / f"{name}.png")

"""Charts drawn by Vega-Lite, which no training uses, with questions about them: what nano makes of another library's pictures.

pip install vl-convert-python
python -m tests.bench.charts build/vega --count 120
python -m finetune.nano evaluate --charts build/vega --writing both
"""

from __future__ import annotations

import argparse
import io
import json
import random
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from finetune.charts.figures import Figure, sample
from finetune.charts.questions import ask
from finetune.charts.records import HELD_OUT_FROM

SEEDS = HELD_OUT_FROM + 700_000_000
KINDS = ("bar", "hbar", "grouped", "line", "pie")
SCHEMES = ("category10", "tableau10", "set2", "dark2", "paired")
GROUNDS = ("white", "white", "#fafafa", "#f4f1ea")


def spec_of(rng: random.Random, figure: Figure) -> dict[str, Any]:
    """A Vega-Lite specification that shows ``figure``."""
    rows = [
        {"name": name, "series": series or "value", "value": value}
        for series, values in figure.series.items()
        for name, value in zip(figure.categories, values, strict=True)
    ]
    large = rng.choice((11, 13, 15))
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": figure.title or None,
        "width": rng.randint(280, 520),
        "height": rng.randint(220, 340),
        "background": rng.choice(GROUNDS),
        "data": {"values": rows},
        "config": {
            "axis": {"labelFontSize": large, "titleFontSize": large, "grid": rng.random() < 0.7},
            "legend": {"labelFontSize": large, "titleFontSize": large},
            "title": {"fontSize": large + 3},
            "text": {"fontSize": large},
            "range": {"category": {"scheme": rng.choice(SCHEMES)}},
        },
        **(_pie(figure) if figure.kind == "pie" else _on_axes(rng, figure)),
    }


def _on_axes(rng: random.Random, figure: Figure) -> dict[str, Any]:
    names = {"field": "name", "type": "nominal", "sort": None, "title": figure.topic or None, "axis": {"labelOverlap": False}}
    values = {"field": "value", "type": "quantitative", "title": f"{figure.quantity or 'value'}{figure.unit and f' ({figure.unit})'}"}
    across, up = ("y", "x") if figure.kind == "hbar" else ("x", "y")
    encoding: dict[str, Any] = {across: names, up: values}
    if len(figure.series) > 1:
        encoding["color"] = {"field": "series", "type": "nominal", "sort": None, "title": None}
        if figure.kind == "grouped":
            encoding[f"{across}Offset"] = {"field": "series", "sort": None}
    mark: dict[str, Any] = {"type": "line", "point": rng.random() < 0.8} if figure.kind == "line" else {"type": "bar"}
    layers: list[dict[str, Any]] = [{"mark": mark}]
    if figure.printed:
        beside = {"type": "text", "dx": 4, "align": "left"} if figure.kind == "hbar" else {"type": "text", "dy": -8}
        layers.append({"mark": beside, "encoding": {"text": {"field": "value", "type": "quantitative"}, "color": {"value": "#222"}}})
    return {"encoding": encoding, "layer": layers}


def _pie(figure: Figure) -> dict[str, Any]:
    color = {"field": "name", "type": "nominal", "sort": None, "title": None}
    theta = {"field": "value", "type": "quantitative", "stack": True}
    text = {"field": "value", "type": "quantitative"}
    layers: list[dict[str, Any]] = [{"mark": {"type": "arc", "outerRadius": 110}}]
    layers.append({"mark": {"type": "text", "radius": 130}, "encoding": {"text": text, "color": {"value": "#222"}}})
    return {"encoding": {"theta": theta, "color": color, "order": {"field": "name", "sort": None}}, "layer": layers}


def write(folder: Path, count: int) -> None:
    """``count`` pictures and ``rows.jsonl`` in ``folder``."""
    import vl_convert

    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for i in tqdm(range(count), desc="charts", unit="picture"):
        rng = random.Random(SEEDS + i)
        figure = sample(rng, KINDS[i % len(KINDS)], held_out=True)
        png = vl_convert.vegalite_to_png(json.dumps(spec_of(rng, figure)), scale=rng.choice((1, 1.5, 2)))
        Image.open(io.BytesIO(png)).convert("RGB").save(folder / f"{i:04d}.png")
        asked = ask(rng, figure)
        row = {"image": f"{i:04d}.png", "question": asked.text, "answer": asked.answer, "kind": f"Vega-Lite {figure.kind}"}
        rows.append(row | {"exact": asked.exact, "task": asked.task})
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--count", type=int, default=120)
    args = parser.parse_args()
    write(args.folder, args.count)


if __name__ == "__main__":
    main()

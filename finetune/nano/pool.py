"""Pictures drawn by matplotlib in bulk, once, at the model's size, for pretraining to use again with augmentation.

    python -m finetune.nano pool --count 12000

A shard is a plain array (pictures, side, side, 3) of bytes beside a JSON list of the figures it shows, each with the
letters that stand in it and the places where its values are read.
"""

from __future__ import annotations

import json
import os
import random
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from finetune.charts import matplotlib
from finetune.charts.canvas import Letter, Marks
from finetune.charts.figures import KINDS, Figure, sample
from finetune.charts.readings import in_reading_order
from finetune.charts.records import WEIGHTS, wear

SHARD = 250
"""Pictures in a shard."""


def figure_of(seed: int, ease: float = 0.0, few: bool = False) -> tuple[random.Random, Figure]:
    """The figure of a training seed and the generator that goes on to draw it."""
    rng = random.Random(seed)
    kind = rng.choices(KINDS, [WEIGHTS[name] for name in KINDS])[0]
    return rng, sample(rng, kind, ease=ease, few=few)


def square(image: Image.Image, side: int) -> Image.Image:
    """``image`` squeezed to ``side`` x ``side`` pixels as the image processor does it."""
    return image.resize((side, side), Image.Resampling.BILINEAR)


def render_shard(folder: Path, start: int, side: int) -> Path:
    """Draw one shard from seed ``start``; an existing one is kept."""
    path = folder / f"{start:09d}.npy"
    if path.exists():
        return path
    pictures, figures = np.empty((SHARD, side, side, 3), np.uint8), []
    for i in range(SHARD):
        rng, figure = figure_of(start + i)
        drawing, letters, marks = matplotlib.render(rng, figure)
        noted = [(letter, round(x, 4), round(y, 4)) for letter, x, y in letters]
        read_at = [(*names, [(round(x, 4), round(y, 4)) for x, y in places]) for names, places in marks.items()]
        figures.append(asdict(figure) | {"letters": noted, "marks": read_at})
        pictures[i] = np.asarray(square(wear(rng, drawing, pad=False), side))
    path.with_suffix(".json").write_text(json.dumps(figures))
    half = path.with_suffix(".half.npy")
    np.save(half, pictures)
    half.rename(path)
    return path


@cache
def figures_of(path: Path) -> list[tuple[Figure, list[Letter], Marks]]:
    """The figures of the shard at ``path`` as they read, with the letters and the places of the values in their pictures."""
    shown = []
    for row in json.loads(path.with_suffix(".json").read_text()):
        letters = [(letter, x, y) for letter, x, y in row.pop("letters")]
        marks = {(series, category): [(x, y) for x, y in places] for series, category, places in row.pop("marks", ())}
        series = {name: tuple(values) for name, values in row["series"].items()}
        figure = Figure(**(row | {"categories": tuple(row["categories"]), "series": series}))
        shown.append((in_reading_order(figure, letters), letters, marks))
    return shown


def render_pool(folder: Path, count: int, side: int, workers: int | None = None) -> None:
    """Draw ``count`` pictures (rounded up to whole shards) with ``workers`` processes; resumes."""
    folder.mkdir(parents=True, exist_ok=True)
    starts = range(0, count, SHARD)
    with ProcessPoolExecutor(workers or os.cpu_count()) as pool:
        jobs = [pool.submit(render_shard, folder, start, side) for start in starts]
        for job in tqdm(jobs, desc="matplotlib pictures", unit="shard"):
            job.result()

"""Rows that teach nano's base to think, for LLaMA-Factory: pooled matplotlib pictures and ones by Pillow, half each.

Six rows in seven think under the system prompt; the seventh answers at once without it, so that both ways stay open.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from finetune.charts import pillow
from finetune.charts.questions import ask
from finetune.charts.readings import in_reading_order
from finetune.charts.records import wear
from finetune.files import write_text
from finetune.nano.model import IMAGE_SIDE
from finetune.nano.pool import figure_of, figures_of, square
from finetune.samples import pictured, registered, sharegpt

SEEDS = 500_000_000
"""Training seeds from here on are for thinking."""


def write_thoughts(folder: Path, pool: Path, count: int) -> None:
    """Write ``count`` rows with pictures and ``dataset_info.json`` into ``folder``."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    shards = sorted(path for path in pool.glob("*.npy") if "half" not in path.name)
    rows = []
    for i in tqdm(range(count), desc="thoughts", unit="row"):
        rng = random.Random(SEEDS + i)
        if shards and rng.random() < 0.5:
            shard = rng.choice(shards)
            at = rng.randrange(len(figures_of(shard)))
            figure, *_ = figures_of(shard)[at]
            image = Image.fromarray(np.asarray(np.load(shard, mmap_mode="r")[at]))
        else:
            drawn, figure = figure_of(SEEDS + i)
            picture, letters, _ = pillow.render(drawn, figure)
            figure = in_reading_order(figure, letters)
            image = square(wear(drawn, picture), IMAGE_SIDE)
        asked = ask(rng, figure)
        name = f"images/{i:06d}.png"
        image.save(folder / name, compress_level=1)
        row = {"question": asked.text, "thought": "\n".join(asked.steps), "answer": f"The answer is {asked.answer}.", "image": name}
        rows.append(sharegpt(pictured(row), thinking=rng.random() < 6 / 7))
    write_text(folder / "charts.json", json.dumps(rows, ensure_ascii=False))
    write_text(folder / "dataset_info.json", json.dumps({"charts": registered("charts.json")}, indent=2))

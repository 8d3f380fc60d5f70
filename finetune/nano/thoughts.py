"""Rows that teach nano's base to think, for LLaMA-Factory: pictures by both renderers with their text as lines.

Nine rows in ten think under the system prompt; the tenth answers at once without it, so that both ways stay open. They are what
:meth:`finetune.nano.stream.Stream.thinking` shows, one question to a picture, on disk.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from finetune.nano.model import IMAGE_SIDE
from finetune.nano.stream import DIRECT, drawn, lines, question
from finetune.samples import pictured, sharegpt
from vision.files import write_text
from vision.sharegpt import registered

SEEDS = 500_000_000
"""Training seeds from here on are for thinking."""


def write_thoughts(folder: Path, count: int) -> None:
    """Write ``count`` rows with pictures and ``dataset_info.json`` into ``folder``."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for i in tqdm(range(count), desc="thoughts", unit="row"):
        row, image = _row(SEEDS + i, f"images/{i:06d}.png")
        image.resize((IMAGE_SIDE, IMAGE_SIDE), Image.Resampling.BILINEAR).save(folder / row["images"][0], compress_level=1)
        rows.append(row)
    write_text(folder / "charts.json", json.dumps(rows, ensure_ascii=False))
    write_text(folder / "dataset_info.json", json.dumps({"charts": registered("charts.json")}, indent=2))


def _row(seed: int, name: str) -> tuple[dict[str, Any], Image.Image]:
    """One row about the picture that is to be saved as ``name``."""
    rng, (image, letters, figure, _) = drawn(seed)
    asked = question(rng, figure)
    text = lines(rng, letters, image)
    row = {"question": asked.text, "thought": "\n".join(asked.steps), "answer": asked.said, "image": name, "lines": [text] if text else []}
    return sharegpt(pictured(row), thinking=rng.random() >= DIRECT), image

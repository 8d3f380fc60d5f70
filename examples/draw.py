"""Draw the example pictures of this folder with the project's own chart generator.

python examples/draw.py [FOLDER]
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

from finetune.charts.figures import Figure
from finetune.charts.records import draw

FIGURES = {
    "harvest": (
        11,
        "matplotlib",
        Figure(
            kind="bar",
            title="Harvest by fruit",
            quantity="Harvest",
            unit="tons",
            topic="Fruit",
            categories=("Apple", "Pear", "Plum", "Cherry"),
            series={"": (39.0, 31.0, 12.0, 18.0)},
        ),
    ),
    "visitors": (
        5,
        "pillow",
        Figure(
            kind="hbar",
            title="Visitors by place",
            quantity="Visitors",
            topic="Place",
            categories=("Museum", "Library", "Park", "Theater"),
            series={"": (64.0, 41.0, 85.0, 22.0)},
        ),
    ),
    "budget": (
        3,
        "matplotlib",
        Figure(
            kind="pie",
            title="Household budget",
            unit="%",
            topic="Type",
            categories=("Rent", "Food", "Travel", "Savings"),
            series={"": (40.0, 25.0, 20.0, 15.0)},
        ),
    ),
    "bakery": (
        8,
        "pillow",
        Figure(kind="flow", title="Bakery process", topic="Step", categories=("Mix", "Wait", "Bake", "Cool", "Pack"), series={"": ()}),
    ),
    "garden": (2, "pillow", Figure(kind="geometry", unit="m", shape="rectangle", series={"": (12.0, 8.0)})),
}


def main(folder: Path) -> None:
    for name, (seed, renderer, figure) in FIGURES.items():
        path = folder / f"{name}.png"
        image, _ = draw(random.Random(seed), figure, renderer)
        image.save(path)
        print(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)

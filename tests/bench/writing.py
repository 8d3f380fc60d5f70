"""How well the text of pictures is read: each drawn text at its place, by kind, on held-out pictures and other libraries' charts.

    python -m tests.bench.writing [--count 400] [--foreign 12] [--faults]

A text is read when a read text equals it, but for runs of spaces, and the middle of its box lies near the true middle: within 0.6
em, or 1 % of the longer side. Texts that the picture itself does not show are counted apart and not in the shares: a letter
beyond the edge, under a letter of another text, or in the colour of its ground. ``--faults`` lists what was not read.
"""

from __future__ import annotations

import argparse
import math
import random
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import psutil
from PIL import Image

from finetune.charts import matplotlib, pillow
from finetune.charts.canvas import Letter, texts_of
from finetune.charts.figures import KINDS, sample
from finetune.charts.records import HELD_OUT_FROM, wear
from tests.bench.foreign import LIBRARIES, Drawn, Label, drawn
from vision.pictures.writing import Writing, read_writing

NAMES_OF_KINDS = {"name": "names", "value": "printed values", "turned": "turned labels", "single": "single characters"}
SEEN = 40
"""Least difference between a letter and its ground, of 255."""


def held_out(count: int) -> Iterator[tuple[str, Drawn]]:
    """(renderer, picture with its texts), kinds in turn, renderers in turn within a kind."""
    for i in range(count):
        rng = random.Random(HELD_OUT_FROM + i)
        renderer = (pillow, matplotlib)[i // len(KINDS) % 2]
        image, letters, _ = renderer.render(rng, sample(rng, KINDS[i % len(KINDS)]))
        image = wear(rng, image, pad=False).convert("RGB")
        yield renderer.__name__.rsplit(".", 1)[-1], (image, labels_of(letters, image.width, image.height))


def labels_of(letters: list[Letter], width: int, height: int) -> list[Label]:
    """The drawn texts, from the places of their letters."""
    labels = []
    for (_, _, size), signs in texts_of(letters):
        places = tuple((float(x) * width, float(y) * height) for _, x, y in signs)
        (left, top), (right, bottom) = places[0], places[-1]
        angle = math.degrees(math.atan2(top - bottom, right - left)) if len(places) > 1 else 0.0
        text = "".join(sign for sign, *_ in signs)
        if text.strip():
            labels.append(Label(text, (left + right) / 2, (top + bottom) / 2, size * height, angle, places))
    return labels


def hidden(image: Image.Image, label: Label, others: Iterable[Label]) -> bool:
    """Whether a letter lies beyond the picture, under another text's, or has the colour of its ground."""
    pixels, near = np.asarray(image), 0.42 * label.em
    signs = [place for sign, place in zip(label.text, label.letters, strict=False) if not sign.isspace()]
    for x, y in signs:
        if min(x, y, image.width - x, image.height - y) < 0.2 * label.em:
            return True
        reach = 0.3 * label.em
        patch = pixels[max(round(y - reach), 0) : round(y + reach) + 1, max(round(x - reach), 0) : round(x + reach) + 1]
        if patch.reshape(-1, 3).max(axis=0).astype(int).max() - patch.reshape(-1, 3).min(axis=0).min() < SEEN:
            return True
    theirs = (place for other in others if other is not label for place in other.letters)
    return any(math.dist(place, own) < near for place in theirs for own in signs)


def kind_of(label: Label) -> str:
    if abs(label.angle) > 12:
        return "turned"
    return "single" if len(label.text.strip()) == 1 else "value" if any(sign.isdigit() for sign in label.text) else "name"


def plain(text: str) -> str:
    return " ".join(text.replace("−", "-").split())


def is_read(label: Label, writing: Writing) -> bool:
    reach = max(0.6 * label.em, 0.01 * max(writing.size))
    return any(plain(text.text) == plain(label.text) and math.dist(text.box.middle, (label.x, label.y)) <= reach for text in writing.texts)


@dataclass
class Tally:
    """Counts of texts by kind, seconds by picture."""

    right: Counter[str] = field(default_factory=Counter)
    all: Counter[str] = field(default_factory=Counter)
    hidden: int = 0
    extra: int = 0
    seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, image: Image.Image, labels: list[Label]) -> None:
        started = time.perf_counter()
        writing = read_writing(image)
        self.seconds.append(time.perf_counter() - started)
        good = 0
        for label in labels:
            right = is_read(label, writing)
            good += right
            if label.letters and hidden(image, label, labels):
                self.hidden += 1
                continue
            kind = kind_of(label)
            self.all[kind] += 1
            self.right[kind] += right
            if not right:
                nearest = sorted(writing.texts, key=lambda text: math.dist(text.box.middle, (label.x, label.y)))[:2]
                self.faults.append(f"{kind} {label.text!r} at {label.x:.0f} {label.y:.0f}: {[text.text for text in nearest]}")
        self.extra += max(0, len(writing.texts) - good)

    def row(self, name: str) -> str:
        cells = [f"{self.right[kind]} of {self.all[kind]} ({_share(self.right[kind], self.all[kind])})" for kind in NAMES_OF_KINDS]
        times = f"{statistics.median(self.seconds):.2f} / {max(self.seconds):.2f} s"
        return f"| {name} | {' | '.join(cells)} | {self.extra} | {self.hidden} | {times} |"


def _share(right: int, count: int) -> str:
    return f"{100 * right / count:.1f} %" if count else "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=400, help="held-out pictures")
    parser.add_argument("--foreign", type=int, default=12, help="charts of each other library")
    parser.add_argument("--faults", action="store_true")
    args = parser.parse_args()
    before = psutil.Process().memory_info().rss
    read_writing(Image.new("RGB", (640, 480), "white"))
    print(f"| pictures | {' | '.join(NAMES_OF_KINDS.values())} | read besides | not to be seen | median / worst |")
    print("|---|---|---|---|---|---|---|---|")
    tallies: dict[str, Tally] = {"both renderers": Tally(), "pillow": Tally(), "matplotlib": Tally()}
    for renderer, (image, labels) in held_out(args.count):
        tallies[renderer].add(image, labels)
        seconds, tally = tallies[renderer].seconds[-1], tallies["both renderers"]
        tally.add(image, labels)  # kept by its pixels: costs nothing
        tally.seconds[-1] = seconds
    for name, tally in tallies.items():
        if tally.seconds:
            print(tally.row(name), flush=True)
    for name, charts in drawn(args.foreign) if args.foreign else ():
        if isinstance(charts, str):
            print(f"{name}: skipped, {charts}")
            continue
        tallies[name] = Tally()
        for image, labels in charts:
            tallies[name].add(image, labels)
        print(tallies[name].row(f"{name} ({len(charts)})"), flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    held = psutil.Process().memory_info().rss - before
    print(f"\n{held / 1e6:.0f} MB resident more than before the first picture; at most {peak / 1e6:.0f} MB in the whole process")
    if args.faults:
        print("\n".join(f"{name}: {fault}" for name in ("both renderers", *LIBRARIES) if name in tallies for fault in tallies[name].faults))


if __name__ == "__main__":
    main()

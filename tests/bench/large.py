"""What becomes of small text in a large picture: accuracy with and without crops, and with and without the text that OCR reads.

    python -m tests.bench.large --count 60

A held-out chart of some 400 pixels stands somewhere on a blank page of 2,400, as on a scan. A model that sees a picture in one square of
its own size gets a sixth of the chart's pixels a side (ollama's issue 13985). Prints a table; the chart alone is the first row.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence

from PIL import Image
from tqdm import tqdm

from finetune.charts.records import HELD_OUT_FROM
from finetune.nano.evaluate import Case, held_out, score
from vision import Engine, Settings, ask, open_engine
from vision.answers.consensus import wilson
from vision.pictures.crops import PanAndScan
from vision.pictures.lines import GiveWriting

PAGE = (2400, 1600)
FIRST = HELD_OUT_FROM + 60_000_000


def on_a_page(case: Case) -> Image.Image:
    """The picture of ``case`` as it is, on a blank page of :data:`PAGE`."""
    page, rng = Image.new("RGB", PAGE, "white"), random.Random(case.seed)
    page.paste(case.image, (rng.randrange(PAGE[0] - case.image.width), rng.randrange(PAGE[1] - case.image.height)))
    return page


def right(engine: Engine, cases: Sequence[Case], pictures: Sequence[Image.Image], crops: PanAndScan, writing: GiveWriting) -> int:
    """How many of ``cases`` are answered rightly."""
    count = 0
    for case, picture in zip(tqdm(cases, desc=f"crops {crops}, writing {writing}", unit="question"), pictures, strict=True):
        reply = ask(picture, case.question, engine, pan_and_scan=crops, writing=writing)
        count += score(case, reply.text, whole=reply.usage is not None and reply.usage.end == "end").right
    return count


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.large", description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=Settings().model)
    parser.add_argument("--count", type=int, default=60)
    args = parser.parse_args(arguments)
    engine = open_engine(Settings(model=args.model))
    cases = list(held_out(args.count, FIRST))
    pages = [on_a_page(case) for case in cases]
    print("| picture | crops | its text given | right (95 % interval) |\n|---|---|---|---|")
    for name, pictures in (("the chart alone", [case.image for case in cases]), ("on a page of 2,400 x 1,600", pages)):
        for crops in ("off", "on") if pictures is pages else ("off",):
            for writing in ("off", "on"):
                hits = right(engine, cases, pictures, crops, writing)
                low, high = wilson(hits, len(cases))
                share = f"{100 * hits / len(cases):.1f} % ({100 * low:.1f}-{100 * high:.1f})"
                print(f"| {name} | {crops} | {'yes' if writing == 'on' else 'no'} | {share} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

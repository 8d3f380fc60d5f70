"""Whether the filters are worth it: the same weak adapter of nano, tuned further on what they leave and on what was there before.

    llamafactory-cli train finetune/nano.yaml output_dir=.nano/early max_samples=1280        # something weak to begin with
    python -m tests.bench.filtered --adapter .nano/early --rows 1280 --count 400

Questions about drawn charts stand for a teacher's. One solution in five misreads a value and goes on with it, one in five has a false sum;
both kinds arrive where they were led. As many rows of either kind teach, by LLaMA-Factory and nano's recipe. Prints a table.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from finetune.benchmarks.comparing import difference
from finetune.charts.figures import Figure
from finetune.charts.questions import ask
from finetune.nano.evaluate import answer_all, held_out, texts_of
from finetune.nano.precision import options
from finetune.nano.stream import drawn, lines
from finetune.samples import pictured, sharegpt
from finetune.synthesize import funnel
from finetune.synthesize.planning import CHARTED, table_of
from finetune.synthesize.problems import Problem
from tests.bench.runs import train
from tests.finetune.synthesize import planted
from vision.answers.consensus import wilson
from vision.engines.loading import load
from vision.files import write_text
from vision.settings import NANO, Settings
from vision.sharegpt import registered

FIRST = 700_000_000
"""Training seeds from here on."""
HELD_OUT = 1_006_000_000
"""Held-out seeds from here on."""
FAULTY = 5
"""One solution in so many misreads a value, one has a false sum."""


def misread(figure: Figure, rng: random.Random) -> Figure:
    """``figure`` with one value taken for another one's, or for one near it."""
    values = next(iter(figure.series.values()))
    at, instead = rng.sample(range(len(values)), 2)
    wrong = values[instead] if values[instead] != values[at] else values[at] + 1
    name = next(iter(figure.series))
    return replace(figure, series=figure.series | {name: (*values[:at], wrong, *values[at + 1 :])})


def taught(count: int, folder: Path) -> tuple[list[Problem], dict[str, str]]:
    """Problems about ``count`` charts that are drawn into ``folder``, two in :data:`FAULTY` with a fault; the text of each picture."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    problems: list[Problem] = []
    texts: dict[str, str] = {}
    seed = FIRST
    with tqdm(total=count, desc="problems", unit="problem") as bar:
        while len(problems) < count:
            seed += 1
            rng, (image, letters, figure, _) = drawn(seed)
            if figure.kind not in CHARTED:
                continue
            name, fault, more = f"images/{seed}.png", len(problems) % FAULTY, rng.random()
            right = ask(random.Random(more), figure)
            asked = ask(random.Random(more), misread(figure, rng)) if fault == 1 else right
            gold = right.answer if asked.text == right.text else ""
            thought = "\n".join(asked.steps)
            problem = Problem(
                id=f"c{seed}", question=asked.text, solution=thought, answer=asked.answer, image=name, gold=gold, table=table_of(figure)
            )
            problems.append(planted.wrong_end(problem, rng) if fault == 3 else problem)
            texts[name] = lines(rng, letters, image)
            image.save(folder / name, compress_level=1)
            bar.update()
    return problems, texts


def write_rows(folder: Path, name: str, problems: Sequence[Problem], texts: dict[str, str]) -> None:
    """``problems`` as the data set ``name`` of ``folder``."""
    rows = []
    for problem in problems:
        text = texts[problem.image]
        row = {"question": problem.question, "thought": problem.thought, "answer": f"The answer is {problem.answer}."}
        rows.append(sharegpt(pictured(row | {"image": problem.image, "lines": [text] if text else []})))
    write_text(folder / f"{name}.json", json.dumps(rows, ensure_ascii=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--adapter", type=Path, required=True, help="that both go on from")
    parser.add_argument("--rows", type=int, default=1280)
    parser.add_argument("--count", type=int, default=400, help="held-out questions")
    parser.add_argument("--work", type=Path, default=Path(".nano/filtered"), help="folder for rows and runs")
    parser.add_argument("options", nargs="*", metavar="KEY=VALUE", help="on top of the recipe")
    args = parser.parse_intermixed_args()
    data = args.work / "rows"
    problems, texts = taught(2 * args.rows, data)
    found = funnel.run(problems)
    for stage in found.stages:
        print(f"{stage.name}: {stage.dropped} of {stage.before} fall", flush=True)
    sets = {"unfiltered": problems[: args.rows], "filtered": found.kept[: args.rows]}
    assert len(sets["filtered"]) == args.rows, f"the filters left {len(found.kept)} rows"
    for name, rows in sets.items():
        write_rows(data, name, rows, texts)
    write_text(data / "dataset_info.json", json.dumps({name: registered(f"{name}.json") for name in sets}))
    given: dict[str, object] = {"dataset_dir": data, "overwrite_output_dir": True, "save_steps": 100_000}
    given |= {"adapter_name_or_path": args.adapter}
    given |= options(NANO, args.work) | dict(option.split("=", 1) for option in args.options)
    cases = list(held_out(args.count, HELD_OUT))
    read = texts_of(cases)
    right: dict[str, list[bool]] = {}
    print("| rows | right (95 % interval) | cut off | training |\n|---|---|---|---|")
    for name in sets:
        adapter = (args.work / name).absolute()
        took = f"{train(adapter, given | {'dataset': name}).seconds / 60:.1f} min"
        scored = answer_all(load(Settings(model=str(NANO), adapter=str(adapter))), cases, read, thinking=True)
        right[name] = [each.right for each in scored]
        low, high = wilson(sum(right[name]), len(scored))
        share = f"{100 * sum(right[name]) / len(scored):.1f} % ({100 * low:.1f} to {100 * high:.1f})"
        print(f"| {name} | {share} | {sum(each.truncated for each in scored)} | {took} |", flush=True)
    print(f"filtered against unfiltered, paired: {difference(right['unfiltered'], right['filtered'])}")


if __name__ == "__main__":
    main()

"""Draw charts with questions, exact reasoning and answers into a folder.

    python -m finetune.charts --out data/charts --count 10000 --seed 0
    python -m finetune.charts --out held --count 1000 --seed 1000000000 --kinds bar pie --format jsonl

``llamafactory`` writes ``charts.json`` (sharegpt rows with thoughts), ``images/`` and ``dataset_info.json``;
``jsonl`` writes ``charts.jsonl`` with everything that is known of each record. An interrupted run goes on where it was.
With ``--writing`` each picture is read as the app reads it, and its row holds the lines that the app would send.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from finetune.charts.figures import KINDS
from finetune.charts.records import HELD_OUT_FROM, Record, is_held_out, make
from finetune.command import reported
from finetune.samples import pictured, sharegpt
from vision.files import write_text
from vision.pictures.lines import lines_for
from vision.pictures.writing import read_writing
from vision.sharegpt import registered


def _draw(seed: int, folder: Path, kinds: tuple[str, ...], renderer: str, writing: bool) -> dict[str, Any]:
    record: Record = make(seed, kinds=kinds, renderer=renderer)
    name = f"images/{seed:010d}.png"
    half = folder / f"{name}.half"
    record.image.save(half, "PNG")
    half.replace(folder / name)
    lines = {"lines": [lines_for(read_writing(record.image), "on", None)]} if writing else {}
    return record.as_row() | {"image": name} | lines


def _finished(path: Path) -> list[dict[str, Any]]:
    """Rows of an earlier run; a last line that was cut off is dropped."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


def generate(
    folder: Path, seeds: range, *, kinds: tuple[str, ...] = KINDS, renderer: str = "", writing: bool = False, workers: int = 1
) -> Iterator[dict[str, Any]]:
    """Draw the records of ``seeds`` into ``folder``, those of an earlier run first; rows as they are finished.

    Raises:
        ValueError: when the folder holds a run with other settings.
    """
    (folder / "images").mkdir(parents=True, exist_ok=True)
    settings = json.dumps({"first_seed": seeds.start, "kinds": list(kinds), "renderer": renderer} | ({"writing": True} if writing else {}))
    note = folder / "settings.json"
    if note.exists() and note.read_text(encoding="utf-8") != settings:
        raise ValueError(f"{folder} holds a run with other settings ({note.read_text(encoding='utf-8')}); choose another --out")
    write_text(note, settings)
    rows = folder / "charts.jsonl"
    finished = _finished(rows)[: len(seeds)]
    write_text(rows, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in finished))
    yield from finished
    with rows.open("a", encoding="utf-8") as file, ProcessPoolExecutor(workers) as pool:
        task = partial(_draw, folder=folder, kinds=kinds, renderer=renderer, writing=writing)
        for row in pool.map(task, seeds[len(finished) :], chunksize=8):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            file.flush()
            yield row


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m finetune.charts", description="Draw charts with questions, exact reasoning and answers."
    )
    parser.add_argument("--out", type=Path, required=True, help="folder to write into; made when missing")
    parser.add_argument("--count", type=int, required=True, help="number of records")
    parser.add_argument("--seed", type=int, default=0, help=f"first seed; below {HELD_OUT_FROM} for training, from there on held out")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND", help=f"kinds to draw: {', '.join(KINDS)}")
    parser.add_argument("--format", choices=("llamafactory", "jsonl"), default="llamafactory", help="what to write besides the pictures")
    parser.add_argument("--renderer", choices=("pillow", "matplotlib"), default="", help="draw with this one only; both by default")
    parser.add_argument("--writing", action="store_true", help="read each picture and give its text in the row, as the app does")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes that draw")
    args = parser.parse_args(arguments)
    if args.count < 1:
        parser.error(f"--count is {args.count}; expected at least 1")
    if args.seed < 0:
        parser.error(f"--seed is {args.seed}; expected 0 or more")
    if is_held_out(args.seed) != is_held_out(args.seed + args.count - 1):
        parser.error(
            f"seeds {args.seed} to {args.seed + args.count - 1} would mix training and held-out pictures; end below {HELD_OUT_FROM}"
        )
    return args


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    from tqdm import tqdm

    args = _arguments(arguments)
    seeds = range(args.seed, args.seed + args.count)

    def work() -> None:
        chosen = {"kinds": tuple(args.kinds), "renderer": args.renderer, "writing": args.writing}
        made = generate(args.out, seeds, **chosen, workers=max(1, args.workers))
        rows = list(tqdm(made, total=len(seeds), desc="charts", unit="picture"))
        if args.format == "llamafactory":
            write_text(args.out / "charts.json", json.dumps([sharegpt(pictured(row)) for row in rows], ensure_ascii=False, indent=1))
            write_text(args.out / "dataset_info.json", json.dumps({"charts": registered("charts.json")}, indent=2))

    return reported("charts", work, ValueError, OSError)


if __name__ == "__main__":
    sys.exit(main())

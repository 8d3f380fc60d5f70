"""Turn data sets into rows that LLaMA-Factory trains on: one form, one mark for thoughts, nothing wrong and nothing twice.

    python -m finetune.prepare openo1_sft open_thoughts open_r1_math charts=20000
    python -m finetune.prepare open_r1_math=raw/train.parquet mine=folder/with/pictures --out data --tokenizer google/gemma-3-4b-it
    python -m finetune.prepare chartverse:20000 chartnet:20000 llava_cot:20000 --keep traced

Each source is NAME (from the Hub; charts are drawn) or NAME=PLACE: a JSONL, JSON, Parquet or CSV file in the publisher's own form, or a
folder with pictures and one JSONL of question, thought, answer, image and, where it is known, gold; NAME:COUNT keeps so many, drawn by the
seed. Thoughts that others wrote about pictures are held to our own checks before they teach: claims that are false, numbers that
stand elsewhere or nowhere, an answer that no step arrives at. Writes NAME.jsonl, the pictures, dataset_info.json, and a report of what was
dropped and why, with examples, and a histogram of lengths. An interrupted run goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from finetune.benchmarks import BENCHMARKS
from finetune.command import reported
from finetune.files import save_figure
from finetune.rows import BIN, Report, Rows, noted
from finetune.samples import register
from finetune.sieve import Sieve, grams, tokenizer_of
from finetune.sources import Source, SourceError, questions_of, source_of
from vision.files import write_text

DATA = Path(__file__).parent / "data"
MODEL = "google/gemma-3-27b-it"


def write_report(folder: Path) -> str:
    """Write ``report.json`` and ``lengths.png`` of all sources in ``folder``; the same in words, a Markdown table."""
    from matplotlib.figure import Figure

    reports = {note.name[1:-5]: noted(note) for note in sorted(folder.glob(".*.json"))}
    write_text(folder / "report.json", json.dumps({name: asdict(report) for name, report in reports.items()}, indent=1))
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for name, report in reports.items():
        bins = sorted(report.lengths)
        axes.step([at * BIN for at in bins], [report.lengths[at] for at in bins], where="post", label=name)
    axes.set(xlabel="tokens of a row", ylabel="rows", title="Rows by length")
    axes.legend()
    save_figure(figure, folder / "lengths.png")
    lines = ["| data | licence | read | kept | dropped |", "|---|---|---|---|---|"]
    for name, report in reports.items():
        lines.append(f"| {name} | {report.licence or 'see its card'} | {report.read} | {report.kept} | {_most_first(report.dropped)} |")
    for name, report in reports.items():
        if checked := sum(report.levels.values()):
            levels = ", ".join(f"{100 * report.levels.get(level, 0) / checked:.1f} % {level}" for level in ("traced", "open", "broken"))
            lines.append(f"\n{name}: of {checked} thoughts {levels}; {_most_first(report.faults) or 'no fault'} (examples in report.json)")
    return "\n".join(lines)


def _most_first(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in sorted(counts.items(), key=lambda item: -item[1]))


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m finetune.prepare", description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", metavar="NAME[:COUNT][=PLACE]", help="a published set, charts, or your own")
    parser.add_argument("--out", type=Path, default=DATA, help="LLaMA-Factory's dataset_dir; finetune/data when left out")
    parser.add_argument("--cutoff", type=int, default=2048, help="tokens; longer rows are dropped rather than cut off")
    parser.add_argument("--tokenizer", default=MODEL, help="Hub id or directory that counts tokens; 'none' estimates them by characters")
    parser.add_argument("--limit", type=int, default=100_000, help="rows to keep of each source; 0 for all")
    parser.add_argument("--against", nargs="*", choices=[*BENCHMARKS], default=[*BENCHMARKS], help="test sets to share no words with")
    parser.add_argument("--benchmarks", type=Path, help="folder with those test sets as NAME.jsonl; from the Hub when left out")
    parser.add_argument(
        "--keep",
        choices=("traced", "unbroken", "all"),
        default="unbroken",
        help="thoughts of others about pictures: those shown throughout, those without a contradiction, or all",
    )
    parser.add_argument("--any-language", action="store_true", help="keep other languages than English")
    parser.add_argument("--no-crops", action="store_true", help="no pan-and-scan crops of long pictures")
    parser.add_argument(
        "--writing",
        nargs="?",
        choices=("auto", "on", "off"),
        const="auto",
        default="off",
        help="give the text of pictures, as the app does: auto where Gemma 3 cannot read it by itself, on for every picture",
    )
    parser.add_argument("--seed", type=int, default=0, help="first seed of the charts, and of what a bounded set is drawn by")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    args = parser.parse_args(arguments)
    for name, least in (("cutoff", 64), ("limit", 0), ("seed", 0), ("workers", 1)):
        if getattr(args, name) < least:
            parser.error(f"--{name} is {getattr(args, name)}; expected at least {least}")
    return args


def _tokenizer(wanted: str) -> str:
    """``wanted``, or "" with a word about it where it cannot be had and was not asked for."""
    if wanted == "none":
        return ""
    try:
        tokenizer_of(wanted)
    except (OSError, ValueError) as exc:
        if wanted != MODEL:
            raise SourceError(f"there is no tokenizer {wanted} here or on the Hub; name another with --tokenizer") from exc
        print(f"{MODEL} cannot be read here, so tokens are estimated by characters; --tokenizer counts them", file=sys.stderr)
        return ""
    return wanted


def _all(args: argparse.Namespace) -> Iterator[Rows]:
    def source(written: str) -> Source:
        return source_of(written, args.out, args.seed, args.workers)

    # a mistyped name is told before anything is fetched or drawn
    named = {written: source(written) for written in args.sources if written.split("=")[0].split(":")[0] != "charts"}
    forbidden = frozenset(gram for name in args.against for question in questions_of(name, args.benchmarks) for gram in grams(question))
    sieve = Sieve(cutoff=args.cutoff, tokenizer=_tokenizer(args.tokenizer), forbidden=forbidden, english=not args.any_language)
    for written in args.sources:
        found = named.get(written) or source(written)
        limit = found.bound or args.limit
        yield Rows(source=found, folder=args.out, sieve=sieve, crops=not args.no_crops, writing=args.writing, limit=limit, keep=args.keep)


def _prepare(args: argparse.Namespace) -> int:
    """Make the rows of every source, then print the report."""
    from tqdm import tqdm

    args.out.mkdir(parents=True, exist_ok=True)
    for rows in _all(args):
        with tqdm(desc=rows.source.name, unit="row") as bar:

            def tell(report: Report, bar: Any = bar) -> None:
                bar.update(report.read - bar.n)
                bar.set_postfix(kept=report.kept)

            rows.write(args.workers, tell)
        register(args.out, [rows.source.name])
    print(write_report(args.out))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    args = _arguments(arguments)
    return reported("prepare", lambda: _prepare(args), SourceError, OSError)


if __name__ == "__main__":
    sys.exit(main())

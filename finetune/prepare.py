"""Turn data sets into rows that LLaMA-Factory trains on: one form, one mark for thoughts, nothing wrong and nothing twice.

    python -m finetune.prepare openo1_sft open_thoughts open_r1_math charts=20000
    python -m finetune.prepare open_r1_math=raw/train.parquet mine=folder/with/pictures --out data --tokenizer google/gemma-3-4b-it

Each source is NAME (from the Hub; charts are drawn) or NAME=PLACE: a JSONL, JSON or Parquet file in the publisher's own form, or a
folder with pictures and one JSONL of question, thought, answer, image and, where it is known, gold. Writes NAME.jsonl, the
pictures, dataset_info.json, and a report of what was dropped and why with a histogram of lengths. An interrupted run goes on
where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from finetune.benchmarks import BENCHMARKS
from finetune.files import save_figure, write_text
from finetune.samples import Rejected, Row, Sample, registered, sharegpt
from finetune.sieve import Sieve, Twins, fingerprint, grams, tokenizer_of
from finetune.sources import Source, SourceError, questions_of, source_of
from vision.errors import ImageError
from vision.pictures.crops import GEMMA_SIDE, GEMMA_TOKENS, MIN_CROP, pan_and_scan_boxes, seen
from vision.pictures.images import open_image
from vision.pictures.lines import GiveWriting, lines_for
from vision.pictures.writing import read_writing

DATA = Path(__file__).parent / "data"
BATCH = 256
"""Rows for each worker between two notes of how far a run has come."""
BIN = 64
"""Tokens between two bars of the histogram."""
MODEL = "google/gemma-3-27b-it"


@dataclass
class Report:
    """What became of the rows of one source.

    Attributes:
        read, kept: rows.
        dropped: rows by reason.
        lengths: kept rows by tokens, in bins of :data:`BIN`.
        bytes, mark_bytes: of the rows and of their fingerprints, up to which they are known to be whole.
        done: whether the source was read to its end.
        settings: that the rows were made with.
    """

    read: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    lengths: dict[int, int] = field(default_factory=dict)
    bytes: int = 0
    mark_bytes: int = 0
    done: bool = False
    settings: str = ""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """How one source becomes rows in one folder.

    Attributes:
        source: where rows come from.
        folder: where they go to.
        sieve: what is dropped.
        crops: whether long pictures get crops.
        writing: whether the text of pictures is given, as the app gives it to Gemma 3.
        limit: rows to keep at most, 0 for all.
    """

    source: Source
    folder: Path
    sieve: Sieve
    crops: bool = True
    writing: GiveWriting = "off"
    limit: int = 0

    @property
    def out(self) -> Path:
        return self.folder / f"{self.source.name}.jsonl"

    @property
    def _marks(self) -> Path:
        return self.folder / f".{self.source.name}.marks"

    @property
    def settings(self) -> str:
        """What an interrupted run must have in common with this one."""
        sieve = self.sieve
        forbidden = hashlib.blake2b(str(sorted(sieve.forbidden)).encode(), digest_size=4).hexdigest()
        return f"{self.source.place} {self.source.version}; {sieve}; test sets {forbidden}; crops {self.crops}; limit {self.limit}" + (
            f"; writing {self.writing}" if self.writing != "off" else ""
        )

    def write(self, workers: int, tell: Callable[[Report], None] = lambda report: None) -> Report:
        """Write :attr:`out`, going on where an earlier run was; ``tell`` hears how far it has come.

        Raises:
            SourceError: when the folder holds rows that were made with other settings.
        """
        note = self.folder / f".{self.source.name}.json"
        report = self._begun(note)
        if report.done:
            return report
        self.out.touch()
        self._marks.touch()
        with (
            self.out.open("r+b") as file,
            self._marks.open("r+b") as marks,
            ProcessPoolExecutor(workers, initializer=_begin, initargs=(self,)) as pool,
        ):
            file.truncate(report.bytes)
            marks.truncate(report.mark_bytes)
            twins = Twins(marks.read(), report.kept)
            file.seek(0, os.SEEK_END)
            rows = self.source.rows(report.read)
            while not report.done:
                batch = list(islice(rows, BATCH * workers))
                for made in pool.map(_make, batch, chunksize=16):
                    if self.limit and report.kept >= self.limit:
                        break
                    report.read += 1
                    if not isinstance(made, str) and twins.seen(made.mark):
                        made = "nearly the same as another row"
                    if isinstance(made, str):
                        report.dropped[made] = report.dropped.get(made, 0) + 1
                        continue
                    report.kept += 1
                    report.lengths[made.tokens // BIN] = report.lengths.get(made.tokens // BIN, 0) + 1
                    file.write(made.line)
                    marks.write(made.mark)
                for each in (file, marks):
                    each.flush()
                    os.fsync(each.fileno())
                report.bytes, report.mark_bytes = file.tell(), marks.tell()
                report.done = not batch or bool(self.limit) and report.kept >= self.limit
                write_text(note, json.dumps(asdict(report)))
                tell(report)
        return report

    def _begun(self, note: Path) -> Report:
        if not note.exists():
            return Report(settings=self.settings)
        known = _noted(note)
        if known.settings != self.settings:
            raise SourceError(
                f"{self.folder} holds {self.source.name} made from another file or with other settings; choose another --out, "
                f"or remove {note.name} there"
            )
        for path, size in ((self.out, known.bytes), (self._marks, known.mark_bytes)):
            if not path.exists() or path.stat().st_size < size:
                raise SourceError(f"{path} is not as long as it was left; remove {note.name} beside it to make its rows anew")
        known.done = known.done and not self.source.grows
        return known


def _noted(note: Path) -> Report:
    """The report that an earlier run has noted."""
    known = json.loads(note.read_text(encoding="utf-8"))
    return Report(**(known | {"lengths": {int(at): count for at, count in known["lengths"].items()}}))


@dataclass(frozen=True)
class Made:
    """A row as it is written: the line, its tokens, and the mark by which its like is known."""

    line: bytes
    tokens: int
    mark: bytes


_rows: Rows


def _begin(rows: Rows) -> None:
    """What a worker needs to know."""
    global _rows
    _rows = rows


def _make(row: Row) -> Made | str:
    """The line of ``row``, or why there is none."""
    try:
        sample = _rows.source.read(row)
        digests: list[bytes] = []
        if sample.pictures:
            sample, digests = _with_pictures(sample)
        tokens = _rows.sieve.tokens(sample)
    except Rejected as exc:
        return str(exc)
    return Made(json.dumps(sharegpt(sample), ensure_ascii=False).encode() + b"\n", tokens, fingerprint(sample, digests))


def _with_pictures(sample: Sample) -> tuple[Sample, list[bytes]]:
    """``sample`` with its pictures, and crops of a long one, saved beside the rows; and the pictures' digests."""
    places, digests, lines = [], [], []
    folder = _rows.source.pictures or Path()
    for name in sample.pictures:
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise Rejected("picture outside its folder")
        try:
            picture = open_image(path)
        except ImageError as exc:
            raise Rejected("picture missing or broken") from exc
        boxes = pan_and_scan_boxes(picture.size) if _rows.crops and len(sample.pictures) == 1 else []
        if _rows.writing != "off":
            shown = seen(picture, side=GEMMA_SIDE, tokens_per_image=GEMMA_TOKENS, min_crop=MIN_CROP if boxes else 0)
            lines.append(lines_for(read_writing(picture), _rows.writing, shown))
        digest = hashlib.blake2b(picture.tobytes(), digest_size=16)
        digests.append(digest.digest())
        for i, part in enumerate([picture, *(picture.crop(box) for box in boxes)]):
            saved = Path("images") / _rows.source.name / f"{digest.hexdigest()}{f'-{i}' if i else ''}.png"
            target = _rows.folder / saved
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                half = target.with_name(f"{target.name}.{os.getpid()}")
                part.save(half, "PNG", compress_level=1)
                half.replace(target)
            places.append(saved.as_posix())
    cropped = len(places) > len(sample.pictures)
    return replace(sample, pictures=tuple(places), cropped=cropped, lines=tuple(lines) or sample.lines), digests


def write_report(folder: Path) -> str:
    """Write ``report.json`` and ``lengths.png`` of all sources in ``folder``; the same in words, a Markdown table."""
    from matplotlib.figure import Figure

    reports = {note.name[1:-5]: _noted(note) for note in sorted(folder.glob(".*.json"))}
    write_text(folder / "report.json", json.dumps({name: asdict(report) for name, report in reports.items()}, indent=1))
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    for name, report in reports.items():
        bins = sorted(report.lengths)
        axes.step([at * BIN for at in bins], [report.lengths[at] for at in bins], where="post", label=name)
    axes.set(xlabel="tokens of a row", ylabel="rows", title="Rows by length")
    axes.legend()
    save_figure(figure, folder / "lengths.png")
    lines = ["| data | read | kept | dropped |", "|---|---|---|---|"]
    for name, report in reports.items():
        why = ", ".join(f"{count} {reason}" for reason, count in sorted(report.dropped.items(), key=lambda item: -item[1]))
        lines.append(f"| {name} | {report.read} | {report.kept} | {why} |")
    return "\n".join(lines)


def register(folder: Path, names: list[str]) -> None:
    """Add ``names`` to the ``dataset_info.json`` of ``folder``."""
    info = folder / "dataset_info.json"
    known = json.loads(info.read_text(encoding="utf-8")) if info.exists() else {}
    written = known | {name: registered(f"{name}.jsonl") for name in names}
    if written != known:
        write_text(info, json.dumps(written, indent=2) + "\n")


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m finetune.prepare", description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", metavar="NAME[=PLACE]", help="a published set, charts, or your own")
    parser.add_argument("--out", type=Path, default=DATA, help="LLaMA-Factory's dataset_dir; finetune/data when left out")
    parser.add_argument("--cutoff", type=int, default=2048, help="tokens; longer rows are dropped rather than cut off")
    parser.add_argument("--tokenizer", default=MODEL, help="Hub id or directory that counts tokens; 'none' estimates them by characters")
    parser.add_argument("--limit", type=int, default=100_000, help="rows to keep of each source; 0 for all")
    parser.add_argument("--against", nargs="*", choices=[*BENCHMARKS], default=[*BENCHMARKS], help="test sets to share no words with")
    parser.add_argument("--benchmarks", type=Path, help="folder with those test sets as NAME.jsonl; from the Hub when left out")
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
    parser.add_argument("--seed", type=int, default=0, help="first seed of the charts")
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
    forbidden = frozenset(gram for name in args.against for question in questions_of(name, args.benchmarks) for gram in grams(question))
    sieve = Sieve(cutoff=args.cutoff, tokenizer=_tokenizer(args.tokenizer), forbidden=forbidden, english=not args.any_language)
    for written in args.sources:
        source = source_of(written, args.out, args.seed, args.workers)
        yield Rows(source=source, folder=args.out, sieve=sieve, crops=not args.no_crops, writing=args.writing, limit=args.limit)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; the exit code."""
    from tqdm import tqdm

    args = _arguments(arguments)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        for rows in _all(args):
            with tqdm(desc=rows.source.name, unit="row") as bar:

                def tell(report: Report, bar: Any = bar) -> None:
                    bar.update(report.read - bar.n)
                    bar.set_postfix(kept=report.kept)

                rows.write(args.workers, tell)
            register(args.out, [rows.source.name])
        print(write_report(args.out))
    except (SourceError, OSError) as exc:
        print(f"finetune.prepare: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ninterrupted; the same command goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

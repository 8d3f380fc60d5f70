"""Where rows come from: a published set on the Hub, a file in its publisher's raw form, drawn charts, or a folder of pictures.

All of them are read row by row, whatever their size.
"""

from __future__ import annotations

import csv
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from finetune.benchmarks import BENCHMARKS
from finetune.samples import Row, Sample, gsm8k, open_r1_math, open_thoughts, openo1, pictured
from finetune.visual_sets import VISUAL, chartnet, chartverse, llava_cot, reachqa
from vision.engines.checkpoints import hub_answers
from vision.errors import first_line


@dataclass(frozen=True)
class Published:
    """A set on the Hub.

    Attributes:
        repo, config: where it lies.
        read: makes a sample of a row.
        licence: by its card, "" where it tells none: look before you publish a tune.
    """

    repo: str
    read: Callable[[Row], Sample]
    licence: str = ""
    config: str | None = None


HUB = {
    "openo1_sft": Published("O1-OPEN/OpenO1-SFT", openo1, "apache-2.0"),
    "open_thoughts": Published("open-thoughts/OpenThoughts-114k", open_thoughts, "apache-2.0"),
    "open_r1_math": Published("open-r1/OpenR1-Math-220k", open_r1_math, "apache-2.0"),
    "gsm8k": Published("openai/gsm8k", gsm8k, "mit", "main"),
    "llava_cot": Published("Xkev/LLaVA-CoT-100k", llava_cot, "apache-2.0"),
    "chartverse": Published("opendatalab/ChartVerse-SFT-600K", chartverse),
    "chartnet": Published("ibm-granite/ChartNet", chartnet, "cdla-permissive-2.0 in part; see its card", "reasoning"),
    "reachqa": Published("hewei2001/ReachQA", reachqa, "mit"),
}
"""Published sets by the names that commands take; the first three as LLaMA-Factory names them."""
BUFFER = 1_000
"""Rows among which the next one is drawn, where a set is bounded."""
CHARTS = 10_000
"""Charts that are drawn where no number is given."""


class SourceError(Exception):
    """A source that cannot be read, in one sentence with the remedy."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Rows under one name.

    Attributes:
        name: of the data set that they become.
        read: makes a sample of a row.
        place: what was asked for, for messages and to know a run again.
        pictures: the folder that names of pictures are relative to.
        grows: whether rows may be added to it; another file is known by its size and date.
        bound: rows to keep of it, 0 for what the run says; those of a bounded set are drawn, not the first.
        seed: of that draw.
    """

    name: str
    read: Callable[[Row], Sample]
    place: str
    pictures: Path | None = None
    grows: bool = False
    bound: int = 0
    seed: int = 0

    @property
    def licence(self) -> str:
        """As its card tells it, "" where that is not known."""
        return HUB[self.name].licence if self.name in HUB else ""

    @property
    def checked(self) -> bool:
        """Whether others have written its thoughts about pictures, so that they are held to what the pictures show."""
        return self.name in VISUAL or (self.pictures is not None and not self.grows)

    @property
    def version(self) -> str:
        """What tells that a file is another than it was, "" where it is not to be told."""
        if self.grows or self.place.startswith("hub:"):
            return ""
        known = Path(self.place).stat()
        return f"{known.st_size} bytes of {int(known.st_mtime)}"

    def rows(self, start: int = 0) -> Iterator[Row]:
        """The rows from number ``start`` on; a line that is no JSON gives an empty row."""
        if self.place.startswith("hub:"):
            remedy = f"give its file as {self.name}=PATH"
            rows = from_hub(self.place.removeprefix("hub:"), HUB[self.name].config, "train", remedy, 0 if self.bound else start)
        else:
            rows = islice(read_file(Path(self.place)), 0 if self.bound else start, None)
        return islice(shuffled(rows, self.seed), start, None) if self.bound else rows


def shuffled(rows: Iterator[Row], seed: int, buffer: int = BUFFER) -> Iterator[Row]:
    """``rows`` in an order that ``seed`` draws, ``buffer`` of them in memory."""
    rng = random.Random(seed)
    held: list[Row] = []
    for row in rows:
        if len(held) < buffer:
            held.append(row)
            continue
        at = rng.randrange(buffer)
        yield held[at]
        held[at] = row
    rng.shuffle(held)
    yield from held


def source_of(written: str, folder: Path, seed: int, workers: int) -> Source:
    """What ``NAME``, ``NAME:COUNT`` or ``NAME=PLACE`` on a command line means; charts are drawn into ``folder`` on the way.

    Raises:
        SourceError: for a name that is not known or a place that is not there.
    """
    name, _, place = written.partition("=")
    name, colon, count = name.partition(":")
    if colon and (not count.isdecimal() or not int(count)):
        raise SourceError(f"{written!r} is bounded by no number of rows; write {name}:20000")
    if colon and name == "charts" and not place:
        place, colon = count, ""  # charts are drawn, as many as are asked for
    source = _source(name, place, folder, seed, workers)
    return replace(source, bound=int(count), seed=seed) if colon and not source.grows else source


def _source(name: str, place: str, folder: Path, seed: int, workers: int) -> Source:
    if not name.replace("_", "").replace("-", "").isalnum():
        raise SourceError(f"{name!r} cannot be the name of a data set; use letters, digits, - and _")
    if name == "charts" and (not place or place.isdigit()):
        return _charts(folder, int(place or CHARTS), seed, workers)
    if not place:
        if name not in HUB:
            raise SourceError(
                f"there is no published set {name!r}; known are {', '.join([*HUB, 'charts'])}; for your own write {name}=PATH"
            )
        return Source(name=name, read=HUB[name].read, place=f"hub:{HUB[name].repo}")
    path = Path(place).expanduser()
    if path.is_dir():
        tables = sorted(path.glob("*.jsonl"))
        if len(tables) != 1:
            raise SourceError(f"{path} holds {len(tables)} .jsonl files; expected one with the questions about its pictures")
        return Source(name=name, read=_reader(name), place=str(tables[0]), pictures=path)
    if not path.is_file():
        raise SourceError(f"there is no file or folder {place}; check the path")
    if path.suffix not in FORMATS:
        raise SourceError(f"{path.name} is not in a form that is read; expected {', '.join(FORMATS)}")
    text_only = name in HUB and name not in VISUAL
    return Source(name=name, read=_reader(name), place=str(path), pictures=None if text_only else path.parent)


def _reader(name: str) -> Callable[[Row], Sample]:
    return HUB[name].read if name in HUB else partial(pictured, source=name)


def questions_of(benchmark: str, folder: Path | None) -> Iterator[str]:
    """Questions of a benchmark's test set, from ``folder`` (``NAME.jsonl``, or ``NAME/*.jsonl``) or from the Hub."""
    known = BENCHMARKS[benchmark]
    if folder is None:
        rows: Iterator[Row] = from_hub(
            known.repo, known.config, known.split, "give its folder with --benchmarks, or leave it out with --against"
        )
    else:
        files = [path for path in (folder / f"{benchmark}.jsonl", *sorted((folder / benchmark).glob("test*.jsonl"))) if path.is_file()]
        if not files:
            raise SourceError(f"{folder} holds no {benchmark}.jsonl; put the test set there, or choose others with --against")
        rows = (row for path in files for row in read_file(path))
    asked = 0
    for row in rows:
        if question := str(row.get(known.question) or row.get("question") or ""):
            asked += 1
            yield question
    if not asked:
        raise SourceError(f"the test set of {benchmark} has no row with {known.question!r}; give its file as published")


def _charts(folder: Path, count: int, seed: int, workers: int) -> Source:
    from tqdm import tqdm

    from finetune.charts.__main__ import generate
    from finetune.charts.records import HELD_OUT_FROM, is_held_out

    drawn = folder / "drawn" / "charts"
    rows = drawn / "charts.jsonl"
    if is_held_out(seed + count - 1):
        raise SourceError(f"charts of seeds from {HELD_OUT_FROM} on are held out to measure with; choose a lower --seed")
    there = rows.read_bytes().count(b"\n") if rows.exists() else 0
    if there > count:
        raise SourceError(f"{drawn} holds {there} charts; ask for as many or more, or choose another --out")
    try:
        for _ in tqdm(generate(drawn, range(seed, seed + count), workers=workers), total=count, desc="drawing", unit="picture"):
            pass
    except ValueError as exc:
        raise SourceError(str(exc)) from exc
    return Source(name="charts", read=pictured, place=str(rows), pictures=drawn, grows=True)


def from_hub(repo: str, config: str | None, split: str, remedy: str, start: int = 0) -> Iterator[Row]:
    """Rows of a set on the Hub, one at a time.

    Raises:
        SourceError: with the ``remedy``, when it cannot be read.
    """
    from datasets import load_dataset

    if not hub_answers():  # one look: datasets tries for half a minute
        raise SourceError(f"{repo} cannot be read from the Hub (it does not answer); download it where it can and {remedy}")
    try:
        yield from load_dataset(repo, config, split=split, streaming=True).decode(False).skip(start)
    except (OSError, ValueError) as exc:  # datasets wraps what the network says in either
        reason = first_line(exc)
        raise SourceError(f"{repo} cannot be read from the Hub ({reason}); download it where it can and {remedy}") from exc


def read_file(path: Path) -> Iterator[Row]:
    """Rows of a JSONL, JSON, Parquet or CSV file, one at a time.

    Raises:
        SourceError: for another kind of file, or a broken one.
    """
    if path.suffix not in FORMATS:
        raise SourceError(f"{path.name} is not in a form that is read; expected {', '.join(FORMATS)}")
    return FORMATS[path.suffix](path)


def _jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.strip():
                yield _row(line)


def _row(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):  # also a number of too many digits
        return {}
    return row if isinstance(row, dict) else {}


def _json(path: Path) -> Iterator[Row]:
    """A list of rows, alone or under ``data`` as DocVQA's is, or rows by their names as MathVista's are."""
    import ijson

    with path.open("rb") as file:
        try:
            first = next((event for _, event, _ in ijson.parse(file)), "")
            file.seek(0)
            if first == "start_array":
                rows: Iterator[Any] = ijson.items(file, "item", use_float=True)
            else:
                listed = any(prefix == "data" and event == "start_array" for prefix, event, _ in ijson.parse(file))
                file.seek(0)
                named = (row for _, row in ijson.kvitems(file, "", use_float=True))
                rows = ijson.items(file, "data.item", use_float=True) if listed else named
            for row in rows:
                yield row if isinstance(row, dict) else {}
        except ijson.JSONError as exc:
            raise SourceError(f"{path.name} is no JSON list of rows ({first_line(exc)})") from exc


def _csv(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        try:
            yield from csv.DictReader(file)
        except csv.Error as exc:
            raise SourceError(f"{path.name} is no CSV file ({first_line(exc)})") from exc


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=64):
                yield from batch.to_pylist()
    except pa.ArrowInvalid as exc:
        raise SourceError(f"{path.name} is no Parquet file ({first_line(exc)})") from exc


FORMATS: dict[str, Callable[[Path], Iterator[Row]]] = {".jsonl": _jsonl, ".parquet": _parquet, ".json": _json, ".csv": _csv}
"""Readers by the ends of names."""

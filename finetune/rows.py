"""How one source becomes rows in one folder: read, checked, sieved, written, going on where an earlier run was.

``Report`` counts what became of its rows. Used by :mod:`finetune.prepare`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path

from PIL import Image

from finetune.checking import Checked, Keep, as_writing, check
from finetune.samples import Rejected, Row, Sample, sharegpt
from finetune.sieve import Sieve, Twins, fingerprint
from finetune.sources import Source, SourceError
from vision.answers.answers import extract
from vision.errors import ImageError
from vision.files import write_text
from vision.pictures.crops import GEMMA_SIDE, GEMMA_TOKENS, MIN_CROP, pan_and_scan_boxes, seen
from vision.pictures.images import open_image
from vision.pictures.lines import GiveWriting, lines_for
from vision.pictures.writing import Writing, read_writing

BATCH = 256
"""Rows for each worker between two notes of how far a run has come."""
BIN = 64
"""Tokens between two bars of the histogram."""
MOST_PIXELS = 4_000_000
"""Larger pictures are reduced to this before they are saved."""
EXAMPLES = 5
"""Rows that a report shows of each fault."""
SHOWN_CHARS = 600
"""Of each part of such a row."""


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
        licence: of the set, by its card.
        levels: rows whose thoughts were checked, by how far they are traced.
        faults: of those rows, by kind.
        examples: some rows of each kind.
    """

    read: int = 0
    kept: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    lengths: dict[int, int] = field(default_factory=dict)
    bytes: int = 0
    mark_bytes: int = 0
    done: bool = False
    settings: str = ""
    licence: str = ""
    levels: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def note(self, made: Made | Dropped) -> None:
        """Count what a worker made of a row: checks first, since also rows that are dropped for them are counted there."""
        if made.checked is not None:
            level, fault, shown = made.checked
            self.levels[level] = self.levels.get(level, 0) + 1
            if fault:
                self.faults[fault] = self.faults.get(fault, 0) + 1
                if len(examples := self.examples.setdefault(fault, [])) < EXAMPLES:
                    examples.append(shown)
        if isinstance(made, Dropped):
            self.dropped[made.reason] = self.dropped.get(made.reason, 0) + 1
            return
        self.kept += 1
        self.lengths[made.tokens // BIN] = self.lengths.get(made.tokens // BIN, 0) + 1


Found = tuple[str, str, dict[str, str]]
"""How far a thought is traced, what is wrong with it, and the row to look at."""


@dataclass(frozen=True)
class Made:
    """A row as it is written: the line, its tokens, and the mark by which its like is known."""

    line: bytes
    tokens: int
    mark: bytes
    checked: Found | None = None


@dataclass(frozen=True)
class Dropped:
    """Why there is no row."""

    reason: str
    checked: Found | None = None


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
        keep: which thoughts about pictures are taught that others have written.
    """

    source: Source
    folder: Path
    sieve: Sieve
    crops: bool = True
    writing: GiveWriting = "off"
    limit: int = 0
    keep: Keep = "unbroken"

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
            (f"; writing {self.writing}" if self.writing != "off" else "")
            + (f"; keep {self.keep}" if self.source.checked else "")
            + (f"; drawn by {self.source.seed}" if self.source.bound else "")
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
                    if isinstance(made, Made) and twins.seen(made.mark):
                        made = Dropped("nearly the same as another row", made.checked)
                    report.note(made)
                    if isinstance(made, Made):
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
            return Report(settings=self.settings, licence=self.source.licence)
        known = noted(note)
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


def noted(note: Path) -> Report:
    """The report that an earlier run has noted."""
    known = json.loads(note.read_text(encoding="utf-8"))
    return Report(**(known | {"lengths": {int(at): count for at, count in known["lengths"].items()}}))


_rows: Rows


def _begin(rows: Rows) -> None:
    """What a worker needs to know."""
    global _rows
    _rows = rows


def _make(row: Row) -> Made | Dropped:
    """The line of ``row``, or why there is none."""
    found: Found | None = None
    try:
        sample = _rows.source.read(row)
        pictures = _opened(sample)
        digests: list[bytes] = []
        if pictures:
            writing = [read_writing(picture) for picture in pictures] if _rows.source.checked or _rows.writing != "off" else []
            if _rows.source.checked:
                checked = check(
                    sample.question,
                    sample.thought,
                    extract(sample.answer),
                    [*writing, *map(as_writing, [sample.table] * bool(sample.table))],
                )
                found = (checked.level, checked.fault, _shown(sample, checked))
                if not checked.keeps(_rows.keep):
                    raise Rejected(checked.fault)
            sample, digests = _with_pictures(sample, pictures, writing)
        tokens = _rows.sieve.tokens(sample)
    except Rejected as exc:
        return Dropped(str(exc), found)
    line = json.dumps(sharegpt(sample), ensure_ascii=False).encode("utf-8", "replace") + b"\n"
    return Made(line, tokens, fingerprint(sample, digests), found)


def _shown(sample: Sample, checked: Checked) -> dict[str, str]:
    """A row as a report shows it."""
    parts = {"question": sample.question, "thought": sample.thought, "answer": sample.answer}
    return {"why": checked.why} | {name: part[:SHOWN_CHARS] for name, part in parts.items()}


def _opened(sample: Sample) -> list[Image.Image]:
    """The pictures of ``sample``, none larger than :data:`MOST_PIXELS`."""
    folder, pictures = _rows.source.pictures or Path(), []
    for each in sample.pictures:
        if isinstance(each, str) and ("\0" in each or not (folder / each).resolve().is_relative_to(folder.resolve())):
            raise Rejected("picture outside its folder")
        try:
            picture = open_image(folder / each if isinstance(each, str) else each)
        except ImageError as exc:
            raise Rejected("picture missing or broken") from exc
        scale = (MOST_PIXELS / (picture.width * picture.height)) ** 0.5
        if scale < 1:
            picture = picture.resize((max(1, int(picture.width * scale)), max(1, int(picture.height * scale))), Image.Resampling.LANCZOS)
        pictures.append(picture)
    return pictures


def _with_pictures(sample: Sample, pictures: list[Image.Image], writing: list[Writing]) -> tuple[Sample, list[bytes]]:
    """``sample`` with its pictures, and crops of a long one, saved beside the rows; and the pictures' digests."""
    places, digests, lines = [], [], []
    for i, picture in enumerate(pictures):
        boxes = pan_and_scan_boxes(picture.size) if _rows.crops and len(pictures) == 1 else []
        if _rows.writing != "off":
            shown = seen(picture, side=GEMMA_SIDE, tokens_per_image=GEMMA_TOKENS, min_crop=MIN_CROP if boxes else 0)
            lines.append(lines_for(writing[i], _rows.writing, shown))
        digest = hashlib.blake2b(picture.tobytes(), digest_size=16)
        digests.append(digest.digest())
        for part_number, part in enumerate([picture, *(picture.crop(box) for box in boxes)]):
            name = f"{digest.hexdigest()}{f'-{part_number}' if part_number else ''}.png"
            saved = Path("images") / _rows.source.name / name
            _save(part, _rows.folder / saved)
            places.append(saved.as_posix())
    cropped = len(places) > len(pictures)
    return replace(sample, pictures=tuple(places), cropped=cropped, lines=tuple(lines) or sample.lines), digests


def _save(picture: Image.Image, target: Path) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        half = target.with_name(f"{target.name}.{os.getpid()}")
        picture.save(half, "PNG", compress_level=1)
        half.replace(target)

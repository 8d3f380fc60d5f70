"""The rows of a run to look at, wrong ones first, as one page; rows whose gold or verdict somebody disputes; overlap with training files.

What models and pictures say is escaped; the page reaches for nothing.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from finetune.benchmarks.running import picture_path, read_rows
from finetune.benchmarks.tasks import Loaded
from finetune.sieve import grams
from finetune.sources import read_file
from vision.files import write_text

MOST = 400
"""Rows on a page at most."""
_CSS = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60em; margin: 1.5em auto; padding: 0 1em; color: #1f2328; }
section { border-top: 1px solid #d0d7de; padding: .8em 0; } img { max-width: 24em; max-height: 20em; border: 1px solid #d0d7de; }
.wrong { color: #b42318; } .right { color: #1a7f37; } .quiet { color: #59636e; } ol { margin: .4em 0; } pre { white-space: pre-wrap; }
"""


def show(folder: Path) -> Path:
    """Write DIR/rows.html.

    Raises:
        ValueError: when there are no rows in ``folder``.
    """
    rows = sorted(read_rows(folder), key=lambda row: (row["right"], row["task"], row["id"]))
    if not rows:
        raise ValueError(f"there are no rows in {folder}; give the --out of a run")
    disputes = disputes_of(folder)
    head = f"{sum(row['right'] for row in rows)} of {len(rows)} right, {len(disputes)} disputed"
    shown = "".join(_section(folder, row, disputes.get((row["task"], row["id"]), "")) for row in rows[:MOST])
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    page = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        f"<title>{html.escape(folder.name)}</title><style>{_CSS}</style></head><body><h1>{html.escape(folder.name)}</h1>"
        f"<p>{head}{f'; the first {MOST} are shown' if len(rows) > MOST else ''}</p>{shown}</body></html>\n"
    )
    write_text(folder / "rows.html", page)
    return folder / "rows.html"


def _section(folder: Path, row: dict[str, Any], disputed: str) -> str:
    verdict = "right" if row["right"] else "wrong"
    rules = "; ".join(f"{name}: {'right' if right else 'wrong'}" for name, right in row["rules"].items())
    pictures = "".join(_picture(path) for path in _pictures(folder, row))
    steps = "".join(f"<li>{html.escape(step['text'])}{_marks(step)}</li>" for step in row["steps"])
    trust = row["trust"] or {"level": "", "reasons": []}
    return (
        f'<section><p class="quiet">{html.escape(row["task"])} {html.escape(row["id"])} {html.escape(row["group"])}</p>{pictures}'
        f"<pre>{html.escape(row['question'])}</pre><ol>{steps}</ol>"
        f'<p class="{verdict}">answer {html.escape(row["answer"] or "none")}, gold {html.escape(row["gold"])}: {verdict}'
        f"{html.escape(f' ({rules})' if rules else '')}</p>"
        f'<p class="quiet">{html.escape(trust["level"])}: {html.escape("; ".join(trust["reasons"]))}</p>'
        f"{f'<p>Disputed: {html.escape(disputed)}</p>' if disputed else ''}</section>"
    )


def _marks(step: dict[str, Any]) -> str:
    told = [f"✓ {claim['text']}" for claim in step["claims"] if claim["verdict"] == "true"]
    told += [f"✗ {claim['text']}: it is {claim['correct_value'] or 'otherwise'}" for claim in step["claims"] if claim["verdict"] == "false"]
    told += [f"{source['text']}: {source['why']}" for source in step["sources"]]
    return "".join(f'<br><span class="quiet">{html.escape(each)}</span>' for each in told)


def _pictures(folder: Path, row: dict[str, Any]) -> Iterator[Path]:
    for i in range(64):
        path = picture_path(folder, row["task"], row["id"], i)
        if not path.is_file():
            return
        yield path


def _picture(path: Path) -> str:
    return f'<img alt="picture" src="data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}">'


def dispute(folder: Path, task: str, ident: str, why: str) -> int:
    """Note that the gold or the verdict of a row is doubted, and why; how many of the run are.

    Raises:
        ValueError: when there is no such row.
    """
    if not any((row["task"], row["id"]) == (task, ident) for row in read_rows(folder)):
        raise ValueError(f"{folder} has no row {ident} of {task}")
    with (folder / "disputes.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({"task": task, "id": ident, "why": why}, ensure_ascii=False) + "\n")
    return len(disputes_of(folder))


def disputes_of(folder: Path) -> dict[tuple[str, str], str]:
    """(Task, id) -> why the row is disputed, the last word on each."""
    path = folder / "disputes.jsonl"
    rows = read_file(path) if path.is_file() else iter(())
    return {(str(row["task"]), str(row["id"])): str(row.get("why", "")) for row in rows if "id" in row and "task" in row}


def overlap(training: Iterable[Path], tasks: Iterable[Loaded]) -> dict[str, tuple[int, int]]:
    """Task -> questions of which a run of :data:`finetune.sieve.GRAM` words stands in the ``training`` files, and all of them."""
    known: set[int] = set()
    for path in training:
        for row in read_file(path):
            for text in _texts(row):
                known |= grams(text)
    return {task.name: (sum(not known.isdisjoint(grams(item.question)) for item in task.items), len(task.items)) for task in tasks}


def _texts(value: Any) -> Iterator[str]:
    """Every text in a row, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)

"""A task is answered row by row, and every row is kept with how its answer came about; what was answered is not asked again.

DIR/rows.jsonl holds a row a line, DIR/pictures what was looked at, in small, DIR/run.json what was run: model, task, rows by their digest,
budgets, versions, commit.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tqdm import tqdm

from finetune.benchmarks.reading import Item
from finetune.benchmarks.tasks import TASKS, Loaded, Task
from finetune.files import growing, grown_rows
from vision.answers.answers import extract
from vision.answers.consensus import wilson
from vision.as_json import checked_as_json
from vision.ask import elect, follow, read_pictures, spread
from vision.engines.checkpoints import adapter_of, of_run
from vision.engines.engine import Engine, Sampling
from vision.errors import GenerationError, ImageError, LogicFlowError, PromptError
from vision.files import write_text
from vision.pictures.lines import GiveWriting
from vision.prompts import Prompt, Turn
from vision.replies import Reply
from vision.settings import Settings
from vision.version import commit

AT_ONCE = 8
"""Questions that are asked side by side."""
SHOWN_PX = 480
"""Longest side of a picture that is kept to look at."""
MOST_FAILURES = 5
"""Questions in a row that fail before the rest is not asked: the server is gone."""


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How the questions of a run are asked.

    Attributes:
        vote: traces that vote on each answer, 0 for a single one.
        thinking: whether a thought is asked for.
        writing: whether the model is given the text of pictures.
        sampling: of each trace.
    """

    vote: int = 0
    thinking: bool = True
    writing: GiveWriting = "auto"
    sampling: Sampling = field(default_factory=Sampling)


def run(
    engine: Engine,
    tasks: Sequence[Loaded],
    folder: Path,
    manner: Manner,
    *,
    checkpoint: str = "",
    at_once: int = AT_ONCE,
    bar: bool = True,
) -> int:
    """Answer what is not answered yet and write the report; how many questions failed.

    ``checkpoint`` tells weights apart that go by one name.

    Raises:
        ValueError: when ``folder`` holds a run of another model, of other rows or in another manner.
        GenerationError: when questions fail one after another.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows_of = {task.name: {"source": task.source, "digest": task.digest} for task in tasks}
    told = {"model": engine.name, "checkpoint": checkpoint, **asdict(manner), "tasks": rows_of}
    told["tasks"] = _check(folder / "run.json", told) | rows_of
    write_text(folder / "run.json", json.dumps(told | {"versions": versions(), "commit": commit()}, indent=1))
    done = {(row["task"], row["id"]) for row in read_rows(folder)}
    left = [(task, item) for task in tasks for item in task.items if (task.name, item.id) not in done]
    failed = 0
    if left:
        with growing(folder / "rows.jsonl") as append:
            answered = _answers(engine, left, manner, at_once)
            items = {(task.name, item.id): item for task, item in left}
            for row in with_bar(answered, len(left), folder.name) if bar else answered:
                failed += "error" in row
                if "error" not in row:
                    _keep(folder, row, items[row["task"], row["id"]])
                    append(row)
    write_text(folder / "report.json", json.dumps(report(folder), indent=1))
    return failed


def _keep(folder: Path, row: dict[str, Any], item: Item) -> None:
    """The pictures of a row, in small, to look at."""
    for i, picture in enumerate(item.opened() if "refused" not in row else ()):
        path = picture_path(folder, row["task"], row["id"], i)
        path.parent.mkdir(exist_ok=True)
        small = picture.convert("RGB")
        small.thumbnail((SHOWN_PX, SHOWN_PX))
        small.save(path, "JPEG", quality=80)


def picture_path(folder: Path, task: str, ident: str, number: int) -> Path:
    """Where a picture of a row lies; the name says nothing that a file system could mind."""
    name = hashlib.sha256(f"{task}/{ident}/{number}".encode()).hexdigest()[:20]
    return folder / "pictures" / f"{name}.jpg"


def _check(path: Path, told: dict[str, Any]) -> dict[str, Any]:
    """The tasks that the folder has rows of already; another run is refused."""
    if not path.exists():
        return {}
    before = json.loads(path.read_text(encoding="utf-8"))
    wanted = json.loads(json.dumps(told))
    tasks = {name: before.get("tasks", {}).get(name, known) for name, known in wanted["tasks"].items()}
    other = [name for name in wanted if name != "tasks" and before.get(name) != wanted[name]]
    other += [name for name, known in wanted["tasks"].items() if tasks[name] != known]
    if other:
        raise ValueError(f"{path.parent} holds another run, with another {', '.join(other)}; choose another --out, or remove it")
    known: dict[str, Any] = before.get("tasks", {})
    return known


def with_bar(rows: Iterator[dict[str, Any]], total: int, name: str) -> Iterator[dict[str, Any]]:
    """``rows`` behind a bar with the running score."""
    right = count = 0
    with tqdm(rows, total=total, desc=name, unit="question") as bar:
        for row in bar:
            if "error" not in row:
                right, count = right + row["right"], count + 1
                bar.set_postfix_str(f"{100 * right / count:.1f} % right")
            yield row


def _answers(engine: Engine, left: Sequence[tuple[Loaded, Item]], manner: Manner, at_once: int) -> Iterator[dict[str, Any]]:
    """Rows as they are answered, in any order."""
    gone = threading.Event()
    in_a_row = 0
    with ThreadPoolExecutor(max(at_once, 1)) as pool:
        asked: list[Future[dict[str, Any]]] = [pool.submit(_row, engine, task, item, manner, gone) for task, item in left]
        try:
            for future in as_completed(asked):
                row = future.result()
                in_a_row = in_a_row + 1 if "error" in row else 0
                if in_a_row >= MOST_FAILURES:
                    raise GenerationError(f"{in_a_row} questions failed one after another, the last because {row['error']}; run it again")
                yield row
        finally:
            gone.set()
            for future in asked:
                future.cancel()


def _row(engine: Engine, task: Loaded, item: Item, manner: Manner, gone: threading.Event) -> dict[str, Any]:
    """One question answered and graded; what went wrong under ``error``."""
    if gone.is_set():
        return {"task": task.name, "id": item.id, "error": "the run was ended"}
    started = time.perf_counter()
    try:
        prompt = Prompt(turns=(Turn(question=item.question, images=item.opened()),), thinking=manner.thinking)
        prompt = read_pictures(engine, prompt, manner.writing)
        answer, replies = _answer(engine, prompt, manner, TASKS[task.name])
    except (ImageError, PromptError) as exc:  # it would fail again: a question that is not answered
        return _refused(task, item, str(exc), time.perf_counter() - started)
    except LogicFlowError as exc:
        return {"task": task.name, "id": item.id, "error": str(exc)}
    verdict = TASKS[task.name].grade(item, answer) if answer else None
    best = next((reply for reply in replies if reply.whole), replies[0])
    usages = [reply.usage for reply in replies if reply.usage is not None]
    return {
        "task": task.name,
        "id": item.id,
        "group": item.group,
        "system": prompt.instructions(),
        "question": item.question,
        "lines": [line for turn in prompt.turns for line in turn.lines if line],
        "gold": item.gold,
        "options": list(item.options),
        "thought": best.thought,
        "text": best.answer_text,
        "answer": answer,
        "right": verdict is not None and verdict.right,
        "rules": verdict.rules if verdict is not None else {},
        "truncated": sum(reply.truncated for reply in replies) / len(replies),
        "answers": [reply.answer for reply in replies],
        "thought_tokens": sum(usage.thought_tokens for usage in usages) / max(len(usages), 1),
        "seconds": round(time.perf_counter() - started, 2),
        **checked_as_json(best),
    }


def _refused(task: Loaded, item: Item, why: str, seconds: float) -> dict[str, Any]:
    """The row of a question that cannot be asked: it counts, and it is wrong."""
    told = {"task": task.name, "id": item.id, "group": item.group, "question": item.question, "gold": item.gold, "refused": why}
    nothing: dict[str, Any] = {
        "answer": "",
        "answers": [],
        "thought": "",
        "text": "",
        "steps": [],
        "trust": None,
        "rules": {},
        "right": False,
    }
    return told | nothing | {"truncated": 0.0, "thought_tokens": 0.0, "seconds": round(seconds, 2)}


def _answer(engine: Engine, prompt: Prompt, manner: Manner, task: Task) -> tuple[str, list[Reply]]:
    """The final answer, "" where there is none, and the replies that it comes from."""
    if not manner.vote:
        *_, reply = follow(engine, prompt, manner.sampling)
        return task.take(reply.answer_text) if reply.whole else "", [reply]
    *_, ballot = elect(engine, prompt, manner.sampling, spread(manner.vote))
    winner = ballot.vote.clusters[0].traces if ballot.vote.clusters else ()
    ordered = [*(ballot.replies[i] for i in winner), *(reply for i, reply in enumerate(ballot.replies) if i not in winner)]
    return extract(ballot.vote.winner), ordered


def read_rows(folder: Path) -> Iterator[dict[str, Any]]:
    """The rows of a run, each once; a line that was cut off when a run was killed is left out."""
    known: set[tuple[str, str]] = set()
    for row in grown_rows(folder / "rows.jsonl"):
        if (row["task"], row["id"]) not in known:
            known.add((row["task"], row["id"]))
            yield row


def report(folder: Path) -> dict[str, Any]:
    """The scores of a run by task, each with its interval, and what has to be known beside them."""
    by_task: dict[str, list[dict[str, Any]]] = {}
    for row in read_rows(folder):
        by_task.setdefault(row["task"], []).append(row)
    return {name: _score(rows) for name, rows in by_task.items()}


def _score(rows: list[dict[str, Any]]) -> dict[str, Any]:
    right = sum(row["right"] for row in rows)
    rules = sorted({name for row in rows for name in row["rules"]})
    groups = sorted({row["group"] for row in rows} - {""})
    return {
        "rows": len(rows),
        "score": right / len(rows),
        "interval": wilson(right, len(rows)),
        "rules": {name: sum(float(row["rules"].get(name, 0)) for row in rows) / len(rows) for name in rules},
        "groups": {group: _share([row for row in rows if row["group"] == group]) for group in groups},
        "truncated": sum(row["truncated"] for row in rows) / len(rows),
        "empty": sum(not row["answer"] for row in rows) / len(rows),
        "refused": sum("refused" in row for row in rows),
        "thought_tokens": sum(row["thought_tokens"] for row in rows) / len(rows),
        "seconds": sum(row["seconds"] for row in rows) / len(rows),
    }


def _share(rows: list[dict[str, Any]]) -> list[float]:
    return [sum(row["right"] for row in rows) / len(rows), len(rows)]


def fingerprint(settings: Settings) -> str:
    """What tells weights on this machine apart that go by one name: sizes and dates of their files."""
    of = of_run(settings)
    files = [file for name in (of.model, adapter_of(of)) for file in sorted(Path(name or "/nowhere").expanduser().glob("*.safetensors"))]
    told = [f"{file.name} {file.stat().st_size} {int(file.stat().st_mtime)}" for file in files]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12] if told else ""


def versions() -> dict[str, str]:
    """Versions of what decides an answer."""
    found = {}
    for name in ("logicflow", "torch", "transformers", "peft", "math-verify", "latex2sympy2_extended", "rapidocr"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found

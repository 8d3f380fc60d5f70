"""All eight filters over what a teacher wrote: what stays, what falls by which filter and why, a report and a picture of it.

DIR/problems.jsonl holds what stays, DIR/verdicts.jsonl why each other fell, DIR/report.json the counts, DIR/funnel.png the picture.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

from finetune.files import grown_rows, save_figure
from finetune.samples import Sample
from finetune.synthesize.alike import exact_duplicates, near_duplicates, near_duplicates_by_minhash, overlaps
from finetune.synthesize.filters import FILTERS, first_fault
from finetune.synthesize.problems import Problem, problem_of
from vision.files import write_text

SET_FILTERS = ("exact duplicates", "near duplicates", "overlap")
"""The three that look at all problems together, after those of one problem."""
EXAMPLES = 5
"""Dropped problems that a report shows of each filter."""
CHUNK = 200
"""Problems that a worker looks at in a row."""

Near = Literal["tfidf", "minhash"]


@dataclass
class Stage:
    """What one filter did.

    Attributes:
        name: of the filter.
        before, dropped: problems.
        reasons: how often each was given, numbers and words of the problem left out.
        examples: some of what fell, with why.
        seconds: that it took; those of one problem share theirs.
    """

    name: str
    before: int = 0
    dropped: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    examples: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """Why a problem fell."""

    id: str
    filter: str
    reason: str


@dataclass
class Funnel:
    """Problems on their way through the filters.

    Attributes:
        stages: by filter, in order.
        verdicts: of what fell.
        kept: what stays.
    """

    stages: list[Stage]
    verdicts: list[Verdict]
    kept: list[Problem]


def run(
    problems: Iterable[Problem],
    *,
    seeds: Sequence[str] = (),
    tests: Sequence[str] = (),
    near: Near = "tfidf",
    workers: int = 0,
    tell: Callable[[int], None] = lambda seen: None,
) -> Funnel:
    """Lead ``problems`` through the eight filters; each falls by the first that drops it.

    Args:
        seeds, tests: questions that may not come back.
        near: how near duplicates are found.
        workers: processes; 0 for one a core.
        tell: hears how many were looked at one by one.
    """
    stages = {name: Stage(name) for name in (*FILTERS, *SET_FILTERS)}
    verdicts: list[Verdict] = []
    staying: list[Problem] = []
    started = time.perf_counter()
    for seen, (problem, (name, reason)) in enumerate(_one_by_one(problems, workers), start=1):
        if name:
            _drop(stages[name], verdicts, problem, reason)
        else:
            staying.append(problem)
        if seen % CHUNK == 0:
            tell(seen)
    took = (time.perf_counter() - started) / len(FILTERS)
    for name in FILTERS:
        stages[name].seconds = took
    for name in SET_FILTERS:
        started = time.perf_counter()
        found = _found(name, staying, seeds, tests, near)
        for i, reason in sorted(found.items()):
            _drop(stages[name], verdicts, staying[i], reason)
        staying[:] = [problem for i, problem in enumerate(staying) if i not in found]
        stages[name].seconds = time.perf_counter() - started
    left = len(staying) + len(verdicts)
    for stage in stages.values():
        stage.before = left
        left -= stage.dropped
    return Funnel(list(stages.values()), verdicts, staying)


def _one_by_one(problems: Iterable[Problem], workers: int) -> Iterator[tuple[Problem, tuple[str, str]]]:
    """Each problem with the first filter that it falls by, and why."""
    workers = workers or os.cpu_count() or 1
    if workers == 1:
        yield from ((problem, first_fault(problem)) for problem in problems)
        return
    known = list(problems)
    with ProcessPoolExecutor(workers) as pool:
        yield from zip(known, pool.map(first_fault, known, chunksize=CHUNK), strict=True)


def _found(name: str, problems: Sequence[Problem], seeds: Sequence[str], tests: Sequence[str], near: Near) -> dict[int, str]:
    """The problems that a filter of :data:`SET_FILTERS` drops, by their places, and why."""
    questions = _questions(problems)
    if name == "exact duplicates":
        return {i: f"the question of {problems[j].id}" for i, j in exact_duplicates(questions).items()}
    if name == "near duplicates":
        return _near(problems, near)
    found = overlaps(questions, [*tests, *seeds])
    return {i: f"with a {'test set' if at < len(tests) else 'seed'}: {why}" for i, (at, why) in found.items()}


def _questions(problems: Sequence[Problem]) -> list[str]:
    """What problems are compared by; a question about a picture is another one about another picture."""
    return [f"{problem.question} {problem.image}".strip() for problem in problems]


def _near(problems: Sequence[Problem], near: Near) -> dict[int, str]:
    if near == "tfidf":
        return {i: f"{cosine:.2f} alike to {problems[j].id}" for i, (j, cosine) in near_duplicates(_questions(problems)).items()}
    samples = (Sample(source="", question=question, thought="", answer="") for question in _questions(problems))
    return dict.fromkeys(near_duplicates_by_minhash(samples), "nearly the same as one before it, by MinHash")


def _drop(stage: Stage, verdicts: list[Verdict], problem: Problem, reason: str) -> None:
    stage.dropped += 1
    kind = (
        reason.partition(":")[0]
        if ":" in reason[:60]
        else " ".join("…" if any(map(str.isdigit, word)) else word for word in reason.split())
    )
    stage.reasons[kind[:80]] = stage.reasons.get(kind[:80], 0) + 1
    verdicts.append(Verdict(problem.id, stage.name, reason))
    if len(stage.examples) < EXAMPLES:
        shown = problem.question or problem.broken
        stage.examples.append(
            {"id": problem.id, "why": reason, "question": shown[:300], "solution": problem.solution[:300], "answer": problem.answer}
        )


def write(funnel: Funnel, folder: Path) -> Path:
    """Write what stays, why the rest fell, the report and its picture into ``folder``; the report."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "problems.jsonl", _lines(problem.as_row() for problem in funnel.kept))
    write_text(folder / "verdicts.jsonl", _lines(asdict(verdict) for verdict in funnel.verdicts))
    report = {"kept": len(funnel.kept), "stages": [asdict(stage) for stage in funnel.stages]}
    write_text(folder / "report.json", json.dumps(report, indent=1, ensure_ascii=False))
    _picture(funnel.stages, len(funnel.kept), folder / "funnel.png")
    return folder / "report.json"


def _lines(rows: Iterable[dict[str, object]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _picture(stages: Sequence[Stage], kept: int, path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    axes = figure.subplots()
    names = [*(stage.name for stage in stages), "kept"]
    counts = [*(stage.before for stage in stages), kept]
    bars = axes.barh(names, counts, color=["#8aa4c8"] * len(stages) + ["#2f6f4f"])
    labels = [f"{stage.before:,}   −{stage.dropped:,}" for stage in stages]
    axes.bar_label(bars, [*labels, f"{kept:,}"], padding=4)
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.set(xlabel="problems that come to the filter, and how many it drops", title="From what was written to what is taught")
    save_figure(figure, path)


def table(stages: Sequence[Stage], kept: int) -> str:
    """The funnel as a table in Markdown."""
    lines = ["| filter | problems | dropped | most of them because |", "|---|---|---|---|"]
    for stage in stages:
        why = "; ".join(f"{reason} ({count})" for reason, count in Counter(stage.reasons).most_common(2)).replace("|", "\\|")
        share = f"{stage.dropped} ({100 * stage.dropped / stage.before:.1f} %)" if stage.before else "0"
        lines.append(f"| {stage.name} | {stage.before} | {share} | {why} |")
    return "\n".join([*lines, f"| kept | {kept} | | |"])


def report_of(folder: Path) -> tuple[list[Stage], int]:
    """The stages of a report that :func:`write` wrote, and how many problems stay."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return [Stage(**stage) for stage in report["stages"]], report["kept"]


def kept_in(folder: Path) -> Iterator[Problem]:
    """What stays, as :func:`write` wrote it."""
    for row in grown_rows(folder / "problems.jsonl"):
        yield problem_of(row, row["id"])


def explain(folder: Path, id: str) -> str:
    """Why a problem fell, or that it stays.

    Raises:
        KeyError: for one that was never looked at.
    """
    for row in grown_rows(folder / "verdicts.jsonl"):
        if row["id"] == id:
            return f"{id} fell by {row['filter']}: {row['reason']}"
    if any(problem.id == id for problem in kept_in(folder)):
        return f"{id} stays"
    raise KeyError(id)

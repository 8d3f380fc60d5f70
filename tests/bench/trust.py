"""What trust is worth: how often traced, open and broken answers of a model are right, on held-out pictures with real OCR.

python -m tests.bench.trust traces build/trust.jsonl --count 1000    # asks with the text of the picture and without it; goes on
python -m tests.bench.trust score build/trust.jsonl --picture build/trust.png
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from finetune.charts.records import HELD_OUT_FROM
from finetune.nano.evaluate import Case, answer_all, held_out
from vision.answers.answers import equivalent
from vision.answers.consensus import wilson
from vision.engines.engine import Usage
from vision.engines.loading import load
from vision.pictures.box import Box
from vision.pictures.lines import lines_for
from vision.pictures.writing import Drawn, Text, Writing, read_writing
from vision.replies import Reply, count_votes
from vision.settings import NANO, Settings
from vision.thoughts.reasoning import split

ENDED = Usage(prompt_tokens=0, thought_tokens=0, answer_tokens=0, first_token_s=0.0, thinking_s=0.0, total_s=0.0, end="end")
CHUNK = 100
"""Pictures that are read and answered before anything is kept."""


def write_traces(path: Path, count: int, first: int, model: str, adapter: str, plain: bool) -> None:
    """Ask about ``count`` held-out pictures and keep every reply and every reading; what stands in ``path`` is not asked again."""
    done = len(path.read_text().splitlines()) if path.exists() else 0
    cases = list(held_out(count, first))[done:]
    tuned = load(Settings(model=model, adapter=adapter))
    base = load(Settings(model=model, adapter="none")) if plain else None
    for start in range(0, len(cases), CHUNK):
        part = cases[start : start + CHUNK]
        writings = [read_writing(case.image) for case in part]
        lines = [lines_for(writing, "on", None) for writing in writings]
        answered = {
            "with": answer_all(tuned, part, lines, thinking=True),
            "without": answer_all(tuned, part, [""] * len(part), thinking=True),
        }
        if base is not None:
            answered["base with"] = answer_all(base, part, lines, thinking=False)
        with path.open("a", encoding="utf-8") as file:
            for i, (case, writing) in enumerate(zip(part, writings, strict=True)):
                said = {name: {"text": side[i].text, "right": side[i].right} for name, side in answered.items()}
                file.write(json.dumps({**row_of(case), "writing": as_row(writing), "said": said}) + "\n")


def row_of(case: Case) -> dict[str, Any]:
    """What is kept of a case beside its picture, which the seed draws again."""
    kept = ("seed", "kind", "renderer", "task", "question", "gold", "thought", "exact", "operations", "new_wording")
    return {name: getattr(case, name) for name in kept}


def as_row(writing: Writing) -> dict[str, Any]:
    return {
        "size": writing.size,
        "texts": [[t.text, t.box.left, t.box.top, t.box.right, t.box.bottom, t.angle, t.score] for t in writing.texts],
        "drawn": [[d.name, d.series, d.value, d.error, d.box.left, d.box.top, d.box.right, d.box.bottom] for d in writing.drawn],
    }


def as_writing(row: dict[str, Any]) -> Writing:
    texts = tuple(Text(text=text, box=Box(*box), angle=angle, score=score) for text, *box, angle, score in row["texts"])
    drawn = tuple(
        Drawn(name=name, series=series, value=value, error=error, box=Box(*box)) for name, series, value, error, *box in row["drawn"]
    )
    return Writing(size=tuple(row["size"]), texts=texts, drawn=drawn)


@dataclass(frozen=True)
class Judged:
    """A question's replies, with the text of the picture and without it, and whether they are right."""

    replies: dict[str, Reply]
    right: dict[str, bool]

    def level(self, how: str) -> str:
        trust = self.replies[how].trust
        return trust.level if trust is not None else "open"


def judged(row: dict[str, Any]) -> Judged:
    replies, right = {}, {}
    for how in ("with", "without"):
        parsed = split(row["said"][how]["text"])
        usage = replace(ENDED, end="length" if parsed.truncated else "end")
        replies[how] = Reply(
            question=row["question"],
            thought=parsed.thought,
            answer_text=parsed.answer,
            thinking=parsed.truncated,
            usage=usage,
            writing=(as_writing(row["writing"]),),
        )
        right[how] = row["said"][how]["right"]
    return Judged(replies, right)


def share(hits: int, count: int) -> str:
    """``hits`` of ``count`` in percent, with its 95 % interval."""
    if not count:
        return "–"
    low, high = wilson(hits, count)
    return f"{100 * hits / count:.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def score(path: Path, picture: Path | None) -> None:
    """Accuracy by trust, what is found of the wrong answers, and of two readings together; the curve as a picture."""
    rows = [judged(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    print("| given the text | trust | share | right |\n|---|---|---|---|")
    for how in ("with", "without"):
        for level in ("traced", "open", "broken"):
            part = [row for row in rows if row.level(how) == level]
            print(f"| {how} | {level} | {100 * len(part) / len(rows):.1f} % | {share(sum(r.right[how] for r in part), len(part))} |")
        wrong = [row for row in rows if not row.right[how] and row.replies[how].answer]
        right = [row for row in rows if row.right[how]]
        broken = [sum(row.level(how) == "broken" for row in part) for part in (wrong, right)]
        print(f"| {how} | broken, of wrong answers / of right ones | | {share(broken[0], len(wrong))} / {share(broken[1], len(right))} |")
    print("\n| both ways | share | right |\n|---|---|---|")
    same = [row for row in rows if equivalent(row.replies["with"].answer, row.replies["without"].answer)]
    for name, part in (
        ("answers agree", same),
        ("answers differ (with)", [row for row in rows if row not in same]),
        ("agree, one of them traced", [row for row in same if "traced" in (row.level("with"), row.level("without"))]),
        ("agree, both traced", [row for row in same if row.level("with") == row.level("without") == "traced"]),
        ("agree, none broken", [row for row in same if "broken" not in (row.level("with"), row.level("without"))]),
    ):
        print(f"| {name} | {100 * len(part) / len(rows):.1f} % | {share(sum(row.right['with'] for row in part), len(part))} |")
    print("\n| vote of the two, by | right |\n|---|---|")
    for weighing in ("count", "claims", "trust"):
        winners = [count_votes([row.replies["with"], row.replies["without"]], weighing).winner for row in rows]
        hits = sum(
            any(row.right[how] and equivalent(winner, row.replies[how].answer) for how in ("with", "without"))
            for winner, row in zip(winners, rows, strict=True)
        )
        print(f"| {weighing} | {share(hits, len(rows))} |")
    if picture is not None:
        draw(rows, picture)


def draw(rows: list[Judged], path: Path) -> None:
    """Accuracy against the share that is answered, as traced, then open, then broken answers are let through."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4))
    axes = figure.add_subplot()
    for how in ("with", "without"):
        answered, right, points = 0, 0, []
        for level in ("traced", "open", "broken"):
            part = [row for row in rows if row.level(how) == level]
            answered, right = answered + len(part), right + sum(row.right[how] for row in part)
            points.append((100 * answered / len(rows), 100 * right / max(answered, 1)))
        axes.plot(*zip(*points, strict=True), marker="o", label=f"{how} the text of the picture")
    axes.set_xlabel("answered (%)")
    axes.set_ylabel("of these right (%)")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=120, bbox_inches="tight")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    steps = parser.add_subparsers(required=True)
    traces = steps.add_parser("traces")
    traces.add_argument("file", type=Path)
    traces.add_argument("--count", type=int, default=1000)
    traces.add_argument("--first", type=int, default=HELD_OUT_FROM, help="seed of the first picture")
    traces.add_argument("--model", default=str(NANO))
    traces.add_argument("--adapter", default="")
    traces.add_argument("--base", action="store_true", help="ask the base too")
    traces.set_defaults(run=lambda args: write_traces(args.file, args.count, args.first, args.model, args.adapter, args.base))
    scoring = steps.add_parser("score")
    scoring.add_argument("file", type=Path)
    scoring.add_argument("--picture", type=Path, default=None, help="the curve of accuracy against coverage")
    scoring.set_defaults(run=lambda args: score(args.file, args.picture))
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()

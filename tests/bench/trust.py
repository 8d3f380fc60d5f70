"""What trust is worth: how often traced, open and broken answers of a model are right, on held-out pictures with real OCR.

python -m tests.bench.trust traces build/trust.jsonl --count 1000    # asks with the text of the picture and without it; goes on
python -m tests.bench.trust score build/trust.jsonl --picture build/trust.png
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from finetune.nano.evaluate import Case, answer_all, held_out
from vision.engines.loading import load
from vision.pictures.box import Box
from vision.pictures.lines import lines_for
from vision.pictures.writing import Text, Writing, read_writing
from vision.settings import NANO, Settings

CHUNK = 100
"""Pictures that are read and answered before anything is kept."""


def write_traces(path: Path, count: int, model: str, adapter: str, plain: bool) -> None:
    """Ask about ``count`` held-out pictures and keep every reply and every reading; what stands in ``path`` is not asked again."""
    done = len(path.read_text().splitlines()) if path.exists() else 0
    cases = list(held_out(count))[done:]
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
    }


def as_writing(row: dict[str, Any]) -> Writing:
    texts = tuple(Text(text=text, box=Box(*box), angle=angle, score=score) for text, *box, angle, score in row["texts"])
    return Writing(size=tuple(row["size"]), texts=texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    steps = parser.add_subparsers(required=True)
    traces = steps.add_parser("traces")
    traces.add_argument("file", type=Path)
    traces.add_argument("--count", type=int, default=1000)
    traces.add_argument("--model", default=str(NANO))
    traces.add_argument("--adapter", default="")
    traces.add_argument("--base", action="store_true", help="ask the base too")
    traces.set_defaults(run=lambda args: write_traces(args.file, args.count, args.model, args.adapter, args.base))
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()

"""How far our graders agree with people's verdicts: rows of question, gold, response and label.

Names differ from set to set, so each may go by any of :data:`NAMES`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finetune.benchmarks.graders import LETTERS, choice, relaxed, same
from finetune.sources import read_file
from vision.answers.answers import extract
from vision.answers.consensus import wilson
from vision.thoughts.reasoning import split

NAMES = {
    "question": ("question", "query", "problem"),
    "gold": ("gold", "answer", "target", "reference"),
    "response": ("response", "prediction", "model_answer", "output"),
    "label": ("label", "correct", "right", "is_correct", "true_false"),
    "options": ("options", "choices"),
}
SHOWN = 20
"""Disagreements of each kind that are shown."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A labelled row and what our grader says of it."""

    question: str
    gold: str
    response: str
    answer: str
    label: bool
    ours: bool


def audit(path: Path, rule: str = "same") -> list[Judged]:
    """Every labelled row of ``path``, judged by us.

    Raises:
        ValueError: for a row that lacks something.
    """
    return list(_judged(path, rule))


def _judged(path: Path, rule: str) -> Iterator[Judged]:
    for number, row in enumerate(read_file(path), start=1):
        question, gold, response, label = (_value(row, name) for name in ("question", "gold", "response", "label"))
        if gold is None or response is None or label is None:
            lacking = [name for name, value in (("gold", gold), ("response", response), ("label", label)) if value is None]
            raise ValueError(f"{path.name}:{number} has no {lacking[0]}; it may be called {' or '.join(NAMES[lacking[0]])}")
        answer, options = extract(split(str(response)).answer), [str(option) for option in _value(row, "options") or []]
        asked = str(question or "")
        if options:
            ours = choice(_letter(str(gold), options), answer, options)
        else:
            ours = relaxed(str(gold), answer) if rule == "relaxed" else same(str(gold), answer, asked)
        yield Judged(question=asked, gold=str(gold), response=str(response), answer=answer, label=_is_true(label), ours=ours)


def _letter(gold: str, options: list[str]) -> str:
    return LETTERS[options.index(gold)] if gold in options else gold


def _value(row: Mapping[str, Any], name: str) -> Any:
    return next((row[known] for known in NAMES[name] if row.get(known) is not None), None)


def _is_true(label: Any) -> bool:
    return label if isinstance(label, bool) else str(label).strip().lower() in ("1", "1.0", "true", "yes", "correct", "right")


def summary(judged: list[Judged]) -> str:
    """Agreement with its interval, what is accepted and refused against the labels, and examples of each."""
    agreed = sum(row.label == row.ours for row in judged)
    low, high = wilson(agreed, len(judged))
    lines = [f"{len(judged)} rows, agreement {100 * agreed / len(judged):.2f} % ({100 * low:.2f}–{100 * high:.2f})"]
    for name, rows in (
        ("accepted, though labelled wrong", [row for row in judged if row.ours and not row.label]),
        ("refused, though labelled right", [row for row in judged if not row.ours and row.label]),
    ):
        lines.append(f"\n{name}: {len(rows)}")
        lines += [f"  gold {row.gold[:60]!r}, answer {row.answer[:60]!r}: {row.question[:80]!r}" for row in rows[:SHOWN]]
    return "\n".join(lines)

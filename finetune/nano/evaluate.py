"""Nano's measured accuracy: base against base + adapter on the same held-out pictures, greedy.

    python -m finetune.nano evaluate --count 1000

Half of the pictures are drawn by each renderer, the kinds in equal numbers. An answer is right when it is the same
word or number; where values must be read off an axis it may be off by 5 %, as ChartQA is scored (the strict share
stands beside it). Shares come with 95 % Wilson intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from tqdm import tqdm

from finetune.charts.figures import KINDS
from finetune.charts.records import HELD_OUT_FROM, Record, make
from vision.answers.answers import equivalent, extract, within
from vision.answers.consensus import wilson
from vision.engines.loading import Loaded, load
from vision.prompts import Prompt, Turn, messages
from vision.settings import Settings
from vision.thoughts.reasoning import split

TOLERANCE = 0.05
BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One answered record.

    Attributes:
        record: the question with everything known about it.
        text: what the model wrote.
        right: by the field's rule.
        strict: without any tolerance.
        truncated: whether the thought never closed.
    """

    record: Record
    text: str
    right: bool
    strict: bool
    truncated: bool


def held_out(count: int, first: int = HELD_OUT_FROM) -> Iterator[Record]:
    """``count`` held-out records, kinds in turn, renderers in turn within a kind."""
    for i in range(count):
        yield make(first + i, kind=KINDS[i % len(KINDS)], renderer=("pillow", "matplotlib")[i // len(KINDS) % 2])


def score(record: Record, text: str) -> Scored:
    """Whether the final answer in ``text`` is ``record``'s."""
    parsed = split(text)
    answer = extract(parsed.answer)
    strict = equivalent(record.gold, answer)
    right = strict or (not record.asked.exact and within(record.gold, answer, TOLERANCE))
    return Scored(record=record, text=text, right=right, strict=strict, truncated=parsed.truncated)


@torch.inference_mode()
def answer_all(loaded: Loaded, records: list[Record], *, thinking: bool, max_tokens: int = 512) -> list[Scored]:
    """Greedy answers to ``records``, in batches of :data:`BATCH`."""
    processor, model = loaded.processor, loaded.model
    scored = []
    for start in tqdm(range(0, len(records), BATCH), desc=loaded.name, unit="batch"):
        part = records[start : start + BATCH]
        talks = [Prompt(turns=(Turn(question=r.question, images=(r.image,)),), thinking=thinking) for r in part]
        texts = [processor.apply_chat_template(messages(talk), add_generation_prompt=True, tokenize=False) for talk in talks]
        images = [talk.images for talk in talks]
        batch = processor(text=texts, images=images, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
        made = model.generate(
            **batch.to(model.device, dtype=model.dtype), max_new_tokens=max_tokens, do_sample=False, top_k=None, top_p=None
        )
        for record, ids in zip(part, made[:, batch["input_ids"].shape[1] :], strict=True):
            scored.append(score(record, processor.tokenizer.decode(ids, skip_special_tokens=True)))
    return scored


Group = tuple[str, Callable[[Scored], bool]]

GROUPS: tuple[Group, ...] = (
    ("all", lambda s: True),
    *((f"kind: {kind}", lambda s, kind=kind: s.record.kind == kind) for kind in KINDS),
    ("drawn by Pillow", lambda s: s.record.renderer == "pillow"),
    ("drawn by matplotlib", lambda s: s.record.renderer == "matplotlib"),
    ("values printed, or a word asked", lambda s: s.record.asked.exact),
    ("read off an axis (within 5 %)", lambda s: not s.record.asked.exact),
    ("one operation", lambda s: s.record.asked.operations < 2),
    ("two operations or more", lambda s: s.record.asked.operations >= 2),
    ("with words never trained on", lambda s: bool(s.record.new_words)),
)


def _cell(part: list[Scored]) -> str:
    if not part:
        return "–"
    hits = sum(s.right for s in part)
    low, high = wilson(hits, len(part))
    return f"{100 * hits / len(part):.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def table(base: list[Scored], tuned: list[Scored]) -> str:
    """Markdown: a row a group, base against base + adapter, and the strict share of the latter."""
    lines = ["| pictures | n | base | base + adapter | of that strictly equal |", "|---|---|---|---|---|"]
    for name, belongs in GROUPS:
        a, b = ([s for s in side if belongs(s)] for side in (base, tuned))
        strict = f"{100 * sum(s.strict for s in b) / len(b):.1f} %" if b else "–"
        lines.append(f"| {name} | {len(b)} | {_cell(a)} | {_cell(b)} | {strict} |")
    unfinished = sum(s.truncated for s in tuned)
    lines.append(f"\nThoughts that never closed: {unfinished} of {len(tuned)}.")
    return "\n".join(lines)


def by_task(scored: list[Scored]) -> dict[str, str]:
    """Accuracy by kind of question, for the log."""
    tasks = sorted({s.record.asked.task for s in scored})
    return {task: _cell([s for s in scored if s.record.asked.task == task]) for task in tasks}


def evaluate(model: str, count: int, adapter: str = "") -> tuple[list[Scored], list[Scored]]:
    """Base without thinking and base + adapter with it, on the same ``count`` held-out records."""
    torch.manual_seed(0)
    records = list(tqdm(held_out(count), total=count, desc="held-out pictures", unit="picture"))
    base = answer_all(load(Settings(model=model, adapter="none")), records, thinking=False, max_tokens=32)
    tuned = answer_all(load(Settings(model=model, adapter=adapter)), records, thinking=True)
    return base, tuned


def wrong_examples(scored: list[Scored], most: int = 12) -> list[dict[str, Any]]:
    """A few wrong answers with everything that helps to see why."""
    return [
        {
            "seed": s.record.seed,
            "kind": s.record.kind,
            "renderer": s.record.renderer,
            "question": s.record.question,
            "thought": s.record.thought,
            "gold": s.record.gold,
            "said": s.text,
        }
        for s in scored
        if not s.right
    ][:most]

"""Nano's measured accuracy: base against base + adapter on the same held-out pictures, greedy.

    python -m finetune.nano evaluate --count 1000                   # with the text of the pictures, read by OCR as in the app
    python -m finetune.nano evaluate --count 1000 --writing both    # and without it
    python -m finetune.nano evaluate --charts DIR                   # pictures of your own: *.png and one *.jsonl

Half of the pictures are drawn by each renderer, the kinds in equal numbers; half of the questions are asked in constructions that
training never uses, and one in 25 cannot be answered from its picture. An answer is right when it is the same word or number;
where values must be read off an axis it may be off by 5 %, as ChartQA is scored (the strict share stands beside it). Shares come
with 95 % Wilson intervals.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import torch
from PIL import Image
from tqdm import tqdm

from finetune.charts.elsewhere import aside
from finetune.charts.figures import KINDS
from finetune.charts.records import HELD_OUT_FROM, make
from finetune.charts.wordings import Wordings
from vision.answers.answers import equivalent, extract, within
from vision.answers.consensus import wilson
from vision.answers.measured import TOLERANCE
from vision.engines.loading import Loaded, load
from vision.engines.precision import faster
from vision.pictures.lines import lines_for
from vision.pictures.writing import read_writing
from vision.prompts import Prompt, Turn, messages
from vision.settings import Settings
from vision.thoughts.reasoning import split

BATCH = 32
MAX_TOKENS = 512
ASIDES = 25
"""One in so many questions is one that the picture does not answer."""

WhetherWriting = Literal["on", "off", "both"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A question about a picture with all that is known about it.

    Attributes:
        image: RGB.
        question, gold: what is asked, and the answer.
        thought: the right reasoning, "" where none is known.
        kind, renderer, task: of the picture, of its drawing, of the question.
        exact: whether the answer is a word or follows from printed numbers.
        operations: that a solver needs after reading.
        new_words: whether words stand in the picture that training never shows.
        new_wording: whether it is asked in a construction that training never uses.
        seed: of a drawn one.
    """

    image: Image.Image
    question: str
    gold: str
    thought: str = ""
    kind: str = ""
    renderer: str = ""
    task: str = ""
    exact: bool = True
    operations: int = 1
    new_words: bool = False
    new_wording: bool = False
    seed: int = -1


@dataclass(frozen=True, kw_only=True)
class Scored:
    """One answered case.

    Attributes:
        case: the question.
        text: what the model wrote.
        right: by the field's rule.
        strict: without any tolerance.
        truncated: whether the thought never closed.
    """

    case: Case
    text: str
    right: bool
    strict: bool
    truncated: bool


def held_out(count: int, first: int = HELD_OUT_FROM) -> Iterator[Case]:
    """``count`` held-out cases: kinds in turn, renderers in turn within a kind, wordings in turn within those."""
    for i in range(count):
        turn = i // len(KINDS)
        renderer = ("pillow", "matplotlib")[turn % 2]
        wordings: Wordings = "held out" if turn // 2 % 2 else "plain"
        record = make(first + i, kind=KINDS[i % len(KINDS)], renderer=renderer, wordings=wordings)
        asked = record.asked
        if i % ASIDES == ASIDES - 1:
            asked = aside(random.Random(f"aside {first + i}"), record.figure, "held out")
        yield Case(
            image=record.image,
            question=asked.text,
            gold=asked.answer,
            thought="\n".join(asked.steps),
            kind=record.kind,
            renderer=renderer,
            task=asked.task if asked.announced else "aside",
            exact=asked.exact,
            operations=asked.operations,
            new_words=bool(record.new_words),
            new_wording=wordings == "held out",
            seed=record.seed,
        )


def of_folder(folder: Path) -> Iterator[Case]:
    """The cases of a folder with pictures and JSONL of ``image``, ``question``, ``answer``, and perhaps ``kind`` and ``exact``.

    Raises:
        ValueError: where there is no JSONL, or a row lacks something.
    """
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise ValueError(f"no *.jsonl in {folder}; expected rows of image, question and answer")
    for path in files:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            row = json.loads(line)
            missing = [name for name in ("image", "question", "answer") if name not in row]
            if missing:
                raise ValueError(f"{path}:{number} has no {missing[0]!r}")
            image = Image.open(folder / row["image"]).convert("RGB")
            kind, exact = str(row.get("kind", "")), bool(row.get("exact", True))
            yield Case(image=image, question=row["question"], gold=str(row["answer"]), kind=kind, exact=exact)


def score(case: Case, text: str, *, whole: bool = True) -> Scored:
    """Whether the final answer in ``text`` is the one of ``case``; a text that is not ``whole`` was cut off and holds none."""
    parsed = split(text)
    answer = extract(parsed.answer) if whole else ""
    strict = equivalent(case.gold, answer)
    right = strict or (not case.exact and within(case.gold, answer, TOLERANCE))
    return Scored(case=case, text=text, right=right, strict=strict, truncated=parsed.truncated or not whole)


def texts_of(cases: Sequence[Case]) -> list[str]:
    """The lines of each picture as the app gives them to a model that cannot read them by itself."""
    return [lines_for(read_writing(case.image), "on", None) for case in tqdm(cases, desc="text of the pictures", unit="picture")]


@torch.inference_mode()
def answer_all(loaded: Loaded, cases: Sequence[Case], lines: Sequence[str], *, thinking: bool) -> list[Scored]:
    """Greedy answers to ``cases`` in batches of :data:`BATCH`, alike ones together, so that none waits for a much longer one.

    What is four times as long as the right thought, where that is known, goes round in circles and is cut off.
    """
    processor = loaded.processor
    model = loaded.model.to(faster()) if loaded.model.device.type == "cpu" else loaded.model
    talks = [
        Prompt(turns=(Turn(question=case.question, images=(case.image,), lines=(text,)),), thinking=thinking)
        for case, text in zip(cases, lines, strict=True)
    ]
    lengths = [len(processor.tokenizer(case.thought)["input_ids"]) if case.thought and thinking else 0 for case in cases]
    order = sorted(range(len(cases)), key=lambda i: (lengths[i], len(lines[i])))
    scored: dict[int, Scored] = {}
    ends = torch.tensor(model.generation_config.eos_token_id)
    for start in tqdm(range(0, len(order), BATCH), desc=loaded.name, unit="batch"):
        part = order[start : start + BATCH]
        texts = [processor.apply_chat_template(messages(talks[i]), add_generation_prompt=True, tokenize=False) for i in part]
        images = [talks[i].images for i in part]
        batch = processor(text=texts, images=images, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
        most = min(MAX_TOKENS, 64 + 4 * lengths[part[-1]]) if lengths[part[0]] or not thinking else MAX_TOKENS
        made = model.generate(**batch.to(model.device, dtype=model.dtype), max_new_tokens=most, do_sample=False, top_k=None, top_p=None)
        for i, ids in zip(part, made[:, batch["input_ids"].shape[1] :], strict=True):
            whole = bool(torch.isin(ids.cpu(), ends).any())
            scored[i] = score(cases[i], processor.tokenizer.decode(ids, skip_special_tokens=True), whole=whole)
    return [scored[i] for i in range(len(cases))]


Group = tuple[str, Callable[[Scored], bool]]

GROUPS: tuple[Group, ...] = (
    ("all", lambda s: True),
    *((f"kind: {kind}", lambda s, kind=kind: s.case.kind == kind) for kind in KINDS),
    ("drawn by Pillow", lambda s: s.case.renderer == "pillow"),
    ("drawn by matplotlib", lambda s: s.case.renderer == "matplotlib"),
    ("values printed, or a word asked", lambda s: s.case.exact),
    ("read off an axis (within 5 %)", lambda s: not s.case.exact),
    ("one operation", lambda s: s.case.operations == 1),
    ("two operations or more", lambda s: s.case.operations >= 2),
    ("with words never trained on", lambda s: s.case.new_words),
    ("asked in ways never trained on", lambda s: s.case.new_wording),
    ("not to be answered from the picture", lambda s: s.case.task == "aside"),
)


def _cell(part: Sequence[Scored]) -> str:
    if not part:
        return "–"
    hits = sum(s.right for s in part)
    low, high = wilson(hits, len(part))
    return f"{100 * hits / len(part):.1f} % ({100 * low:.1f}–{100 * high:.1f})"


def table(columns: dict[str, list[Scored]]) -> str:
    """Markdown: a row a group, a column each of ``columns``, which answer the same cases, and the strict share of the last one."""
    last = list(columns.values())[-1]
    kinds = [(f"kind: {kind}", lambda s, kind=kind: s.case.kind == kind) for kind in sorted({s.case.kind for s in last} - {"", *KINDS})]
    lines = [f"| pictures | n | {' | '.join(columns)} | of that strictly equal |", "|---|---|" + "---|" * (len(columns) + 1)]
    for name, belongs in (*GROUPS, *kinds):
        parts = [[s for s in side if belongs(s)] for side in columns.values()]
        if parts[-1]:
            strict = f"{100 * sum(s.strict for s in parts[-1]) / len(parts[-1]):.1f} %"
            lines.append(f"| {name} | {len(parts[-1])} | {' | '.join(map(_cell, parts))} | {strict} |")
    lines += [
        "",
        *(f"Thoughts that never closed, {name}: {sum(s.truncated for s in side)} of {len(side)}." for name, side in columns.items()),
    ]
    return "\n".join(lines)


def by_task(scored: Iterable[Scored]) -> dict[str, str]:
    """Accuracy by kind of question, for the log."""
    scored = list(scored)
    return {task: _cell([s for s in scored if s.case.task == task]) for task in sorted({s.case.task for s in scored} - {""})}


def evaluate(model: str, cases: Sequence[Case], adapter: str = "", writing: WhetherWriting = "on") -> dict[str, list[Scored]]:
    """Base without thinking and base + adapter with it, on the same ``cases``, with the text of the pictures, without it, or both."""
    given = {"with text": texts_of(cases)} if writing != "off" else {}
    given |= {"without text": [""] * len(cases)} if writing != "on" else {}
    columns: dict[str, list[Scored]] = {}
    for name, tuned in (("base", False), ("base + adapter", True)):
        loaded = load(Settings(model=model, adapter=adapter if tuned else "none"))
        for how, lines in given.items():
            columns[f"{name}, {how}"] = answer_all(loaded, cases, lines, thinking=tuned)
    return columns


def better(base: Path, adapters: Sequence[Path], count: int) -> Path:
    """Of ``adapters`` the one with which ``base`` is right more often on ``count`` held-out pictures; the first where they are alike."""
    cases = list(held_out(count))
    lines = texts_of(cases)

    @cache
    def right(adapter: Path) -> int:
        return sum(s.right for s in answer_all(load(Settings(model=str(base), adapter=str(adapter))), cases, lines, thinking=True))

    for adapter in adapters:
        print(f"{adapter}: {right(adapter)} of {count} are right", flush=True)
    return max(adapters, key=right)


def wrong_examples(scored: Iterable[Scored], most: int = 12) -> list[dict[str, Any]]:
    """A few wrong answers with everything that helps to see why."""
    told = ("seed", "kind", "renderer", "question", "thought", "gold")
    return [{name: getattr(s.case, name) for name in told} | {"said": s.text} for s in scored if not s.right][:most]

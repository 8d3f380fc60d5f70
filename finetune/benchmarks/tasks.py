"""The test sets: where their rows lie, how they are read (:mod:`finetune.benchmarks.reading`), and by which rule an answer is graded.

Rows come from the Hub or from a file in the publisher's form (``--data NAME=PATH``); a picture is a file beside it, bytes, or what
``datasets`` has opened. What is measured is what people use: the questions go through the engines and prompts of the application.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path

from finetune.benchmarks.code import code_of, passes
from finetune.benchmarks.graders import Verdict, anls, chartqa, choice, holds, rounded, same
from finetune.benchmarks.instructions import followed, share
from finetune.benchmarks.reading import (
    Item,
    Picture,
    Row,
    ai2d,
    chart_question,
    document,
    drawn,
    gpqa,
    gsm8k,
    humaneval,
    instructed,
    math_problem,
    mathvision,
    mathvista,
    mbpp,
    mmlu,
    mmmu,
)
from finetune.sources import FORMATS, SourceError, read_file
from vision.answers.answers import extract


@dataclass(frozen=True, kw_only=True)
class Task:
    """A test set.

    Attributes:
        repo, config, split: where it lies on the Hub; several configurations follow each other.
        read: makes an item of a row; None for a row that is not asked.
        grade: the verdict on an item's answer.
        take: the answer in what a model wrote after its thought.
        runs_code: whether grading runs what the model wrote.
    """

    repo: str
    read: Callable[[Row, Path | None], Item | None]
    grade: Callable[[Item, str], Verdict]
    take: Callable[[str], str] = extract
    runs_code: bool = False
    config: str | tuple[str, ...] | None = None
    split: str = "test"


def plainly(item: Item, answer: str) -> Verdict:
    """Equality, or the option."""
    right = choice(item.gold, answer, item.options) if item.options else same(item.gold, answer, item.question)
    return Verdict(right=right, rules={})


def _chartqa(item: Item, answer: str) -> Verdict:
    return chartqa(item.gold, answer, item.question)


def _charts(item: Item, answer: str) -> Verdict:
    """Five percent off an axis at most, on numbers as people write them."""
    rules = chartqa(item.gold, answer, item.question).rules
    return Verdict(right=bool(rules["as written"]), rules={name: rules[name] for name in ("years exact", "percent tolerant", "strict")})


def _mathvista(item: Item, answer: str) -> Verdict:
    if item.options or item.rule is None:
        return plainly(item, answer)
    strict = same(item.gold, answer, item.question)
    if item.rule == "list":
        return Verdict(right=strict or same(item.gold.strip("[] "), answer.strip("[]() ")), rules={"strict": strict})
    return Verdict(right=strict or rounded(item.gold, answer, item.rule), rules={"strict": strict})


def _anls(item: Item, answer: str) -> Verdict:
    """The likeness is what is published; an answer is right here where it is one of the spellings."""
    score = anls(item.rule, answer)
    return Verdict(right=score == 1.0, rules={"ANLS": score})


def _mmmu(item: Item, answer: str) -> Verdict:
    """Open questions may have several right answers."""
    if item.options:
        return plainly(item, answer)
    strict = any(same(gold, answer, item.question) for gold in item.rule)
    return Verdict(right=strict or holds(item.rule, answer), rules={"strict": strict})


def _mbpp(item: Item, answer: str) -> Verdict:
    return Verdict(right=passes(answer, item.rule), rules={})


def _humaneval(item: Item, answer: str) -> Verdict:
    """What stands before the function in the prompt, its imports, stands before the answer too."""
    prompt, tests = item.rule
    head = prompt[: prompt.rfind("def ")] if "def " in prompt else ""
    return Verdict(right=passes(f"{head}\n{answer}", tests), rules={})


def _ifeval(item: Item, answer: str) -> Verdict:
    """All instructions strictly; one by one, and loosely, apart."""
    strict, loose = followed(item.rule, answer)
    return Verdict(right=all(strict), rules={"loose": all(loose), "instructions": share(strict), "instructions, loose": share(loose)})


MATH_SUBJECTS = (
    "algebra", "counting_and_probability", "geometry", "intermediate_algebra", "number_theory", "prealgebra", "precalculus",
)  # fmt: skip
TASKS: dict[str, Task] = {
    "gsm8k": Task(repo="openai/gsm8k", config="main", read=gsm8k, grade=plainly),
    "math500": Task(repo="HuggingFaceH4/MATH-500", read=math_problem, grade=plainly),
    "math": Task(repo="EleutherAI/hendrycks_math", config=MATH_SUBJECTS, read=math_problem, grade=plainly),
    "aime25": Task(repo="math-ai/aime25", read=math_problem, grade=plainly),
    "gpqa_diamond": Task(repo="Idavidrein/gpqa", config="gpqa_diamond", split="train", read=gpqa, grade=plainly),
    "mmlu": Task(repo="cais/mmlu", config="all", read=mmlu, grade=plainly),
    "ifeval": Task(repo="google/IFEval", split="train", read=instructed, grade=_ifeval, take=str.strip),
    "mathvision": Task(repo="MathLLMs/MathVision", split="testmini", read=mathvision, grade=plainly),
    "mathvista": Task(repo="AI4Math/MathVista", split="testmini", read=mathvista, grade=_mathvista),
    "chartqa": Task(repo="lmms-lab/ChartQA", read=chart_question, grade=_chartqa),
    "ai2d": Task(repo="lmms-lab/ai2d", read=ai2d, grade=plainly),
    "mmmu": Task(repo="lmms-lab/MMMU", split="validation", read=mmmu, grade=_mmmu),
    "docvqa": Task(repo="lmms-lab/DocVQA", config="DocVQA", split="validation", read=document, grade=_anls),
    "infovqa": Task(repo="lmms-lab/DocVQA", config="InfographicVQA", split="validation", read=document, grade=_anls),
    "mbpp": Task(repo="google-research-datasets/mbpp", config="full", read=mbpp, grade=_mbpp, take=code_of, runs_code=True),
    "humaneval": Task(repo="openai/openai_humaneval", read=humaneval, grade=_humaneval, take=code_of, runs_code=True),
    "charts": Task(repo="", read=drawn, grade=_charts),
}
"""By the names that commands take."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The items of a task that are asked, and what they came from.

    Attributes:
        name: of the task.
        source: where the rows came from, without folders of this machine.
        digest: of the rows, so that two runs are known to have had the same.
    """

    name: str
    source: str
    digest: str
    items: list[Item] = field(repr=False)


def load_task(name: str, place: str = "", limit: int | None = None) -> Loaded:
    """The first ``limit`` items of task ``name`` from a file or folder, else from the Hub; our charts are drawn where no place is given.

    Raises:
        SourceError: for a name that is not known, a place that is not there, or rows in another form than the publisher's.
    """
    task = TASKS.get(name)
    if task is None:
        raise SourceError(f"there is no task {name!r}; known are {', '.join(TASKS)}")
    if name == "charts" and not place:
        from finetune.nano.evaluate import held_out

        drawn = [
            Item(id=str(case.seed), question=case.question, gold=case.gold, pictures=(case.image,), group=case.kind)
            for case in held_out(limit or 200)
        ]
        return Loaded(name=name, source="drawn, held-out seeds", digest=_digest(drawn), items=drawn)
    rows, folder, source = _rows(task, name, place)
    items: list[Item] = []
    known: set[str] = set()
    for number, row in enumerate(islice(rows, limit), start=1):
        try:
            item = task.read(row, folder)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError, SyntaxError) as exc:
            raise SourceError(f"row {number} of {name} is not in the publisher's form ({type(exc).__name__}: {exc})") from exc
        if item is not None and item.gold:
            item = replace(item, id=f"{item.id}-{number}") if item.id in known else item  # the same question about another picture
            known.add(item.id)
            items.append(item)
    if not items:
        raise SourceError(f"{name} has no rows in {source}")
    return Loaded(name=name, source=source, digest=_digest(items), items=items)


def _rows(task: Task, name: str, place: str) -> tuple[Iterator[Row], Path | None, str]:
    if not place:
        from finetune.sources import from_hub

        configs = task.config if isinstance(task.config, tuple) else (task.config,)
        remedy = f"give its file with --data {name}=PATH"
        rows = chain.from_iterable(from_hub(task.repo, config, task.split, remedy) for config in configs)
        return rows, None, ", ".join((task.repo, *filter(None, configs), task.split))
    path = Path(place).expanduser()
    if path.is_dir():
        patterns = [pattern for ending in FORMATS for pattern in (f"{task.split}*{ending}", f"*{ending}")]
        files = next((found for pattern in patterns if (found := sorted(path.glob(pattern)))), [])
        if not files:
            raise SourceError(f"{path} holds no file that ends with {', '.join(FORMATS)}")
        return chain.from_iterable(map(read_file, files)), path, ", ".join(file.name for file in files)
    if not path.is_file():
        raise SourceError(f"there is no file or folder {place}; check --data")
    return read_file(path), path.parent, path.name


def _mark(picture: Picture) -> bytes:
    """What tells a picture from another, without decoding a file."""
    if isinstance(picture, Path):
        return hashlib.sha256(picture.read_bytes()).digest() if picture.is_file() else b"missing"
    return hashlib.sha256(picture if isinstance(picture, bytes) else picture.convert("RGB").tobytes()).digest()


def _digest(items: list[Item]) -> str:
    digest = hashlib.sha256()
    for item in items:
        digest.update(json.dumps([item.id, item.question, item.gold, item.options]).encode())
        for picture in item.pictures:
            digest.update(_mark(picture))
    return digest.hexdigest()[:16]

"""The test sets: where their rows lie, how a row becomes a question with its gold, and by which rule an answer is graded.

Rows come from the Hub or from a file in the publisher's form (``--data NAME=PATH``); a picture is a file beside it, bytes, or what
``datasets`` has opened. What is measured is what people use: the questions go through the engines and prompts of the application.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

from PIL import Image

from finetune.benchmarks.code import code_of, passes
from finetune.benchmarks.graders import LETTERS, Verdict, anls, chartqa, choice, rounded, same
from finetune.benchmarks.instructions import Instructions, check, followed, share
from finetune.sources import SourceError, read_file
from vision.answers.answers import extract
from vision.pictures.images import open_image

Row = Mapping[str, Any]
Picture = Path | bytes | Image.Image


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question.

    Attributes:
        id: within its set.
        question: as it is asked, options included.
        gold: the right answer; the letter where there are options.
        pictures: in the order in which the question means them, unopened: a set may have more of them than memory holds.
        options: without their letters.
        group: by which results are told apart too: a subject, a level, a kind.
        rule: what this row's grading needs beside that: digits behind the point, or other right answers.
    """

    id: str
    question: str
    gold: str
    pictures: tuple[Picture, ...] = ()
    options: tuple[str, ...] = ()
    group: str = ""
    rule: Any = None

    def opened(self) -> tuple[Image.Image, ...]:
        """Its pictures.

        Raises:
            ImageError: for one that cannot be used.
        """
        return tuple(open_image(each) for each in self.pictures)


@dataclass(frozen=True, kw_only=True)
class Task:
    """A test set.

    Attributes:
        repo, config, split: where it lies on the Hub.
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
    config: str | None = None
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
    return Verdict(right=rules["as written"], rules={name: rules[name] for name in ("years exact", "percent tolerant", "strict")})


def _mathvista(item: Item, answer: str) -> Verdict:
    if item.options or item.rule is None:
        return plainly(item, answer)
    strict = same(item.gold, answer, item.question)
    return Verdict(right=strict or rounded(item.gold, answer, int(item.rule)), rules={"strict": strict})


def _anls(item: Item, answer: str) -> Verdict:
    """The likeness is what is published; an answer is right here where it is one of the spellings."""
    score = anls(item.rule, answer)
    return Verdict(right=score == 1.0, rules={"ANLS": score})


def _mmmu(item: Item, answer: str) -> Verdict:
    """Open questions may have several right answers."""
    if item.options or not item.rule:
        return plainly(item, answer)
    return Verdict(right=any(same(gold, answer, item.question) for gold in item.rule), rules={})


def with_options(question: str, options: list[str]) -> str:
    """A question with its options under it, each behind its letter.

    >>> print(with_options("Which?", ["12", "13"]))
    Which?
    (A) 12
    (B) 13
    Answer with the letter.
    """
    listed = "\n".join(f"({letter}) {option}" for letter, option in zip(LETTERS, options, strict=False))
    return f"{question}\n{listed}\nAnswer with the letter."


def picture_of(value: Any, folder: Path | None) -> Picture:
    """A picture in any of the forms in which sets hold them, unopened.

    Raises:
        ValueError: for what is none of them.
    """
    if isinstance(value, Mapping):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, (bytes, Image.Image)):
        return value
    if isinstance(value, str) and folder is not None:
        return folder / value
    raise ValueError(f"the picture is {type(value).__name__}")


def gsm8k(row: Row, _: Path | None) -> Item:
    """``question``; ``answer`` with the gold behind ``####``."""
    question = str(row["question"])
    return Item(id=_key(question), question=question, gold=str(row["answer"]).rpartition("####")[2].strip())


def math_problem(row: Row, _: Path | None) -> Item:
    """``problem``, ``answer`` and perhaps ``level``."""
    question, group = str(row["problem"]), f"level {row['level']}" if row.get("level") else ""
    return Item(id=str(row.get("unique_id") or _key(question)), question=question, gold=str(row["answer"]), group=group)


def mathvision(row: Row, folder: Path | None) -> Item:
    """``question`` with ``<image1>`` in it; options that are letters stand in the picture."""
    options = [str(option) for option in row.get("options") or []]
    question = re.sub(r"\s*<image\d+>\s*", " ", str(row["question"])).strip()
    lettered = options == list(LETTERS[: len(options)])  # the options stand in the picture
    asked = question + "\nAnswer with the letter." if lettered and options else with_options(question, options) if options else question
    return Item(
        id=str(row["id"]),
        question=asked,
        gold=str(row["answer"]),
        pictures=(picture_of(row.get("decoded_image") or row["image"], folder),),
        options=tuple(options),
        group=str(row.get("subject") or ""),
    )


def mathvista(row: Row, folder: Path | None) -> Item:
    """``answer`` is the text of a choice, or a number of so many digits."""
    options = [str(option) for option in row.get("choices") or []]
    gold, question = str(row["answer"]), str(row["question"])
    if unit := row.get("unit"):
        question += f" (Unit: {unit})"
    if options:
        question, gold = with_options(question, options), LETTERS[options.index(gold)] if gold in options else gold
    digits = 0 if row.get("answer_type") == "integer" else row.get("precision")
    return Item(
        id=str(row["pid"]),
        question=question,
        gold=gold,
        pictures=(picture_of(row.get("decoded_image") or row["image"], folder),),
        options=tuple(options),
        group=str((row.get("metadata") or {}).get("task", "")),
        rule=digits if not options and row.get("answer_type") in ("integer", "float") else None,
    )


def chart_question(row: Row, folder: Path | None) -> Item:
    """ChartQA, as it lies on the Hub and in its authors' files."""
    question, gold = str(row.get("question") or row["query"]), row.get("answer", row.get("label"))
    gold = str(gold[0] if isinstance(gold, list) else gold)
    image = row.get("image") if row.get("image") is not None else f"png/{row['imgname']}"
    return Item(
        id=_key(f"{row.get('imgname', '')}{question}{gold}"),
        question=question,
        gold=gold,
        pictures=(picture_of(image, folder),),
        group=str(row.get("type", "")).replace("_test", ""),
    )


def ai2d(row: Row, folder: Path | None) -> Item:
    """``answer`` is the place of an option, counted from 0."""
    options = [str(option) for option in row["options"]]
    question = with_options(str(row["question"]), options)
    gold, pictures = _letter(options, row["answer"]), (picture_of(row["image"], folder),)
    return Item(id=_key(question + gold), question=question, gold=gold, pictures=pictures, options=tuple(options))


def mmmu(row: Row, folder: Path | None) -> Item:
    """Lists are written as Python writes them; pictures are named in question and options."""
    options = row.get("options") or []
    options = [str(option) for option in (ast.literal_eval(options) if isinstance(options, str) else options)]
    names = sorted((name for name in row if re.fullmatch(r"image_\d+", name) and row[name] is not None), key=lambda name: int(name[6:]))
    question, *options = (re.sub(r"<image (\d+)>", r"[picture \1]", text) for text in (str(row["question"]), *options))
    gold = str(row["answer"])
    golds = [str(each) for each in ast.literal_eval(gold)] if gold.startswith("[") and not options else []
    return Item(
        id=str(row["id"]),
        question=with_options(question, options) if options else question,
        gold=golds[0] if golds else gold,
        rule=golds,
        pictures=tuple(picture_of(row[name], folder) for name in names),
        options=tuple(options),
        group=str(row.get("subfield") or ""),
    )


def document(row: Row, folder: Path | None) -> Item:
    """DocVQA and InfographicVQA: ``answers`` are spellings."""
    golds = [str(gold) for gold in row.get("answers") or []]
    ident = str(row.get("questionId") or row.get("question_id") or _key(str(row["question"])))
    return Item(id=ident, question=str(row["question"]), gold=golds[0], pictures=(picture_of(row["image"], folder),), rule=golds)


def mmlu(row: Row, _: Path | None) -> Item:
    """``answer`` is the place of a choice, counted from 0."""
    options, question = [str(option) for option in row["choices"]], str(row["question"])
    subject, asked = str(row.get("subject", "")), with_options(question, options)
    return Item(id=_key(subject + asked), question=asked, gold=_letter(options, row["answer"]), options=tuple(options), group=subject)


def gpqa(row: Row, _: Path | None) -> Item:
    """The right option goes where the question's digest puts it, the same for everybody."""
    question, right = str(row["Question"]).strip(), str(row["Correct Answer"]).strip()
    options = [str(row[f"Incorrect Answer {i}"]).strip() for i in (1, 2, 3)]
    at = int(_key(question), 16) % 4
    options.insert(at, right)
    asked = with_options(question, options)
    return Item(id=_key(question), question=asked, gold=LETTERS[at], options=tuple(options), group=str(row.get("High-level domain", "")))


def mbpp(row: Row, _: Path | None) -> Item:
    """A task in words and the tests that a function is to pass."""
    tests = [str(test) for test in row["test_list"]]
    question = f"{row.get('text') or row['prompt']}\nWrite a Python function that passes these tests:\n" + "\n".join(tests)
    setup = str(row.get("test_setup_code") or "\n".join(row.get("test_imports") or []))
    return Item(id=str(row["task_id"]), question=question, gold=str(row["code"]), rule="\n".join([setup, *tests]))


def humaneval(row: Row, _: Path | None) -> Item:
    """The head of a function, and a ``check`` of the whole."""
    prompt, name = str(row["prompt"]), str(row["entry_point"])
    question = f"Complete this Python function, and answer with all of it in a block of code:\n```python\n{prompt}```"
    tests = f"{row['test']}\ncheck({name})"
    return Item(id=str(row["task_id"]), question=question, gold=str(row["canonical_solution"]), rule=(prompt, tests))


def _mbpp(item: Item, answer: str) -> Verdict:
    return Verdict(right=passes(answer, item.rule), rules={})


def _humaneval(item: Item, answer: str) -> Verdict:
    """What stands before the function in the prompt, its imports, stands before the answer too."""
    prompt, tests = item.rule
    head = prompt[: prompt.rfind("def ")] if "def " in prompt else ""
    return Verdict(right=passes(f"{head}\n{answer}", tests), rules={})


def instructed(row: Row, _: Path | None) -> Item:
    """IFEval: ``prompt``, the names of its checkers and their options."""
    prompt, names = str(row["prompt"]), tuple(str(name) for name in row["instruction_id_list"])
    options = tuple({name: value for name, value in dict(each).items() if value is not None} for each in row["kwargs"])
    instructions = Instructions(prompt, names, options)
    check(instructions)
    return Item(id=str(row["key"]), question=prompt, gold=", ".join(names), rule=instructions)


def _ifeval(item: Item, answer: str) -> Verdict:
    """All instructions strictly; one by one, and loosely, apart."""
    strict, loose = followed(item.rule, answer)
    return Verdict(right=all(strict), rules={"loose": all(loose), "instructions": share(strict), "instructions, loose": share(loose)})


def drawn(row: Row, folder: Path | None) -> Item:
    """Rows of our own charts, and of anybody's: ``image``, ``question``, ``answer`` and perhaps ``kind``."""
    question, gold, image = str(row["question"]), str(row.get("gold") or row["answer"]), row["image"]
    ident, group = str(row.get("id") or _key(f"{image}{question}")), str(row.get("kind", ""))
    return Item(id=ident, question=question, gold=gold, pictures=(picture_of(image, folder),), group=group)


def _letter(options: list[str], at: Any) -> str:
    """The letter of the option at a place that the row names."""
    return LETTERS[range(len(options))[int(at)]]


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


TASKS: dict[str, Task] = {
    "gsm8k": Task(repo="openai/gsm8k", config="main", read=gsm8k, grade=plainly),
    "math500": Task(repo="HuggingFaceH4/MATH-500", read=math_problem, grade=plainly),
    "math": Task(repo="nlile/hendrycks-MATH-benchmark", read=math_problem, grade=plainly),
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

        items = [
            Item(id=str(case.seed), question=case.question, gold=case.gold, pictures=(case.image,), group=case.kind)
            for case in held_out(limit or 200)
        ]
        return Loaded(name=name, source="drawn, held-out seeds", digest=_digest(items), items=items)
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

        config = f", {task.config}" if task.config else ""
        remedy = f"give its file with --data {name}=PATH"
        return from_hub(task.repo, task.config, task.split, remedy), None, f"{task.repo}{config}, {task.split}"
    path = Path(place).expanduser()
    if path.is_dir():
        patterns = (f"{task.split}*.jsonl", "*.jsonl", f"{task.split}*.parquet", "*.parquet", f"{task.split}*.json", "*.json")
        files = next((found for pattern in patterns if (found := sorted(path.glob(pattern)))), [])
        if not files:
            raise SourceError(f"{path} holds no .jsonl, .json or .parquet file")
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

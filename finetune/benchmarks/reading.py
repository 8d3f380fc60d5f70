"""How a row of a test set becomes a question with its gold: one function for each publisher's form.

A picture is a file beside the rows, bytes, or what ``datasets`` has opened.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from finetune.benchmarks.graders import LETTERS
from finetune.benchmarks.instructions import Instructions, check
from vision.answers.answers import extract
from vision.pictures.images import open_image

Row = Mapping[str, Any]
Picture = Path | bytes | Image.Image
BRIEF = "Answer with a single word, a number or a short phrase."
"""Asked of sets whose rule compares the answer letter by letter."""


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
        beside = folder.parent / value  # MATH-Vision keeps data/ and images/ side by side
        return beside if not (folder / value).is_file() and beside.is_file() else folder / value
    raise ValueError(f"the picture is {type(value).__name__}")


def gsm8k(row: Row, _: Path | None) -> Item:
    """``question``; ``answer`` with the gold behind ``####``."""
    question = str(row["question"])
    return Item(id=_key(question), question=question, gold=str(row["answer"]).rpartition("####")[2].strip())


def math_problem(row: Row, _: Path | None) -> Item:
    """``problem``, ``answer`` (or a ``solution`` that ends with it in a box), and perhaps ``level``."""
    question, level = str(row["problem"]), str(row.get("level") or "").removeprefix("Level ")
    gold = str(row["answer"]) if row.get("answer") is not None else extract(str(row["solution"]))
    return Item(id=str(row.get("unique_id") or _key(question)), question=question, gold=gold, group=f"level {level}" if level else "")


def mathvision(row: Row, folder: Path | None) -> Item:
    """``question`` with ``<image1>`` in it; options that are letters stand in the picture.

    A mark inside a sentence means a part of the one picture, and stays.
    """
    options = [str(option) for option in row.get("options") or []]
    question = re.sub(r"\A\s*<image\d+>\s+|(?:\s*\n\s*<image\d+>)+(?=\s*(?:\n|\Z))", "", str(row["question"])).strip()
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


_FORMS = {
    "integer": "Answer with a whole number.",
    "float": "Answer with a number of {}.",
    "list": "Answer with a list of numbers in square brackets.",
}
"""What MathVista's hints tell of the form of an answer, by its type."""


def mathvista(row: Row, folder: Path | None) -> Item:
    """``answer`` is the text of a choice, or a number of so many digits."""
    options = [str(option) for option in row.get("choices") or []]
    gold, question = str(row["answer"]), str(row["question"])
    if unit := row.get("unit"):
        question += f" (Unit: {unit})"
    kind, digits = row.get("answer_type"), int(row.get("precision") or 0)
    if options:
        question, gold = with_options(question, options), LETTERS[options.index(gold)] if gold in options else gold
    elif kind in _FORMS:
        question += "\n" + _FORMS[kind].format(f"{digits} decimal place{'s' * (digits > 1)}")
    return Item(
        id=str(row["pid"]),
        question=question,
        gold=gold,
        pictures=(picture_of(row.get("decoded_image") or row["image"], folder),),
        options=tuple(options),
        group=str((row.get("metadata") or {}).get("task", "")),
        rule=None if options or kind not in _FORMS else "list" if kind == "list" else digits if kind == "float" else 0,
    )


def chart_question(row: Row, folder: Path | None) -> Item:
    """ChartQA, as it lies on the Hub and in its authors' files."""
    question, gold = str(row.get("question") or row["query"]), row.get("answer", row.get("label"))
    gold = str(gold[0] if isinstance(gold, list) else gold)
    image = row.get("image") if row.get("image") is not None else f"png/{row['imgname']}"
    return Item(
        id=_key(f"{row.get('imgname', '')}{question}{gold}"),
        question=f"{question}\n{BRIEF}",
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
    golds = [str(each) for each in ast.literal_eval(gold)] if gold.startswith("[") and not options else [gold]
    return Item(
        id=str(row["id"]),
        question=with_options(question, options) if options else question,
        gold=golds[0],
        rule=golds,
        pictures=tuple(picture_of(row[name], folder) for name in names),
        options=tuple(options),
        group=str(row.get("subfield") or ""),
    )


def document(row: Row, folder: Path | None) -> Item:
    """DocVQA and InfographicVQA: ``answers`` are spellings; what the picture says is the answer, and no sentence about it."""
    golds = [str(gold) for gold in row.get("answers") or []]
    ident = str(row.get("questionId") or row.get("question_id") or _key(str(row["question"])))
    return Item(id=ident, question=f"{row['question']}\n{BRIEF}", gold=golds[0], pictures=(picture_of(row["image"], folder),), rule=golds)


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


def instructed(row: Row, _: Path | None) -> Item:
    """IFEval: ``prompt``, the names of its checkers and their options."""
    prompt, names = str(row["prompt"]), tuple(str(name) for name in row["instruction_id_list"])
    options = tuple({name: value for name, value in dict(each).items() if value is not None} for each in row["kwargs"])
    instructions = Instructions(prompt, names, options)
    check(instructions)
    return Item(id=str(row["key"]), question=prompt, gold=", ".join(names), rule=instructions)


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

"""What a row to train on is, wherever it came from: a question, pictures, a thought and an answer.

Three publishers mark one thing in three ways, and every mark that :mod:`vision.thoughts.reasoning` knows is read. A row that cannot
be used raises :class:`Rejected` with a reason, so that a report can count them.

>>> openo1({"instruction": "2 + 3?", "output": "<Thought>2 + 3 = 5.</Thought><Output>It is 5.</Output>"}).answer
'It is 5.'
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vision.answers.answers import equivalent, extract
from vision.files import write_text
from vision.prompts import Prompt, Turn
from vision.sharegpt import human, model, registered, unmarked
from vision.thoughts.reasoning import PAIRS, TAGS, split

Row = Mapping[str, Any]
"""A row as its publisher wrote it."""

NOTES = re.compile(r"<<[^<>]*>>")
"""What GSM8K's writers had a calculator work out."""


class Rejected(Exception):
    """A row that is not to be trained on; its message is the reason, the same for all rows of a kind."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One question with its reasoning.

    Attributes:
        source: name of the data set.
        question, thought, answer: plain text without tags.
        pictures: file names, or files as bytes, in the order in which the question means them.
        lines: the text of each picture as a model is given it (:func:`vision.pictures.lines.lines_of`), "" for none; may be shorter.
        cropped: whether the first picture is the whole and the others are crops of it.
        gold: the short right answer, "" where none is known.
        table: what the picture shows, a row each with the name first, where the publisher tells it.
    """

    source: str
    question: str
    thought: str
    answer: str
    pictures: tuple[str | bytes, ...] = ()
    lines: tuple[str, ...] = ()
    cropped: bool = False
    gold: str = ""
    table: tuple[tuple[str, ...], ...] = ()


def openo1(row: Row) -> Sample:
    """OpenO1-SFT: ``instruction`` and ``output``, or ``prompt`` and ``response`` as LLaMA-Factory's copy names them."""
    question, said = text_of(row, "instruction", "prompt"), text_of(row, "output", "response")
    return taken_apart("openo1_sft", question, said)


def open_thoughts(row: Row) -> Sample:
    """OpenThoughts-114k: ``conversations`` of one user and one assistant turn."""
    turns = row.get("conversations")
    if not isinstance(turns, list) or len(turns) < 2 or not all(isinstance(turn, Mapping) for turn in turns):
        raise Rejected("not in the publisher's form")
    asked, said = (text_of(turn, "value", "content") for turn in turns[:2])
    return taken_apart("open_thoughts", asked, said)


def open_r1_math(row: Row) -> Sample:
    """OpenR1-Math-220k: the first of ``generations`` that is complete and whose answer math-verify finds equal to ``answer``."""
    question, gold = text_of(row, "problem"), text_of(row, "answer")
    generations = row.get("generations") or []
    if not isinstance(generations, list):
        raise Rejected("not in the publisher's form")
    complete = row.get("is_reasoning_complete") or [True] * len(generations)
    reasons = row.get("finish_reasons") or ["stop"] * len(generations)
    if (
        not isinstance(complete, list)
        or not isinstance(reasons, list)
        or len(complete) != len(generations)
        or len(reasons) != len(generations)
    ):
        raise Rejected("not in the publisher's form")
    whole = [text for text, is_whole, why in zip(generations, complete, reasons, strict=True) if is_whole and why in (None, "stop")]
    if not whole:
        raise Rejected("no complete generation")
    refused = Rejected("wrong answer")
    for text in whole:
        try:
            sample = taken_apart("open_r1_math", question, str(text), gold)
        except Rejected as exc:
            refused = exc
        else:
            return sample
    raise refused


def gsm8k(row: Row) -> Sample:
    """GSM8K: ``answer`` holds the steps, with ``<<24*3=72>>`` notes that are left out, and the result behind ``####``."""
    question, written = text_of(row, "question"), text_of(row, "answer")
    thought, hashes, gold = written.rpartition("####")
    if not hashes:
        raise Rejected("not in the publisher's form")
    gold = gold.strip()
    return _checked(
        Sample(source="gsm8k", question=question, thought=NOTES.sub("", thought).strip(), answer=f"The answer is {gold}.", gold=gold)
    )


def pictured(row: Row, source: str = "charts") -> Sample:
    """A row about pictures: ``question``, ``thought``, ``answer``, ``image`` or ``images``, and perhaps ``gold`` and ``lines``."""
    names = row.get("images") or ([row["image"]] if row.get("image") else [])
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise Rejected("no picture")
    question, answer = text_of(row, "question"), text_of(row, "answer")
    gold = "" if row.get("gold") is None else str(row["gold"])
    if not row.get("thought"):
        sample = taken_apart(source, question, answer, gold)
    else:
        sample = _checked(Sample(source=source, question=question, thought=text_of(row, "thought"), answer=answer, gold=gold))
    lines = row.get("lines") or []
    if not isinstance(lines, list) or len(lines) > len(names) or not all(isinstance(each, str) for each in lines):
        raise Rejected("not in the publisher's form")
    return replace(sample, pictures=tuple(names), lines=tuple(unmarked(each) for each in lines))


def sharegpt(sample: Sample, *, thinking: bool = True) -> dict[str, Any]:
    """``sample`` as LLaMA-Factory's sharegpt format has it.

    The system prompt is the one that the app sends, with a picture or without. A row without thinking has none and answers at
    once, so that a tune keeps both ways of answering. Lines stand behind their picture and before the question, as the app sends them.
    """
    said = f"<think>\n{sample.thought}\n</think>\n\n{sample.answer}" if thinking else sample.answer
    lines = [*sample.lines, *[""] * (len(sample.pictures) - len(sample.lines))]
    asked = "".join(f"<image>{each.strip()}" for each in lines[:-1])
    asked += (f"<image>{lines[-1]}" if lines else "") + sample.question
    if sample.cropped:  # in the words of Gemma 3's processor
        crops = " ".join(["<image>"] * (len(sample.pictures) - 1))
        asked = f"Here is the original image <image> and here are some crops to help you see better {crops}{lines[0]}{sample.question}"
    turn = Turn(question=sample.question, lines=sample.lines or ("",) * bool(sample.pictures))
    return {
        "system": Prompt(turns=(turn,), thinking=thinking).instructions(),
        "conversations": [human(asked), model(said)],
        "images": list(sample.pictures),
    }


def register(folder: Path, names: Sequence[str]) -> None:
    """Add ``names`` to the ``dataset_info.json`` of ``folder``."""
    info = folder / "dataset_info.json"
    known = json.loads(info.read_text(encoding="utf-8")) if info.exists() else {}
    written = known | {name: registered(f"{name}.jsonl") for name in names}
    if written != known:
        write_text(info, json.dumps(written, indent=2) + "\n")


def text_of(row: Row, *names: str) -> str:
    """The first of the columns ``names`` that holds a text.

    Raises:
        Rejected: where none does.
    """
    for name in names:
        if isinstance(row.get(name), str):
            return unmarked(row[name]).strip()
    raise Rejected("not in the publisher's form")


def taken_apart(source: str, question: str, said: str, gold: str = "") -> Sample:
    """The sample of a reply with one thought in any of the known marks.

    Raises:
        Rejected: for another number of thoughts, an empty part or a wrong answer.
    """
    parsed = split(unmarked(said))
    openings = sum(said.lower().count(opening) for opening, _ in PAIRS)
    if parsed.truncated or openings > 1:  # several thoughts are read, and not taught
        raise Rejected("broken tags")
    return _checked(Sample(source=source, question=question, thought=parsed.thought, answer=parsed.answer, gold=gold))


def _checked(sample: Sample) -> Sample:
    for name in ("question", "thought", "answer"):
        if not getattr(sample, name):
            raise Rejected(f"no {name}")
    if any(tag in part.lower() for tag in TAGS for part in (sample.thought, sample.answer)):
        raise Rejected("broken tags")
    if sample.gold and not equivalent(sample.gold, extract(sample.answer)):
        raise Rejected("wrong answer")
    return sample

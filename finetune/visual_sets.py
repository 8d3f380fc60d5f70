"""Public sets of visual reasoning, each in its publisher's own columns: one question about pictures, with the thought of another model.

The columns are those of the cards and of code that reads the sets; what is missing makes a row be rejected with its reason. Rows on the Hub
hold their pictures as bytes; a file beside a folder of pictures names them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from finetune.checking import table_of
from finetune.samples import Rejected, Row, Sample, taken_apart, text_of
from vision.answers.answers import extract
from vision.thoughts.reasoning import split

_STAGES = ("SUMMARY", "CAPTION", "REASONING", "CONCLUSION")
_IMAGE = re.compile(r"\s*<image\d*>\s*")
MOST_FINAL_WORDS = 40
"""A longer answer is a chain of thought of its own."""


def llava_cot(row: Row) -> Sample:
    """LLaVA-CoT-100k: ``conversations`` whose reply has four tagged stages; of several turns the first is taken."""
    turns = row.get("conversations")
    if not isinstance(turns, list) or len(turns) < 2 or not all(isinstance(turn, dict) for turn in turns[:2]):
        raise Rejected("not in the publisher's form")
    question, said = (text_of(turn, "value") for turn in turns[:2])
    stages = {name: re.findall(rf"<{name}>(.*?)</{name}>", said, re.DOTALL) for name in _STAGES}
    if any(len(found) != 1 for found in stages.values()):
        raise Rejected("not four stages")
    thought = "\n\n".join(stages[name][0].strip() for name in _STAGES[:3] if stages[name][0].strip())
    return _about(row, "llava_cot", question, f"<think>{thought}</think>{stages['CONCLUSION'][0].strip()}")


def chartverse(row: Row) -> Sample:
    """ChartVerse: ``images``, ``question``, ``answer``, and the chain of thought in ``cot_solution``, with or without marks around it."""
    gold, said = text_of(row, "answer"), text_of(row, "cot_solution", "cot", "solution", "response")
    return _about(row, "chartverse", text_of(row, "question", "query"), _with_end(said, gold), gold)


def chartnet(row: Row) -> Sample:
    """ChartNet's ``reasoning``: ``complex_question`` and ``full_reasoning``, which ends with the answer; ``csv`` where it was joined."""
    said = text_of(row, "full_reasoning", "reasoning")
    final = _final(said)
    if not final:
        raise Rejected("no answer")
    sample = _about(row, "chartnet", text_of(row, "complex_question", "question"), _with_end(said, final))
    return replace(sample, table=tuple(map(tuple, table_of(str(row.get("csv") or "")))))


def reachqa(row: Row) -> Sample:
    """ReachQA: ``question`` and an ``answer`` that reasons and then tells; one that only tells teaches no thought."""
    said = text_of(row, "answer")
    final = _final(said)
    if len(said.split()) < 8 or not final:
        raise Rejected("no thought")
    return _about(row, "reachqa", text_of(row, "question"), _with_end(said, final))


VISUAL: dict[str, Callable[[Row], Sample]] = {"llava_cot": llava_cot, "chartverse": chartverse, "chartnet": chartnet, "reachqa": reachqa}
"""The reader of each set that is known by name."""


def _about(row: Row, source: str, question: str, said: str, gold: str = "") -> Sample:
    """The sample of a row with its pictures."""
    sample = taken_apart(source, _IMAGE.sub(" ", question.replace("[image]", " ")).strip(), said, gold)
    return replace(sample, pictures=_pictures(row))


def _pictures(row: Row) -> tuple[str | bytes, ...]:
    """Names or bytes of a row's pictures."""
    written = row.get("images") or row.get("image")
    found = []
    for each in written if isinstance(written, (list, tuple)) else [written]:
        inside = each.get("bytes") or each.get("path") if isinstance(each, dict) else each
        if not isinstance(inside, (str, bytes)) or not inside:
            raise Rejected("no picture")
        found.append(inside)
    return tuple(found)


def _final(said: str) -> str:
    """The short answer at the end of a chain, "" where there is none."""
    parsed = split(said)
    final = extract(parsed.answer) if parsed.answer else ""
    return final if final and len(final.split()) <= MOST_FINAL_WORDS else ""


def _with_end(said: str, final: str) -> str:
    """A chain as thought and answer: by its own marks where it has them, else all of it is the thought."""
    parsed = split(said)
    if parsed.thought:
        return said
    return f"<think>{said}</think>The answer is {final.rstrip('.')}."

"""A problem with its worked solution, and how a teacher's reply is read as problems.

>>> reply = '{"question": "What is 2 * 3?", "solution": "2 * 3 = 6", "answer": 6.0}\\n{"question": "What is 4 + 5?", "solu'
>>> [(problem.id, problem.answer, problem.broken) for problem in read_reply("p000001", reply)]
[('p000001-1', '6', ''), ('p000001-2', '', '{"question": "What is 4 + 5?", "solu')]
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from finetune.samples import NOTES

MOST_PROBLEMS = 50
"""Problems that are read of one reply."""
MOST_CHARS = 20_000
"""Characters of a problem that are kept; more is no problem."""
_COMMANDS = (
    "frac dfrac tfrac text times theta tan bar begin beta binom boxed big bullet right rho rangle rfloor rceil neq nabla "
    "sqrt cdot left le leq ge geq approx div pm pi sum prod int alpha gamma delta angle circ quad qquad mathrm mathbf cos sin log ln end"
)
_LATEX = re.compile(rf"(?<!\\)\\(?=(?:{'|'.join(_COMMANDS.split())})(?![a-z]))|(?<!\\)\\(?![\"\\/bfnrtu])")
"""A backslash that stands alone in JSON and begins a command of LaTeX, or is none of JSON's own."""
_LABEL = re.compile(
    r"^[ \t*#]{0,8}(?P<label>problem|question|solution|answer)[ \t*]{0,8}\d{0,4}[ \t*]{0,8}:[ \t*]{0,8}", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One problem.

    Attributes:
        id: of the request that it came by, and its place in the reply.
        question, solution, answer: as they were written; ``<<24*3=72>>`` notes may stand in the solution.
        broken: what could not be read as a problem, "" where all of it could.
        image: file name of the picture that it is about, "" for none.
        gold: the right answer where it is known beforehand.
        table: what the picture shows, a row each with the name first; the first row holds the heads.
    """

    id: str
    question: str
    solution: str
    answer: str
    broken: str = ""
    image: str = ""
    gold: str = ""
    table: tuple[tuple[str, ...], ...] = ()

    @property
    def thought(self) -> str:
        """The solution as it is taught: without notes."""
        return NOTES.sub("", self.solution).strip()

    def as_row(self) -> dict[str, Any]:
        """Ready for JSON, without what is empty."""
        return {key: value for key, value in asdict(self).items() if value or key in ("id", "question", "solution", "answer")}


def problem_of(row: Mapping[str, Any], id: str) -> Problem:
    """A row of ``question``, ``solution`` and ``answer``, or of ``question`` and GSM8K's ``answer``; what is missing is empty."""
    question, solution, answer = (_text(row.get(key)) for key in ("question", "solution", "answer"))
    if not solution and "####" in answer:
        solution, _, answer = (part.strip() for part in answer.rpartition("####"))
    known = {"image": _text(row.get("image")), "gold": _text(row.get("gold")), "broken": _text(row.get("broken"))}
    rows = row.get("table")
    table = tuple(tuple(map(_text, cells)) for cells in rows) if isinstance(rows, (list, tuple)) else ()
    return Problem(id=id, question=question, solution=solution, answer=answer, table=table, **known)


def read_reply(id: str, text: str) -> Iterator[Problem]:
    """The problems of a reply: objects of JSON wherever they stand, else parts behind ``Problem:``, ``Solution:`` and ``Answer:``.

    What cannot be read is a problem too, with ``broken``, so that it is counted.
    """
    text = text.encode("utf-8", "replace").decode()  # halves of letters
    found = list(_objects(text)) or list(_labelled(text)) or [({}, text)]
    for number, (row, broken) in enumerate(found[:MOST_PROBLEMS], start=1):
        yield replace(problem_of(row, f"{id}-{number}"), broken=broken.strip()[:MOST_CHARS] or ("" if row else "an empty reply"))


def _labelled(text: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Problems whose parts stand behind labels, in one pass over the text."""
    marks = [*_LABEL.finditer(text)]
    parts: dict[str, str] = {}
    for mark, following in zip(marks, [*marks[1:], None], strict=False):
        label = "question" if mark["label"].lower() in ("problem", "question") else mark["label"].lower()
        if label == "question":
            parts = {}
        said = text[mark.end() : following.start() if following else len(text)].strip()
        parts.setdefault(label, said.splitlines()[0] if label == "answer" and said else said)
        if parts.keys() == {"question", "solution", "answer"}:
            yield parts, ""
            parts = {}


def _objects(text: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Every object of JSON in ``text``, and the rest from where one does not end."""
    text, decoder, at = _LATEX.sub(r"\\\\", text), json.JSONDecoder(strict=False), 0
    while (at := text.find("{", at)) >= 0:
        if not re.match(r'\{\s*"', text[at:]):
            at += 1
            continue
        try:
            row, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):  # also a number of too many digits
            behind = re.compile(r'\n\s*\{\s*"').search(text, at + 1)
            end = behind.start() if behind else len(text)
            yield {}, text[at:end]
            at = end
        else:
            yield (row, "") if row.keys() & {"question", "solution", "answer"} else ({}, json.dumps(row))


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "\n".join(value).strip()[:MOST_CHARS]
    return str(value).strip()[:MOST_CHARS] if isinstance(value, (str, int, float)) else ""

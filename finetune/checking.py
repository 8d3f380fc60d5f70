"""A thought that others wrote, held to what we check in our own: its claims, its numbers, and whether it arrives at its answer.

>>> table = as_writing([["City", "Rain"], ["Oslo", "46"], ["Rome", "9"]])
>>> check("How much more rain has Oslo than Rome?", "Oslo: 46\\nRome: 9\\n46 - 9 = 37", "37", [table], whole=True).level
'traced'
>>> check("How much more rain has Oslo than Rome?", "Oslo: 64\\nRome: 9\\n64 - 9 = 55", "55", [table], whole=True).fault
'a number that does not stand there'
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vision.answers.answers import number_of
from vision.answers.trust import Level, assess, follows
from vision.pictures.box import Box
from vision.pictures.writing import Text, Writing
from vision.thoughts.steps import Step, steps_of

Fault = Literal[
    "",
    "a claim that is false",
    "a number that does not stand there",
    "an answer that no step arrives at",
    "it contradicts the picture or itself",
    "a number without a source",
    "not all of it is shown",
]

Keep = Literal["traced", "unbroken", "all"]
"""Which thoughts are taught: those that are shown throughout, those without a fault, or all."""

MOST_CELLS = 1000
"""Of a table that is held against."""
CELL = (200, 40)
"""Width and height in pixels of a cell as :func:`as_writing` lays it out."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """What was found of a thought.

    Attributes:
        level: ``traced``, ``open`` or ``broken``, as the application tells it.
        fault: what is wrong, or missing where it is ``open``; "" where nothing is.
        why: in words.
    """

    level: Level
    fault: Fault
    why: str

    def keeps(self, keep: Keep) -> bool:
        """Whether a thought like this is taught."""
        return keep == "all" or self.level == "traced" or (keep == "unbroken" and self.level == "open")


def check(question: str, thought: str, answer: str, writing: Sequence[Writing] = (), *, whole: bool = False) -> Checked:
    """Hold a ``thought`` to its question and to the ``writing`` of its pictures or tables; without any, numbers are not traced.

    Args:
        whole: whether all that can be read stands in ``writing``: a table does, what OCR found may lack something.
    """
    steps = steps_of(thought, question, writing or None)
    sources = [source for step in steps for source in step.sources]
    trust = assess(steps, question, answer, writing)
    why = "; ".join(trust.reasons[:3])
    if any(claim.verdict == "false" for step in steps for claim in step.claims):
        return Checked(level="broken", fault="a claim that is false", why=why)
    nowhere = next((source for source in sources if whole and source.kind in ("unknown", "estimate")), None)
    if nowhere is not None:
        return Checked(
            level="broken", fault="a number that does not stand there", why=f"{nowhere.text} stands nowhere and follows from nothing"
        )
    if any(source.verdict == "false" for source in sources) and (whole or trust.level == "broken"):
        return Checked(level="broken", fault="a number that does not stand there", why=why)
    if not steps or not answer or not arrives(steps, answer):
        return Checked(level="broken", fault="an answer that no step arrives at", why=f"no step arrives at {answer or 'an answer'}")
    if trust.level == "broken":
        return Checked(level="broken", fault="it contradicts the picture or itself", why=why)
    if trust.level == "traced":
        return Checked(level="traced", fault="", why=why)
    unknown = any(source.kind in ("unknown", "estimate") and source.verdict != "true" for source in sources)
    return Checked(level="open", fault="a number without a source" if unknown else "not all of it is shown", why=why)


def arrives(steps: Sequence[Step], answer: str) -> bool:
    """Whether the last step comes to ``answer``, or names it and a claim before it came to it: ``… the cheaper one, because 50 < 52``."""
    if follows(steps, answer):
        return True
    value = number_of(answer)
    results = [number_of(re.split("[=≈]", claim.text)[-1].strip(" $*")) for step in steps for claim in step.claims if "=" in claim.text]
    named = [number_of(found) for found in re.findall(r"\d[\d,]*(?:\.\d+)?", steps[-1].text)] if steps else []
    return value is not None and value in results and value in named


def said_again(text: str) -> float:
    """The share of the lines of a text, or of its runs of eight words, that come a second time, whichever is more.

    >>> said_again("2 + 3 = 5\\n2 + 3 = 5\\n5 + 1 = 6"), said_again("2 + 3 = 5")
    (0.33, 0.0)
    """
    words = text.split()
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    runs = [tuple(words[i : i + 8]) for i in range(len(words) - 7)]
    return round(max(1 - len(set(parts)) / len(parts) if len(parts) > 2 else 0.0 for parts in (lines, runs)), 2)


def as_writing(table: Sequence[Sequence[str]]) -> Writing:
    """A table as if it were printed: names in the first column, heads in the first row.

    The second half lies wider than the first, lest even numbers look like those of an axis.
    """
    width, height = CELL
    columns = max(map(len, table), default=1)

    def places(size: int, many: int) -> list[float]:
        return [size * (i + 0.2 * max(0, i - many // 2)) + 10 for i in range(many)]

    lefts, tops = places(width, columns), places(height, len(table))
    texts = [
        Text(text=cell.strip(), box=Box(lefts[x], tops[y], lefts[x] + min(8 * len(cell.strip()), 180), tops[y] + 20))
        for y, row in enumerate(table)
        for x, cell in enumerate(row)
        if cell.strip()
    ]
    size = (round(max(lefts, default=0.0)) + width, round(max(tops, default=0.0)) + height)
    return Writing(size=size, texts=tuple(texts[:MOST_CELLS]))


def table_of(written: str) -> list[list[str]]:
    """The rows of a table in CSV; none where it is none."""
    try:
        rows = [row for row in csv.reader(io.StringIO(written.strip())) if any(cell.strip() for cell in row)]
    except csv.Error:
        return []
    return rows if len(rows) > 1 and all(len(row) == len(rows[0]) > 1 for row in rows) else []

"""A thought becomes numbered steps, each with the arithmetic claims in it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from vision.pictures.writing import Writing
from vision.thoughts.claims import find_claims
from vision.thoughts.marks import Claim
from vision.thoughts.names import Lookup
from vision.thoughts.sources import Source, Traced, sources_of


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a thought.

    Attributes:
        number: 1-based.
        text: without its own numbering or bullet.
        claims: the arithmetic claims in ``text``, in order.
        sources: where its numbers come from, in order; none where it was not asked for.
        lookups: names that stand in the picture, in order, but for those that a number is told for.
    """

    number: int
    text: str
    claims: tuple[Claim, ...]
    sources: tuple[Source, ...] = ()
    lookups: tuple[Lookup, ...] = ()


_NUMBERED = re.compile(r"^\s*(?:step\s+)?(\d{1,3})\s*[.):]\s+(?=\S)", re.IGNORECASE)
_BULLET = re.compile(r"^\s*[-*•]\s+(?=\S)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(\[])")


def steps_of(thought: str, question: str = "", writing: Sequence[Writing] | None = None, *, growing: bool = False) -> list[Step]:
    """``thought`` as steps: by its own numbering where it has one, else by lines, else by sentences.

    Args:
        thought: the reasoning.
        question: what it answers.
        writing: the text of each picture, to trace numbers to; None traces nothing.
        growing: whether it may go on: then nothing is said of what stands at its very end, which may be half a number or half a claim.

    >>> [step.text for step in steps_of("1. Read 3 and 4.\\n2. 3 + 4 = 7")]
    ['Read 3 and 4.', '3 + 4 = 7']
    >>> steps_of("64 - 46 = 1", growing=True)[0].claims  # 18 is being written
    ()
    """
    parts = _parts(thought)
    claims = [tuple(find_claims(text, parts[i - 1] if i else "")) for i, text in enumerate(parts)]
    traced = [Traced()] * len(parts)
    if writing is not None:
        traced = sources_of(parts, claims, question, writing)
    if parts and growing and not thought.endswith("\n"):
        claims[-1] = tuple(claim for claim in claims[-1] if parts[-1][claim.end :].strip(" .,"))
        numbers, names = traced[-1]
        numbers = tuple(source for source in numbers if parts[-1][source.end :].strip(".,"))
        traced[-1] = Traced(numbers, tuple(name for name in names if parts[-1][name.end :].strip()))
    return [
        Step(number=i + 1, text=text, claims=claims[i], sources=traced[i].numbers, lookups=traced[i].names) for i, text in enumerate(parts)
    ]


def _parts(thought: str) -> list[str]:
    lines = [line.rstrip() for line in thought.strip().splitlines()]
    if sum(bool(_NUMBERED.match(line)) for line in lines) >= 2:
        return _numbered(lines)
    blocks = [block for block in ("\n".join(lines)).split("\n\n") if block.strip()]
    if len(blocks) > 1 and all("\n" in block.strip() for block in blocks):
        return [block.strip() for block in blocks]
    parts = [_BULLET.sub("", line).strip() for line in lines if line.strip()]
    if len(parts) == 1:
        parts = [part.strip() for part in _SENTENCE_END.split(parts[0]) if part.strip()]
    return parts


def _numbered(lines: list[str]) -> list[str]:
    parts: list[str] = []
    for line in lines:
        if _NUMBERED.match(line):
            parts.append(_NUMBERED.sub("", line).strip())
        elif line.strip() and parts:
            parts[-1] += "\n" + line.strip()
        elif line.strip():
            parts.append(line.strip())
    return parts

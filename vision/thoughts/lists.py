"""Claims about lists of values: the highest of some, their sum or mean, what was counted, and an order.

>>> [(claim.text, claim.verdict) for claim in claims_about_lists("Higher of Oman 9, Geestal 11: Oman 9.")]
[('Higher of Oman 9, Geestal 11: Oman 9', 'false')]
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from vision.thoughts.expressions import NotUnderstood, Unchecked, number, written
from vision.thoughts.marks import Claim

_NUMBER = r"-?[$€£¥]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?%?(?![\w.,]*\d|\s*[-+*/×·÷^=<>(])"
_NAME = r"(?!(?:the|is|of|are|and|or)\b)[^\W\d_](?:[\w'’&./-]| (?!(?:and|or|is|are|the|of|in)\b))*"
_ITEM = rf"(?:(?:{_NAME}|\d{{1,4}}(?:-\d{{1,4}})?) )?{_NUMBER}"
_LIST = rf"{_ITEM}(?:(?:, and |, or |, | and | or |; ){_ITEM}){{1,40}}"
_KINDS: dict[str, Callable[[Sequence[Fraction]], Fraction]] = {
    "high": max,
    "low": min,
    "sum": lambda values: sum(values, Fraction(0)),
    "mean": lambda values: sum(values, Fraction(0)) / len(values),
    "difference": lambda values: abs(values[0] - values[1]),
    "product": lambda values: values[0] * values[1],
}
_WORDS = {
    "high": "highest|higher|largest|larger|greatest|greater|biggest|bigger|maximum|max",
    "low": "lowest|lower|smallest|smaller|least|minimum|min",
    "sum": "sum|total",
    "mean": "average|mean",
    "difference": "difference",
    "product": "product",
}
_ABOUT = re.compile(
    rf"\b(?P<what>{'|'.join(_WORDS.values())})(?: (?:value|number|one))?(?P<over> of | among | out of | between | ?\()"
    rf"(?P<list>{_LIST})\)?(?: (?:is|are|equals|was)| ?=| ?:(?: [^,.:;\n]{{1,60}},)?) (?P<result>{_ITEM})(?P<after>[^.,;\n]{{0,20}})",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\b(?P<said>yes|no) (?P<count>\d+)\b")
_MAKES = re.compile(r"\b(?:that makes|that is|so there are|count:?) (?P<count>\d+)(?= ?(?:[.!;\n]|$))", re.IGNORECASE)
_LIMITS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "above|over|more than|higher than|greater than": operator.gt,
    "below|under|less than|lower than|fewer than": operator.lt,
    "at least": operator.ge,
    "at most": operator.le,
}
_LIMIT = re.compile(rf"[-*\s]*(?P<how>{'|'.join(_LIMITS)}) (?P<limit>\d[\d,]*(?:\.\d+)?):", re.IGNORECASE)
_VALUE_BEFORE = re.compile(r"(?<![\d.,−-])(?P<value>\d[\d,]*(?:\.\d+)?)\s*$")
MAX_LINE = 2000
"""Characters of a line that may hold a list."""


def claims_about_lists(text: str, before: str = "") -> Iterator[Claim]:
    """What ``text`` claims about lists of values; ``before`` it something may have been counted."""
    at = 0
    for line in text.split("\n"):
        if len(line) <= MAX_LINE:
            for match in _ABOUT.finditer(line):
                claim = _about(match, at)
                if claim is not None:
                    yield claim
            yield from _tallies(line, at)
            yield from _totals(line, at, text[max(0, at - MAX_LINE) : at].strip() or before)
        at += len(line) + 1


def _about(match: re.Match[str], at: int) -> Claim | None:
    low = match["what"].casefold()
    kind = next(kind for kind, words in _WORDS.items() if low in words.split("|"))
    if (match["over"] == " between ") != (kind == "difference"):
        return None
    items = [_item(item) for item in re.split(r",? (?:and|or) |[,;] ", match["list"])]
    result = _item(match["result"])
    if result is None or any(item is None for item in items) or ("%" in match["list"]) != ("%" in match["result"]):
        return None
    known = [item for item in items if item is not None]
    names = [name for name, _ in known if name]
    if (kind in ("difference", "product") and len(known) != 2) or (result[0] and result[0] not in names):
        return None
    if len(set(names)) < len(names) or all(not name and 1900 <= value <= 2100 for name, value in known):
        return None  # group 1 and group 2, 2019 and 2020: names
    right = _KINDS[kind]([value for _, value in known])
    named = [value for name, value in known if name and name == result[0]]
    holds = result[1] == right and (kind not in ("high", "low") or not result[0] or right in named)
    start, end = at + match.start(), at + match.end("result")
    text = match[0][: end - start]
    if holds or (kind == "difference" and abs(result[1]) == right):
        return Claim(text=text, start=start, end=end, verdict="true")
    goes_on = re.match(r"\s*(?:[-+*/×÷=<>]|times\b|more\b|hours?\b|o'clock|percent|[ap]m\b)", match["after"])
    if goes_on or (kind in ("sum", "mean", "difference") and abs(result[1] - right) * 2 <= 1):
        return None  # not all that was said, or rounded
    best = [name for name, value in known if value == right and name]
    return Claim(text=text, start=start, end=end, verdict="false", correct_value=" ".join((*best[:1], written(right))))


def _item(text: str) -> tuple[str, Fraction] | None:
    """The name, "" for none, and the value of ``Oman 9``."""
    name, _, value = text.rpartition(" ")
    try:
        size = number(value.lstrip("-").rstrip("%"))
    except (NotUnderstood, Unchecked):
        return None
    return name, -size if value.startswith("-") else size


def _tallies(line: str, at: int) -> Iterator[Claim]:
    """``A yes 1, B no 1, C yes 2``: each yes is one more; ``Above 85: A 83 yes 1``: each yes is above."""
    count, limit = 0, _LIMIT.match(line)
    matches = list(_COUNTED.finditer(line))
    for match in matches if _is_counting([int(match["count"][:6]) for match in matches]) else ():
        value = _VALUE_BEFORE.search(line, 0, match.start()) if limit is not None else None
        if limit is not None and value is not None and _is_within(limit, value["value"]) != (match["said"] == "yes"):
            start, text = value.start(), line[value.start() : match.end("said")]
            other = "no" if match["said"] == "yes" else "yes"
            yield Claim(text=text, start=at + start, end=at + match.end("said"), verdict="false", correct_value=f"{value['value']} {other}")
            count = int(match["count"][:6])
            continue
        count += match["said"] == "yes"
        right = int(match["count"]) == count
        yield Claim(
            text=match[0],
            start=at + match.start(),
            end=at + match.end(),
            verdict="true" if right else "false",
            correct_value=None if right else f"{match['said']} {count}",
        )
        count = int(match["count"]) if len(match["count"]) < 6 else count


def _is_within(limit: re.Match[str], value: str) -> bool:
    """Whether ``value`` is on the asked side of a limit."""
    holds = next(holds for words, holds in _LIMITS.items() if limit["how"].casefold() in words.split("|"))
    return holds(*(Fraction(said.replace(",", "")) for said in (value, limit["limit"])))


def _is_counting(counts: Sequence[int]) -> bool:
    """Whether numbers grow one by one from 0 or 1, but for a slip: ``yes 54, no 36`` counts nothing here."""
    steps = sum(b - a in (0, 1) for a, b in pairwise(counts))
    return (
        len(counts) > 1
        and counts[0] in (0, 1)
        and list(counts) == sorted(counts)
        and steps >= len(counts) - 2
        and counts[-1] <= len(counts)
    )


def _totals(line: str, at: int, before: str) -> Iterator[Claim]:
    """``That makes 3`` after what was counted."""
    match = _MAKES.match(line.lstrip("-* "))
    if match is None:
        return
    counted = [each["count"] for each in _COUNTED.finditer(before.rstrip().rpartition("\n")[2][-MAX_LINE:])]
    if not counted:
        return
    start = at + line.index(match[0])
    right = match["count"] == counted[-1]
    told = None if right else counted[-1]
    yield Claim(text=match[0], start=start, end=start + len(match[0]), verdict="true" if right else "false", correct_value=told)

"""Claims about lists of values: the highest of some, their sum or mean, what was counted, and an order.

>>> [(claim.text, claim.verdict) for claim in claims_about_lists("Higher of Oman 9, Geestal 11: Oman 9.")]
[('Higher of Oman 9, Geestal 11: Oman 9', 'false')]
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

from vision.thoughts.expressions import NotUnderstood, Unchecked, number, written
from vision.thoughts.marks import Claim

_NUMBER = r"-?[$€£¥]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?%?(?![\w.,]*\d|\s*[-+*/×·÷^=<>(])"
_NAME = r"[^\W\d_](?:[\w'’&./-]| (?!and |or |is ))*"
_ITEM = rf"(?:(?:{_NAME}|\d+(?:[ -]\w+)?) )?{_NUMBER}"
_LIST = rf"{_ITEM}(?:(?:, and |, or |, | and | or |; ){_ITEM}){{1,40}}"
_KINDS: dict[str, Callable[[Sequence[Fraction]], Fraction]] = {
    "high": max,
    "low": min,
    "sum": lambda values: sum(values, Fraction(0)),
    "mean": lambda values: sum(values, Fraction(0)) / len(values),
    "difference": lambda values: abs(values[0] - values[1]),
    "product": lambda values: values[0] * values[1] if len(values) == 2 else Fraction(0),
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
    rf"(?P<list>{_LIST})\)?(?: (?:is|are|equals|was)| ?[=:])(?: [^,.:;\n]{{1,60}},)? (?P<result>{_ITEM})",
    re.IGNORECASE,
)
_COUNTED = re.compile(r"\b(?P<said>yes|no) (?P<count>\d+)\b")
_MAKES = re.compile(r"\b(?:that makes|that is|so there are|count:?) (?P<count>\d+)(?= ?(?:[.!;\n]|$))", re.IGNORECASE)
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
            yield from _totals(line, at, f"{before}\n{text[:at]}")
        at += len(line) + 1


def _about(match: re.Match[str], at: int) -> Claim | None:
    low = match["what"].casefold()
    kind = next(kind for kind, words in _WORDS.items() if low in words.split("|"))
    if (match["over"] == " between ") != (kind == "difference"):
        return None
    items = [_item(item) for item in re.split(r",? (?:and|or) |[,;] ", match["list"])]
    result = _item(match["result"])
    if result is None or any(item is None for item in items):
        return None
    known = [item for item in items if item is not None]
    if kind in ("difference", "product") and len(known) != 2:
        return None
    right = _KINDS[kind]([value for _, value in known])
    named = [value for name, value in known if name and name == result[0]]
    holds = result[1] == right and (kind not in ("high", "low") or not result[0] or not any(name for name, _ in known) or right in named)
    start, end = at + match.start(), at + match.end()
    if not holds and kind in ("sum", "mean") and abs(result[1] - right) * 2 <= 1:
        return None  # rounded
    if holds:
        return Claim(text=match[0], start=start, end=end, verdict="true")
    names = [name for name, value in known if value == right and name]
    return Claim(text=match[0], start=start, end=end, verdict="false", correct_value=" ".join((*names[:1], written(right))))


def _item(text: str) -> tuple[str, Fraction] | None:
    """The name, "" for none, and the value of ``Oman 9``."""
    name, _, value = text.rpartition(" ")
    try:
        size = number(value.lstrip("-").rstrip("%"))
    except (NotUnderstood, Unchecked):
        return None
    return name, -size if value.startswith("-") else size


def _tallies(line: str, at: int) -> Iterator[Claim]:
    """``A yes 1, B no 1, C yes 2``: each yes is one more."""
    count = 0
    matches = list(_COUNTED.finditer(line))
    for match in matches if len(matches) > 1 else ():
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

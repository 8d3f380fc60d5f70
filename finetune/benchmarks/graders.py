"""Whether an answer is right, by the rule of its test set: pure functions of question, gold and answer.

Equality itself is :func:`vision.answers.answers.equivalent`, which knows no tolerance. What a test set allows beyond it (ChartQA's five
percent, a letter for an option, one of several spellings) has a name of its own here, and what it allows is not allowed elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations

from vision.answers.answers import equivalent, normalize, number_of

YEARS = range(1000, 2200)
"""Whole numbers that may be years, where both sides are one."""
MOST_PARTS = 7
"""Parts of a list that are compared in any order."""
_WORDS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_NUMBER_WORDS = {word: i for i, word in enumerate([*_WORDS.split(), "seventeen", "eighteen", "nineteen", "twenty"])}
_UNITS = {"km": "kilometers", "m": "meters", "cm": "centimeters", "mm": "millimeters", "kg": "kilograms", "g": "grams", "h": "hours"}
_UNITS |= {"min": "minutes", "s": "seconds", "l": "liters", "ml": "milliliters", "in": "inches", "ft": "feet", "lb": "pounds"}
"""Short forms of units that questions spell out."""
_MIXED = re.compile(r"(-?\d+)\s+(\d+)\s*/\s*(\d+)")
_COUNTED = re.compile(r"(-?[$€£]?\d[\d,. ]*%?)\s+([^\W\d_][\w '’/.-]{0,60})")
_LETTER = re.compile(
    r"^\W*(?:(?:the\s+)?(?:correct\s+)?(?:answer|option|choice)\s*(?:is|:)?\s*)?[(\[*]*([A-J])[)\].:*]*(?:[\s.,:;)*-]|$)", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a grader says.

    Attributes:
        right: by the rule of the set.
        rules: names of other rules of the set, and whether the answer is right by each.
    """

    right: bool
    rules: dict[str, bool]


def same(gold: str, answer: str, question: str = "") -> bool:
    """Equality as people take it: units that the question names, mixed numbers, number words, lists in any order.

    >>> same("5", "5 apples", "How many apples?"), same("5", "5 pears", "How many apples?"), same("5", "five")
    (True, False, True)
    >>> same("206/9", "22 8/9"), same("Museum and Library", "Library, Museum"), same("12.5%", "0.125")
    (True, True, False)
    """
    if _has_another_unit(answer, question) and not _has_another_unit(gold, question):
        return False
    if equivalent(gold, answer):
        return True
    gold, answer = (_plain(side, question) for side in (gold, answer))
    if equivalent(gold, answer):
        return True
    parts = _parts(gold), _parts(answer)
    if len(parts[0]) != len(parts[1]) or not 1 < len(parts[0]) <= MOST_PARTS:
        return False
    return any(all(equivalent(a, b) for a, b in zip(parts[0], order, strict=True)) for order in permutations(parts[1]))


def _plain(side: str, question: str) -> str:
    """A side without a unit that the question names, its number in digits."""
    text = side.strip().rstrip(".")
    if text.casefold() in _NUMBER_WORDS:
        return str(_NUMBER_WORDS[text.casefold()])
    if mixed := _MIXED.fullmatch(text):
        whole, top, bottom = (int(part) for part in mixed.groups())
        if bottom:
            return str(whole + Fraction(top, bottom) * (-1 if mixed[1].startswith("-") else 1))
    counted = _COUNTED.fullmatch(text)
    if counted and question and all(_stem(word) in _stems(question) for word in re.findall(r"[^\W\d_]+", counted[2]) if len(word) > 2):
        return counted[1].strip()
    return text


def _has_another_unit(side: str, question: str) -> bool:
    """Whether a number stands before a unit, and the question asks for so many of something else."""
    counted, wanted = _COUNTED.fullmatch(side.strip().rstrip(".")), re.search(r"\bhow (?:many|much)\b", question, re.IGNORECASE)
    if counted is None or wanted is None:
        return False
    words = [_UNITS.get(word.casefold(), word) for word in re.findall(r"[^\W\d_]+", counted[2])]
    return bool(words) and not any(_stem(word) in _stems(question) for word in words)


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in re.findall(r"[^\W\d_]+", text)}


def _stem(word: str) -> str:
    """A word without the end of its plural."""
    return re.sub(r"(?<=\w\w)(?:es|s)$", "", word.casefold())


def _parts(text: str) -> list[str]:
    """The parts of a list of words or numbers; a thousands separator parts nothing."""
    inner = re.sub(r"^[\[({]|[\])}]$", "", text.strip()) if text.strip()[:1] in "[{" else text.strip()
    if re.fullmatch(r".*[(\[].*", inner):
        return [inner]  # a point or an interval, whose order counts
    return [part.strip() for part in re.split(r",(?!\d{3}\b)\s*(?:and\s+)?|\s+and\s+|;\s*", inner) if part.strip()]


def choice(gold: str, answer: str, options: Sequence[str]) -> bool:
    """Whether ``answer`` names the option whose letter is ``gold``, by its letter or by its words.

    >>> choice("A", "A) 12", ["12", "13"]), choice("B", "13", ["12", "13"]), choice("A", "Germany", ["Greece", "Germany"])
    (True, True, False)
    """
    at = ord(gold.strip().upper()[:1] or "@") - ord("A")
    if not 0 <= at < max(len(options), 10):
        return equivalent(gold, answer)
    own = options[at] if at < len(options) else ""
    if own and normalize(own) == normalize(answer):
        return True
    letter = _LETTER.match(answer.strip())
    if letter and ord(letter[1].upper()) - ord("A") < max(len(options), 5):
        rest = answer.strip()[letter.end() :].strip()
        others = [each for i, each in enumerate(options) if i != at]
        return ord(letter[1].upper()) - ord("A") == at and not any(rest and normalize(rest) == normalize(each) for each in others)
    fitting = [i for i, each in enumerate(options) if each and same(each, answer)]
    return fitting == [at]


def relaxed(gold: str, answer: str, *, years_exact: bool = False, percent: bool = False) -> bool:
    """ChartQA's rule: a number may be 5 % off, words must be equal (official; a target of 0 is compared as a number).

    Args:
        years_exact: two whole numbers that may be years must be equal.
        percent: ``25%`` and ``0.25`` are the same.

    >>> relaxed("2012", "2015"), relaxed("2012", "2015", years_exact=True), relaxed("0.25", "25%"), relaxed("0.25", "25%", percent=True)
    (True, False, False, True)
    """
    a, b = number_of(gold), number_of(answer)
    if a is None or b is None:
        return same(gold, answer)
    if years_exact and a.denominator == b.denominator == 1 and a in YEARS and b in YEARS:
        return a == b
    if percent and ("%" in gold) != ("%" in answer):
        return any(abs(x - y) <= abs(x) / 20 for x, y in ((a, b), (a * 100, b) if "%" in answer else (a, b * 100)))
    return abs(a - b) <= abs(a) / 20


def chartqa(gold: str, answer: str) -> Verdict:
    """The three readings of ChartQA's rule, the official one first."""
    official = relaxed(gold, answer)
    rules = {"years exact": relaxed(gold, answer, years_exact=True), "percent tolerant": relaxed(gold, answer, percent=True)}
    return Verdict(right=official, rules=rules | {"strict": same(gold, answer)})


def rounded(gold: str, answer: str, digits: int) -> bool:
    """MathVista's rule for decimals: equal when both are rounded to so many digits behind the point.

    >>> rounded("1.2", "1.24", 1), rounded("1.2", "1.26", 1)
    (True, False)
    """
    a, b = number_of(gold), number_of(answer)
    return a is not None and b is not None and round(a, digits) == round(b, digits)


def anls(golds: Sequence[str], answer: str) -> float:
    """Average normalized Levenshtein similarity of DocVQA (Biten et al. 2019): 0 below a half, else the likeness to the nearest gold."""
    best = max((_likeness(gold.casefold().strip(), answer.casefold().strip()) for gold in golds), default=0.0)
    return best if best >= 0.5 else 0.0


def _likeness(a: str, b: str) -> float:
    if max(len(a), len(b)) > 512:
        return float(a == b)
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, start=1):
        previous, row[0] = row[0], i
        for j, other in enumerate(b, start=1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (letter != other))
    return 1 - row[-1] / max(len(a), len(b), 1)

"""Whether an answer is right, by the rule of its test set: pure functions of question, gold and answer.

Equality itself is :func:`vision.answers.answers.equivalent`, which knows no tolerance. What a test set allows beyond it (ChartQA's five
percent, a letter for an option, one of several spellings) has a name of its own here, and what it allows is not allowed elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations

from rapidfuzz.distance import Levenshtein

from vision.answers.answers import MAX_ANSWER_CHARS, equivalent, normalize, number_of

LETTERS = "ABCDEFGHIJ"
"""Of options, in order."""
YEARS = range(1000, 2200)
"""Whole numbers that may be years, where both sides are one."""
MOST_PARTS = 7
"""Parts of a list that are compared in any order."""
_WORDS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_NUMBER_WORDS = {word: i for i, word in enumerate([*_WORDS.split(), "seventeen", "eighteen", "nineteen", "twenty"])}
_UNITS = {"km": "kilometers", "m": "meters", "cm": "centimeters", "mm": "millimeters", "kg": "kilograms", "g": "grams", "h": "hours"}
_UNITS |= {"hr": "hours", "hrs": "hours", "mi": "miles", "lbs": "pounds", "oz": "ounces", "yr": "years", "yrs": "years", "mins": "minutes"}
_UNITS |= {"min": "minutes", "s": "seconds", "l": "liters", "ml": "milliliters", "in": "inches", "ft": "feet", "lb": "pounds"}
"""Short forms of units that questions spell out."""
_MONEY = frozenset("dollar dollars cent cents euro euros pound pounds usd eur percent".split())
_MIXED = re.compile(r"(-?\d{1,30})\s+(\d{1,30})\s*/\s*(\d{1,30})")
_COUNTED = re.compile(r"(-?[$€£]?\d[\d,. ]*%?)\s+([^\W\d_][\w '’/.-]{0,60})")
_LETTER = re.compile(
    r"^\W*(?i:(?:the\s+)?(?:correct\s+)?(?:answer|option|choice|letter)\s*(?:is|:)?\s*)?"
    r"(?:[(\[]\s*([A-Ja-j])\s*[)\]]|([A-J])(?=\s*(?:[).:;,\]—–-]|$|or\b|and\b|is\b|&|/))|([a-j])(?=\s*(?:[).:\]]|$)))"
)
"""A letter in brackets, or before a mark; a small one alone or before a mark; ``A bear`` names none."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a grader says.

    Attributes:
        right: by the rule of the set.
        rules: names of other rules of the set, and whether the answer is right by each, or how far.
    """

    right: bool
    rules: Mapping[str, bool | float]


def same(gold: str, answer: str, question: str = "") -> bool:
    """Equality as people take it: units that the question names, mixed numbers, number words, lists in any order.

    >>> same("5", "5 apples", "How many apples?"), same("5", "5 pears", "How many apples?"), same("5", "five")
    (True, False, True)
    >>> same("206/9", "22 8/9"), same("Museum and Library", "Library, Museum"), same("12.5%", "0.125")
    (True, True, False)
    """
    if max(len(gold), len(answer)) > MAX_ANSWER_CHARS:
        return gold == answer
    gold, answer = _bare(gold), _bare(answer)
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


def _bare(side: str) -> str:
    """A side without what marks its parts: bold, mathematics around a number, text in LaTeX."""
    side = re.sub(r"\*\*|__", "", side)
    side = re.sub(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox)\s*\{([^{}]*)\}", r" \1", side)
    return re.sub(r"(?<!\\)\$([^$]{1,80}?)(?<!\\)\$", r"\1", side).strip()


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
    if counted and question:
        words = [_UNITS.get(word.casefold(), word) for word in re.findall(r"[^\W\d_]+", counted[2])]
        money = bool(words) and words[0].casefold() in _MONEY
        if (words and all(_stem(word) in _stems(question) for word in words if len(word) > 2)) or (money and _of_money(question)):
            return counted[1].strip()
    return text


def _has_another_unit(side: str, question: str) -> bool:
    """Whether a number stands before a unit, and the question asks for so many of something else."""
    counted, wanted = _COUNTED.fullmatch(side.strip().rstrip(".")), re.search(r"\bhow (?:many|much)\b", question, re.IGNORECASE)
    if counted is None or wanted is None:
        return False
    words = [_UNITS.get(word.casefold(), word) for word in re.findall(r"[^\W\d_]+", counted[2])]
    if words and words[0].casefold() in _MONEY and _of_money(question):
        return False
    return bool(words) and not any(_stem(word) in _stems(question) for word in words)


def _of_money(question: str) -> bool:
    """Whether a question may ask for money or a share: for how much, which names no unit of its own."""
    return bool(re.search(r"\bhow much\b|\bcosts?\b|\bpa(?:y|id)\b|\bearn|\bprice|\bprofit|\bmoney|[$€£]", question, re.IGNORECASE))


def _stems(text: str) -> set[str]:
    return {_stem(word) for word in re.findall(r"[^\W\d_]+", text)}


def _stem(word: str) -> str:
    """A word without the end of its plural."""
    return re.sub(r"(?<=\w\w)(?:es|s)$", "", word.casefold())


def _parts(text: str) -> list[str]:
    """The parts of a list of words or numbers; a thousands separator parts nothing."""
    inner = re.sub(r"^[\[({]|[\])}]$", "", text.strip()) if text.strip()[:1] == "{" else text.strip()
    if re.search(r"[(\[]", text):
        return [inner]  # a point, an interval or a vector, whose order counts
    return [part.strip() for part in re.split(r",(?!\d{3}\b)\s*(?:and\s+)?|\s+and\s+|;\s*", inner) if part.strip()]


def choice(gold: str, answer: str, options: Sequence[str]) -> bool:
    """Whether ``answer`` names the option whose letter is ``gold``, by its letter or by its words.

    >>> choice("A", "A) 12", ["12", "13"]), choice("B", "13", ["12", "13"]), choice("A", "Germany", ["Greece", "Germany"])
    (True, True, False)
    """
    gold, answer = gold.strip(), _bare(answer[:MAX_ANSWER_CHARS]).strip("\"'“”‘’ ").rstrip(".")
    if len(gold) != 1 or gold.upper() not in LETTERS:
        return same(gold, answer)
    at, letters = LETTERS.index(gold.upper()), all(len(option.strip()) == 1 for option in options)
    if letters and options:  # they stand in the picture, and a letter names itself
        named = _named(answer)
        return named is not None and named == gold.upper()
    own = options[at] if at < len(options) else ""
    if own and (normalize(own) == normalize(answer) or same(own, answer)):
        return sum(normalize(each) == normalize(own) for each in options) == 1
    if any(normalize(each) == normalize(answer) for each in options):
        return False
    named = _named(answer)
    if named is not None:
        rest = re.sub(r"^\W+", "", _LETTER.sub("", answer, count=1)).strip()
        others = [each for i, each in enumerate(options) if i != at]
        return named == gold.upper() and not any(rest and normalize(rest) == normalize(each) for each in others)
    fitting = [i for i, each in enumerate(options) if each and (same(each, answer) or _ends_with_letter(answer, i, each))]
    return fitting == [at]


def _named(answer: str) -> str | None:
    """The one letter that an answer names, before a mark or alone; None where it names several, or none."""
    found = _LETTER.match(answer)
    if found is None:
        return None
    rest = answer[found.end() :]
    if re.match(r"\s*(?:or|and|&|/|-|–|,)\s*[(\[]?[A-J]\b", rest) or re.match(r"\s*is\b.{0,30}\b(?:wrong|false|incorrect)", rest):
        return None
    return next(letter for letter in found.groups() if letter).upper()


def _ends_with_letter(answer: str, at: int, option: str) -> bool:
    """``Nucleus (B)``."""
    return bool(re.fullmatch(rf"{re.escape(option)}\s*\({LETTERS[at]}\)", answer, re.IGNORECASE)) if at < len(LETTERS) else False


def official(gold: str, answer: str) -> bool:
    """ChartQA's rule as its authors' code and its copies have it: a percent sign divides by a hundred, what is no number for Python is
    compared as text in small letters, a target of 0 too; else 5 % off at most.

    >>> official("2012", "2015"), official("0.25", "25%"), official("25", "25%"), official("1200", "1,200"), official("0", "0.0")
    (True, True, False, False, False)
    """
    a, b = _as_float(gold), _as_float(answer)
    if a is not None and b is not None and a:
        return abs(a - b) / abs(a) <= 0.05
    return gold.strip().lower() == answer.strip().lower()


def _as_float(text: str) -> float | None:
    try:
        found = float(text.strip().rstrip("%")) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        return None
    return found if abs(found) < float("inf") else None


def relaxed(gold: str, answer: str, *, years_exact: bool = False, percent: bool = False, question: str = "") -> bool:
    """The same five percent on numbers as people write them; words must be equal, and a target of 0 is a number.

    Args:
        years_exact: two whole numbers that may be years must be equal.
        percent: ``25%`` and ``0.25`` are the same.

    >>> relaxed("2012", "2015"), relaxed("2012", "2015", years_exact=True), relaxed("0.25", "25%"), relaxed("0.25", "25%", percent=True)
    (True, False, False, True)
    """
    a, b = number_of(gold), number_of(_plain(answer, question))
    if a is None or b is None:
        return same(gold, answer, question)
    if years_exact and a.denominator == b.denominator == 1 and a in YEARS and b in YEARS:
        return a == b
    if percent and ("%" in gold) != ("%" in answer):
        return any(abs(x - y) <= abs(x) / 20 for x, y in ((a, b), (a * 100, b) if "%" in answer else (a, b * 100)))
    return abs(a - b) <= abs(a) / 20


def chartqa(gold: str, answer: str, question: str = "") -> Verdict:
    """ChartQA's official rule; beside it the same on numbers as people write them, with years exact, and with percent signs tolerated."""
    rules = {
        "as written": relaxed(gold, answer, question=question),
        "years exact": relaxed(gold, answer, years_exact=True, question=question),
        "percent tolerant": relaxed(gold, answer, percent=True, question=question),
        "strict": same(gold, answer, question),
    }
    return Verdict(right=official(gold, answer), rules=rules)


def rounded(gold: str, answer: str, digits: int) -> bool:
    """MathVista's rule for decimals: equal when both are rounded to so many digits behind the point.

    >>> rounded("1.2", "1.24", 1), rounded("1.2", "1.26", 1)
    (True, False)
    """
    a, b = number_of(gold), number_of(answer)
    return a is not None and b is not None and round(a, digits) == round(b, digits)


def anls(golds: Sequence[str], answer: str) -> float:
    """Average normalized Levenshtein similarity of DocVQA (Biten et al. 2019): 0 below a half, else the likeness to the nearest gold."""
    said = answer.casefold().strip()
    best = max((Levenshtein.normalized_similarity(gold.casefold().strip(), said) for gold in golds), default=0.0)
    return best if best >= 0.5 else 0.0

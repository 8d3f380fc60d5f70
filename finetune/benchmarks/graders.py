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
_NUMBERS = re.compile(r"[-−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d{1,3})?", re.IGNORECASE)
_DEGREES = re.compile(r"\s*\^?\s*\{?\s*\\(?:circ|degree)\s*\}?")
_MONEY = frozenset("dollar dollars cent cents euro euros pound pounds usd eur percent".split())
_LINKS = frozenset("in on for at of left per and".split())
"""Words behind a number that are no unit."""
_MIXED = re.compile(r"(-?\d{1,30})\s+(\d{1,30})\s*/\s*(\d{1,30})")
_COUNTED = re.compile(r"(-?[$€£]?\d[\d,. ]*%?)\s+([^\W\d_][\w '’/.-]{0,60})")
_LETTER = re.compile(
    r"^\W*(?i:(?:the\s+)?(?:correct\s+)?(?:answer|option|choice|letter)\s*(?:is|:)?\s*)?"
    r"(?:[(\[]\s*([A-Ja-j])\s*[)\]]|([A-J])(?=\s*(?:[).:;,\]—–(-]|$|or\b|and\b|is\b|&|/))|([a-j])(?=\s*(?:[).:\]]|$)))"
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
    if question and number_of(gold) is not None and (said := _number_said(answer, question)):
        return equivalent(gold, said)
    parts = _parts(gold), _parts(answer)
    if len(parts[0]) != len(parts[1]) or not 1 < len(parts[0]) <= MOST_PARTS:
        return False
    return any(all(equivalent(a, b) for a, b in zip(parts[0], order, strict=True)) for order in permutations(parts[1]))


def _bare(side: str) -> str:
    """A side without what marks its parts: bold, mathematics around a number, text in LaTeX."""
    side = re.sub(r"\*\*|__", "", side)
    side = re.sub(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox)\s*\{~?([^{}]*)\}", r" \1", side)
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


def _number_said(answer: str, question: str) -> str:
    """The one number of a sentence, ``So there are 5 objects left``, "" where there are several or it counts something else."""
    last = [part for part in re.split(r"[.;!]\s+|,\s+(?:there (?:are|is)|so)\s", answer) if part.strip()][-1:] or [""]
    words = last[0].split()
    numbers = [i for i, word in enumerate(words) if re.search(r"\d", word) or word.casefold().strip(",.") in _NUMBER_WORDS]
    if (
        len(numbers) != 1
        or len(answer.split()) < 4
        or re.search(r"\b(?:not?|cannot|or|than|at least|at most)\b|n['’]t\b", last[0], re.IGNORECASE)
    ):
        return ""
    at = numbers[0]
    number = _plain(words[at].strip(",.:*"), "")
    counted = f"{number} {words[at + 1].strip(',.*')}" if at + 1 < len(words) and words[at + 1][0].isalpha() else number
    return "" if number_of(number) is None or (_has_another_unit(counted, question) and not _LINKS & {words[at + 1]}) else number


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
    at, letters = LETTERS.index(gold.upper()), all(len(option.strip()) == 1 and option.strip().isalpha() for option in options)
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
        values = [number_of(_DEGREES.sub("", _bare(each))) for each in (own, rest)]  # a letter and another value contradict each other
        contradicts = None not in values and values[0] != values[1]
        return named == gold.upper() and not contradicts and not any(rest and normalize(rest) == normalize(each) for each in others)
    fitting = [i for i, each in enumerate(options) if each and (same(each, answer) or _ends_with_letter(answer, i, each))]
    return (fitting or _said(answer, options)) == [at]


def _named(answer: str) -> str | None:
    """The one letter that an answer names, before a mark or alone; None where it names several, or none."""
    found = _LETTER.match(answer)
    if found is None:
        return None
    rest = answer[found.end() :]
    if re.match(r"\s*(?:or|and|&|/|-|–|,)\s*[(\[]?[A-J]\b", rest) or re.match(r"\s*is\b.{0,30}\b(?:wrong|false|incorrect)", rest):
        return None
    return next(letter for letter in found.groups() if letter).upper()


def _said(answer: str, options: Sequence[str]) -> list[int]:
    """The options that a sentence says: the one it begins with, ``No, it is not``, else the longest of those in its last part.

    >>> _said("No, it is not.", ["Yes", "No"]), _said("Achieved by Soft MoE.", ["MoE", "Soft MoE"]), _said("Not Red.", ["Red"])
    ([1], [1], [])
    """
    known = [each.strip().casefold() for each in options]
    low = " ".join(answer.casefold().split())
    opened = [i for i, each in enumerate(known) if each and re.match(rf"{re.escape(each)}\s*[,.;:!—–]", low)]
    if opened:
        return opened
    last = [part for part in re.split(r"[.;!]\s+", low) if part][-1:] or [""]
    if re.search(r"\b(?:not?|neither|nor|cannot|never|unable|wrong|false|incorrect|except|without|unless|than|or)\b|n['’]t\b", last[0]):
        return []
    held = [i for i, each in enumerate(known) if len(each) > 1 and re.search(rf"(?<![\w.]){re.escape(each)}(?!\w|[.,]\d)", last[0])]
    return [i for i in held if not any(known[i] != known[other] and known[i] in known[other] for other in held)]


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
    """MathVista's rule for numbers: equal when both are rounded to so many digits behind the point; for none what stands there is cut off.

    >>> rounded("1.2", "1.24", 1), rounded("1.2", "1.26", 1), rounded("1000", "1000.6", 0)
    (True, False, True)
    """
    a, b = number_of(gold), number_of(answer)
    if a is None or b is None:
        return False
    return round(a, digits) == round(b, digits) if digits else int(a) == int(b)


def holds(golds: Sequence[str], answer: str) -> bool:
    """MMMU's rule for open questions: one of the numbers of the answer is a gold one to two digits, or a gold text stands in it.

    >>> holds(["0.9965"], "about 0.997"), holds(["Tampa", "Florida"], "Tampa, Florida"), holds(["8.4"], "8.5 V")
    (True, True, False)
    """
    numbers = {round(value, 2) for text in _NUMBERS.findall(answer) if (value := number_of(text)) is not None}
    said = answer.casefold()
    return any(
        round(value, 2) in numbers if (value := number_of(gold)) is not None else bool(gold.strip()) and gold.strip().casefold() in said
        for gold in golds
    )


def anls(golds: Sequence[str], answer: str) -> float:
    """Average normalized Levenshtein similarity of DocVQA (Biten et al. 2019): 0 below a half, else the likeness to the nearest gold."""
    said = answer.casefold().strip()
    best = max((Levenshtein.normalized_similarity(gold.casefold().strip(), said) for gold in golds), default=0.0)
    return best if best >= 0.5 else 0.0

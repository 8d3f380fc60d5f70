"""The arithmetic claims in a text, found and checked exactly.

Claims are equalities and comparisons between expressions: ``39 + 31 = 70``, ``3/4 = 0.75``, ``12 × 5 = 60``, ``45 % of 80 is 36``,
``14 < 46``, chains (``2 + 3 = 5 = 10 / 2``), units and currency left aside, roundings written ``≈``. One is judged only when all
of the mathematics around it was understood, and is false only when it is false in every way in which it can be read
(:class:`vision.thoughts.expressions.Reading`). What is too long or too large to compute is reported as unchecked.

>>> [(claim.text, claim.verdict) for claim in find_claims("So 39 + 31 = 71 in all.")]
[('39 + 31 = 71', 'false')]
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

from vision.thoughts.expressions import NotUnderstood, Reading, Unchecked, number, parse, readings_of, value_of, written
from vision.thoughts.lists import claims_about_lists
from vision.thoughts.marks import Claim
from vision.thoughts.sides import UNIT_LETTERS, Side, first_expression, last_expression
from vision.thoughts.tokens import Token, strokes_in_a_row, tokens_of
from vision.thoughts.units import UNITS, unit_of

MAX_TEXT = 100_000
"""Characters of a text that are looked at."""
MAX_STATEMENT = 400
"""Tokens of a statement beyond which it is not read."""


def find_claims(text: str, before: str = "") -> list[Claim]:
    """The arithmetic claims in ``text``, in order; a chain gives one claim for each of its links.

    Args:
        text: what is looked at, its first :data:`MAX_TEXT` characters.
        before: what was said before it: ``That makes 3`` says how many were counted there.
    """
    return list(_found(text[:MAX_TEXT], before))


@lru_cache(4096)
def _found(text: str, before: str) -> tuple[Claim, ...]:
    claims = [*claims_about_lists(text, before)]
    for statement in _statements(tokens_of(text)):
        sides, relations = _split(statement)
        for i, (left, relation, right) in enumerate(zip(sides, relations, sides[1:], strict=False)):
            claim = _claim(text, left, relation, right, goes_on=i + 1 < len(relations))
            if claim is not None:
                claims.append(claim)
    return tuple(sorted(claims, key=lambda claim: (claim.start, claim.end)))


def _statements(tokens: list[Token]) -> Iterator[list[Token]]:
    """Runs without a break that hold a relation."""
    run: list[Token] = []
    for token in (*tokens, Token("break", "", 0, 0)):
        if token.kind != "break":
            run.append(token)
            continue
        if len(run) <= MAX_STATEMENT and any(token.kind == "relation" for token in run):
            yield run
        run = []


def _split(run: list[Token]) -> tuple[list[list[Token]], list[str]]:
    """The sides of a run's relations, and the relations between them."""
    sides: list[list[Token]] = [[]]
    relations: list[str] = []
    for token in run:
        if token.kind == "relation":
            relations.append(token.text)
            sides.append([])
        else:
            sides[-1].append(token)
    return sides, relations


def _claim(text: str, before: Sequence[Token], relation: str, after: Sequence[Token], *, goes_on: bool) -> Claim | None:
    """The claim that ``relation`` makes, None where there is none, it is not understood, or nobody stands by it.

    ``goes_on`` says whether another relation follows.
    """
    left, right = last_expression(before), first_expression(after, named=relation in ("is >", "is <"))
    if left is None or right is None or not _says_something(left, relation, right) or _are_unknowns(left, relation, right):
        return None
    try:
        trees = _tree(left), _tree(right)
    except NotUnderstood:
        return None
    verdict, correct = _judge(left, relation, right, trees)
    start, end = left.start, right.end
    if verdict == "false" and relation in ("=", "is", "≈"):
        # 10 + 20 + 30 = 60 / 3 = 20: two steps, run together; 40 × 70% = 28 out of 40: prose
        spoken = len(right.tokens) > 1 and right.tokens[1].kind == "operator" and right.tokens[1].end - right.tokens[1].start > 2
        for side in (_first_operand(right) if goes_on or spoken else None, _before_share(right)):
            if side is not None and left.computes and _verdict(left, relation, side) == "true":
                verdict, correct, end = "true", None, side.end
    if verdict == "doubtful" or (verdict == "false" and (_is_doubted(text, start, end) or _may_hold(text, left, relation, right, trees))):
        return None
    return Claim(text=text[start:end], start=start, end=end, verdict=verdict, correct_value=correct)


_TAKEN_BACK = re.compile(
    r"[^.;\n]{0,25}\?|.{0,25}?\b(?:no|not (?:true|right|correct)|false|wrong|incorrect|wait|recheck|mistake|actually|hmm)\b", re.IGNORECASE
)
_NOT_SAID = re.compile(
    r"(?:^\W*(?:is|are|does|do|did)|\b(?:if|instead of|mistake|suppose|assume|whether|not true that))\b[^.;:,\n]{0,12}$|\bnot\s+$",
    re.IGNORECASE,
)


def _is_doubted(text: str, start: int, end: int) -> bool:
    """Whether what stands around a claim asks, denies or takes it back."""
    line = text.rfind("\n", 0, start) + 1
    sentence = re.split(r"[.!?:]\s", text[max(line, start - 80) : start])[-1]
    return bool(_TAKEN_BACK.match(text[end : end + 60]) or _NOT_SAID.search(sentence) or "</s>" in text[end : end + 5])


def _may_hold(text: str, left: Side, relation: str, right: Side, trees: tuple[Any, Any]) -> bool:
    """Whether a claim that does not hold as it stands may be meant in a way that is not computed here."""
    if relation in ("is >", "is <"):
        return _name_before(text, left) == _name_before(text, right) != ""
    if right.computes and relation in ("is", "≈"):
        return True
    if left.tokens[0].text == "+" or re.search(r"(?:^|\n)[ \t]*[-−–*•][ \t]*$", text[: left.start]):
        return True  # what stands before it is cut off, or a minus taken for a bullet
    if re.search(r"\d\s*[ap]\.?m\b", text[left.start : right.end + 6], re.IGNORECASE) or _are_labels(left):
        return True
    strokes = [strokes_in_a_row(side.tokens) for side in (left, right)]
    powers = any(a.text == "10" and b.text == "^" for side in (left, right) for a, b in pairwise(side.tokens))
    scaled = [any(token.kind == "number" and token.text[-1].isalpha() for token in side.tokens) for side in (left, right)]
    if max(strokes) > 1 or (powers and max(strokes) > 0) or scaled[0] != scaled[1]:
        return True
    return (
        _holds_in_prose(left, relation, right)
        or _by_units(left, right, trees)
        or _of_something(left, right)
        or _counts_whole(left, right, trees)
    )


def _name_before(text: str, side: Side) -> str:
    """The word right before a side's number: with ``Room 5 is bigger than Room 8`` rooms are compared, not numbers."""
    word = re.search(r"([^\W\d_]+)\s*$", text[max(0, side.start - 30) : side.start])
    return word[1].casefold() if word else ""


def _are_labels(side: Side) -> bool:
    """Whether a side is made of years, or a range, written without spaces: ``2019 + 2020 = 27``, ``10-19 = 5 students``."""
    numbers = [token for token in side.tokens if token.kind == "number"]
    if all(re.fullmatch(r"(?:19|20)\d\d", token.text) and not token.unit for token in numbers):
        return True
    tight = len(side.tokens) == 3 and side.tokens[0].end == side.tokens[1].start and side.tokens[1].end == side.tokens[2].start
    if tight and side.tokens[1].text == "-" and len(numbers) == 2:
        with suppress(NotUnderstood, Unchecked):
            return number(numbers[0].text) < number(numbers[1].text)
    return False


def _counts_whole(left: Side, right: Side, trees: tuple[Any, Any]) -> bool:
    """Whether a division is told in whole pieces, a rest left over or one more taken: ``17 / 5 = 3 boxes, 2 left``."""
    try:
        a, b = (value_of(tree, Reading()) for tree in trees)
    except (NotUnderstood, Unchecked):
        return False
    divides = any(token.text in ("/", "frac") for token in left.tokens)
    return divides and not right.computes and b.denominator == 1 and a.denominator != 1 and b in (math.floor(a), math.ceil(a))


def _verdict(left: Side, relation: str, right: Side) -> str:
    try:
        return str(_judge(left, relation, right, (_tree(left), _tree(right)))[0])
    except NotUnderstood:
        return "unchecked"


def _holds_in_prose(left: Side, relation: str, right: Side) -> bool:
    """Whether it holds with the numbers beyond: ``5 boxes of 10 + 3``, ``= 5 boxes of 10``, ``10% of the $400 + $1580``."""
    lefts, rights = [left], [right]
    if left.times is not None:
        lefts.append(replace(left, tokens=(left.times, _TIMES, *left.tokens)))
    if (at := next((i for i, token in enumerate(left.tokens) if token.kind == "of"), 0)) > 0:
        lefts.append(replace(left, tokens=left.tokens[at + 1 :]))
    if right.times is not None:
        rights.append(replace(right, tokens=(*right.tokens, _TIMES, right.times)))
    return any(_verdict(a, relation, b) == "true" for a in lefts for b in rights)


def _of_something(left: Side, right: Side) -> bool:
    """Whether the left side names a part or the whole of what the right side tells: ``1/2 a cup = 4``, ``48 = 100% + 20%``."""
    shares = sum(token.kind == "percent" for token in right.tokens)
    whole = not left.computes and len(left.tokens) == 1 and shares > 0 and shares == _numbers(right)
    counted = not right.computes and not any(token.kind == "percent" or "." in token.text for token in right.tokens)
    return whole or (_is_part(left) and (bool(left.words) or (counted and right.tokens[0].text not in ("0", "1"))))


_TIMES = Token("operator", "*", 0, 0)


def _tree(side: Side) -> Any:
    return parse([token for token in side.tokens if token.kind != "compound"])


def _says_something(left: Side, relation: str, right: Side) -> bool:
    """Whether a link can be computed: ``x = 5``, ``May is 3`` or ``5 phones = 5 × $3`` claim nothing of that kind."""
    if relation in ("<", ">", "<=", ">=", "!="):
        return True
    if relation in ("is >", "is <"):
        return left.words == right.words or not (left.words or right.words)
    if relation == "is":
        return left.computes and not _is_part(left) and (not left.words or len(left.units) == _numbers(left))
    if left.computes:
        return True
    return right.computes and left.alone


def _is_part(side: Side) -> bool:
    """Whether a side is a proper fraction, as of something: ``1/4 is equal to $15/3``, ``1/2 a cup = 4``."""
    tokens = side.tokens[1:-1] if side.tokens[0].kind == "open" else side.tokens
    if [token.kind for token in tokens] != ["number", "operator", "number"] or tokens[1].text != "/":
        return False
    with suppress(NotUnderstood, Unchecked):
        return number(tokens[0].text) < number(tokens[2].text) and tokens[0].end == tokens[1].start
    return False


def _are_unknowns(left: Side, relation: str, right: Side) -> bool:
    """Whether single letters behind numbers are unknowns rather than units: in a sum, some numbers have them and some have not."""
    units = left.units + right.units
    if not UNIT_LETTERS & set(units) or (not left.units and not right.computes):
        return False
    if len({UNITS[unit][0] if unit else "" for unit in map(unit_of, units)}) > 1:
        return True
    sums = any(token.text in "+-" and token.kind == "operator" for token in (*left.tokens[1:], *right.tokens[1:]))
    return relation in ("=", "is") and sums and len(units) != _numbers(left) + _numbers(right)


def _numbers(side: Side) -> int:
    return sum(token.kind in ("number", "mixed") for token in side.tokens)


def _by_units(left: Side, right: Side, trees: tuple[Any, Any]) -> bool:
    """Whether the sides differ by a factor between units: ``90 / 60 = 1.5 hours`` is nobody's mistake."""
    units = {token.unit for side in (left, right) for token in side.tokens if token.unit}
    kinds = {UNITS[unit][0] for unit in units}
    if len(units) == len(kinds):
        return False
    sizes = [(kind, size) for kind, size in UNITS.values() if kind in kinds]
    factors = {one / other for kind, one in sizes for other_kind, other in sizes if kind == other_kind}
    for reading in (Reading(), Reading(converted=True)):
        try:
            a, b = (_measured(side, tree, reading) for side, tree in zip((left, right), trees, strict=True))
        except (NotUnderstood, Unchecked):
            return True
        if b != 0 and a / b in factors:
            return True
    return False


def _first_operand(side: Side) -> Side | None:
    """The number with which a side begins that goes on."""
    if not side.computes or side.tokens[0].kind not in ("number", "mixed"):
        return None
    first = side.tokens[:2] if len(side.tokens) > 1 and side.tokens[1].kind in ("percent", "degree") else side.tokens[:1]
    return Side(first, first[0].start, first[-1].end)


def _before_share(side: Side) -> Side | None:
    """The fraction with which a side begins that goes on with what it is a share of: ``1/3 of $150``."""
    at = next((i for i, token in enumerate(side.tokens) if token.kind == "of"), 0)
    return Side(side.tokens[:at], side.start, side.tokens[at - 1].end) if at and side.tokens[0].kind != "factor" else None


def _judge(left: Side, relation: str, right: Side, trees: tuple[Any, Any]) -> tuple[Any, str | None]:
    """Whether the claim holds in any way in which it is read, and what the left side comes to in the first one.

    It is ``doubtful`` where it holds only in a way that few would mean, or as a coarser rounding. No value is told in the smallest unit.
    """
    correct: str | None = None
    computed = doubtful = False
    for reading in readings_of((*left.tokens, *right.tokens)):
        sure = _is_meant(reading, left, right)
        if sure is None:
            continue
        try:
            a, b = (_measured(side, tree, reading) for side, tree in zip((left, right), trees, strict=True))
        except NotUnderstood:
            continue
        except Unchecked:
            return "unchecked", None
        computed, held = True, _holds(a, relation, b, left, right, reading)
        if held == "yes" and sure:
            return "true", None
        doubtful = doubtful or held != "no"
        if reading.point == "." or correct is not None or _are_continental(left, right):
            correct = correct or (written(a) if relation in ("=", "≈", "is") and not reading.converted else "")
    if doubtful:
        return "doubtful", None
    if not computed or correct is None:
        return "unchecked", None
    return "false", correct or None


def _measured(side: Side, tree: Any, reading: Reading) -> Any:
    """The value of a side; a unit that stands behind a division alone is the quotient's: ``135 / 60 hours`` are 2 h 15 min."""
    *before, last = side.tokens
    if not (reading.converted and last.unit and before and before[-1].text == "/") or any(token.unit for token in before):
        return value_of(tree, reading)
    return value_of(tree, replace(reading, converted=False)) * UNITS[last.unit][1]


def _is_meant(reading: Reading, left: Side, right: Side) -> bool | None:
    """Whether a claim is meant in this ``reading``; False where hardly anybody would, None where nobody."""
    percents = [[token.kind for token in side.tokens].count("percent") for side in (left, right)]
    alone = len(right.tokens) == 2 and percents[1] == 1  # 15 / 60 × 100 = 25%
    whole = percents == [1, 0] and [token.text for token in left.tokens[-2:-1]] == ["100"]  # 8 / 32 × 100% = 25
    dropped = (alone and not percents[0]) or (percents[0] == _numbers(left) and not percents[1]) or whole
    if reading.percent == "number" and not dropped:
        return False
    if reading.percent == "added" and (percents != [1, 0] or _numbers(left) < 2):
        return None
    scales = [sum(token.kind == "number" and token.text[-1].isalpha() for token in side.tokens) for side in (left, right)]
    if not reading.scaled and (scales != [0, 1] or len(right.tokens) > 1):
        return None
    strokes = [i for i, token in enumerate(left.tokens) if token.text == "/"]
    if reading.stacked and not any(left.tokens[i - 1].end == left.tokens[i].start for i in strokes[1:]):
        return False
    sums = any(token.text in ("+", "-") for token in left.tokens[1:]) and not any(token.text in ("*", "/") for token in left.tokens)
    units = [{token.unit for token in side.tokens if token.unit} for side in (left, right)]
    if not reading.converted and sums and units[0] and units[1] and units[0] != units[1]:
        return False
    return reading.mixed and (reading.point == "." or _are_continental(left, right))


def _are_continental(left: Side, right: Side) -> bool:
    """Whether both sides have numbers with separators, so that one alone is no slip."""
    return all(any(re.search(r"\d[.,]\d", token.text) for token in side.tokens) for side in (left, right))


def _holds(a: Fraction, relation: str, b: Fraction, left: Side, right: Side, reading: Reading) -> Literal["yes", "maybe", "no"]:
    """Whether the values are so related; ``maybe`` for a coarser rounding, or one that only cuts off."""
    if relation in ("<", ">", "<=", ">=", "!=", "is <", "is >"):
        holds = {"<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b, "!=": a != b, "is <": a < b, "is >": a > b}[relation]
        return "yes" if holds else "no"
    if a == b or (reading.converted and _in_one_unit(a, b, left, right)):
        return "yes"
    near = {_rounding(a, left, right, reading, relation), _rounding(b, right, left, reading, relation)}
    if "yes" in near:
        return "yes"
    return "maybe" if "maybe" in near or (relation == "≈" and abs(a - b) <= abs(a) / 100) else "no"


def _in_one_unit(a: Fraction, b: Fraction, left: Side, right: Side) -> bool:
    """Whether a side without units is told in one of the other's: ``1 hour + 30 minutes = 90``."""
    units = [{token.unit for token in side.tokens if token.unit} for side in (left, right)]
    if units[0] and units[1]:
        return False
    return any(a * UNITS[unit][1] == b or a == b * UNITS[unit][1] for unit in units[0] | units[1])


def _endless(value: Fraction) -> bool:
    """Whether ``value`` has no finite decimal form, so that only a rounding of it can be written."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest != 1


def _rounding(value: Fraction, whole: Side, side: Side, reading: Reading, relation: str) -> Literal["yes", "maybe", "no"]:
    """Whether ``side`` is one number to which the ``value`` of the ``whole`` other side rounds at its last place.

    With ``=`` it is taken for a rounding where nothing else can be written, where two places are written as of money, or in percent;
    else, and where it is only cut off, it may be one. With ``≈`` zeros at the end of a whole number are places too.
    """
    tokens = list(side.tokens)
    if tokens[0].text == "-":
        value, tokens = -value, tokens[1:]
    percent = len(tokens) == 2 and tokens[1].kind == "percent"
    if not tokens or tokens[0].kind != "number" or len(tokens) > 1 + percent:
        return "no"
    text = re.sub(r"[A-Za-z\s]+$", "", tokens[0].text)
    places = len(text.rpartition(reading.point)[2]) if reading.point in text else 0
    if relation == "≈" and not places:
        places = -len(text) + len(text.rstrip("0")) if text.strip("0") else 0
    exact = value * 100 if percent and reading.percent == "factor" else value
    told, unit = number(tokens[0].text, reading.point), Fraction(10) ** -places
    off = exact - told
    if abs(off) * 2 <= unit:
        if told == 0 != exact:
            return "maybe"
        divides = any(token.text in ("/", "frac") for token in whole.tokens)
        return "yes" if relation == "≈" or _endless(exact) or places >= 2 or percent else "maybe" if divides else "no"
    return "maybe" if 0 <= off < unit and (relation == "≈" or _endless(exact) or places >= 2) else "no"

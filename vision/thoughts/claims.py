"""The arithmetic claims in a text, found and checked exactly.

Claims are equalities and comparisons between expressions: ``39 + 31 = 70``, ``3/4 = 0.75``, ``12 × 5 = 60``, ``45 % of 80 is 36``,
``14 < 46``, chains (``2 + 3 = 5 = 10 / 2``), units and currency left aside, roundings written ``≈``. One is judged only when all
of the mathematics around it was understood, and is false only when it is false in every way in which it can be read
(:class:`vision.thoughts.expressions.Reading`). What is too long or too large to compute is reported as unchecked.

>>> [(claim.text, claim.verdict) for claim in find_claims("So 39 + 31 = 71 in all.")]
[('39 + 31 = 71', 'false')]
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from vision.thoughts.expressions import NotUnderstood, Reading, Unchecked, number, parse, readings_of, value_of, written
from vision.thoughts.lists import claims_about_lists
from vision.thoughts.marks import Claim, Verdict
from vision.thoughts.sides import UNIT_LETTERS, Side, first_expression, last_expression
from vision.thoughts.tokens import Token, tokens_of
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
        for left, relation, right in zip(sides, relations, sides[1:], strict=False):
            claim = _claim(text, left, relation, right)
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


def _claim(text: str, before: Sequence[Token], relation: str, after: Sequence[Token]) -> Claim | None:
    """The claim that ``relation`` makes, None where there is none or it is not understood."""
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
        for side in (_first_operand(right), _before_share(right)):  # 10 + 20 + 30 = 60 / 3 = 20: two steps, run together
            if side is not None and left.computes and _verdict(left, relation, side) == "true":
                verdict, correct, end = "true", None, side.end
    if verdict == "false" and relation == "is" and right.computes:
        return None
    if verdict == "false" and (_holds_in_prose(left, relation, right) or _by_units(left, right, trees) or _of_something(left, right)):
        return None
    return Claim(text=text[start:end], start=start, end=end, verdict=verdict, correct_value=correct)


def _verdict(left: Side, relation: str, right: Side) -> Verdict:
    try:
        return _judge(left, relation, right, (_tree(left), _tree(right)))[0]
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
    return whole or (bool(left.words) and _is_part(left))


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
    return len(tokens[0].text) <= len(tokens[2].text) and tokens[0].end == tokens[1].start


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
            a, b = (value_of(tree, reading) for tree in trees)
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


def _judge(left: Side, relation: str, right: Side, trees: tuple[Any, Any]) -> tuple[Verdict, str | None]:
    """Whether the claim holds in any reading, and what the left side comes to in the first one."""
    correct: str | None = None
    computed = False
    for reading in readings_of((*left.tokens, *right.tokens)):
        try:
            a, b = (value_of(tree, reading) for tree in trees)
        except NotUnderstood:
            continue
        except Unchecked:
            return "unchecked", None
        computed = True
        if _holds(a, relation, b, left, right, reading):
            return "true", None
        if reading.point == "." or correct is not None or _both_continental(left, right):
            correct = correct or (written(a) if relation in ("=", "≈", "is") else "")
    if computed and correct is None:
        return "unchecked", None
    correct = correct or None
    return ("false", correct) if computed else ("unchecked", None)


def _both_continental(left: Side, right: Side) -> bool:
    """Whether both sides have a decimal comma, so that one alone is no slip."""
    return all(any("," in token.text for token in side.tokens) for side in (left, right))


def _holds(a: Fraction, relation: str, b: Fraction, left: Side, right: Side, reading: Reading) -> bool:
    if relation in ("<", ">", "<=", ">=", "!=", "is <", "is >"):
        return {"<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b, "!=": a != b, "is <": a < b, "is >": a > b}[relation]
    if a == b or _same_in_percent(left, right, a, b) or (reading.converted and _in_one_unit(a, b, left, right)):
        return True
    near = _rounds_to(a, right, reading, relation) or _rounds_to(b, left, reading, relation)
    return near or (relation == "≈" and abs(a - b) <= abs(a) / 100)


def _in_one_unit(a: Fraction, b: Fraction, left: Side, right: Side) -> bool:
    """Whether a side without units is told in one of the other's: ``1 hour + 30 minutes = 90``."""
    units = [{token.unit for token in side.tokens if token.unit} for side in (left, right)]
    if units[0] and units[1]:
        return False
    return any(a * UNITS[unit][1] == b or a == b * UNITS[unit][1] for unit in units[0] | units[1])


def _same_in_percent(left: Side, right: Side, a: Fraction, b: Fraction) -> bool:
    """``3 / 4 = 75 %`` and ``15 / 60 × 100 = 25 %`` hold though the numbers differ by a hundred."""
    marked = [any(token.kind == "percent" for token in side.tokens) for side in (left, right)]
    return marked[0] != marked[1] and (a * 100 == b or a == b * 100)


def _endless(value: Fraction) -> bool:
    """Whether ``value`` has no finite decimal form, so that only a rounding of it can be written."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest != 1


def _rounds_to(value: Fraction, side: Side, reading: Reading, relation: str) -> bool:
    """Whether ``side`` is one decimal number to which ``value`` rounds, or is cut, at its number of places.

    With ``=`` a rounding is taken for one where nothing else can be written, or where two places are written as of money; with
    ``≈`` zeros at the end of a whole number are places too.
    """
    tokens = list(side.tokens)
    if tokens[0].text == "-":
        value, tokens = -value, tokens[1:]
    percent = len(tokens) == 2 and tokens[1].kind == "percent"
    if not tokens or tokens[0].kind != "number" or len(tokens) > 1 + percent:
        return False
    text = re.sub(r"[A-Za-z\s]+$", "", tokens[0].text)
    places = len(text.rpartition(reading.point)[2]) if reading.point in text else 0
    if relation == "≈" and not places:
        places = -len(text) + len(text.rstrip("0")) if text.strip("0") else 0
    for factor in (Fraction(1), Fraction(100), Fraction(1, 100)) if percent else (Fraction(1),):
        exact = value * factor
        off = exact - number(tokens[0].text, reading.point)
        unit = Fraction(10) ** -places
        if (relation == "≈" or _endless(exact) or places >= 2) and (
            abs(off) * 2 <= unit or (0 <= off < unit) or (exact < 0 and -unit < off <= 0)
        ):
            return True
    return False

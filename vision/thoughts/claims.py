"""The arithmetic claims in a text, found and checked exactly.

Claims are equalities and comparisons between expressions: ``39 + 31 = 70``, ``3/4 = 0.75``, ``12 × 5 = 60``,
``45 % of 80 is 36``, chains (``2 + 3 = 5 = 10 / 2``), thousands separators, units and currency left aside,
roundings written ``≈``. What is too long or too large to compute is reported as unchecked.

>>> [(claim.text, claim.verdict) for claim in find_claims("So 39 + 31 = 71 in all.")]
[('39 + 31 = 71', 'false')]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from vision.thoughts.expressions import Token, Unchecked, reads, tokens_of, value_of, written

Verdict = Literal["true", "false", "unchecked"]


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One arithmetic claim.

    Attributes:
        text: the claim as it was written.
        start, end: its place in the text it was found in, characters.
        verdict: ``true``, ``false`` or ``unchecked``.
        correct_value: for a false equality the value of its left side, as it would be written; else None.
    """

    text: str
    start: int
    end: int
    verdict: Verdict
    correct_value: str | None = None


def find_claims(text: str) -> list[Claim]:
    """The arithmetic claims in ``text``, in order; a chain gives one claim for each of its links."""
    claims = []
    for run in tokens_of(text):
        sides, relations = _split(run)
        for left, relation, right in zip(sides, relations, sides[1:], strict=False):
            a = _tail(left)
            b = _without_prose(_head(right), a)
            if a and b and _says_something(a, relation, b):
                start, end = a[0].start, b[-1].end
                verdict, correct = _judge(a, relation, b)
                claims.append(Claim(text=text[start:end], start=start, end=end, verdict=verdict, correct_value=correct))
    return claims


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


def _tail(side: list[Token]) -> list[Token]:
    """The longest end of ``side`` that is an expression of its own: prose before it goes, an unknown does not."""
    for start in range(len(side)):
        if _may_open(side, start) and reads(side[start:]):
            return side[start:]
    return []


def _may_open(side: list[Token], start: int) -> bool:
    """Whether an expression of its own may begin at ``start``: after nothing or prose, with a sign only where it is glued on."""
    token, before = side[start], side[start - 1] if start else None
    if before is not None and before.kind == "operator" and not _opens_all(side, start - 1):
        return False
    if before is not None and (token.text == "(" or token.kind == "frac") and before.kind in ("number", "frac", "square", "percent"):
        return False  # a product without its sign, which is not computed
    if token.kind != "operator" or token.text == "(":
        return True
    if token.text != "-":
        return False
    glued = start + 1 < len(side) and side[start + 1].start == token.end
    return before is None or (before.kind == "unit" and before.end < token.start and glued)


def _opens_all(side: list[Token], at: int) -> bool:
    """Whether the token at ``at`` is a bracket around the whole claim: nothing is computed with it, nothing here closes it."""
    alone = at == 0 or side[at - 1].kind == "unit"
    return side[at].text == "(" and alone and _depth(side[at + 1 :]) >= 0


def _depth(tokens: list[Token]) -> int:
    """Brackets that ``tokens`` open and do not close; below 0 where they close more."""
    return sum({"(": 1, ")": -1}.get(token.text, 0) for token in tokens)


def _head(side: list[Token]) -> list[Token]:
    """The longest beginning of ``side`` that is an expression of its own."""
    for end in range(len(side), 0, -1):
        after = side[end] if end < len(side) else None
        if after is not None and after.kind in ("operator", "of", "square") and not (after.text == ")" and _depth(side[:end]) <= 0):
            continue
        if reads(side[:end]):
            return side[:end]
    return []


def _without_prose(side: list[Token], left: list[Token]) -> list[Token]:
    """``side`` without the words at its end, except a unit that the left side has too."""
    units = {token.text for token in left if token.kind == "unit"}
    end = len(side)
    while end and side[end - 1].kind == "unit" and side[end - 1].text not in units:
        end -= 1
    return side[:end]


def _says_something(left: list[Token], relation: str, right: list[Token]) -> bool:
    """Whether a link can be computed: ``x = 5`` or ``May is 3`` claim nothing of that kind."""
    if relation in ("<", ">", "<=", ">="):
        return True
    made = {"of", "frac", "square"}
    operators = [token for token in left[1:] + right[1:] if token.kind == "operator" and token.text not in ("(", ")")]
    return bool(operators) or any(token.kind in made for token in left + right)


def _judge(left: list[Token], relation: str, right: list[Token]) -> tuple[Verdict, str | None]:
    try:
        a, b = value_of(left), value_of(right)
    except Unchecked:
        return "unchecked", None
    if relation in ("<", ">", "<=", ">="):
        holds = {"<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b}[relation]
        return ("true" if holds else "false"), None
    if a == b or _same_in_percent(left, right, a, b):
        return "true", None
    rounded = _rounds_to(a, right) or _rounds_to(b, left)
    if rounded and (relation == "≈" or _endless(a)):
        return "true", None
    if relation == "≈" and abs(a - b) <= abs(a) / 100:
        return "true", None
    return "false", written(a)


def _same_in_percent(left: list[Token], right: list[Token], a: Fraction, b: Fraction) -> bool:
    """``3 / 4 = 75 %`` holds though the numbers differ by a hundred."""
    marked = [any(token.kind == "percent" for token in side) for side in (left, right)]
    if marked[0] == marked[1]:
        return False
    return a * 100 == b if marked[1] else a == b * 100


def _endless(value: Fraction) -> bool:
    """Whether ``value`` has no finite decimal form, so that only a rounding of it can be written."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest != 1


def _rounds_to(value: Fraction, side: list[Token]) -> bool:
    """Whether ``side`` is one decimal number to which ``value`` rounds (or is cut) at its number of places."""
    if side[0].kind == "operator" and side[0].text == "-":
        value, side = -value, side[1:]
    if not side or side[0].kind != "number" or any(token.kind in ("operator", "of", "square", "number") for token in side[1:]):
        return False
    digits = re.sub(r"[^\d.]", "", side[0].text)
    places = len(digits.partition(".")[2])
    off = value - Fraction(digits)
    rounded, cut = abs(off) * 2 * 10**places <= 1, 0 <= off * 10**places < 1
    return bool(rounded or cut)

"""A thought becomes numbered steps, and each arithmetic claim in it is found and checked exactly.

Claims are equalities and comparisons between expressions: ``39 + 31 = 70``, ``3/4 = 0.75``, ``12 × 5 = 60``,
``45 % of 80 is 36``, chains (``2 + 3 = 5 = 10 / 2``), thousands separators, units and currency left aside,
roundings written ``≈``. Everything is computed in exact fractions by a parser of our own: nothing is ever
evaluated as code, and numbers too long or powers too large are reported as unchecked instead of computed.

>>> [(claim.text, claim.verdict) for claim in find_claims("So 39 + 31 = 71 in all.")]
[('39 + 31 = 71', 'false')]
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

Verdict = Literal["true", "false", "unchecked"]

MAX_DIGITS = 40
"""Digits of a number beyond which a claim is left unchecked."""
MAX_POWER = 64
"""Largest exponent that is computed."""
MAX_TOKENS = 200
"""Tokens of an expression beyond which a claim is left unchecked."""


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


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step of a thought.

    Attributes:
        number: 1-based.
        text: without its own numbering or bullet.
        claims: the arithmetic claims in ``text``, in order.
    """

    number: int
    text: str
    claims: tuple[Claim, ...]


_NUMBERED = re.compile(r"^\s*(?:step\s+)?(\d{1,3})\s*[.):]\s+(?=\S)", re.IGNORECASE)
_BULLET = re.compile(r"^\s*[-*•]\s+(?=\S)")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(\[])")


def steps_of(thought: str) -> list[Step]:
    """``thought`` as steps: by its own numbering where it has one, else by lines, else by sentences.

    >>> [step.text for step in steps_of("1. Read 3 and 4.\\n2. 3 + 4 = 7")]
    ['Read 3 and 4.', '3 + 4 = 7']
    """
    return [Step(number=i, text=text, claims=tuple(find_claims(text))) for i, text in enumerate(_parts(thought), start=1)]


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


# --- expressions -----------------------------------------------------------------------------------------

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+"
_CURRENCY = r"[$€£¥]"
_TOKEN = re.compile(
    rf"""[ \t]*(?:
      (?P<number>{_CURRENCY}?\s?(?:{_NUMBER}))
    | (?P<frac>\\[dt]?frac\s*\{{\s*(?P<top>{_NUMBER})\s*\}}\s*\{{\s*(?P<bottom>{_NUMBER})\s*\}})
    | (?P<relation><=|>=|≤|≥|≈|\\approx\b|=|<|>
        |\bis\s+about\b|\bis\s+approximately\b|\bequals\b|\bis\b(?=\s*[-−(]?\s*{_CURRENCY}?\s?(?:\d|\.\d)))
    | (?P<of>%\s*of\b|percent\s+of\b|per\s+cent\s+of\b)
    | (?P<percent>%)
    | (?P<degree>°C?|º)
    | (?P<operator>\*\*|[-−–+*×·/÷^()]|\\(?:times|cdot|div)\b
        |(?<=[\d)\s])x(?=\s*[-−(]?\s*{_CURRENCY}?\s?\d)|\b(?:plus|minus|times|divided\s+by)\b)
    | (?P<square>[²³])
    | (?P<unit>[A-Za-z]{{1,12}}\b(?![\d(])|\\text\{{[^}}]{{0,20}}\}})
    )""",
    re.VERBOSE | re.IGNORECASE,
)

_CANONICAL = {
    "−": "-",
    "–": "-",
    "×": "*",
    "·": "*",
    "x": "*",
    "\\times": "*",
    "\\cdot": "*",
    "times": "*",
    "÷": "/",
    "\\div": "/",
    "plus": "+",
    "minus": "-",
    "^": "**",
    "≤": "<=",
    "≥": ">=",
    "\\approx": "≈",
    "equals": "=",
    "is": "=",
}


class _Unchecked(Exception):
    """An expression that is well formed but not computed."""


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def _canonical(text: str) -> str:
    text = " ".join(text.lower().split())
    if text == "divided by":
        return "/"
    if text in ("is about", "is approximately"):
        return "≈"
    return _CANONICAL.get(text, text)


def _tokens(text: str) -> Iterator[list[_Token]]:
    """Runs of tokens that lie next to each other on a line of ``text``, each a place where a claim may stand."""
    run: list[_Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            if run and text[at] not in " \t":
                yield run
                run = []
            at += 1
            continue
        kind = str(match.lastgroup if match.lastgroup not in ("top", "bottom") else "frac")
        found = match.group(kind)
        start = match.end() - len(found)
        run.append(_Token(kind, found if kind == "unit" else _canonical(found), start, match.end()))
        at = match.end()
    if run:
        yield run


def find_claims(text: str) -> list[Claim]:
    """The arithmetic claims in ``text``, in order; a chain gives one claim for each of its links."""
    claims = []
    for run in _tokens(text):
        sides, relations = _split(run)
        for left, relation, right in zip(sides, relations, sides[1:], strict=False):
            a = _tail(left)
            b = _without_prose(_head(right), a)
            if a and b and _says_something(a, relation, b):
                start, end = a[0].start, b[-1].end
                verdict, correct = _judge(a, relation, b)
                claims.append(Claim(text=text[start:end], start=start, end=end, verdict=verdict, correct_value=correct))
    return claims


def _split(run: list[_Token]) -> tuple[list[list[_Token]], list[str]]:
    """The sides of a run's relations, and the relations between them."""
    sides: list[list[_Token]] = [[]]
    relations: list[str] = []
    for token in run:
        if token.kind == "relation":
            relations.append(token.text)
            sides.append([])
        else:
            sides[-1].append(token)
    return sides, relations


def _tail(side: list[_Token]) -> list[_Token]:
    """The longest end of ``side`` that is an expression of its own: prose before it goes, an unknown does not."""
    for start in range(len(side)):
        if _may_open(side, start) and _reads(side[start:]):
            return side[start:]
    return []


def _may_open(side: list[_Token], start: int) -> bool:
    """Whether an expression of its own may begin at ``start``: after nothing or prose, with a sign only where it is glued on."""
    token, before = side[start], side[start - 1] if start else None
    if before is not None and before.kind == "operator":
        return False
    if token.kind != "operator" or token.text == "(":
        return True
    if token.text != "-":
        return False
    glued = start + 1 < len(side) and side[start + 1].start == token.end
    return before is None or (before.kind == "unit" and before.end < token.start and glued)


def _head(side: list[_Token]) -> list[_Token]:
    """The longest beginning of ``side`` that is an expression of its own."""
    for end in range(len(side), 0, -1):
        after = side[end] if end < len(side) else None
        if after is not None and after.kind in ("operator", "of", "square"):
            continue
        if _reads(side[:end]):
            return side[:end]
    return []


def _without_prose(side: list[_Token], left: list[_Token]) -> list[_Token]:
    """``side`` without the words at its end, except a unit that the left side has too."""
    units = {token.text for token in left if token.kind == "unit"}
    end = len(side)
    while end and side[end - 1].kind == "unit" and side[end - 1].text not in units:
        end -= 1
    return side[:end]


def _says_something(left: list[_Token], relation: str, right: list[_Token]) -> bool:
    """Whether a link can be computed: ``x = 5`` or ``May is 3`` claim nothing of that kind."""
    if relation in ("<", ">", "<=", ">="):
        return True
    made = {"of", "frac", "square"}
    return any(token.kind in made for token in left + right) or any(token.kind == "operator" for token in left[1:] + right[1:])


def _reads(tokens: list[_Token]) -> bool:
    """Whether ``tokens`` form one expression, computed or not."""
    try:
        _value(tokens)
    except _Unchecked:
        return True
    except SyntaxError:
        return False
    return True


def _number(text: str) -> Fraction:
    digits = re.sub(r"[^\d.]", "", text)
    if len(digits) > MAX_DIGITS:
        raise _Unchecked
    return Fraction(digits)


class _Reader:
    """A recursive-descent parser and calculator over tokens; units between numbers and operators are skipped."""

    def __init__(self, tokens: list[_Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def peek(self) -> _Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, *texts: str) -> bool:
        token = self.peek()
        if token is not None and token.kind == "operator" and token.text in texts:
            self.at += 1
            return True
        return False

    def sum(self) -> Fraction:
        value = self.product()
        while True:
            if self.take("+"):
                value = value + self.product()
            elif self.take("-"):
                value = value - self.product()
            else:
                return value

    def product(self) -> Fraction:
        value = self.power()
        while True:
            if self.take("*"):
                value = value * self.power()
            elif self.take("/"):
                divisor = self.power()
                if divisor == 0:
                    raise _Unchecked
                value = value / divisor
            elif (token := self.peek()) is not None and token.kind == "of":
                self.at += 1
                value = value / 100 * self.power()
            else:
                return value

    def power(self) -> Fraction:
        if self.take("-"):
            return -self.power()
        if self.take("+"):
            return self.power()
        base = self.atom()
        if self.take("**"):
            return _raised(base, self.power())
        token = self.peek()
        if token is not None and token.kind == "square":
            self.at += 1
            return _raised(base, Fraction(2 if token.text == "²" else 3))
        return base

    def atom(self) -> Fraction:
        token = self.peek()
        if token is None:
            raise SyntaxError
        self.at += 1
        if token.kind == "operator" and token.text == "(":
            value = self.sum()
            if not self.take(")"):
                raise SyntaxError
        elif token.kind == "number":
            value = _number(token.text)
        elif token.kind == "frac":
            top, bottom = re.findall(_NUMBER, token.text)
            if _number(bottom) == 0:
                raise _Unchecked
            value = _number(top) / _number(bottom)
        else:
            raise SyntaxError
        return self.suffix(value)

    def suffix(self, value: Fraction) -> Fraction:
        units = 0
        while (token := self.peek()) is not None and token.kind in ("unit", "percent", "degree"):
            units += token.kind == "unit"
            if units > 2 or (token.kind == "unit" and token.text.lower() in _NO_UNIT):
                raise SyntaxError
            self.at += 1
        return value


_NO_UNIT = frozenset(
    "a an and or so then the of to in for with at by from but if we it that this which as on than only"
    " b c d e f i j n o p q r t u v w x y z".split()
)
"""Words and single letters after a number that are no unit: prose, or an unknown as in ``2x + 3 = 7``."""


def _raised(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or abs(exponent) > MAX_POWER or (base == 0 and exponent < 0):
        raise _Unchecked
    if len(str(base.numerator)) + len(str(base.denominator)) > MAX_DIGITS:
        raise _Unchecked
    return Fraction(base ** int(exponent))


def _value(tokens: list[_Token]) -> Fraction:
    """The value of ``tokens``.

    Raises:
        SyntaxError: if they are no expression.
        _Unchecked: if they are one that is not computed.
    """
    if len(tokens) > MAX_TOKENS or sum(token.text == "(" for token in tokens) > 40:
        raise _Unchecked
    reader = _Reader(tokens)
    value = reader.sum()
    if reader.at != len(tokens):
        raise SyntaxError
    return value


# --- verdicts --------------------------------------------------------------------------------------------


def _judge(left: list[_Token], relation: str, right: list[_Token]) -> tuple[Verdict, str | None]:
    try:
        a, b = _value(left), _value(right)
    except _Unchecked:
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


def _same_in_percent(left: list[_Token], right: list[_Token], a: Fraction, b: Fraction) -> bool:
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


def _rounds_to(value: Fraction, side: list[_Token]) -> bool:
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


def written(value: Fraction) -> str:
    """``value`` as a person writes it: exact where it ends within six places, else rounded with ``≈``.

    >>> written(Fraction(70)), written(Fraction(3, 4)), written(Fraction(1, 3))
    ('70', '0.75', '≈0.3333')
    """
    if value.denominator == 1:
        return str(value.numerator) if len(str(value.numerator)) <= MAX_DIGITS else f"≈{Decimal(value.numerator):.6e}"
    exact = value * 10**6
    if exact.denominator == 1:
        return f"{Decimal(exact.numerator) / 10**6:f}".rstrip("0").rstrip(".")
    return f"≈{float(value):.4f}".rstrip("0") if abs(value) < 10**15 else f"≈{float(value):.6e}"

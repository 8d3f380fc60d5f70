"""Arithmetic expressions as people and models write them, computed in exact fractions by a parser of our own.

Nothing is ever evaluated as code, and numbers too long or powers too large are not computed at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

MAX_DIGITS = 40
"""Digits of a number beyond which a claim is left unchecked."""
MAX_POWER = 64
"""Largest exponent that is computed."""
MAX_TOKENS = 200
"""Tokens of an expression beyond which a claim is left unchecked."""


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

_FRACTION = re.compile(r"\\[dt]?frac\s*\{")
_BETWEEN = re.compile(r"\}\s*\{")
_LATEX_SPACE = re.compile(r"\\(?:left|right|[,;:! ])")

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


class Unchecked(Exception):
    """An expression is well formed but not computed."""


@dataclass(frozen=True)
class Token:
    """A number, operator, relation, unit … and its place in the text."""

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


def tokens_of(text: str) -> Iterator[list[Token]]:
    """Runs of tokens that lie next to each other on a line of ``text``, each a place where a claim may stand."""
    run: list[Token] = []
    open_fractions: list[str] = []  # "top" or "bottom", for each LaTeX fraction that is being read
    at = 0
    while at < len(text):
        if space := _LATEX_SPACE.match(text, at):
            at = space.end()
            continue
        match = _TOKEN.match(text, at)
        signs, end = ("", at) if match is not None else _fraction(text, at, open_fractions)
        if signs:
            run += [Token("operator", sign, at, end) for sign in signs]
            at = end
            continue
        if match is None:
            if run and text[at] not in " \t":
                yield run
                run = []
            at += 1
            continue
        kind = str(match.lastgroup if match.lastgroup not in ("top", "bottom") else "frac")
        found = match.group(kind)
        start = match.end() - len(found)
        run.append(Token(kind, found if kind == "unit" else _canonical(found), start, match.end()))
        at = match.end()
    if run:
        yield run


def _fraction(text: str, at: int, open_fractions: list[str]) -> tuple[str, int]:
    """What a part of ``\\frac{…}{…}`` at ``at`` stands for, and where it ends: ``((`` a ``)/(`` b ``))``; "" for anything else."""
    if opened := _FRACTION.match(text, at):
        open_fractions.append("top")
        return "((", opened.end()
    if open_fractions and (turned := _BETWEEN.match(text, at)) and open_fractions[-1] == "top":
        open_fractions[-1] = "bottom"
        return ")/(", turned.end()
    if open_fractions and text[at] == "}" and open_fractions.pop() == "bottom":
        return "))", at + 1
    return "", at


def reads(tokens: list[Token]) -> bool:
    """Whether ``tokens`` form one expression, computed or not."""
    try:
        value_of(tokens)
    except Unchecked:
        return True
    except SyntaxError:
        return False
    return True


def _number(text: str) -> Fraction:
    digits = re.sub(r"[^\d.]", "", text)
    if len(digits) > MAX_DIGITS:
        raise Unchecked
    return Fraction(digits)


class _Reader:
    """A recursive-descent parser and calculator over tokens; units between numbers and operators are skipped."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.at = 0

    def peek(self) -> Token | None:
        """The next token, left where it is."""
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, *texts: str) -> bool:
        """Go past the next token if it is one of these operators; whether it was."""
        token = self.peek()
        if token is not None and token.kind == "operator" and token.text in texts:
            self.at += 1
            return True
        return False

    def sum(self) -> Fraction:
        """Products with ``+`` or ``-`` between them."""
        value = self.product()
        while True:
            if self.take("+"):
                value = value + self.product()
            elif self.take("-"):
                value = value - self.product()
            else:
                return value

    def product(self) -> Fraction:
        """Powers with ``*``, ``/`` or ``% of`` between them."""
        value = self.power()
        while True:
            if self.take("*"):
                value = value * self.power()
            elif self.take("/"):
                divisor = self.power()
                if divisor == 0:
                    raise Unchecked
                value = value / divisor
            elif (token := self.peek()) is not None and token.kind == "of":
                self.at += 1
                value = value / 100 * self.power()
            else:
                return value

    def power(self) -> Fraction:
        """A signed number or bracket, raised or not."""
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
        """A number, a fraction or a bracket with what is written behind it."""
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
                raise Unchecked
            value = _number(top) / _number(bottom)
        else:
            raise SyntaxError
        return self.suffix(value)

    def suffix(self, value: Fraction) -> Fraction:
        """``value`` after the units, percent and degree signs behind it, of which there may be a few."""
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
        raise Unchecked
    if len(str(base.numerator)) + len(str(base.denominator)) > MAX_DIGITS:
        raise Unchecked
    return Fraction(base ** int(exponent))


def value_of(tokens: list[Token]) -> Fraction:
    """The value of ``tokens``.

    Raises:
        SyntaxError: if they are no expression.
        Unchecked: if they are one that is not computed.
    """
    if len(tokens) > MAX_TOKENS or sum(token.text == "(" for token in tokens) > 40:
        raise Unchecked
    reader = _Reader(tokens)
    value = reader.sum()
    if reader.at != len(tokens):
        raise SyntaxError
    return value


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

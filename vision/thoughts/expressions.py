r"""Written arithmetic, in plain text and in LaTeX, as tokens with their places and as exact values.

    tree = parse(tokens_of(r"1\frac{1}{2}"))
    [value_of(tree, reading) for reading in readings_of(tokens)]

What can be meant in several ways is read in each of them: ``1.200`` with a point or with a separator, ``20%`` as a factor, as a
number or as a share added, ``2\frac{1}{2}`` as a sum or as a product, ``2 h 30 min`` as it stands or in seconds. The grammar is
``grammar.lark``; nothing is ever evaluated as code, and numbers too long or powers too large are not computed at all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Literal

from vision.thoughts.tokens import VULGAR, Token
from vision.thoughts.units import UNITS

MAX_DIGITS = 40
"""Digits of a number beyond which a claim is left unchecked."""
MAX_POWER = 64
"""Largest exponent that is computed."""
MAX_TOKENS = 120
"""Tokens of an expression beyond which it is not read."""


class Unchecked(Exception):
    """An expression is well formed but not computed."""


class NotUnderstood(Exception):
    """Tokens are no closed arithmetic."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One way to read what can be read in several ways.

    Attributes:
        point: the sign before decimals.
        percent: ``20%`` is a factor of 0.2, the number 20, or a share that is added to what stands before it.
        mixed: whether a fraction right behind a whole number is added to it.
        converted: whether units of one kind are brought to one measure.
        scaled: whether ``million`` counts, which many write behind the result alone.
        stacked: whether ``2000 / 2/3`` divides by the fraction.
    """

    point: Literal[".", ","] = "."
    percent: Literal["factor", "number", "added"] = "factor"
    mixed: bool = True
    converted: bool = False
    scaled: bool = True
    stacked: bool = False


def readings_of(tokens: Iterable[Token]) -> Iterator[Reading]:
    """Every way in which ``tokens``, both sides of a claim, can be read."""
    tokens = list(tokens)
    separated = any(token.kind == "number" and re.search(r"\d[.,]\d", token.text) for token in tokens)
    percent = any(token.kind == "percent" for token in tokens)
    mixed = any(a.kind == "number" and b.text in ("frac", "sqrt") for a, b in zip(tokens, tokens[1:], strict=False))
    units = {token.unit for token in tokens if token.unit}
    compound = any(token.kind == "compound" for token in tokens)
    convertible = len(units) > 1 and len({UNITS[unit][0] for unit in units}) == 1
    scaled = any(token.kind == "number" and token.text[-1].isalpha() for token in tokens)
    strokes = sum(token.text == "/" for token in tokens) > 1
    for point, share, added, converted, large, stacked in product(
        (".", ",") if separated else (".",),
        ("factor", "number", "added") if percent else ("factor",),
        (True, False) if mixed else (True,),
        (True,) if compound else (False, True) if convertible else (False,),
        (True, False) if scaled else (True,),
        (False, True) if strokes else (False,),
    ):
        yield Reading(point=point, percent=share, mixed=added, converted=converted, scaled=large, stacked=stacked)  # type: ignore[arg-type]


_SCALES = {"k": 10**3, "thousand": 10**3, "million": 10**6, "billion": 10**9, "bn": 10**9, "trillion": 10**12}
_GRAMMAR = Path(__file__).with_name("grammar.lark")
_TERMINALS = {
    "+": "_PLUS",
    "-": "_MINUS",
    "*": "_TIMES",
    "/": "_DIVIDE",
    "^": "_POWER",
    "frac": "_FRACTION",
    "inom": "_BINOMIAL",
    "sqrt": "_ROOT",
}
_BY_KIND = {kind: kind.upper() for kind in ("number", "mixed", "percent", "raised", "factorial", "factor")}
_BY_KIND |= {kind: f"_{kind.upper()}" for kind in ("of", "open", "close")}


@cache
def _parser() -> Any:
    """The grammar's parser; made once, when the first claim is read."""
    from lark import Lark
    from lark import Token as Terminal
    from lark.lexer import Lexer

    class Given(Lexer):  # type: ignore[misc]
        """Takes tokens as they are."""

        def __init__(self, _: Any) -> None:
            pass

        def lex(self, data: Any) -> Iterator[Any]:  # type: ignore[override]
            for token in data:
                name = _TERMINALS[token.text] if token.kind in ("operator", "command") else _BY_KIND[token.kind]
                yield Terminal(name, token)

    return Lark(_GRAMMAR.read_text(encoding="utf-8"), parser="lalr", lexer=Given)


def parse(tokens: Sequence[Token]) -> Any:
    """The tree of a side.

    Raises:
        NotUnderstood: where it is no closed arithmetic, or too long.
    """
    from lark.exceptions import LarkError

    if len(tokens) > MAX_TOKENS:
        raise NotUnderstood
    try:
        return _parser().parse([token for token in tokens if token.kind != "degree"])
    except (LarkError, KeyError) as exc:
        raise NotUnderstood from exc


def value_of(tree: Any, reading: Reading) -> Fraction:
    """The value of a :func:`parse` d side in one ``reading``.

    Raises:
        Unchecked: where it is not computed.
        NotUnderstood: where it cannot be read so.
    """
    if not hasattr(tree, "data"):
        return _terminal(tree, reading)
    rule, parts = str(tree.data), tree.children
    if rule in ("add", "subtract"):
        a, b = (value_of(part, reading) for part in parts)
        if reading.percent == "added" and getattr(parts[1], "data", "") == "percent" and getattr(parts[0], "data", "") != "percent":
            b *= a
        return a + b if rule == "add" else a - b
    if rule == "percent":
        value = value_of(parts[0], reading)
        return value if reading.percent == "number" else value / 100
    values = [
        value_of(part, reading)
        for part in parts
        if rule not in ("raised", "factorial") or hasattr(part, "data") or part.type != rule.upper()
    ]
    if rule == "negative":
        return -values[0]
    if rule == "multiply":
        return values[0] * values[1]
    if rule == "divide" and reading.stacked and getattr(parts[0], "data", "") == "divide":
        whole, part = (value_of(each, reading) for each in parts[0].children)
        if part == 0 or values[1] == 0:
            raise Unchecked
        return whole / (part / values[1])
    if rule in ("divide", "fraction"):
        if values[1] == 0:
            raise Unchecked
        return values[0] / values[1]
    if rule == "share":
        if not _is_share(parts[0]):
            raise NotUnderstood
        return (values[0] / 100 if reading.percent == "number" and getattr(parts[0], "data", "") == "percent" else values[0]) * values[1]
    if rule == "beside":
        return _beside(parts, values, reading)
    if rule == "power":
        return _raised(values[0], values[1])
    if rule == "raised":
        return _raised(values[0], Fraction(parts[1].value.text))
    if rule == "root":
        return _root(values[0])
    return _counted(rule, values)


def _terminal(terminal: Any, reading: Reading) -> Fraction:
    token: Token = terminal.value
    if token.kind == "factor":
        return Fraction(token.text)
    if token.kind == "mixed":
        whole, top, bottom = _mixed(token.text)
        if len(whole + top + bottom) > MAX_DIGITS or int(bottom) == 0:
            raise Unchecked
        return Fraction(int(whole)) + Fraction(int(top), int(bottom))
    value = number(token.text if reading.scaled else re.sub(r"\s*[A-Za-z]+$", "", token.text), reading.point)
    return value * UNITS[token.unit][1] if reading.converted and token.unit else value


def _mixed(text: str) -> tuple[str, str, str]:
    if text[-1] in VULGAR:
        top, _, bottom = VULGAR[text[-1]].partition("/")
        return text[:-1].strip() or "0", top, bottom
    whole, top, bottom = re.findall(r"\d+", text)
    return whole, top, bottom


def number(text: str, point: str = ".") -> Fraction:
    """A written number with its scale, ``point`` before its decimals.

    >>> number("$1,234.5"), number("1.234,5", ","), number("1.5k")
    (Fraction(2469, 2), Fraction(2469, 2), Fraction(1500, 1))

    Raises:
        NotUnderstood: where it is not written so.
        Unchecked: where it is too long.
    """
    text = text.strip()
    if text[-1] in VULGAR:
        return Fraction(VULGAR[text[-1]])
    scale = re.search(r"[A-Za-z]+$", text)
    digits = re.sub(r"\{,\}|,\\!", ",", text[: scale.start()] if scale else text)
    digits = re.sub(r"[^\d.,]", "", digits)
    comma = "," if point == "." else "."
    p, c = re.escape(point), re.escape(comma)
    if not re.fullmatch(rf"(?:\d{{1,3}}(?:{c}\d{{3}})+|\d{{1,2}}(?:{c}\d\d)+{c}\d{{3}}|\d+)(?:{p}\d+)?|{p}\d+", digits):
        raise NotUnderstood
    if len(digits) > MAX_DIGITS:
        raise Unchecked
    return Fraction(digits.replace(comma, "").replace(point, ".")) * (_SCALES[scale[0].casefold()] if scale else 1)


def _is_share(tree: Any) -> bool:
    """Whether ``of`` behind it means a product: a percentage, a fraction."""
    if hasattr(tree, "data"):
        return str(tree.data) in ("percent", "fraction", "divide", "multiply")
    return tree.type in ("MIXED", "FACTOR")


def _beside(parts: Sequence[Any], values: Sequence[Fraction], reading: Reading) -> Fraction:
    """A product without its sign, or a whole number with its fraction."""
    if getattr(parts[0], "data", "") in ("divide", "share"):
        raise Unchecked  # 8 / 2(2 + 2) is read in two ways
    number_first = not hasattr(parts[0], "data") and parts[0].type == "NUMBER"
    if reading.mixed and number_first and getattr(parts[1], "data", "") == "fraction" and 0 < values[1] < 1:
        return values[0] + values[1]
    return values[0] * values[1]


def _raised(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1 or abs(exponent) > MAX_POWER or (base == 0 and exponent < 0):
        raise Unchecked
    if len(str(base.numerator)) + len(str(base.denominator)) > MAX_DIGITS:
        raise Unchecked
    return Fraction(base ** int(exponent))


def _root(value: Fraction) -> Fraction:
    """The square root, where it is a fraction."""
    if value < 0 or len(str(value.numerator)) + len(str(value.denominator)) > MAX_DIGITS:
        raise Unchecked
    top, bottom = math.isqrt(value.numerator), math.isqrt(value.denominator)
    if Fraction(top, bottom) ** 2 != value:
        raise Unchecked
    return Fraction(top, bottom)


def _counted(rule: str, values: Sequence[Fraction]) -> Fraction:
    """Factorials and binomial coefficients."""
    if any(value.denominator != 1 or not 0 <= value <= MAX_POWER for value in values):
        raise Unchecked
    whole = [int(value) for value in values]
    return Fraction(math.factorial(whole[0]) if rule == "factorial" else math.comb(*whole))


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

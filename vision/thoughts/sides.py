"""The sides of a claim: which part of the words around a relation is mathematics, and how much of it was understood.

Before a relation the last expression is looked for, behind it the first one. Words behind a number are its unit, words that
lead to one are prose, and everything else (an unknown, a word that computes, a bracket left open) makes a side not understood.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from vision.thoughts.tokens import Token
from vision.thoughts.units import UNITS, unit_of


@dataclass(frozen=True)
class Side:
    """A side of a claim.

    Attributes:
        tokens: closed arithmetic, units left out.
        start, end: its place, characters.
        words: words that stand behind its last number, its unit.
        alone: whether nothing but a relation, a mark or a beginning stands next to it.
        units: the first word behind each number that has any.
        times: another number beyond the words next to it, with which prose may multiply: ``5 boxes of 10``.
    """

    tokens: tuple[Token, ...]
    start: int
    end: int
    words: tuple[str, ...] = ()
    alone: bool = True
    units: tuple[str, ...] = ()
    times: Token | None = None

    @property
    def computes(self) -> bool:
        """Whether it is more than a number."""
        signed = self.tokens[1:] if self.tokens[0].text == "-" else self.tokens
        return any(token.kind in ("operator", "of", "command", "factor", "raised", "factorial", "compound") for token in signed)


_FILLERS = frozenset(
    "a an the about approximately roughly around almost nearly exactly just only also another total of same his her their its all"
    " those these now still equal to sum whole full my our your remaining other additional extra".split()
)
"""Words that may stand between a sign and its number."""
_COMPUTING = frozenset("remainder r mod modulo twice thrice root power hundred hundreds minus".split())
"""Words that compute with the number right before them: what they do is not read."""
_COMPARING = frozenset("more less fewer than".split())
"""Words that compute with the number right before them where another one follows."""
_CLAUSES = frozenset(
    "because since so which who if when while but then or after before until where unless"
    " is are was were gives makes means has have had will would".split()
)
"""Words that no unit holds."""
_JOINING = frozenset("of at with by each containing to".split())
"""Last words between two numbers that prose may compute with."""
_BEFORE = frozenset("minus less root power negative mod modulo sqrt log sin cos tan lcm gcd twice thrice half".split())
"""Words that compute with what follows."""

UNIT_LETTERS = frozenset("hmsglL")
"""Single letters that may be units; in a sum they are, where every number has the same one."""

_OPERAND_ENDS = ("number", "mixed", "close", "percent", "raised", "factorial", "degree", "compound")
_OPERAND_BEGINS = ("number", "mixed", "open", "command", "factor", "compound")


@dataclass(frozen=True)
class _Item:
    """A token of the mathematics, or what stands between: ``gap`` (prose), ``edge`` (of a formula), ``unknown``."""

    kind: str
    token: Token
    words: tuple[str, ...] = ()


def _items(side: Sequence[Token]) -> list[_Item]:
    """``side`` with its words told apart: units belong to their numbers, prose is a gap, the rest is unknown."""
    items: list[_Item] = []
    at = 0

    def ended() -> bool:
        return bool(items) and items[-1].kind == "math" and items[-1].token.kind in _OPERAND_ENDS

    while at < len(side):
        token = side[at]
        compound = _compound(side, at)
        if compound and not ended():
            items += [_Item("math", token) for token in compound[0]]
            at += compound[1]
            continue
        end = _words_end(side, at)
        if end > at:
            words = tuple(word.text for word in side[at:end] if word.kind in ("word", "letter"))
            following = side[end] if end < len(side) else None
            items = _with_words(items, side, at, end, words, following, ended())
            at = end
            continue
        if token.kind == "edge":
            items.append(_Item("edge", token))
        elif token.kind in ("unknown", "letter"):
            items.append(_Item("unknown", token))
        elif token.kind == "number" and ended() and token.unit == "$" and not items[-1].token.unit:  # 3 $20 bills
            items += [_Item("gap", token, ("of",)), _Item("math", token)]
        elif (
            token.kind == "number" and ended() and at + 1 < len(side) and side[at + 1].text.startswith("-") and side[at + 1].kind == "word"
        ):
            items += [_Item("gap", token, ("of",)), _Item("math", token)]  # 12 5-minute intervals
        elif token.kind in _OPERAND_BEGINS and ended() and token.kind not in ("open", "command"):
            items += [_Item("unknown", token), _Item("math", token)]
        elif token.text == "(" and ended() and side[at - 1].end < token.start and _is_remark(side, at):
            items += [_Item("gap", token, ("(",)), _Item("math", token)]
        elif token.kind in ("open", "command") and ended() and not (token.formula or side[at - 1].end == token.start):
            items += [_Item("unknown", token), _Item("math", token)]
        else:
            items.append(_Item("math", token))
        at += 1
    return items


def _words_end(side: Sequence[Token], at: int) -> int:
    """Behind the words that begin at ``at``: units, also below a stroke, and words in brackets."""
    end = at
    while end < len(side):
        token, following = side[end], side[end + 1] if end + 1 < len(side) else None
        if token.kind == "word" or token.kind == "letter" and token.text in UNIT_LETTERS:
            end += 1
        elif token.text == "/" and end > 0 and following is not None and (following.kind == "word" or following.text in UNIT_LETTERS):
            end += 2
        elif token.text == "(" and side[end - 1].end < token.start and (closed := _words_closed(side, end)):
            end = closed
        else:
            break
    return end


def _is_remark(side: Sequence[Token], at: int) -> bool:
    """Whether a bracket holds words: ``18 (not 17)``, ``4 (15 minutes)``."""
    inside = next(
        (side[at + 1 : end] for end in range(at + 1, min(len(side), at + 20)) if side[end].kind == "close"), side[at + 1 : at + 20]
    )
    return any(token.kind == "word" for token in inside) and not any(token.kind == "operator" for token in inside)


def _closes(side: Sequence[Token], at: int) -> bool:
    """Whether the bracket that opens at ``at`` closes on this side."""
    depth = 0
    for token in side[at:]:
        depth += (token.kind == "open") - (token.kind == "close")
        if depth == 0:
            return True
    return False


def _words_closed(side: Sequence[Token], at: int) -> int:
    """Behind a bracket with nothing but words in it, 0 for any other."""
    for end in range(at + 1, min(len(side), at + 12)):
        if side[end].text == ")":
            return end + 1 if end > at + 1 else 0
        if side[end].kind != "word":
            return 0
    return 0


def _with_words(
    items: list[_Item], side: Sequence[Token], at: int, end: int, words: tuple[str, ...], following: Token | None, ended: bool
) -> list[_Item]:
    """``items`` and the run of words that stands behind them."""
    first = side[at]
    after_operator = bool(items) and items[-1].kind == "math" and items[-1].token.kind in ("operator", "of", "factor")
    low = {word.casefold() for word in words}
    if ended:
        sign = following is not None and _signs(side, end) and words[-1].casefold() in ("and", "or", "to", "than", "from", "by")
        if following is None or (following.kind in ("edge", "operator", "percent", "raised", "of", "close") and not sign):
            computes = words[0].casefold() in (_COMPUTING if following is None else _COMPUTING | _COMPARING)
            if computes or (following is not None and _holds_a_clause(words)):
                return [*items, _Item("unknown", first)]
            return [*_with_unit(items, words), _Item("unit", first, words)]
        times = following.kind in ("open", "command") and (first.formula or _closes(side, end))  # a product with its units
        return [*items, _Item("unknown" if times else "gap", first, words)]
    if after_operator:
        begins = following is not None and following.kind in _OPERAND_BEGINS
        known = low & (_COMPUTING | _COMPARING | _CLAUSES | _JOINING | _BEFORE) or any(word[0].isupper() for word in words)
        few = low <= _FILLERS or (len(words) <= 3 and not known)
        return items if begins and few else [*items, _Item("unknown", first)]
    if following is not None and following.kind == "operator" and not _signs(side, end):
        return [*items, _Item("unknown", first)]
    return [*items, _Item("gap", first, words)]


def _with_unit(items: list[_Item], words: tuple[str, ...]) -> list[_Item]:
    """``items`` whose last number has the unit that the first of ``words`` names."""
    last = items[-1]
    unit = unit_of(words[0]) if words else ""
    if last.token.kind == "number" and unit and not last.token.unit:
        return [*items[:-1], replace(last, token=replace(last.token, unit=unit))]
    return items


def _signs(side: Sequence[Token], at: int) -> bool:
    """Whether the minus at ``at`` is the sign of the number behind it: it stands apart from what is before it, and at its number."""
    token, before, after = side[at], side[at - 1] if at else None, side[at + 1] if at + 1 < len(side) else None
    apart = before is None or before.end < token.start
    return token.text == "-" and apart and after is not None and after.kind in ("number", "mixed", "open") and after.start == token.end


def _compound(side: Sequence[Token], at: int) -> tuple[list[Token], int] | None:
    """``3 h 20 min`` at ``at`` as a sum, and how many tokens it takes."""
    parts: list[Token] = []
    smaller: Fraction | None = None
    kind, end = "", at
    while end + 1 < len(side) and side[end].kind == "number" and side[end + 1].kind in ("word", "letter"):
        unit = unit_of(side[end + 1].text)
        if not unit or (kind and UNITS[unit][0] != kind) or (smaller is not None and UNITS[unit][1] >= smaller):
            break
        kind, smaller = UNITS[unit]
        parts.append(replace(side[end], unit=unit))
        end += 2
        if end < len(side) and side[end].text.casefold() == "and" and end + 2 < len(side) and side[end + 1].kind == "number":
            end += 1
    if len(parts) < 2:
        return None
    first, last = side[at], side[end - 1]
    made = [Token("open", "(", first.start, first.start)]
    for i, part in enumerate(parts):
        made += [*([Token("operator", "+", part.start, part.start)] if i else []), part]
    return [*made, Token("close", ")", last.end, last.end), Token("compound", "", last.end, last.end)], end - at


def last_expression(side: Sequence[Token]) -> Side | None:
    """The expression that ``side`` ends with: prose before it goes, an unknown does not."""
    items = _items(side)
    while items and items[-1].kind == "edge":
        items.pop()
    cuts = [i for i, item in enumerate(items) if item.kind in ("gap", "edge")]
    start = cuts[-1] + 1 if cuts else 0
    start = _past_brackets(items, start)
    before = items[start - 1] if start else None
    if before is not None and before.kind == "gap" and before.words[-1].casefold() in _BEFORE:
        return None
    if items and items[-1].kind == "unit" and _holds_a_clause(items[-1].words):
        return None
    if before is not None and before.kind == "edge" and start > 1 and items[start - 2].kind in ("unknown", "math"):
        return None
    found = _as_side(items[start:], alone=before is None or before.kind == "edge")
    if found is not None and before is not None and before.kind == "gap" and _joins(items, start - 1):
        return replace(found, times=items[start - 2].token)
    return found


def first_expression(side: Sequence[Token], *, named: bool = False) -> Side | None:
    """The expression that ``side`` begins with, where it is ``named`` behind a name."""
    items = _items(side)
    while items and items[0].kind == "edge":
        items.pop(0)
    if items and items[0].kind == "gap" and (named or {word.casefold() for word in items[0].words} <= _FILLERS):
        items.pop(0)
    depth, end = 0, len(items)
    for i, item in enumerate(items):
        depth += (item.token.kind == "open") - (item.token.kind == "close") if item.kind == "math" else 0
        if item.kind in ("gap", "edge") or depth < 0:
            end = i
            break
    after = items[end] if end < len(items) else None
    if after is not None and after.kind == "gap" and after.words[0].casefold() in _COMPUTING:
        return None
    found = _as_side(items[:end], alone=after is None or after.kind != "gap")
    if found is not None and after is not None and after.kind == "gap" and _joins(items, end):
        return replace(found, times=items[end + 1].token)
    return found


def _holds_a_clause(words: Sequence[str]) -> bool:
    low = [word.casefold() for word in words]
    return any(word in _CLAUSES and low[i : i + 2] != ["so", "far"] for i, word in enumerate(low))


def _joins(items: Sequence[_Item], at: int) -> bool:
    """Whether the gap at ``at`` stands between two numbers that prose may multiply: ``5 boxes of 10``."""
    words = [word.casefold() for word in items[at].words if word.casefold() not in ("the", "his", "her", "their", "those", "these")]
    between = 0 < at < len(items) - 1 and items[at - 1].kind == items[at + 1].kind == "math"
    return between and 0 < len(words) <= 3 and words[-1] in _JOINING and not set(words) & (_CLAUSES | {"a", "total"})


def _past_brackets(items: Sequence[_Item], start: int) -> int:
    """Behind the last bracket from ``start`` on that opens and never closes, where it only holds the claim."""
    open_at: list[int] = []
    for i in range(start, len(items)):
        if items[i].kind == "math" and items[i].token.kind == "open":
            open_at.append(i)
        elif items[i].kind == "math" and items[i].token.kind == "close" and open_at:
            open_at.pop()
    if open_at and (open_at[-1] == start or items[open_at[-1] - 1].kind in ("gap", "unit", "edge")):
        return open_at[-1] + 1
    return start


def _as_side(items: Sequence[_Item], *, alone: bool) -> Side | None:
    """``items`` as a side, None where they are no closed arithmetic."""
    if not items or any(item.kind in ("unknown", "edge") for item in items):
        return None
    words = items[-1].words if items[-1].kind == "unit" else ()
    tokens = tuple(item.token for item in items if item.kind == "math")
    if not tokens or tokens[-1].kind not in _OPERAND_ENDS:
        return None
    last = items[-1] if items[-1].kind == "math" else items[-2]
    units = [item.words[0] for item in items if item.kind == "unit"]
    return Side(tokens, tokens[0].start, last.token.end, words, alone and not units, tuple(units))

r"""A text in tokens: numbers, operators, relations, words, in plain text and in LaTeX, each with its place.

    tokens_of(r"So 39 + 31 = \\frac{140}{2}")

In a formula (between ``$``, ``\\(``, ``\\[``) a letter is an unknown; elsewhere letters are words, except behind a number, where a
single one may be a unit. Code, dates, times of the day and numbers with letters in front are told apart here, since nothing may
be computed with them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from vision.thoughts.units import unit_of


@dataclass(frozen=True)
class Token:
    """A piece of a text.

    Attributes:
        kind: what it is: the names of :data:`_PIECES`.
        text: as it was written; operators, relations and factors in one form each.
        start, end: its place in the text, characters.
        formula: whether it stands in a formula, where a letter is an unknown and not a word.
        unit: of a number, a name of :data:`vision.thoughts.units.UNITS`, "" where there is none.
    """

    kind: str
    text: str
    start: int
    end: int
    formula: bool = False
    unit: str = ""


_OPERATORS = {
    "plus": "+", "minus": "-", "−": "-", "–": "-", "‐": "-", "times": "*", "multiplied by": "*", "x": "*", "×": "*", "·": "*",
    "∙": "*", "⋅": "*", r"\times": "*", r"\cdot": "*", r"\ast": "*", "divided by": "/", "out of": "/", "//": "/", "÷": "/",
    "⁄": "/", r"\div": "/", "**": "^",
}  # fmt: skip
_RELATIONS = {
    "==": "=", "equals": "=", "≃": "≈", "≅": "≈", "~=": "≈", r"\approx": "≈", r"\simeq": "≈", "≤": "<=", r"\le": "<=", r"\leq": "<=",
    "≥": ">=", r"\ge": ">=", r"\geq": ">=", r"\lt": "<", r"\gt": ">", "≠": "!=", r"\ne": "!=", r"\neq": "!=",
}  # fmt: skip
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "tenth": 10}
_TIMES = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "twice": 2, "double": 2, "thrice": 3, "triple": 3}
VULGAR = dict(zip("½⅓⅔¼¾⅕⅖⅗⅘⅛⅜⅝⅞", "1/2 1/3 2/3 1/4 3/4 1/5 2/5 3/5 4/5 1/8 3/8 5/8 7/8".split(), strict=True))
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")

_CURRENCY = r"(?:US\$|\\\$|[$€£¥₹¢])"
_SPACE = "[ \u00a0\u202f]"
_DIGITS = rf"(?:\d{{1,3}}(?:{_SPACE}\d{{3}})+(?!\d|-[a-z])(?:[.,]\d+)?|\d+(?:(?:[.,'’]|\{{,\}}|,\\!)\d+)*|\.\d+)"
_NEXT = rf"(?=\s{{0,8}}[-−–(]?\s{{0,2}}{_CURRENCY}?\s?(?:\d|\.\d|\\[dtc]?frac|\\sqrt|√))"
"""Behind it stands a number."""
_LETTER = "A-Za-zÀ-ÖØ-öø-ÿ"
_THOSE = r"\s+(?:(?:the|his|her|their|its|those|these|all)\s+)?"

# What is no letter of a number, a word or a sign is a break; of two pieces that begin at one place the first is taken.
_PIECES: tuple[tuple[str, str], ...] = (
    ("code", r"\[asy\].*?(?:\[/asy\]|\Z)|```.*?(?:```|\Z)"),
    ("numbering", r"(?:(?<=\n)|\A)[ \t]*(?:\#+|[-*•+]|\(?\d{1,2}[.)](?!\d)|step[ ]\d+[.:)]?)[ \t]+(?!=)"),
    ("space", r"[ \t\u00a0\u202f]+|\\[,;:! ]|\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|boxed|fbox|mathbf|limits)(?![a-zA-Z])"),
    ("space", r"(?:\\\\\s*)?&(?=\s*(?:=|\\approx))|`+|~(?=\s*(?:\\|\d+\}))"),
    ("space",
     rf"(?<![^\s=≈(|,:])(?:\*{{1,3}}|__)(?=[(\d.{_LETTER}$€£])|(?<=[{_LETTER}:.!?])(?:\*\*\*?|__)"
     rf"|(?<=[\d)%])(?:\*\*\*?|__)(?!\s*[\d(])|(?<=[\d)%])\*(?=\s*(?:[.,](?!\d)|[;:!?)|]|\Z|\n))"),
    ("edge", r"\$\$|\\[()\[\]]"),
    ("unknown", r"(?:19|20)\d\d[-/]\d{1,2}[-/]\d{1,2}(?!\d)|(?<!\d)\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)\d\d(?!\d)"
                r"|\d+:\d+(?::\d+)*|\d+\s+:\s*(?=\d)"),
    ("unknown", r"(?<![\d.,])0\d{2,}(?![\d.,])"),
    ("word", rf"\d+(?:st|nd|rd|th)\b|(?<=[\d%])-[{_LETTER}]{{2,}}(?:-[{_LETTER}]+)*"),
    ("mixed", rf"\d+{_SPACE}(?:and{_SPACE})?\d+/\d+(?![\d/]|[.,]\d)|\d+{_SPACE}?[{''.join(VULGAR)}]"),
    ("number",
     rf"{_CURRENCY}?{_SPACE}?{_DIGITS}(?:{_SPACE}?(?:thousand|million|billion|trillion|bn)\b|(?-i:k)\b|(?<=\$\d)K\b)?"
     rf"|[{''.join(VULGAR)}]"),
    ("command", r"\\[dtc]?frac(?![a-zA-Z])|\\[dt]?binom(?![a-zA-Z])|\\sqrt(?![a-zA-Z])(?!\s*\[)|√"),
    ("degree", r"\^\s*\{?\s*\\circ\s*\}?|°(?:\s?[CF]\b)?|º"),
    ("percent", r"\\?%|\b(?:percent|per\s?cent)(?:age\s+points?)?\b"),
    ("text", r"\\(?:text|mbox|mathrm|textrm|textbf)\s*\{[^{}]{0,60}\}(?:\s*\^\s*(?:\d|\{\d\}))?"),
    ("break", r"=+>|[-−–]+>|\n|\\\\|\\(?:begin|end)\s*\{\w*\*?\}"),
    ("relation",
     rf"\bis\s+(?:about|approximately|around|roughly|nearly|almost)\b{_NEXT}"
     rf"|(?:=|\b(?:is|are|was))\s*(?:~|≈|\b(?:about|approximately|roughly)\b)"),
    ("relation", r"==?|~=|[≈≃≅≤≥≠]|(?<![\d)}])!=|<=?(?![-/|A-Za-z!=<])|>=?(?![>=])|\\(?:approx|simeq|neq?|leq?|geq?|lt|gt)(?![a-zA-Z])"),
    ("relation",
     r"\b(?:is|are|was|were)\s+(?:(?:much|far|even|still)\s+)?(?:higher|greater|larger|bigger|more|taller|longer|older|lower"
     r"|less|smaller|fewer|shorter|younger)\s+than\b"),
    ("relation", rf"\b(?:equals|is\s+equal\s+to|gives|makes|is|are|was|were|will\s+be|would\s+be){_NEXT}"),
    ("factor", rf"\b(?:(?:(?:a|one)[ -])?half|(?:a|one|two|three|four)[ -](?:{'|'.join(_PARTS)})s?)\b(?=\s+of{_THOSE}{_CURRENCY}?\d)"
               rf"|\b(?:twice|double|thrice|triple)\b(?={_THOSE}{_CURRENCY}?\d)"),
    ("operator",
     rf"\*\*|//|[-−–‐+*×·∙⋅÷/⁄^]|\\(?:times|cdot|ast|div)(?![a-zA-Z])|(?<![{_LETTER}])x(?=\s{{0,8}}\(?\s?{_CURRENCY}?\s?\.?\d)"
     rf"|\b(?:plus|minus|times|multiplied\s+by|divided\s+by|out\s+of)\b{_NEXT}"),
    ("raised", r"[⁰¹²³⁴⁵⁶⁷⁸⁹]+|\b(?:squared|cubed)\b"),
    ("factorial", r"(?<=[\d)}])!(?=\s*(?:[-+*/=)}×÷]|\\times|\\cdot|\\div|\\\)|\$))"),
    ("open", r"[(\[{]|\\\{"),
    ("close", r"[)\]}]|\\\}"),
    ("of", r"\bof\b"),
    ("unknown", rf"[{_LETTER}]\w*['’′]+(?=\()"),
    ("word",
     rf"(?:sq|ft|lbs?|oz|hrs?|mins?|secs?|yds?|in|cu)\.(?=\s*[a-z+*/=])|[{_LETTER}]{{2,}}\^\{{?[23]\}}?(?!\w)"
     rf"|[{_LETTER}]+(?:['’&.-][{_LETTER}]+)*(?![{_LETTER}0-9_^])(?:['’](?=\s))?|[€£¥₹¢@]|(?<=\d)\$(?!\d)|°"),
    ("unknown", rf"[{_LETTER}]\w*|\\[a-zA-Z]+|[\w^$~\\±]"),
)  # fmt: skip
_TOKEN = re.compile("|".join(f"(?P<{kind}_{i}>{pattern})" for i, (kind, pattern) in enumerate(_PIECES)), re.IGNORECASE | re.DOTALL)
_FORMULA = re.compile(
    r"\\\((?P<a>.{0,2000}?)\\\)|\\\[(?P<b>.{0,2000}?)\\\]|\$\$(?P<c>.{0,2000}?)\$\$|(?<!\\)\$(?P<d>[^$\n]{1,2000}?)(?<!\\)\$", re.DOTALL
)
_SIGNS = frozenset("∠∡△▵□∑∏∫∂∇∞∥⊥∪∩∈∝′″")
"""Signs of mathematics that are not computed."""
_LETTERS_ALONE = re.compile(r"(?:[^A-Za-z]|(?<![A-Za-z])[A-Za-z](?![A-Za-z]))+")


def _formulas(text: str) -> list[tuple[int, int]]:
    """Where formulas stand, without their marks; ``$5 and $6`` is none."""
    found, at = [], 0
    while match := _FORMULA.search(text, at):
        name = str(match.lastgroup)
        inside = match[name]
        if name == "d":
            closed = inside == inside.strip() and inside[-1] not in "+-*/=<>(,"
            if not closed or not (re.search(r"[\\^_{]", inside) or _LETTERS_ALONE.fullmatch(inside)):
                at = match.start() + 1
                continue
        found.append(match.span(name))
        at = match.end()
    return found


def tokens_of(text: str) -> list[Token]:
    """All of ``text`` in tokens; what is only layout is left out."""
    formulas = _formulas(text)
    edges = {edge for start, end in formulas for edge in (start - 1, end) if text[edge : edge + 1] == "$"}
    tokens: list[Token] = []
    at = nth = 0
    while at < len(text):
        while nth < len(formulas) and formulas[nth][1] <= at:
            nth += 1
        formula = nth < len(formulas) and formulas[nth][0] <= at
        if at in edges:
            tokens.append(Token("edge", "$", at, at + 1, formula))
            at += 1
            continue
        match = _TOKEN.match(text, at)
        if match is None:
            tokens.append(Token("unknown" if text[at] in _SIGNS else "break", text[at], at, at + 1, formula))
            at += 1
            continue
        kind = str(match.lastgroup).partition("_")[0]
        tokens += _made(kind, match[0], at, formula, text, tokens)
        at = max(match.end(), tokens[-1].end if tokens else 0)
    return tokens


def _made(kind: str, found: str, at: int, formula: bool, text: str, before: list[Token]) -> list[Token]:
    """The tokens for a piece of ``kind`` that was ``found`` at ``at``."""
    end = at + len(found)
    low = " ".join(found.casefold().split())
    last = before[-1] if before else None
    beside = last is not None and last.end == at
    if kind == "space" and found == "*" and last is not None and last.kind in ("number", "close", "percent") and not beside:
        return [Token("operator", "*", at, end, formula)]  # 4 *15
    if kind == "space":
        return []
    if kind in ("code", "numbering"):
        return [Token("break", "", at, end)]
    if kind == "text":
        inside = at + found.index("{") + 1
        words = re.finditer(r"\S+", text[inside : text.index("}", inside)])
        return [Token("word", word[0], inside + word.start(), inside + word.end(), formula) for word in words]
    if kind == "operator" and formula and low == "x":
        kind = "unknown"
    if kind == "operator":
        return [Token("operator", _OPERATORS.get(low, low), at, end, formula)]
    if kind == "relation":
        return [Token("relation", _relation(low), at, end, formula)]
    if kind == "factor":
        return [Token("factor", str(_factor(low)), at, end, formula)]
    if kind == "raised" and beside and last is not None and last.kind in ("word", "letter"):
        return []  # of a unit: cm³
    if kind == "raised":
        power = {"squared": "2", "cubed": "3"}.get(low) or found.translate(_SUPERSCRIPTS)
        return [Token("raised", power, at, end, formula)]
    if kind == "command":
        made = [Token("command", low.lstrip("\\")[-4:] if low != "√" else "sqrt", at, end, formula)]
        digits = re.compile(r"\s*(\d)\s*(\d)?" if made[0].text == "frac" else r"\s*(\d+)").match(text, end)
        return made if digits is None else [*made, *(_braced(text, digits, formula))]
    if kind == "of":
        shares = last is not None and (last.kind in ("percent", "mixed", "factor") or last.text == "}" or _is_fraction(before))
        return [Token("of" if shares and _OF_NUMBER.match(text, end) else "word", low, at, end, formula)]
    if kind == "word":
        product = beside and last is not None and last.kind == "number" and len(found) in (2, 3) and not unit_of(found)
        if formula or product or (text[end : end + 1] == "(" and found.isalpha()):  # 2lw, f(3)
            kind = "unknown"
        elif len(found) == 1 and found.isalpha() and (beside or found not in "aAI"):
            kind = "letter" if last is not None and (last.kind == "number" or last.text == "/") else "unknown"
    if kind == "number":
        if formula and found[-1] in "kK":  # an unknown
            return [Token("number", found[:-1].strip(), at, end - 1, formula), Token("unknown", found[-1], end - 1, end, formula)]
        unit = "$" if re.search("[$€£]", found) else "¢" if "¢" in found else ""
        return [Token("number", found.strip(), at + len(found) - len(found.lstrip()), end, formula, unit)]
    if kind == "unknown" and found == "_" and not beside:
        return [Token("break", found, at, end, formula)]
    return [Token(kind, low if kind in ("open", "close") else found, at, end, formula)]


_OF_NUMBER = re.compile(rf"{_THOSE}{_CURRENCY}?\s?(?:\d|\\[dt]?frac)")


def _relation(low: str) -> str:
    """One form for each relation; of words, ``is`` with what it says, since they state less surely than a sign."""
    if low.endswith("than"):
        return "is >" if re.search(r"higher|greater|larger|bigger|more|taller|longer|older", low) else "is <"
    if re.search(r"about|approximately|around|roughly|nearly|almost|~|≈", low):
        return "≈"
    return "is" if low.split()[0] in ("is", "are", "was", "were", "gives", "makes", "will", "would") else _RELATIONS.get(low, low)


def _factor(low: str) -> Fraction:
    first, _, part = low.replace("-", " ").rpartition(" ")
    times = _TIMES.get(first, 1)
    return Fraction(_TIMES[part]) if part in _TIMES else Fraction(times, _PARTS[part if part in _PARTS else part.removesuffix("s")])


def _is_fraction(before: Sequence[Token]) -> bool:
    """Whether what comes last is a number below a stroke: ``3/4 of``."""
    return len(before) >= 3 and [t.kind for t in before[-3:]] == ["number", "operator", "number"] and before[-2].text == "/"


def _braced(text: str, digits: re.Match[str], formula: bool) -> Iterator[Token]:
    r"""The single digits behind ``\frac`` or ``\sqrt`` as if they stood in braces."""
    for group in digits.groups():
        if group is not None:
            start = digits.start() + digits[0].index(group) if group is digits.groups()[0] else digits.end() - 1
            yield Token("open", "{", start, start, formula)
            yield Token("number", group, start, start + len(group), formula)
            yield Token("close", "}", start + len(group), start + len(group), formula)


def strokes_in_a_row(tokens: Sequence[Token]) -> int:
    """The most strokes of division that no bracket parts: of ``10 / (1/4)`` one, of ``a / b / c`` two."""
    counts, most = [0], 0
    for token in tokens:
        if token.text in "([{":
            counts.append(0)
        elif token.text in ")]}" and len(counts) > 1:
            counts.pop()
        counts[-1] += token.text == "/"
        most = max(most, counts[-1])
    return most

"""The final answer in a model's text, its normal form, and whether two answers are the same.

Comparison is strict: words by their normal form, numbers by value, formulas through math-verify. There is no
tolerance here; scoring that allows one says so in its own name (:func:`within`).

>>> extract("39 + 31 = 70, so the total is 70.\\nThe answer is 70.")
'70'
>>> equivalent("1,200", "$1200"), equivalent("0.5", r"\\\\frac{1}{2}"), equivalent("2012", "2015")
(True, True, False)
"""

from __future__ import annotations

import re
from fractions import Fraction

from vision.answers.formulas import same_formula

MAX_ANSWER_CHARS = 2000
"""Characters of an answer that are compared; longer ones are equal only when their texts are."""

_BOXED = re.compile(r"\\(?:boxed|fbox)(?:\s*\{|\s+(?=\w)|(?=\d))")
"""A box; without braces it holds one sign, as in ``\\\\boxed 2``."""
_ANNOUNCED = re.compile(
    r"(?:the\s+)?(?:final\s+)?(?:answers?|(?:correct|right)\s+(?:option|choice))\s*(?:(?:is|are|:|=)\s*:?|(?=\$|\\[(\[]))\s*(.+)",
    re.IGNORECASE,
)
_BLOCK = re.compile(r"\$\$.{1,2000}?\$\$|\\\[.{1,2000}?\\\]", re.DOTALL)
"""Mathematics that may go over several lines."""
_SHORT = "".join(rf"(?<!\b{word})" for word in ("Dr", "Mr", "Mrs", "Ms", "St", "Mt", "Prof", "Jr", "Co", "Inc"))
_INITIAL = r"(?<!\.[A-Z])(?<!\. [A-Z])(?!\.\s+[A-Z]\.\s*[A-Z])"
_PART = r"(?:[-−]?[$€£]?\d[\d.,]*%?|[A-Z]\w*(?: [A-Z]\w*){0,3})"
_ENDS = re.compile(rf"{_SHORT}{_INITIAL}\.\s+(?=[A-Z])|,?\s+(?:because|since)\b|;\s(?!\s*{_PART}\s*(?:;|\.?\s*$))")
"""Where an announced answer ends and more is said; not behind ``Dr.`` and initials, nor between the parts of a list."""
_NO_ANSWER = re.compile(r"(?:correct|right|wrong|consistent|based|as follows|not |given by)\b", re.IGNORECASE)
_SENTENCE = re.compile(r".*(?:\bis|['’]s|\bequals)\s+(\S.*)")
_HASHES = re.compile(r"####\s*(.+)")
_LETTERED = re.compile(r"\n\s*A:\s*([-−]?[$€£]?\d[\d.,]*)\s*\Z")
"""GSM8K's model solutions end so."""
_COURTESY = re.compile(
    r"\s*(?:(?:I hope (?:this|that|it) helps|(?:please )?let me know if|is there anything else|feel free to)\b|$)", re.IGNORECASE
)
_NUMBER = re.compile(r"[-−+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{1,3})?")
_SPACED = re.compile(r"[-−+]?\d{1,3}(?:[ \u00a0\u2009\u202f]\d{3})+(?:[.,]\d+)?")
_DOTTED = re.compile(r"[-−+]?\d{1,3}(?:\.\d{3})+,\d+")
_COMMA = re.compile(r"[-−+]?(?:0,\d+|\d+,(?:\d{1,2}|\d{4,}))")
"""Numbers as other languages write them: ``1 200``, ``1.200,5``, ``3,5``; ``1,200`` is a thousand and more, whoever writes it."""
_CHOICE = re.compile(r"^\(?([A-Za-z])[).:]?$")
_UNIT = re.compile(
    r"\s*(?:%|percent|per\s+cent|°C?|degrees?|dollars?|euros?|kg|g|km|cm|mm|m|in|inches|hours?|units?|points?|tons?"
    r"|(?:cm|mm|km|m|in)(?:\^?2|²))$",
    re.IGNORECASE,
)


def extract(text: str) -> str:
    """The answer in the final text of a model (without its thought), or "" where there is none.

    The last ``\\\\boxed{…}`` wins, then the last ``The answer is …``, then ``#### …`` and a last line ``A: 7``; a text of one line that
    announces nothing is the answer itself, and of a longer one the last line.
    """
    text = _BLOCK.sub(lambda block: " ".join(block[0].split()), text.strip())
    boxed = _last_boxed(text)
    if boxed is not None:
        return boxed.strip()
    lines = text.splitlines()
    while len(lines) > 1 and _COURTESY.match(lines[-1]):
        lines.pop()
    text = "\n".join(lines)
    for pattern in (_ANNOUNCED, _HASHES, _LETTERED):
        found = [each for each in pattern.findall(text) if not _NO_ANSWER.match(each)]
        if found:
            last = found[-1]
            nested = _ANNOUNCED.match(last)  # "Final Answer: The answer is 7."
            return _told(_clean(_ENDS.split(nested[1] if nested else last, maxsplit=1)[0]))
    return _told(_clean(lines[-1])) if text else ""


def _told(answer: str) -> str:
    """The number or formula that a sentence ends with: ``The largest $n$ is 34``; else the ``answer`` as it is."""
    sentence = _SENTENCE.fullmatch(answer)
    if sentence is None:
        return answer
    end = sentence[1].strip()
    return _clean(end) if number_of(end) is not None or (end.startswith("$") and end.endswith("$") and end.count("$") == 2) else answer


def _last_boxed(text: str) -> str | None:
    *_, last = [None, *_BOXED.finditer(text)]
    if last is None:
        return None
    start = last.end()
    if not last[0].endswith("{"):
        return text[start]
    depth = 1
    for at in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return text[start:at]
    return text[start:]


def _clean(answer: str) -> str:
    for _ in range(2):  # "**Blue**." and "**Blue.**" alike
        answer = answer.strip().strip("*_`").strip()
        if answer.endswith(".") and not answer.endswith(".."):
            answer = answer[:-1]
    for left, right in (("**", "**"), ("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ('"', '"'), ("“", "”")):
        if answer.startswith(left) and answer.endswith(right) and len(answer) > len(left) + len(right):
            answer = answer[len(left) : -len(right)]
    return answer.strip()


def number_of(answer: str) -> Fraction | None:
    """The value of an answer that is one number, its currency, separators and unit left aside; else None.

    >>> number_of("$1,200"), number_of("25%"), number_of("3,5 €"), number_of("about 7")
    (Fraction(1200, 1), Fraction(25, 1), Fraction(7, 2), None)
    """
    text = _clean(_unescaped(answer))
    if len(text) > 64:
        return None
    text = re.sub(r"^([-−+]?)\s*(?:US)?[$€£¥]\s*|\s*(?:[$€£¥]|USD|EUR|GBP)$", r"\1", text)
    text = _UNIT.sub("", text).strip()
    if _SPACED.fullmatch(text):
        text = re.sub(r"\s", "", text).replace(",", ".")
    elif _DOTTED.fullmatch(text):
        text = text.replace(".", "").replace(",", ".")
    elif _COMMA.fullmatch(text):
        text = text.replace(",", ".")
    if not text or not any(letter.isdigit() for letter in text) or not _NUMBER.fullmatch(text):
        return None
    return Fraction(text.replace(",", "").replace("−", "-"))


def _unescaped(text: str) -> str:
    """``text`` without what LaTeX writes around currencies, percent signs and separators: ``\\$70{,}000`` becomes ``$70,000``."""
    text = re.sub(r"\\([$%€£])", r"\1", text).replace("{,}", ",")
    return re.sub(r"\\[,!;: ]", "", text)


def normalize(answer: str) -> str:
    """The form in which answers in words are compared and clustered.

    >>> normalize(" **Blue**. "), normalize("(b)"), normalize("70.0")
    ('blue', 'b', '70')
    """
    number = number_of(answer)
    if number is not None:
        return str(number)
    text = _clean(answer)
    choice = _CHOICE.match(text)
    if choice:
        return choice.group(1).lower()
    text = re.sub(r"^(?:the|a|an)\s+", "", text, flags=re.IGNORECASE)
    return " ".join(text.casefold().split()).strip(" .,:;!\"'")


def equivalent(gold: str, answer: str) -> bool:
    """Whether ``answer`` says the same as ``gold``: never by tolerance, safe in any thread.

    Words are equal by normal form, numbers by value; only what looks like a formula goes through math-verify
    (:mod:`vision.answers.formulas`), and one that takes too long counts as different.
    """
    if not answer.strip():
        return False
    if normalize(gold) == normalize(answer) or "".join(gold.split()) == "".join(answer.split()):
        return True
    if max(len(gold), len(answer)) > MAX_ANSWER_CHARS:
        return False
    a, b = number_of(gold), number_of(answer)
    if a is not None and b is not None:
        return a == b
    formula = any(mark in side for side in (gold, answer) for mark in "\\/^=(){}+*")
    digits = any(letter.isdigit() for letter in gold) and any(letter.isdigit() for letter in answer)
    return (formula and digits or "\\" in gold + answer) and same_formula(gold, answer)


def within(gold: str, answer: str, tolerance: float) -> bool:
    """ChartQA's relaxed rule: numbers may be off by ``tolerance`` (0.05 is 5 %) of the gold, words must be equal."""
    a, b = number_of(gold), number_of(answer)
    if a is None or b is None:
        return equivalent(gold, answer)
    return abs(a - b) <= abs(a) * Fraction(str(tolerance))

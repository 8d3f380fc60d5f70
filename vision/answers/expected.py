"""What an answer would have to be, from the values that were read: a second, plain solver for the questions that people ask of charts.

>>> expected("Which is the second highest?", {"Ada": Fraction(5), "Eva": Fraction(9), "Ida": Fraction(7)})
('Ida', '7')
>>> expected("Why is Ada so low?", {"Ada": Fraction(5)})
()

It knows lookups, sums, differences, ratios, averages, extremes, ranks, ranges and counts, and keeps silent about everything else.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from vision.answers.answers import number_of
from vision.thoughts.claims import find_claims
from vision.thoughts.expressions import written

_HIGH = r"highest|largest|biggest|greatest|maximum|most|tallest|longest|oldest|top|best"
_LOW = r"lowest|smallest|minimum|least|fewest|shortest|youngest|bottom|last|worst"
_MORE = r"higher|larger|bigger|greater|more|taller|above|over|exceeds?"
_LESS = r"lower|smaller|less|fewer|shorter|below|under"
_ORDINALS = {"second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "fifth": 5, "5th": 5}
_SUM = r"sum|plus|together|combined|combine|altogether|in total|total|add|added|sum up"
_MEAN = r"average|mean"
_DIFFERENCE = r"difference|minus|gap|exceeds?|exceed|distance|apart|differ|subtract|behind|ahead"
_RANGE = r"range|spread|apart|difference|minus|than"
_RATIO = r"ratio|how many times|divided by|quotient|times as"
_REFUSED = (
    r"^\W*(?:is|are|was|were|does|did|if|do(?! you know))\b|\bwhy\b|\bwhen\b(?! you\b)|\bhow often\b|\bin how many cases\b|\bfor how many\b"
    r"|\b(?:what|how many|in|by) percent|%|\bpercent(?:age)? (?:of|more|less|is|change)|\bgrow|\bincreas|\bdecreas|\bchange|\brise|\bjump"
    r"|\bif\b(?! you add)|\bnot\b|\bother\b|\bbesides\b|\bwithout\b|\bexcept|\bcolou?r|\b(?:left|right) of\b|\bfar (?:left|right)\b"
    r"|\bshare of\b|\bfraction\b|\bangle|\brank of\b|\baxis\b|\btitle\b|\blabel|\bmedian\b|\bclosest\b|\bnearest\b|\btop (?:two|three|\d)"
    r"|\b(?:first|last|two|three) (?:two|three|quarters|months|years)\b|\bpays?\b|\bearns?\b|\beach\b|\bdouble|\btwo _|\bthree _|\breach\b"
)
"""Questions that a plain solver does not understand."""
_AFTER = r"\bafter\b|\bfollow\w* (?:_|by)|\bfollows\b|\bnext\b|_ (?:lead|go|point)s?\b|\bgo(?:es)? from _"
_BEFORE = r"\bbefore\b|\bprecedes?\b|\bprevious\b|\bahead of\b|\bleads? to _|\bfrom where\b.*\bto _|\bget to _"
_LOOKUP = r"what|how (?:much|many|high|large|about)|which (?:number|value)|value|number|figure|tell me|give me|find|read"
"""Words that ask for a value, where only one name is asked about."""


def expected(question: str, readings: Mapping[str, Fraction]) -> tuple[str, ...]:
    """The answers that ``question`` may have, given what was read (name -> value); none where it isn't understood.

    A value and its name are both given where the question may ask for either.
    """
    if len(readings) < 2 or re.search(_REFUSED, question, re.IGNORECASE):
        return ()
    asked = [name for name in readings if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", question, re.IGNORECASE)]
    words = question
    for name in sorted(asked, key=len, reverse=True):
        words = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "_", words, flags=re.IGNORECASE)

    def says(pattern: str) -> bool:
        return bool(re.search(rf"\b(?:{pattern})\b", words, re.IGNORECASE))

    numbers = re.findall(r"\d+", re.sub(r"\bnumber \d\b", "", words))
    limit = re.search(rf"\b(?:{_MORE}|{_LESS})(?: than)? [$€£]?\d", words, re.IGNORECASE)
    if len(numbers) > (limit is not None) or (asked and numbers):
        return ()  # something else is computed with
    if len(asked) == 2:
        return _of_two(asked[0], asked[1], readings, says, words)
    if len(asked) == 1:
        operates = says(rf"{_SUM}|{_MEAN}|{_DIFFERENCE}|{_RATIO}|{_HIGH}|{_LOW}|{_MORE}|{_LESS}")
        stands = says("where does _ stand|where _ stands")
        elsewhere = says("where|who|place|bar|rank|share") or says(r"which (?!number|value)\w+")
        return (written(readings[asked[0]]),) if (stands or says(_LOOKUP) and not elsewhere) and not operates else ()
    return _of_all(readings, says, words) if not asked else ()


def _of_two(a: str, b: str, readings: Mapping[str, Fraction], says: Callable[[str], bool], words: str) -> tuple[str, ...]:
    one, other = readings[a], readings[b]
    kinds = [kind for kind, pattern in (("sum", _SUM), ("mean", _MEAN), ("difference", _DIFFERENCE), ("ratio", _RATIO)) if says(pattern)]
    if re.search(r"\bhow (?:much|many|far)\b", words, re.IGNORECASE) and says(f"{_MORE}|{_LESS}|{_DIFFERENCE}") and not says(_RATIO):
        kinds = ["difference"]
    if kinds == ["sum"]:
        return (written(one + other),)
    if kinds == ["mean"]:
        return (written((one + other) / 2),)
    if kinds == ["difference"]:
        return (written(abs(one - other)),)
    if kinds == ["ratio"]:
        return tuple(written(x / y) for x, y in ((one, other), (other, one)) if y)
    if (
        not kinds
        and says(_MORE) != says(_LESS)
        and one != other
        and re.search(r"\bor\b|\bof\b|\bbetween\b|\bcompare", words, re.IGNORECASE)
    ):
        return ((a if one > other else b) if says(_MORE) else (a if one < other else b),)
    return ()


def _of_all(readings: Mapping[str, Fraction], says: Callable[[str], bool], words: str) -> tuple[str, ...]:
    values = sorted(readings.values(), reverse=True)
    high, low = says(_HIGH), says(_LOW)
    line = re.search(rf"\b(?:{_MORE}|{_LESS})(?: than)? [$€£]?(\d[\d,]*(?:\.\d+)?)", words, re.IGNORECASE)
    if line is not None and re.search(r"\bhow (?:many|often)\b|\bcount|\bnumber of\b", words, re.IGNORECASE):
        limit = Fraction(line[1].replace(",", "").rstrip("."))
        return (str(sum(value > limit if says(_MORE) else value < limit for value in values)),) if says(_MORE) != says(_LESS) else ()
    if (high and low and says(_RANGE)) or (says(r"range|spread") and not high and not low):
        return (written(values[0] - values[-1]),)
    if high != low:
        nth = next((place for word, place in _ORDINALS.items() if says(word)), None)
        numbered = re.search(r"\bnumber (\d)\b", words, re.IGNORECASE)
        place = nth or (int(numbered[1]) if numbered else 1)
        if place > len(values) or says(rf"{_SUM}|{_MEAN}|{_DIFFERENCE}|{_RATIO}"):
            return ()
        value = values[place - 1] if high else values[-place]
        return (*(name for name, each in readings.items() if each == value), written(value))
    if says(_MEAN) and not high:
        return (written(sum(values, Fraction(0)) / len(values)),)
    if says(rf"{_SUM}|everything|all") and says(_SUM):
        return (written(sum(values, Fraction(0))),)
    return ()


def expected_of_order(question: str, order: Sequence[str]) -> tuple[str, ...]:
    """The answer that ``question`` may have, given the boxes of a diagram in their ``order``; none where it isn't understood.

    >>> expected_of_order("What comes right after Bake?", ["Mix", "Bake", "Cool"])
    ('Cool',)
    """
    asked = [name for name in order if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", question, re.IGNORECASE)]
    words = question
    for name in sorted(asked, key=len, reverse=True):
        words = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "_", words, flags=re.IGNORECASE)
    if len(set(order)) < max(2, len(order)) or re.search(r"\bhow many\b|\bnumber of\b|\bcount\b", words, re.IGNORECASE):
        return ()
    if len(asked) == 1:
        at = order.index(asked[0])
        two = bool(re.search(r"\btwo\b|\bsecond\b", words, re.IGNORECASE))
        after, before = (bool(re.search(pattern, words, re.IGNORECASE)) for pattern in (_AFTER, _BEFORE))
        place = at + (2 if two else 1) * (1 if after else -1)
        return (order[place],) if after != before and 0 <= place < len(order) else ()
    if not asked:
        first = bool(re.search(r"\bfirst\b|\bstarts?\b|\bbegins?\b|\bbeginning\b", words, re.IGNORECASE))
        last = bool(re.search(r"\blast\b|\bends?\b|\bfinal\b|\bfinish\b", words, re.IGNORECASE))
        return (order[0] if first else order[-1],) if first != last else ()
    return ()


LONGEST_SUM = 200
"""Characters of a question that may be nothing but a calculation."""
_SUM_ASKED = re.compile(
    r"^\W*(?:what(?:['’]s| is)|how much is|calculate|compute|evaluate)?\s*(?P<sum>(?:[^A-Za-z=?]|\bof\b)+?)[=?.!\s]*$", re.IGNORECASE
)


def worked_out(question: str, answer: str) -> str:
    """What a question comes to that is nothing but a calculation, where the ``answer`` is another number; "" for anything else.

    >>> worked_out("What is 3 + 4?", "6"), worked_out("What is 3 + 4?", "7"), worked_out("What is the sum?", "7")
    ('3 + 4 is 7, not 6', '', '')
    """
    match = _SUM_ASKED.match(question) if len(question) <= LONGEST_SUM else None
    if match is None or number_of(answer) is None:
        return ""
    whole = f"{match['sum']} = {answer}"
    wrong = [claim for claim in find_claims(whole) if claim.verdict == "false" and claim.text == whole and claim.correct_value]
    return f"{match['sum']} is {wrong[0].correct_value}, not {answer}" if wrong else ""

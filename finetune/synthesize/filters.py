"""What a teacher's problem must not be: five filters that look at one problem each (:mod:`finetune.synthesize.alike` has the other three).

Each is a pure function that says why a problem falls, "" for one that stays. They are cautious where a rule could hit a good problem: a
dropped one costs a fraction of a cent, and a rule that drops one good problem in fifty bends what is learned.

>>> good = Problem(id="1", question="Ann has 6 bags of 7 pears. How many pears has she?", solution="6 * 7 = 42 pears.", answer="42")
>>> [drop(good) for drop in FILTERS.values()]
['', '', '', '', '']
>>> from dataclasses import replace
>>> mathematics(replace(good, solution="6 * 7 = 43 pears.", answer="43"))
'6 * 7 = 43 is false'
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from finetune.checking import arrives, as_writing, check, said_again
from finetune.samples import NOTES
from finetune.sieve import is_english
from finetune.synthesize.giveaways import giveaway
from finetune.synthesize.problems import Problem
from vision.answers.answers import equivalent, number_of
from vision.thoughts.claims import find_claims
from vision.thoughts.marks import Claim
from vision.thoughts.reasoning import TAGS
from vision.thoughts.steps import steps_of

QUESTION_CHARS = (20, 2_000)
"""Least and most of a question."""
LARGEST = 1_000_000_000
"""Answers beyond this belong to no word problem."""
PLACES = 4
"""Decimal places that an answer may have."""
SOLUTION_WORDS = (2, 500)
MOST_STEPS = 30
REPEATED = 0.4
"""Share of lines, or of runs of eight words, that may come a second time."""

_ASKS = re.compile(
    r"\?|\b(?:find|calculate|determine|compute|what|how|solve|evaluate|express|simplify|work out|give|name|tell|list|write|show|prove)\b",
    re.IGNORECASE,
)
_CUT_OFF = re.compile(r"(?:[=+*/×÷:(]|\b(?:the|a|an|of|and|is|so|then|to|by|for|with|that)|\s[-–])\s*$", re.IGNORECASE)


def structure(problem: Problem) -> str:
    """Whole, in its parts, in English, and asking something."""
    if problem.broken:
        return "it could not be read as a problem"
    for part in ("question", "solution", "answer"):
        if not getattr(problem, part):
            return f"no {part}"
    least, most = QUESTION_CHARS
    if not least <= len(problem.question) <= most:
        return f"a question of {len(problem.question)} characters"
    if not _ASKS.search(problem.question):
        return "it asks nothing"
    whole = "\n".join((problem.question, problem.solution, problem.answer))
    if any(tag in whole.lower() for tag in TAGS) or "####" in whole:
        return "tags or marks of a format"
    if problem.solution.count("<<") != len(NOTES.findall(problem.solution)) or whole.count("```") % 2:
        return "a note or a block that does not end"
    if _CUT_OFF.search(problem.solution) or _CUT_OFF.search(problem.question):
        return "it breaks off"
    if any(ord(letter) < 32 and letter not in "\n\t\r" or letter == "\ufffd" for letter in whole):
        return "letters that are none"
    return "" if is_english(problem.question) and is_english(whole) else "not in English"


def answer_range(problem: Problem) -> str:
    """One number of a size and an exactness that such problems have; of a chart, a number or a name of it."""
    value = number_of(problem.answer)
    if value is None:
        names = {cell.casefold() for row in problem.table for cell in row}
        parts = [part.strip().casefold() for part in re.split(r",| and ", problem.answer)]
        named = problem.answer.casefold() in names or (bool(names) and all(part in names for part in parts))
        return "" if named or problem.answer.casefold() in ("yes", "no") and problem.table else "the answer is no number"
    if abs(value) > LARGEST:
        return f"an answer beyond {LARGEST:,}"
    if value < 0 and re.search(r"\bhow (?:many|much|long|far|old|tall)\b", problem.question, re.IGNORECASE):
        return "an amount below 0"
    if value.denominator != 1 and "/" not in problem.answer and (value * 10**PLACES).denominator != 1:
        return f"an answer of more than {PLACES} decimal places"
    return ""


def solution_quality(problem: Problem) -> str:
    """Work that is shown: some words, some steps, a calculation or a reading, and nothing said over and over."""
    text = problem.thought
    words = text.split()
    least, most = SOLUTION_WORDS
    if len(words) < least:
        return f"a solution of {len(words)} words"
    if len(words) > most:
        return f"a solution of more than {most} words"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > MOST_STEPS:
        return f"more than {MOST_STEPS} steps"
    if len(re.findall(r"\d", text)) < 2:
        return "no calculation"
    if (again := said_again(text)) > REPEATED:
        return f"{100 * again:.0f} % of it is said twice"
    if _alike(problem.question) == _alike(text):
        return "the question instead of a solution"
    return ""


def _alike(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def giveaways(problem: Problem) -> str:
    """Machine text: what a chat says around a problem, a refusal, a placeholder, a solution that finds itself wrong."""
    return giveaway(problem.question, question=True) or giveaway(problem.solution) or giveaway(problem.answer)


def mathematics(problem: Problem) -> str:
    """Every claim holds, notes too; the last step arrives at the answer; of a chart, every value is the chart's, and the answer its own."""
    if problem.gold and not (equivalent(problem.gold, problem.answer) or number_of(problem.gold) is not None and _close(problem)):
        return f"the answer is {problem.answer}, and the chart's is {problem.gold}"
    for note in NOTES.findall(problem.solution):
        for claim in find_claims(note[2:-2]):
            if claim.verdict == "false":
                return f"{claim.text} is false"
    thought = problem.thought
    if problem.table:
        checked = check(problem.question, thought, problem.answer, [as_writing(problem.table)], whole=True)
        return f"{checked.fault}: {checked.why}" if checked.level == "broken" else ""
    steps = steps_of(thought, problem.question)
    claims = [claim for step in steps for claim in step.claims]
    solved = solved_equations(thought)
    for claim in (*claims, *solved):
        if claim.verdict == "false":
            return f"{claim.text} is false"
    if not any(claim.verdict == "true" for claim in (*claims, *solved)):
        return "nothing in it can be verified"
    if not arrives(steps, problem.answer):
        return f"no step arrives at {problem.answer}"
    return ""


_SOLVED = re.compile(
    r"(?:^|[^\w\s.)*/×÷+–−-]|(?<=[A-Za-z]{2}))\s*(?<!\w)(?P<name>[A-Za-z])\s*=\s*(?:[^=\n]{1,40}=\s*)?"
    r"\$?(?P<value>\d[\d,]*(?:\.\d+)?)(?![\w.,]*\s*[-+*/=×÷(%:/])",
    re.MULTILINE,
)
"""An unknown alone on its side, and the number that it was found to be."""


def solved_equations(thought: str) -> list[Claim]:
    """The equations in the unknown that a ``thought`` solved, with what it found put in.

    Nothing where there is more than one unknown, or one that was found twice.

    >>> [(claim.text, claim.verdict) for claim in solved_equations("We have x + 3x = 20. So 4x = 20 and x = 5.")]
    [('(5) + 3*(5) = 20', 'true'), ('4*(5) = 20', 'true')]
    """
    found = {(match["name"].casefold(), match["value"].replace(",", "")) for match in _SOLVED.finditer(thought)}
    if len(found) != 1:
        return []
    [(name, value)] = found
    claims: list[Claim] = []
    for line in re.split(r"\n|(?<=[a-z0-9)])[.;,](?:\s|$)|\b(?:and|so|or|then|thus|becomes?|gives?|get)\b", thought, flags=re.IGNORECASE):
        line = re.sub(r"^[^:=]*:", "", line)
        in_it = re.sub(
            rf"(?<![A-Za-z])(\d*\.?\d*)\s?\*?\s?{name}(?![A-Za-z])", lambda match: _product(match[1], value), line, flags=re.IGNORECASE
        )
        if in_it != line and not re.search(r"(?<![A-Za-z])[B-HJ-Zb-z](?![A-Za-z'’])", in_it) and line.count("=") == 1:
            claims += [claim for claim in find_claims(in_it) if value in claim.text and not claim.text.startswith(f"({value}) =")]
    return claims


def _product(factor: str, value: str) -> str:
    return f"{factor}*({value})" if factor else f"({value})"


def _close(problem: Problem) -> bool:
    """Whether two numbers are the same, one of them rounded to what a person writes."""
    gold, answer = (number_of(text) or Fraction(0) for text in (problem.gold, problem.answer))
    return abs(gold - answer) * 200 <= abs(gold)


Filter = Callable[[Problem], str]
FILTERS: dict[str, Filter] = {
    "structure": structure,
    "answer range": answer_range,
    "solution quality": solution_quality,
    "giveaways": giveaways,
    "mathematics": mathematics,
}
"""In the order in which they are asked."""


def first_fault(problem: Problem) -> tuple[str, str]:
    """The first filter that a problem falls by and why; two empty texts where it stays."""
    for name, drop in FILTERS.items():
        if reason := drop(problem):
            return name, reason
    return "", ""

"""What a completion earns in reinforcement learning: the answer, and the work that it was earned by.

Each reward is a pure function as TRL calls it: ``reward(completions, **columns) -> list[float | None]``, a value for each completion,
None where it says nothing of a row. The columns are those of :mod:`finetune.grpo`'s rows:

    question, gold   as asked, and the right answer ("" where none is known)
    tolerance        share by which a number may be off: 0, or 0.05 where it is read off an axis
    writing          the text of the row's pictures with what is drawn there, as JSON; "[]" without pictures
    opening          the tag with which the prompt already opens the thought, "" for none

Outcome: :func:`exact_answer`, :func:`numeric_answer`. Form: :func:`thought_form`, :func:`broken_tags`, :func:`length`, :func:`hedging`.
Process: :func:`checked_arithmetic`, :func:`traced_numbers`, :func:`follows_steps`, which pay for a well-formed thought only, and
:func:`earned_answer`, the exact answer where the work for it is shown. Rewards are added up with the weights of a recipe.

>>> rows = {"question": ["What is 3 + 4 + 5?"], "gold": ["12"]}
>>> text = "<think>3 + 4 = 7. 7 + 5 = 12.</think>The answer is 12."
>>> earned_answer([text], **rows), checked_arithmetic([text], **rows)
([1.0], [0.75])
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache
from typing import Any

from pydantic import TypeAdapter

from finetune.benchmarks.graders import same
from finetune.checking import said_again
from vision.answers.answers import extract, number_of, within
from vision.answers.trust import follows
from vision.pictures.writing import Writing
from vision.thoughts.reasoning import ANSWER_PAIRS, PAIRS, TAGS, split
from vision.thoughts.sources import GIVEN
from vision.thoughts.steps import Step, steps_of

LEAST_WORDS = 4
"""A thought of fewer shows no work."""
MOST_WORDS = 400
"""From here on a thought is too long."""
REPEATED = 0.3
"""Share of lines, or of runs of eight words, that may come a second time."""

Completion = str | Sequence[dict[str, Any]]
Reward = Callable[..., list[float | None]]

_WRITING: TypeAdapter[tuple[Writing, ...]] = TypeAdapter(tuple[Writing, ...])


def as_column(writing: Sequence[Writing]) -> str:
    """``writing`` as a row of a data set holds it."""
    return _WRITING.dump_json(tuple(writing)).decode()


def from_column(written: str) -> tuple[Writing, ...]:
    """What :func:`as_column` has written."""
    return _WRITING.validate_json(written)


@dataclass(frozen=True)
class Attempt:
    """A completion taken apart."""

    text: str
    question: str
    writing: str

    @cached_property
    def parts(self) -> tuple[str, str, bool]:
        """Thought, answer text, and whether the thought never closed."""
        parsed = split(self.text)
        return parsed.thought, parsed.answer, parsed.truncated

    @property
    def thought(self) -> str:
        return self.parts[0]

    @cached_property
    def answer(self) -> str:
        """The final answer, "" where there is none."""
        return "" if self.parts[2] else extract(self.parts[1])

    @cached_property
    def pictures(self) -> tuple[Writing, ...]:
        return from_column(self.writing)

    @cached_property
    def steps(self) -> list[Step]:
        return steps_of(self.thought, self.question, self.pictures)

    @cached_property
    def faults(self) -> list[str]:
        """What is wrong with its tags."""
        small = self.text.lower()
        found = [tag for tag in re.findall("|".join(map(re.escape, sorted(TAGS, key=len, reverse=True))), small)]
        thoughts = [tag for tag in found if any(tag in pair for pair in PAIRS)]
        answers = [tag for tag in found if any(tag in pair for pair in ANSWER_PAIRS)]
        whole = len(thoughts) == 2 and tuple(thoughts) in PAIRS and tuple(answers) in {(), *ANSWER_PAIRS}
        faults = [] if whole else ["there is not one thought in one pair of tags"]
        if whole and small[: small.index(thoughts[0])].strip():
            faults.append("words stand before the thought")
        if not self.thought.strip():
            faults.append("the thought is empty")
        if not self.answer:
            faults.append("there is no answer")
        return faults

    @cached_property
    def shows_work(self) -> bool:
        """Whether it is well formed and its thought says something."""
        return not self.faults and len(self.thought.split()) >= LEAST_WORDS


@lru_cache(4096)
def _attempt(text: str, question: str, writing: str) -> Attempt:
    return Attempt(text, question, writing)


def attempts(completions: Sequence[Completion], columns: dict[str, Any]) -> list[Attempt]:
    """The completions of a batch, each taken apart once for all rewards."""
    texts = [each if isinstance(each, str) else "".join(str(message["content"]) for message in each) for each in completions]
    openings = columns.get("opening") or [""] * len(texts)
    writing = columns.get("writing") or ["[]"] * len(texts)
    rows = zip(texts, openings, columns["question"], writing, strict=True)
    return [_attempt(opening + text, question, written) for text, opening, question, written in rows]


def exact_answer(completions: Sequence[Completion], gold: Sequence[str], **columns: Any) -> list[float | None]:
    """1 where the answer is right (:func:`finetune.benchmarks.graders.same`, words too), else 0; None without a gold answer.

    The published recipes' main reward: TRL's own reads LaTeX only.
    """
    tolerances = columns.get("tolerance") or [0.0] * len(completions)
    return [
        None if not right else float(_is_right(attempt, right, tolerance))
        for attempt, right, tolerance in zip(attempts(completions, columns), gold, tolerances, strict=True)
    ]


def _is_right(attempt: Attempt, gold: str, tolerance: float) -> bool:
    return bool(attempt.answer) and (
        same(gold, attempt.answer, attempt.question) or (tolerance > 0 and within(gold, attempt.answer, tolerance))
    )


def earned_answer(completions: Sequence[Completion], gold: Sequence[str], **columns: Any) -> list[float | None]:
    """:func:`exact_answer` where a well-formed thought leads to the answer, and only one is given: a guess earns nothing."""
    outcome = exact_answer(completions, gold, **columns)
    shown = [attempt.shows_work and not _hedges(attempt) and _follows(attempt) for attempt in attempts(completions, columns)]
    return [None if value is None else value * earned for value, earned in zip(outcome, shown, strict=True)]


def numeric_answer(completions: Sequence[Completion], gold: Sequence[str], **columns: Any) -> list[float | None]:
    """1 where the answer is one number, where one is due; None where it is not."""
    return [
        None if number_of(right) is None else float(number_of(attempt.answer) is not None)
        for attempt, right in zip(attempts(completions, columns), gold, strict=True)
    ]


def thought_form(completions: Sequence[Completion], **columns: Any) -> list[float | None]:
    """1 for one thought in one pair of tags, something in it, and an answer behind it; else 0."""
    return [float(not attempt.faults) for attempt in attempts(completions, columns)]


def broken_tags(completions: Sequence[Completion], **columns: Any) -> list[float | None]:
    """-1 where tags are missing, repeated, nested or left open; else 0."""
    return [-float(any("tags" in fault for fault in attempt.faults)) for attempt in attempts(completions, columns)]


def length(completions: Sequence[Completion], **columns: Any) -> list[float | None]:
    """-1 for a thought of fewer than :data:`LEAST_WORDS` words; from :data:`MOST_WORDS` on ``-(words / MOST_WORDS - 1)``, at most -1;
    and less by the share of lines, or of runs of eight words, that are said again beyond :data:`REPEATED`. Else 0.

    Published runs began to repeat themselves after some 150 steps.
    """
    return [_length(attempt.thought) for attempt in attempts(completions, columns)]


def _length(thought: str) -> float:
    words = thought.split()
    if len(words) < LEAST_WORDS:
        return -1.0
    again = said_again(thought)
    return -min(1.0, max(0.0, len(words) / MOST_WORDS - 1) + (again if again > REPEATED else 0.0))


def hedging(completions: Sequence[Completion], **columns: Any) -> list[float | None]:
    """-1 where more than one answer is given: ``4 or 5``, ``The answer is 4. The answer is 5.``; else 0."""
    return [-float(_hedges(attempt)) for attempt in attempts(completions, columns)]


def _hedges(attempt: Attempt) -> bool:
    told = {match.strip(" .*$") for match in re.findall(r"(?i)answer is:?\s*([^\n.]+(?:\.\d+)?)", attempt.parts[1])}
    either = re.search(r"(?i)\b(?:either|maybe|perhaps)\b|\d\S*\s+or\s+\S*\d", attempt.answer)
    return len(told) > 1 or bool(either)


def checked_arithmetic(completions: Sequence[Completion], gold: Sequence[str], **columns: Any) -> list[float | None]:
    """Where the answer is right ``share * (1 - 0.5 ** count)``: the share of the thought's claims that hold, and how many different ones
    lead to the answer; where it is wrong ``share - 1``, so that claims can only cost: a run that paid for them there learned to add
    what nobody had asked for.

    A computation counts where it goes on from the question, the picture, known facts or earlier results, and where its own result is
    used by a later one or is the answer: a wall of true trivial sums is worth nothing. A comparison counts where what it compares is
    known. 0 where the thought is not well formed.
    """
    right = exact_answer(completions, gold, **columns)
    made = zip(attempts(completions, columns), right, strict=True)
    return [_arithmetic(attempt, right=bool(value)) if attempt.shows_work else 0.0 for attempt, value in made]


def _arithmetic(attempt: Attempt, *, right: bool) -> float:
    claims = [claim for step in attempt.steps for claim in step.claims]
    known = {
        value for text in (attempt.question, *(text.text for each in attempt.pictures for text in each.texts)) for value in _values(text)
    }
    known |= {value for step in attempt.steps for source in step.sources if source.kind == "estimate" for value in _values(source.text)}
    known |= GIVEN
    grounded = []
    for claim in claims:
        *operands, result = _values(claim.text) or [Fraction(-1)]
        computes = "=" in claim.text or "≈" in claim.text
        if claim.verdict == "true" and operands and set(operands if computes else [*operands, result]) <= known:
            grounded.append((claim.text, operands, result if computes else None))
            known.add(result)
    needed = {value for value in (number_of(attempt.answer),) if value is not None}
    led: set[str] = set()
    for text, operands, result_of in reversed(grounded):
        if result_of is None or result_of in needed:
            led.add(re.sub(r"\s", "", text.casefold()))
            needed |= set(operands) if result_of is not None else set()
    held, broken = (sum(claim.verdict == verdict for claim in claims) for verdict in ("true", "false"))
    if not right:
        return -broken / (held + broken) if broken else 0.0
    return len(led) / (len(led) + broken) * (1 - 0.5 ** len(led)) if led else 0.0


def _values(text: str) -> list[Fraction]:
    numbers = [number_of(found) for found in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]
    return [value for value in numbers if value is not None]


def traced_numbers(completions: Sequence[Completion], **columns: Any) -> list[float | None]:
    """The share of the numbers that were read which stand, or are drawn, where the thought says, or follow from earlier steps.

    None for a row without a picture. Numbers of the question and known facts do not count.
    """
    return [None if not attempt.pictures else _traced(attempt) if attempt.shows_work else 0.0 for attempt in attempts(completions, columns)]


def _traced(attempt: Attempt) -> float:
    read = [source for step in attempt.steps for source in step.sources if source.kind in ("picture", "estimate", "step", "unknown")]
    return sum(source.verdict == "true" for source in read) / len(read) if read else 0.0


def follows_steps(completions: Sequence[Completion], **columns: Any) -> list[float | None]:
    """1 where the last step arrives at the answer, else 0."""
    return [float(attempt.shows_work and _follows(attempt)) for attempt in attempts(completions, columns)]


def _follows(attempt: Attempt) -> bool:
    return bool(attempt.steps) and follows(attempt.steps, attempt.answer)


REWARDS: dict[str, Reward] = {
    reward.__name__: reward
    for reward in (
        exact_answer,
        earned_answer,
        numeric_answer,
        thought_form,
        broken_tags,
        length,
        hedging,
        checked_arithmetic,
        traced_numbers,
        follows_steps,
    )
}
"""By the names that recipes take."""

"""Good problems, and faults planted in them: what each filter has to find, and what it has to leave alone."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from finetune.synthesize.problems import Problem

SYLLABLES = "ba do fe gri hu jo ka lem mi nor pa qui ru sa tem va wen yo za".split()
THINGS = (
    "stickers marbles lemons postcards buttons candles notebooks seashells tulips walnuts pencils muffins tickets stamps ribbons "
    "bricks lanterns cushions dominoes acorns magnets envelopes spoons kites"
).split()
KINDS = "red tiny wooden striped golden heavy paper blue broken round glass soft".split()
PLACES = "market fair shop office stall museum bazaar farm club theatre hut garage".split()


def clean(count: int, seed: int = 0, stories: Sequence[int] = range(6)) -> list[Problem]:
    """As many good problems, each another story with other numbers."""
    return [_story(random.Random(f"{seed} {i}"), f"g{seed}-{i}", stories[i % len(stories)]) for i in range(count)]


def _name(rng: random.Random) -> str:
    return "".join(rng.choices(SYLLABLES, k=rng.randint(2, 3))).capitalize()


def _story(rng: random.Random, id: str, story: int) -> Problem:
    who, friend, place = _name(rng), _name(rng), f"the {rng.choice(PLACES)} of {_name(rng)}"
    thing, other = (f"{rng.choice(KINDS)} {noun}" for noun in rng.sample(THINGS, 2))
    a, b, c = rng.randint(12, 97), rng.randint(3, 11), rng.randint(2, 9)
    match story:
        case 0:
            question = f"At {place} {who} sells {a} {thing} on Monday and {b} times as many on Tuesday. How many {thing} are sold?"
            steps = [f"On Tuesday {who} sells {a} * {b} = {a * b} {thing}.", f"In both days that is {a} + {a * b} = {a + a * b}."]
            answer = a + a * b
        case 1:
            question = f"{who} packs {a * b} {thing} into {b} equal boxes and takes {c} of them to {place}. How many {thing} come there?"
            steps = [f"Each box holds {a * b} / {b} = {a} {thing}.", f"{c} boxes hold {c} * {a} = {c * a} {thing}."]
            answer = c * a
        case 2:
            question = f"At {place} {thing} cost ${b} and {other} ${c} each. What do {a} {thing} and {b} {other} cost together, in dollars?"
            steps = [f"The {thing} cost {a} * {b} = ${a * b}.", f"The {other} cost {b} * {c} = ${b * c}."]
            steps += [f"Together: {a * b} + {b * c} = ${a * b + b * c}."]
            answer = a * b + b * c
        case 3:
            question = (
                f"{who} has {a + 100} {thing}. {friend} gets {a}, then {b} visitors of {place} take {c} each. How many {thing} remain?"
            )
            steps = [f"{a + 100} - {a} = 100 {thing} are left.", f"The visitors take {b} * {c} = {b * c} {thing}."]
            steps += [f"100 - {b * c} = {100 - b * c} remain."]
            answer = 100 - b * c
        case 4:
            question = (
                f"{who} paints {thing} for {place} in {b} minutes each, {friend} in {b + c}. How many minutes do both need for {a} each?"
            )
            steps = [f"{who} needs {a} * {b} = {a * b} minutes.", f"{friend} needs {a} * {b + c} = {a * (b + c)} minutes."]
            steps += [f"In all {a * b} + {a * (b + c)} = {a * b + a * (b + c)} minutes."]
            answer = a * b + a * (b + c)
        case _:
            question = (
                f"A basket from {place} holds {a} {thing} and {a + b} {other}. {who} buys {c} such baskets. How many pieces are that?"
            )
            steps = [
                f"A basket holds {a} + {a + b} = {2 * a + b} pieces.",
                f"{c} baskets hold {c} * {2 * a + b} = {c * (2 * a + b)} pieces.",
            ]
            answer = c * (2 * a + b)
    return Problem(id=id, question=question, solution="\n".join(steps), answer=str(answer))


def _bump(text: str, rng: random.Random) -> str:
    """A number that is near another one and is not it."""
    value = float(text.replace(",", ""))
    changed = value + rng.choice((-2, -1, 1, 2, 10))
    return f"{changed:g}" if abs(changed) < 1e6 else f"{changed:.0f}"


_RESULT = re.compile(r"(= ?\$?)(\d[\d,]*(?:\.\d+)?)(?!\d*\s*[-+*/x=×÷(%])")


def _wrong_result(problem: Problem, rng: random.Random, which: int | None = None) -> Problem:
    """One result is another number."""
    results = list(_RESULT.finditer(problem.thought))
    if not results:
        return replace(problem, answer=_bump(re.sub(r"[^\d.]", "", problem.answer) or "1", rng))
    match = results[which] if which is not None else rng.choice(results)
    return replace(problem, solution=problem.thought[: match.start(2)] + _bump(match[2], rng) + problem.thought[match.end(2) :])


def wrong_end(problem: Problem, rng: random.Random) -> Problem:
    """The last result and the answer are another number, and agree."""
    changed = _wrong_result(problem, rng, -1)
    numbers = re.findall(r"\d[\d,]*(?:\.\d+)?", changed.thought.splitlines()[-1])
    return replace(changed, answer=numbers[-1] if numbers else changed.answer)


def _prefixed(problem: Problem, rng: random.Random, phrase: str, part: str) -> Problem:
    """``phrase`` before a part."""
    return replace(problem, **{part: phrase + getattr(problem, part)})


PHRASES = (
    "As an AI language model, I cannot see the shop. ",
    "Sure! Here is a problem about fruit: ",
    "Certainly! Here's another word problem. ",
    "I'm sorry, but I can't help with that. ",
    "Here are 4 new problems:\n",
    "Let me know if you would like another one! ",
    "I hope this helps! ",
    "Wait, that is not right. ",
    "Hmm, let me recalculate. ",
    "Oops, I made a mistake. ",
    "Actually, let me redo this. ",
    "This doesn't make sense, since apples are whole. ",
    "The problem seems to be flawed. ",
    "There must be a mistake in the question. ",
    "[Name] ",
    "{number} ",
    "Human: ",
    "<|im_end|> ",
    "### Problem\n",
    "**Solution:** ",
    "\U0001f34e ",
    "Problem 3: ",
    "As in the examples above, ",
    "Great! ",
    "[insert city] ",
    "Let's try again. ",
)
"""What machines write around a problem."""

FRENCH = (
    "Combien de pommes Paul a-t-il achetées dans le marché de la ville avec sa mère et ses trois frères aînés hier soir "
    "après une longue promenade dans les champs, et combien en reste-t-il pour ses amis?"
)

Plant = Callable[[Problem, random.Random], Problem]
PLANTS: dict[str, Sequence[Plant]] = {
    "structure": (
        lambda p, r: replace(p, answer=""),
        lambda p, r: replace(p, solution=""),
        lambda p, r: replace(p, question=""),
        lambda p, r: Problem(id=p.id, question="", solution="", answer="", broken='{"question": "Ann has'),
        lambda p, r: replace(p, solution=p.solution + "\nSo that is 7 *"),
        lambda p, r: replace(p, solution=f"<think>{p.solution}</think>"),
        lambda p, r: replace(p, question=f"{p.question.split('.')[0].rstrip('?')[:60]}."),
        lambda p, r: replace(p, question=FRENCH),
        lambda p, r: replace(p, question="小明有五个苹果,他又买了三个苹果,请问小明现在一共有多少个苹果?谢谢你的回答。"),
        lambda p, r: replace(p, solution=p.solution + " <<3*4=12"),
        lambda p, r: replace(p, answer=f"#### {p.answer}"),
    ),
    "answer range": (
        lambda p, r: replace(p, answer="it depends"),
        lambda p, r: replace(p, answer="x + 3"),
        lambda p, r: replace(p, answer=f"{p.answer} or 7"),
        lambda p, r: replace(p, answer="12345678901234"),
        lambda p, r: replace(p, answer="3.14159265"),
        lambda p, r: replace(p, question=p.question.split(". ")[0] + ". How many are left?", answer=f"-{r.randint(2, 40)}"),
        lambda p, r: replace(p, answer="no answer"),
    ),
    "solution quality": (
        lambda p, r: replace(p, solution="Easy."),
        lambda p, r: replace(p, solution="We add what is given and come to the answer that was asked for."),
        lambda p, r: replace(p, solution="\n".join([p.solution] * 4)),
        lambda p, r: replace(p, solution=p.question),
        lambda p, r: replace(p, solution=p.solution + " " + " ".join(f"word{i}" for i in range(600))),
        lambda p, r: replace(p, solution="\n".join(f"{i} + 1 = {i + 1}" for i in range(60))),
    ),
    "giveaways": tuple(partial(_prefixed, phrase=phrase, part=part) for phrase in PHRASES for part in ("question", "solution")),
    "mathematics": (
        _wrong_result,
        _wrong_result,
        wrong_end,
        lambda p, r: replace(p, answer=_bump(re.sub(r"[^\d.]", "", p.answer) or "1", r)),
        lambda p, r: replace(p, solution="The result is plain, after 2 looks at it."),
    ),
}  # fmt: skip
"""Of each filter of one problem: ways to spoil one."""


def spoil(filter_name: str, problems: Sequence[Problem], seed: int = 0) -> list[Problem]:
    """``problems``, each with a fault that the filter has to find."""
    plants = PLANTS[filter_name]
    return [plants[i % len(plants)](problem, random.Random(f"{seed} {filter_name} {i}")) for i, problem in enumerate(problems)]


def reworded(problem: Problem, seed: int = 0) -> Problem:
    """Nearly the same question: a word less and another one said otherwise."""
    rng = random.Random(f"{seed} {problem.id}")
    words = problem.question.split(" ")
    small = [
        i
        for i, word in enumerate(words)
        if word.lower() in ("the", "a", "of", "and", "in", "has", "is", "for", "to", "how", "many", "many")
    ]
    for i in rng.sample(small, min(2, len(small))):
        words[i] = rng.choice(("one", "these", "with", "all"))
    return replace(problem, id=f"{problem.id}~", question=" ".join(words))


def recased(problem: Problem) -> Problem:
    """The same question, in other case and with other spaces and marks."""
    return replace(problem, id=f"{problem.id}=", question=problem.question.upper().replace(".", " .").replace("?", " ??"))


def score(found: set[str], wrong: set[str]) -> tuple[float, float]:
    """Precision and recall of what a filter ``found`` against what is ``wrong``."""
    right = len(found & wrong)
    return (right / len(found) if found else 1.0), (right / len(wrong) if wrong else 1.0)

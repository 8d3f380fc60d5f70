"""What a teacher is asked: few-shot prompts from seed problems, each with its own topic, number of steps and form of the answer.

Every request follows from the plan and its number alone, so that a run that goes on asks what was not answered, and nothing twice.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from finetune.sources import SourceError, read_file
from finetune.synthesize.problems import Problem, problem_of
from vision.files import half_of, write_text

Form = Literal["json", "text"]

CHARTED = ("bar", "hbar", "grouped", "line", "pie", "table")
"""Kinds of figures that a table stands behind."""
CHARS_A_TOKEN = 3.5
"""Of the teachers' tokenizers on such prompts, cautiously."""
MARGIN_TOKENS = 40
"""Of the chat format around a prompt."""

TOPICS = (
    "a bakery; a bus timetable; sharing a restaurant bill; planting a garden; a school fair; savings and allowance; a road trip; "
    "painting a house; a library; a swimming pool being filled; a farm and its animals; a football season; baking for a party; "
    "a factory's output; mobile phone plans; a hiking trip; a discount in a shop; building a fence; a school orchestra; "
    "a fishing trip; recycling bottles; a delivery route; ages in a family; a charity run; a cinema's tickets; rain in a month; "
    "a printer's pages; tiles on a floor; a train's speed; a chess tournament; orders in a café; a water bill; a lottery prize; "
    "bees and honey; the pages of a book; a rope cut into pieces; a mixture of juices; wages and overtime; a parking garage; "
    "a stamp collection; a tree's height; a hotel's rooms; exam marks; apples in crates; a ferry's passengers; a marathon in training; "
    "an aquarium; a bookshop's sale; a quilt; solar panels; a warehouse; a candle burning down; a subscription; a picnic; a newspaper route"
).split("; ")
STEPS = (2, 2, 3, 3, 3, 4, 4, 5, 6, 8)
ANSWERS = (
    "a whole number below 20",
    "a whole number below 100",
    "a whole number below 100",
    "a whole number in the hundreds",
    "a whole number in the thousands",
    "an amount of money with cents, without its sign",
    "a percentage, without its sign",
    "a number with one decimal place",
)

SYSTEM = "You write mathematics word problems that teach step-by-step reasoning. Every number in them is right."
_AS_JSON = "one JSON object a line, with the keys question, solution and answer, and nothing else"
_AS_TEXT = "each as Problem:, Solution: and Answer:, and nothing else"
_RULES = (
    "Write the solution one step a line, each calculation in the form 6 * 7 = 42; its last line arrives at the answer. "
    "The answer is a bare number. Use none of the examples' names, numbers or stories."
)
_CHART = """A {kind} chart{title} shows these values:

{table}

Somebody asks: {question}
The right answer is {gold}.

Ask the same thing in your own words, and solve it from the chart: first a line with each value that is needed, as "Oslo: 46", then the \
calculations, each in the form 6 * 7 = 42 on a line of its own, ending at the answer. Say nothing of a table: who solves it sees the \
chart. Write {form}; the answer is {gold}."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request to a teacher.

    Attributes:
        id: ``p000001`` for word problems, ``c000001`` for a chart's.
        system, user: the prompt.
        max_tokens: of the reply.
    """

    id: str
    system: str
    user: str
    max_tokens: int

    @property
    def messages(self) -> list[dict[str, str]]:
        """As chat completions take it."""
        return [{"role": "system", "content": self.system}, {"role": "user", "content": self.user}]

    @property
    def tokens(self) -> int:
        """Of the prompt, estimated by its characters."""
        return int((len(self.system) + len(self.user)) / CHARS_A_TOKEN) + MARGIN_TOKENS


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a folder of problems is written by.

    Attributes:
        seeds: digest of the seed problems.
        count: word problems.
        charts: problems about drawn charts.
        model: the teacher.
        per_request: word problems that one reply holds.
        shots: seeds in a prompt.
        form: ``json``, or ``text`` for a teacher that is too small for it.
        temperature: of the teacher; below 0 it is not told.
        reasoning: effort that a teacher is told to think with (``none``, ``low`` …); "" where it is not told.
        tokens_a_problem: that a reply may take for each.
        seed: of topics, steps and choice.
    """

    seeds: str
    count: int
    charts: int
    model: str
    per_request: int = 4
    shots: int = 4
    form: Form = "json"
    temperature: float = 1.0
    reasoning: str = ""
    tokens_a_problem: int = 400
    seed: int = 0

    @property
    def manner(self) -> dict[str, Any]:
        """What a request tells besides its words, as chat completions take it."""
        told: dict[str, Any] = {} if self.temperature < 0 else {"temperature": self.temperature}
        return told | ({"reasoning_effort": self.reasoning} if self.reasoning else {})

    @property
    def ids(self) -> list[str]:
        """Of all requests, in order."""
        return [f"{kind}{i + 1:06}" for kind, many in (("p", -(-self.count // self.per_request)), ("c", self.charts)) for i in range(many)]

    def requests(self, seeds: Sequence[Problem], done: Collection[str] = ()) -> Iterator[Request]:
        """Those that are not ``done``, in order."""
        for id in self.ids:
            if id in done:
                continue
            number = int(id[1:]) - 1
            if id.startswith("c"):
                yield self._chart(number)
            else:
                yield self._words(number, seeds, min(self.per_request, self.count - number * self.per_request))

    def _words(self, number: int, seeds: Sequence[Problem], problems: int) -> Request:
        rng = random.Random(f"{self.seed} {number}")
        shots = rng.sample(list(seeds), min(self.shots, len(seeds)))
        wishes = "\n".join(
            f"{i}. about {rng.choice(TOPICS)}, in {rng.choice(STEPS)} steps; the answer is {rng.choice(ANSWERS)}"
            for i in range(1, problems + 1)
        )
        examples = "\n".join(map(_as_json, shots)) if self.form == "json" else "\n\n".join(map(_as_text, shots))
        form = _AS_JSON if self.form == "json" else _AS_TEXT
        user = f"Examples:\n\n{examples}\n\nWrite {problems} new problem{'s' * (problems > 1)}, {form}:\n{wishes}\n\n{_RULES}"
        return Request(id=f"p{number + 1:06}", system=SYSTEM, user=user, max_tokens=self.tokens_a_problem * problems)

    def _chart(self, number: int) -> Request:
        record = _record(self.seed, number)
        figure = record.figure
        table = "\n".join(" | ".join(row) for row in table_of(figure))
        form = "one JSON object with the keys question, solution and answer" if self.form == "json" else _AS_TEXT
        title = f' "{figure.title}"' if figure.title else ""
        user = _CHART.format(kind=figure.kind, title=title, table=table, question=record.question, gold=record.gold, form=form)
        return Request(id=f"c{number + 1:06}", system=SYSTEM, user=user, max_tokens=2 * self.tokens_a_problem)

    def known(self, problem: Problem, folder: Path) -> Problem:
        """``problem`` with what is known of it: for a chart's its gold answer, its table and its picture, drawn into ``folder``."""
        if not problem.id.startswith("c"):
            return problem
        at = int(problem.id[1:].partition("-")[0]) - 1
        record = _record(self.seed, at)
        path = folder / "charts" / f"{record.seed}.png"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            with half_of(path) as half:
                record.image.save(half, "PNG")
        image = path.relative_to(folder).as_posix()
        return replace(problem, image=image, gold=record.gold, table=table_of(record.figure))


def _record(seed: int, number: int) -> Any:
    """The chart of request ``number``."""
    from finetune.charts.records import make

    return make(random.Random(f"{seed} chart {number}").randrange(10**8), kinds=CHARTED)


def table_of(figure: Any) -> tuple[tuple[str, ...], ...]:
    """The values of a figure: a row of heads, then a row for each category."""
    from finetune.charts.figures import number

    heads = (figure.topic or "Name", *(name or figure.quantity or "Value" for name in figure.series))
    rows = ((name, *(number(values[i]) for values in figure.series.values())) for i, name in enumerate(figure.categories))
    return (heads, *rows)


def _as_json(seed: Problem) -> str:
    return json.dumps({"question": seed.question, "solution": seed.thought, "answer": seed.answer}, ensure_ascii=False)


def _as_text(seed: Problem) -> str:
    return f"Problem: {seed.question}\nSolution: {seed.thought}\nAnswer: {seed.answer}"


def read_seeds(path: Path) -> list[Problem]:
    """The seed problems of a file.

    Raises:
        SourceError: where it cannot be read, or a row is no problem.
    """
    if not path.is_file():
        raise SourceError(f"there is no file {path} with seed problems; give rows of question, solution and answer with --seeds")
    seeds = [problem_of(row, f"s{i}") for i, row in enumerate(read_file(path), start=1)]
    for seed in seeds:
        missing = [part for part in ("question", "solution", "answer") if not getattr(seed, part)]
        if missing:
            raise SourceError(f"row {seed.id[1:]} of {path} has no {missing[0]}; a seed has question, solution and answer, or GSM8K's form")
    return seeds


def digest(seeds: Sequence[Problem]) -> str:
    """By which the seeds of a folder are known again."""
    return hashlib.blake2b(json.dumps([seed.as_row() for seed in seeds]).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Folder:
    """A folder of problems: its plan, its seeds, and where the rest lies."""

    path: Path

    @property
    def replies(self) -> Path:
        """What the teacher said, a reply a line."""
        return self.path / "replies.jsonl"

    @cached_property
    def plan(self) -> Plan:
        """The plan that it was begun by.

        Raises:
            SourceError: where there is none.
        """
        path = self.path / "plan.json"
        if not path.is_file():
            raise SourceError(f"{self.path} was not begun by 'finetune.synthesize write'; there is no plan.json in it")
        return Plan(**json.loads(path.read_text(encoding="utf-8")))

    @cached_property
    def seeds(self) -> list[Problem]:
        """The seed problems that it was begun with."""
        return read_seeds(self.path / "seeds.jsonl")

    def begin(self, plan: Plan, seeds: Sequence[Problem]) -> None:
        """Write plan and seeds, or go on where both are as they were; more problems than before may be asked for.

        Raises:
            SourceError: when the folder was begun by another plan.
        """
        if (self.path / "plan.json").is_file():
            for key, value in asdict(replace(self.plan, count=plan.count, charts=plan.charts)).items():
                if value != asdict(plan)[key]:
                    raise SourceError(f"{self.path} was begun with another {key} ({value}); choose another --out")
            if plan.count < self.plan.count or plan.charts < self.plan.charts:
                raise SourceError(
                    f"{self.path} was begun with {self.plan.count} problems and {self.plan.charts} of charts; ask for as many"
                )
            if plan.count > self.plan.count and self.plan.count % plan.per_request:
                raise SourceError(
                    f"{self.path} was begun with {self.plan.count} problems, and its last reply holds fewer; choose another --out"
                )
        self.path.mkdir(parents=True, exist_ok=True)
        write_text(self.path / "seeds.jsonl", "".join(json.dumps(seed.as_row(), ensure_ascii=False) + "\n" for seed in seeds))
        write_text(self.path / "plan.json", json.dumps(asdict(plan), indent=1))
        self.__dict__.pop("plan", None)

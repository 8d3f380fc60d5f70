"""How far a reply can be trusted: whether every number has a source, every claim holds, and the answer follows.

    trust = assess(steps, question, answer)
    trust.level, trust.reasons  # "open", ("46 is not printed; it may be read off the axis",)

``traced``: all of it was shown. ``broken``: something contradicts itself or the picture. ``open``: a link is missing, which one is
told. Nothing here knows the right answer: a trace may hold and still answer another question than the one that was asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Literal

from vision.answers.answers import equivalent, number_of
from vision.answers.expected import expected, expected_of_order, worked_out
from vision.answers.measured import AnswerDrawn, answer_drawn
from vision.pictures.box import Box
from vision.pictures.writing import Writing
from vision.thoughts.expressions import written
from vision.thoughts.names import labels_of, names_in
from vision.thoughts.sources import Source
from vision.thoughts.steps import Step

Level = Literal["traced", "open", "broken"]


@dataclass(frozen=True)
class Trust:
    """How far a reply can be trusted.

    Attributes:
        level: ``traced``, ``open`` or ``broken``.
        reasons: in words, what is broken or open; for a traced reply how much of it was shown.
    """

    level: Level
    reasons: tuple[str, ...]

    @property
    def line(self) -> str:
        """The whole in one line."""
        return f"{self.level.capitalize()}: {'; '.join(self.reasons[:3])}"


def assess(steps: Sequence[Step], question: str, answer: str, writing: Sequence[Writing] = ()) -> Trust:
    """How far an ``answer`` can be trusted that ``steps`` lead to.

    Args:
        steps: with their claims and sources.
        question: as it was asked.
        answer: the final one, "" where there is none.
        writing: the text of the pictures.
    """
    readings = _readings(steps)
    asked = _without_heads(question, readings, writing)
    drawn = answer_drawn(steps, asked, readings)
    broken = list(dict.fromkeys(_broken(steps, question, answer, writing, asked, readings, drawn)))
    if broken:
        return Trust("broken", tuple(broken))
    missing = list(dict.fromkeys(_missing(steps, question, answer, writing, drawn)))
    if missing:
        return Trust("open", tuple(missing))
    return Trust("traced", (_shown(steps),))


def _shown(steps: Sequence[Step]) -> str:
    """How much was shown: ``3 readings, 2 claims, all hold``."""
    readings = len({(source.name, source.text) for step in steps for source in step.sources if _is_read(source)})
    claims = sum(claim.verdict == "true" for step in steps for claim in step.claims)
    told = [f"{count} {word}{'s' * (count != 1)}" for count, word in ((readings, "reading"), (claims, "claim")) if count]
    return f"{', '.join(told)}, all hold" if told else "nothing to compute"


def _is_read(source: Source) -> bool:
    """Whether a number was read in the picture: printed there, or off an axis where it is drawn."""
    return source.kind == "picture" or (source.kind == "estimate" and source.standing == "with it")


def _broken(
    steps: Sequence[Step], question: str, answer: str, writing: Sequence[Writing],
    asked: str, readings: Mapping[str, Fraction], drawn: AnswerDrawn,
) -> Iterator[str]:  # fmt: skip
    """What contradicts itself or the picture; ``asked`` is the question without the names of rows of which several values were read."""
    as_drawn = drawn.says(answer, exactly=True)
    for step in steps:
        for claim in step.claims:
            if claim.verdict == "false":
                right = f": it is {claim.correct_value}" if claim.correct_value is not None else ""
                yield f"“{claim.text}” does not hold{right}"
        for source in step.sources:
            if source.verdict == "false" and not (source.drawn and as_drawn) and not _is_idle(source.name, asked, readings):
                yield source.why
    if drawn.whole and _is_plain(answer, steps) and not drawn.says(answer):
        yield f"from what is drawn the answer would be {drawn}"
    due = expected(asked, readings) or expected_of_order(question, _order(steps))
    if due and _is_plain(answer, steps) and not any(_matches(each, answer) for each in due):
        yield f"from what was read the answer would be {due[0]}"
    if not writing and (computed := worked_out(question, answer)):  # of a picture 10-19 may be a name
        yield computed
    yield from _read_twice(steps, writing, asked, readings)
    yield from _more_than_whole(steps, writing)
    yield from _denied(steps, answer, writing)
    is_name = any(answer.casefold() == named.name.casefold() for named in names_in(answer, writing))
    if is_name and re.search(_A_NUMBER, question, re.IGNORECASE) and not re.search(_A_NAME, question, re.IGNORECASE):
        yield "the question asks for a number, and the answer is a name"
    offered = _offered(question, writing) if is_name else []
    if offered and answer.casefold() not in map(str.casefold, offered):
        yield f"the question asks whether it is {' or '.join(offered)}"


def _offered(question: str, writing: Sequence[Writing]) -> list[str]:
    """The names of which a question asks for one: ``Is Children or Men smaller?``; none where it may ask for something else."""
    if re.search(r"\b(?:which|what) (?!is|was|one|of|has)\w+|\bwhen\b|\bwhere\b", question, re.IGNORECASE):
        return []
    names = names_in(question, writing)
    pairs = [(a, b) for a, b in pairwise(names) if re.fullmatch(r",? or ", question[a.end : b.start], re.IGNORECASE)]
    alone = len(pairs) == 1 and re.search(_OFFERS, question[: pairs[0][0].start], re.IGNORECASE)
    return [each.name for each in pairs[0]] if alone else []


def _without_heads(question: str, readings: Mapping[str, Fraction], writing: Sequence[Writing]) -> str:
    """``question`` without the names of rows and series of which several values were read: ``… in 1995`` asks for no number 1995."""
    read = {name.casefold() for name in readings}
    for named in reversed(names_in(question, writing)):
        if named.name.casefold() not in read and re.search(r"\d", named.name):
            question = f"{question[: named.start]}it{question[named.end :]}"
    return question


def _is_plain(answer: str, steps: Sequence[Step]) -> bool:
    """Whether an answer is one number, or one of the names that were read, and nothing else."""
    names = {source.name.casefold() for step in steps for source in step.sources} | {name.casefold() for name in _order(steps)}
    return number_of(answer) is not None or answer.casefold() in names


def _matches(due: str, answer: str) -> bool:
    """Whether an answer is what was due, rounded, with its sign left out, or told in thousands or millions."""
    if equivalent(due.lstrip("≈"), answer):
        return True
    a, b = number_of(due.lstrip("≈")), number_of(answer)
    if a is None or b is None:
        return False
    places = len(answer.partition(".")[2].rstrip("% ")) if "." in answer else 0
    unit = Fraction(1, 10**places) if places else Fraction(1)
    offs = [(abs(abs(a) * scale - abs(b)), abs(a) * scale) for scale in (1, 1000, 1_000_000)]
    return any(off * 2 <= unit and off * 10 <= size for off, size in offs)  # 0 is no rounding of 0.33


_YEAR = re.compile(r"(?:18|19|20|21)\d\d")
_A_NUMBER = r"\bhow (?:many|much|far|high|large)\b|\bthe (?:number|value|amount|sum|average|mean|difference|area|perimeter)\b(?! \d)"
_OFFERS = r"(?:\b(?:is|are|was|were|has|had|have|does|did)|[,:])\s+$"
_A_NAME = r"\bwhere\b|\bwho\b|\bwhich (?!number|value|amount)"
_SHOWN = "(?:picture|chart|figure|graph|table|image)"
_DENIED = re.compile(
    rf"(?:{_SHOWN} does(?: not|n't) (?:show|contain|include|mention)|there is no) (?:an? |the |any )?(?P<a>[^.,;:]{{1,60}})"
    rf"|(?:^|[.;]\s)(?:look(?:ing)? for |search for )?(?P<b>[^.,;:]{{1,60}}?):? (?:it )?is not in the {_SHOWN}",
    re.IGNORECASE,
)


def _is_idle(name: str, question: str, readings: Mapping[str, Fraction]) -> bool:
    """Whether the answer is the same whatever was read for ``name``: where values of others are asked for."""
    if name not in readings:
        return False
    others = [expected(question, {**readings, name: value}) for value in (readings[name], Fraction(10**9), Fraction(-(10**9)))]
    return bool(others[0]) and others[0] == others[1] == others[2]


def _read_twice(steps: Sequence[Step], writing: Sequence[Writing], question: str, readings: Mapping[str, Fraction]) -> Iterator[str]:
    """Where one printed number was read for two things, and another one was not read at all."""
    for step in steps:
        read = [source for source in step.sources if not _is_idle(source.name, question, readings)]
        if len(read) < 2 or step.claims or len(writing) != 1 or any(source.kind != "picture" for source in step.sources):
            continue
        uses: dict[str, list[Source]] = {}
        for source in read:
            uses.setdefault(source.text, []).append(source)
        texts = {id(text) for source in step.sources for text in source.texts}
        labels = labels_of(writing[0])
        unread = [text for text in labels.numbers if id(text) not in texts]
        if not labels.lines and _are_ticks([text.box for text in labels.numbers]):
            continue  # of one several values may be read
        for said, sources in uses.items():
            names = list(dict.fromkeys(source.name for source in sources))
            once = len(sources) > len({id(text) for text in sources[0].texts}) == 1
            if once and unread and (len(names) > 1 or not names[0]) and not _YEAR.fullmatch(said):  # a year may be a part of names
                yield f"{said} stands once, and was read " + (f"for {names[0]} and {names[1]}" if all(names) else "twice")


def _are_ticks(numbers: Sequence[Box]) -> bool:
    """Whether numbers stand one above the other and nothing else tells what they are: a scale of which little is shown."""
    return bool(numbers) and max(box.middle[0] for box in numbers) - min(box.middle[0] for box in numbers) <= numbers[0].height


def _more_than_whole(steps: Sequence[Step], writing: Sequence[Writing]) -> Iterator[str]:
    """Where the printed shares add up to 100 and those that were read do not, though as many were read."""
    if len(writing) != 1:
        return
    labels = labels_of(writing[0])
    printed = [labels.values[id(text)] for text in labels.numbers]
    for step in steps:
        read = [value for source in step.sources if source.name and (value := number_of(source.text)) is not None]
        if step.claims or not 2 < len(read) == len(printed) or abs(sum(printed, Fraction(0)) - 100) > 1:
            continue
        if abs(sum(read, Fraction(0)) - 100) > 1:
            yield f"the shares that were read add up to {written(sum(read, Fraction(0)))}, those in the picture to 100"


def _denied(steps: Sequence[Step], answer: str, writing: Sequence[Writing]) -> Iterator[str]:
    """What is said not to be in the picture, and stands there."""
    for text in (*(step.text for step in steps), answer):
        for match in _DENIED.finditer(text):
            said = (match["a"] or match["b"] or "").strip()
            for named in names_in(said, writing):
                if said.casefold() == named.name.casefold():
                    yield f"{named.name} is in the picture"


def _order(steps: Sequence[Step]) -> list[str]:
    """The boxes of the first step that draws arrows between them."""
    for step in steps:
        parts = re.split(r"\s*(?:->|→|⇒)\s*", re.sub(r"^\W*read:?\s+", "", step.text, flags=re.IGNORECASE).rstrip(". "))
        if len(parts) > 2:
            return parts
    return []


def _readings(steps: Sequence[Step]) -> dict[str, Fraction]:
    """Name -> value of the one step that reads several; none where several lists were read, or a name twice."""
    lists = []
    for step in steps:
        values = {source.name: number_of(source.text) for source in step.sources if source.kind in ("picture", "estimate", "unknown")}
        if len(step.sources) > 1 and not step.claims:
            whole = len(values) == len(step.sources) and "" not in values
            lists.append({name: value for name, value in values.items() if value is not None} if whole else {})
    if not lists or any(set(other.items()) - set(lists[0].items()) for other in lists[1:]):
        return {}
    return lists[0]


def _missing(steps: Sequence[Step], question: str, answer: str, writing: Sequence[Writing], drawn: AnswerDrawn) -> Iterator[str]:
    if not answer:
        yield "there is no answer"
        return
    if not steps:
        yield "no steps were shown"
        return
    if not writing:
        yield "no picture was read, so only calculations are checked"
    elif not any(each.texts for each in writing):
        yield "no text was found in the picture, so nothing can be compared with it"
    for step in steps:
        for claim in step.claims:
            if claim.verdict == "unchecked":
                yield f"“{claim.text}” was not checked"
        for source in step.sources:
            if source.verdict != "true":
                yield source.why
    for step in steps:
        names = [source.name for source in step.sources if source.name] if not step.claims else []
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            yield f"{name} was read twice"
    if writing and not any(_is_read(source) for step in steps for source in step.sources):
        yield "no number was read in the picture"
    if not follows(steps, answer):
        yield "no step arrives at the answer"
    if drawn.due and not drawn.says(answer, exactly=True):
        yield f"by what is drawn it would be {drawn}"
    yield from _not_asked(steps, question, answer, writing)


def follows(steps: Sequence[Step], answer: str) -> bool:
    """Whether ``answer`` is what the last claim comes to, a reading or a name of the last step, or what was counted there."""
    value = number_of(answer)
    last = steps[-1]
    results = [claim for step in steps for claim in step.claims]
    if value is not None:
        made = [number_of(re.split(r"[=≈]|\bis\b", claim.text)[-1].strip(" *")) for claim in results[-1:]]
        read = [number_of(source.text) for source in last.sources]
        counted = [Fraction(match) for match in re.findall(r"\b(?:makes|is|count:?) (\d+)\b", last.text)]
        return value in made or value in read or value in counted or value in _last_number(last.text)
    return bool(re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", last.text, re.IGNORECASE))


def _last_number(text: str) -> list[Fraction]:
    numbers = re.findall(r"-?\d[\d,]*(?:\.\d+)?", text)
    value = number_of(numbers[-1].rstrip(",")) if numbers else None
    return [value] if value is not None else []


def _not_asked(steps: Sequence[Step], question: str, answer: str, writing: Sequence[Writing]) -> Iterator[str]:
    """What the question asks for and no step does."""
    thought = "\n".join(step.text for step in steps)
    asked = []
    for named in names_in(question, writing):
        written = {text.text for text in named.texts}  # in its own case: "which item" does not ask for the axis "Item"
        if named.name in written and not re.search(rf"(?<!\w){re.escape(named.name)}(?!\w)", thought, re.IGNORECASE):
            yield f"the question names {named.name}, and no step reads it"
        asked.append(named.name.casefold())
    claims = [claim.text for step in steps for claim in step.claims]
    share = "%" in question or re.search(r"\b(?:how many|by|in|what) percent", question, re.IGNORECASE)
    if share and not any(re.search(r"[/÷%]|frac", text) for text in claims):
        yield "the question asks for a percentage, and no step divides"
    for number in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", question):
        if not re.search(rf"(?<![\d.]){re.escape(number)}(?![\d.])", thought) and f"number {number}" not in question.casefold():
            yield f"the question says {number}, and no step uses it"
    if re.search(_WHY, question, re.IGNORECASE):
        yield "why something is so is not traced"
    if not asked and not re.search(rf"{_ALL}|{_WORKED_OUT}", question, re.IGNORECASE):
        yield "the question names nothing that was read"
    for_a_name = r"\b(?:what|who|which)\b[^?.,]* (?:has|have|had) the\b|\bnumber \d from\b"
    if number_of(answer) is not None and re.search(for_a_name, question, re.IGNORECASE):
        yield "the question asks for a name, and the answer is a number"
    if re.search(_PLACED, question, re.IGNORECASE):
        yield "whether a place, a color or a yes follows is not traced"
    read = {number_of(source.text) for step in steps for source in step.sources if source.name.casefold() in asked}
    if read and not claims and number_of(answer) is not None and number_of(answer) not in read:
        yield "the answer is not what was read for the names in the question"
    if len(asked) > 1 and claims:
        yield from _not_computed_with(asked, steps)
    names = {source.name.casefold() for step in steps for source in step.sources}
    if not names & set(asked) and re.search(_ALL, question, re.IGNORECASE):
        yield from _left_out(steps, writing)


_PLACED = r"\bcolou?r|\b(?:far|most) (?:left|right)\b|\b(?:left|right) of\b|^\W*(?:is|are|does|did|was|were|do(?! you know))\b"
_WHY = r"\bwhy\b|\bexplain|\bcauses?\b|\breasons?\b"
_WORKED_OUT = (
    r"\bhow (?:many|much|far|often)\b|\b(?:first|last|longest|shortest|tallest|best|worst|top|bottom|peak)\b|\bpercent|%|\bangle|\barea\b"
    r"|\bperimeter\b|\baround\b|\badd\b|\bdiffer|\bcount\b|\bin how many\b|\b(?:in|de)crease|\btrend\b|\bmore\b|\bless\b|\w+er\b|\w+est\b"
)
_ALL = (
    r"\b(?:highest|lowest|largest|smallest|biggest|greatest|most|least|fewest|maximum|minimum|total|sum|altogether|average|mean|all|range"
    r"|second|third)\b"
)


def _not_computed_with(asked: Sequence[str], steps: Sequence[Step]) -> Iterator[str]:
    """Names that the question asks for whose values were read, and with which nothing is computed or compared."""
    values = {source.name.casefold(): source.text for step in steps for source in step.sources if source.name}
    used = {text for step in steps for claim in step.claims for text in re.findall(r"\d[\d,.]*\d|\d", claim.text)}
    for name in asked:
        if name in values and len({values.get(each) for each in asked}) == len(asked) and values[name].strip("$€£%") not in used:
            yield f"nothing is computed with {name}, which the question names"


def _left_out(steps: Sequence[Step], writing: Sequence[Writing]) -> Iterator[str]:
    """Labels beside those that were read, of which nothing was read though the question is about all of them."""
    read = {id(text) for step in steps for source in step.sources for text in source.named}
    for each in writing:
        labels = labels_of(each)
        for line in labels.lines:
            members = {id(label) for label in line.labels}
            missing = [label.text for label in line.labels if id(label) not in read and labels.numbers_of(label)]
            if members & read and missing:
                yield f"{', '.join(missing[:3])} not read"
        measured = {source.drawn.name for step in steps for source in step.sources if source.drawn is not None}
        unread = [name for name in dict.fromkeys(drawn.name for drawn in each.drawn) if name not in measured]
        if measured and unread:
            yield f"{', '.join(unread[:3])} not read"

"""Where each number of a thought comes from: the picture (which text, with which name), the question, an earlier step, a given fact.

    for step, traced in zip(steps, sources_of(texts, claims, question, writing)):
        for source in traced.numbers:
            print(source.text, source.kind, source.why)

Only what can be shown is told. A number that stands in the picture is found *with* its name, *elsewhere* (at another name), or just
found, where the places of the texts do not tell (:mod:`vision.pictures.labels`). "Not found" never means wrong: OCR may have missed
it, or it was read off an axis.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal, NamedTuple

from cachetools import LRUCache

from vision.pictures.labels import Standing
from vision.pictures.writing import Drawn, Text, Writing
from vision.thoughts.marks import Claim, Mark, Verdict
from vision.thoughts.names import (
    Lookup,
    Named,
    PictureText,
    behind_name,
    heads_list,
    is_in_a_name,
    looked_up,
    name_of,
    names_in,
    numbers_in,
    picture_of,
    without_number,
)
from vision.thoughts.tokens import Token

SourceKind = Literal["picture", "question", "step", "given", "estimate", "unknown"]

GIVEN = frozenset(map(Fraction, (1, 2, 7, 12, 24, 30, 52, 60, 90, 100, 180, 360, 365, 1000)))
"""Numbers that a solver knows: a triangle's angles, hours of a day, the whole in percent."""
MAX_STEPS = 200
"""Steps of a thought that are traced."""


@dataclass(frozen=True, kw_only=True)
class Source(Mark):
    """Where a number of a step comes from.

    Attributes:
        kind: ``picture``, ``question``, an earlier ``step``, a ``given`` fact, an ``estimate`` off an axis, or ``unknown``.
        name: what it was read for, "" where nothing was named.
        standing: in a picture, where it stands seen from that name, or whether an estimate is where it is drawn; "" where that cannot
            be told.
        texts: the texts in which it stands, those at its name first.
        named: the texts in which its name stands.
        picture: of which picture, counted from 0.
        step: the number of the step that it comes from, 0 for none.
        drawn: the bar or point off which an estimate is read, where it could be measured.
    """

    kind: SourceKind
    name: str = ""
    standing: Standing = ""
    texts: tuple[Text, ...] = ()
    named: tuple[Text, ...] = ()
    picture: int = 0
    step: int = 0
    drawn: Drawn | None = None

    @property
    def verdict(self) -> Verdict:
        """``true`` where it is shown, ``false`` where it stands at another name or is drawn elsewhere, else ``unchecked``."""
        if self.standing == "elsewhere":
            return "false"
        shown = self.kind in ("question", "step", "given") or self.standing == "with it"
        return "true" if shown else "unchecked"


class Traced(NamedTuple):
    """What is known of a step: where its numbers come from, and where its names stand, each in order."""

    numbers: tuple[Source, ...] = ()
    names: tuple[Lookup, ...] = ()


@dataclass
class _Known:
    """What is known before a step: numbers that were read or worked out, and in which step."""

    made: dict[Fraction, int] = field(default_factory=dict)
    read: dict[Fraction, Source] = field(default_factory=dict)
    by_name: dict[tuple[str, Fraction], Source] = field(default_factory=dict)
    counts: set[int] = field(default_factory=set)

    def copy(self) -> _Known:
        return _Known(dict(self.made), dict(self.read), dict(self.by_name), set(self.counts))


@dataclass(eq=False)
class _Trail:
    """The steps of a growing thought that have been traced, all but the last one; what they rest on is held so that it stays itself.

    Attributes:
        steps: texts and claims.
        traced: of each step.
        known: what is known after them.
        writing: the pictures' texts.
    """

    steps: list[tuple[str, tuple[Claim, ...]]]
    traced: list[Traced]
    known: _Known
    writing: tuple[Writing, ...]


_TRAILS: LRUCache[tuple[object, ...], deque[_Trail]] = LRUCache(64)
"""Of the latest thoughts, by question and pictures: a thought grows by words, and only its last step is traced anew."""
_TRAILS_LOCK = threading.Lock()
MOST_TRAILS = 16
"""Thoughts of one question that are followed at once."""


def sources_of(texts: Sequence[str], claims: Sequence[Sequence[Claim]], question: str, writing: Sequence[Writing]) -> list[Traced]:
    """Where the numbers and the names of each step come from.

    Args:
        texts: of the steps.
        claims: of the steps; what one works out is no reading.
        question: as it was asked.
        writing: the text of each picture; none where no picture was read.
    """
    steps = [(text, tuple(claims[i])) for i, text in enumerate(texts[:MAX_STEPS])]
    if not steps:
        return [Traced()] * len(texts)
    pictures = [picture_of(each) for each in writing]
    asked = {value for _, value in numbers_in(question)}
    key = (question, *map(id, writing))
    with _TRAILS_LOCK:
        trails = _TRAILS.setdefault(key, deque(maxlen=MOST_TRAILS))
        fitting = [trail for trail in trails if len(trail.steps) < len(steps) and trail.steps == steps[: len(trail.steps)]]
        trail = max(fitting, key=lambda trail: len(trail.steps), default=_Trail([], [], _Known(), tuple(writing)))
        if fitting:
            trails.remove(trail)  # nobody else goes on from it meanwhile
    for i in range(len(trail.steps), len(steps) - 1):
        trail.traced.append(_of_step(i, *steps[i], asked, pictures, trail.known))
        trail.steps.append(steps[i])
    last = _of_step(len(steps) - 1, *steps[-1], asked, pictures, trail.known.copy())
    with _TRAILS_LOCK:
        trails.append(trail)
    return [*trail.traced, last, *[Traced()] * (len(texts) - len(steps))]


def _of_step(
    index: int, text: str, claims: Sequence[Claim], asked: set[Fraction], pictures: Sequence[PictureText], known: _Known
) -> Traced:
    names = names_in(text, [picture.writing for picture in pictures])
    results = {claim.end for claim in claims if re.search("[=≈]| is ", claim.text)}
    counted = _counting(text)
    numbers = [behind_name(token, value, names) for token, value in numbers_in(text)]
    found = [(token, value) for token, value in numbers if not is_in_a_name(text, token, names)]
    names = [without_number(named, [token for token, _ in found]) for named in names]
    sources: list[Source] = []
    told: list[Named] = []
    read = 0
    for nth, (token, value) in enumerate(found):
        last = found[nth - 1][0].end if nth else 0
        following = found[nth + 1][0].start if nth + 1 < len(found) else len(text)
        named = name_of(text, token, last, following, names)
        told += [named] if named is not None else []
        if token.end in counted or (token.end in results and not named):
            known.made[value] = index + 1
            continue
        source = _source(index, text, token, value, named, names, asked, pictures, known)
        if source.kind in ("picture", "estimate"):
            if value not in known.read or known.read[value].verdict != "true":  # of two readings alike the one that holds is meant
                known.read[value] = source
            if source.name:
                known.by_name.setdefault((source.name.casefold(), value), source)
        read += named is not None
        sources.append(source)
    known.counts |= {read, len(found)}
    return Traced(tuple(sources), tuple(looked_up(text, names, told)))


_COUNTED = re.compile(r"\b(?:yes|no|makes) (\d+)\b", re.IGNORECASE)


def _counting(text: str) -> set[int]:
    """Where numbers end that only count: ``yes 2``, ``That makes 3``, ``Count Ada 1, Eva 2``."""
    ends = {match.end() for match in _COUNTED.finditer(text)}
    if re.match(r"\W*count\b", text, re.IGNORECASE):
        found = [(token.end, value) for token, value in numbers_in(text)]
        ends |= {end for i, (end, value) in enumerate(found) if value - found[0][1] == i and found[0][1] in (0, 1)}
    return ends


def _source(
    index: int, text: str, token: Token, value: Fraction, named: Named | None, names: Sequence[Named], asked: set[Fraction],
    pictures: Sequence[PictureText], known: _Known,
) -> Source:  # fmt: skip
    written = text[token.start : token.end]
    blank = Source(text=written, start=token.start, end=token.end, kind="unknown")
    name = named.name if named else ""
    if named is not None and (earlier := known.by_name.get((name.casefold(), value))) is not None:
        return _again(earlier, token, written)
    if named is None:
        if value in known.made:
            return replace(blank, kind="step", step=known.made[value], why=f"worked out in step {known.made[value]}")
        if value in known.read:
            return _again(known.read[value], token, written)
        if value in asked:
            return replace(blank, kind="question", why="stands in the question")
    best: Source | None = None
    for i, picture in enumerate(pictures):
        texts = picture.places(value) or picture.places(_with_points(written))
        if not texts:
            continue
        made = _in_picture(text, blank, i, picture, texts, named, names)
        if best is None or made.standing == "with it":
            best = made
    if best is None or best.standing != "with it":
        estimate = _estimate(text, blank, value, named, names, pictures)
        if estimate is not None and (best is None or best.standing != "elsewhere" or estimate.standing == "with it"):
            return estimate
    if best is not None and (named is not None or not _is_divisor(text, token, value, known)):
        return best
    if named is None and _is_given(text, token, value, known):
        return replace(blank, kind="given", why="a known number" if value in GIVEN else "a count of what was listed")
    if value in known.made:
        return replace(blank, kind="step", name=name, step=known.made[value], why=f"worked out in step {known.made[value]}")
    if named is not None and any(picture.is_within(value) for picture in pictures):
        return replace(blank, kind="estimate", name=name, named=named.texts, why=f"{written} is not printed; it may be read off the axis")
    why = f"no {written} in the picture" if pictures else "no text of a picture to look in"
    return replace(blank, name=name, named=named.texts if named else (), why=why)


def _estimate(
    text: str, blank: Source, value: Fraction, named: Named | None, names: Sequence[Named], pictures: Sequence[PictureText]
) -> Source | None:
    """A number that was read off an axis, held against what is drawn there; None where that was not measured."""
    if named is None or named.picture >= len(pictures):
        return None
    picture = pictures[named.picture]
    name = named.name.casefold()
    heads = {other.name.casefold() for other in names if other.picture == named.picture and heads_list(text, other, blank, names)}
    at = [each for each in picture.writing.drawn if name in (each.name.casefold(), each.series.casefold())]
    both = [each for each in at if {each.name.casefold(), each.series.casefold() or name} - {name} <= heads]
    if len(both) != 1 or _may_be_worked_out(text, blank, named, names):
        return None
    drawn, standing = both[0], _fits(both[0], value, picture)
    at_name = f"{drawn.name} of {drawn.series}" if drawn.series else drawn.name
    why = f"{at_name} is drawn at about {drawn.about}" + (f", not at {blank.text}" if standing == "elsewhere" else "")
    return replace(
        blank, kind="estimate", name=named.name, standing=standing, named=named.texts, picture=named.picture, why=why, drawn=drawn,
    )  # fmt: skip


def _fits(drawn: Drawn, value: Fraction, picture: PictureText) -> Standing:
    """Whether ``value`` is where it is drawn, as well as a person reads it off the axis."""
    size = abs(drawn.value)
    span = float(picture.reach[1] - picture.reach[0]) if picture.reach else max(abs(each.value) for each in picture.writing.drawn)
    off = min(abs(float(value / scale) - drawn.value) for scale in picture.scales)
    if off <= drawn.error + 0.04 * min(size, span):
        return "with it"
    return "elsewhere" if off > 2 * drawn.error + min(0.06 * size + 0.015 * span, 0.08 * span) else ""


def _with_points(written: str) -> Fraction:
    """The value of ``1.200`` where points separate thousands, else one that stands nowhere."""
    digits = re.fullmatch(r"\D*(\d{1,3}(?:\.\d{3})+)", written)
    return Fraction(digits[1].replace(".", "")) if digits else Fraction(-1)


def _again(earlier: Source, token: Token, written: str) -> Source:
    """``earlier``, written once more."""
    return replace(earlier, text=written, start=token.start, end=token.end)


def _is_given(text: str, token: Token, value: Fraction, known: _Known) -> bool:
    """Whether a number is one that a solver knows: beside a sign, a fact or a count of what was listed."""
    beside = re.search(r"[-+*/×÷·−]\s*$|\bby\s*$", text[max(0, token.start - 8) : token.start]) or re.match(
        r"\s*[-+*/×÷·−]", text[token.end :]
    )
    return bool(beside) and (value in GIVEN or value in known.counts)


def _is_divisor(text: str, token: Token, value: Fraction, known: _Known) -> bool:
    """Whether something is divided by the count of what was listed."""
    return value in known.counts and bool(re.search(r"(?:[/÷]|\\div|\bby)\s*$", text[max(0, token.start - 8) : token.start]))


def _in_picture(
    text: str, blank: Source, i: int, picture: PictureText, texts: list[Text], named: Named | None, names: Sequence[Named]
) -> Source:
    """A number that stands in ``texts`` of a picture, seen from its name."""
    said = blank.text
    if named is None:
        return replace(blank, kind="picture", texts=tuple(texts), picture=i, why=f"{said} stands in the picture")
    if named.picture != i or not named.texts:
        why = f"{said} stands in the picture, {named.name} was not found there"
        return replace(blank, kind="picture", name=named.name, texts=tuple(texts), picture=i, why=why)
    context = [
        other
        for other in names
        if other.picture == i and not picture.labels.are_alike(other.texts, named.texts) and heads_list(text, other, blank, names)
    ]
    standings = {id(text): _standing(picture, text, named, context) for text in texts}
    ordered = sorted(texts, key=lambda text: (standings[id(text)] != "with it", _distance(text, named.texts)))
    told = set(standings.values())
    standing: Standing = "with it" if "with it" in told else "elsewhere" if told == {"elsewhere"} else ""
    if standing == "elsewhere" and _may_be_worked_out(text, blank, named, names):
        standing = ""
    owner = picture.labels.owner(ordered[0])
    if standing == "elsewhere" and owner is not None and owner.text.casefold() == named.name.casefold():
        standing = ""  # the same words stand in several places
    if standing == "with it":
        why = f"{said} stands at {named.name}"
    elif standing == "elsewhere" and owner is not None:
        why = f"{said} stands at {owner.text}, not at {named.name}"
    else:
        at = f"at {owner.text}" if owner is not None else "in the picture"
        why = f"{said} stands {at}; its place does not tell whether it belongs to {named.name}"
    return replace(
        blank, kind="picture", name=named.name, standing=standing, texts=tuple(ordered), named=named.texts, picture=i, why=why,
    )  # fmt: skip


_HYPOTHETICAL = re.compile(r"\b(?:if|needs?|gets?|loses?|gains?|would|differ\w*|to beat|respectively|total|altogether)\b", re.IGNORECASE)


def _may_be_worked_out(text: str, blank: Source, named: Named, names: Sequence[Named]) -> bool:
    """Whether a number beside a name may not be its reading: several names before it, a supposition, an amount more or less."""
    clause = re.split(r"[.;\n]\s", text[max(0, blank.start - 150) : blank.start])[-1]
    since = re.split(r"\d", clause)[-1]
    told = {other.name for other in names if not other.heads or other.name == named.name}
    many = sum(bool(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", since)) for name in told) > 1
    after = re.match(
        r"\W*(?:more|fewer|less|higher|lower|in total|altogether|each)\b|\s*\(\s*\w", text[blank.end : blank.end + 20], re.IGNORECASE
    )
    computed = re.search(r"[-+*/×÷=]\s*[$€£]?$", text[max(0, blank.start - 4) : blank.start])
    return many or bool(after or computed or _HYPOTHETICAL.search(clause))


def _standing(picture: PictureText, text: Text, named: Named, heads: Sequence[Named]) -> Standing:
    """Where ``text`` stands, seen from its name and from what heads its list: a category and its series, a row and its column.

    Where several numbers stand at a name, only both together tell which one is meant.
    """
    own, above = _seen_from(picture, text, named.texts), [_seen_from(picture, text, head.texts) for head in heads]
    if own == "elsewhere" or "elsewhere" in above:
        return "elsewhere"
    labels = picture.labels
    if own == "with it":
        alone = any(len(labels.numbers_of(name)) < 2 for name in named.texts if labels.stands(text, name) == "with it")
        series = any(labels.is_series(text, name, series) for name in named.texts for head in heads for series in head.texts)
        return "with it" if alone or "with it" in above or series else ""
    if "with it" in above:
        alone = any(len(labels.numbers_of(name)) == 1 for head in heads for name in head.texts)
        series = any(labels.is_series(text, name, series) for head in heads for name in head.texts for series in named.texts)
        return "with it" if alone or series else ""
    return ""


def _seen_from(picture: PictureText, text: Text, named: Iterable[Text]) -> Standing:
    told = {picture.labels.stands(text, name) for name in named}
    return "with it" if "with it" in told else "elsewhere" if told == {"elsewhere"} else ""


def _distance(text: Text, named: Sequence[Text]) -> float:
    return min((text.box.distance(name.box) for name in named), default=0.0)

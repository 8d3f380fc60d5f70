"""The names of pictures in a text, and for which of them a number is told: ``Museum 64``, ``64 visitors for Museum``, ``In 2024: …``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from vision.pictures.labels import Labels, value_of
from vision.pictures.writing import Text, Writing
from vision.thoughts.expressions import NotUnderstood, Unchecked, number
from vision.thoughts.marks import Mark
from vision.thoughts.tokens import Token, tokens_of

SCALES = ((1000, r"thousand|\bk\b|\d000s"), (1_000_000, r"million|\bmn?\b|\bmm\b"), (1_000_000_000, r"billion|\bbn\b"))
"""What a printed number stands for where the picture says thousands, millions or billions."""


class PictureText:
    """A picture's text, looked up by value and by name."""

    def __init__(self, writing: Writing) -> None:
        self.writing = writing
        self.labels = Labels(writing)
        self.numbers: dict[Fraction, list[Text]] = {}
        for text in writing.texts:
            for value in () if id(text) in self.labels.years else _values_in(text.text):
                self.numbers.setdefault(value, []).append(text)
        self.names = [text for text in writing.texts if self.labels.is_label(text)]
        by_name: dict[str, list[Text]] = {}
        for label in self.names:
            by_name.setdefault(" ".join(label.text.casefold().split()), []).append(label)
        self.by_name = [(re.findall(r"\w+", name)[0], _as_pattern(name), tuple(labels)) for name, labels in by_name.items()]
        self.reach = self._reach()
        said = " ".join(text.text for text in writing.texts)
        self.scales = [1, *(size for size, words in SCALES if re.search(words, said, re.IGNORECASE))]

    def _reach(self) -> tuple[Fraction, Fraction] | None:
        """The least and the greatest number of its scales."""
        values = [value for text in self.writing.texts if id(text) in self.labels.scale and (value := value_of(text.text)) is not None]
        return (min(values), max(values)) if values else None

    def places(self, value: Fraction) -> list[Text]:
        """The texts in which ``value`` stands, scales left aside where it stands elsewhere too."""
        found = [text for scale in self.scales for text in self.numbers.get(value / scale, ())]
        return [text for text in found if id(text) not in self.labels.scale]

    def is_within(self, value: Fraction) -> bool:
        """Whether ``value`` may have been read off an axis."""
        if self.reach is None:
            return False
        low, high = self.reach
        return any(low <= value / scale <= high + (high - low) / 5 for scale in self.scales)


@lru_cache(64)
def picture_of(writing: Writing) -> PictureText:
    return PictureText(writing)


def labels_of(writing: Writing) -> Labels:
    """The labels of a picture whose texts are those that :func:`sources_of` names, also where ``writing`` is an equal copy."""
    return picture_of(writing).labels


def _values_in(text: str) -> Iterator[Fraction]:
    """The value of a text, or those of the numbers in it."""
    whole = value_of(text)
    if whole is not None:
        yield whole
        return
    yield from (value for _, value in numbers_in(text))


@lru_cache(4096)
def numbers_in(text: str) -> tuple[tuple[Token, Fraction], ...]:
    """The numbers of ``text`` with their values."""
    found = []
    for token in tokens_of(text):
        if token.kind in ("number", "mixed"):
            for point in (".", ","):
                try:
                    found.append((token, number(token.text, point)))
                    break
                except (NotUnderstood, Unchecked):
                    continue
    return tuple(found)


def _as_pattern(name: str) -> re.Pattern[str]:
    words = r"\W+".join(re.escape(word) for word in re.findall(r"\w+", name))
    return re.compile(rf"(?<!\w){words}(?!\w)", re.IGNORECASE)


@dataclass(frozen=True)
class Named:
    """A name in a step: its place, the texts of a picture in which it stands (none where it was not found), and whether a list follows."""

    start: int
    end: int
    name: str
    picture: int
    texts: tuple[Text, ...]
    heads: bool = False


def names_in(text: str, writing: Sequence[Writing]) -> list[Named]:
    """The names of pictures that stand in ``text``, the longest ones where they overlap."""
    found: list[Named] = []
    low = text.casefold()
    for i, picture in enumerate(map(picture_of, writing)):
        for first, pattern, labels in picture.by_name:
            for match in pattern.finditer(text) if first in low else ():
                heads = bool(re.match(r"\s*:", text[match.end() : match.end() + 3]))
                found.append(Named(*match.span(), match[0], i, labels, heads))
    found.sort(key=lambda each: (each.start - each.end, each.start))
    apart: list[Named] = []
    for named in found:
        if not any(named.start < other.end and other.start < named.end and named.picture == other.picture for other in apart):
            apart.append(named)
    return sorted(apart, key=lambda each: each.start)


@dataclass(frozen=True, kw_only=True)
class Lookup(Mark):
    """A name in a step that stands in the picture and for which no number is told there: ``The highest is Museum``.

    Attributes:
        texts: in which it stands.
        picture: of which picture, counted from 0.
    """

    texts: tuple[Text, ...]
    picture: int


def looked_up(text: str, names: Sequence[Named], told: Sequence[Named]) -> Iterator[Lookup]:
    """The names that a step holds as a picture writes them, but for those that a number is told for; of two pictures the first's."""
    last = 0
    for named in names:
        if named.start < last or any(named.start == other.start for other in told):
            continue
        alike = " ".join(named.name.split()) in {" ".join(label.text.split()) for label in named.texts}
        article = named.name in ("A", "I") and re.match(r" [a-z]", text[named.end :])
        if alike and not article and re.match(r"[^\W_]", named.name) and not named.name[0].islower():
            last = named.end
            why = f"{named.name} stands in the picture"
            yield Lookup(text=named.name, start=named.start, end=named.end, why=why, texts=named.texts, picture=named.picture)


def is_in_a_name(text: str, token: Token, names: Sequence[Named]) -> bool:
    """Whether a number is part of a name, ``Room 6``; at its end it may be a value that OCR read with it: ``Judge 13``, no other behind."""
    for named in names:
        if named.start <= token.start and token.end <= named.end:
            ends = token.end == named.end and named.start < token.start and len(named.texts) == 1
            return not (ends and re.match(r"\s*(?:[,;]|\.(?!\d)|$)", text[token.end :]) and "->" not in text)
    return False


def behind_name(token: Token, value: Fraction, names: Sequence[Named]) -> tuple[Token, Fraction]:
    """A number without the digits with which the name before it ends: ``Room 4 229`` says 229 of Room 4."""
    for named in names:
        at = named.end - token.start
        if 0 < at < len(token.text) - 1 and token.text[at].isspace() and named.start < token.start:
            rest = token.text[at + 1 :]
            return replace(token, text=rest, start=named.end + 1), number(rest)
    return token, value


def without_number(named: Named, numbers: Sequence[Token]) -> Named:
    """``named`` without the value that OCR read with it."""
    inside = [token for token in numbers if named.start < token.start and token.end == named.end]
    if not inside:
        return named
    end = inside[0].start
    return replace(named, end=end, name=named.name[: end - named.start].rstrip())


def name_of(text: str, token: Token, last: int, following: int, names: Sequence[Named]) -> Named | None:
    """The name that the number at ``token`` is read for: right before it, or behind ``for``, ``of``, ``in``."""
    before = [named for named in names if last <= named.start and named.end <= token.start and not _is_behind(text, last, named)]
    between = text[before[-1].end : token.start] if before else ""
    if before and re.fullmatch(r"[\s:=(|*}$]{0,8}", between):
        return before[-1]
    behind = [named for named in names if token.end <= named.start < following]
    if behind and _is_behind(text, token.end, behind[0]) and not before:
        return behind[0]
    written = re.search(
        r"(?:^|[,:;|]|\b(?:read|look up|and)\b)\s*([^\W\d_][\w'’&./-]*(?:\s[^\W_][\w'’&./-]*){0,3})\s*[:=]?\s*$",
        text[last : token.start],
        re.I,
    )
    own = written is not None and not _PROSE & set(written[1].casefold().split()) and written[1][0].isupper()
    follows = own and written is not None and (not before or last + written.start(1) >= before[-1].end)
    if before and not follows and not re.search(r"[.;\n]\s|,\s*$", between):
        return before[-1]
    if own and written is not None:
        return Named(last + written.start(1), last + written.end(1), written[1], 0, ())
    return None


def _is_behind(text: str, end: int, named: Named) -> bool:
    """Whether a name belongs to the number that ends at ``end`` right before it: ``64 visitors for Museum``."""
    return end > 0 and bool(re.fullmatch(r"[^,.;:\n|\d]{0,30}\b(?:for|of|in|at|above|beside)\s+(?:the\s+)?", text[end : named.start]))


_PROSE = frozenset(
    "read look add subtract multiply divide check left from to the a an so then next is are was has have of in for with than and or not"
    " higher lower above below total sum step answer result that makes count first last average mean by at it this there".split()
)


def heads_list(text: str, other: Named, number: Mark, names: Sequence[Named]) -> bool:
    """Whether a name is what a ``number`` is told for beside its own: ``Mon: …``, ``In 2024, …``, ``… in 2024``."""
    own = re.match(r"\W{0,3}[$€£¥]?(?=\d)", text[other.end :])
    if own and not any(named.start == other.end + own.end() for named in names):
        return False  # it has a number of its own
    if other.end <= number.start:
        lead = text[max(0, other.start - 45) : other.start]
        taken = re.search(r"\d[^,.;:\n|\d]{0,30}\b(?:for|of|in|at|above|beside)\s+(?:the\s+)?$", lead)
        same = not taken and not re.search(r"[.;\n]\s", text[other.end : number.start])
        return same and (other.heads or bool(re.search(r"\b(?:in|for|during)\s+(?:the\s+)?$", lead, re.IGNORECASE)))
    return other.start >= number.end and _is_behind(text, number.end, other)

"""Which label a number of a picture stands with: the name below its bar, beside it in its row, above its column.

    labels = Labels(writing)
    labels.stands(number, name)  # "with it", "elsewhere" or "" where the places of texts do not tell

Only what the places of texts show is told. Where a name belongs to a number by its color (a legend), or where labels do not stand in
a line, nothing is. The numbers of a scale are told apart: nothing is read off them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Literal

from vision.pictures.writing import Text, Writing

Standing = Literal["with it", "elsewhere", ""]

_VALUE = re.compile(
    r"(?P<sign>[-−–]?)\s*[$€£¥]?\s*(?P<digits>\d+(?:[.,'  ]\d+)*|\.\d+)\s*"
    r"(?P<scale>[kKM]|bn|million|thousand)?\s*(?P<unit>%|°\s?[CF]?|[^\d\W]{1,8}\.?)?"
)
_SCALES = {"k": 10**3, "K": 10**3, "thousand": 10**3, "M": 10**6, "million": 10**6, "bn": 10**9}
_THIRD = 0.34
"""Of the gap between two labels, how far from its label a number may stand to be its own."""
_UNEVEN = 0.06
"""Of the least step between two numbers of a scale, how far another may be from one of its multiples: 0, 33, 67, 100."""


def value_of(text: str) -> Fraction | None:
    """The value of a text that is one number, perhaps with a sign, a currency and a unit; else None.

    >>> value_of("1,200"), value_of("−3.5 %"), value_of("12k"), value_of("Q3")
    (Fraction(1200, 1), Fraction(-7, 2), Fraction(12000, 1), None)
    """
    match = _VALUE.fullmatch(text.strip())
    if match is None:
        return None
    digits = re.sub("['  ]", "", match["digits"])
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", digits):
        digits = digits.replace(",", "")
    elif re.fullmatch(r"\d{1,3}(?:\.\d{3}){2,}(?:,\d+)?|\d{1,3}\.\d{3},\d+", digits):
        digits = digits.replace(".", "").replace(",", ".")
    elif digits.count(",") == 1 and "." not in digits:
        digits = digits.replace(",", ".")
    if len(digits) > 30 or digits.count(".") > 1 or "," in digits:
        return None
    return Fraction(digits) * _SCALES.get(match["scale"] or "", 1) * (-1 if match["sign"] else 1)


@dataclass(frozen=True)
class Line:
    """Labels that stand in a line with even gaps, each for the numbers nearest to it.

    Attributes:
        labels: in order.
        places: of each along the line, pixels.
        across: whether the line goes from left to right.
    """

    labels: tuple[Text, ...]
    places: tuple[float, ...]
    across: bool

    @cached_property
    def gap(self) -> float:
        """The least distance between two of them, pixels."""
        return min(b - a for a, b in pairwise(self.places))

    def nearest(self, number: Text) -> tuple[Text, float]:
        """The label that ``number`` is nearest to along the line, and how far, in gaps."""
        at = number.box.middle[0 if self.across else 1]
        i = min(range(len(self.places)), key=lambda i: abs(self.places[i] - at))
        return self.labels[i], abs(self.places[i] - at) / self.gap


class Labels:
    """The numbers of a picture and the labels in a line that they stand at."""

    def __init__(self, writing: Writing) -> None:
        self.writing = writing
        self._at: dict[int, list[Text]] = {}
        self._standings: dict[tuple[int, int], Standing] = {}
        self.values = {id(text): value for text in writing.texts if (value := value_of(text.text)) is not None}

    @cached_property
    def scale(self) -> frozenset[int]:
        """The numbers of scales: in a line, their values growing with their places."""
        numbers = [text for text in self.writing.texts if id(text) in self.values and text.level]
        found: set[int] = set()
        places: tuple[tuple[Callable[[Text], float], int, int], ...] = (
            (lambda text: text.box.right, 1, -1),
            (lambda text: text.box.left, 1, -1),
            (lambda text: text.box.middle[0], 1, -1),
            (lambda text: text.box.middle[1], 0, 1),
        )
        for place, along, sign in places:
            for line in in_line(numbers, place):
                found |= {id(text) for text in self._growing(line, along, sign)}
        return frozenset(found - self.years)

    @cached_property
    def years(self) -> frozenset[int]:
        """Numbers that are labels: years in a line, one after the other."""
        years = [text for text in self.writing.texts if re.fullmatch(r"(?:18|19|20|21)\d\d", text.text.strip())]
        found: set[int] = set()
        for place in (_middle_y, _top, _bottom, _left, _right):
            for group in in_line(years, place):
                values = sorted(int(text.text) for text in group)
                if len(values) > 1 and all(0 < b - a <= 10 for a, b in pairwise(values)):
                    found |= set(map(id, group))
                for year in group if len(group) == 1 else ():
                    beside = [
                        t for t in self.writing.texts if t.level == year.level and abs(place(t) - place(year)) < 0.5 * year.box.height
                    ]
                    names = sum(id(t) not in self.values for t in beside)
                    found |= {id(year)} if names > 1 and names == len(beside) - 1 else set()
        return frozenset(found)

    def is_label(self, text: Text) -> bool:
        """Whether ``text`` may name something."""
        return (id(text) not in self.values and bool(re.search(r"\w", text.text))) or id(text) in self.years

    def _growing(self, line: Sequence[Text], along: int, sign: int) -> Sequence[Text]:
        """``line`` where its values are evenly spaced along it, three or more; else nothing."""
        line = sorted(line, key=lambda text: text.box.middle[along])
        if len(line) < 3:
            return ()
        at = [text.box.middle[along] for text in line]
        values = [float(self.values[id(text)]) for text in line]
        rise = (values[-1] - values[0]) / (at[-1] - at[0]) if at[-1] > at[0] else 0.0
        if rise * sign <= 0:
            return ()
        steps = [abs(b - a) for a, b in pairwise(values)]
        if any(abs(step / min(steps) - round(step / min(steps))) > _UNEVEN for step in steps if min(steps)):  # 92, 50 and 3 of a table
            return ()
        off = max(abs(value - values[0] - rise * (a - at[0])) for value, a in zip(values, at, strict=True))
        return line if off <= 0.03 * abs(values[-1] - values[0]) else ()

    @cached_property
    def numbers(self) -> tuple[Text, ...]:
        """The numbers that may be values: of no scale, and no labels."""
        return tuple(t for t in self.writing.texts if id(t) in self.values and id(t) not in self.scale and id(t) not in self.years)

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """Labels in a line, of which most have a number: names below bars, before rows, above columns."""
        shown = [text for text in self.writing.texts if self.is_label(text)]
        made = []
        for across, place in ((True, _middle_y), (True, _top), (True, _bottom), (False, _left), (False, _right), (False, _middle_x)):
            for group in in_line(shown, place):
                labels = self._with_numbers(sorted(group, key=lambda text: anchor(text)[0 if across else 1]), across)
                line = Line(tuple(labels), tuple(anchor(text)[0 if across else 1] for text in labels), across)
                if len(labels) > 1 and self._is_axis(line) and line not in made:
                    made.append(line)
        return (*_nearest_below([line for line in made if line.across], self.numbers), *(line for line in made if not line.across))

    def _with_numbers(self, labels: list[Text], across: bool) -> list[Text]:
        """``labels`` in order, without those at both ends that have no number: titles of axes, a table's first heading."""

        middle = 0 if across else 1
        gap = min((b - a for a, b in pairwise(anchor(label)[middle] for label in labels)), default=0.0)

        def has(label: Text) -> bool:
            at = anchor(label)[middle]
            reach = max(label.box.width, 0.9 * gap) / 2 if across else 0.7 * label.box.height
            return any(abs(number.box.middle[middle] - at) < reach for number in self.numbers if number is not label)

        kept = [i for i, label in enumerate(labels) if has(label)]
        return labels[kept[0] : kept[-1] + 1] if kept else []

    def _is_axis(self, line: Line) -> bool:
        """Whether ``line`` is far and even enough, and most of its labels have numbers of their own."""
        gaps = [b - a for a, b in pairwise(line.places)]
        size = self.writing.size[0 if line.across else 1]
        if min(gaps) <= 0 or line.places[-1] - line.places[0] < (0.2 if line.across else 0.07) * size:
            return False
        if any(abs(gap / min(gaps) - round(gap / min(gaps))) > 0.22 for gap in gaps):  # one may be missing
            return False
        numbers = self._numbers_at(line)
        own = {id(label) for number in numbers if (near := line.nearest(number))[1] < _THIRD for label in (near[0],)}
        return len(own) >= max(2, 0.6 * len(line.labels))

    def _numbers_at(self, line: Line) -> list[Text]:
        """The numbers that a line's labels may have: not of a scale, not in the line itself."""
        members = set(map(id, line.labels))
        numbers = [text for text in self.numbers if id(text) not in members]
        if line.across:
            below = max(text.box.bottom for text in line.labels)
            above = min(text.box.top for text in line.labels)
            return [text for text in numbers if text.box.bottom <= above or text.box.top >= below]
        left = min(text.box.middle[0] for text in line.labels)  # names of a legend stand right of what they name
        near = [text for text in numbers if line.nearest(text)[1] * line.gap < 0.7 * text.box.height + 2]
        return [text for text in near if text.box.right > left]

    def stands(self, number: Text, name: Text) -> Standing:
        """Where ``number`` stands, seen from ``name``."""
        pair = id(number), id(name)
        if pair not in self._standings:
            self._standings[pair] = self._stands(number, name)
        return self._standings[pair]

    def _stands(self, number: Text, name: Text) -> Standing:
        if number is name:
            return "with it"
        told: set[Standing] = set()
        for line in self.lines:
            if not any(label is name for label in line.labels) or not any(text is number for text in self._at_line(line)):
                continue
            label, gaps = line.nearest(number)
            if label is name and gaps < 0.5:
                told.add("with it")
            elif label is not name and gaps < _THIRD and len(line.labels) > 2:
                told.add("elsewhere")
        if not told and self._are_neighbours(number, name):
            return "with it"
        return told.pop() if len(told) == 1 else ""

    def _at_line(self, line: Line) -> list[Text]:
        """:meth:`_numbers_at` one of :attr:`lines`, kept."""
        if id(line) not in self._at:
            self._at[id(line)] = self._numbers_at(line)
        return self._at[id(line)]

    def numbers_of(self, name: Text) -> list[Text]:
        """The numbers that stand at ``name``, in the order in which they are read."""
        for line in self.lines:
            if any(label is name for label in line.labels):
                own = [number for number in self._at_line(line) if line.nearest(number)[0] is name and line.nearest(number)[1] < 0.5]
                return sorted(own, key=lambda number: number.box.middle[0])
        return []

    @cached_property
    def legend(self) -> tuple[Text, ...]:
        """The names of several series in their order, where each label of a line has a number for each of them; else nothing."""
        lines = [line for line in self.lines if line.across]
        if len(lines) != 1:
            return ()
        counts = [len(self.numbers_of(label)) for label in lines[0].labels]
        many = max(counts)
        if many < 2 or counts.count(many) < 0.6 * len(counts):
            return ()
        others = [text for text in self.writing.texts if self.is_label(text) and not any(text is label for label in lines[0].labels)]
        for place, order in ((_left, 1), (_middle_y, 0)):
            for group in in_line(others, place):
                if len(group) == many and all(text.level for text in group):
                    return tuple(sorted(group, key=lambda text: text.box.middle[order]))
        return ()

    def is_series(self, number: Text, label: Text, series: Text) -> bool:
        """Whether ``number`` stands at ``label`` in the place that ``series`` has in the legend."""
        own = self.numbers_of(label)
        if len(own) != len(self.legend) or not any(text is series for text in self.legend):
            return False
        if any(b.box.middle[0] - a.box.middle[0] < 0.5 * min(a.box.width, b.box.width) for a, b in pairwise(own)):
            return False  # one above the other, as at the points of lines
        at = next((i for i, text in enumerate(own) if text is number), -1)
        return at >= 0 and self.legend[at] is series

    def are_alike(self, some: Sequence[Text], others: Sequence[Text]) -> bool:
        """Whether both are names of one kind: labels of one line."""
        one, other = set(map(id, some)), set(map(id, others))
        return any(one & members and other & members for line in self.lines for members in ({id(label) for label in line.labels},))

    def owner(self, number: Text) -> Text | None:
        """The label that ``number`` stands with, where a line tells one."""
        owners = [
            near[0] for line in self.lines if (near := line.nearest(number))[1] < _THIRD and any(t is number for t in self._at_line(line))
        ]
        return owners[0] if owners else None

    def _are_neighbours(self, number: Text, name: Text) -> bool:
        """Whether both are nearest to each other, nearly touching: a slice's name and its share."""
        names = [text for text in self.writing.texts if self.is_label(text)]
        numbers = self.numbers
        near = number.box.distance(name.box) < 1.2 * min(number.box.height, name.box.height)
        return (
            near
            and min(names, key=lambda text: text.box.distance(number.box), default=None) is name
            and min(numbers, key=lambda text: text.box.distance(name.box), default=None) is number
        )


def _nearest_below(lines: Sequence[Line], numbers: Sequence[Text]) -> list[Line]:
    """Of several lines across, names and perhaps a legend, the one right below the ``numbers``; above them where none is below."""
    if len({line.labels for line in lines}) < 2 or not numbers:
        return list(lines)
    middle = sorted(text.box.middle[1] for text in numbers)[len(numbers) // 2]

    def order(line: Line) -> tuple[bool, float]:
        off = line.labels[0].box.middle[1] - middle
        return off < 0, abs(off)

    return [min(lines, key=order)]


def anchor(text: Text) -> tuple[float, float]:
    """The point at which a label stands: the end that hangs from its mark, where it is turned."""
    x, y = text.box.middle
    if text.level or abs(text.angle) > 70:
        return x, y
    return (text.box.right, text.box.top) if text.angle > 0 else (text.box.left, text.box.top)


def _middle_y(text: Text) -> float:
    return text.box.middle[1] if text.level else math.inf


def _top(text: Text) -> float:
    return math.inf if text.level else text.box.top


def _bottom(text: Text) -> float:
    return math.inf if text.level else text.box.bottom


def _left(text: Text) -> float:
    return text.box.left if text.level else math.inf


def _middle_x(text: Text) -> float:
    return text.box.middle[0] if text.level else math.inf


def _right(text: Text) -> float:
    return text.box.right if text.level else math.inf


def in_line(texts: Sequence[Text], place: Callable[[Text], float]) -> list[list[Text]]:
    """Groups of ``texts`` whose ``place`` differs by less than most of a letter's height from one to the next."""
    placed = sorted((text for text in texts if math.isfinite(place(text))), key=place)
    groups: list[list[Text]] = []
    for text in placed:
        thick = min(text.box.height, text.box.width) if not text.level else text.box.height
        if groups and place(text) - place(groups[-1][-1]) < 0.7 * thick:
            groups[-1].append(text)
        else:
            groups.append([text])
    return groups

"""Slices of pies and rings, measured by their angles, with names beside them or in a legend; where it is not plain, nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from PIL import Image, ImageDraw

from finetune.charts.records import make
from vision import Reply
from vision.pictures.box import Box
from vision.pictures.drawn import measure
from vision.pictures.writing import Drawn, Text, Writing, read_writing

COLORS = ((31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40))
NAMES, VALUES = ("Rent", "Food", "Travel", "Savings"), (40, 25, 20, 15)
MIDDLE, RADIUS = (200, 200), 110


class Pie:
    """A pie of 500 x 400 pixels whose texts are known without OCR."""

    def __init__(
        self, values: Sequence[float] = VALUES, colors: Sequence[tuple[int, int, int]] = COLORS, *, hole: int = 0, start: float = -90
    ) -> None:
        self.image = Image.new("RGB", (500, 400), "white")
        self.draw = ImageDraw.Draw(self.image)
        self.texts: list[Text] = []
        self.middles: list[float] = []
        square = tuple(each - RADIUS for each in MIDDLE) + tuple(each + RADIUS for each in MIDDLE)
        for value, color in zip(values, colors, strict=True):
            end = start + 360 * value / sum(values)
            self.draw.pieslice(square, start, end, fill=color, outline="white", width=2)
            self.middles.append((start + end) / 2)
            start = end
        if hole:
            self.draw.ellipse((MIDDLE[0] - hole, MIDDLE[1] - hole, MIDDLE[0] + hole, MIDDLE[1] + hole), fill="white")

    def write(self, text: str, x: float, y: float, align: float = 0.5) -> None:
        wide = 7 * len(text)
        self.texts.append(Text(text=text, box=Box(x - align * wide, y - 6, x + (1 - align) * wide, y + 6)))

    def around(self, texts: Sequence[str], far: float, turned: float = 0) -> Pie:
        """Texts at their slices, ``far`` from the middle, turned on by so many degrees."""
        for text, middle in zip(texts, self.middles, strict=True):
            along = math.radians(middle + turned)
            x, y = MIDDLE[0] + far * RADIUS * math.cos(along), MIDDLE[1] + far * RADIUS * math.sin(along)
            self.write(text, x, y, 0.5 if far < 1 else 0.0 if x > MIDDLE[0] else 1.0)
        return self

    def legend(self, names: Sequence[str], colors: Sequence[tuple[int, int, int]] = COLORS) -> Pie:
        for i, (name, color) in enumerate(zip(names, colors, strict=True)):
            self.draw.rectangle((380, 100 + 20 * i, 396, 110 + 20 * i), fill=color)
            self.write(name, 404, 105 + 20 * i, 0.0)
        return self

    def measured(self) -> dict[str, Drawn]:
        return {drawn.name: drawn for drawn in measure(self.image, Writing(size=self.image.size, texts=tuple(self.texts)))}


def told(found: dict[str, Drawn], values: Sequence[float] = VALUES) -> bool:
    return found.keys() == set(NAMES) and all(
        abs(found[name].value - value) < found[name].error for name, value in zip(NAMES, values, strict=True)
    )


@pytest.mark.parametrize("hole", [0, 66])
def test_slices_are_measured_by_their_angles(hole: int) -> None:
    assert told(Pie(hole=hole).around(NAMES, 1.1).measured()) and tuple(Pie(hole=hole).around(NAMES, 1.1).measured()) == NAMES
    assert told(Pie(hole=hole).legend(NAMES).measured())
    titled = Pie(hole=hole, start=13).around(NAMES, 1.1).around([f"{value}%" for value in VALUES], 0.7)
    titled.write("Budget of a year", 200, 30)
    assert told(titled.measured())


def test_printed_numbers_say_what_the_whole_is() -> None:
    absolute = [value * 3 for value in VALUES]
    pie = Pie().around(NAMES, 1.1).around([str(value) for value in absolute], 0.6)
    assert told(pie.measured(), absolute)
    pie.texts.pop()  # one was not read
    assert told(pie.measured(), absolute)


@pytest.mark.parametrize(
    ("pie", "why"),
    [
        (Pie(colors=(*COLORS[:2], *COLORS[:2])).around(NAMES, 1.1), "two slices of one color"),
        (Pie().around([*NAMES[:3], ""], 1.1), "a slice without a name"),
        (Pie().around(NAMES, 1.1, turned=70), "names on borders"),
        (Pie().around(NAMES, 1.1).around(["31", "34", "20", "15"], 0.6), "numbers that do not agree with the angles"),
        (Pie().around(NAMES, 1.1).around(["40", "15", "20", "25"], 0.6), "numbers at other slices"),
        (Pie().around([f"{name} {value}" for name, value in zip(NAMES, VALUES, strict=True)], 1.1), "shares beside their names"),
        (Pie().legend(NAMES[:3], COLORS[:3]), "a color that is not in the legend"),
        (Pie((100,), COLORS[:1]).around(NAMES[:1], 1.1), "a disc"),
    ],
)
def test_what_is_not_plain_is_not_told(pie: Pie, why: str) -> None:
    assert pie.measured() == {}, why


def test_a_misread_share_is_told() -> None:
    pie = Pie().legend(NAMES).around([f"{value}%" for value in VALUES], 0.7)
    writing = Writing(size=pie.image.size, texts=tuple(pie.texts), drawn=tuple(pie.measured().values()))
    wrong, right = (
        Reply(question="q", thought=f"Read Savings {value}, Food 25.", writing=(writing,)).steps[0].sources[0] for value in (20, 15)
    )
    assert (wrong.verdict, wrong.why) == ("false", "Savings is drawn at about 15, not at 20")
    assert right.verdict == "true"


def test_drawn_pies_are_read_with_ocr() -> None:
    """Of pies of both renderers some are told, and what is told is right."""
    found = 0
    for seed in range(31_000, 31_008):
        record = make(seed, kind="pie", renderer=("pillow", "matplotlib")[seed % 2])
        truth = dict(zip(record.figure.categories, record.figure.values, strict=True))
        for drawn in read_writing(record.image).drawn:
            if drawn.name in truth:
                found += 1
                assert abs(drawn.value - truth[drawn.name]) <= max(drawn.error, 0.5), (seed, drawn)
    assert found >= 8

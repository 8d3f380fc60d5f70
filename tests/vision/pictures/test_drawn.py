from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pytest
from PIL import Image, ImageDraw

from finetune.charts.records import make
from vision.pictures.box import Box
from vision.pictures.drawn import measure
from vision.pictures.writing import Drawn, Text, Writing, read_writing

BLUE, ORANGE, GREEN, GRAY = (31, 119, 180), (255, 127, 14), (44, 160, 44), (204, 204, 204)
ZERO, SCALE = 300, 2.5
"""The row of 0, and pixels of one unit."""


class Chart:
    """A chart of 500 x 400 pixels whose texts are known without OCR."""

    def __init__(self, names: Sequence[str], ticks: Sequence[int] = (0, 20, 40, 60, 80, 100)) -> None:
        self.image = Image.new("RGB", (500, 400), "white")
        self.draw = ImageDraw.Draw(self.image)
        self.texts: list[Text] = []
        self.places = [130 + 90 * i for i in range(len(names))]
        for tick in ticks:
            self.write(str(tick), 40, ZERO - SCALE * tick)
            self.draw.line((60, ZERO - SCALE * tick, 480, ZERO - SCALE * tick), fill=GRAY)
        for name, place in zip(names, self.places, strict=True):
            self.write(name, place, ZERO + 20)

    def write(self, text: str, x: float, y: float) -> None:
        self.texts.append(Text(text=text, box=Box(x - 3.5 * len(text), y - 6, x + 3.5 * len(text), y + 6)))

    def bars(self, values: Sequence[float], color: tuple[int, int, int], *, left: int = -20, wide: int = 40, foot: float = 0) -> None:
        for place, value in zip(self.places, values, strict=True):
            if value > foot:
                self.draw.rectangle((place + left, ZERO - SCALE * value, place + left + wide - 1, ZERO - SCALE * foot - 1), fill=color)

    def line(self, values: Sequence[float], color: tuple[int, int, int]) -> None:
        points = [(place, ZERO - SCALE * value) for place, value in zip(self.places, values, strict=True)]
        self.draw.line(points, fill=color, width=3)
        for x, y in points:
            self.draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=color)

    def legend(self, names: Sequence[str], colors: Sequence[tuple[int, int, int]], x: int, y: int) -> None:
        self.draw.rectangle((x - 5, y - 14, x + 100, y + 18 * len(names) - 4), fill="white", outline=GRAY)
        for i, (name, color) in enumerate(zip(names, colors, strict=True)):
            self.draw.rectangle((x, y + 18 * i - 4, x + 20, y + 18 * i + 4), fill=color)
            self.write(name, x + 28 + 3.5 * len(name), y + 18 * i)

    def measured(self) -> dict[tuple[str, str], Drawn]:
        found = measure(self.image, Writing(size=self.image.size, texts=tuple(self.texts)))
        return {(drawn.name, drawn.series): drawn for drawn in found}


def close(measured: dict[tuple[str, str], Drawn], truth: dict[tuple[str, str], float]) -> bool:
    return measured.keys() == truth.keys() and all(abs(measured[key].value - value) <= measured[key].error for key, value in truth.items())


def test_bars_end_at_their_values() -> None:
    chart = Chart(["Museum", "Library", "Park", "Zoo"])
    chart.bars((64, 12, 85, 20), BLUE)
    measured = chart.measured()
    assert close(measured, {("Museum", ""): 64, ("Library", ""): 12, ("Park", ""): 85, ("Zoo", ""): 20})
    assert measured["Museum", ""].box == Box(110, 140, 150, 299)


def test_bars_that_lie_are_measured_too() -> None:
    chart = Chart(["Museum", "Library", "Park"])
    chart.bars((64, 12, 85), BLUE)
    image = chart.image.transpose(Image.Transpose.TRANSPOSE).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    texts = []
    for text in chart.texts:
        (x, y), wide = text.box.middle, len(text.text) * 3.5
        right = 400 - y + (wide if text.text.isdigit() else 5)  # names end before the axis
        texts.append(Text(text=text.text, box=Box(right - 2 * wide, x - 6, right, x + 6)))
    found = {drawn.name: drawn.value for drawn in measure(image, Writing(size=image.size, texts=tuple(texts)))}
    assert found == pytest.approx({"Museum": 64, "Library": 12, "Park": 85}, abs=1.0)


def test_a_legend_names_the_series_of_bars_and_lines() -> None:
    for kind in ("bars", "lines"):
        chart = Chart(["Mon", "Tue", "Wed"])
        for (name, values), color, left in zip({"Ada": (64, 12, 85), "Eva": (30, 71, 40)}.items(), (BLUE, ORANGE), (-30, 0), strict=True):
            if kind == "bars":
                chart.bars(values, color, left=left, wide=30)
            else:
                chart.line(values, color)
            assert name
        chart.legend(("Ada", "Eva"), (BLUE, ORANGE), 390, 60)
        truth = {("Mon", "Ada"): 64, ("Tue", "Ada"): 12, ("Wed", "Ada"): 85, ("Mon", "Eva"): 30, ("Tue", "Eva"): 71, ("Wed", "Eva"): 40}
        assert close(chart.measured(), truth), kind


def test_a_line_without_a_legend_is_measured_at_its_labels() -> None:
    chart = Chart(["2019", "2020", "2021", "2022"])
    chart.line((10.0, 55.0, 54.0, 90.0), GREEN)
    assert close(chart.measured(), {("2019", ""): 10, ("2020", ""): 55, ("2021", ""): 54, ("2022", ""): 90})


def test_what_a_legend_covers_is_not_told() -> None:
    chart = Chart(["Mon", "Tue", "Wed"])
    chart.bars((64, 12, 85), BLUE, left=-30, wide=30)
    chart.bars((30, 71, 95), ORANGE, left=0, wide=30)
    chart.legend(("Ada", "Eva"), (BLUE, ORANGE), 280, 90)
    assert ("Wed", "Eva") not in chart.measured() and ("Wed", "Ada") not in chart.measured() and ("Tue", "Eva") in chart.measured()


def test_of_what_is_not_plain_nothing_is_told() -> None:
    stacked = Chart(["Mon", "Tue", "Wed"])
    stacked.bars((30, 20, 40), BLUE)
    stacked.bars((64, 50, 85), ORANGE, foot=0)
    stacked.bars((30, 20, 40), BLUE)
    assert stacked.measured() == {}
    unnamed = Chart(["Mon", "Tue", "Wed"])  # two series, and no legend that tells which is which
    unnamed.bars((64, 12, 85), BLUE, left=-30, wide=30)
    unnamed.bars((30, 71, 40), ORANGE, left=0, wide=30)
    assert unnamed.measured() == {}
    two_axes = Chart(["Mon", "Tue", "Wed"])
    two_axes.bars((64, 12, 85), BLUE)
    for tick in (0, 500, 1000):
        two_axes.write(str(tick), 470, ZERO - SCALE * tick / 10)
    assert two_axes.measured() == {}
    logarithmic = Chart(["Mon", "Tue", "Wed"], ticks=())
    logarithmic.bars((64, 12, 85), BLUE)
    for power in range(4):
        logarithmic.write(str(10**power), 40, ZERO - 60 * power)
    assert logarithmic.measured() == {}


def test_a_table_is_no_chart() -> None:
    table = Chart(["Mon", "Tue"], ticks=())
    for (i, row), (j, column) in product(enumerate((10, 20, 30)), enumerate((130, 220))):
        table.write(str(row + j), column, 100 + 40 * i)
    table.draw.rectangle((90, 280, 260, 310), fill=ORANGE)
    assert table.measured() == {}


def test_large_pictures_are_measured_smaller_and_told_in_their_own_pixels() -> None:
    chart = Chart(["Museum", "Library", "Park"])
    chart.bars((64, 12, 85), BLUE)
    large = chart.image.resize((2500, 2000), Image.Resampling.NEAREST)
    texts = tuple(Text(text=text.text, box=text.box.scaled(5)) for text in chart.texts)
    found = {drawn.name: drawn for drawn in measure(large, Writing(size=large.size, texts=texts))}
    assert found["Park"].value == pytest.approx(85, abs=1) and found["Park"].box.left == pytest.approx(5 * 290, abs=6)


def test_pictures_without_text_or_pixels_tell_nothing() -> None:
    assert measure(Image.new("RGB", (1, 1)), Writing(size=(1, 1))) == ()
    texts = tuple(Text(text=str(10 * i), box=Box(0, 90 - 10 * i, 9, 99 - 10 * i)) for i in range(5))
    assert measure(Image.new("RGB", (20, 120)), Writing(size=(20, 120), texts=texts)) == ()


@pytest.mark.parametrize("renderer", ["pillow", "matplotlib"])
def test_what_is_told_of_real_charts_is_right(renderer: str) -> None:
    told = 0
    for i, kind in enumerate(("bar", "hbar", "grouped", "line") * 2):
        record = make(2_100_000_000 + i, kind=kind, renderer=renderer)
        truth = {(c, s): v for s, values in record.figure.series.items() for c, v in zip(record.figure.categories, values, strict=True)}
        for drawn in measure(record.image, read_writing(record.image)):
            value = truth.get((drawn.name, drawn.series))
            if value is not None:  # OCR may misread a name
                told += 1
                assert abs(drawn.value - value) <= 2 * drawn.error + 0.06 * abs(value), (record.seed, kind, drawn)
    assert told >= 10

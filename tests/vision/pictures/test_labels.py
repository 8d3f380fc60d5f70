from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from vision.pictures.box import Box
from vision.pictures.labels import Labels, value_of
from vision.pictures.writing import Text, Writing


def writing(*texts: tuple[str, float, float], size: tuple[int, int] = (600, 400)) -> Writing:
    """Texts by their middles, letters 12 pixels high and 7 wide."""
    return Writing(
        size=size,
        texts=tuple(Text(text=text, box=Box(x - 3.5 * len(text), y - 6, x + 3.5 * len(text), y + 6)) for text, x, y in texts),
    )


BARS = writing(
    ("Visitors", 300, 20), ("0", 40, 330), ("20", 38, 250), ("40", 38, 170), ("60", 38, 90), ("64", 120, 74), ("12", 250, 270),
    ("85", 380, 30), ("20", 510, 240), ("Museum", 120, 360), ("Library", 250, 360), ("Park", 380, 360), ("Zoo", 510, 360),
)  # fmt: skip


def test_a_number_above_a_name_stands_with_it_and_elsewhere_for_the_others() -> None:
    labels = Labels(BARS)
    text = {each.text: each for each in BARS.texts}
    assert labels.stands(text["64"], text["Museum"]) == "with it"
    assert labels.stands(text["85"], text["Library"]) == "elsewhere"
    assert labels.owner(text["85"]) is text["Park"]


def test_the_numbers_of_a_scale_are_no_values() -> None:
    labels = Labels(BARS)
    scale = [text for text in BARS.texts if id(text) in labels.scale]
    assert [text.text for text in scale] == ["0", "20", "40", "60"] and all(text.box.left < 50 for text in scale)
    assert labels.stands(scale[1], BARS.find("Museum")[0]) == ""


def test_nearly_even_values_in_a_column_are_no_scale() -> None:
    rows = (("Togo", "92"), ("Austria", "50"), ("Kyoto", "3"))
    table = Labels(writing(*((cell, 60 + 140 * x, 80 + 40 * y) for y, row in enumerate(rows) for x, cell in enumerate(row))))
    assert not table.scale and {text.text for text in table.numbers} == {"92", "50", "3"}


def test_rows_of_a_table_and_columns_below_their_headings() -> None:
    table = writing(
        ("City", 60, 40), ("North", 200, 40), ("South", 340, 40), ("Oslo", 60, 80), ("1,200", 200, 80), ("7", 340, 80),
        ("Rome", 60, 120), ("900", 200, 120), ("8", 340, 120), ("Bern", 60, 160), ("41", 200, 160), ("9", 340, 160),
    )  # fmt: skip
    labels = Labels(table)
    seven, rome, south, north = (table.find(text)[0] for text in ("7", "Rome", "South", "North"))
    assert labels.stands(seven, table.find("Oslo")[0]) == "with it" and labels.stands(seven, rome) == "elsewhere"
    assert labels.stands(seven, south) == "with it" and labels.stands(seven, north) == ""


def test_years_are_labels_and_not_a_scale() -> None:
    years = writing(("2019", 100, 360), ("2020", 250, 360), ("2021", 400, 360), ("5", 100, 200), ("9", 250, 100), ("7", 400, 150))
    labels = Labels(years)
    assert not labels.scale and labels.stands(years.find("9")[0], years.find("2020")[0]) == "with it"


def test_a_series_is_told_by_its_place_in_the_legend() -> None:
    grouped = writing(
        ("Men", 560, 60), ("Women", 560, 90), ("10", 90, 200), ("20", 130, 150), ("30", 290, 100), ("40", 330, 60), ("50", 490, 150),
        ("55", 530, 140), ("Ada", 110, 360), ("Bo", 310, 360), ("Cy", 510, 360), size=(640, 400),
    )  # fmt: skip
    labels = Labels(grouped)
    men, women, bo = (grouped.find(text)[0] for text in ("Men", "Women", "Bo"))
    assert labels.legend == (men, women)
    assert labels.is_series(grouped.find("30")[0], bo, men) and not labels.is_series(grouped.find("30")[0], bo, women)


def test_a_legend_has_a_name_for_each_series_that_can_be_read_level() -> None:
    def grouped(*names: tuple[str, float, float], angle: float = 0) -> Writing:
        made = writing(
            ("10", 90, 200), ("20", 130, 150), ("30", 290, 100), ("40", 330, 60), ("50", 490, 150), ("55", 530, 140),
            ("Ada", 110, 360), ("Bo", 310, 360), ("Cy", 510, 360), *names, size=(640, 400),
        )  # fmt: skip
        return replace(made, texts=(*made.texts[:9], *(replace(text, angle=angle) for text in made.texts[9:])))

    assert [text.text for text in Labels(grouped(("Women", 500, 30), ("Men", 300, 30))).legend] == ["Men", "Women"]
    assert Labels(grouped(("Men", 560, 60), ("Women", 560, 90), ("All", 560, 120))).legend == ()
    assert Labels(grouped(("Men", 560, 60), ("Women", 560, 90), angle=90)).legend == ()


def test_what_stands_without_order_tells_nothing() -> None:
    scattered = writing(("Ada", 100, 80), ("Bo", 420, 130), ("Cy", 250, 330), ("30", 180, 150), ("50", 330, 200), ("20", 240, 260))
    labels = Labels(scattered)
    assert {labels.stands(number, name) for number in labels.numbers for name in scattered.texts if labels.is_label(name)} == {""}
    assert Labels(Writing(size=(10, 10))).lines == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,200", 1200), ("1.234,5", Fraction(2469, 2)), ("−3.5 %", Fraction(-7, 2)), ("12k", 12000), ("80°", 80), ("3 million", 3_000_000)],
)
def test_the_value_of_a_printed_number(text: str, value: Fraction) -> None:
    assert value_of(text) == value


@pytest.mark.parametrize("text", ["Q3", "10-19", "2 h 30 min", "1:30", "", "9" * 50, "1,2,3"])
def test_what_is_no_single_number_has_no_value(text: str) -> None:
    assert value_of(text) is None

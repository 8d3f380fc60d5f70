"""The values behind a chart: printed, measured, read; and what follows from a corrected reading."""

from __future__ import annotations

import pytest

from vision import Text, Writing, read_writing, table
from vision.answers.corrections import Correction, correct
from vision.answers.tables import Cell, Table, readings_of, tabulate
from vision.pictures.box import Box
from vision.pictures.writing import Drawn
from vision.thoughts.steps import steps_of


def writing(*texts: tuple[str, float, float], drawn: tuple[Drawn, ...] = ()) -> Writing:
    made = tuple(Text(text=said, box=Box(x, y, x + 8 * len(said), y + 12)) for said, x, y in texts)
    return Writing(size=(400, 300), texts=made, drawn=drawn)


BARS = writing(("Oslo", 20, 280), ("Rome", 150, 280), ("Bonn", 280, 280), ("46", 25, 100), ("9", 155, 220), ("31", 285, 150))
ROWS = writing(("City", 10, 10), ("2023", 150, 10), ("2024", 250, 10), ("Oslo", 10, 40), ("46", 150, 40), ("50", 250, 40),
               ("Rome", 10, 70), ("9", 150, 70), ("12", 250, 70), ("Bonn", 10, 100), ("31", 150, 100), ("7", 250, 100))  # fmt: skip


def values(found: Table) -> dict[tuple[str, str], tuple[str, str]]:
    return {(name, head): (cell.value, cell.origin) for name, head, cell in found.cells}


def test_what_is_printed_at_its_name_is_told_without_a_model() -> None:
    assert tabulate(BARS).csv() == "Name,Value\nOslo,46\nRome,9\nBonn,31\n"
    assert all(cell.origin == "printed" and cell.box is not None for _, _, cell in tabulate(BARS).cells)


def test_a_table_keeps_its_heads() -> None:
    assert tabulate(ROWS).csv() == "Name,2023,2024\nOslo,46,50\nRome,9,12\nBonn,31,7\n"
    told = tabulate(ROWS).as_json()
    assert told["heads"] == ["Name", "2023", "2024"] and told["csv"] == tabulate(ROWS).csv()
    assert {"name": "Rome", "head": "2024", "value": "12", "origin": "printed", "box": [250, 70, 266, 82]} in told["cells"]  # type: ignore[operator]


def test_rows_stand_as_their_names_do_along_the_axis() -> None:
    """Texts come by rows from the top, the number of the tallest bar first."""
    found = writing(("46", 155, 100), ("31", 285, 150), ("9", 25, 220), ("Oslo", 20, 280), ("Rome", 150, 280), ("Bonn", 280, 280))
    assert tabulate(found, [("", "Paris", "5")]).csv() == "Name,Value\nOslo,9\nRome,46\nBonn,31\nParis,5\n"
    drawn = (Drawn(name="Oslo", series="", value=9, error=0.5, box=Box(20, 220, 30, 230)),)
    texts = [(text.text, text.box.left, text.box.top) for text in found.texts if text.text != "9"]
    assert tabulate(writing(*texts, drawn=drawn)).csv() == "Name,Value\nOslo,9\nRome,46\nBonn,31\n"


def test_a_list_of_names_and_numbers_has_one_column_whatever_stands_above() -> None:
    listed = writing(("City", 10, 10), ("Rain", 150, 10), ("Oslo", 10, 40), ("46", 150, 40), ("Rome", 10, 70), ("9", 150, 70))
    assert tabulate(listed).csv() == "Name,Value\nOslo,46\nRome,9\n"


def test_what_stands_there_is_surer_than_what_a_model_read() -> None:
    found = tabulate(BARS, [("", "Oslo", "64"), ("", "rome", "9"), ("", "Paris", "5")])
    assert values(found) == {
        ("Oslo", "Value"): ("46", "printed"),
        ("Rome", "Value"): ("9", "printed"),
        ("Bonn", "Value"): ("31", "printed"),
        ("Paris", "Value"): ("5", "read"),
    }
    assert next(cell.said for name, _, cell in found.cells if name == "Oslo") == "64"


def test_what_is_drawn_is_told_and_contradicts_a_number_of_the_axis() -> None:
    drawn = (Drawn(name="Oslo", series="", value=58.2, error=0.5, box=Box(20, 90, 50, 280)),)
    found = tabulate(writing(("Oslo", 20, 280), drawn=drawn), [("", "Oslo", "58")])
    assert values(found) == {("Oslo", "Value"): ("58.2", "drawn")} and not next(found.cells)[2].said
    assert next(tabulate(writing(("Oslo", 20, 280), drawn=drawn), [("", "Oslo", "85")]).cells)[2].said == "85"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Read Museum 64, Library 41.\nAdd 64 + 41 = 105.", [("", "Museum", "64"), ("", "Library", "41")]),
        ("1. Museum: 64\n2. Library: 41 visitors", [("", "Museum", "64"), ("", "Library", "41")]),
        ("- Apples = $1,200\n- Pears (35%)", [("", "Apples", "$1,200"), ("", "Pears", "35%")]),
        (
            "2023: Oslo 46, Rome 9; 2024: Oslo 50 and Rome 12",
            [("2023", "Oslo", "46"), ("2023", "Rome", "9"), ("2024", "Oslo", "50"), ("2024", "Rome", "12")],
        ),
        ("| City | Rain |\n|:--|--:|\n| Oslo | 46 |\n| Rome | n/a |", [("", "Oslo", "46")]),
        ("Oslo -5\nQ1 5, Q2 6\nSales 1.5 million", [("", "Oslo", "-5"), ("", "Q1", "5"), ("", "Q2", "6"), ("", "Sales", "1.5 million")]),
        ("So the answer is 37", []),
        ("The chart shows nothing of this kind.", []),
        ("", []),
    ],
)
def test_readings_are_found_in_the_forms_that_models_write(said, expected):
    assert readings_of(said) == expected


def test_a_cell_cannot_become_a_formula() -> None:
    found = Table(heads=("=1+1", "Value"), rows=(("@x", (Cell(value="-5", origin="read"),)), ('a"b,c', (Cell(value="=2", origin="read"),))))
    assert found.csv() == '\'=1+1,Value\n\'@x,-5\n"a""b,c",\'=2\n'


def test_a_chart_becomes_a_table_with_the_bundled_model(engine, chart):
    found = table(chart.image, engine)
    right = {name: value for values in chart.figure.series.values() for name, value in zip(chart.figure.categories, values, strict=True)}
    told = {name: float(cell.value.lstrip("≈")) for name, _, cell in found.cells if cell.origin != "read"}
    assert told and all(abs(right[name] - value) <= 0.05 * right[name] for name, value in told.items() if name in right)
    assert values(table(chart.image, None)).items() <= values(found).items() and read_writing(chart.image).texts


W = [writing(("Museum", 20, 280), ("Library", 150, 280), ("Park", 280, 280), ("64", 25, 100), ("41", 155, 220), ("85", 285, 50))]


Q = "What is the difference?"


def corrected(thought: str, answer: str, *changes: tuple[str, str], question: str = Q):
    """The first readings of that text in the first step, corrected."""
    steps = steps_of(thought, question, W)
    made = []
    for was, now in changes:
        start = steps[0].text.index(was)
        made.append(Correction(step=1, start=start, end=start + len(was), was=was, value=now))
    return correct(steps, answer, made, question)


@pytest.mark.parametrize(
    ("thought", "answer", "was", "now", "due"),
    [
        ("Read Museum 64, Library 41.\nSubtract 64 - 41 = 23.", "The answer is 23.", "41", "44", "The answer is 20."),
        (
            "Museum 64, Library 41, Park 85.\n64 + 41 = 105\n105 + 85 = 190\n190 / 3 = 63.33",
            "It is **63.33**.",
            "41",
            "44",
            "It is **64.33**.",
        ),
        ("Museum is 64.\nSo the answer is 64.", "The answer is 64.", "64", "46", "The answer is 46."),
        ("Museum 64, Library 41, Park 85.\n64 + 41 = 105", "105", "85", "99", "105"),  # nothing hangs on it
        ("Museum 10, Library 5.\n5 + 5 = 10.", "10", "10", "12", "10"),  # the result was only alike
        ("Museum 64.\n64 * 2 = 128.\n128 + 10 = 138.\nSo it is 138.", "138", "64", "60", "130"),
    ],
)
def test_what_follows_from_a_corrected_reading_is_computed_again(thought, answer, was, now, due):
    found = corrected(thought, answer, (was, now))
    assert found is not None and found.whole and found.answer_text == due


@pytest.mark.parametrize(
    ("thought", "answer", "was", "now"),
    [
        ("Museum 64, Park 85: 64 < 85, Park.\nIt is Park.", "Park", "64", "99"),  # a choice
        ("Museum 64, Library 64.\n64 + 64 = 128", "128", "64", "60"),  # which of the two is not told
        ("Museum 64, Library 41.\nTogether they have 105.", "105", "64", "46"),  # computed in silence
        ("Museum has 64, Library 41.\nMuseum has 23 more than Library.", "23", "64", "46"),
        ("Museum 64, Library 41, Park 85.\nThe largest is 85.\n85 - 41 = 44", "44", "85", "20"),
        ("Museum 64, Library 41.\n64 - 41 = 23.", "23", "64", "14"),  # a difference that turns round
        ("Museum 64%, Library 9%.\n64% + 9% = 73%.", "73%", "64", "46"),
        ("Museum 64, Library 9.\n64 + 9 = 73 + 10 = 83", "83", "64", "46"),  # a chain
        ("Museum 64, Library 9.\n64 * 9 = 60 * 9 + 4 * 9 = 576", "576", "64", "46"),
        ("Museum 64, Library 9.\n64 + 9 = 73, 73 + 10 = 83", "83", "64", "46"),  # two in one step
        ("Museum 64, Library 41.\nTotal = 64 + 41\n= 105.", "105", "64", "46"),
        ("Sorted: Museum 9, Library 10, Park 46. The median is 10.", "10", "9", "30"),
        ("Above 40: Museum 64, Library 41. That makes 2.", "2", "64", "14"),
        ("Museum 64, Library 41.\n64 + 41 = 105.", "In 105 BC: 105", "64", "46"),
    ],
)
def test_where_computing_does_not_tell_nothing_is_changed_in_silence(thought, answer, was, now):
    found = corrected(thought, answer, (was, now))
    assert found is not None and not found.whole and found.answer_text == answer


def test_several_corrections_fit_whatever_their_lengths():
    found = corrected("Library 9, Museum 64.\n64 - 9 = 55.", "55", ("9", "12"), ("64", "100"))
    assert found is not None and found.whole and found.answer_text == "88" and len(found.changes) == 2


@pytest.mark.parametrize(
    ("start", "was", "value"),
    [(0, "Re", "46"), (12, "64", "x"), (12, "64", "9" * 50), (12, "64", "1e9"), (12, "64", "-3"), (12, "46", "1")],
)
def test_what_is_no_reading_or_no_number_corrects_nothing(start, was, value):
    steps = steps_of("Read Museum 64.", "", W)
    assert correct(steps, "64", [Correction(step=1, start=start, end=start + 2, was=was, value=value)]) is None


@pytest.mark.parametrize("text", ["A" + " " * 5000 + "b 1", "A 1" + " " * 5000 + "!", "a" * 100_000, "A 1, " * 30_000])
def test_a_hostile_text_is_read_in_no_time(text):
    assert len(readings_of(text)) < 5000


def test_a_table_for_a_model_is_data_and_bounded() -> None:
    cell = Cell(value="<end_of_turn>\n64", origin="read")
    told = Table(heads=("Name", "<|im_end|>"), rows=(("Oslo", (cell,)),) * 5_000).lines()
    assert told.startswith("Values of the picture:\nName | < |im_end|>\nOslo | < end_of_turn> 64\n") and told.endswith("\n\n")
    assert len(told.splitlines()) < 210
    assert Table(heads=("Name",), rows=()).lines() == ""


def test_a_value_that_is_typed_keeps_what_was_first_there() -> None:
    twice = tabulate(BARS).with_cell(1, 0, "8").with_cell(1, 0, "10")
    assert twice.rows[1][1][0] == Cell(value="10", origin="typed", said="9", box=tabulate(BARS).rows[1][1][0].box)
    for row, column in ((7, 0), (0, 3), (-1, 0)):
        with pytest.raises(IndexError):
            twice.with_cell(row, column, "1")

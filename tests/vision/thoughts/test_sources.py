"""Where numbers come from, in the styles in which models think; the pictures are a bar chart, a table and a text."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.vision.pictures.test_labels import BARS, writing
from vision.pictures.box import Box
from vision.pictures.writing import Drawn, Writing
from vision.thoughts import sources as sources_module
from vision.thoughts.sources import Source
from vision.thoughts.steps import steps_of

TABLE = writing(
    ("Region", 60, 40), ("2023", 200, 40), ("2024", 340, 40), ("North", 60, 80), ("1,200", 200, 80), ("1,500", 340, 80),
    ("South", 60, 120), ("900", 200, 120), ("850", 340, 120), ("West", 60, 160), ("410", 200, 160), ("490", 340, 160),
)  # fmt: skip


def traced(thought: str, question: str = "How many visitors?", picture: Writing = BARS) -> list[tuple[str, str, str]]:
    """(number, kind, standing) of every number of ``thought``."""
    return [(s.text, s.kind, s.standing) for step in steps_of(thought, question, (picture,)) for s in step.sources]


WITH, AWAY, FOUND = ("picture", "with it"), ("picture", "elsewhere"), ("picture", "")

STYLES: list[tuple[str, list[tuple[str, ...]]]] = [
    ("Read Museum 64, Park 85.", [("64", *WITH), ("85", *WITH)]),
    ("Museum: 64\nPark: 85", [("64", *WITH), ("85", *WITH)]),
    ("The museum had 64 visitors, the park had 85.", [("64", *WITH), ("85", *WITH)]),
    ("I can see 64 for Museum and 85 for Park.", [("64", *WITH), ("85", *WITH)]),
    ("- **Museum**: 64\n- **Library**: 12", [("64", *WITH), ("12", *WITH)]),
    ("1. Museum = 64\n2. Library = 12", [("64", *WITH), ("12", *WITH)]),
    ("Step 1: The bar for Library shows 12.\nStep 2: The bar for Park shows 85.", [("12", *WITH), ("85", *WITH)]),
    ("| Museum | 64 |\n| Park | 85 |", [("64", *WITH), ("85", *WITH)]),
    ("Museum (64) is higher than Library (12).", [("64", *WITH), ("12", *WITH)]),
    ("Library had 85 visitors.", [("85", *AWAY)]),
    ("Wait, that is wrong. Library 12.", [("12", *WITH)]),
    ("Library 85. Park 85. 85 - 64 = 21.", [("85", *AWAY), ("85", *WITH), ("85", *WITH), ("64", *FOUND)]),
    ("Museum 64. Park 85. 64 + 85 = 149. Then 149 - 12 = 137.", [*2 * [("64", *WITH), ("85", *WITH)], ("149", "step", ""), ("12", *FOUND)]),
    ("Museum 46.", [("46", "estimate", "")]),
    ("Museum: Galleries 85.", [("85", *FOUND)]),  # belongs to what was not found, not to what heads it
    ("Library 12, Museum: Galleries 85.", [("12", *WITH), ("85", *FOUND)]),
    ("Museum 460.", [("460", "unknown", "")]),
    ("Gallery 64.", [("64", *FOUND)]),
    ("$\\text{Museum} = 64$, so $64 + 12 = 76$.", [("64", *WITH), ("64", *WITH), ("12", *FOUND)]),
    ("Museum 64, Library 12. The average is (64 + 12) / 2 = 38.", [*2 * [("64", *WITH), ("12", *WITH)], ("2", "given", "")]),
    ("Museum 64 of 100 % is 64.", [("64", *WITH), ("100", "unknown", ""), ("64", *WITH)]),
]  # fmt: skip


@pytest.mark.parametrize(("thought", "sources"), STYLES, ids=[thought[:40] for thought, _ in STYLES])
def test_the_numbers_of_a_thought_are_found_where_they_stand(thought: str, sources: list[tuple[str, ...]]) -> None:
    assert traced(thought) == sources


@pytest.mark.parametrize("thought", [thought for thought, _ in STYLES if "\n" not in thought and thought[:2] != "1."])
def test_what_stands_before_changes_nothing_and_a_mark_stands_where_it_says(thought: str) -> None:
    assert traced(f"Well then. {thought}") == traced(thought)
    for step in steps_of(f"Well then, as {thought}", "How many visitors?", (BARS,)):
        assert all(step.text[mark.start : mark.end] == mark.text for mark in (*step.sources, *step.lookups, *step.claims))


def test_a_number_at_the_same_words_elsewhere_is_no_fault() -> None:
    twice = writing(("Mar", 60, 200), ("71", 60, 100), ("Nov", 160, 200), ("87", 160, 100), ("Mar", 260, 200), ("12", 260, 100))
    assert ("87", "picture", "elsewhere") in traced("Mar 87.", picture=twice)
    assert all(standing != "elsewhere" for text, _, standing in traced("Mar 71. Mar 12.", picture=twice))


TABLE_STYLES: list[tuple[str, list[tuple[str, ...]]]] = [
    ("In 2024, North sold 1,500 and South sold 850.", [("1,500", *WITH), ("850", *WITH)]),
    ("2023: North 1200, South 900, West 410.", [("1200", *WITH), ("900", *WITH), ("410", *WITH)]),
    ("2023: North 1.200, South 900.", [("1.200", *WITH), ("900", *WITH)]),
    ("| Region | 2024 |\n|---|---|\n| West | 490 |", [("490", *FOUND)]),
    ("2023: North 1,500.", [("1,500", *FOUND)]),
    ("2023: South 1,200.", [("1,200", *AWAY)]),
    ("West grew from 410 in 2023 to 490 in 2024, so $490 - 410 = 80$.", [("410", *WITH), ("490", *FOUND), ("490", *FOUND), ("410", *WITH)]),
    ("**North**: 1,500\n\n**West**: 490\n\n1,500 + 490 = 1,990", [("1,500", *FOUND), ("490", *FOUND), ("1,500", *FOUND), ("490", *FOUND)]),
    ("The question asks about 7 regions.", [("7", "question", "")]),
    ("2024: South 850. Hmm, wait: 850 is right.", [("850", *WITH), ("850", *WITH)]),
    ("East 333.", [("333", "unknown", "")]),
    ("\\[ 1200 + 900 + 410 = 2510 \\]\nSo 2510 in all.", [("1200", *FOUND), ("900", *FOUND), ("410", *FOUND), ("2510", "step", "")]),
]


@pytest.mark.parametrize(("thought", "sources"), TABLE_STYLES, ids=[thought[:40] for thought, _ in TABLE_STYLES])
def test_cells_of_a_table_belong_to_a_row_and_a_column(thought: str, sources: list[tuple[str, ...]]) -> None:
    assert traced(thought, "What do the 7 regions sell?", TABLE) == sources


@pytest.mark.parametrize(
    ("thought", "names"),
    [
        ("The highest is Park.", ["Park"]),
        ("Park 85 is higher than Library.", ["Library"]),
        ("Museum 64, Park 85.", []),
        ("The park is the highest.", []),  # not as the picture writes it: it may be any park
        ("Compare Museum and Park.\nPark 85.", ["Museum", "Park"]),
    ],
)
def test_names_that_are_looked_up_are_found_where_they_stand(thought: str, names: list[str]) -> None:
    found = [name for step in steps_of(thought, "?", (BARS,)) for name in step.lookups]
    assert [name.text for name in found] == names
    assert all(text.text == name.text for name in found for text in name.texts)


@pytest.mark.parametrize(("value", "standing"), [("153", "with it"), ("156", ""), ("162", "elsewhere"), ("138", "elsewhere")])
def test_an_estimate_is_as_near_as_its_axis_lets_one_read(value: str, standing: str) -> None:
    axis = writing(("100", 40, 330), ("150", 40, 210), ("200", 40, 90), ("Museum", 120, 360), ("Park", 380, 360))
    drawn = Drawn(name="Museum", value=150, error=1, box=Box(100, 210, 140, 330))
    assert traced(f"Museum {value}.", "?", replace(axis, drawn=(drawn,))) == [(value, "estimate", standing)]


def test_of_two_pictures_a_number_comes_from_where_its_name_is() -> None:
    other = writing(("Zebra", 120, 360), ("64", 120, 74), ("Lion", 250, 360), ("9", 250, 270))
    for pictures, place in (((other, BARS), 1), ((BARS, other), 0)):
        ((source,),) = (step.sources for step in steps_of("Museum 64.", "?", pictures))
        assert (source.picture, source.standing) == (place, "with it")


def test_a_name_of_two_pictures_is_marked_once() -> None:
    (step,) = steps_of("The highest is Park.", "?", (BARS, BARS))
    assert [(name.text, name.picture) for name in step.lookups] == [("Park", 0)]


GROUPED = writing(
    ("Men", 560, 60), ("Women", 560, 90), ("10", 90, 200), ("20", 130, 150), ("30", 290, 100), ("40", 330, 60), ("50", 490, 150),
    ("55", 530, 140), ("Ada", 110, 360), ("Bo", 310, 360), ("Cy", 510, 360), size=(640, 400),
)  # fmt: skip


@pytest.mark.parametrize(
    ("thought", "sources"),
    [
        ("Bo: Men 30, Women 40.", [("30", *WITH), ("40", *WITH)]),
        ("Men: Bo 30, Cy 50.", [("30", *WITH), ("50", *WITH)]),
        ("Bo: Women 30.", [("30", *FOUND)]),
        ("Men: Ada 30.", [("30", *AWAY)]),
    ],
)
def test_one_of_several_bars_at_a_name_is_told_by_its_series(thought: str, sources: list[tuple[str, ...]]) -> None:
    assert traced(thought, "How many?", GROUPED) == sources


def test_a_number_behind_a_name_that_ends_with_one_keeps_its_place() -> None:
    rooms = writing(("Room 4", 60, 40), ("Room 5", 60, 80), ("Room 6", 60, 120), ("229", 200, 40), ("310", 200, 80), ("55", 200, 120))
    (step,) = steps_of("Room 4 229 and Room 6: 55.", "?", (rooms,))
    assert [(step.text[source.start : source.end], source.text, source.verdict) for source in step.sources] == [
        ("229", "229", "true"),
        ("55", "55", "true"),
    ]


def test_the_reason_is_told_in_words() -> None:
    (step,) = steps_of("Library had 85 visitors, Park 46.", "?", (BARS,))
    wrong, unread = step.sources
    assert wrong.why == "85 stands at Park, not at Library" and wrong.verdict == "false"
    assert [text.text for text in wrong.texts] == ["85"] and [text.text for text in wrong.named] == ["Library"]
    assert unread.why == "46 is not printed; it may be read off the axis" and unread.verdict == "unchecked"


def test_without_text_nothing_is_traced_to_a_picture() -> None:
    assert steps_of("Museum 64.")[0].sources == ()
    (source,) = steps_of("Museum 64.", "?", ())[0].sources
    assert isinstance(source, Source) and source.kind == "unknown" and source.why == "no text of a picture to look in"


def test_a_long_thought_is_traced_in_no_time() -> None:
    thought = "\n".join(f"Step {i}: Museum 64 and {i} + {i + 1} = {2 * i + 1}" for i in range(400)) + "\n" + "9" * 50_000 + " ( = " * 5000
    started = time.perf_counter()
    steps_of(thought, "Museum " * 1000, (BARS,))
    assert time.perf_counter() - started < 5


def test_a_thought_that_grows_is_traced_as_if_it_had_always_been_there() -> None:
    """Only the last step is traced anew; other thoughts of the question, and its own past, leave nothing behind."""
    thoughts = (
        "Read Museum 64, Library 41.\nSubtract 64 - 41 = 23.\nAdd 23 + 41 = 64.\nSo it is 23.",
        "Read Museum 64, Library 41.\n1. Add 64 + 41 = 105.\n2. Half of 105 is 52.5.",
    )
    sources_module._TRAILS.clear()
    for end in range(1, max(map(len, thoughts)) + 1):
        for thought in thoughts:
            grown = steps_of(thought[:end], "What is it?", [BARS])
            followed = dict(sources_module._TRAILS)
            sources_module._TRAILS.clear()
            assert grown == steps_of(thought[:end], "What is it?", [BARS]), thought[:end]
            sources_module._TRAILS.clear()
            sources_module._TRAILS.update(followed)

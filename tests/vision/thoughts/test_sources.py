"""Where numbers come from, in the styles in which models think; the pictures are a bar chart, a table and a text."""

from __future__ import annotations

import pytest

from tests.vision.pictures.test_labels import BARS, writing
from vision.pictures.writing import Writing
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
    ("Museum 64. Park 85. 64 + 85 = 149. Then 149 - 12 = 137.", [*2 * [("64", *WITH), ("85", *WITH)], ("149", "step", ""), ("12", *FOUND)]),
    ("Museum 46.", [("46", "estimate", "")]),
    ("Museum 460.", [("460", "unknown", "")]),
    ("Gallery 64.", [("64", *FOUND)]),
    ("$\\text{Museum} = 64$, so $64 + 12 = 76$.", [("64", *WITH), ("64", *WITH), ("12", *FOUND)]),
    ("Museum 64, Library 12. The average is (64 + 12) / 2 = 38.", [*2 * [("64", *WITH), ("12", *WITH)], ("2", "given", "")]),
    ("Museum 64 of 100 % is 64.", [("64", *WITH), ("100", "unknown", ""), ("64", *WITH)]),
]  # fmt: skip


@pytest.mark.parametrize(("thought", "sources"), STYLES, ids=[thought[:40] for thought, _ in STYLES])
def test_the_numbers_of_a_thought_are_found_where_they_stand(thought: str, sources: list[tuple[str, ...]]) -> None:
    assert traced(thought) == sources

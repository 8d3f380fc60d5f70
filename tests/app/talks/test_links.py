from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from app.talks.links import asked_of, query_of
from app.talks.values import Conversation, Exchange, Options

PICTURE = "a" * 64


def test_a_link_brings_question_settings_and_pictures_back() -> None:
    options = Options(thinking=False, temperature=0.3, seed=7, pan_and_scan="on", traces=5, compare=True)
    conversation = Conversation(exchanges=(Exchange(question="How many & why?", pictures=(PICTURE,), options=options),))
    asked = asked_of(dict(parse_qsl(query_of(conversation)[1:])))
    assert asked is not None
    assert (asked.question, asked.pictures, asked.options) == ("How many & why?", (PICTURE,), options)


def test_a_later_question_keeps_the_pictures_that_it_is_about() -> None:
    conversation = Conversation(exchanges=(Exchange(question="One?", pictures=(PICTURE,)), Exchange(question="Two?")))
    assert PICTURE in query_of(conversation)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"question": "  "},
        {"question": "x" * 9000},
        {"question": "q", "temperature": "9"},
        {"question": "q", "temperature": "warm"},
        {"question": "q", "pictures": "../../etc/passwd"},
        {"question": "q", "pan_and_scan": "maybe"},
    ],
)
def test_what_cannot_be_asked_is_left_aside(query: dict[str, str]) -> None:
    assert asked_of(query) is None

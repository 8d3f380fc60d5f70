from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image

from app.talks.correcting import corrected_writing, with_cell, with_table
from app.talks.values import Conversation, Exchange, conversation_as_json, conversation_from_json, prompt_of
from vision import Text, Writing
from vision.answers.tables import tabulate
from vision.pictures.box import Box
from vision.pictures.writing import Drawn
from vision.replies import Reply
from vision.thoughts.sources import Source

PICTURE = "a" * 64
TEXTS = {"Oslo": (20, 280), "Rome": (150, 280), "Bonn": (280, 280), "46": (25, 100), "9": (155, 220), "31": (285, 150)}
WRITING = Writing(size=(400, 300), texts=tuple(Text(text=text, box=Box(x, y, x + 30, y + 12)) for text, (x, y) in TEXTS.items()))
READ = Reply(question="How much is Oslo?", thought="Read Oslo 46.\nSo it is 46.", answer_text="The answer is 46.")


@pytest.fixture
def conversation() -> Conversation:
    """A question about a chart, with its table."""
    first = Exchange(question="How much is Oslo?", pictures=(PICTURE,), replies=(READ,))
    return with_table(Conversation(exchanges=(first,)), 0, tabulate(WRITING), WRITING)


def told(conversation: Conversation) -> tuple[str, ...]:
    return prompt_of(conversation.asked(Exchange(question="And Rome?")), lambda name: Image.new("RGB", (9, 9))).turns[0].values


def test_later_questions_take_the_table_along(conversation: Conversation) -> None:
    assert told(conversation) == ("Values of the picture:\nName | Value\nOslo | 46\nRome | 9\nBonn | 31\n\n",)
    assert told(replace(conversation, exchanges=(replace(conversation.exchanges[0], tables=()),))) == ("",)


def test_a_typed_value_is_taken_along_and_what_was_read_is_held_to_it(conversation: Conversation) -> None:
    typed = with_cell(conversation, 0, 0, 0, "64")
    assert "Oslo | 64\n" in told(typed)[0]
    (source, *_) = typed.traced(0).replies[0].steps[0].sources
    assert source.kind != "picture" and "46" not in [text.text for text in typed.exchanges[0].writing[0].texts]
    assert conversation.traced(0).replies[0].steps[0].sources[0].verdict == "true", "before, it was what the picture says"


def test_what_was_measured_there_does_not_hold_against_what_is_typed() -> None:
    bars = tuple(
        Drawn(name=name, value=value, error=0.5, box=Box(x, 100, x + 20, 270)) for name, value, x in (("Oslo", 46, 25), ("Rome", 9, 155))
    )
    writing = replace(WRITING, drawn=bars)
    first = Exchange(question="How much is Oslo?", pictures=(PICTURE,), replies=(READ,))
    typed = with_cell(with_table(Conversation(exchanges=(first,)), 0, tabulate(writing), writing), 0, 0, 0, "64")
    assert [each.name for each in typed.exchanges[0].writing[0].drawn] == ["Rome"]


def test_a_table_is_kept_and_what_is_read_back_is_bounded(conversation: Conversation) -> None:
    kept = conversation_as_json(with_cell(conversation, 0, 2, 0, "30"))
    assert conversation_from_json(kept).exchanges[0].tables[0].rows[2][1][0].value == "30"
    table = kept["exchanges"][0]["tables"][0]
    for wrong in ({"heads": ["Name", "A", "B"]}, {"heads": ["Name", "x" * 9_000]}, {"rows": table["rows"] * 3_000}):
        kept["exchanges"][0]["tables"] = [table | wrong]
        with pytest.raises(Exception, match="table"):
            conversation_from_json(kept)


def test_a_value_that_is_not_there_is_refused(conversation: Conversation) -> None:
    for place in ((1, 0, 0), (0, 9, 0), (0, 0, 9)):
        with pytest.raises(IndexError):
            with_cell(conversation, *place, "1")


def test_a_corrected_number_stands_where_the_wrong_one_stood_at_its_bar_or_at_its_name() -> None:
    oslo, printed = WRITING.texts[0], WRITING.texts[3]
    bar = Drawn(name="Oslo", value=46, error=0.5, box=Box(25, 100, 45, 270))
    writing = replace(WRITING, drawn=(bar,))
    where = {"start": 0, "end": 2, "text": "46", "why": "", "kind": "picture", "named": (oslo,)}

    def corrected(**more: object) -> Writing:
        (changed,) = corrected_writing((writing,), Source(**(where | more)), "64")  # type: ignore[arg-type]
        return changed

    assert [text.box for text in corrected(texts=(printed,)).texts if text.text == "64"] == [printed.box]
    assert [text.box for text in corrected(drawn=bar).texts if text.text == "64"] == [bar.box] and corrected(drawn=bar).drawn == ()
    assert [text.box for text in corrected().texts if text.text == "64"] == [oslo.box]
    assert corrected(named=()) == writing, "nothing tells where it would stand"
    assert corrected(texts=(printed,), standing="elsewhere") == writing, "the picture is right, and the model was wrong"
    assert corrected(texts=(printed,), picture=1) == writing, "there is no such picture"

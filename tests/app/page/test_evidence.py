"""What an answer rests on: boxes over pictures, numbers that name their boxes, the answer first, corrections, a table."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from app.page.evidence import Sheet, cards_html, lights_of, sheets_html, table_html, url_of, verdict_html
from app.page.render import exchange_html, reasoning_html, step_html
from app.page.views import Views
from app.talks.correcting import asked_again, corrected_writing, version_of
from app.talks.feedback import preference_rows
from app.talks.values import Conversation, Exchange, conversation_as_json, conversation_from_json
from vision import Reply, Text, Usage, Writing
from vision.answers.corrections import Correction
from vision.answers.tables import tabulate
from vision.errors import ConversationError
from vision.pictures.box import Box
from vision.pictures.writing import Drawn

NASTY = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
USAGE = Usage(prompt_tokens=9, thought_tokens=12, answer_tokens=4, first_token_s=0.1, thinking_s=0.6, total_s=1.1, end="end")
THOUGHT = "Read Museum 64, Library 41, Park 85.\nSubtract 64 - 41 = 23."


def text(said: str, x: float, y: float) -> Text:
    return Text(text=said, box=Box(x, y, x + 30, y + 10))


CHART = Writing(
    size=(300, 100),
    texts=tuple(
        text(*at) for at in (("Museum", 20, 90), ("Library", 120, 90), ("Park", 220, 90), ("64", 20, 30), ("41", 120, 50), ("85", 220, 10))
    ),
    drawn=(Drawn(name="Museum", series="", value=63.7, error=0.5, box=Box(20, 40, 50, 90)),),
)


def exchange(thought: str = THOUGHT, answer: str = "The answer is 23.", **more: object) -> Exchange:
    question, said = "What is the difference between Museum and Library?", f"<think>{thought}</think>{answer}"
    reply = Reply(question=question, thought=thought, answer_text=answer, usage=USAGE, writing=(CHART,), text=said)
    return Exchange(question=question, pictures=("a" * 64,), writing=(CHART,), replies=(reply,), **more)  # type: ignore[arg-type]


def test_a_number_names_the_boxes_in_which_it_and_its_name_stand() -> None:
    reply = exchange().replies[0]
    museum = reply.steps[0].sources[0]
    assert lights_of(museum, reply.writing) == ["0:3", "0:0"]
    made = reasoning_html(reply, fixable=True)
    assert 'data-lights="0:3 0:0"' in made and 'data-place="1:12:14"' in made
    assert re.search(r'<span class="lf-claim lf-true".*?<button[^>]*lf-chip[^>]*>64</button>', made), "numbers in claims are chips too"
    assert made.count('tabindex="-1"') == made.count("lf-chip") and 'aria-label="64, 64 stands at Museum"' in made


def test_punctuation_stays_with_its_number() -> None:
    made = reasoning_html(exchange("Read Museum 64, Library 41.").replies[0])
    assert re.findall(r'<span class="lf-kept"><button [^>]*>(\d+)</button>(.)</span>', made) == [("64", ","), ("41", ".")]


def test_only_the_trace_that_stands_for_the_last_answer_can_be_corrected() -> None:
    growing = Reply(question="q", thought=THOUGHT, thinking=True, writing=(CHART,))
    assert "data-lights" in reasoning_html(growing, fixable=True) and "data-place" not in reasoning_html(growing, fixable=True)
    voted = Exchange(question="q", replies=(*exchange().replies, *exchange(answer="The answer is 9.").replies, *exchange().replies))
    assert exchange_html(voted, fixable=True).count("data-place") == reasoning_html(exchange().replies[0], fixable=True).count("data-place")
    assert "data-place" not in exchange_html(voted)


def test_a_number_from_an_earlier_step_names_it() -> None:
    reply = Reply(question="q", thought="10 + 5 = 15\n15 * 2 = 30", usage=USAGE, writing=(CHART,))
    assert 'data-from="1"' in step_html(reply.steps[1], reply.writing)


def test_pictures_have_boxes_by_the_names_that_numbers_use_and_tabs() -> None:
    sheets = [Sheet(url=url_of("/p/a b.png"), size=(600, 200), writing=None, name="picture 1")]
    sheets += [Sheet(url=f"x?{NASTY}", size=(300, 100), writing=CHART, name="picture 2")]
    made = sheets_html(sheets, 1)
    assert 'src="gradio_api/file=/p/a%20b.png"' in made and made.count('role="tab"') == 2
    assert 'data-box="0:3" x="20.0" y="30.0"' in made and 'data-box="0:d0"' in made, "only pictures that were read are counted"
    assert re.search(r'data-sheet="0"[^>]* hidden', made) and not re.search(r'data-sheet="1"[^>]* hidden', made)
    assert "6 texts read in the picture, 1 value measured" in made and "<title>Museum: about 63.7</title>" in made
    assert "<script" not in made
    assert sheets_html([], 0) == "" and 'role="tablist"' not in sheets_html(sheets[1:], 0)
    assert 'data-box="4:3"' in sheets_html(sheets[1:], None, 7, 4) and 'data-sheet="7"' in sheets_html(sheets[1:], None, 7, 4)


def test_the_answer_stands_first_with_its_trust_and_a_way_into_the_steps() -> None:
    made = verdict_html(exchange())
    assert (
        ">The answer is 23.</div>" in made and '<p class="lf-trust lf-traced"><strong>Traced</strong>' in made and 'data-text="23"' in made
    )
    wrong = verdict_html(exchange("Read Museum 64, Library 41.\nSubtract 64 - 41 = 33.", "The answer is 33."))
    assert "lf-broken" in wrong and 'data-go="2">step 2</button>' in wrong
    assert "lf-long" in verdict_html(exchange(answer="It is " + "very " * 60 + "long: 23."))
    voted = Exchange(question="q", replies=(*exchange().replies, *exchange(answer="The answer is 9.").replies, *exchange().replies))
    assert "2 of 3 traces agree" in verdict_html(voted)
    assert "<script" not in verdict_html(exchange(NASTY, NASTY))
    assert verdict_html(Exchange(question="q")) == ""


@pytest.mark.parametrize(("end", "why"), [("length", "its answer was cut off"), ("stopped", "stopped in its answer")])
def test_half_an_answer_is_not_shown_as_one(end: str, why: str) -> None:
    whole = exchange()
    half = replace(whole.replies[0], answer_text="The answer is 2", usage=replace(USAGE, end=end))
    made = verdict_html(replace(whole, replies=(half,)))
    assert why in made and "lf-half" in made
    assert not any(said in made for said in ("lf-said", "lf-trust", 'data-act="copy"'))
    growing = replace(half, usage=None)
    assert "lf-said" in verdict_html(replace(whole, replies=(growing,)), growing=True), "while it is written it is what there is"


def corrected(value: str = "46", thought: str = THOUGHT, answer: str = "The answer is 23.") -> Conversation:
    reading = Correction(step=1, start=thought.index("64"), end=thought.index("64") + 2, was="64", value=value)
    return Conversation(exchanges=(exchange(thought, answer, corrections=(reading,)),))


def test_a_corrected_reading_changes_what_follows_and_both_versions_stay() -> None:
    version = version_of(corrected().traced(-1))
    assert version is not None and version.whole and version.changes == (("Museum", "64", "46"),)
    assert version.reply.answer_text == "The answer is 5." and "46 - 41 = 5" in version.reply.thought
    made = exchange_html(corrected().traced(-1), version)
    assert (
        "With your correction" in made
        and "As the model wrote it" in made
        and "64 - 41" not in made.split("As the model")[0].replace("</button>", "")
    )
    verdict = verdict_html(corrected().traced(-1), version)
    assert ">The answer is 5.</div>" in verdict and "Museum is <strong>46</strong>, not 64" in verdict and 'data-act="again"' in verdict


def test_a_reading_is_corrected_only_when_the_answer_is_there() -> None:
    talk = Conversation(exchanges=(exchange(),))
    assert "data-place" in str(Views.looked_at(talk)["steps"])
    assert "data-place" not in str(Views.looked_at(talk, busy=True)["steps"])
    assert "data-place" not in str(Views.looked_at(talk, fixable=False)["steps"])


def test_where_computing_does_not_tell_the_question_is_asked_again() -> None:
    thought = "Higher of Museum 64, Park 85: 64 < 85, Park 85.\nThe highest is Park 85."
    version = version_of(corrected("99", thought, "The answer is Park.").traced(-1))
    assert version is not None and not version.whole
    assert "cannot be computed alone" in verdict_html(corrected("99", thought, "The answer is Park.").traced(-1), version)
    again = asked_again(corrected("99", thought, "The answer is Park."), 0)
    assert again is not None and len(again.exchanges) == 2 and again.exchanges[-1].options.writing == "on"
    assert again.exchanges[-1].writing[0].texts[3].text == "99" and not again.exchanges[-1].replies, "the corrected text goes along"
    assert asked_again(Conversation(exchanges=(exchange(),)), 0) is None
    unread = replace(exchange("No text.", "The answer is 1."), writing=(None,))
    talk = Conversation(exchanges=(unread, *corrected("99", thought, "The answer is Park.").exchanges))
    again = asked_again(talk, 1)
    assert again is not None and again.exchanges[0].writing == (None,) and again.exchanges[-1].writing[0].texts[3].text == "99"


@pytest.mark.parametrize("value", ["", "many", "<b>", "1" * 41])
def test_a_correction_that_is_no_number_changes_nothing(value: str) -> None:
    assert version_of(corrected(value).traced(-1)) is None


def test_a_number_that_the_picture_shows_elsewhere_is_not_written_over() -> None:
    source = exchange("Museum 41", "41").replies[0].steps[0].sources[0]
    assert source.verdict == "false" and corrected_writing((CHART,), source, "64") == (CHART,)


def test_a_correction_becomes_a_preference_row() -> None:
    (row,) = preference_rows([corrected()])
    assert "46 - 41 = 5" in row["chosen"]["value"] and "64 - 41 = 23" in row["rejected"]["value"]
    assert preference_rows([corrected("many")]) == []


def test_corrections_are_kept_and_bounded() -> None:
    kept = conversation_as_json(corrected())
    assert conversation_from_json(kept).exchanges[0].corrections == corrected().exchanges[0].corrections
    kept["exchanges"][0]["corrections"][0]["value"] = "9" * 1000
    with pytest.raises(ConversationError, match="corrected reading"):
        conversation_from_json(kept)


def test_a_table_tells_where_each_value_comes_from_and_is_escaped() -> None:
    made = table_html(tabulate(CHART, [("", "Tower", "12"), ("", "Museum", "99"), ("", NASTY, "3")]), 0)
    assert 'class="lf-printed"' in made and 'data-area="20.0 30.0 30.0 10.0"' in made and "the model read 99" in made
    assert 'class="lf-read"' in made and "<script" not in made
    assert "measured against" not in made and "typed by you" in made
    assert "typed by you" not in table_html(tabulate(CHART, [("", "Tower", "12")]), 0, alone=True)
    assert "No values were found" in table_html(tabulate(Writing(size=(9, 9))), 0)


def test_an_empty_page_offers_examples_to_click() -> None:
    made = cards_html([(url_of("/e/a.png"), f"How many? {NASTY}")])
    assert 'data-act="example" data-number="0"' in made and "<script" not in made

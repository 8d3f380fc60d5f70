from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from app.talks.export import from_json, to_html, to_json, to_markdown
from app.talks.values import Conversation, Exchange
from tests.app.talks.test_values import CONVERSATION, USAGE
from vision.errors import ConversationError
from vision.pictures.box import Box
from vision.pictures.writing import Text, Writing
from vision.replies import Reply

PICTURE = b"\x89PNG and so on"
NAME = hashlib.sha256(PICTURE).hexdigest()
NASTY = "<script>alert(1)</script> *bold* [a](javascript:b) $5 | ~"
THOUGHT = "Add 2 + 2 = 5.\n" + NASTY
CONVERSATION_WITH_PICTURE = Conversation(
    exchanges=(
        Exchange(
            question=NASTY,
            pictures=(NAME,),
            replies=(Reply(question=NASTY, thought=THOUGHT, answer_text=NASTY, usage=USAGE, text=f"<think>{THOUGHT}</think>{NASTY}"),),
            model="<b>nano</b>",
        ),
    )
)


def bytes_of(name: str) -> bytes:
    assert name == NAME
    return PICTURE


def test_json_is_read_back_whole() -> None:
    conversation, pictures = from_json(to_json(CONVERSATION_WITH_PICTURE, bytes_of))
    assert conversation == CONVERSATION_WITH_PICTURE and pictures == [PICTURE]


def test_json_tells_a_program_where_each_number_comes_from() -> None:
    museum, number = Text(text="Museum", box=Box(0, 80, 30, 90)), Text(text="64", box=Box(5, 40, 25, 50))
    writing = Writing(size=(100, 100), texts=(museum, number))
    reply = Reply(question="How many?", thought="Museum 64.\nAdd 2 + 2 = 5.", answer_text="The answer is 5.", usage=USAGE)
    asked = Exchange(question="How many?", pictures=(NAME,), writing=(writing,), replies=(reply,), rival=reply)
    conversation = Conversation(exchanges=(asked,))
    exported = to_json(conversation, bytes_of)
    (exchange,) = json.loads(exported)["exchanges"]
    for told in (*exchange["replies"], exchange["rival"]):
        first, second = told["steps"]
        assert [(source["text"], source["kind"], source["boxes"]) for source in first["sources"]] == [("64", "picture", [[5, 40, 25, 50]])]
        assert second["claims"] == [{"text": "2 + 2 = 5", "verdict": "false", "correct_value": "4"}]
        assert told["trust"]["level"] == "broken"
    assert from_json(exported)[0] == conversation


def test_thoughts_may_be_left_out_everywhere() -> None:
    for text in (
        to_json(CONVERSATION_WITH_PICTURE, bytes_of, thoughts=False),
        to_html(CONVERSATION_WITH_PICTURE, bytes_of, thoughts=False),
        to_markdown(CONVERSATION_WITH_PICTURE, thoughts=False),
    ):
        assert "2 + 2" not in text
    assert "2 + 2 = 5. ✗ (4)" in to_markdown(CONVERSATION_WITH_PICTURE)


def test_html_holds_no_foreign_tag_and_reaches_for_nothing() -> None:
    class Tags(HTMLParser):
        found: list[str] = []
        links: list[str] = []

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            self.found.append(tag)
            self.links += [str(value) for name, value in attributes if name in ("src", "href", "srcset")]

    page = to_html(CONVERSATION_WITH_PICTURE, bytes_of)
    parser = Tags()
    parser.feed(page)
    assert parser.found.count("script") == 1 and "b" not in parser.found and "a" not in parser.found
    script = page.rpartition("<script>")[2].partition("</script>")[0]
    assert base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() in page, "nothing but our own script may run"
    assert parser.links and all(link.startswith("data:image/png;base64,") for link in parser.links)


def test_markdown_keeps_signs_as_signs() -> None:
    made = to_markdown(CONVERSATION_WITH_PICTURE)
    assert "\\<script\\>" in made and "\\*bold\\*" in made and "\\$5" in made and "\\[a\\]" in made


def test_a_vote_says_how_many_agree() -> None:
    exchange = CONVERSATION.exchanges[0]
    voted = replace(CONVERSATION, exchanges=(replace(exchange, pictures=(), replies=exchange.replies * 3),))
    assert "3 of 3 traces agree" in to_markdown(voted) and "100 % of 3 traces" in to_html(voted, bytes_of)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[]", "no exported conversation"),
        (json.dumps(json.loads(to_json(CONVERSATION_WITH_PICTURE, bytes_of)) | {"pictures": {}}), "missing or damaged"),
        (json.dumps(json.loads(to_json(CONVERSATION_WITH_PICTURE, bytes_of)) | {"pictures": {NAME: "!"}}), "missing or damaged"),
        (json.dumps(json.loads(to_json(CONVERSATION_WITH_PICTURE, bytes_of)) | {"pictures": [1]}), "missing or damaged"),
    ],
)
def test_a_spoilt_file_is_refused_in_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ConversationError, match=said):
        from_json(text)


def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.talks.export.MAX_JSON_BYTES", 10)
    with pytest.raises(ConversationError, match="at most"):
        from_json(b"{" * 11)

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from app.talks.values import Conversation, Exchange, Options, conversation_as_json, conversation_from_json, prompt_of
from vision import Text, Writing
from vision.engines.engine import Usage
from vision.errors import ConversationError
from vision.pictures.box import Box
from vision.pictures.writing import Drawn
from vision.prompts import messages
from vision.replies import Reply

USAGE = Usage(prompt_tokens=1, thought_tokens=3, answer_tokens=2, first_token_s=0.1, thinking_s=0.1, total_s=0.2, end="end")


def answered(question: str, answer: str, *pictures: str) -> Exchange:
    reply = Reply(question=question, thought="Add 2 + 2 = 4.", answer_text=f"The answer is {answer}.", usage=USAGE)
    return Exchange(question=question, pictures=pictures, replies=(reply,), model="nano")


READ = Writing(
    size=(640, 480),
    texts=(Text(text="64", box=Box(10.0, 20.0, 40.0, 36.0), angle=0.0, score=0.9),),
    drawn=(Drawn(name="Museum", value=64.0, error=0.5, box=Box(10.0, 40.0, 40.0, 300.0)),),
)
ONE = {"text": "64", "box": {"left": 1, "top": 1, "right": 9, "bottom": 9}, "angle": 0, "score": 1}
CONVERSATION = Conversation(exchanges=(replace(answered("How many?", "4", "a" * 64), writing=(READ,)), answered("And then?", "5")))


def test_a_talk_survives_its_json() -> None:
    assert conversation_from_json(json.loads(json.dumps(conversation_as_json(CONVERSATION)))) == CONVERSATION


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda value: value.update(format="other"), "no exported conversation"),
        (lambda value: value.update(id="../../etc"), "id of the conversation"),
        (lambda value: value.update(exchanges="none"), "exchanges of the conversation"),
        (lambda value: value["exchanges"][0].update(question=["a"]), "exchanges 1 question"),
        (lambda value: value["exchanges"][0].update(question="a" * 9000), "exchanges 1 question"),
        (lambda value: value["exchanges"][0].update(pictures=["../secret"]), "exchanges 1 pictures 1"),
        (lambda value: value["exchanges"][0].update(pictures=["a" * 64] * 40), "exchanges 1 pictures"),
        (lambda value: value["exchanges"][0]["writing"][0]["texts"][0]["box"].update(left=1e9), "stands outside of its picture"),
        (lambda value: value["exchanges"][0]["writing"][0]["texts"][0]["box"].update(left=float("nan")), "exchanges 1 writing"),
        (lambda value: value["exchanges"][0]["writing"][0]["texts"][0].update(text="a" * 9000), "one of more than 8000 characters"),
        (
            lambda value: value["exchanges"][0]["writing"][0].update(texts=[value["exchanges"][0]["writing"][0]["texts"][0]] * 10_001),
            "texts",
        ),
        (lambda value: value["exchanges"][0]["writing"][0]["drawn"][0].update(value=float("inf")), "a value that is no number"),
        (lambda value: value["exchanges"][0].update(liked="perhaps"), "exchanges 1 liked"),
        (lambda value: value["exchanges"][1]["options"].update(temperature=9), "temperature is 9"),
        (lambda value: value["exchanges"][1]["replies"][0]["usage"].update(end="never"), "exchanges 2 replies 1 usage end"),
    ],
)
def test_a_spoilt_talk_is_refused_with_its_place(spoil: Any, said: str) -> None:
    value = copy.deepcopy(conversation_as_json(CONVERSATION))
    spoil(value)
    with pytest.raises(ConversationError, match=said):
        conversation_from_json(value)


@pytest.mark.parametrize("value", [None, 3, "text", [], {}])
def test_what_is_no_talk_at_all_is_refused(value: Any) -> None:
    with pytest.raises(ConversationError):
        conversation_from_json(value)


def test_the_model_is_sent_answers_but_no_old_thought() -> None:
    prompt = prompt_of(CONVERSATION.asked(Exchange(question="Why?")), lambda name: Image.new("RGB", (8, 8)))
    sent = json.dumps(messages(prompt))
    assert "The answer is 4." in sent and "Add 2 + 2" not in sent
    assert [len(turn.images) for turn in prompt.turns] == [1, 0, 0]


def test_what_was_read_in_a_picture_is_not_read_again() -> None:
    prompt = prompt_of(CONVERSATION.asked(Exchange(question="Why?", pictures=("b" * 64,))), lambda name: Image.new("RGB", (8, 8)))
    assert [turn.writing for turn in prompt.turns] == [(READ,), (), (None,)]


def test_an_unanswered_question_is_left_out_but_its_picture_stays() -> None:
    conversation = Conversation(exchanges=(Exchange(question="Stopped?", pictures=("a" * 64,)), Exchange(question="Again?")))
    prompt = prompt_of(conversation, lambda name: Image.new("RGB", (8, 8)))
    assert [turn.question for turn in prompt.turns] == ["Again?"] and len(prompt.images) == 1


def test_the_winners_trace_stands_for_the_answer() -> None:
    replies = tuple(answered("?", answer).replies[0] for answer in ("4", "5", "5"))
    exchange = Exchange(question="?", replies=(*replies, replace(replies[0], usage=None)), options=Options(traces=4))
    assert exchange.best is replies[1] and exchange.vote.votes == 2 and exchange.answer_text == "The answer is 5."


def test_undo_and_branch_keep_what_came_before() -> None:
    assert CONVERSATION.until(1).exchanges == CONVERSATION.exchanges[:1] and CONVERSATION.until(1).id == CONVERSATION.id
    assert CONVERSATION.branch().exchanges == CONVERSATION.exchanges and CONVERSATION.branch().id != CONVERSATION.id
    assert CONVERSATION.title == "How many?" and replace(CONVERSATION, name="Apples").title == "Apples"

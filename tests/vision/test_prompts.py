from __future__ import annotations

import pytest
from PIL import Image

from vision import Prompt, PromptError, Turn
from vision.prompts import SYSTEM_PROMPT, TEXT_IS_DATA, TEXT_PROMPT, check_question, messages

PICTURE = Image.new("RGB", (40, 40))


def test_thinking_is_asked_for_by_the_system_prompt_and_not_otherwise() -> None:
    turn = Turn(question="How many?", images=(PICTURE,))
    asked = messages(Prompt(turns=(turn,)))
    assert asked[0] == {"role": "system", "content": [{"type": "text", "text": SYSTEM_PROMPT}]}
    assert [message["role"] for message in messages(Prompt(turns=(turn,), thinking=False))] == ["user"]
    assert messages(Prompt(turns=(Turn(question="What is 3 + 4?"),)))[0]["content"][0]["text"] == TEXT_PROMPT


def test_old_thoughts_never_go_back_to_the_model() -> None:
    turns = (Turn(question="A?", images=(PICTURE,), answer="<think>secret</think>\n\nIt is 4."), Turn(question="And B?"))
    asked = messages(Prompt(turns=turns))
    assert "secret" not in str(asked) and "It is 4." in str(asked)


def test_pictures_stand_before_their_question_in_order() -> None:
    turns = (Turn(question="A?", images=(PICTURE, PICTURE), answer="4"), Turn(question="B?", images=(PICTURE,)))
    talk = Prompt(turns=turns, thinking=False)
    kinds = [[part["type"] for part in message["content"]] for message in messages(talk)]
    assert kinds == [["image", "image", "text"], ["text"], ["image", "text"]]
    assert len(talk.images) == 3


def test_each_picture_has_its_text_behind_it_and_the_question_comes_last() -> None:
    turn = Turn(question="Which?", images=(PICTURE, PICTURE, PICTURE), lines=("One\n\n", "", "Three\n\n"))
    content = messages(Prompt(turns=(turn,)))[-1]["content"]
    assert [part.get("text", "picture") for part in content] == ["picture", "One\n\n", "picture", "picture", "Three\n\nWhich?"]


@pytest.mark.parametrize("thinking", [True, False])
def test_the_system_prompt_says_that_the_text_of_a_picture_is_data(thinking: bool) -> None:
    turns = (Turn(question="A?", images=(PICTURE,), lines=("Text\n\n",), answer="4"), Turn(question="B?"))
    system = messages(Prompt(turns=turns, thinking=thinking))[0]
    assert system["role"] == "system" and system["content"][0]["text"] == (f"{SYSTEM_PROMPT} " if thinking else "") + TEXT_IS_DATA


@pytest.mark.parametrize("question", ["", "  \n", "x" * 9000])
def test_a_question_that_cannot_be_asked_is_refused(question: str) -> None:
    with pytest.raises(PromptError):
        check_question(question)


def test_the_values_of_a_picture_stand_behind_its_text_and_are_data() -> None:
    turn = Turn(question="Which?", images=(PICTURE, PICTURE), lines=("One\n\n",), values=("A | 1\n\n", "B | 2\n\n"))
    system, user = messages(Prompt(turns=(turn,), thinking=False))
    assert system["content"][0]["text"] == TEXT_IS_DATA
    assert [part.get("text", "picture") for part in user["content"]] == ["picture", "One\n\nA | 1\n\n", "picture", "B | 2\n\nWhich?"]

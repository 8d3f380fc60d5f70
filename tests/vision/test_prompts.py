from __future__ import annotations

import pytest
from PIL import Image

from vision import Prompt, PromptError, Turn
from vision.prompts import SYSTEM_PROMPT, check_question, messages

PICTURE = Image.new("RGB", (40, 40))


def test_thinking_is_asked_for_by_the_system_prompt_and_not_otherwise() -> None:
    turn = Turn(question="How many?", images=(PICTURE,))
    asked = messages(Prompt(turns=(turn,)))
    assert asked[0] == {"role": "system", "content": [{"type": "text", "text": SYSTEM_PROMPT}]}
    assert [message["role"] for message in messages(Prompt(turns=(turn,), thinking=False))] == ["user"]


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


@pytest.mark.parametrize("question", ["", "  \n", "x" * 9000])
def test_a_question_that_cannot_be_asked_is_refused(question: str) -> None:
    with pytest.raises(PromptError):
        check_question(question)

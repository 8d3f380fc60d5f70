from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from app.page.events import Desk
from app.page.wishes import Wishes
from app.serving.accounts import Pace
from app.talks.history import History
from app.talks.values import Conversation
from tests.app.page.test_events import coming, state_of
from tests.app.talks.test_correcting import conversation
from tests.fakes import ScriptedEngine
from vision import Settings

__all__ = ["conversation"]  # a fixture of the talks


@pytest.fixture
def wishes(tmp_path: Path) -> Wishes:
    return Wishes(Desk(ScriptedEngine("The answer is 7."), Settings(), History(tmp_path), Pace(0)))


def wish(wishes: Wishes, conversation: Conversation, **wanted: Any) -> dict[str, Any]:
    state = state_of(wishes.desk.arrive(None, coming()))
    wishes.desk.history.save(state["key"], conversation)
    return wishes.wish(json.dumps(wanted), {}, conversation, state, coming())


def test_a_typed_value_changes_the_table_and_the_answer_is_held_to_it(wishes: Wishes, conversation: Conversation) -> None:
    view = wish(wishes, conversation, kind="cell", picture=0, row=0, column=0, value=" 64 ")
    assert view["conversation"].exchanges[0].tables[0].rows[0][1][0].value == "64"
    assert {"steps", "verdict", "evidence"} <= set(view) and "values" not in view, "the cell stays where the cursor is"


def test_while_an_answer_is_written_no_value_is_typed(wishes: Wishes, conversation: Conversation) -> None:
    wishes.desk.running.begin("s", conversation.id)
    view = wish(wishes, conversation, kind="cell", picture=0, row=0, column=0, value="64")
    assert set(view) == {"values"} and "an answer is being written" in view["values"]


@pytest.mark.parametrize("value", ["", "  ", "x" * 41])
def test_a_value_that_cannot_be_one_is_refused_in_a_sentence(wishes: Wishes, conversation: Conversation, value: str) -> None:
    view = wish(wishes, conversation, kind="cell", picture=0, row=0, column=0, value=value)
    assert set(view) == {"values"} and "1 to 40 characters" in view["values"]


@pytest.mark.parametrize(
    "wanted", [{}, {"kind": "cell"}, {"kind": "cell", "picture": 9, "row": 0, "column": 0, "value": "1"}, {"kind": "?"}]
)
def test_what_the_script_never_asks_for_changes_nothing(wishes: Wishes, conversation: Conversation, wanted: dict[str, Any]) -> None:
    assert wish(wishes, conversation, **wanted) == {}

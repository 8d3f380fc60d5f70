from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from app.page.events import Desk
from app.page.views import Views
from app.serving.accounts import Pace
from app.talks.history import History
from app.talks.values import MAX_PICTURES, Conversation, Exchange, Options, chosen_of, options_of
from tests.fakes import ScriptedEngine
from vision import Reply, Settings, Step, Usage


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(ScriptedEngine("The answer is 7."), Settings(), History(tmp_path), Pace(0))


def coming(user: str = "", **query: str) -> Any:
    return SimpleNamespace(username=user or None, query_params=query, session_hash="s", client=SimpleNamespace(host="here"))


def state_of(view: dict[str, Any]) -> dict[str, Any]:
    return view["state"]  # type: ignore[no-any-return]


def test_who_signs_in_has_one_history_in_every_browser_and_leaves_none_behind(desk: Desk) -> None:
    home, work = state_of(desk.arrive(None, coming("ada"))), state_of(desk.arrive(None, coming("ada")))
    assert home["key"] == work["key"] != state_of(desk.arrive(None, coming("bob")))["key"]
    assert state_of(desk.arrive(home, coming()))["key"] != home["key"], "signed out"
    assert state_of(desk.arrive(home, coming("bob")))["key"] != home["key"], "somebody else at the same browser"
    anonymous = state_of(desk.arrive(None, coming()))
    assert state_of(desk.arrive(anonymous, coming()))["key"] == anonymous["key"]


def test_a_link_opens_a_new_conversation_and_a_reload_the_last_one(desk: Desk) -> None:
    state = state_of(desk.arrive(None, coming()))
    conversation = Conversation(exchanges=(Exchange(question="How many?"),))
    desk.history.save(state["key"], conversation)
    state |= {"talk": conversation.id}
    assert desk.arrive(state, coming())["conversation"] == conversation
    assert desk.arrive(state, coming(question="How few?"))["conversation"].exchanges == ()
    filled = desk.follow_link(state, coming(question="How few?", traces="5"))
    assert filled.pop("box")["text"] == "How few?" and filled == asdict(Options(traces=5))


def test_a_link_brings_no_picture_of_somebody_else(desk: Desk) -> None:
    theirs = desk.history.keep_picture("somebody", b"\x89PNG...")
    filled = desk.follow_link(state_of(desk.arrive(None, coming())), coming(question="What?", pictures=theirs))
    assert filled["box"]["files"] == []


def test_settings_go_both_ways() -> None:
    options = Options(thinking=False, temperature=0.4, top_p=0.5, seed=3, max_thought_tokens=9, pan_and_scan="off", traces=4, compare=True)
    assert options_of(*chosen_of(options)) == options


def answered(**more: Any) -> Conversation:
    usage = Usage(prompt_tokens=9, thought_tokens=0, answer_tokens=4, first_token_s=0.1, thinking_s=0.0, total_s=1.0, end="end")
    said = Reply(question="q", answer_text="The answer is 1.", text="The answer is 1.", usage=usage)
    first = Exchange(question="How many?", options=Options(thinking=False), replies=(said,), **more)
    return Conversation(exchanges=(first, Exchange(question="And now?", replies=(said,))))


def test_a_refused_question_loses_nothing(tmp_path: Path) -> None:
    desk = Desk(ScriptedEngine("The answer is 7."), Settings(), History(tmp_path), Pace(1))
    state, conversation = state_of(desk.arrive(None, coming())), answered()
    desk.history.save(state["key"], conversation)
    desk.pace.check("here")
    (shown,) = desk.retry(conversation, state, SimpleNamespace(index=1), coming(), *chosen_of(Options()))
    assert shown["conversation"] == conversation and desk.history.load(state["key"], conversation.id) == conversation
    (shown,) = desk.edit(conversation, state, SimpleNamespace(index=0, value="How few?"), coming(), *chosen_of(Options()))
    assert shown["conversation"] == conversation
    (shown,) = desk.submit({"text": "More?", "files": []}, "1", conversation, state, coming(), *chosen_of(Options()))
    assert shown["conversation"] == conversation


def test_an_answer_that_is_asked_again_is_not_judged_yet(desk: Desk) -> None:
    state, conversation = state_of(desk.arrive(None, coming())), answered(liked=False, reason="Wrong sum")
    *_, shown = desk.retry(conversation, state, SimpleNamespace(index=1), coming(), *chosen_of(Options()))
    (again,) = shown["conversation"].exchanges
    assert again.answer_text == "The answer is 7." and (again.liked, again.reason) == (None, "")


def test_an_error_is_no_answer_to_be_judged_asked_again_or_taken_back(desk: Desk) -> None:
    state = state_of(desk.arrive(None, coming()))
    usual = chosen_of(Options())
    for conversation in (Conversation(), answered()):
        error = SimpleNamespace(index=9, liked=False, value="x")
        assert desk.like(conversation, state, error) == {} and desk.history.verdicts() == []
        assert desk.undo(conversation, state, error, coming())["conversation"] == conversation
        assert [shown["conversation"] for shown in desk.retry(conversation, state, error, coming(), *chosen_of(Options()))] == [
            conversation
        ]
        assert [shown["conversation"] for shown in desk.edit(conversation, state, error, coming(), *usual)] == [conversation]


def test_more_pictures_than_can_be_kept_are_refused(desk: Desk, tmp_path: Path) -> None:
    files = []
    for shade in range(MAX_PICTURES + 1):
        files.append(str(tmp_path / f"{shade}.png"))
        Image.new("RGB", (30, 30), (shade, 0, 0)).save(files[-1])
    state = state_of(desk.arrive(None, coming()))
    (shown,) = desk.submit({"text": "What?", "files": files}, "1", Conversation(), state, coming(), *chosen_of(Options()))
    assert shown["conversation"].exchanges == ()


def test_only_the_steps_that_changed_go_over_the_wire() -> None:
    def growing(thought: str, sent: list[Step]) -> dict[str, Any]:
        reply = Reply(question="q", thought=thought, thinking=True)
        return Views.growing(Conversation(exchanges=(Exchange(question="q", replies=(reply,)),)), sent)

    sent: list[Step] = []
    assert "steps" in growing("Read A 3", sent) and [step.text for step in sent] == ["Read A 3"]
    assert growing("Read A 3, B 4.\nAdd", sent)["grown"].count("<li") == 2, "the last one had grown, and there is one more"
    assert growing("Read A 3, B 4.\nAdd 3 + 4 = 7.", sent)["grown"].startswith('<li value="2">')
    sent.clear()
    growing("Well.\nLook.\nSo.\n1. Read A 3.", sent)
    assert "steps" in growing("Well.\nLook.\nSo.\n1. Read A 3.\n2. Add", sent), "all of them are cut otherwise now"


def test_the_steps_of_a_vote_go_over_the_wire_as_a_whole() -> None:
    replies = tuple(Reply(question="q", thought=thought, thinking=True) for thought in ("Read A 3.", "Read A 4."))
    conversation = Conversation(exchanges=(Exchange(question="q", replies=replies, options=Options(traces=2)),))
    sent: list[Step] = []
    assert "steps" in Views.growing(conversation, sent) and "steps" in Views.growing(conversation, sent)


def test_continue_shows_only_where_something_can_go_on(desk: Desk) -> None:
    state = state_of(desk.arrive(None, coming()))
    stopped = Conversation(exchanges=(Exchange(question="How many?"),))
    assert desk.show(stopped, state)["on"].visible and not desk.show(stopped, state, busy=True)["on"].visible
    assert desk.show(stopped, state, busy=True)["now"].visible and not desk.show(stopped, state)["now"].visible
    assert not desk.show(Conversation(), state)["on"].visible


def test_the_conversation_that_is_shown_is_chosen_in_the_list(desk: Desk) -> None:
    state = state_of(desk.arrive(None, coming()))
    one, other = (Conversation(exchanges=(Exchange(question=question),)) for question in ("How many?", "How few?"))
    desk.history.save(state["key"], one)
    assert desk.kept(state, one).value == one.id and desk.kept(state, other).value is None


def test_a_name_that_is_given_while_an_answer_is_written_stays(desk: Desk) -> None:
    state = state_of(desk.arrive(None, coming()))
    asked = Conversation(exchanges=(Exchange(question="How many?"),))
    for view in desk.grow(asked, state, coming(), desk.answer):
        if "verdict" in view and desk.history.list(state["key"])[0].title == "How many?":
            renamed = desk.rename(" Shops ", view["conversation"], state, coming())
            assert renamed.keys() == {"name", "kept"}, "the box keeps its Stop"
    assert view["conversation"].name == "Shops" and desk.history.load(state["key"], asked.id).name == "Shops"
    assert desk.rename("Shops of May", view["conversation"], state, coming())["conversation"].name == "Shops of May"
    assert desk.rename("  ", view["conversation"], state, coming()) == {"name": ""}
    assert desk.history.load(state["key"], asked.id).name == "Shops of May"

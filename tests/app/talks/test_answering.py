from __future__ import annotations

import threading

import pytest
from PIL import Image

from app.talks import rival as rivals
from app.talks.answering import answer, resumable, resume
from app.talks.rival import Rival
from app.talks.values import Conversation, Exchange, Options
from finetune.charts.records import Record
from tests.fakes import ScriptedEngine, SeededEngine
from vision import Control, Settings
from vision.engines.local.engine import LocalEngine
from vision.errors import ModelError

NAME = "a" * 64


def asking(question: str, **options: int) -> Conversation:
    return Conversation(exchanges=(Exchange(question=question, pictures=(NAME,), options=Options(**options)),))  # type: ignore[arg-type]


def test_an_answer_grows_in_its_talk(engine: LocalEngine, chart: Record) -> None:
    *growing, done = answer(engine, asking(chart.question), lambda name: chart.image, Control())
    assert growing[0].exchanges[0].replies == () and growing[0].exchanges[0].writing[0].texts, "the picture is read before anything is said"
    tokens = [each.exchanges[0].replies[0].tokens for each in growing[1:]]
    assert len(growing) > 5 and growing[1].exchanges[0].replies[0].usage is None and tokens == sorted(tokens) and tokens[-1] > 5
    assert done.exchanges[0].model == engine.name and done.exchanges[0].answer_text and not resumable(done)


def test_a_stopped_answer_goes_on_where_it_was(engine: LocalEngine, chart: Record) -> None:
    *_, whole = answer(engine, asking(chart.question), lambda name: chart.image, Control())
    control = Control()
    for conversation in answer(engine, asking(chart.question), lambda name: chart.image, control):
        if conversation.exchanges[0].replies and len(conversation.exchanges[0].replies[0].thought) > 12:
            control.stop()
    assert resumable(conversation) and conversation.exchanges[0].replies[0].usage is not None
    *_, done = resume(engine, conversation, lambda name: chart.image, Control())
    assert done.exchanges[0].replies[0].text == whole.exchanges[0].replies[0].text and not resumable(done)


def test_several_traces_vote() -> None:
    *_, done = answer(SeededEngine(["7", "8", "7", "7", "7"]), asking("?", traces=5), lambda name: Image.new("RGB", (9, 9)), Control())
    assert done.exchanges[0].answer_text == "The answer is 7." and done.exchanges[0].vote.votes == 3


def test_an_answer_that_used_up_its_tokens_gets_as_many_again(engine: LocalEngine, chart: Record) -> None:
    *_, whole = answer(engine, asking(chart.question), lambda name: chart.image, Control())
    *_, cut = answer(engine, asking(chart.question), lambda name: chart.image, Control(), 2)
    assert resumable(cut) and cut.exchanges[0].answer_text != whole.exchanges[0].answer_text
    for _ in range(20):
        *_, cut = resume(engine, cut, lambda name: chart.image, Control(), 2)
    assert cut.exchanges[0].answer_text == whole.exchanges[0].answer_text and not resumable(cut)


def test_a_question_that_got_nothing_can_go_on_and_a_vote_cannot() -> None:
    assert resumable(asking("?")) and not resumable(asking("?", traces=3)) and not resumable(Conversation())


def test_how_far_the_second_model_is_stands_behind_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "POLL_S", 0.01)
    loaded, opened = threading.Event(), []

    def opens(settings: Settings) -> ScriptedEngine:
        opened.append(settings)
        assert loaded.wait(5)
        return ScriptedEngine("The answer is 8.", name="other")

    rival, seen = Rival(Settings(adapter="none"), opens), []  # type: ignore[arg-type]
    for talk in answer(SeededEngine(["7"]), asking("?", compare=True), lambda name: Image.new("RGB", (9, 9)), Control(), rival=rival):
        seen.append(talk.exchanges[0])
        if len([each for each in seen if each.rival is not None]) == 3:
            loaded.set()
    assert "nano (Loading nano …)" in [each.rival_model for each in seen]
    assert seen[-1].rival_model == "other" and seen[-1].rival.answer_text == "The answer is 8." and seen[-1].answer_text
    *_, again = answer(SeededEngine(["7"]), asking("?", compare=True), lambda name: Image.new("RGB", (9, 9)), Control(), rival=rival)
    assert again.exchanges[0].rival_model == "other" and len(opened) == 1


def test_who_stops_while_the_second_model_loads_keeps_the_first_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rivals, "POLL_S", 0.01)
    loaded, control = threading.Event(), Control()
    rival = Rival(Settings(), lambda settings: loaded.wait(5) and ScriptedEngine("8"))  # type: ignore[arg-type, return-value]
    for talk in answer(SeededEngine(["7"]), asking("?", compare=True), lambda name: Image.new("RGB", (9, 9)), control, rival=rival):
        if talk.exchanges[0].rival is not None:
            control.stop()
    assert talk.exchanges[0].rival is None and talk.exchanges[0].answer_text == "The answer is 7."
    loaded.set()


def test_a_second_model_that_cannot_be_loaded_is_tried_again_by_the_next() -> None:
    tries = []

    def opens(settings: Settings) -> ScriptedEngine:
        tries.append(settings)
        if len(tries) == 1:
            raise ModelError("no such model")
        return ScriptedEngine("8")

    rival = Rival(Settings(), opens)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="no such model"):
        list(rival.loading(Control()))
    assert list(rival.loading(Control())) == [] and rival.engine().text == "8"  # type: ignore[attr-defined]

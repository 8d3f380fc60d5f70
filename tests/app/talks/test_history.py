from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from app.talks.history import History
from app.talks.values import Conversation, Exchange
from tests.app.talks.test_values import CONVERSATION, answered
from vision.errors import ConversationError, SettingsError


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "kept")


def test_a_talk_is_found_again_after_a_restart(history: History) -> None:
    history.save("anna", CONVERSATION)
    again = History(history.folder)
    assert again.load("anna", CONVERSATION.id) == CONVERSATION
    assert [kept.title for kept in again.list("anna")] == ["How many?"]


def test_a_later_state_takes_the_place_of_an_earlier(history: History) -> None:
    history.save("anna", CONVERSATION.until(1))
    history.save("anna", replace(CONVERSATION, name="Apples"))
    assert [kept.title for kept in history.list("anna")] == ["Apples"]
    assert len(history.load("anna", CONVERSATION.id).exchanges) == 2


def test_nobody_reaches_what_is_anothers(history: History) -> None:
    name = history.keep_picture("anna", b"picture")
    history.save("anna", CONVERSATION)
    assert history.list("ben") == []
    for reach in (
        lambda: history.load("ben", CONVERSATION.id),
        lambda: history.picture("ben", name),
        lambda: history.picture("anna", "../history.sqlite"),
    ):
        with pytest.raises(ConversationError):
            reach()
    history.delete("ben", CONVERSATION.id)
    history.delete_everything("ben")
    assert history.load("anna", CONVERSATION.id) == CONVERSATION and history.picture("anna", name) == b"picture"


def test_search_needs_all_words_in_questions_or_answers(history: History) -> None:
    history.save("anna", Conversation(exchanges=(answered("How many Apples?", "4"),)))
    history.save("anna", Conversation(exchanges=(answered("Which 100% share?", "Pears"),)))
    assert [kept.title for kept in history.list("anna", "apples MANY")] == ["How many Apples?"]
    assert [kept.title for kept in history.list("anna", "pears")] == ["Which 100% share?"]
    assert [kept.title for kept in history.list("anna", "100%")] == ["Which 100% share?"]
    assert history.list("anna", "apples pears") == [] and history.list("anna", "_") == []


def test_deleting_a_talk_takes_its_pictures_unless_another_has_them(history: History) -> None:
    shared, own = history.keep_picture("anna", b"shared"), history.keep_picture("anna", b"own")
    assert history.keep_picture("ben", b"shared") == shared
    conversation = Conversation(exchanges=(Exchange(question="?", pictures=(shared, own)),))
    history.save("anna", conversation)
    history.delete("anna", conversation.id)
    assert not list((history.folder / "pictures").glob(f"{own}*"))
    assert history.picture("ben", shared) == b"shared"


def test_delete_everything_leaves_nothing(history: History) -> None:
    name = history.keep_picture("anna", b"picture")
    history.save("anna", Conversation(exchanges=(Exchange(question="A secret?", pictures=(name,)),)))
    history.delete_everything("anna")
    assert history.list("anna") == [] and list((history.folder / "pictures").iterdir()) == []


def test_there_is_room_for_so_many_bytes_and_talks(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.talks.history.MAX_PICTURE_BYTES", 10)
    monkeypatch.setattr("app.talks.history.MAX_CONVERSATIONS", 2)
    history.keep_picture("anna", b"12345678")
    history.keep_picture("anna", b"12345678")
    with pytest.raises(ConversationError, match="delete conversations"):
        history.keep_picture("anna", b"abc")
    for question in ("one", "two", "three"):
        history.save("anna", Conversation(exchanges=(Exchange(question=question),)))
    assert [kept.title for kept in history.list("anna")] == ["three", "two"]


def test_what_was_deleted_while_it_was_answered_stays_deleted(history: History) -> None:
    history.save("anna", CONVERSATION.until(1))
    history.delete_everything("anna")
    assert not history.save("anna", CONVERSATION, anew=False) and history.list("anna") == []


def test_the_oldest_goes_with_its_pictures(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.talks.history.MAX_CONVERSATIONS", 1)
    name = history.keep_picture("anna", b"old")
    history.save("anna", Conversation(exchanges=(Exchange(question="old", pictures=(name,)),)))
    history.save("anna", Conversation(exchanges=(Exchange(question="new"),)))
    assert [kept.title for kept in history.list("anna")] == ["new"] and list((history.folder / "pictures").iterdir()) == []


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="LOGICFLOW_DATA_DIR"):
        History(tmp_path / "file" / "kept")


def test_many_threads_may_write_at_once(history: History) -> None:
    conversations = [Conversation(exchanges=(Exchange(question=f"question {i}"),)) for i in range(16)]
    threads = [threading.Thread(target=history.save, args=("anna", conversation)) for conversation in conversations]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(history.list("anna")) == 16


def test_nobody_can_guess_a_pictures_file_from_the_picture(tmp_path: Path) -> None:
    first, second = History(tmp_path / "a"), History(tmp_path / "b")
    data = b"\x89PNG and the rest"
    name = first.keep_picture("me", data)
    assert second.keep_picture("me", data) == name
    files = [history.path("me", name).stem for history in (first, second)]
    assert name not in files and files[0] != files[1]

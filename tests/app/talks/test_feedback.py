from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.talks.feedback import preference_rows, write_preferences
from app.talks.history import History
from app.talks.values import Conversation, Exchange, Options
from vision import Reply, Usage
from vision.prompts import SYSTEM_PROMPT

USAGE = Usage(prompt_tokens=9, thought_tokens=12, answer_tokens=4, first_token_s=0.1, thinking_s=0.6, total_s=1.1, end="end")
PNG = b"\x89PNG and the rest"


def reply(answer: str) -> Reply:
    return Reply(
        question="q", answer_text=f"The answer is {answer}.", text=f"<think>\nSo.\n</think>\n\nThe answer is {answer}.", usage=USAGE
    )


def judged(liked: bool | None, *answers: str, pictures: tuple[str, ...] = ("a" * 64,), question: str = "How many?") -> Conversation:
    options = Options(traces=len(answers))
    made = Exchange(question=question, pictures=pictures, options=options, replies=tuple(map(reply, answers)), liked=liked)
    return Conversation(exchanges=(made,))


def test_an_answer_that_is_liked_is_chosen_over_one_that_is_not() -> None:
    (row,) = preference_rows([judged(True, "70"), judged(False, "71")])
    assert row["chosen"]["value"].endswith("The answer is 70.") and row["rejected"]["value"].endswith("The answer is 71.")
    assert row["conversations"] == [{"from": "human", "value": "<image>How many?"}]
    assert row["images"] == ["a" * 64] and row["system"] == SYSTEM_PROMPT


def test_a_liked_vote_is_chosen_over_what_it_outvoted() -> None:
    (row,) = preference_rows([judged(True, "70", "71", "70")])
    assert "70" in row["chosen"]["value"] and "71" in row["rejected"]["value"]


def test_other_questions_and_lone_verdicts_make_no_pair() -> None:
    assert preference_rows([judged(True, "70"), judged(False, "71", question="How few?")]) == []
    assert preference_rows([judged(True, "70"), judged(False, "71", pictures=("b" * 64,))]) == []
    assert preference_rows([judged(True, "70"), judged(False, "70")]) == []  # the same text both liked and not


def test_what_came_before_is_part_of_the_row() -> None:
    first = Exchange(question="What is it?", pictures=("c" * 64,), replies=(reply("a chart"),))
    good, bad = (
        replace(conversation, exchanges=(first, *conversation.exchanges))
        for conversation in (judged(True, "1", pictures=()), judged(False, "2", pictures=()))
    )
    (row,) = preference_rows([good, bad])
    assert [part["from"] for part in row["conversations"]] == ["human", "gpt", "human"]
    assert row["conversations"][0]["value"].count("<image>") == len(row["images"]) == 1


def test_a_history_keeps_and_takes_back_verdicts(tmp_path: Path) -> None:
    history = History(tmp_path)
    name = history.keep_picture("me", PNG)
    conversation = judged(False, "71", pictures=(name,))
    history.save("me", conversation)
    history.judge("me", conversation)
    again = judged(True, "70", pictures=(name,))
    again = replace(again, id=conversation.id)
    history.save("me", again)  # asked again: the first answer is gone from the talk, not from the verdicts
    history.judge("me", again)
    assert len(preference_rows(history.verdicts("me"))) == 1 and history.verdicts("you") == []
    history.judge("me", again.with_last(replace(again.exchanges[0], liked=None)))
    assert len(history.verdicts()) == 1
    history.delete("me", conversation.id)
    assert history.verdicts() == [] and not list((tmp_path / "pictures").iterdir())


def test_rows_are_written_as_llamafactory_reads_them(tmp_path: Path) -> None:
    rows = preference_rows([judged(True, "70"), judged(False, "71")])
    write_preferences(tmp_path, rows, lambda _: PNG)
    (row,) = json.loads((tmp_path / "feedback.json").read_text())
    info = json.loads((tmp_path / "dataset_info.json").read_text())["feedback"]
    assert (tmp_path / row["images"][0]).read_bytes() == PNG and info["ranking"] and set(info["columns"].values()) == set(row)


@pytest.mark.parametrize("liked", [True, False])
def test_an_answer_that_never_came_is_no_example(liked: bool) -> None:
    empty = Conversation(exchanges=(Exchange(question="How many?", pictures=("a" * 64,), replies=(Reply(question="q"),), liked=liked),))
    assert preference_rows([empty, judged(not liked, "70")]) == []


def test_marks_of_pictures_in_what_was_written_are_not_counted_as_pictures() -> None:
    good, bad = (judged(liked, said, question="What is <image>?") for liked, said in ((True, "<image>"), (False, "2")))
    (row,) = preference_rows([good, bad])
    assert (str(row["conversations"]) + str(row["chosen"])).count("<image>") == len(row["images"]) == 1


def test_an_answer_without_its_text_is_no_example() -> None:
    good = judged(True, "70")
    bare = good.with_last(replace(good.exchanges[0], replies=(replace(reply("70"), text=""),)))
    assert preference_rows([bare, judged(False, "71")]) == []

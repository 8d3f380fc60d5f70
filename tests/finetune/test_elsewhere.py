from __future__ import annotations

import random

import pytest

from finetune.charts.elsewhere import READER, UNSAID, WELCOME, aside, small_talk, unanswerable
from finetune.charts.figures import KINDS, sample
from finetune.nano.rows import picture_exchanges
from vision.answers.answers import extract, number_of
from vision.thoughts.steps import steps_of


@pytest.mark.parametrize("wordings", ["trained", "held out"])
def test_what_cannot_be_answered_is_said_in_one_sentence_without_a_number(wordings: str) -> None:
    tasks = set()
    for seed in range(1500):
        rng = random.Random(seed)
        figure = sample(rng, rng.choice(KINDS))
        asked = aside(rng, figure, wordings)  # type: ignore[arg-type]
        tasks.add(asked.task)
        assert asked.said in (UNSAID, READER, WELCOME) or asked.said.startswith("The picture does not show "), asked
        assert number_of(extract(asked.said)) is None and asked.text and "[" not in asked.text and "{" not in asked.text
        assert not [claim for step in steps_of("\n".join(asked.steps)) for claim in step.claims]
    assert tasks == {"missing", "unsaid", "talk"}


def test_a_missing_name_is_not_in_the_picture() -> None:
    missing = 0
    for seed in range(1500):
        rng = random.Random(seed)
        figure = sample(rng, rng.choice(KINDS))
        asked = unanswerable(rng, figure)
        if asked.task == "missing":
            name = asked.said.removeprefix("The picture does not show ").removesuffix(".")
            assert name in asked.text and name in asked.steps[0]
            assert name.lower() not in {word.lower() for word in (*figure.words(), *figure.categories, *figure.series)}
            missing += 1
    assert missing > 500


def test_talk_is_not_held_out_and_trained_at_once() -> None:
    trained, held_out = (
        {small_talk(random.Random(seed), w).text.lower().rstrip(".!") for seed in range(4000)} for w in ("trained", "held out")
    )
    assert len(trained) > 80 and not trained & held_out


def test_a_few_exchanges_about_a_picture_are_of_this_kind() -> None:
    tasks = [task for seed in range(400) for task, *_ in picture_exchanges(random.Random(seed), sample(random.Random(seed), "bar"), 10)]
    share = sum(task in ("missing", "unsaid", "talk") for task in tasks) / len(tasks)
    assert 0.02 < share < 0.06

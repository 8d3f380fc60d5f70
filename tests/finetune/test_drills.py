from __future__ import annotations

import random
from collections import defaultdict

import pytest
from transformers import AutoTokenizer

from finetune.charts.drills import DRILLS, text_exchange, values_of
from finetune.charts.layouts import exchange
from finetune.charts.ticks import tick_text
from vision.pictures.lines import HEADER
from vision.settings import NANO
from vision.thoughts.steps import steps_of


def test_every_claim_that_text_teaches_is_true() -> None:
    checked = 0
    for seed in range(1500):
        _, _, said = text_exchange(random.Random(seed))
        for step in steps_of(said):
            for claim in step.claims:
                assert claim.verdict == "true", (seed, claim)
                checked += 1
    assert checked > 2000


def test_exchanges_are_short_enough_for_a_row_of_several() -> None:
    tokenizer = AutoTokenizer.from_pretrained(NANO, local_files_only=True)
    lengths = [len(tokenizer(asked + said)["input_ids"]) for _, asked, said in (text_exchange(random.Random(seed)) for seed in range(600))]
    assert sum(lengths) / len(lengths) < 160 and sum(length > 370 for length in lengths) < 0.03 * len(lengths)


def test_a_chart_laid_out_as_lines_has_what_is_asked_in_it() -> None:
    tasks = defaultdict(int)
    for seed in range(400):
        task, asked, said = exchange(random.Random(seed))
        lines, _, question = asked.removeprefix(HEADER).partition("\n\n")
        assert asked.startswith(HEADER) and question, asked
        tasks[task] += 1
        if task == "lines value":
            value = said.removeprefix("The answer is ").removesuffix(".")
            assert value in lines, (asked, said)
    assert min(tasks[f"lines {task}"] for task in ("value", "look up", "describe")) > 40, tasks


def test_values_have_one_to_four_digits_and_sometimes_a_decimal() -> None:
    values = [value for seed in range(300) for value in values_of(random.Random(seed), 7)]
    assert min(values) >= 0 and any(value > 5000 for value in values) and any(value % 1 for value in values)


@pytest.mark.parametrize(("value", "form", "written"), [(100, "k", "100"), (1000, "k", "1k"), (0.5, "separator", "0.5"), (0, "k", "0")])
def test_small_ticks_are_written_as_they_are(value: float, form: str, written: str) -> None:
    assert tick_text(value, form) == written


def test_all_drills_are_drawn() -> None:
    seen = {text_exchange(random.Random(seed))[0].split()[0] for seed in range(600)}
    assert len(seen) >= len(DRILLS) - 1, seen

"""What completions earn: valid ones, broken ones, and those that want the reward without the work."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from finetune.recipe import ROOT
from finetune.rewards import REWARDS, as_column
from tests.vision.answers.test_trust import MEASURED
from tests.vision.pictures.test_labels import BARS

SUM = {"question": "What is 3 + 4 + 5?", "gold": "12"}
CHART = {"question": "How many more visitors has Museum than Library?", "gold": "52", "writing": as_column([BARS])}
BY_AXIS = {"question": "How many more visitors has Museum than Library?", "gold": "52", "tolerance": 0.05, "writing": as_column([MEASURED])}


def earned(reward: str, text: str, row: dict[str, Any]) -> float | None:
    (value,) = REWARDS[reward]([text], **{name: [value] for name, value in row.items()})
    return value


@pytest.mark.parametrize(
    ("reward", "text", "row", "value", "why"),
    [
        ("exact_answer", "<think>a</think>The answer is 12.", SUM, 1.0, "right"),
        ("exact_answer", "<think>a</think>The answer is twelve.", SUM, 1.0, "words are numbers too"),
        ("exact_answer", "<think>a</think>The answer is 13.", SUM, 0.0, "wrong"),
        ("exact_answer", "<think>12 it is, so the answer is 12", SUM, 0.0, "a thought that never closes is no answer"),
        ("exact_answer", "<think>a</think>The answer is 54.", BY_AXIS, 1.0, "within 5 % where it is read off an axis"),
        ("exact_answer", "<think>a</think>The answer is 54.", CHART, 0.0, "and exact where values are printed"),
        ("exact_answer", "<think>a</think>12", {**SUM, "gold": ""}, None, "no gold answer is known"),
        ("earned_answer", "<think>3 + 4 = 7, then 7 + 5 = 12</think>The answer is 12.", SUM, 1.0, "the work is shown"),
        ("earned_answer", "The answer is 12.", SUM, 0.0, "a guess"),
        ("earned_answer", "<think>I simply know this one well.</think>The answer is 12.", SUM, 0.0, "no step arrives at it"),
        ("earned_answer", "<think>3 + 4 = 7, then 7 + 5 = 12</think>The answer is 12 or 13.", SUM, 0.0, "two answers"),
        ("numeric_answer", "<think>a</think>The answer is 12.", SUM, 1.0, "one number"),
        ("numeric_answer", "<think>a</think>The answer is quite high.", SUM, 0.0, "none"),
        ("numeric_answer", "<think>a</think>The answer is Park.", {**SUM, "gold": "Park"}, None, "no number is due"),
        ("thought_form", "<think>a</think>b", SUM, 1.0, "a thought and an answer"),
        ("thought_form", "<think>a</think><answer>b</answer>", SUM, 1.0, "an answer in tags of its own"),
        ("thought_form", "Well. <think>a</think>b", SUM, 0.0, "words before the thought"),
        ("thought_form", "<think> </think>b", SUM, 0.0, "an empty thought"),
        ("thought_form", "<think>a</think>", SUM, 0.0, "no answer"),
        ("thought_form", "b", SUM, 0.0, "no thought"),
        ("thought_form", "a</think>b", {**SUM, "opening": "<think>\n"}, 1.0, "the prompt opened it"),
        ("broken_tags", "<think>a</think>b", SUM, 0.0, "whole"),
        ("broken_tags", "<think>a", SUM, -1.0, "left open"),
        ("broken_tags", "<think>a<think>b</think></think>c", SUM, -1.0, "nested"),
        ("broken_tags", "<think>a</think>b<think>c</think>d", SUM, -1.0, "repeated"),
        ("broken_tags", "<think>a</think><answer>b", SUM, -1.0, "an answer's tag left open"),
        ("broken_tags", "<think>a</thought>b", SUM, -1.0, "of two kinds"),
        ("length", "<think>3 + 4 = 7 and so on</think>7", SUM, 0.0, "as long as it should be"),
        ("length", "<think>Hm.</think>7", SUM, -1.0, "too short"),
        ("length", f"<think>{' '.join(map(str, range(600)))}</think>7", SUM, -0.5, "half again too long"),
        ("length", f"<think>{'Let me look at it once more.' * 20}</think>7", SUM, None, "repeats itself"),
        ("hedging", "<think>a</think>The answer is 4.", SUM, 0.0, "one answer"),
        ("hedging", "<think>a</think>The answer is 4 or 5.", SUM, -1.0, "two"),
        ("hedging", "<think>a</think>The answer is 4. No, the answer is 5.", SUM, -1.0, "one after the other"),
        ("checked_arithmetic", "<think>3 + 4 = 7, then 7 + 5 = 12</think>The answer is 12.", SUM, 0.75, "two claims lead to it"),
        ("checked_arithmetic", "<think>3 + 4 = 7, then 7 + 5 = 12, 2 + 2 = 5</think>The answer is 12.", SUM, 0.5, "two of three hold"),
        ("checked_arithmetic", "<think>3 + 4 = 8, then 8 + 5 = 13</think>The answer is 13.", SUM, -0.5, "one of two is false"),
        ("checked_arithmetic", "<think>3 + 5 = 8, then 8 + 5 = 13</think>The answer is 13.", SUM, 0.0, "they hold, it is wrong"),
        ("checked_arithmetic", "<think>1 + 1 = 2, 2 + 2 = 4, 6 + 6 = 12</think>The answer is 12.", SUM, 0.0, "true and from nowhere"),
        ("checked_arithmetic", "<think>7 + 5 = 12, then 7 + 5 = 12, then 7 + 5 = 12</think>The answer is 12.", SUM, 0.5, "said again"),
        ("checked_arithmetic", "<think>Museum 64, Library 12. 64 - 12 = 52</think>The answer is 52.", CHART, 0.5, "with what was read"),
        ("traced_numbers", "<think>Read Museum 64, Library 12.\n64 - 12 = 52</think>The answer is 52.", CHART, 1.0, "read where it stands"),
        ("traced_numbers", "<think>Read Museum 85, Library 12.\n85 - 12 = 73</think>The answer is 73.", CHART, 0.5, "85 is another's"),
        ("traced_numbers", "<think>Read Museum 62, Library 12.\n62 - 12 = 50</think>The answer is 50.", BY_AXIS, 1.0, "near enough"),
        ("traced_numbers", "<think>Read Museum 32, Library 12.\n32 - 12 = 20</think>The answer is 20.", BY_AXIS, 0.5, "far from it"),
        ("traced_numbers", "<think>3 + 4 = 7, then 7 + 5 = 12</think>The answer is 12.", SUM, None, "there is no picture"),
        ("follows_steps", "<think>3 + 4 = 7, then 7 + 5 = 12</think>The answer is 12.", SUM, 1.0, "it is the last result"),
        ("follows_steps", "<think>3 + 4 = 7, then 7 + 5 = 12</think>The answer is 40.", SUM, 0.0, "it is not"),
    ],
)  # fmt: skip
def test_rewards(reward: str, text: str, row: dict[str, Any], value: float | None, why: str) -> None:
    told = earned(reward, text, row)
    if why == "repeats itself":
        assert told is not None and -1.0 <= told < -0.3
    else:
        assert told == value or told == pytest.approx(value), why


WEIGHTS = yaml.safe_load((ROOT / "finetune/grpo_nano.yaml").read_text())["rewards"]
HONEST = "<think>Read Museum 64, Library 12.\n64 + 12 = 76</think>The answer is 76."
"""The readings are right, and so is the sum; it was the wrong one."""


def total(text: str, row: dict[str, Any]) -> float:
    return sum(weight * (earned(name, text, row) or 0.0) for name, weight in WEIGHTS.items())


@pytest.mark.parametrize(
    ("trick", "text"),
    [
        ("an answer without reasoning", "The answer is 52."),
        ("a thought that says nothing", "<think>I looked at the picture and I know it.</think>The answer is 52."),
        ("a wall of true trivial sums", f"<think>{chr(10).join(f'{i} + {i} = {2 * i}' for i in range(1, 40))}</think>The answer is 52."),
        ("tags inside tags", "<think><think>Read Museum 64, Library 12.\n64 - 12 = 52</think></think>The answer is 52."),
        ("the gold number hidden in the thought", "<think>It may be 52, or 76, or 12, who knows.</think>The answer is 40."),
        ("the question copied", f"<think>{CHART['question']}</think>The answer is 52."),
        ("the writing copied", f"<think>{' '.join(text.text for text in BARS.texts)}</think>The answer is 52."),
        ("one claim repeated", f"<think>{'85 - 20 = 65. ' * 12}</think>The answer is 52."),
        ("hedging", "<think>Read Museum 64, Library 12.\n64 - 12 = 52</think>The answer is 52 or 76."),
        ("no end", "<think>Read Museum 64, Library 12.\n64 - 12 = 52, so the answer is 52"),
    ],
)
def test_no_trick_earns_as_much_as_an_honest_wrong_attempt(trick: str, text: str) -> None:
    assert total(text, CHART) < total(HONEST, CHART), trick


def test_sums_that_nobody_asked_for_earn_nothing() -> None:
    """A run that paid for them learned to add up whatever it had read (finetune/LOG.md)."""
    row = {**CHART, "question": "Which has more visitors, Museum or Library?", "gold": "Museum"}
    plain = "<think>Read Museum 64, Library 12.\nLook up Library 12.</think>The answer is Library."
    summed = "<think>Read Museum 64, Library 12.\nLook up Library 12.\n64 + 12 = 76\n76 + 12 = 88</think>The answer is 88."
    assert total(summed, row) <= total(plain, row)


def test_the_right_work_earns_most() -> None:
    right = "<think>Read Museum 64, Library 12.\n64 - 12 = 52</think>The answer is 52."
    misread = "<think>Read Museum 85, Library 12.\n85 - 12 = 73</think>The answer is 73."
    assert total(right, CHART) > total(HONEST, CHART) + 1.5 and total(HONEST, CHART) > total(misread, CHART)


def test_completions_come_as_messages_too() -> None:
    talk = [[{"role": "assistant", "content": "<think>3 + 4 = 7, then 7 + 5 = 12</think>The answer is 12."}]]
    assert REWARDS["earned_answer"](talk, question=[SUM["question"]], gold=["12"], prompts=[""], trainer_state=None) == [1.0]

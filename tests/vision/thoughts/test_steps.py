from __future__ import annotations

import pytest

from vision.pictures.box import Box
from vision.pictures.writing import Text, Writing
from vision.thoughts.steps import steps_of

STEPS = {
    "by its own numbers": ("1. Read 3 and 4.\n2. 3 + 4 = 7\nmore of it", ["Read 3 and 4.", "3 + 4 = 7\nmore of it"]),
    "by words and numbers": ("Step 1: Read.\nStep 2: Add.", ["Read.", "Add."]),
    "by lines": ("Read Fish 7.\nAdd 7 + 1 = 8.", ["Read Fish 7.", "Add 7 + 1 = 8."]),
    "by lines where not every part has several": ("Fish 7.\nCod 1.\n\n7 + 1 = 8.", ["Fish 7.", "Cod 1.", "7 + 1 = 8."]),
    "by parts of several lines": ("Read Fish 7\nand Cod 1.\n\nAdd them:\n7 + 1 = 8.", ["Read Fish 7\nand Cod 1.", "Add them:\n7 + 1 = 8."]),
    "by bullets": ("- Read.\n- Add.", ["Read.", "Add."]),
    "by sentences": ("Read it. Then add 1.5 and 2. Done.", ["Read it.", "Then add 1.5 and 2.", "Done."]),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("thought", "expected"), STEPS.values(), ids=STEPS.keys())
def test_a_thought_becomes_steps(thought: str, expected: list[str]) -> None:
    steps = steps_of(thought)
    assert [step.text for step in steps] == expected
    assert [step.number for step in steps] == list(range(1, len(expected) + 1))


GROWING = (
    "Read Museum 64, Library 41.\nSubtract 64 - 41 = 23.\nSo it is 23.",
    "1. Museum is 64 and Library is 41.\n2. 64 + 41 = 100 + 5 = 105\n3. 105 / 2 = 52.5, about 53.",
    "The total is 64 + 41 + 1,000 = 1,105. Half of it is 1,105 / 2 = 552.5.",
    "64 is 64 % of 100, and $3.50 x 2 = $7.00 more.\n",
    "\\(\\frac{64}{2} = 32\\), so 32 × 2 = 64.",
)


@pytest.mark.parametrize("thought", GROWING)
def test_a_true_thought_never_shows_a_false_mark_while_it_is_written(thought: str) -> None:
    texts = {"Museum": (0, 0), "64": (60, 0), "Library": (0, 30), "41": (60, 30)}
    writing = Writing(size=(99, 99), texts=tuple(Text(text=text, box=Box(x, y, x + 30, y + 12)) for text, (x, y) in texts.items()))
    for end in range(1, len(thought) + 1):
        for step in steps_of(thought[:end], "What is it?", [writing], growing=True):
            assert not [claim for claim in step.claims if claim.verdict == "false"], thought[:end]
            assert not [source for source in step.sources if source.verdict == "false"], thought[:end]
    whole = steps_of(thought, "What is it?", [writing])
    assert any(claim.verdict == "true" for step in whole for claim in step.claims)


def test_a_thought_that_was_stopped_in_a_number_is_not_judged_by_half_of_it() -> None:
    assert steps_of("64 - 46 = 1", growing=True)[0].claims == ()
    assert [claim.verdict for claim in steps_of("64 - 46 = 1")[0].claims] == ["false"]
    assert [claim.verdict for claim in steps_of("64 - 46 = 1\nThen", growing=True)[0].claims] == ["false"]


def test_what_stands_before_a_numbered_list_is_a_step_of_its_own() -> None:
    steps = steps_of("Let me look.\n1. Read 3 and 4.\nBoth are printed.\n2. 3 + 4 = 7")
    assert [step.text for step in steps] == ["Let me look.", "Read 3 and 4.\nBoth are printed.", "3 + 4 = 7"]

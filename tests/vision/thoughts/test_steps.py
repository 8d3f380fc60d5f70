from __future__ import annotations

import pytest

from vision.thoughts.steps import steps_of

STEPS = {
    "by its own numbers": ("1. Read 3 and 4.\n2. 3 + 4 = 7\nmore of it", ["Read 3 and 4.", "3 + 4 = 7\nmore of it"]),
    "by words and numbers": ("Step 1: Read.\nStep 2: Add.", ["Read.", "Add."]),
    "by lines": ("Read Fish 7.\nAdd 7 + 1 = 8.", ["Read Fish 7.", "Add 7 + 1 = 8."]),
    "by bullets": ("- Read.\n- Add.", ["Read.", "Add."]),
    "by sentences": ("Read it. Then add 1.5 and 2. Done.", ["Read it.", "Then add 1.5 and 2.", "Done."]),
    "nothing": ("", []),
}


@pytest.mark.parametrize(("thought", "expected"), STEPS.values(), ids=STEPS.keys())
def test_a_thought_becomes_steps(thought: str, expected: list[str]) -> None:
    steps = steps_of(thought)
    assert [step.text for step in steps] == expected
    assert [step.number for step in steps] == list(range(1, len(expected) + 1))

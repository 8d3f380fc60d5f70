from __future__ import annotations

import random

import pytest

from finetune.charts import matplotlib, pillow
from finetune.charts.canvas import Letter, texts_of
from finetune.charts.figures import sample
from finetune.charts.ocr import JITTER, RAW, SEVERITIES, Faults, as_read

CLEAN = RAW.scaled(0.0)


def the_texts(letters: list[Letter]) -> list[str]:
    return sorted("".join(letter for letter, *_ in text).strip() for _, text in texts_of(letters))


@pytest.mark.parametrize("renderer", [pillow, matplotlib], ids=["pillow", "matplotlib"])
def test_without_faults_every_text_is_read_where_it_stands(renderer) -> None:  # type: ignore[no-untyped-def]
    for seed, kind in enumerate(("bar", "hbar", "pie", "table", "line")):
        rng = random.Random(seed)
        image, letters, _ = renderer.render(rng, sample(rng, kind))
        read = as_read(rng, letters, image.size, CLEAN)
        assert sorted(text for text, *_ in read) == [text for text in the_texts(letters) if text]
        middles = {
            "".join(c for c, *_ in text).strip(): [sum(p[i] for p in text) / len(text) for i in (1, 2)] for _, text in texts_of(letters)
        }
        unique = [text for text in middles if the_texts(letters).count(text) == 1]
        for text, x, y in read:
            if text in unique:
                assert abs(x - middles[text][0]) < 0.03 and abs(y - middles[text][1]) < 5 * JITTER[1], text


def test_raw_faults_are_as_frequent_as_they_were_measured() -> None:
    whole = wrong = 0
    for seed in range(200):
        rng = random.Random(seed)
        image, letters, _ = pillow.render(rng, sample(rng, rng.choice(("bar", "hbar", "pie", "line", "table"))))
        read = [text for text, *_ in as_read(rng, letters, image.size, RAW)]
        for text in filter(None, the_texts(letters)):
            whole += 1
            wrong += text not in read
    assert 0.05 < wrong / whole < 0.25, "merged, turned and misread texts together"


def test_a_share_loses_its_sign_to_the_front_and_a_tick_keeps_its_dash() -> None:
    row = [("\n", 0.04, 0.05), *((letter, 0.2 + 0.02 * i, 0.5) for i, letter in enumerate("9%"))]
    upside_down = Faults(**(dict.fromkeys(("merged", "lost_lone", "lost", "cut", "swapped", "spoiled", "dashed"), 0.0) | {"percent": 1.0}))
    assert {as_read(random.Random(seed), row, (400, 300), upside_down)[0][0] for seed in range(20)} == {"%6", "%9"}


def test_most_pictures_are_read_nearly_rightly() -> None:
    assert sum(share for _, share in SEVERITIES) == pytest.approx(1)
    assert sum(share for times, share in SEVERITIES if times < 0.5) >= 0.7
    assert max(RAW.scaled(3).__dict__.values()) <= 1

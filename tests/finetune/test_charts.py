from __future__ import annotations

import json
import random
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from finetune.charts import matplotlib, pillow, words
from finetune.charts.__main__ import main
from finetune.charts.canvas import Letter, texts_of
from finetune.charts.figures import KINDS, Figure, number, sample
from finetune.charts.questions import ask
from finetune.charts.readings import LINES, describe, in_reading_order
from finetune.charts.records import HELD_OUT_FROM, is_held_out, make
from vision.answers.answers import equivalent, extract
from vision.pictures.lines import HEADER
from vision.prompts import TEXT_IS_DATA
from vision.thoughts.steps import steps_of


@pytest.mark.parametrize("renderer", ["pillow", "matplotlib"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_gives_the_same_record_again(kind: str, renderer: str) -> None:
    first, second = (make(41, kind=kind, renderer=renderer) for _ in range(2))
    assert first.as_row() == second.as_row()
    assert (np.array(first.image) == np.array(second.image)).all()
    assert first.image.mode == "RGB" and min(first.image.size) >= 150


def test_every_claim_in_every_thought_is_true_and_the_answer_follows() -> None:
    checked = 0
    for seed in range(3000):
        rng = random.Random(seed)
        asked = ask(rng, sample(rng, rng.choice(KINDS)))
        for step in steps_of("\n".join(asked.steps)):
            for claim in step.claims:
                assert claim.verdict == "true", (seed, claim)
                checked += 1
        assert extract(f"The answer is {asked.answer}.") == asked.answer
    assert checked > 2000


def test_every_comparison_in_a_thought_is_right() -> None:
    """``Higher of Fish 7, Jul 77: 7 < 77, Jul 77.``: the sign is a claim, what follows from it is checked here."""
    checked = counted = 0
    for seed in range(3000):
        rng = random.Random(seed)
        asked = ask(rng, sample(rng, rng.choice(KINDS)))
        for step in asked.steps:
            if found := re.fullmatch(r"(Higher|Lower) of .+ (\S+), .+ (\S+): \2 [<=>] \3, .+ (\S+)\.", step):
                one, other, chosen = (Fraction(value) for value in found.groups()[1:])
                assert chosen == (max if found.group(1) == "Higher" else min)(one, other), (seed, step)
                checked += 1
            for marks in re.findall(r" (yes|no) (\d+)", step):
                counted += marks[0] == "yes"
        if asked.task == "count":
            assert asked.steps[1].split()[-1] == f"{asked.answer}.", seed
    assert checked > 1000 and counted > 100


def the_values(figure: Figure) -> list[Fraction]:
    return [Fraction(str(value)) for values in figure.series.values() for value in values]


def test_answers_are_right_by_another_way_of_computing() -> None:
    """Totals, means and extremes of single-series figures, recomputed from the table alone."""
    seen = dict.fromkeys(("total", "mean", "extreme value", "range", "count"), 0)
    for seed in range(6000):
        rng = random.Random(seed)
        figure = sample(rng, rng.choice(("bar", "hbar", "pie")))
        asked = ask(rng, figure)
        values = the_values(figure)
        high = any(word in asked.text for word in ("highest", "largest", "maximum", "greatest"))
        expected = {
            "total": sum(values),
            "mean": sum(values) / len(values),
            "extreme value": max(values) if high else min(values),
            "range": max(values) - min(values),
        }.get(asked.task)
        if expected is not None:
            assert equivalent(str(expected), asked.answer), (seed, asked)
            seen[asked.task] += 1
        elif asked.task == "count":
            line = Fraction(next(part for part in asked.text.rstrip("?").split() if part.replace(".", "").isdigit()))
            above = any(word in asked.text for word in ("above", "over", "higher", "more"))
            assert int(asked.answer) == sum((value > line) == above and value != line for value in values), (seed, asked)
            seen["count"] += 1
    assert min(seen.values()) > 50, seen


def test_geometry_is_right() -> None:
    for seed in range(400):
        rng = random.Random(seed)
        figure = sample(rng, "geometry")
        asked = ask(rng, figure)
        values = [Fraction(str(v)) for v in figure.values]
        right = {
            ("rectangle", "area"): lambda v: v[0] * v[1],
            ("rectangle", "perimeter"): lambda v: 2 * (v[0] + v[1]),
            ("triangle", "perimeter"): sum,
            ("right triangle", "area"): lambda v: v[0] * v[1] / 2,
            ("angles", "angle"): lambda v: 180 - sum(v),
        }[(figure.shape, asked.task)](values)
        assert Fraction(asked.answer) == right
        if figure.shape == "triangle":
            assert 2 * max(values) < sum(values), "the sides close to a triangle"


@pytest.mark.parametrize("kind", ["pie", "geometry"])
@pytest.mark.parametrize("renderer", [pillow, matplotlib], ids=["pillow", "matplotlib"])
def test_what_no_picture_orders_is_read_from_the_top_and_from_the_left(renderer, kind: str) -> None:  # type: ignore[no-untyped-def]
    moved = 0
    for seed in range(40):
        drawn = sample(rng := random.Random(seed), kind)
        _, letters, _ = renderer.render(rng, drawn)
        figure = in_reading_order(drawn, letters)
        assert sorted(figure.values) == sorted(drawn.values), "nothing is lost"
        if kind == "geometry" and figure.shape not in ("triangle", "angles"):
            assert figure == drawn, "width and height have names of their own"
            continue
        if kind == "pie":
            assert dict(zip(figure.categories, figure.values, strict=True)) == dict(zip(drawn.categories, drawn.values, strict=True))
        names = figure.categories or tuple(map(number, figure.values))
        if len(set(names)) == len(names):
            places = [_place(letters, name) for name in names]
            assert places == sorted(places), (seed, names)
        moved += figure != drawn
    assert moved > 5, "the order in which they were drawn is not the order in which they stand"


def test_a_name_that_begins_another_is_not_taken_for_it() -> None:
    texts = {"Unit 5": 0.2, "Cash": 0.4, "Unit": 0.6}
    letters = [part for text, y in texts.items() for part in (("\n", 0.05, 0.05), *((letter, 0.1, y) for letter in text))]
    figure = Figure(kind="pie", categories=("Unit", "Unit 5", "Cash"), series={"": (5.0, 40.0, 55.0)}, unit="%")
    assert in_reading_order(figure, letters).categories == tuple(texts)
    with pytest.raises(ValueError, match="only 2 of Unit, Unit 5, Cash"):
        in_reading_order(figure, letters[: -len("Unit") - 1])


def _place(letters: list[Letter], name: str) -> tuple[int, float]:
    """The strip and the x of the text that is ``name``, or begins with it."""
    for _, text in texts_of(letters):
        written = "".join(letter for letter, *_ in text)
        if written == name or (written.startswith(name) and written[len(name)] in " °"):
            return int(text[0][2] * LINES), text[0][1]
    raise AssertionError(f"{name} is not written")


@pytest.mark.parametrize("varied", [False, True], ids=["as measured", "varied"])
@pytest.mark.parametrize("kind", ["bar", "hbar", "grouped", "line", "pie", "table"])
@pytest.mark.parametrize("renderer", [pillow, matplotlib], ids=["pillow", "matplotlib"])
def test_values_are_marked_where_they_are_read(renderer, kind: str, varied: bool) -> None:  # type: ignore[no-untyped-def]
    """Printed values are marked at their letters, others where something is drawn that ends there."""
    printed, ends = 0, list[bool]()
    for seed in range(24 if varied else 16):
        figure = sample(rng := random.Random(seed), kind)
        image, letters, marks = renderer.render(rng, figure, more=random.Random(seed) if varied else None)
        assert in_reading_order(figure, letters).categories, "a pie's names and shares are found in any layout"
        assert set(marks) == {(name, category) for name in figure.series for category in figure.categories}
        for (name, category), places in marks.items():
            value = number(figure.series[name][figure.categories.index(category)])
            assert len(places) == len(value)
            if figure.printed:
                assert list(value) == [next(letter for letter, *at in letters if tuple(at) == place) for place in places]
                printed += 1
            else:
                x, y = places[0][0] * image.width, places[0][1] * image.height
                around = np.asarray(image.convert("L"), float)[max(0, int(y) - 12) : int(y) + 13, max(0, int(x) - 12) : int(x) + 13]
                ends.append(float(np.ptp(around)) > 15)
    assert printed > 10 and sum(ends) >= 0.9 * len(ends)
    assert ends or kind in ("pie", "table"), "these print all values"


@pytest.mark.parametrize("renderer", [pillow, matplotlib], ids=["pillow", "matplotlib"])
def test_more_looks_change_nothing_that_is_drawn_after_them(renderer) -> None:  # type: ignore[no-untyped-def]
    for seed, kind in enumerate(("bar", "hbar", "line", "grouped")):
        states = []
        for more in (None, random.Random(seed)):
            rng = random.Random(seed)
            renderer.render(rng, sample(rng, kind), more=more)
            states.append(rng.getstate())
        assert states[0] == states[1], kind


def test_pies_sum_to_a_hundred() -> None:
    for seed in range(200):
        assert sum(sample(random.Random(seed), "pie").values) == 100


def test_held_out_pictures_cannot_occur_in_training() -> None:
    """Seeds are split, and what training draws holds no held-out word, so a held-out picture with one is new."""
    assert not is_held_out(HELD_OUT_FROM - 1) and is_held_out(HELD_OUT_FROM)
    rng = random.Random(0)
    for seed in rng.sample(range(HELD_OUT_FROM), 3000):
        draw = random.Random(seed)
        figure = sample(draw, draw.choice(KINDS), held_out=is_held_out(seed))
        assert not [word for word in figure.words() if words.is_held_out(word)], figure
    fresh = 0
    for seed in range(HELD_OUT_FROM, HELD_OUT_FROM + 1000):
        draw = random.Random(seed)
        fresh += any(words.is_held_out(word) for word in sample(draw, draw.choice(KINDS), held_out=True).words())
    assert fresh > 300, "held-out pictures do use words that training never shows"


def test_training_and_held_out_seeds_draw_no_figure_twice() -> None:
    def table(seed: int) -> str:
        return describe(sample(random.Random(seed), "table", held_out=is_held_out(seed)))

    trained = {table(seed) for seed in range(4000)}
    assert len(trained & {table(HELD_OUT_FROM + seed) for seed in range(1000)}) == 0


def test_the_pool_for_pretraining_uses_training_seeds_only() -> None:
    from finetune.nano.stream import FAST_SEEDS
    from finetune.nano.thoughts import SEEDS

    assert FAST_SEEDS + 400_000_000 < SEEDS < SEEDS + 400_000_000 < HELD_OUT_FROM


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"seed": 1, "kind": "radar"}, {"seed": 1, "renderer": "ink"}])
def test_make_refuses_what_it_does_not_know(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="expected|negative"):
        make(**wrong)  # type: ignore[arg-type]


def test_the_command_writes_llamafactory_rows_and_goes_on_after_an_interruption(tmp_path: Path) -> None:
    out = tmp_path / "charts"
    arguments = ["--out", str(out), "--seed", "5", "--renderer", "pillow", "--workers", "1"]
    assert main([*arguments, "--count", "6"]) == 0
    rows = (out / "charts.jsonl").read_text().splitlines()
    (out / "charts.jsonl").write_text("\n".join(rows[:3]) + "\n" + rows[3][:40])  # as a crash leaves it
    before = (out / "images" / "0000000005.png").stat().st_mtime_ns
    assert main([*arguments, "--count", "8"]) == 0
    assert (out / "images" / "0000000005.png").stat().st_mtime_ns == before, "finished pictures are kept"
    made = json.loads((out / "charts.json").read_text())
    assert len(made) == 8 and (out / "charts.jsonl").read_text().splitlines()[:6] == rows
    row = made[0]
    assert row["conversations"][0]["value"].count("<image>") == len(row["images"]) == 1
    assert row["conversations"][1]["value"].startswith("<think>\n") and "\n</think>\n\nThe answer is " in row["conversations"][1]["value"]
    assert all((out / row["images"][0]).is_file() for row in made)
    assert main([*arguments[:2], "--seed", "6", "--count", "2"]) == 2, "another run's folder is not overwritten"
    assert main([*arguments, "--count", "6", "--writing"]) == 2, "nor are rows with and without the text of the pictures mixed"


def test_the_command_gives_the_text_of_each_picture_where_it_is_asked_for(tmp_path: Path) -> None:
    assert main(["--out", str(tmp_path), "--count", "2", "--kinds", "bar", "--renderer", "pillow", "--workers", "1", "--writing"]) == 0
    for line, row in zip(
        (tmp_path / "charts.jsonl").read_text().splitlines(), json.loads((tmp_path / "charts.json").read_text()), strict=True
    ):
        made = json.loads(line)
        asked = row["conversations"][0]["value"]
        assert asked == f"<image>{made['lines'][0]}{made['question']}" and asked.startswith(f"<image>{HEADER}")
        assert sum(f" {name}\n" in asked for name in made["table"]["categories"]) > len(made["table"]["categories"]) / 2
        assert row["system"].endswith(TEXT_IS_DATA)


@pytest.mark.parametrize("wrong", [["--count", "0"], ["--seed", "-3"], ["--kinds", "radar"], ["--seed", "999999999", "--count", "5"]])
def test_bad_arguments_end_in_one_sentence(wrong: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = {"--out": str(tmp_path), "--count": "1"} | dict(zip(wrong[::2], wrong[1::2], strict=True))
    with pytest.raises(SystemExit) as caught:
        main([part for pair in arguments.items() for part in pair])
    assert caught.value.code == 2
    assert "error" in capsys.readouterr().err


def test_help_is_printed_without_drawing_anything() -> None:
    done = subprocess.run([sys.executable, "-m", "finetune.charts", "--help"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "--kinds" in done.stdout

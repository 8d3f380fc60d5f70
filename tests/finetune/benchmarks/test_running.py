"""Runs that are kept, go on, and are set beside each other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from finetune.benchmarks.__main__ import main
from finetune.benchmarks.auditing import audit, summary
from finetune.benchmarks.comparing import difference, draw, shared, table
from finetune.benchmarks.running import Manner, read_rows, report, run
from finetune.benchmarks.tasks import Item, Loaded, load_task
from tests.fakes import TOOK, OneByOne
from vision import Engine, GenerationError, Sampling
from vision.engines.engine import Control, Delta, Piece
from vision.prompts import Prompt


class Knowing(OneByOne):
    """Answers sums of two digits, but for those that ``wrong`` names; breaks down after ``alive`` questions."""

    name = "knowing"
    concurrent = None

    def __init__(self, wrong: str = "", alive: int = 10_000) -> None:
        self.wrong, self.left = wrong, alive
        self.asked: list[str] = []

    def stream(self, prompt: Prompt, sampling: Sampling, control: Control) -> Iterator[Piece]:
        self.left -= 1
        if self.left < 0:
            raise GenerationError("the server is gone")
        question = prompt.turns[-1].question
        self.asked.append(question)
        a, b = question.split()
        yield Delta(f"<think>\n{a} + {b} = {int(a) + int(b)}\n</think>\n\nThe answer is {int(a) + int(b) + (question in self.wrong)}.")
        yield TOOK


def sums(count: int) -> Loaded:
    items = [Item(id=str(i), question=f"{i} {i + 1}", gold=str(2 * i + 1), group=f"group {i % 2}") for i in range(count)]
    return Loaded(name="gsm8k", source="made", digest=f"of {count}", items=items)


def test_a_run_is_kept_row_by_row_and_goes_on(tmp_path: Path) -> None:
    first = Knowing(alive=4)
    with pytest.raises(GenerationError, match="5 questions failed one after another, the last because the server is gone; run it again"):
        run(first, [sums(20)], tmp_path, Manner(), at_once=1, bar=False)
    assert len(list(read_rows(tmp_path))) == 4
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"task": "gsm8k", "id": "17", "que')  # killed in the middle of a line
    second = Knowing(wrong="5 6,6 7")
    assert run(second, [sums(20)], tmp_path, Manner(), at_once=4, bar=False) == 0
    assert len(second.asked) == 16 and not set(first.asked) & set(second.asked)
    score = report(tmp_path)["gsm8k"]
    assert (score["rows"], score["score"], score["empty"], score["truncated"]) == (20, 0.9, 0, 0)
    assert score["interval"][0] < 0.9 < score["interval"][1] and score["groups"]["group 1"] == [0.9, 10]
    row = next(row for row in read_rows(tmp_path) if row["id"] == "5")
    assert (row["answer"], row["gold"], row["right"], row["thought"].strip()) == ("12", "11", False, "5 + 6 = 11")
    assert row["steps"][0]["claims"][0]["verdict"] == "true" and row["system"].startswith("Reason step by step")
    told = json.loads((tmp_path / "run.json").read_text())
    assert told["model"] == "knowing" and told["tasks"]["gsm8k"]["digest"] == "of 20" and "transformers" in told["versions"]


def test_a_question_that_fails_is_asked_again_the_next_time(tmp_path: Path) -> None:
    class Once(Knowing):
        def stream(self, prompt: Prompt, sampling: Sampling, control: Control) -> Iterator[Piece]:
            if prompt.turns[-1].question == "2 3":
                raise GenerationError("once")
            yield from super().stream(prompt, sampling, control)

    assert run(Once(), [sums(4)], tmp_path / "b", Manner(), bar=False) == 1
    assert len(list(read_rows(tmp_path / "b"))) == 3
    assert run(Knowing(), [sums(4)], tmp_path / "b", Manner(), bar=False) == 0
    assert report(tmp_path / "b")["gsm8k"]["rows"] == 4


def test_a_question_that_cannot_be_asked_counts_and_is_wrong(tmp_path: Path) -> None:
    broken = Item(id="9", question="1 2", gold="3", pictures=(b"no picture",))
    run(Knowing(), [replace(sums(3), items=[*sums(3).items, broken])], tmp_path, Manner(), bar=False)
    score = report(tmp_path)["gsm8k"]
    assert (score["rows"], score["refused"], score["score"]) == (4, 1, 0.75)
    assert main(["show", str(tmp_path)]) == 0


@pytest.mark.parametrize(
    ("manner", "tasks", "said"),
    [
        (Manner(vote=3), sums(4), "another vote"),
        (Manner(thinking=False), sums(4), "another thinking"),
        (Manner(), sums(5), "another gsm8k"),
    ],
)
def test_another_run_is_not_mixed_in(tmp_path: Path, manner: Manner, tasks: Loaded, said: str) -> None:
    run(Knowing(), [sums(4)], tmp_path, Manner(), bar=False)
    with pytest.raises(ValueError, match=f"holds another run, with {said}; choose another --out"):
        run(Knowing(), [tasks], tmp_path, manner, bar=False)


def test_other_tasks_may_join_a_run_and_other_rows_may_not(tmp_path: Path) -> None:
    run(Knowing(), [sums(4)], tmp_path, Manner(), bar=False)
    run(Knowing(), [replace(sums(3), name="math500")], tmp_path, Manner(), bar=False)
    assert set(json.loads((tmp_path / "run.json").read_text())["tasks"]) == {"gsm8k", "math500"} == set(report(tmp_path))
    with pytest.raises(ValueError, match="with another gsm8k"):
        run(Knowing(), [sums(5)], tmp_path, Manner(), bar=False)
    with pytest.raises(ValueError, match="with another checkpoint"):
        run(Knowing(), [sums(4)], tmp_path, Manner(), checkpoint="other weights", bar=False)


def test_nano_is_measured_alone_and_voted_on_charts(engine: Engine, tmp_path: Path) -> None:
    charts = load_task("charts", limit=3)
    short = Sampling(max_thought_tokens=200)
    run(engine, [charts], tmp_path / "one", Manner(sampling=short, writing="on"), bar=False)
    run(engine, [charts], tmp_path / "voted", Manner(vote=3, sampling=short, writing="on"), bar=False)
    alone, voted = (sorted(read_rows(tmp_path / name), key=lambda row: row["id"]) for name in ("one", "voted"))
    assert [row["gold"] for row in alone] == [row["gold"] for row in voted] == [item.gold for item in charts.items]
    assert all(row["lines"] and row["steps"] and set(row["rules"]) == {"strict", "years exact", "percent tolerant"} for row in alone)
    assert all(len(row["answers"]) == 3 for row in voted) and {row["answer"] in row["answers"] for row in voted} == {True}
    assert "| charts | 3 |" in table([tmp_path / "one", tmp_path / "voted"])


def test_runs_are_compared_on_the_rows_that_all_have(tmp_path: Path) -> None:
    run(Knowing(wrong="1 2,2 3,3 4"), [sums(12)], tmp_path / "base", Manner(), bar=False)
    run(Knowing(wrong="2 3"), [sums(10)], tmp_path / "tuned", Manner(), bar=False)
    rows = shared([tmp_path / "base", tmp_path / "tuned"])["gsm8k"]
    assert [len(side) for side in rows] == [10, 10] and [row["id"] for row in rows[0]] == [row["id"] for row in rows[1]]
    told = table([tmp_path / "base", tmp_path / "tuned"])
    assert "| task | rows | base | tuned | difference (95 %), p |" in told
    assert "| gsm8k | 10 | 70.0 % (39.7–89.2) | 90.0 % (59.6–98.2) | +20.0 (-10.0 to +43.3), p = 0.5 |" in told
    assert draw([tmp_path / "base", tmp_path / "tuned"], tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")
    run(Knowing(), [sums(12)], tmp_path / "all", Manner(), bar=False)
    assert draw([tmp_path / "all"], tmp_path / "all.png").is_file(), "all of them right"
    found = json.loads((tmp_path / "base" / "run.json").read_text()) | {"model": "google/gemma-3-4b-it + tune"}
    (tmp_path / "base" / "run.json").write_text(json.dumps(found))
    assert table([tmp_path / "base"]).splitlines()[-1].endswith("| 89.2 % |"), "published elsewhere, in a column of its own"


def test_mcnemars_test_is_exact() -> None:
    found = difference([True] * 5 + [False] * 15, [False] + [True] * 4 + [True] * 9 + [False] * 6)
    assert (found.gained, found.lost, found.share) == (9, 1, 0.4)
    assert abs(found.p - 2 * (1 + 10) / 2**10) < 1e-12 and found.interval[0] < 0.4 < found.interval[1]
    assert difference([True, False], [True, False]).p == 1.0


def test_graders_are_audited_against_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, Any]] = [
        {"question": "How many?", "gold": "7", "response": "<think>\n3 + 4\n</think>\n\nThe answer is 7.", "label": True},
        {"query": "How many?", "answer": "7", "prediction": "The answer is 8.", "correct": "false"},
        {"question": "Which?", "answer": "B", "response": "The answer is B) blue.", "choices": ["red", "blue"], "label": 1},
        {"question": "How many?", "gold": "7", "response": "<think>\nThe answer is 7.", "label": True},
    ]
    file = tmp_path / "labels.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert [row.label == row.ours for row in audit(file)] == [True, True, True, False]
    assert "4 rows, agreement 75.00 %" in summary(audit(file)) and "refused, though labelled right: 1" in summary(audit(file))
    assert main(["audit", "--labels", str(file)]) == 0 and "agreement 75.00 %" in capsys.readouterr().out
    file.write_text('{"gold": "7", "response": "7"}\n')
    assert main(["audit", "--labels", str(file)]) == 2
    assert "labels.jsonl:1 has no label; it may be called label or correct" in capsys.readouterr().err


def test_rows_are_shown_wrong_ones_first_and_nothing_in_them_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nasty = Item(id="<b>", question="1 2", gold="<script>alert(1)</script>", pictures=(Image.new("RGB", (900, 300)),), group="<i>")
    run(Knowing(), [replace(sums(2), items=[*sums(2).items, nasty])], tmp_path, Manner(), bar=False)
    assert main(["show", str(tmp_path)]) == 0
    page = (tmp_path / "rows.html").read_text()
    assert "2 of 3 right, 0 disputed" in page and page.index("alert(1)") < page.index("gold 1: right") and "1 + 2 = 3" in page
    assert "<script" not in page and "<b>" not in page and "data:image/jpeg" in page and "http" not in page.replace("http-equiv", "")
    assert main(["dispute", str(tmp_path), "gsm8k", "1", "--why", "two <fit>"]) == 0
    assert main(["show", str(tmp_path)]) == 0
    assert "1 disputed" in (tmp_path / "rows.html").read_text() and "two &lt;fit&gt;" in (tmp_path / "rows.html").read_text()
    assert main(["dispute", str(tmp_path), "gsm8k", "77", "--why", "?"]) == 2 and "has no row 77" in capsys.readouterr().err


def test_overlap_with_training_files_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "a tank holds so many liters of water and every hour a pump takes some of it away"
    questions = (f"{words}?", "How far is it to the next town from here?")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"question": each, "answer": "#### 1"}) + "\n" for each in questions))
    (tmp_path / "train.json").write_text(json.dumps([{"conversations": [{"value": f"Tell me: {words.upper()}, how much is left?"}]}]))
    arguments = ["overlap", "--tasks", "gsm8k", "--data", f"gsm8k={tmp_path / 'rows.jsonl'}", "--train", str(tmp_path / "train.json")]
    assert main(arguments) == 1 and "gsm8k: 1 of 2 questions share 13 words" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--tasks", "mbpp", "--out", "{tmp}/x"], "mbpp runs what the model writes, in a bounded process"),
        (["run", "--tasks", "mbpp", "--out", "{tmp}/x", "--run-code", "--vote", "5"], "programs do not vote"),
        (["show", "{tmp}"], "there are no rows in"),
        (["compare", "{tmp}/nothing"], "there are no rows in"),
        (["run", "--tasks", "gsm8k", "--out", "{tmp}/x", "--data", "gsm8k=/nowhere.jsonl"], "there is no file or folder /nowhere.jsonl"),
        (["run", "--tasks", "gsm8k", "--out", "{tmp}/x", "--data", "math=/x.jsonl"], "--data names 'math', which is not among --tasks"),
        (["audit", "--labels", "{tmp}/nothing.jsonl"], "nothing.jsonl"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([argument.format(tmp=tmp_path) for argument in arguments]) == 2
    told = capsys.readouterr().err
    assert said in told and told.count("\n") == 1

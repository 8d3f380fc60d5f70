"""Eight filters: each finds what was planted for it and leaves good problems alone; what is dropped can be explained."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from finetune.files import grown_rows
from finetune.synthesize import funnel
from finetune.synthesize.__main__ import main
from finetune.synthesize.alike import _pairs, _vectors, exact_duplicates, near_duplicates, overlaps
from finetune.synthesize.filters import FILTERS, answer_range, mathematics, solved_equations
from finetune.synthesize.problems import Problem, problem_of, read_reply
from finetune.synthesize.rows import Push
from tests.finetune.synthesize import planted

PRECISION, RECALL = 0.98, 0.95


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter_finds_its_faults_and_leaves_good_problems_alone(name):
    good = planted.clean(300)
    spoiled = planted.spoil(name, good[:150])
    found = {problem.id for problem in (*spoiled, *good[150:]) if FILTERS[name](problem)}
    precision, recall = planted.score(found, {problem.id for problem in spoiled})
    assert precision >= PRECISION and recall >= RECALL


def test_what_stands_there_already_is_found():
    good = planted.clean(200)
    nearly, exactly = [planted.reworded(problem) for problem in good[:100]], [planted.recased(problem) for problem in good[100:]]
    near = [*good, *nearly]
    assert planted.score({near[i].id for i in near_duplicates(_asked(near))}, {problem.id for problem in nearly}) >= (PRECISION, RECALL)
    exact = [*good, *exactly]
    assert {exact[i].id for i in exact_duplicates(_asked(exact))} == {problem.id for problem in exactly}


def test_what_a_test_set_asks_is_found():
    asked, others = planted.clean(100, 1, (0, 1, 2)), planted.clean(100, 2, (3, 4, 5))
    rows = [*others, *map(planted.reworded, asked)]
    found = overlaps(_asked(rows), _asked(asked))
    assert planted.score({rows[i].id for i in found}, {problem.id for problem in rows[100:]}) >= (PRECISION, RECALL)


def _asked(problems: list[Problem]) -> list[str]:
    return [problem.question for problem in problems]


@pytest.mark.parametrize("alike", [0.5, 0.7, 0.85])
def test_pairs_are_found_as_by_comparing_all_with_all(alike):
    rng = random.Random(0)
    words = [f"w{int(rng.paretovariate(0.7))}" for _ in range(6000)]
    texts = [" ".join(rng.sample(words, rng.randint(4, 14))) for _ in range(120)]
    texts += [" ".join([*text.split()[1:], "other"]) for text in texts]
    vectors = _vectors(texts)
    whole = (vectors @ vectors.T).toarray()
    expected = {(i, j) for i in range(len(texts)) for j in range(i) if whole[i, j] >= alike + 1e-6}
    assert {(i, j) for i, others in _pairs(vectors, vectors, alike, before=True) for j, _ in others} >= expected != set()


def test_near_duplicates_of_one_that_fell_stay():
    a = "red boxes hold seven tiny old brass keys near a door by the sea wall"
    b, c = (
        a.replace("tiny", "small").replace("red", "blue"),
        a.replace("tiny", "small").replace("red", "blue").replace("sea", "lake").replace("seven", "nine"),
    )
    found = near_duplicates([a, b, c, "something else entirely stands here"], 0.6)
    assert found[1][0] == 0 and found.get(2, (0,))[0] == 0  # never found by b, which fell itself


@pytest.mark.parametrize(
    ("thought", "answer", "reason"),
    [
        ("6 * 7 = 42", "42", ""),
        ("6 * 7 = 42\n42 - 2 = 41", "41", "42 - 2 = 41 is false"),
        ("He has 3 * 4 = <<3*4=13>>12 pears.", "12", "3*4=13 is false"),
        ("6 * 7 = 42", "43", "no step arrives at 43"),
        ("Flour costs 5 * 10 = 50.\nRice costs 4 * 13 = 52.\nHe pays 50, because 50 < 52.", "50", ""),  # named at last, computed before
        ("We have x + 3x = 20. So 4x = 20 and x = 5", "5", ""),
        ("We have x + 3x = 20. So 4x = 20 and x = 6", "6", "(6) + 3*(6) = 20 is false"),
        ("It is plain to see.", "5", "nothing in it can be verified"),
    ],
)
def test_mathematics_follows_the_work_to_the_answer(thought, answer, reason):
    question = "How many pears has he in the end?"
    assert mathematics(Problem(id="1", question=question, solution=thought, answer=answer)) == reason


@pytest.mark.parametrize(
    "thought", ["x = 5 and x = 6", "a + b = 7 and a = 5", "10 = 10", "The plan B = 5 km", "y = 5 / 2 = 2.5 and 3y = 7.5 m"]
)
def test_equations_are_not_judged_where_the_unknown_is_not_plain(thought):
    assert all(claim.verdict == "true" for claim in solved_equations(thought))


TABLE = (("City", "Rain"), ("Oslo", "46"), ("Rome", "9"), ("Bonn", "31"))


@pytest.mark.parametrize(
    ("solution", "answer", "falls"),
    [
        ("Oslo: 46\nRome: 9\n46 - 9 = 37", "37", False),
        ("Oslo: 64\nRome: 9\n64 - 9 = 55", "55", True),  # contradicts the table, and the gold answer
        ("Oslo: 47\nRome: 10\n47 - 10 = 37", "37", True),  # the right answer by readings that are not there
        ("Oslo: 46\nRome: 9\n46 - 9 = 36", "37", True),
    ],
)
def test_a_charts_problem_is_held_to_its_table(solution, answer, falls):
    problem = Problem(
        id="c1", question="How much more rain has Oslo than Rome?", solution=solution, answer=answer, gold="37", table=TABLE, image="1.png"
    )
    assert bool(mathematics(problem)) == falls
    assert answer_range(replace(problem, answer="Oslo")) == "" and answer_range(replace(problem, answer="Paris")) != ""


@pytest.mark.parametrize(
    ("text", "count", "broken"),
    [
        ('{"question": "q", "solution": "s", "answer": 4}', 1, 0),
        ('```json\n[{"question": "q", "solution": "s", "answer": "4"},\n {"question": "q2", "solution": "s", "answer": "5"}]\n```', 2, 0),
        ('Sure!\n{"question": "q", "solution": "s", "answer": 4}\n{"question": "q", "sol', 2, 1),
        ('{"question": "q\n{"question": "q2", "solution": "s", "answer": "5"}', 2, 1),  # one that breaks off does not take the next along
        (r'{"question": "What is \frac{1}{2}?", "solution": "\times \\sqrt{4}", "answer": "\$4"}', 1, 0),
        ('{"question": ["a", "b"], "solution": ["1 + 1 = 2", "2 + 2 = 4"], "answer": true}', 1, 0),
        ("Problem: q\nSolution: a\nb\nAnswer: 4\n\nProblem: q2\nSolution: c\nAnswer: 5", 2, 0),
        ("**Problem 1:** q\n**Solution:** a\n**Answer:** 4", 1, 0),
        ("I cannot do that.", 1, 1),
        ('{"a": ' * 5000, 1, 1),
        ("", 1, 1),
    ],
)
def test_replies_are_read_as_far_as_they_go(text, count, broken):
    problems = list(read_reply("p1", text))
    assert len(problems) == count and sum(bool(problem.broken) for problem in problems) == broken
    assert all("\f" not in problem.question and "\t" not in problem.solution for problem in problems)


def test_the_funnel_counts_and_explains_what_fell(tmp_path, capsys):
    good = planted.clean(60)
    rows = [*good, *planted.spoil("mathematics", good[:10], 1), *planted.spoil("structure", good[10:15]), planted.recased(good[20])]
    rows = [replace(problem, id="") for problem in rows]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(problem.as_row()) + "\n" for problem in rows))
    assert main(["filter", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "out"), "--against", "--workers", "2"]) == 0
    stages, kept = funnel.report_of(tmp_path / "out")
    assert [stage.name for stage in stages] == [*FILTERS, *funnel.SET_FILTERS]
    by = {stage.name: stage.dropped for stage in stages}
    assert by["structure"] == 5 and by["solution quality"] + by["mathematics"] == 10 and by["exact duplicates"] == 1 and kept == 60
    assert stages[0].before == 76 and stages[-1].before - stages[-1].dropped == kept
    for verdict in grown_rows(tmp_path / "out" / "verdicts.jsonl"):
        assert main(["filter", str(tmp_path / "out"), "--explain", verdict["id"]]) == 0
        assert verdict["reason"] in capsys.readouterr().out
    assert main(["filter", str(tmp_path / "out"), "--explain", "r1"]) == 0 and "stays" in capsys.readouterr().out
    assert main(["filter", str(tmp_path / "out"), "--explain", "nobody"]) == 2 and "no verdict about nobody" in capsys.readouterr().err
    assert (tmp_path / "out" / "funnel.png").stat().st_size > 5000
    taught = [json.loads(line) for line in (tmp_path / "out" / "data" / "synthetic.jsonl").read_text().splitlines()]
    assert len(taught) == 60 and taught[0]["conversations"][1]["value"].startswith("<think>\n")
    card = (tmp_path / "out" / "data" / "README.md").read_text()
    assert "| structure | 76 | 5 (6.6 %) |" in card and "Limits" in card


def test_notes_of_a_calculator_are_not_taught():
    row = {"question": "How many are 3 bags of 24?", "answer": "3 * 24 = <<3*24=72>>72\n#### 72"}
    problem = problem_of(row, "r1")
    assert problem.thought == "3 * 24 = 72" and problem.answer == "72" and mathematics(problem) == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["filter", "{tmp}/nothing"], "there is no folder or file"),
        (["filter", "{tmp}/nothing", "--out", "{tmp}/o", "--against"], "there is no folder or file"),
        (["push", "{tmp}", "me/rows", "--dry-run"], "holds no rows of synthetic yet"),
        (["collect", "{tmp}", "x.jsonl"], "was not begun by"),
        (["write", "--seeds", "{tmp}/no.jsonl", "--model", "m", "--out", "{tmp}/o"], "there is no file"),
    ],
)
def test_a_wrong_call_is_told_in_one_sentence(arguments, said, tmp_path, capsys):
    assert main([part.format(tmp=tmp_path) for part in arguments]) == 2
    assert said in (err := capsys.readouterr().err) and err.count("\n") == 1


def test_rows_can_be_looked_at_before_they_are_pushed(tmp_path, capsys):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(problem.as_row()) + "\n" for problem in planted.clean(5)))
    assert main(["filter", str(rows), "--out", str(tmp_path), "--against"]) == 0
    assert main(["push", str(Path(tmp_path)), "me/rows", "--private", "--dry-run"]) == 0
    assert "create or update the private data set me/rows" in capsys.readouterr().out


@pytest.mark.parametrize("said", ["\\ud83d", "9" * 5000])
def test_letters_and_numbers_that_nobody_can_write_stop_nothing(said, tmp_path):
    is_number = said[0] == "9"
    question = f"How many pears {'' if is_number else said} has Ann in all?"
    row = f'{{"question": "{question}", "solution": "6 * 7 = 42", "answer": {said if is_number else 42}}}'
    (tmp_path / "rows.jsonl").write_text(row + "\n" + json.dumps(planted.clean(1)[0].as_row()) + "\n")
    assert main(["filter", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "out"), "--against"]) == 0
    assert all(isinstance(problem, Problem) for problem in read_reply("p1", row))


def test_labels_without_end_are_read_in_no_time():
    assert len(list(read_reply("p1", "Problem: a\n" * 3000 + "Solution: b\n" * 3000))) == 1


@pytest.mark.parametrize(
    ("image", "name", "said"),
    [("../secret.png", "rows", "outside of"), ("none.png", "rows", "which is not in"), ("", "../rows", "cannot be the name")],
)
def test_nothing_is_taken_from_and_written_to_elsewhere(image, name, said, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.png").write_bytes(b"x")
    problem = replace(planted.clean(1)[0], image=image)
    (tmp_path / "in" / "rows.jsonl").write_text(json.dumps(problem.as_row()) + "\n")
    assert main(["filter", str(tmp_path / "in" / "rows.jsonl"), "--out", str(tmp_path / "out"), "--against", "--name", name]) == 2
    assert said in capsys.readouterr().err and not list(tmp_path.glob("out/data/**/*.png"))


def test_rows_of_an_earlier_run_are_not_pushed_with_those_of_now(tmp_path, capsys):
    (tmp_path / "rows.jsonl").write_text(json.dumps(planted.clean(1)[0].as_row()) + "\n")
    for name in ("first", "second"):
        assert main(["filter", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "out"), "--against", "--name", name]) == 0
    mine = tmp_path / "out" / "data" / "mine.jsonl"
    mine.write_text("precious\n")
    assert main(["filter", str(tmp_path / "rows.jsonl"), "--out", str(tmp_path / "out"), "--against", "--name", "second"]) == 0
    assert mine.read_text() == "precious\n" and set(json.loads((mine.parent / "dataset_info.json").read_text())) == {"first", "second"}
    assert Push(repo="me/x", folder=tmp_path / "out", name="second").files == ["second.jsonl", "README.md", "funnel.png"]


def test_a_test_set_without_questions_vouches_for_nothing(tmp_path, capsys):
    (tmp_path / "gsm8k.jsonl").write_text('{"prompt": "What is it?"}\n')
    (tmp_path / "rows.jsonl").write_text(json.dumps(planted.clean(1)[0].as_row()) + "\n")
    arguments = [
        "filter",
        str(tmp_path / "rows.jsonl"),
        "--out",
        str(tmp_path / "out"),
        "--against",
        "gsm8k",
        "--benchmarks",
        str(tmp_path),
    ]
    assert main(arguments) == 2 and "no row with 'question'" in capsys.readouterr().err

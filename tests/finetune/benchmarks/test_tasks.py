"""Rows in their publishers' forms become questions with their golds."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from finetune.benchmarks.code import can_run, code_of, passes
from finetune.benchmarks.reading import BRIEF, Item
from finetune.benchmarks.tasks import TASKS, load_task
from finetune.sources import SourceError


def png(color: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(file, "PNG")
    return file.getvalue()


def options_of(*given: str) -> str:
    return "\n".join(f"({letter}) {option}" for letter, option in zip("ABCD", given, strict=False)) + "\nAnswer with the letter."


ROWS: dict[str, tuple[dict[str, Any], str, str, int]] = {
    "gsm8k": ({"question": "How many?", "answer": "3 + 4 = <<3+4=7>>7.\n#### 7"}, "How many?", "7", 0),
    "math500": ({"problem": "What is $x$?", "answer": "\\frac12", "unique_id": "test/1.json", "level": 2}, "What is $x$?", "\\frac12", 0),
    "aime25": ({"problem": "Find $n$.", "answer": "70"}, "Find $n$.", "70", 0),
    "mmlu": ({"question": "Which?", "choices": [*"abcd"], "answer": 2, "subject": "law"}, f"Which?\n{options_of(*'abcd')}", "C", 0),
    "mathvision": (
        {"id": "6", "question": "Which one?\n<image1>", "options": ["A", "B"], "answer": "B", "image": "a.png", "subject": "counting"},
        "Which one?\nAnswer with the letter.",
        "B",
        1,
    ),
    "mathvista": (
        {
            "pid": "1",
            "question": "How long?",
            "choices": None,
            "answer": "1.2",
            "answer_type": "float",
            "precision": 1.0,
            "unit": "cm",
            "image": "a.png",
            "metadata": {"task": "figure question answering"},
        },
        "How long? (Unit: cm)\nAnswer with a number of 1 decimal place.",
        "1.2",
        1,
    ),
    "chartqa": ({"question": "How much?", "answer": ["14"], "image": "a.png", "type": "human_test"}, f"How much?\n{BRIEF}", "14", 1),
    "ai2d": ({"question": "Which?", "options": ["x", "y"], "answer": "1", "image": "a.png"}, f"Which?\n{options_of('x', 'y')}", "B", 1),
    "mmmu": (
        {"id": "v1", "question": "<image 1> What?", "options": "['x', 'y']", "answer": "A", "image_1": "a.png", "image_2": None},
        f"[picture 1] What?\n{options_of('x', 'y')}",
        "A",
        1,
    ),
    "docvqa": ({"questionId": "7", "question": "Who?", "answers": ["Ada", "ada"], "image": "a.png"}, f"Who?\n{BRIEF}", "Ada", 1),
    "infovqa": ({"questionId": "8", "question": "Who?", "answers": ["Ada"], "image": "a.png"}, f"Who?\n{BRIEF}", "Ada", 1),
    "charts": ({"image": "a.png", "question": "How much?", "answer": "7", "kind": "bar"}, "How much?", "7", 1),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_row_becomes_a_question(tmp_path: Path, name: str) -> None:
    row, question, gold, pictures = ROWS[name]
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    loaded = load_task(name, str(tmp_path / "rows.jsonl"))
    (item,) = loaded.items
    assert (item.question, item.gold, len(item.pictures)) == (question, gold, pictures)
    assert loaded.source == "rows.jsonl" and len(loaded.digest) == 16
    assert TASKS[name].grade(item, gold).right and not TASKS[name].grade(item, "999").right
    assert load_task(name, str(tmp_path)).digest == loaded.digest, "a folder stands for the file in it"


IFEVAL = {
    "key": 1000,
    "prompt": "Tell of ducks in at least four words, without a comma.",
    "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
    "kwargs": [{"num_words": None}, {"num_words": 4, "relation": "at least"}],
}


def test_instructions_are_held_to_strictly_loosely_and_one_by_one(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps(IFEVAL) + "\n")
    (item,) = load_task("ifeval", str(tmp_path)).items
    grade = TASKS["ifeval"].grade
    assert item.question == IFEVAL["prompt"] and item.pictures == ()
    assert grade(item, "Ducks swim and they fly.").right
    late = grade(item, "Sure, here it is:\nDucks swim and they fly.")
    assert not late.right and late.rules == {"loose": True, "instructions": 0.5, "instructions, loose": 1.0}
    assert TASKS["ifeval"].take(" The answer is 5, or 6. ") == "The answer is 5, or 6.", "all of the answer is held to them"


@pytest.mark.parametrize("names", [["no:such"], ["punctuation:no_comma", "punctuation:no_comma"]])
def test_instructions_that_cannot_be_checked_are_one_sentence(tmp_path: Path, names: list[str]) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps({**IFEVAL, "instruction_id_list": names, "kwargs": [{}]}) + "\n")
    with pytest.raises(SourceError, match="lm-eval knows no instruction (no:such|without options)"):
        load_task("ifeval", str(tmp_path))


needs_unshare = pytest.mark.skipif(not can_run(), reason="no process without a network can be had here")


@needs_unshare
def test_code_is_graded_by_its_tests(tmp_path: Path) -> None:
    rows = {
        "mbpp": {"task_id": 1, "text": "Add two numbers.", "code": "def add(a, b): ...", "test_list": ["assert add(3, 4) == 7"]},
        "humaneval": {
            "task_id": "HumanEval/0",
            "prompt": 'import math\n\ndef add(a, b):\n    """Add."""\n',
            "entry_point": "add",
            "canonical_solution": "    return a + b\n",
            "test": "def check(candidate):\n    assert candidate(3, 4) == 7",
        },
    }
    for name, row in rows.items():
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(row))
        (item,) = load_task(name, str(tmp_path / f"{name}.jsonl")).items
        grade = TASKS[name].grade
        assert grade(item, "def add(a, b):\n    return int(a + b)").right
        assert not grade(item, "def add(a, b):\n    return a - b").right and not grade(item, "\0").right
    assert grade(item, "def add(a, b):\n    return math.floor(a + b)").right, "imports of the prompt stand before the answer"


@needs_unshare
@pytest.mark.parametrize(
    "code",
    [
        "import socket\nsocket.create_connection(('127.0.0.1', 80), 1)",
        "while True: pass",
        "x = bytearray(3 << 30)",
        "open('/tmp/big', 'wb').write(bytes(50 << 20))",
        "import os\nassert 'SECRET' not in os.environ, 'seen'\nraise SystemExit(1)",
        "raise SystemExit",
        "import sys\nsys.exit(0)",
    ],
    ids=["network", "endless", "memory", "file", "environment", "ends early", "exits"],
)
def test_code_that_misbehaves_fails_and_is_ended(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finetune.benchmarks.code.SECONDS", 2)
    monkeypatch.setenv("SECRET", "1")
    assert passes("x = 1", "assert x == 1")
    assert not passes(code, "")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("```python\ndef f(): pass\n```\nExample:\n```\nprint(f())\n```", "def f(): pass\n"),
        ("```bash\npip install x\n```\n```python3\r\ndef f(): pass\r\n```", "def f(): pass\n"),
        ("def f(): pass", "def f(): pass"),
        ("I cannot.", ""),
    ],
)
def test_code_is_the_block_that_defines_something(text: str, code: str) -> None:
    assert code_of(text) == code


def test_the_same_question_about_two_pictures_is_two_questions(tmp_path: Path) -> None:
    for name, color in (("a.png", "red"), ("b.png", "blue")):
        (tmp_path / name).write_bytes(png(color))
    rows = [{"question": "How many bars?", "answer": "2", "image": name, "type": "human_test"} for name in ("a.png", "b.png")]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    loaded = load_task("chartqa", str(tmp_path))
    assert len({item.id for item in loaded.items}) == 2
    (tmp_path / "b.png").write_bytes(png("green"))
    assert load_task("chartqa", str(tmp_path)).digest != loaded.digest, "pictures count"
    assert [item.opened()[0].getpixel((5, 5)) for item in load_task("chartqa", str(tmp_path)).items] == [(255, 0, 0), (0, 128, 0)]


def test_several_files_of_a_split_are_read(tmp_path: Path) -> None:
    for name, gold in (("test_a.jsonl", "1"), ("test_b.jsonl", "2"), ("train.jsonl", "3")):
        (tmp_path / name).write_text(json.dumps({"question": f"Of {name}?", "answer": f"#### {gold}"}) + "\n")
    loaded = load_task("gsm8k", str(tmp_path))
    assert [item.gold for item in loaded.items] == ["1", "2"] and loaded.source == "test_a.jsonl, test_b.jsonl"


def test_the_right_option_of_gpqa_has_one_place_for_everybody(tmp_path: Path) -> None:
    row = {"Question": "Why?", "Correct Answer": "r", "High-level domain": "Physics"}
    row |= {f"Incorrect Answer {i}": f"w{i}" for i in (1, 2, 3)}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    first, again = (load_task("gpqa_diamond", str(tmp_path / "rows.jsonl")).items[0] for _ in range(2))
    assert first == again and first.options["ABCD".index(first.gold)] == "r"


def item_of(name: str, row: dict[str, Any], folder: Path) -> Item:
    """The one item of a file with ``row``, its pictures red."""
    (folder / "a.png").write_bytes(png())
    (folder / "rows.jsonl").write_text(json.dumps(row))
    (item,) = load_task(name, str(folder / "rows.jsonl")).items
    return item


@pytest.mark.parametrize(
    ("asked", "question"),
    [
        ("<image1>\nWhich one?", "Which one?"),
        ("Which one?\n<image1>", "Which one?"),
        ("Which one?\n<image1>\n<image2>", "Which one?"),
        ("Which side is opposite to <image3>?\n<image1>", "Which side is opposite to <image3>?"),
    ],
)
def test_the_mark_of_a_part_of_the_picture_stays_in_its_sentence(tmp_path: Path, asked: str, question: str) -> None:
    assert (
        item_of("mathvision", {"id": "1", "question": asked, "options": [], "answer": "2", "image": "a.png"}, tmp_path).question == question
    )


@pytest.mark.parametrize(
    ("kind", "gold", "right", "wrong"),
    [("integer", "1000", "1000.6", "999.6"), ("list", "[2007, 2008]", "2007 and 2008", "2007, 2009"), ("text", "north", "North", "south")],
)
def test_mathvistas_answers_are_graded_by_their_type(tmp_path: Path, kind: str, gold: str, right: str, wrong: str) -> None:
    row = {"pid": "1", "question": "Which?", "choices": None, "answer": gold, "answer_type": kind, "precision": None, "image": "a.png"}
    item, grade = item_of("mathvista", row, tmp_path), TASKS["mathvista"].grade
    assert ("Answer with" in item.question) == (kind != "text")
    assert grade(item, gold).right and grade(item, right).right and not grade(item, wrong).right


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        ("0.9965", "about 0.997", "0.98"),
        ("['Tampa','Florida']", "Tampa, Florida", "Miami"),
        ("8.4", "8.4 V", "8.5 V"),
        ("551", "551 ohms", ""),
    ],
)
def test_mmmus_open_questions_are_graded_by_its_rule(tmp_path: Path, gold: str, right: str, wrong: str) -> None:
    row = {"id": "v", "question": "<image 1> What?", "options": "[]", "answer": gold, "image_1": "a.png"}
    item, grade = item_of("mmmu", row, tmp_path), TASKS["mmmu"].grade
    assert grade(item, right).right and not grade(item, wrong).right


def test_the_whole_of_math_is_read_from_its_solutions(tmp_path: Path) -> None:
    row = {
        "problem": "What is $x$?",
        "solution": r"So $x = \boxed{1}$, or rather $\boxed{\frac{1}{2}}$.",
        "level": "Level 3",
        "type": "Algebra",
    }
    item = item_of("math", row, tmp_path)
    assert (item.gold, item.group) == (r"\frac{1}{2}", "level 3") and TASKS["math"].config and len(TASKS["math"].config) == 7


def test_files_are_read_as_publishers_lay_them(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "4.png").write_bytes(png())
    (tmp_path / "data").mkdir()
    row = {"id": "4", "question": "How many?", "options": [], "answer": "2", "image": "images/4.png"}
    (tmp_path / "data" / "testmini.jsonl").write_text(json.dumps(row))
    assert load_task("mathvision", str(tmp_path / "data")).items[0].opened()[0].size == (40, 30), "pictures beside the folder of rows"
    by_name = {"1": {"pid": "1", "question": "Which?", "choices": ["x", "y"], "answer": "y", "image": "images/4.png"}}
    (tmp_path / "testmini.json").write_text(json.dumps(by_name))
    assert [item.gold for item in load_task("mathvista", str(tmp_path / "testmini.json")).items] == ["B"]
    listed = {"dataset_name": "docvqa", "data": [{"questionId": 7, "question": "Who?", "answers": ["Ada"], "image": "images/4.png"}]}
    (tmp_path / "val.json").write_text(json.dumps(listed))
    assert [item.gold for item in load_task("docvqa", str(tmp_path / "val.json")).items] == ["Ada"]
    (tmp_path / "gpqa_diamond.csv").write_text(
        'Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"Why, then?",r,a,b,c\n'
    )
    assert sorted(load_task("gpqa_diamond", str(tmp_path / "gpqa_diamond.csv")).items[0].options) == ["a", "b", "c", "r"]


def test_mathvistas_decimals_are_rounded(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "rows.jsonl").write_text(json.dumps(ROWS["mathvista"][0]))
    (item,) = load_task("mathvista", str(tmp_path / "rows.jsonl")).items
    verdict = TASKS["mathvista"].grade(item, "1.24")
    assert verdict.right and not verdict.rules["strict"] and not TASKS["mathvista"].grade(item, "1.31").right


def test_our_charts_are_drawn_and_measured_by_the_same_seeds() -> None:
    loaded = load_task("charts", limit=9)
    assert len(loaded.items) == 9 and len({item.group for item in loaded.items}) == 8
    assert load_task("charts", limit=9).digest == loaded.digest


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("nothing", "", "there is no task 'nothing'; known are gsm8k"),
        ("gsm8k", None, "there is no file or folder"),
        ("gsm8k", "", "has no rows in"),
        ("gsm8k", '{"question": "?"}', "row 1 of gsm8k is not in the publisher's form"),
        ("mmlu", '{"question": "?", "choices": ["a"], "answer": 5}', "row 1 of mmlu is not in the publisher's form"),
    ],
)
def test_what_is_no_task_is_one_sentence(tmp_path: Path, name: str, text: str | None, said: str) -> None:
    file = tmp_path / "rows.jsonl"
    if text is not None:
        file.write_text(text)
    with pytest.raises(SourceError, match=said):
        load_task(name, str(file))


def test_without_the_hub_the_remedy_is_told() -> None:
    with pytest.raises(SourceError, match="cannot be read from the Hub .*give its file with --data gsm8k=PATH"):
        load_task("gsm8k")

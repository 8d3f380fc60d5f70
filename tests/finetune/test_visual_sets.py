"""Public sets of visual reasoning: read in their publishers' columns, and held to what their pictures and tables show."""

from __future__ import annotations

import io
import json
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from finetune.checking import as_writing, check, table_of
from finetune.prepare import main
from finetune.samples import Rejected
from finetune.sources import shuffled, source_of
from finetune.visual_sets import VISUAL, chartnet, chartverse, llava_cot, reachqa

TABLE = {"Oslo": 46, "Rome": 9, "Bonn": 31}
CSV = "City,Rain\n" + "".join(f"{name},{value}\n" for name, value in TABLE.items())
QUESTION = "How much more rain has Oslo than Rome?"
RIGHT = "Oslo: 46\nRome: 9\n46 - 9 = 37"


@pytest.fixture(scope="module")
def picture() -> bytes:
    """A bar chart of the table with its values printed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.bar_label(axes.bar(list(TABLE), list(TABLE.values()), color="#4472c4"), fontsize=14)
    axes.set(title="Rain", ylabel="mm")
    stream = io.BytesIO()
    figure.savefig(stream, format="png")
    return stream.getvalue()


def stages(thought: str, conclusion: str) -> str:
    return (
        f"<SUMMARY>I compare two bars.</SUMMARY>\n\n<CAPTION>A bar chart.</CAPTION>\n\n<REASONING>{thought}</REASONING>\n\n"
        f"<CONCLUSION>{conclusion}</CONCLUSION>"
    )


def llava_row(thought: str, conclusion: str, image: Any = "1.png") -> dict[str, Any]:
    turns = [{"from": "human", "value": f"{QUESTION}\n<image>"}, {"from": "gpt", "value": stages(thought, conclusion)}]
    return {"id": "1", "image": image, "conversations": [*turns, {"from": "human", "value": "And now?"}, {"from": "gpt", "value": "No."}]}


def test_four_stages_become_a_thought_and_an_answer():
    sample = llava_cot(llava_row("46 - 9 = 37.", "37"))
    assert sample.question == QUESTION and sample.pictures == ("1.png",)
    assert sample.thought == "I compare two bars.\n\nA bar chart.\n\n46 - 9 = 37." and sample.answer == "37"


@pytest.mark.parametrize("said", ["<think>46 - 9 = 37</think>The answer is 37.", "46 - 9 = 37"])
def test_a_chain_with_and_without_marks_is_read_alike(said):
    sample = chartverse(
        {"images": [{"bytes": b"x", "path": None}], "question": "<image>\n" + QUESTION, "answer": "37", "cot_solution": said}
    )
    assert sample.thought == "46 - 9 = 37" and sample.answer == "The answer is 37." and sample.pictures == (b"x",) and sample.gold == "37"


def test_a_chain_without_a_column_for_its_answer_ends_with_it():
    row = {"image": {"bytes": b"x"}, "complex_question": QUESTION, "full_reasoning": f"{RIGHT}\nThe answer is 37.", "csv": CSV}
    sample = chartnet(row)
    assert sample.answer == "The answer is 37." and sample.table[1] == ("Oslo", "46")
    told = {"image": {"bytes": b"x"}, "question": QUESTION, "answer": "Oslo has 46 and Rome has 9, so it is 46 - 9 = 37. The answer is 37."}
    assert reachqa(told).answer == "The answer is 37."


@pytest.mark.parametrize(
    ("read", "row", "reason"),
    [
        (llava_cot, llava_row("a", "b") | {"conversations": []}, "not in the publisher's form"),
        (llava_cot, llava_row("a</REASONING><REASONING>b", "c"), "not four stages"),
        (llava_cot, llava_row("a", ""), "no answer"),
        (llava_cot, llava_row("a b", "c", image=None), "no picture"),
        (chartverse, {"images": [], "question": "q?", "answer": "37", "cot_solution": "37"}, "no picture"),
        (chartverse, {"images": [b"x"], "question": "q?", "answer": "37", "cot_solution": "<think>a</think>It is 36."}, "wrong answer"),
        (chartnet, {"image": b"x", "complex_question": "q?", "full_reasoning": ""}, "no answer"),
        (reachqa, {"image": b"x", "question": "q?", "answer": "37"}, "no thought"),
    ],
)
def test_what_cannot_be_taught_has_a_reason(read, row, reason):
    with pytest.raises(Rejected, match=reason):
        read(row)


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


WRONG = {
    "a claim that is false": "Oslo: 46\nRome: 9\n46 - 9 = 38",
    "a number that does not stand there": "Oslo: 31\nRome: 9\n31 - 9 = 22",
    "an answer that no step arrives at": "Oslo: 46\nRome: 9\nBoth are cities.",
}


def test_thoughts_are_held_to_the_picture_before_they_teach(tmp_path: Path, picture: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    said = [RIGHT, *WRONG.values(), "Oslo has the 46 of the chart.\nI remember 512 mm of another year.\n46 - 9 = 37"]
    answers = ["37", "38", "22", "37", "37"]
    images = [{"bytes": picture, "path": "a.png"}]
    rows = [
        {"images": images, "question": f"{QUESTION} Tell it in mm, please, number {i}.", "answer": answer, "cot_solution": thought}
        for i, (thought, answer) in enumerate(zip(said, answers, strict=True))
    ]
    write_parquet(tmp_path / "rows.parquet", rows)
    kept = {}
    for keep in ("traced", "unbroken", "all"):
        out = tmp_path / keep
        arguments = [f"chartverse={tmp_path / 'rows.parquet'}", "--out", str(out), "--against", "--tokenizer", "none", "--keep", keep]
        assert main([*arguments, "--workers", "1"]) == 0
        kept[keep] = len((out / "chartverse.jsonl").read_text().splitlines())
    assert kept == {"traced": 1, "unbroken": 2, "all": 5}
    report = json.loads((tmp_path / "all" / "report.json").read_text())["chartverse"]
    assert report["levels"] == {"traced": 1, "broken": 3, "open": 1} and set(WRONG) < set(report["faults"])
    assert report["examples"]["a claim that is false"][0]["thought"] == WRONG["a claim that is false"]
    assert "chartverse: of 5 thoughts 20.0 % traced, 20.0 % open, 60.0 % broken" in capsys.readouterr().out


def test_a_table_tells_what_a_picture_does_not_print():
    table = [*map(list, [("City", "Rain"), *((name, str(value)) for name, value in TABLE.items())])]
    assert table_of(CSV) == table and table_of("no table") == [] == table_of("a,b\nc")
    assert check(QUESTION, RIGHT, "37", [as_writing(table)]).level == "traced"
    assert check(QUESTION, "Oslo: 64\nRome: 9\n64 - 9 = 55", "55", [as_writing(table)], whole=True).level == "broken"


@pytest.mark.parametrize("values", [("90", "60", "30"), ("10", "20", "30", "40", "50"), ("33", "27", "40"), ("85", "33", "7")])
def test_even_values_of_a_table_are_read_and_not_taken_for_an_axis(values: tuple[str, ...]) -> None:
    names = ("Oslo", "Rome", "Paris", "Turin", "Lyon")[: len(values)]
    thought = "\n".join(f"{name}: {value}" for name, value in zip(names, values, strict=True))
    thought += f"\nLook up {names[0]} {values[0]}."
    down = [["City", "Rain"], *map(list, zip(names, values, strict=True))]
    across = [["Rain", *names], ["May", *values]]
    for table in (down, across):
        held = check(f"How much is {names[0]}?", thought, values[0], [as_writing(table)], whole=True)
        assert held.level == "traced", held


def test_a_misread_value_of_a_table_falls_even_where_the_answer_does_not_need_it() -> None:
    table = as_writing([["City", "Rain"], ["Oslo", "46"], ["Rome", "9"], ["Turin", "12"]])
    right, wrong = "Oslo: 46\nRome: 9\nTurin: 12\n46 - 9 = 37", "Oslo: 46\nRome: 9\nTurin: 46\n46 - 9 = 37"
    assert check(QUESTION, right, "37", [table], whole=True).level == "traced"
    assert check(QUESTION, wrong, "37", [table], whole=True).fault == "a number that does not stand there"


def test_a_bounded_set_is_drawn_by_its_seed(tmp_path: Path) -> None:
    rows = [{"n": i} for i in range(3000)]
    first = [row["n"] for row in islice(shuffled(iter(rows), 1), 50)]
    assert first == [row["n"] for row in islice(shuffled(iter(rows), 1), 50)] != [row["n"] for row in islice(shuffled(iter(rows), 2), 50)]
    assert sorted(row["n"] for row in shuffled(iter(rows), 1)) == list(range(3000)) and first != list(range(50))
    path = tmp_path / "r.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    source = source_of(f"reachqa:20={path}", tmp_path, 1, 1)
    assert source.bound == 20 and [row["n"] for row in islice(source.rows(10), 5)] == first[10:15]
    assert source.checked and source.licence == "mit"


@pytest.mark.parametrize("name", VISUAL)
def test_a_set_without_its_columns_is_counted_and_not_a_crash(name, tmp_path, capsys):
    (tmp_path / "rows.jsonl").write_text('{"other": 1}\n[]\nbroken\n')
    assert (
        main([f"{name}={tmp_path / 'rows.jsonl'}", "--out", str(tmp_path / "out"), "--against", "--tokenizer", "none", "--workers", "1"])
        == 0
    )
    assert "3 not in the publisher's form" in capsys.readouterr().out


def test_a_bound_that_is_no_number_is_told(capsys, tmp_path):
    assert main(["charts:3", "reachqa:many", "--out", str(tmp_path)]) == 2
    assert not (tmp_path / "drawn").exists(), "nothing is fetched or drawn before"
    assert "is bounded by no number of rows; write reachqa:20000" in capsys.readouterr().err

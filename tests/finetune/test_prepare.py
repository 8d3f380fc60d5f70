"""Three publishers' forms become one, what cannot be trained on is counted, and a run that was killed goes on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw, ImageFont

from finetune.prepare import main
from finetune.rows import BATCH
from finetune.samples import Rejected, Sample, open_r1_math, open_thoughts, openo1, pictured, sharegpt
from finetune.sieve import Sieve, Twins, fingerprint, grams, is_english
from tests.fakes import TOOK, QueuedEngine
from vision import ask
from vision.pictures.images import open_image
from vision.prompts import TEXT_PROMPT, messages
from vision.settings import NANO

WORDS = "apple river stone cloud garden silver window market forest candle bridge letter winter summer copper lemon".split()


def question(i: int) -> str:
    """Questions that are unlike each other."""
    return " ".join(f"{WORDS[(i * 7 + k * (i % 5 + 1)) % 16]}{(i * 31 + k) % 97}" for k in range(14)) + f" and what is {i} + 1?"


def openo1_row(i: int, said: str = "") -> dict[str, str]:
    said = said or f"<Thought>\nThis is the sum of the two, {i} + 1 = {i + 1}.\n</Thought>\n<Output>\nThe answer is {i + 1}.\n</Output>"
    return {"instruction": question(i), "output": said}


def thoughts_row(said: str) -> dict[str, Any]:
    turns = [{"from": "user", "value": "How many?"}, {"from": "assistant", "value": said}]
    return {"system": "Your role as an assistant involves …", "conversations": turns}


def r1_row(*generations: str, gold: str = "70", **columns: Any) -> dict[str, Any]:
    return {"problem": "What is $39 + 31$?", "answer": gold, "generations": list(generations)} | columns


OPEN_THOUGHTS = """<|begin_of_thought|>

3 + 4 = 7.

<|end_of_thought|>

<|begin_of_solution|>

It is 7.

<|end_of_solution|>"""
RIGHT = "<think>\n39 + 31 = 70.\n</think>\n\nThe sum is $\\boxed{70}$."
WRONG = RIGHT.replace("70", "60")


def test_three_marks_for_one_thing_become_one() -> None:
    samples = [
        openo1({"instruction": "How many?", "output": "<Thought>3 + 4 = 7.</Thought>\n<Output>It is 7.</Output>"}),
        openo1({"prompt": "How many?", "response": "<Thought>3 + 4 = 7.</Thought>\n<Output>It is 7.</Output>"}),
        open_thoughts(thoughts_row(OPEN_THOUGHTS)),
    ]
    rows = [sharegpt(sample) for sample in samples]
    assert rows[0] == rows[1] == rows[2]
    assert rows[0]["conversations"][1]["value"] == "<think>\n3 + 4 = 7.\n</think>\n\nIt is 7."
    assert rows[0]["conversations"][0]["value"] == "How many?" and rows[0]["images"] == [] and rows[0]["system"] == TEXT_PROMPT


def test_of_several_generations_the_first_right_and_complete_one_is_taken() -> None:
    half = RIGHT.replace("39 + 31", "31 + 39")
    row = r1_row(half, WRONG, RIGHT, is_reasoning_complete=[False, True, True], finish_reasons=["length", "stop", "stop"])
    assert open_r1_math(row).thought == "39 + 31 = 70."
    assert open_r1_math(r1_row(RIGHT, gold="\\frac{140}{2}")).gold == "\\frac{140}{2}", "math-verify finds them equal"


@pytest.mark.parametrize(
    ("read", "row", "reason"),
    [
        (openo1, openo1_row(1, "It is 2."), "no thought"),
        (openo1, openo1_row(1, "<Thought>1 + 1 = 2.</Thought>"), "no answer"),
        (openo1, openo1_row(1, "<Thought>1 + 1 = 2."), "broken tags"),
        (openo1, openo1_row(1, "<Thought>1 + 1</Thought>It is <Thought>2</Thought>."), "broken tags"),
        (openo1, {"instruction": "?"}, "not in the publisher's form"),
        (open_thoughts, {"conversations": "?"}, "not in the publisher's form"),
        (open_r1_math, r1_row(RIGHT) | {"generations": 5}, "not in the publisher's form"),
        (open_r1_math, r1_row(RIGHT, finish_reasons="stop"), "not in the publisher's form"),
        (pictured, {"question": "?", "thought": "1", "answer": "1", "images": "a.png"}, "no picture"),
        (pictured, {"question": "?", "thought": "1", "answer": "The answer is 1.", "gold": 0, "image": "a.png"}, "wrong answer"),
        (open_r1_math, r1_row(WRONG), "wrong answer"),
        (open_r1_math, r1_row(RIGHT, is_reasoning_complete=[False]), "no complete generation"),
        (pictured, {"question": "?", "thought": "1", "answer": "1"}, "no picture"),
        (pictured, {"question": "?", "thought": "1", "answer": "The answer is 1.", "gold": "2", "image": "a.png"}, "wrong answer"),
    ],
)
def test_what_cannot_be_trained_on_has_a_reason(read: Any, row: dict[str, Any], reason: str) -> None:
    with pytest.raises(Rejected, match=reason):
        read(row)


def test_a_written_mark_is_not_counted_as_a_picture() -> None:
    row = {"question": "What does <image> mean?", "thought": "A tag.", "answer": "It is a tag.", "image": "a.png"}
    made = sharegpt(pictured(row))
    assert json.dumps(made).count("<image>") == len(made["images"]) == 1
    text = openo1({"instruction": "What is a <video> tag?", "output": "<Thought>An <audio> tag.</Thought><Output>A tag.</Output>"})
    thought = open_r1_math(r1_row(RIGHT.replace("39 + 31 =", "<image> 39 + 31 =")))
    for sample in (text, thought):
        assert not re.search("<(image|video|audio)>", json.dumps(sharegpt(sample)))


def test_rows_are_counted_as_llamafactory_writes_them(tmp_path: Path) -> None:
    """By its own template in its own environment: text, a picture, and a picture with crops."""
    plain = Sample(source="x", question="How many are there?", thought="3 + 4 = 7.", answer="The answer is 7.")
    names = [f"{i}.png" for i in range(4)]
    for name in names:
        Image.new("RGB", (40, 40)).save(tmp_path / name)
    samples = [plain, replace(plain, pictures=(names[0],)), replace(plain, pictures=tuple(names), cropped=True)]
    rows = [sharegpt(sample) for sample in samples]
    code = """
import json, sys
from transformers import AutoProcessor
from llamafactory.data.template import TEMPLATES
processor = AutoProcessor.from_pretrained(sys.argv[1])
tokenizer, template = processor.tokenizer, TEMPLATES["gemma3"]
processor.image_max_pixels, processor.image_min_pixels = 802816, 1024
for name in ("image_do_pan_and_scan", "crop_to_patches"):
    setattr(processor, name, False)
for row in json.loads(sys.argv[2]):
    turns = [{"role": {"human": "user", "gpt": "assistant"}[turn["from"]], "content": turn["value"]} for turn in row["conversations"]]
    turns = template.mm_plugin.process_messages(turns, row["images"], [], [], processor)
    asked, said = template.encode_oneturn(tokenizer, turns, row["system"] or None)
    print("COUNT", len(asked) + len(said))
"""
    python = Path(__file__).parent.parent.parent / ".venv-train" / "bin" / "python"
    done = subprocess.run([str(python), "-c", code, str(NANO), json.dumps(rows)], capture_output=True, text=True, cwd=tmp_path, timeout=180)
    counts = [int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("COUNT")]
    assert len(counts) == 3, done.stderr[-2000:]
    ours = [Sieve(cutoff=9999, tokenizer=str(NANO)).tokens(sample) for sample in samples]
    assert all(real <= mine <= real + 3 for real, mine in zip(counts, ours, strict=True)), (counts, ours)


def test_the_sieve_drops_what_is_too_long_foreign_or_in_a_test_set() -> None:
    text = "the cat sat on the mat and it looked at all of the birds in the garden"
    sample = Sample(source="x", question=text, thought="1 + 1 = 2", answer="It is 2.")
    assert Sieve(cutoff=128).tokens(sample) > 30
    for sieve, reason in (
        (Sieve(cutoff=70), "longer than the cutoff"),
        (Sieve(cutoff=128, forbidden=frozenset(grams("… " + text.upper() + "!"))), "shares words with a benchmark"),
    ):
        with pytest.raises(Rejected, match=reason):
            sieve.tokens(sample)
    short = Sample(source="x", question="How many apples are left now?", thought="1 + 1 = 2", answer="It is 2.")
    with pytest.raises(Rejected, match="shares words with a benchmark"):
        Sieve(cutoff=128, forbidden=frozenset(grams("<image1> How many apples are left now"))).tokens(short)
    assert is_english("x = 3 + 4") and not is_english("Сколько яблок?")


def test_a_question_in_nearly_the_same_words_is_a_twin_and_the_same_about_another_picture_is_not() -> None:
    def sample(text: str) -> Sample:
        return Sample(source="x", question=text, thought="t", answer="a")

    long = " ".join(question(i) for i in range(4))
    twins = Twins()
    assert [twins.seen(fingerprint(sample(text))) for text in (long, long + " please", question(9), question(9))] == [
        False,
        True,
        False,
        True,
    ]
    marks = [fingerprint(sample("What is the total?"), [picture]) for picture in (b"a", b"b", b"a")]
    assert [twins.seen(mark) for mark in marks] == [False, False, True]
    again = Twins(b"".join(marks[:2]), 2)
    assert again.seen(marks[0]) and again.seen(marks[1])


def prepare(out: Path, *arguments: str) -> int:
    return main([*arguments, "--out", str(out), "--against", "--tokenizer", "none", "--workers", "2"])


def written(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_raw_files_become_rows_and_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [openo1_row(i) for i in range(30)] + [openo1_row(3), openo1_row(40, "It is 41."), openo1_row(41, "<Thought>x" * 3)]
    (tmp_path / "raw.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"broken\n')
    (tmp_path / "raw.json").write_text(json.dumps([r1_row(RIGHT, gold="70"), r1_row(WRONG)]))
    pq.write_table(pa.Table.from_pylist([thoughts_row("<think>3 + 4 = 7.</think>It is 7.")]), tmp_path / "raw.parquet")
    out = tmp_path / "out"
    names = ("openo1_sft=raw.jsonl", "open_r1_math=raw.json", "open_thoughts=raw.parquet")
    assert prepare(out, *(name.replace("=", f"={tmp_path}/") for name in names)) == 0
    assert len(written(out / "openo1_sft.jsonl")) == 30 and len(written(out / "open_r1_math.jsonl")) == 1
    report = json.loads((out / "report.json").read_text())
    assert report["openo1_sft"]["dropped"] == {
        "nearly the same as another row": 1,
        "no thought": 1,
        "broken tags": 1,
        "not in the publisher's form": 1,
    }
    assert report["open_r1_math"]["dropped"] == {"wrong answer": 1}
    assert "| openo1_sft | apache-2.0 | 34 | 30 |" in capsys.readouterr().out
    assert open_image(out / "lengths.png").size == (960, 540)
    info = json.loads((out / "dataset_info.json").read_text())
    assert list(info) == ["openo1_sft", "open_r1_math", "open_thoughts"] and info["open_thoughts"]["file_name"] == "open_thoughts.jsonl"


def test_pictures_of_a_folder_are_kept_cropped_and_checked(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    Image.new("RGB", (300, 280), "red").save(folder / "square.jpg")
    Image.new("RGB", (1200, 400), "blue").save(folder / "long.png")
    (folder / "broken.png").write_bytes(b"no picture")
    asked = {"question": "What is the total of all the bars in it?", "thought": "3 + 4 = 7.", "answer": "The answer is 7.", "gold": "7"}
    names = ("square.jpg", "long.png", "broken.png", "missing.png", "../secret.png")
    (folder / "rows.jsonl").write_text("".join(json.dumps(asked | {"image": name}) + "\n" for name in names))
    Image.new("RGB", (300, 300)).save(tmp_path / "secret.png")
    out = tmp_path / "out"
    assert prepare(out, f"mine={folder}") == 0
    square, long = written(out / "mine.jsonl")
    assert square["conversations"][0]["value"] == "<image>" + asked["question"] and len(square["images"]) == 1
    value = long["conversations"][0]["value"]
    assert value.startswith("Here is the original image <image> and here are some crops to help you see better <image> <image>")
    assert value.count("<image>") == len(long["images"]) == 4 and all(open_image(out / name) for name in long["images"])
    assert json.loads((out / "report.json").read_text())["mine"]["dropped"] == {
        "picture missing or broken": 2,
        "picture outside its folder": 1,
    }


def test_rows_hold_the_text_of_their_pictures_as_the_app_sends_it(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for name, size in (("square.png", (900, 900)), ("long.png", (1400, 500))):
        image = Image.new("RGB", size, "white")
        ImageDraw.Draw(image).text((100, 100), "Museum", fill="black", font=ImageFont.load_default(30))
        image.save(folder / name)
    asked = {"question": "What is the total of all the bars in it?", "thought": "3 + 4 = 7.", "answer": "The answer is 7."}
    (folder / "rows.jsonl").write_text("".join(json.dumps(asked | {"image": name}) + "\n" for name in ("square.png", "long.png")))
    assert prepare(tmp_path / "on", f"mine={folder}", "--writing", "on") == 0
    assert prepare(tmp_path / "auto", f"mine={folder}", "--writing") == 0
    for row, name in zip(written(tmp_path / "on" / "mine.jsonl"), ("square.png", "long.png"), strict=True):
        engine = QueuedEngine([TOOK])
        ask(str(folder / name), asked["question"], engine, writing="on")
        system, user = messages(engine.history[0])
        assert row["conversations"][0]["value"].split("<image>")[-1] == user["content"][-1]["text"] and "Museum" in str(user)
        assert row["system"] == system["content"][0]["text"]
    assert "Museum" not in (tmp_path / "auto" / "mine.jsonl").read_text(), "Gemma 3 reads letters of this size by itself"


def test_the_text_of_several_pictures_stands_behind_each() -> None:
    row = pictured(
        {"question": "Q?", "thought": "1 + 1 = 2.", "answer": "2", "images": ["a", "b", "c"], "lines": ["A\n\n", "", "<image>\n\n"]}
    )
    assert sharegpt(row)["conversations"][0]["value"] == "<image>A<image><image>[image]\n\nQ?"


def test_drawn_charts_are_a_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare(tmp_path, "charts=6") == 0
    rows = written(tmp_path / "charts.jsonl")
    assert len(rows) == 6 and all((tmp_path / name).is_file() for row in rows for name in row["images"])
    assert prepare(tmp_path, "charts=9") == 0, "more of them are drawn behind the first"
    assert written(tmp_path / "charts.jsonl")[:6] == rows and len(written(tmp_path / "charts.jsonl")) == 9
    assert prepare(tmp_path, "charts=4") == 2 and len(written(tmp_path / "drawn" / "charts" / "charts.jsonl")) == 9
    assert prepare(tmp_path / "held", "charts=4", "--seed", "1003000000") == 2
    said = capsys.readouterr().err
    assert "holds 9 charts; ask for as many or more" in said and "are held out to measure with; choose a lower --seed" in said


def test_a_killed_run_goes_on_to_the_same_rows(tmp_path: Path) -> None:
    count = 6 * BATCH
    raw = tmp_path / "openo1.jsonl"
    raw.write_text("".join(json.dumps(openo1_row(i % (count - 50))) + "\n" for i in range(count)))
    arguments = [f"openo1_sft={raw}", "--against", "--tokenizer", "none", "--workers", "1"]
    command = [sys.executable, "-m", "finetune.prepare", *arguments, "--out", str(tmp_path / "killed")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True) as run:
        note = tmp_path / "killed" / ".openo1_sft.json"
        while not note.exists() and run.poll() is None:
            pass
        os.killpg(run.pid, 9)
    assert not json.loads(note.read_text())["done"]
    with (tmp_path / "killed" / "openo1_sft.jsonl").open("a") as file:
        file.write('{"half a row')
    assert main([*arguments, "--out", str(tmp_path / "killed")]) == 0 and main([*arguments, "--out", str(tmp_path / "whole")]) == 0
    killed, whole = ((tmp_path / name / "openo1_sft.jsonl").read_bytes() for name in ("killed", "whole"))
    assert killed == whole and whole.count(b"\n") == count - 50


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["open_thought"],
            "there is no published set 'open_thought'; known are openo1_sft, open_thoughts",
        ),
        (["mine=nowhere"], "there is no file or folder nowhere; check the path"),
        (["mine=README.md"], "README.md is not in a form that is read; expected .jsonl, .parquet, .json, .csv"),
        (["a/b=README.md"], "'a/b' cannot be the name of a data set"),
        (["charts=2", "--against", "gsm8k", "--benchmarks", "finetune"], "finetune holds no gsm8k.jsonl"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["--out", str(tmp_path), "--against", "--tokenizer", "none", *arguments] if "--against" not in arguments else [*arguments])
        == 2
    )
    assert sentence in capsys.readouterr().err


def test_other_settings_do_not_mix_with_rows_that_are_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = tmp_path / "raw.jsonl"
    raw.write_text(json.dumps(openo1_row(1)) + "\n")
    assert prepare(tmp_path / "out", f"openo1_sft={raw}") == 0
    assert prepare(tmp_path / "out", f"openo1_sft={raw}", "--cutoff", "100") == 2
    assert "made from another file or with other settings; choose another --out" in capsys.readouterr().err
    rows = tmp_path / "out" / "openo1_sft.jsonl"
    rows.write_text("")
    assert prepare(tmp_path / "out", f"openo1_sft={raw}") == 2
    assert "is not as long as it was left; remove .openo1_sft.json" in capsys.readouterr().err
    raw.write_text(json.dumps(openo1_row(2)) * 2 + "\n")
    assert prepare(tmp_path / "out", f"openo1_sft={raw}") == 2 and "made from another file" in capsys.readouterr().err

"""Wrong recipes fail in seconds with the line and the remedy; right ones are told what they take."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from finetune import footprint, preflight
from finetune import recipe as recipe_module
from finetune.charts.__main__ import main as draw
from finetune.footprint import SHAPES, Footprint, Plan, config_of
from finetune.preflight import main
from vision.settings import NANO
from vision.sharegpt import registered

ROOT = Path(__file__).parent.parent.parent
ASKED = recipe_module.llamafactory


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rows")
    assert draw(["--out", str(folder), "--count", "6", "--renderer", "pillow", "--workers", "1"]) == 0
    return folder


@pytest.fixture
def recipe(rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes nano's recipe with other values; a value of None leaves the key out."""
    monkeypatch.setattr(preflight, "llamafactory", lambda keys: ([], ""))  # asking it takes seconds; one test does
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    def write(**changed: Any) -> Path:
        given = {"model_name_or_path": str(NANO), "dataset_dir": str(rows), "output_dir": str(tmp_path / "out")} | changed
        lines = []
        for line in (ROOT / "finetune" / "nano.yaml").read_text().splitlines():
            key = line.split(":")[0]
            value = given.pop(key, line.split(": ", 1)[-1]) if ": " in line and line[:1] not in "#" else line
            lines.append(line if value is line else f"{key}: {value}" if value is not None else "")
        path = tmp_path / "recipe.yaml"
        path.write_text("\n".join([*lines, *(f"{key}: {value}" for key, value in given.items() if value is not None)]))
        return path

    return write


def test_a_right_recipe_is_told_what_it_takes(recipe: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(recipe()), "--gpu-memory", "8", "learning_rate=1e-4"]) == 0, "as the README writes it"
    told = capsys.readouterr().out
    assert [line[:6] for line in told.splitlines()] == [f"ok   {i}" for i in range(1, 9)]
    assert "charts 6 rows; 6 pictures, at most 1 in a row" in told and "all in the language layers" in told


@pytest.mark.parametrize(
    ("changed", "key", "sentence"),
    [
        ({"do_train": "false"}, "do_train", "it trains nothing"),
        ({"template": "llama3"}, "template", "template is llama3; gemma3 takes gemma3 or gemma"),
        ({"template": "gemma"}, "template", "the rows have pictures and template gemma refuses them; Gemma 3 takes gemma3"),
        ({"packing": "true"}, "packing", "packing crashes LLaMA-Factory 0.9.5 with template gemma3; set train_sampling_strategy"),
        ({"neat_packing": "true"}, "neat_packing", "neat_packing fails in the loss of transformers' Gemma 3"),
        ({"image_do_pan_and_scan": "true"}, "image_do_pan_and_scan", "finetune.prepare writes the crops instead"),
        ({"flash_attn": "fa2"}, "flash_attn", "flash_attn fa2 hides half of each picture"),
        ({"bf16": None, "fp16": "true"}, "fp16", "Gemma 3 overflows in fp16"),
        ({"bf16": "false"}, "bf16", "is slow in fp32; set bf16: true"),
        ({"cutoff_len": "long"}, "cutoff_len", "cutoff_len is long; expected a number"),
        ({"gradient_accumulation_steps": 1.5}, "gradient_accumulation_steps", "expected a whole number"),
        ({"per_device_train_batch_size": 0}, "per_device_train_batch_size", "a step would hold no row"),
        ({"freeze_vision_tower": "false"}, "freeze_vision_tower", "a tower in training forgets how to see"),
        ({"image_max_pixels": 589824}, "image_max_pixels", "set image_max_pixels: 802816"),
        ({"dataset": "chart"}, "dataset", "knows no data set 'chart'; did you mean charts?"),
        ({"dataset_dir": "/nowhere"}, "dataset_dir", "there is no /nowhere/dataset_info.json"),
        ({"cutoff_len": 200}, "cutoff_len", "would lose their answers; prepare them with --cutoff 200, or raise it"),
        ({"model_name_or_path": "/nowhere"}, "model_name_or_path", "/nowhere is neither a checkpoint directory nor a model"),
        ({"lora_target": "q_proj"}, "lora_target", "set finetuning_type: lora and lora_target: all"),
        ({"learning_rate": "fast"}, "learning_rate", "learning_rate is fast; expected a number"),
        ({"quantization_bit": 3}, "quantization_bit", "bitsandbytes takes 4 or 8"),
        ({"deepspeed": "nowhere.json"}, "deepspeed", "there is no nowhere.json; finetune/environment/zero3.json is one"),
        ({"deepspeed": "README.md"}, "deepspeed", "README.md cannot be read as DeepSpeed's configuration"),
        ({"adapter_name_or_path": "{out}"}, "adapter_name_or_path", "holds no adapter yet; train it first"),
        ({"dataset": "''"}, "dataset", "it names no dataset to train on"),
        ({"dataset_dir": "~"}, "dataset_dir", "there is no data/dataset_info.json"),
    ],
)
def test_a_wrong_recipe_fails_with_its_line_and_the_remedy(
    recipe: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: dict[str, Any], key: str, sentence: str
) -> None:
    path = recipe(**{key: str(value).format(out=tmp_path / "first") if isinstance(value, str) else value for key, value in changed.items()})
    assert main([str(path)]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    line = next(i for i, text in enumerate(path.read_text().splitlines(), 1) if text.startswith(f"{key}:"))
    assert last.startswith("STOP") and f"{path}:{line}: " in last and sentence in last


def test_a_key_that_llamafactory_does_not_know_is_named(
    recipe: Callable[..., Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "llamafactory", ASKED)
    path = recipe(lr_scheduler_type="cosin")
    known, refusal = ASKED(yaml.safe_load(path.read_text()))
    assert len(known) > 300 and "learning_rate" in known and "cosin" in refusal
    assert main([str(path)]) == 1 and "LLaMA-Factory refuses it: cosin is not a valid" in capsys.readouterr().out
    monkeypatch.setattr(preflight, "llamafactory", lambda keys: (known, ""))
    assert main([str(recipe(learning_rat=1))]) == 1
    assert "LLaMA-Factory has no key learning_rat; did you mean learning_rate?" in capsys.readouterr().out


@pytest.mark.parametrize(("text", "sentence"), [("a: [1,", "it is no YAML at line 1"), ("just words", "it holds no keys")])
def test_what_is_no_recipe_says_so(text: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    assert main([str(path)]) == 1 and sentence in capsys.readouterr().out
    assert main([str(tmp_path / "none.yaml")]) == 2 and "there is no recipe" in capsys.readouterr().err


def test_marks_and_pictures_that_do_not_match_are_found(
    recipe: Callable[..., Path], rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = json.loads((rows / "charts.json").read_text())
    folder = tmp_path / "bad"
    folder.mkdir()
    (folder / "dataset_info.json").write_text((rows / "dataset_info.json").read_text())
    (folder / "charts.json").write_text(json.dumps([*made[:2], made[2] | {"images": []}]))
    options = {"dataset_dir": str(folder), "media_dir": str(rows)}
    assert main([str(recipe(**options))]) == 1
    assert "row 3 of charts has 1 <image> marks and 0 pictures" in capsys.readouterr().out
    (folder / "charts.json").write_text(json.dumps([made[0], {"text": "1 + 1"}]))
    assert main([str(recipe(**options))]) == 1 and "row 2 of charts has no conversations" in capsys.readouterr().out
    (folder / "charts.json").write_text(json.dumps([made[0], made[1] | {"images": ["images/none.png"]}]))
    assert main([str(recipe(**options))]) == 1
    assert "row 2 of charts names images/none.png, which is not in" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder, made: (folder / "dataset_info.json").write_text("{"), "dataset_info.json is no JSON"),
        (lambda folder, made: (folder / "dataset_info.json").write_text('{"charts": "charts.json"}'), "is no list of data sets by name"),
        (lambda folder, made: (folder / "charts.json").write_text('[{"a": 1'), "charts.json is no JSON list of rows"),
        (
            lambda folder, made: (folder / "charts.json").write_text(json.dumps([made[0] | {"conversations": ["a"]}])),
            "has no conversations",
        ),
        (lambda folder, made: (folder / "charts.json").write_text(json.dumps([said(made[0], "<video>")])), "has <video> in its text"),
        (
            lambda folder, made: (folder / "dataset_info.json").write_text('{"charts": {"file_name": "dataset_info.json.csv"}}'),
            "is not there yet",
        ),
    ],
)
def test_broken_data_is_one_sentence(
    recipe: Callable[..., Path], rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], spoil: Callable[..., Any], sentence: str
) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    for name in ("dataset_info.json", "charts.json"):
        (folder / name).write_text((rows / name).read_text())
    spoil(folder, json.loads((rows / "charts.json").read_text()))
    assert main([str(recipe(dataset_dir=str(folder), media_dir=str(rows)))]) == 1
    assert sentence in capsys.readouterr().out.splitlines()[-1]


def said(row: dict[str, Any], text: str) -> dict[str, Any]:
    first, *others = row["conversations"]
    return row | {"conversations": [first | {"value": first["value"] + text}, *others]}


def test_a_row_without_a_picture_pays_for_an_empty_one(
    recipe: Callable[..., Path], rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = json.loads((rows / "charts.json").read_text())
    bare = json.loads(json.dumps(made[:3]).replace("<image>", ""))
    folder = tmp_path / "mixed"
    folder.mkdir()
    (folder / "dataset_info.json").write_text((rows / "dataset_info.json").read_text())
    (folder / "charts.json").write_text(json.dumps([*made[3:], *(row | {"images": []} for row in bare)]))
    options = {"dataset_dir": str(folder), "media_dir": str(rows), "per_device_train_batch_size": 1}
    assert main([str(recipe(**options))]) == 0
    assert "130 more for empty pictures" in capsys.readouterr().out, "260 for every second row"


def weights_told(capsys: pytest.CaptureFixture[str]) -> float:
    """GB of weights in what was printed last."""
    return float(re.findall(r"a GPU: weights ([\d.]+)", capsys.readouterr().out)[-1])


def test_what_does_not_fit_is_told_how_it_would(recipe: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    big = {"model_name_or_path": "google/gemma-3-27b-it", "per_device_train_batch_size": 2}
    big |= {"disable_gradient_checkpointing": "false", "lora_rank": 8}
    assert main([str(recipe(**big)), "--gpu-memory", "48"]) == 1
    assert "48 GB are there. Halve per_device_train_batch_size" in capsys.readouterr().out
    small = ["per_device_train_batch_size=1", "quantization_bit=4", "enable_liger_kernel=true"]
    assert main([str(recipe(**big)), "--gpu-memory", "24", *small]) == 0
    four = ["--gpus", "4", "per_device_train_batch_size=1"]
    assert main([str(recipe(**big)), "--gpu-memory", "48", *four, "--fsdp"]) == 0
    fsdp = weights_told(capsys)
    (tmp_path / "mine.json").write_text('{"zero_optimization": {"stage": 3}}')
    assert main([str(recipe(**big)), "--gpu-memory", "48", *four, f"deepspeed={tmp_path / 'mine.json'}"]) == 0
    assert fsdp == pytest.approx(2 * weights_told(capsys), abs=0.1), "FSDP2 holds its shares in fp32"
    (tmp_path / "zero3_of_stage_2.json").write_text('{"zero_optimization": {"stage": 2}}')
    assert main([str(recipe(**big)), "--gpu-memory", "48", *four, f"deepspeed={tmp_path / 'zero3_of_stage_2.json'}"]) == 1
    assert weights_told(capsys) == pytest.approx(4 * fsdp / 2, abs=0.2)
    assert main([str(recipe(**big)), "--gpu-memory", "80", "quantization_bit=8", "per_device_train_batch_size=1"]) == 0
    assert 28 < weights_told(capsys) < 31
    assert main([str(recipe()), "quantization_bit"]) == 1 and "is no option; write key=value" in capsys.readouterr().out


def test_the_public_shapes_have_their_public_sizes() -> None:
    """Gemma 3's report gives 4.3, 12.2 and 27.4 billion parameters with the tower (arXiv 2503.19786, table 1)."""
    sizes = [Footprint(config_of(name), Plan()).frozen / 1e9 for name in SHAPES]
    assert [round(size, 1) for size in sizes] == [4.3, 12.2, 27.4]
    parts = Footprint(config_of("google/gemma-3-27b-it"), Plan(rank=8)).trainable
    assert dict(parts) == {"language_model": 56_758_272}


@pytest.mark.parametrize("name", ["synth_qlora_8b", "synth_qlora_gemma"])
def test_the_published_synthetic_run_has_its_published_size(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """50,418 rows are 2,364 steps, and an 8B takes 11.8 GB by its card: as a whole loss needs, not one in pieces."""
    row = {"conversations": [{"from": "human", "value": "How many?"}, {"from": "gpt", "value": "42 " * 900}], "images": []}
    (tmp_path / "synthetic.jsonl").write_text((json.dumps(row) + "\n") * 50_418)
    (tmp_path / "dataset_info.json").write_text(json.dumps({"synthetic": registered("synthetic.jsonl")}))
    monkeypatch.setattr(preflight, "llamafactory", lambda keys: ([], ""))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    arguments = [str(ROOT / "finetune" / f"{name}.yaml"), f"dataset_dir={tmp_path}", "--gpu-memory", "12"]
    assert main(arguments) == 0
    told = capsys.readouterr().out
    assert "2364 steps of 64 rows" in told and "all in the language layers" in told
    if name.endswith("8b"):
        assert main([*arguments, "enable_liger_kernel=false"]) == 0
        whole, pieces = (float(re.search(r"about ([\d.]+) GB a GPU", text)[1]) for text in (capsys.readouterr().out, told))
        assert pieces < 10 < whole < 11.8  # what an allocator keeps beside it is not counted


def test_a_recipe_without_its_data_is_told_what_it_takes(
    recipe: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small, large = recipe(per_device_train_batch_size=1).rename(tmp_path / "small.yaml"), recipe(model_name_or_path="google/gemma-3-4b-it")
    assert footprint.main([str(small), str(large)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[2].startswith("| small.yaml | 1.") and told[3].startswith("| recipe.yaml | 59.6 M |")
    large.write_text("- a list")
    assert footprint.main([str(large)]) == 2 and "recipe.yaml cannot be read as a LoRA recipe" in capsys.readouterr().err
    assert footprint.main([str(tmp_path / "none.yaml")]) == 2


def test_a_picture_is_kept_in_the_tower_only_where_activations_are_computed_again() -> None:
    """PEFT's hook behind the patches, see finetune.footprint; the sizes are checked against real steps by tests.bench.footprint."""
    config = config_of("google/gemma-3-4b-it")
    again, kept = (Footprint(config, Plan(pictures=1, checkpointing=on)).memory() for on in (True, False))
    assert again["tower"] > 10 * kept["tower"] and again["activations"] < kept["activations"] / 10
    assert Footprint(config, Plan(pictures=0)).memory()["tower"] == 0

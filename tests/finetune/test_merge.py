"""An adapter becomes part of the weights, under the names that servers look for, and a run's folder is a model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from finetune.charts.records import Record
from finetune.merge import main, merge
from vision import ModelError, Sampling, Settings, ask, open_engine
from vision.engines.checkpoints import display_name, of_run
from vision.engines.loading import load
from vision.settings import NANO

SHORT = Sampling(max_thought_tokens=60, max_answer_tokens=20)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a run that was stopped after its second checkpoint."""
    folder = tmp_path_factory.mktemp("run")
    for step in (9, 10):
        shutil.copytree(NANO / "thinking", folder / f"checkpoint-{step}")
        named = json.loads((NANO / "thinking" / "adapter_config.json").read_text()) | {"base_model_name_or_path": str(NANO)}
        (folder / f"checkpoint-{step}" / "adapter_config.json").write_text(json.dumps(named))
    return folder


def test_the_folder_of_a_run_is_a_model(run: Path, chart: Record) -> None:
    found = of_run(Settings(model=str(run)))
    assert found.model == str(NANO) and found.adapter == str(run / "checkpoint-10"), "10 is newer than 9"
    assert display_name(Settings(model=str(run / "checkpoint-9"))) == "nano + checkpoint-9"
    tuned, bundled = (ask(chart.image, chart.question, open_engine(Settings(model=str(path))), sampling=SHORT) for path in (run, NANO))
    assert tuned.text == bundled.text


@pytest.mark.parametrize(("stopped_at", "newest"), [(4, "checkpoint-10"), (10, ""), (12, ""), (None, "")])
def test_a_run_that_was_stopped_and_went_on_is_its_newest_state(run: Path, tmp_path: Path, stopped_at: int | None, newest: str) -> None:
    """Stopping writes an adapter beside the checkpoints, which later ones outdate."""
    folder = tmp_path / "run"
    shutil.copytree(run, folder)
    shutil.copytree(run / "checkpoint-9", folder, dirs_exist_ok=True)
    if stopped_at is not None:
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": stopped_at}))
    assert of_run(Settings(model=str(folder))).adapter == str(folder / newest)


def test_a_run_that_does_not_name_its_base_says_so(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "checkpoint-9", tmp_path / "run")
    (tmp_path / "run" / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="run does not name its base; give that with --model and this folder with --adapter"):
        open_engine(Settings(model=str(tmp_path / "run")))


@pytest.mark.parametrize("precision", ["bf16", "8bit", "4bit"])
def test_merged_weights_have_the_hubs_names_and_answer(run: Path, chart: Record, tmp_path: Path, precision: str) -> None:
    merged = merge(str(run), tmp_path / "merged", precision=precision)
    with safe_open(merged / "model.safetensors", "pt") as new, safe_open(NANO / "model.safetensors", "pt") as old:
        names, theirs = set(new.keys()), set(old.keys())
    assert names == theirs if precision == "bf16" else theirs < names
    if precision == "bf16":
        mine, tuned = (load(Settings(model=str(path), precision="bf16")).model.state_dict() for path in (merged, run))
        assert all(torch.equal(mine[name], tuned[name]) for name in tuned) and len(mine) == len(tuned)
    assert [path.name for path in tmp_path.iterdir()] == ["merged"], "nothing is left beside it"
    engine = open_engine(Settings(model=str(merged)))
    assert engine.name == "merged" and ask(chart.image, chart.question, engine, sampling=SHORT).text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["vision/nano", "--out", "vision"], "vision is there already; choose another --out"),
        (["nowhere/at/all", "--out", "made"], "there is no adapter in nowhere/at/all"),
        (["{base}", "--out", "{tmp}/made"], "base; give the output folder of a run"),
        (["vision/nano", "--out", "{tmp}/made", "--gguf", "{tmp}"], "there is no convert_hf_to_gguf.py in"),
    ],
)
def test_a_mistake_is_one_sentence(arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(NANO, tmp_path / "base", ignore=shutil.ignore_patterns("thinking"))
    assert main([part.format(tmp=tmp_path, base=tmp_path / "base") for part in arguments]) == 2
    told = capsys.readouterr().err
    assert sentence in told and told.count("\n") == 1


def test_llamas_converter_is_run_for_both_parts(tmp_path: Path) -> None:
    """A stand-in for the converter, which notes how it is called."""
    (tmp_path / "convert_hf_to_gguf.py").write_text("import sys; open(sys.argv[3], 'w').write(' '.join(sys.argv[4:]))")
    assert main([str(NANO), "--out", str(tmp_path / "merged"), "--gguf", str(tmp_path)]) == 0
    assert (tmp_path / "merged" / "model.gguf").read_text() == "--outtype bf16"
    assert (tmp_path / "merged" / "mmproj.gguf").read_text() == "--outtype bf16 --mmproj"

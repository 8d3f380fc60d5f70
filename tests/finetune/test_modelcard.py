"""A card says what was measured, in a form that the Hub reads, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from finetune.benchmarks.running import Manner, run
from finetune.modelcard import main
from tests.finetune.benchmarks.test_running import Knowing, sums


@pytest.fixture
def runs(tmp_path: Path) -> list[str]:
    run(Knowing(wrong="1 2,2 3,3 4,5 6"), [sums(20)], tmp_path / "base", Manner(), bar=False)
    run(Knowing(wrong="2 3"), [sums(20)], tmp_path / "tuned", Manner(), bar=False)
    return [str(tmp_path / "base"), str(tmp_path / "tuned")]


def test_a_card_is_what_was_measured_and_the_hub_reads_it(tmp_path: Path, runs: list[str]) -> None:
    recipe, trained, data, out = tmp_path / "tune.yaml", tmp_path / "saves", tmp_path / "data", tmp_path / "card" / "README.md"
    recipe.write_text("### a comment\nmodel_name_or_path: google/gemma-3-4b-it\ndataset: gsm8k,charts\nlora_rank: 8\n")
    trained.mkdir()
    (trained / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "google/gemma-3-4b-it"}))
    log = [{"current_steps": step, "total_steps": 20, "loss": 2 - step / 20, "lr": 1e-4} for step in (10, 20)]
    (trained / "trainer_log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in log))
    data.mkdir()
    (data / "report.json").write_text(json.dumps({"gsm8k": {"read": 7473, "kept": 7400, "dropped": {"shares words with a benchmark": 73}}}))
    arguments = [*runs, "--recipe", str(recipe), "--trained", str(trained), "--data", str(data), "--out", str(out), "--name", "tuned"]
    assert main(arguments) == 0
    card = ModelCard.load(out)
    assert card.data.base_model == "google/gemma-3-4b-it" and card.data.datasets == ["openai/gsm8k"] and card.data.library_name == "peft"
    (result,) = card.data.eval_results
    assert (result.dataset_type, result.metric_value, result.task_type) == ("openai/gsm8k", 95.0, "text-generation")
    text = card.text
    assert "| gsm8k | 20 | 80.0 % (58.4–91.9) | 95.0 % (76.4–99.1) | +15.0 (" in text
    assert "| `openai/gsm8k` | 7,473 | 7,400 | 73 shares words with a benchmark |" in text
    assert "lora_rank: 8" in text and "a comment" not in text and "2 logged steps, the last loss 1.000" in text
    assert "### Wrong" in text and "2 + 3 = 5" in text and "answer: 6   gold: 5" in text
    assert {path.name for path in out.parent.iterdir()} == {"README.md", "compared.png", "curves.png"}
    assert str(tmp_path) not in out.read_text(), "no path of this machine"


def test_what_was_not_measured_is_left_out(tmp_path: Path, runs: list[str]) -> None:
    assert main([runs[1], "--out", str(tmp_path / "README.md"), "--name", "alone"]) == 0
    text = (tmp_path / "README.md").read_text()
    assert all(absent not in text for absent in ("## Training", "## Trained on", "base_model", "difference (95 %)"))


def test_what_is_no_run_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "--out", str(tmp_path / "README.md")]) == 2
    assert "is no run of finetune.benchmarks" in capsys.readouterr().err and not (tmp_path / "README.md").exists()


def test_a_recipe_by_which_it_was_not_trained_is_refused(tmp_path: Path, runs: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    recipe, trained, base, out = tmp_path / "tune.yaml", tmp_path / "saves", tmp_path / "gemma-of-mine", tmp_path / "README.md"
    recipe.write_text("model_name_or_path: google/gemma-3-27b-it\n# why\nlora_rank: 8\n")
    trained.mkdir(), base.mkdir()
    (trained / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base), "r": 16}))
    (trained / "trainer_log.jsonl").write_text(json.dumps({"current_steps": 1, "total_steps": 1, "loss": 1.5, "lr": 1e-4}) + "\n")
    arguments = [*runs, "--recipe", str(recipe), "--trained", str(trained), "--out", str(out)]
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "says model_name_or_path: gemma-3-27b-it" in said and f"--options model_name_or_path={base}" in said and not out.exists()
    assert main([*arguments, "--options", f"model_name_or_path={base}"]) == 2 and "says lora_rank: 8" in capsys.readouterr().err
    assert main([*arguments, "--options", f"model_name_or_path={base}", "lora_rank=16"]) == 0
    text = out.read_text()
    assert "model_name_or_path: gemma-of-mine\nlora_rank: 16\n" in text and "27b" not in text and str(tmp_path) not in text

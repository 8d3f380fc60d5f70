"""The recipe is read by LLaMA-Factory's own parser and really run, in the environment that is pinned for it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml

from finetune.charts.__main__ import main as draw
from finetune.nano.bundle import bundle
from vision.settings import NANO

ROOT = Path(__file__).parent.parent.parent
RECIPES = sorted((ROOT / "finetune").glob("*.yaml"))
TRAIN = ROOT / ".venv-train" / "bin"


def trained(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    assert TRAIN.is_dir(), "make test sets up .venv-train; run 'make environments'"
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "DISABLE_VERSION_CHECK": "1"}
    return subprocess.run(
        [str(TRAIN / arguments[0]), *arguments[1:]], cwd=cwd, capture_output=True, text=True, timeout=900, env=environment
    )


def test_there_are_recipes() -> None:
    assert "nano.yaml" in [path.name for path in RECIPES]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_llamafactory_reads_the_recipe_and_knows_every_key(recipe: Path) -> None:
    code = f"""
import sys
sys.argv = ["llamafactory", {str(recipe)!r}]
from llamafactory.hparams import get_train_args
model, data, training, finetuning, _ = get_train_args()
assert data.template == "gemma3" and finetuning.freeze_vision_tower and finetuning.freeze_multi_modal_projector
assert not model.trust_remote_code
print("read")
"""
    done = trained("python", "-c", code, cwd=ROOT)
    assert done.stdout.strip().endswith("read"), done.stderr[-2000:]


def test_the_recipe_tunes_the_bundled_base_into_an_adapter_that_the_app_loads(tmp_path: Path) -> None:
    """Drawn rows, two real steps of LLaMA-Factory, the adapter bundled, loaded and asked."""
    rows = tmp_path / "rows"
    assert draw(["--out", str(rows), "--count", "8", "--renderer", "fast", "--workers", "1"]) == 0
    out = tmp_path / "thinking"
    options = [f"dataset_dir={rows}", f"output_dir={out}", f"model_name_or_path={NANO}", "max_steps=2", "per_device_train_batch_size=4"]
    done = trained("llamafactory-cli", "train", "finetune/nano.yaml", "logging_steps=1", *options, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    losses = [row["loss"] for row in map(json.loads, (out / "trainer_log.jsonl").read_text().splitlines()) if "loss" in row]
    assert len(losses) == 2 and all(0 < float(loss) < 12 for loss in losses)
    tuned_parts = json.loads((out / "adapter_config.json").read_text())["target_modules"]
    assert "vision" not in str(tuned_parts) and "projector" not in str(tuned_parts)
    bundle(NANO, out, tmp_path / "bundled")
    from vision import Settings, ask, open_engine

    engine = open_engine(Settings(model=str(tmp_path / "bundled")))
    assert engine.name == "bundled + thinking"
    assert ask(next((rows / "images").iterdir()), "What is the total?", engine).usage is not None


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.name)
def test_a_recipe_never_runs_foreign_code(recipe: Path) -> None:
    assert yaml.safe_load(recipe.read_text()).get("trust_remote_code", False) is False

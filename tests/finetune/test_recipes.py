"""The recipe is read by LLaMA-Factory's own parser and really run, in the environment that is pinned for it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
import yaml

from finetune.charts.__main__ import main as draw
from finetune.nano.bundle import bundle
from vision.engines.precision import faster
from vision.settings import NANO

ROOT = Path(__file__).parent.parent.parent
RECIPES = sorted(path for path in (ROOT / "finetune").glob("*.yaml") if not path.stem.startswith("grpo_"))  # those are TRL's
TRAINING = [path for path in RECIPES if path.name != "merge.yaml"]
TRAIN = ROOT / ".venv-train" / "bin"


def trained(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    assert TRAIN.is_dir(), "make test sets up .venv-train; run 'make environments'"
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "DISABLE_VERSION_CHECK": "1"}
    return subprocess.run(
        [str(TRAIN / arguments[0]), *arguments[1:]], cwd=cwd, capture_output=True, text=True, timeout=900, env=environment
    )


def test_there_are_recipes() -> None:
    assert {"logicflow.yaml", "logicflow_published.yaml", "logicflow_qlora.yaml", "merge.yaml", "nano.yaml"} <= {
        path.name for path in RECIPES
    }


def test_llamafactory_reads_every_recipe_and_knows_every_key() -> None:
    """One process for all: importing LLaMA-Factory takes longer than reading. bf16 on this machine needs use_cpu beside it."""
    code = f"""
import sys
from llamafactory.hparams import get_infer_args, get_train_args
for recipe in {[str(path) for path in TRAINING]}:
    sys.argv = ["llamafactory", recipe, "use_cpu=true", "output_dir=/nowhere"]
    model, data, training, finetuning, _ = get_train_args()
    assert finetuning.freeze_vision_tower and finetuning.freeze_multi_modal_projector and training.bf16, recipe
    without = any(part in recipe for part in ("text", "published", "synth"))
    assert data.template == ("qwen3" if "8b" in recipe else "gemma" if without else "gemma3"), recipe
sys.argv = ["llamafactory", {str(ROOT / "finetune" / "merge.yaml")!r}]
model, data, finetuning, _ = get_infer_args()
assert data.template == "gemma3" and model.export_dir and model.quantization_bit is None
sys.argv = ["llamafactory", {str(TRAINING[0])!r}, "learning_rat=1", "use_cpu=true"]
try:
    get_train_args()
except ValueError as exc:
    assert "learning_rat" in str(exc)
    print("read")
"""
    done = trained("python", "-c", code, cwd=ROOT)
    assert done.stdout.strip().endswith("read"), done.stderr[-2000:]


@pytest.mark.parametrize("recipe", TRAINING, ids=lambda path: path.name)
def test_a_recipe_names_registered_data_and_has_its_row_in_the_table(recipe: Path) -> None:
    written = yaml.safe_load(recipe.read_text())
    assert f"`{recipe.name}`" in (ROOT / "finetune" / "README.md").read_text()
    if not written["dataset_dir"].startswith((".nano", "synth")):  # made on the way
        known = json.loads((ROOT / written["dataset_dir"] / "dataset_info.json").read_text())
        assert set(written["dataset"].split(",")) <= set(known)


def test_what_is_handed_to_deepspeed_and_accelerate_is_what_they_read() -> None:
    zero3 = json.loads((ROOT / "finetune" / "environment" / "zero3.json").read_text())
    assert zero3["zero_optimization"]["stage"] == 3
    code = """
from accelerate.commands.config.config_args import load_config_from_file
from transformers.models.gemma3 import modeling_gemma3
config = load_config_from_file("finetune/environment/fsdp2.yaml")
assert config.distributed_type == "FSDP" and config.fsdp_config["fsdp_version"] == 2
assert hasattr(modeling_gemma3, config.fsdp_config["fsdp_transformer_layer_cls_to_wrap"])
print("read")
"""
    done = trained("python", "-c", code, cwd=ROOT)
    assert done.stdout.strip().endswith("read"), done.stderr[-2000:]


def test_the_recipe_tunes_the_bundled_base_into_an_adapter_that_the_app_loads(tmp_path: Path) -> None:
    """Drawn rows, two real steps of LLaMA-Factory, the adapter bundled, loaded and asked."""
    rows = tmp_path / "rows"
    assert draw(["--out", str(rows), "--count", "8", "--renderer", "pillow", "--workers", "1"]) == 0
    out = tmp_path / "thinking"
    options = [f"dataset_dir={rows}", f"output_dir={out}", f"model_name_or_path={NANO}", "max_steps=2", "per_device_train_batch_size=4"]
    options += ["logging_steps=1"] if faster() is torch.bfloat16 else ["logging_steps=1", "bf16=false"]
    done = trained("llamafactory-cli", "train", "finetune/nano.yaml", *options, cwd=ROOT)
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
    assert yaml.safe_load(recipe.read_text()).get("trust_remote_code", False) is (recipe.name == "logicflow_published.yaml")

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
import torch

from vision import ModelError, Settings, open_engine
from vision.engines.loading import adapter_of, display_name, load
from vision.settings import NANO


def test_nano_comes_with_its_adapter_unless_told_otherwise() -> None:
    assert adapter_of(Settings()) == str(NANO / "thinking") and display_name(Settings()) == "nano + thinking"
    assert adapter_of(Settings(adapter="none")) == "" and display_name(Settings(adapter="none")) == "nano"


def test_a_loaded_model_tells_how_it_sees(engine) -> None:  # type: ignore[no-untyped-def]
    assert (engine.loaded.image_side, engine.loaded.image_tokens) == (320, 256)
    assert not engine.model.training


def test_precisions_are_what_they_say() -> None:
    assert load(Settings(adapter="none")).model.dtype == torch.float32, "a small model on a CPU"
    assert load(Settings(adapter="none", precision="bf16")).model.dtype == torch.bfloat16


@pytest.mark.parametrize(("precision", "kind"), [("8bit", "Linear8bitLt"), ("4bit", "Linear4bit")])
def test_fewer_bits_are_in_the_language_layers_alone(precision: Literal["8bit", "4bit"], kind: str) -> None:
    model = load(Settings(adapter="none", precision=precision)).model
    kinds = {(type(module).__name__, "vision_tower" in name) for name, module in model.named_modules() if "Linear" in type(module).__name__}
    assert kinds == {(kind, False), ("Linear", False), ("Linear", True)}, "the tower and the output layer stay whole"


def copied(to: Path, **changes: object) -> str:
    shutil.copytree(NANO, to)
    config = json.loads((to / "config.json").read_text())
    (to / "config.json").write_text(json.dumps(config | changes))
    return str(to)


def test_what_cannot_be_loaded_gives_one_sentence_with_the_remedy(tmp_path: Path) -> None:
    damaged = copied(tmp_path / "damaged")
    weights = Path(damaged) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    text_only = tmp_path / "text"
    text_only.mkdir()
    (text_only / "config.json").write_text(json.dumps({"model_type": "gemma2"}))
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text(json.dumps({"model_type": "qwen2_5_vl"}))
    unknown = tmp_path / "unknown"
    unknown.mkdir()
    (unknown / "config.json").write_text(json.dumps({"model_type": "made_up"}))
    for name, said in (
        (damaged, "damaged"),
        (str(text_only), "reads text only"),
        (str(other), "only Gemma 3 runs in this process, .* --engine-url"),
        (str(unknown), "unknown"),
        ("nobody/nothing-here", "nobody/nothing-here"),
    ):
        with pytest.raises(ModelError, match=said) as caught:
            open_engine(Settings(model=name))
        assert "\n" not in str(caught.value)


def test_an_adapter_for_another_model_is_refused(tmp_path: Path) -> None:
    shutil.copytree(NANO / "thinking", tmp_path / "adapter")
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    (tmp_path / "adapter" / "adapter_config.json").write_text(json.dumps(config | {"r": 3}))
    with pytest.raises(ModelError, match="adapter"):
        open_engine(Settings(adapter=str(tmp_path / "adapter")))


def test_nano_needs_no_network_and_no_torchvision() -> None:
    """In a fresh process every connection fails and torchvision cannot be imported; nano answers all the same."""
    code = """
import socket, sys
def refuse(*a, **k): raise OSError("no network")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
sys.modules["torchvision"] = None
from PIL import Image
from vision import ask, open_engine
reply = ask(Image.new("RGB", (64, 64), "white"), "What is the total?", open_engine())
print(reply.usage.prompt_tokens > 100)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=180)
    assert done.stdout.strip() == "True", done.stderr[-1500:]


def test_bitsandbytes_is_imported_for_few_bits_only() -> None:
    """In a fresh process nano and its adapter load without it; afterwards an adapter still goes onto 4 bits."""
    code = """
import sys
from vision import Settings
from vision.engines.loading import load
load(Settings())
print("bitsandbytes" in sys.modules)
model = load(Settings(precision="4bit")).model
print(sorted({type(module).__name__ for name, module in model.named_modules() if name.endswith("up_proj.base_layer")}))
print({type(module).__module__ for name, module in model.named_modules() if name.endswith("language_model.layers.0.mlp.up_proj")})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout.split("\n")[:3] == ["False", "['Linear4bit']", "{'peft.tuners.lora.bnb'}"], done.stderr[-1500:]

"""Put a trained base and its adapter where the app loads them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

BASE_FILES = (
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
)


def bundle(base: Path, adapter: Path, to: Path) -> None:
    """Copy ``base`` and ``adapter`` into ``to`` and ``to/thinking``, the adapter in bf16 and free of local paths.

    Everything is written beside and renamed, so that ``to`` never holds half of a model.

    Raises:
        FileNotFoundError: when a part is missing.
    """
    half = to.with_name(to.name + ".half")
    shutil.rmtree(half, ignore_errors=True)
    (half / "thinking").mkdir(parents=True)
    for name in BASE_FILES:
        shutil.copyfile(base / name, half / name)
    settings = json.loads((adapter / "adapter_config.json").read_text())
    settings["base_model_name_or_path"] = "vision/nano"
    (half / "thinking" / "adapter_config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
    weights = {name: value.to(torch.bfloat16) for name, value in load_file(adapter / "adapter_model.safetensors").items()}
    save_file(weights, half / "thinking" / "adapter_model.safetensors", metadata={"format": "pt"})
    for path in half.rglob("*.safetensors"):
        path.chmod(0o644)  # safetensors writes them for their owner alone
    shutil.rmtree(to, ignore_errors=True)
    half.rename(to)

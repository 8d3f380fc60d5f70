"""In which precision LLaMA-Factory tunes nano on this machine.

It takes the frozen weights as the checkpoint's configuration says, whatever the recipe's ``bf16``. On a CPU that only
imitates bf16 a step of nano's recipe takes 2.7 times as long in bf16 as in fp32, so there it gets a copy in fp32.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from finetune.nano.learner import COMPUTED_IN


def options(base: Path, work: Path) -> dict[str, str]:
    """What to set on top of ``finetune/nano.yaml`` to tune ``base``; a copy of it is made in ``work`` where one is needed."""
    if torch.bfloat16 == COMPUTED_IN:
        return {"model_name_or_path": str(base)}
    copy = work / "base_fp32"
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work) as made:
        written = Path(made) / "base"
        AutoModelForImageTextToText.from_pretrained(base, dtype=torch.float32, local_files_only=True).save_pretrained(written)
        AutoProcessor.from_pretrained(base, local_files_only=True).save_pretrained(written)
        if copy.exists():
            copy.rename(Path(made) / "old")
        written.rename(copy)
    return {"model_name_or_path": str(copy), "bf16": "false"}

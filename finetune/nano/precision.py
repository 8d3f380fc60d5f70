"""What LLaMA-Factory has to be told of the precision in which nano is trained on this machine.

LLaMA-Factory takes the frozen weights as the checkpoint's configuration says, whatever the recipe's ``bf16``. On a CPU that only
imitates bf16 a step of nano's recipe takes 2.7 times as long in bf16 as in fp32, so there it gets a copy in fp32.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from vision.engines.precision import faster


def options(base: Path, work: Path) -> dict[str, str]:
    """What to set on top of ``finetune/nano.yaml`` to tune ``base``; a copy of it is made in ``work`` where one is needed."""
    if torch.cuda.is_available():
        return {"model_name_or_path": str(base), "use_cpu": "false"}
    if faster() is torch.bfloat16:
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

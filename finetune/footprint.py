"""What a tune takes: trainable parameters and where they sit, memory of one GPU, time, disk; from the real model code, without weights.

The model is built on the meta device, so the largest takes seconds and no memory. Of recipes without their data:

    python -m finetune.footprint finetune/logicflow*.yaml
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

SHAPES: dict[str, dict[str, int]] = {
    "google/gemma-3-4b-it": {
        "hidden_size": 2560,
        "intermediate_size": 10240,
        "num_hidden_layers": 34,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
    },
    "google/gemma-3-12b-it": {
        "hidden_size": 3840,
        "intermediate_size": 15360,
        "num_hidden_layers": 48,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 256,
    },
    "google/gemma-3-27b-it": {
        "hidden_size": 5376,
        "intermediate_size": 21504,
        "num_hidden_layers": 62,
        "num_attention_heads": 32,
        "num_key_value_heads": 16,
        "head_dim": 128,
    },
}
"""Public shapes of the language part, for where the gated configuration cannot be read."""
TEXT_SHAPES: dict[str, dict[str, int]] = {
    "Qwen/Qwen3-8B": {
        "hidden_size": 4096,
        "intermediate_size": 12288,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "head_dim": 128,
        "vocab_size": 151_936,
    },
}
"""The same of models that read text only."""
TOWER = {
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "image_size": 896,
    "patch_size": 14,
}
VOCABULARY = 262_208
MFU = 0.4
"""Share of a GPU's peak that a LoRA run is taken to reach."""
H100_TFLOPS = 989.0
"""Peak of an H100 or H200 in bf16."""
CONTEXT_GB = 1.5
"""What CUDA and its libraries take of a GPU before anything else."""


def config_of(model: str) -> Any:
    """The configuration of a directory or Hub id, else of the public shape of that name.

    Raises:
        OSError, ValueError: when neither is there.
    """
    from transformers import AutoConfig, Gemma3Config, Qwen3Config

    try:
        return AutoConfig.from_pretrained(model, local_files_only=Path(model).is_dir() or model in SHAPES or model in TEXT_SHAPES)
    except (OSError, ValueError):
        if model in TEXT_SHAPES:
            return Qwen3Config(**TEXT_SHAPES[model], tie_word_embeddings=False)
        if model not in SHAPES:
            raise
    return Gemma3Config(text_config=SHAPES[model] | {"vocab_size": VOCABULARY}, vision_config=TOWER)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What decides over memory and time.

    Attributes:
        rank: of the LoRA matrices.
        batch: rows of one GPU at a time.
        length: tokens of the longest row.
        pictures: of a row at most; 0 where the tower never runs.
        bits: of the frozen weights, 16, 8 or 4.
        liger: whether the loss is computed in pieces.
        checkpointing: whether activations are computed again in the backward pass.
        shards: GPUs that share the weights out (ZeRO-3, FSDP), 1 where each has them all.
        upcast: whether the frozen weights are held in fp32, as accelerate does with FSDP2 under mixed precision.
        adam_bits: of each of the optimizer's two moments.
    """

    rank: int = 8
    batch: int = 1
    length: int = 2048
    pictures: int = 1
    bits: int = 16
    liger: bool = False
    checkpointing: bool = True
    shards: int = 1
    upcast: bool = False
    adam_bits: int = 32


class Footprint:
    """A model under a plan.

    Args:
        config: of the model, see :func:`config_of`.
    """

    def __init__(self, config: Any, plan: Plan) -> None:
        self.config, self.plan = config, plan
        self.text = config.get_text_config()

    @property
    def sees(self) -> bool:
        """Whether it has a tower for pictures."""
        return hasattr(self.config, "vision_config")

    @cached_property
    def model(self) -> Any:
        """The model with its LoRA matrices on the meta device."""
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

        kind = AutoModelForImageTextToText if self.sees else AutoModelForCausalLM
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft still asks transformers by an old name
            model = kind.from_config(self.config, dtype=torch.bfloat16)
            linear = [name for name, module in model.named_modules() if type(module) is torch.nn.Linear]
            targets = [name for name in linear if not any(part in name for part in ("vision_tower", "multi_modal_projector", "lm_head"))]
            return get_peft_model(model, LoraConfig(r=self.plan.rank, target_modules=targets))

    @property
    def trainable(self) -> Counter[str]:
        """Trainable parameters by the part of the model that they sit in."""
        found: Counter[str] = Counter()
        otherwise = "elsewhere" if self.sees else "language_model"
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                part = next((part for part in ("vision_tower", "multi_modal_projector", "language_model") if part in name), otherwise)
                found[part] += parameter.numel()
        return found

    @cached_property
    def frozen(self) -> int:
        """Parameters that do not train, tied ones once."""
        return sum(parameter.numel() for parameter in self.model.parameters() if not parameter.requires_grad)

    def memory(self) -> dict[str, float]:
        """Bytes of one GPU at the worst moment, by what they hold."""
        import torch

        plan, text = self.plan, self.text
        linear = sum(module.weight.numel() for name, module in self.model.named_modules() if type(module) is torch.nn.Linear)
        adapter = sum(self.trainable.values())
        small = linear - adapter - text.vocab_size * text.hidden_size  # the output layer is never quantised
        whole = 4 if plan.upcast else 2
        # nf4 with double quantisation: half a byte, and a scale of a byte for 64 of them.
        weights = whole * (self.frozen - small) + small * {16: whole, 8: 1, 4: 0.5 + 1 / 64}[plan.bits]
        tokens = plan.batch * plan.length
        hidden, queries = text.hidden_size, text.num_attention_heads * text.head_dim
        moments = 2 * plan.adam_bits // 8
        keys = text.num_key_value_heads * text.head_dim
        # What one layer keeps for its backward pass, as torch's saved_tensors_hooks show it: the inputs of norms in fp32; in bf16
        # what they put out, what attention reads and finds (its keys repeated for every query), and the gated layer's four.
        layer = tokens * (4 * (4 * hidden + queries + keys) + 2 * (5 * hidden + 5 * queries + 4 * text.intermediate_size))
        gradients = 2 * tokens * (2 * hidden + 2 * queries + 4 * text.intermediate_size)
        kept = 2 * tokens * hidden * text.num_hidden_layers if plan.checkpointing else layer * text.num_hidden_layers
        # Logits, in fp32 once more, their logarithms and gradients; what Liger computes in pieces is small.
        loss = 8 * tokens * hidden if plan.liger else 14 * tokens * text.vocab_size
        return {
            "weights": weights / plan.shards,
            "adapter with gradients and Adam": (8 + moments) * adapter / plan.shards,
            "activations": kept,
            "the loss, or a layer at work": max(loss, gradients + (layer if plan.checkpointing else 0)),
            "tower": self._tower(),
        }

    def _tower(self) -> float:
        """What the tower keeps, though it does not train: with recomputed activations PEFT asks for gradients behind every embedding,
        the patches' too, and LLaMA-Factory recomputes only layers that train. Without, one layer at work.
        """
        if not self.sees:
            return 0.0
        vision = self.config.vision_config
        patches = (vision.image_size // vision.patch_size) ** 2 * self.plan.batch * self.plan.pictures
        # Inputs of norms in fp32, what attention reads and finds and the layer between in bf16.
        layer = patches * (4 * 2 * vision.hidden_size + 2 * (4 * vision.hidden_size + vision.intermediate_size))
        return float(layer * vision.num_hidden_layers if self.plan.checkpointing else 2 * layer)

    def hours(self, tokens: float, gpus: int, tflops: float) -> float:
        """Hours for so many tokens: forward, backward through frozen weights, and forward again where activations are recomputed."""
        passes = 6 if self.plan.checkpointing else 4
        return passes * self.frozen * tokens / (gpus * tflops * 1e12 * MFU) / 3600

    @property
    def checkpoint_bytes(self) -> int:
        """Of the adapter and Adam's two moments on disk."""
        return (4 + 2 * self.plan.adam_bits // 8) * sum(self.trainable.values())


def adam_bits(optimizer: object) -> int:
    """Of a moment of the optimizer that a recipe names."""
    return 8 if "8bit" in str(optimizer) else 32


def of_recipe(path: Path) -> Footprint:
    """What a recipe takes whose rows are as long as its cutoff, with a picture each where its template takes any.

    Raises:
        OSError, ValueError: when the recipe or its model cannot be read.
    """
    import yaml

    try:
        keys = yaml.safe_load(path.read_text(encoding="utf-8"))
        plan = Plan(
            rank=keys["lora_rank"],
            batch=keys["per_device_train_batch_size"],
            length=keys["cutoff_len"],
            pictures=int(keys["template"] == "gemma3"),
            bits=keys.get("quantization_bit", 16),
            liger=keys.get("enable_liger_kernel", False),
            checkpointing=not keys.get("disable_gradient_checkpointing", False),
            adam_bits=adam_bits(keys.get("optim")),
        )
        return Footprint(config_of(str(keys["model_name_or_path"])), plan)
    except (KeyError, TypeError, AttributeError, yaml.YAMLError) as exc:
        raise ValueError(f"{path} cannot be read as a LoRA recipe; python -m finetune.preflight says why") from exc


def main(arguments: list[str] | None = None) -> int:
    """Print a Markdown table; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m finetune.footprint", description="What recipes take of a GPU.")
    parser.add_argument("recipes", nargs="+", type=Path)
    args = parser.parse_args(arguments)
    lines = ["| recipe | trains | memory of a GPU | hours for 100,000 rows of 1,000 tokens on an H100 |", "|---|---|---|---|"]
    try:
        for path in args.recipes:
            found = of_recipe(path)
            memory = sum(found.memory().values()) / 1e9 + CONTEXT_GB
            hours = found.hours(1e8, 1, H100_TFLOPS)
            lines.append(f"| {path.name} | {sum(found.trainable.values()) / 1e6:.1f} M | {memory:.0f} GB | {hours:.1f} |")
    except (OSError, ValueError) as exc:
        print(f"finetune.footprint: {exc}", file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())

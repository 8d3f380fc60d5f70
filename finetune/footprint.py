"""What a tune takes: trainable parameters and where they sit, memory of one GPU, time, disk; from the real model code, without weights.

The model is built on the meta device, so the largest takes seconds and no memory.
"""

from __future__ import annotations

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


def config_of(model: str) -> Any:
    """The configuration of a directory or Hub id, else of the public shape of that name.

    Raises:
        OSError, ValueError: when neither is there.
    """
    from transformers import AutoConfig, Gemma3Config

    try:
        return AutoConfig.from_pretrained(model, local_files_only=Path(model).is_dir() or model in SHAPES)
    except (OSError, ValueError):
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
        pictures: of a row at most; a batch without any still carries an empty one.
        bits: of the frozen weights, 16 or 4.
        liger: whether the loss is computed in pieces.
        checkpointing: whether activations are computed again in the backward pass.
        shards: GPUs that share the weights out (ZeRO-3, FSDP), 1 where each has them all.
        item: bytes of a number in weights and activations: 2 in bf16, 4 in fp32.
    """

    rank: int = 8
    batch: int = 1
    length: int = 2048
    pictures: int = 1
    bits: int = 16
    liger: bool = False
    checkpointing: bool = True
    shards: int = 1
    item: int = 2


class Footprint:
    """A model under a plan.

    Args:
        config: of the model, see :func:`config_of`.
    """

    def __init__(self, config: Any, plan: Plan) -> None:
        self.config, self.plan = config, plan
        self.text = config.get_text_config()

    @cached_property
    def model(self) -> Any:
        """The model with its LoRA matrices on the meta device."""
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForImageTextToText

        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # peft still asks transformers by an old name
            model = AutoModelForImageTextToText.from_config(self.config, dtype=torch.bfloat16)
            linear = [name for name, module in model.named_modules() if type(module) is torch.nn.Linear]
            targets = [name for name in linear if not any(part in name for part in ("vision_tower", "multi_modal_projector", "lm_head"))]
            return get_peft_model(model, LoraConfig(r=self.plan.rank, target_modules=targets))

    @property
    def trainable(self) -> Counter[str]:
        """Trainable parameters by the part of the model that they sit in."""
        found: Counter[str] = Counter()
        for name, parameter in self.model.named_parameters():
            if parameter.requires_grad:
                part = next((part for part in ("vision_tower", "multi_modal_projector", "language_model") if part in name), "elsewhere")
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
        # nf4 with double quantisation: half a byte, and a scale of a byte for 64 of them.
        weights = plan.item * (self.frozen - small) + small * (plan.item if plan.bits == 16 else 0.5 + 1 / 64)
        tokens = plan.batch * plan.length
        width = text.num_attention_heads * text.head_dim + 2 * text.num_key_value_heads * text.head_dim
        # What the backward pass of one layer needs: inputs of its norms and of the LoRA branches, queries, keys and values before
        # and after their norms and turns, and the gated layer's four. Its gradients take as much again, a layer at a time.
        layer = plan.item * tokens * (6 * text.hidden_size + 2 * width + 4 * text.intermediate_size)
        kept = plan.item * tokens * text.hidden_size * text.num_hidden_layers
        loss = 8 * tokens * text.hidden_size if plan.liger else (plan.item + 12) * tokens * text.vocab_size
        return {
            "weights": weights / plan.shards,
            "adapter with gradients and Adam": 16 * adapter / plan.shards,
            "activations": kept + 2 * layer if plan.checkpointing else layer * (text.num_hidden_layers + 1),
            "loss": loss,
            "tower": self._tower(),
        }

    def _tower(self) -> float:
        """One layer of the tower at work; nothing is kept, since it does not train."""
        vision = self.config.vision_config
        patches = (vision.image_size // vision.patch_size) ** 2 * max(1, self.plan.batch * self.plan.pictures)
        return self.plan.item * patches * (4 * vision.hidden_size + 2 * vision.intermediate_size)

    def hours(self, tokens: float, gpus: int, tflops: float) -> float:
        """Hours for so many tokens: forward, backward through frozen weights, and forward again where activations are recomputed."""
        passes = 6 if self.plan.checkpointing else 4
        return passes * self.frozen * tokens / (gpus * tflops * 1e12 * MFU) / 3600

    @property
    def checkpoint_bytes(self) -> int:
        """Of the adapter and Adam's two moments on disk."""
        return 12 * sum(self.trainable.values())

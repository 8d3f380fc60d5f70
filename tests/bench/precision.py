"""What a decode step costs in each precision, on a Gemma 3 shape of this machine's size with random weights.

    python -m tests.bench.precision [--hidden 1024 --layers 12]

Each is measured against bf16, the two taking turns. torchao is measured where it is installed (``pip install torchao``).
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from transformers import Gemma3ForConditionalGeneration

from finetune.nano.model import config
from vision import Settings, open_engine
from vision.engines.local.batch import Batch, share_steps
from vision.engines.local.cache import cache_of, layers_of
from vision.engines.local.engine import LocalEngine

ROUNDS = 15
PROMPT = 100
"""Tokens that the rows share."""


def quantizations() -> dict[str, Callable[[Any], None]]:
    """What changes the linear layers of a bf16 model in place."""
    from bitsandbytes.nn import Linear4bit, Linear8bitLt

    def swapped(make: Callable[[torch.nn.Linear], torch.nn.Module]) -> Callable[[Any], None]:
        def change(model: Any) -> None:
            for parent in list(model.modules()):
                for name, child in list(parent.named_children()):
                    if type(child) is torch.nn.Linear:
                        swap = make(child)
                        swap.load_state_dict({"weight": child.weight.data.contiguous()}, strict=False)
                        setattr(parent, name, swap.to("cpu"))

        return change

    found: dict[str, Callable[[Any], None]] = {
        "bitsandbytes int8": swapped(lambda old: Linear8bitLt(old.in_features, old.out_features, bias=False, has_fp16_weights=False)),
        "bitsandbytes nf4": swapped(
            lambda old: Linear4bit(old.in_features, old.out_features, bias=False, compute_dtype=torch.bfloat16, quant_type="nf4")
        ),
    }
    if find_spec("torchao"):
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, Int8WeightOnlyConfig, quantize_

        found["torchao int8 weights"] = lambda model: quantize_(model, Int8WeightOnlyConfig())
        found["torchao int8 weights and activations"] = lambda model: quantize_(model, Int8DynamicActivationInt8WeightConfig())
    return found


def stepping(model: Any, rows: int) -> Callable[[], float]:
    """A function that takes one step of so many rows and gives its seconds."""
    with torch.inference_mode():
        cache = cache_of(model)
        model(input_ids=torch.arange(PROMPT)[None], cache=cache, use_cache=True)
        batch: Batch[int] = Batch(model)
        batch.join(list(range(rows)), layers_of(cache), PROMPT)

    def step() -> float:
        with torch.inference_mode():
            started = time.perf_counter()
            batch.step([5] * rows)
            return time.perf_counter() - started

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hidden", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=12)
    args = parser.parse_args()
    engine = open_engine(Settings())
    assert isinstance(engine, LocalEngine)
    shape = config(engine.tokenizer.get_vocab())
    text = shape.text_config
    text.hidden_size, text.intermediate_size, text.num_hidden_layers = args.hidden, 4 * args.hidden, args.layers
    text.num_attention_heads, text.num_key_value_heads, text.head_dim = args.hidden // 128, args.hidden // 256, 128
    text.layer_types = ["full_attention" if i % 6 == 5 else "sliding_attention" for i in range(args.layers)]

    def model(dtype: torch.dtype, change: Callable[[Any], None] | None = None) -> Any:
        torch.manual_seed(0)
        made = Gemma3ForConditionalGeneration(shape).eval().to(dtype)
        if change is not None:
            change(made.model.language_model)
        share_steps(made)
        return made

    half = model(torch.bfloat16)
    size = sum(parameter.numel() for parameter in half.model.language_model.parameters())
    print(f"{size / 1e6:.0f}M parameters in the text part, torch {torch.__version__}, {torch.get_num_threads()} threads\n")
    print("| precision | one row, against bf16 | five rows, against bf16 |\n|---|---|---|")
    sides = {"fp32": lambda: model(torch.float32)}
    sides |= {name: lambda change=change: model(torch.bfloat16, change) for name, change in quantizations().items()}
    for name, build in sides.items():
        other, ratios = build(), []
        for rows in (1, 5):
            ours, theirs = stepping(half, rows), stepping(other, rows)
            ours(), theirs()
            ratios.append(statistics.median(theirs() / ours() for _ in range(ROUNDS)))
        print(f"| {name} | {ratios[0]:.2f}x | {ratios[1]:.2f}x |", flush=True)


if __name__ == "__main__":
    main()

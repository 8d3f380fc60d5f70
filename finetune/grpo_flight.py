"""Checks of a recipe for GRPO before a GPU is rented; :mod:`finetune.preflight` runs them for ``stage: grpo``."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from finetune.footprint import CONTEXT_GB, MFU, config_of
from finetune.grpo import CHARTS, FROZEN, RecipeError, read_recipe, rows_of
from finetune.recipe import Recipe, Wrong
from finetune.sources import SourceError

PROMPT_TOKENS = 600
"""A prompt with a picture and its text, about; a question alone is shorter."""


def recipe(flight: Recipe) -> str:
    """Every key is known, and every reward."""
    import yaml

    try:
        own, options = read_recipe(flight.path, flight.options)
    except RecipeError as exc:
        raise Wrong(str(exc).removeprefix(f"{flight.path} ")) from exc
    node = yaml.compose(flight.path.read_text(encoding="utf-8"))
    flight.lines = {str(key.value): key.start_mark.line + 1 for key, _ in node.value} if node is not None else {}
    flight.keys = options | dict(own)
    for key in ("per_device_train_batch_size", "gradient_accumulation_steps", "num_generations", "max_steps", "max_completion_length"):
        flight.number(key, 0)
    return f"{len(flight.keys)} keys, {len(own['rewards'])} rewards, loss {flight.get('loss_type') or 'dapo'}"


def groups(flight: Recipe) -> str:
    """The attempts of a step are whole groups, and more than one each."""
    batch, accumulated = flight.count("per_device_train_batch_size", 8), flight.count("gradient_accumulation_steps", 1)
    each, attempts = flight.count("num_generations", 8), batch * accumulated * flight.gpus
    if each < 2:
        raise Wrong(f"num_generations is {each}; an attempt is judged against others of its question, so 2 are needed", "num_generations")
    if attempts % each:
        raise Wrong(
            f"{attempts} attempts a step ({batch} x {accumulated} x {flight.gpus}) are no whole groups of {each}; change "
            "gradient_accumulation_steps or num_generations",
            "num_generations",
        )
    if not flight.count("max_steps") and not flight.number("num_train_epochs", 3):
        raise Wrong("it trains for no steps; set max_steps", "max_steps")
    return f"{attempts} attempts a step: {attempts // each} questions, {each} attempts at each"


def start(flight: Recipe) -> str:
    """What training begins with, in numbers that hold it."""
    if flight.get("fp16"):
        raise Wrong("Gemma 3 overflows in fp16; set bf16: true", "fp16")
    adapter = str(flight.get("adapter_name_or_path") or "")
    if adapter and Path(adapter).parent.exists() and not (Path(adapter) / "adapter_config.json").is_file():
        raise Wrong(f"{adapter} holds no adapter yet; train it first, or name the folder of another", "adapter_name_or_path")
    return f"goes on from {adapter}" if adapter else "a new adapter"


def rows(flight: Recipe) -> str:
    """The questions are there, each with its gold answer."""
    name, most = str(flight.get("dataset")), flight.count("max_samples")
    if name == "charts":
        return f"{most or CHARTS} charts are drawn when it begins"
    if name == "gsm8k":
        return "GSM8K's train split, fetched from the Hub when it begins"
    try:
        found = list(rows_of(flight.keys, flight.path.parent))
    except (RecipeError, SourceError) as exc:
        raise Wrong(str(exc), "dataset") from exc
    if not found:
        raise Wrong(f"{name} has no rows", "dataset")
    return f"{len(found)} rows in {Path(name).name}"


def memory(flight: Recipe) -> str:
    """Whether generation and training fit onto each GPU."""
    text, parameters, trained = _model(flight)
    wide = 2 if flight.get("bf16") is not False else 4
    batch = flight.count("per_device_train_batch_size", 8)
    made = flight.count("generation_batch_size") or batch * flight.count("gradient_accumulation_steps", 1)
    length = PROMPT_TOKENS + flight.count("max_completion_length", 256)
    heads = getattr(text, "num_key_value_heads", None) or text.num_attention_heads
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    layers = text.num_hidden_layers
    recomputed = flight.get("gradient_checkpointing") is not False
    parts = {
        "weights": wide * parameters / (flight.gpus if flight.fsdp else 1),
        "adapter with gradients and Adam": 16 * trained,
        "cache of the attempts": 2 * wide * made * length * layers * heads * head,
        "activations": wide * batch * length * text.hidden_size * layers * (1 if recomputed else 16),
    }
    if flight.get("use_vllm") and flight.get("vllm_mode") != "server":
        parts["vLLM"] = flight.number("vllm_gpu_memory_utilization", 0.3) * flight.gpu_memory * 1e9
    total = sum(parts.values()) / 1e9 + (0 if flight.get("use_cpu") else CONTEXT_GB)
    told = f"about {total:.1f} GB a GPU: " + ", ".join(f"{name} {size / 1e9:.1f}" for name, size in parts.items() if size >= 5e7)
    if total > flight.gpu_memory:
        raise Wrong(
            f"{told}; {flight.gpu_memory:g} GB are there. Share the weights out (--fsdp), or halve the batch", "per_device_train_batch_size"
        )
    return f"{told}; {flight.gpu_memory:g} are there"


def hours(flight: Recipe) -> str:
    """Steps and hours: attempts are made token by token, then read twice and learned from."""
    _, parameters, trained = _model(flight)
    attempts = flight.count("per_device_train_batch_size", 8) * flight.count("gradient_accumulation_steps", 1) * flight.gpus
    steps = flight.count("max_steps") or int((flight.count("max_samples") or CHARTS) * flight.number("num_train_epochs", 3))
    length = PROMPT_TOKENS + flight.count("max_completion_length", 256)
    passes = 2 / MFU + 8  # a token that is made uses a GPU far worse than one that is read
    spent = passes * parameters * steps * attempts * length / (flight.gpus * flight.tflops * 1e12 * MFU) / 3600
    return f"{steps} steps of {attempts} attempts, {spent:.1f} hours at least; a checkpoint takes {12 * trained / 1e6:.0f} MB"


def _model(flight: Recipe) -> tuple[Any, int, int]:
    """The configuration of the language layers, parameters, and those of the adapter, without weights."""
    import torch
    from transformers import AutoModelForCausalLM, AutoModelForImageTextToText

    name = str(flight.get("model_name_or_path"))
    try:
        config = config_of(name)
    except (OSError, ValueError) as exc:
        raise Wrong(f"{name} is neither a checkpoint directory nor a model that can be read from the Hub", "model_name_or_path") from exc
    kind = AutoModelForImageTextToText if hasattr(config, "vision_config") else AutoModelForCausalLM
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = kind.from_config(config)
    linear = [module for name, module in model.named_modules() if type(module) is torch.nn.Linear and not re.fullmatch(FROZEN, name)]
    rank = flight.count("lora_rank", 16)
    trained = sum(rank * (module.in_features + module.out_features) for module in linear)
    return config.get_text_config(), sum(each.numel() for each in model.parameters()), trained


CHECKS: tuple[tuple[str, Callable[[Recipe], str]], ...] = (
    ("recipe", recipe),
    ("groups", groups),
    ("start", start),
    ("rows", rows),
    ("memory", memory),
    ("time", hours),
)

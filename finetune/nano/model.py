"""The shape of nano: a real Gemma 3 with a SigLIP tower, twelve million parameters, stored under the Hub's names.

320 px squares in patches of 16 give 20 x 20 patches, pooled 2 x 2 to 100 image tokens. Five local layers to one
global layer, grouped as in Gemma 3; the sliding window is longer than anything nano is asked.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import Gemma3Config, Gemma3ForConditionalGeneration

IMAGE_SIDE = 320
"""Side of the square that a picture is squeezed into, pixels."""
IMAGE_TOKENS = 100
"""Soft tokens that one picture costs in the prompt."""


def config(vocabulary: dict[str, int], attention: str = "sdpa") -> Gemma3Config:
    """Nano's configuration for a tokenizer's ``vocabulary`` (token -> id)."""
    made = Gemma3Config(
        text_config={
            "vocab_size": len(vocabulary),
            "hidden_size": 320,
            "intermediate_size": 960,
            "num_hidden_layers": 6,
            "num_attention_heads": 5,
            "num_key_value_heads": 5,
            "head_dim": 64,
            "query_pre_attn_scalar": 64,
            "sliding_window": 1024,
            "max_position_embeddings": 4096,
            "bos_token_id": vocabulary["<bos>"],
            "eos_token_id": vocabulary["<eos>"],
            "pad_token_id": vocabulary["<pad>"],
        },
        vision_config={
            "hidden_size": 256,
            "intermediate_size": 1024,
            "num_hidden_layers": 5,
            "num_attention_heads": 4,
            "image_size": IMAGE_SIDE,
            "patch_size": 16,
            "vision_use_head": False,
        },
        mm_tokens_per_image=IMAGE_TOKENS,
        boi_token_index=vocabulary["<start_of_image>"],
        eoi_token_index=vocabulary["<end_of_image>"],
        image_token_index=vocabulary["<image_soft_token>"],
        bos_token_id=vocabulary["<bos>"],
        eos_token_id=[vocabulary["<eos>"], vocabulary["<end_of_turn>"]],
        pad_token_id=vocabulary["<pad>"],
        tie_word_embeddings=True,
    )
    made._attn_implementation = attention
    return made


def create(vocabulary: dict[str, int], attention: str = "sdpa", seed: int = 0) -> Gemma3ForConditionalGeneration:
    """A freshly drawn nano in fp32.

    The projector's weight is drawn from N(0, 0.05): transformers leaves it at zero, from where the tower
    gets no gradient until the text side has learned to live without it.
    """
    torch.manual_seed(seed)
    model = Gemma3ForConditionalGeneration(config(vocabulary, attention))
    torch.nn.init.normal_(model.model.multi_modal_projector.mm_input_projection_weight, std=0.05)
    return model


def _hub_name(name: str) -> str:
    """The Hub's key for one of transformers 5's parameter names.

    >>> _hub_name("model.vision_tower.embeddings.patch_embedding.weight")
    'vision_tower.vision_model.embeddings.patch_embedding.weight'
    >>> _hub_name("model.language_model.norm.weight")
    'language_model.model.norm.weight'
    """
    name = name.removeprefix("model.")
    name = name.replace("language_model.", "language_model.model.", 1) if name.startswith("language_model.") else name
    if name.startswith("vision_tower.") and not name.startswith("vision_tower.vision_model."):
        name = name.replace("vision_tower.", "vision_tower.vision_model.", 1)
    return name


def save_hub(model: Gemma3ForConditionalGeneration, folder: Path) -> None:
    """Write ``config.json``, ``generation_config.json`` and bf16 weights as Google's checkpoints have them."""
    folder.mkdir(parents=True, exist_ok=True)
    model.config.dtype = "bfloat16"
    model.config.architectures = ["Gemma3ForConditionalGeneration"]
    model.config.save_pretrained(folder)
    model.generation_config.update(cache_implementation=None, do_sample=True, top_k=64, top_p=0.95)
    model.generation_config.eos_token_id = model.config.eos_token_id
    model.generation_config.save_pretrained(folder)
    weights = {
        _hub_name(name): value.detach().to(torch.bfloat16).contiguous()
        for name, value in model.state_dict().items()
        if not name.startswith("lm_head.")
    }
    half = folder / "model.half.safetensors"
    save_file(weights, half, metadata={"format": "pt"})
    half.rename(folder / "model.safetensors")


def count(model: torch.nn.Module) -> int:
    """Parameters of ``model``, shared ones once."""
    return sum(parameter.numel() for parameter in model.parameters())

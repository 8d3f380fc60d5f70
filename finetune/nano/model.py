"""The shape of nano: a real Gemma 3 with a SigLIP tower, twelve million parameters, stored under the Hub's names.

320 px squares in patches of 10 give 32 x 32 patches, pooled 2 x 2 to 256 image tokens, as many as Gemma's. A patch is
about as large as a letter: with larger ones a small tower would have to know every pair of letters at every offset.
Five local layers to one global layer, grouped as in Gemma 3; the sliding window is longer than anything nano is asked.
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import Gemma3Config, Gemma3ForConditionalGeneration

from vision.files import half_of

IMAGE_SIDE = 320
"""Side of the square that a picture is squeezed into, pixels."""
PATCH = 10
"""Side of a patch, pixels."""
IMAGE_TOKENS = 256
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
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "image_size": IMAGE_SIDE,
            "patch_size": PATCH,
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
    _see_neighbours(model.model.vision_tower)
    return model


_LOOKS = (((-1, 0), (1, 0)), ((0, -1), (0, 1)), ((-1, 0), (1, 0)), ((0, -1), (0, 1)))
"""Where the heads of each layer of the tower look at first: columns, rows."""


@torch.no_grad()
def _see_neighbours(tower: torch.nn.Module) -> None:
    """Start the tower much like a convolution: it learns to read several times faster from there than from noise.

    Half of the width holds each patch's place as sines and cosines, the other half its brightness as a cosine
    transform; the heads of every layer begin by looking at the patch beside, above or below.
    """
    embeddings, layers = tower.embeddings, tower.encoder.layers
    width, side = embeddings.embed_dim, embeddings.patch_size
    each = layers[0].self_attn.head_dim  # numbers that hold a place, and of a head
    pace = torch.pi * (torch.arange(each // 4) + 0.5) / (each // 4)
    along = torch.arange(int(embeddings.num_patches**0.5))[:, None] * pace
    line = torch.cat([along.sin(), along.cos()], 1)
    columns, rows = line[None].expand(len(line), -1, -1), line[:, None].expand(-1, len(line), -1)
    embeddings.position_embedding.weight.zero_()
    embeddings.position_embedding.weight[:, :each] = 1.2 * torch.cat([columns, rows], -1).flatten(0, 1)

    steps = torch.arange(side)
    waves = torch.cos(torch.pi * (steps + 0.5) * steps[:, None] / side)
    waves /= waves.norm(dim=1, keepdim=True)
    weight = embeddings.patch_embedding.weight  # (width, 3, side, side)
    weight[:each] = 0
    embeddings.patch_embedding.bias.zero_()
    slow_first = sorted((u + v, u, v) for u in range(side) for v in range(side))[: width - each]
    light = torch.tensor([0.3, 0.59, 0.11])[:, None, None]
    for i, (_, u, v) in enumerate(slow_first):
        weight[each + i] = light * torch.outer(waves[u], waves[v]) * (1.0 if u + v else 0.1)
    torch.nn.init.normal_(weight[each + len(slow_first) :], std=0.05)

    for layer, looks in zip(layers, _LOOKS, strict=True):
        attention = layer.self_attn
        for head, places in enumerate(looks):
            part = slice(head * each, (head + 1) * each)
            for projection in (attention.q_proj, attention.k_proj):
                projection.weight[part] *= 0.1
            attention.k_proj.weight[part, :each] += torch.eye(each)
            turns = [torch.stack([torch.cos(pace * by), torch.sin(pace * by)]) for by in places]
            blocks = [torch.cat([torch.cat([c.diag(), s.diag()], 1), torch.cat([-s.diag(), c.diag()], 1)]) for c, s in turns]
            attention.q_proj.weight[part, :each] += torch.block_diag(*blocks)


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
    dtype, model.config.dtype = model.config.dtype, "bfloat16"
    model.config.architectures = ["Gemma3ForConditionalGeneration"]
    model.config.save_pretrained(folder)
    model.config.dtype = dtype
    model.generation_config.update(cache_implementation=None, do_sample=True, top_k=64, top_p=0.95)
    model.generation_config.eos_token_id = model.config.eos_token_id
    model.generation_config.save_pretrained(folder)
    weights = {
        _hub_name(name): value.detach().to(torch.bfloat16).contiguous()
        for name, value in model.state_dict().items()
        if not name.startswith("lm_head.")
    }
    with half_of(folder / "model.safetensors") as half:
        save_file(weights, half, metadata={"format": "pt"})


def count(model: torch.nn.Module) -> int:
    """Parameters of ``model``, shared ones once."""
    return sum(parameter.numel() for parameter in model.parameters())

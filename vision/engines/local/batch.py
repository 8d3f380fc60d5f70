"""Rows that share their decode steps: traces of one question, and of several users', join and leave between steps.

A decode step reads every weight once, however many rows there are, so rows beside the first cost little. Rows of one
question also share the keys and values of their prompt, in memory and in the step: all their queries meet it at once, and
each row's own tokens lie in a buffer that grows in place. Nothing is padded and nothing is masked, so a row's logits are what
they would be alone, up to the rounding of the model's precision: 1e-4 in fp32. In bf16 a draw on the edge can fall to the other side.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from vision.engines.local.cache import cache_of, layers_of
from vision.engines.local.drawing import Knobs, drawn
from vision.engines.local.prefill import Begun

Row = TypeVar("Row")

log = logging.getLogger(__name__)

_LAYERS = ("DynamicLayer", "DynamicSlidingWindowLayer")
"""Layers of a cache that hold the keys and values of one row after another."""
AGREE = 0.999
"""Cosine between a row's logits and those of the model by itself, at least; bf16 alone takes a ten-thousandth."""
ATTENTION = "logicflow"
"""Name under which transformers finds :func:`attend`."""
ROOM = 128
"""Tokens that a buffer has room for at first."""


def share_steps(model: Any) -> None:
    """Let the language part of ``model`` attend through :func:`attend`; other passes go on as with sdpa.

    sdpa also where another kind was wanted: flash attention would hide half of a picture from its other half.
    """
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    if model.device.type == "cpu":
        _lay_out_for_few_rows(model)
    config = model.config.get_text_config()
    capped = getattr(config, "attn_logit_softcapping", None) is not None
    name, function, mask = (f"{ATTENTION}_capped", attend_capped, "eager") if capped else (ATTENTION, attend, "sdpa")
    ALL_ATTENTION_FUNCTIONS.register(name, function)
    ALL_MASK_ATTENTION_FUNCTIONS.register(name, ALL_MASK_ATTENTION_FUNCTIONS[mask])
    config._attn_implementation = name


def _lay_out_for_few_rows(model: Any) -> None:
    """Store weights by columns: a CPU's matrix product then takes little longer for a few rows than for one."""
    import torch

    for module in model.modules():
        if type(module) is torch.nn.Linear and module.weight.dtype == torch.float32:
            module.weight.data = module.weight.data.t().contiguous().t()


def windows_of(model: Any) -> list[int]:
    """Tokens that a query of each layer sees, its own included; 0 for all."""
    return [layer.sliding_window if layer.is_sliding else 0 for layer in cache_of(model).layers]


def axes_of(model: Any) -> int:
    """Axes of the positions of ``model``: 3 for time, height and width where its pictures have places, 0 where they are plain numbers."""
    config = model.config.get_text_config()
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    return 3 if "mrope_section" in rope else 0


def unmasked(model: Any) -> Any:
    """A mask that hides nothing, in a form that is handed on as it is; what a row may see is kept apart by :func:`attend`."""
    import torch

    return torch.zeros(1, 1, 1, 1, device=model.device, dtype=torch.bool)


def shares(model: Any) -> bool:
    """Whether the rows of ``model`` can share their steps: tried on a few tokens, and held to what the model computes by itself.

    Its language part is left prepared (:func:`share_steps`) where they can, and as it was where not.
    """
    import torch

    config = model.config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    if not kinds <= {"full_attention", "sliding_attention"} or any(type(layer).__name__ not in _LAYERS for layer in cache_of(model).layers):
        return False
    before = config._attn_implementation
    ids = torch.arange(2, 12, device=model.device)[None] % config.vocab_size
    try:
        with torch.inference_mode():
            due = model(input_ids=ids).logits[0, -2:].float()
            share_steps(model)
            cache = cache_of(model)
            model(input_ids=ids[:, :-2], cache=cache, use_cache=True)
            batch: Batch[int] = Batch(model)
            batch.join([0, 1], Begun(8, None, layers_of(cache)))
            batch.join([2], Begun(8, None, layers_of(cache)))
            found = torch.stack([batch.step([int(token)] * 3).float() for token in ids[0, -2:]], 1)  # (rows, 2, vocabulary)
    except Exception as exc:  # whatever a model does differently, it does not share its steps
        log.info("%s does not share its steps: %s", model.config.model_type, exc)
        found = None
    if found is not None and torch.nn.functional.cosine_similarity(found, due[None], dim=-1).min() > AGREE:
        return True
    config._attn_implementation = before
    return False


class Batch(Generic[Row]):
    """Rows that move on together.

    Args:
        model: as transformers loads it, prepared by :func:`share_steps`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._groups: list[Any] = []
        self._windows, self._axes = windows_of(model), axes_of(model)

    @property
    def rows(self) -> list[Row]:
        """All rows, in the order of :meth:`step`."""
        return [row for group in self._groups for row in group.rows]

    def join(self, rows: Sequence[Row], begun: Begun) -> None:
        """Let ``rows`` go on from one prompt."""
        self._groups.append(_Group(list(rows), begun, self._windows))

    def step(self, tokens: Sequence[int]) -> Any:
        """Feed one token to each row; the logits (rows, vocabulary) of what comes next."""
        import torch

        places = [group.length + group.shift for group in self._groups for _ in group.rows]
        fed = torch.tensor([list(tokens), places], device=self.model.device)[:, :, None]
        axes = self._axes
        logits = self.model(
            input_ids=fed[0],
            position_ids=fed[1].expand(axes, -1, -1) if axes else fed[1],
            attention_mask=unmasked(self.model),
            cache=_Held(self._groups),
            use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]
        for group in self._groups:
            group.length += 1
        return logits

    def draw(self, tokens: Sequence[int], knobs: Knobs) -> list[tuple[int, float]]:
        """Feed one token to each row; the next one of each with its log-probability."""
        return drawn(self.step(tokens), knobs)

    @property
    def alone(self) -> bool:
        """Whether there is one row with a buffer of its own, which may look ahead."""
        return len(self._groups) == 1 and self._groups[0].layers[0].prompt is None and not self._axes

    def look_ahead(self, tokens: Sequence[int]) -> Any:
        """Feed several tokens to the only row; the logits (tokens, vocabulary) of what comes after each."""
        import torch

        (group,) = self._groups
        fed = torch.tensor([list(tokens)], device=self.model.device)
        logits = self.model(
            input_ids=fed,
            position_ids=torch.arange(group.length, group.length + len(tokens), device=fed.device)[None],
            attention_mask=unmasked(self.model),
            cache=_Held(self._groups),
            use_cache=True,
            logits_to_keep=len(tokens),
        ).logits[0]
        group.length += len(tokens)
        return logits

    def take_back(self, count: int) -> None:
        """Forget the last ``count`` tokens of the only row."""
        (group,) = self._groups
        group.length -= count
        for layer in group.layers:
            layer.used -= count

    def keep(self, kept: Sequence[int]) -> None:
        """Keep only the rows at the indices ``kept``; the memory of the others is given back."""
        left, start = set(kept), 0
        for group in self._groups:
            count = len(group.rows)
            group.keep([i for i in range(count) if start + i in left])
            start += count
        self._groups = [group for group in self._groups if group.rows]


class _Group(Generic[Row]):
    """Rows of one prompt, all equally long.

    Attributes:
        length: tokens of each row so far, the prompt's included.
        shift: as in :class:`vision.engines.local.prefill.Begun`.
        layers: what each layer holds.
    """

    def __init__(self, rows: list[Row], begun: Begun, windows: Sequence[int]) -> None:
        self.rows, self.length, self.shift = rows, begun.length, begun.shift
        self.layers = [_Layer(keys, values, window, len(rows)) for (keys, values, _), window in zip(begun.layers, windows, strict=True)]

    def keep(self, kept: Sequence[int]) -> None:
        if len(kept) < len(self.rows):
            self.rows = [self.rows[i] for i in kept]
            for layer in self.layers if kept else ():
                layer.keep(kept)


class _Layer:
    """Keys and values of one layer for the rows of a group.

    Args:
        keys, values: (1, heads, tokens, width) of the prompt.
        window: tokens that a query sees, its own included; 0 for all.
        rows: that share the prompt. A single row has no use for a shared part: its buffer begins with the prompt.
    """

    def __init__(self, keys: Any, values: Any, window: int, rows: int) -> None:
        self.window = window
        self.prompt = (keys, values) if rows > 1 else None
        self.used = 0 if rows > 1 else keys.shape[-2]
        self.own = tuple(part.new_empty(rows, part.shape[1], self.used + ROOM, part.shape[3]) for part in (keys, values))
        if rows == 1:
            for buffer, part in zip(self.own, (keys, values), strict=True):
                buffer[:, :, : self.used] = part

    def append(self, keys: Any, values: Any) -> None:
        """Add tokens to each row; ``keys`` and ``values`` are (rows, heads, tokens, width)."""
        count = keys.shape[2]
        if self.used + count > self.own[0].shape[2]:
            kept = min(self.used, self.window - 1) if self.window else self.used
            grown = tuple(part.new_empty(*part.shape[:2], kept + count + max(kept // 4, ROOM), part.shape[3]) for part in self.own)
            for new, old in zip(grown, self.own, strict=True):
                new[:, :, :kept] = old[:, :, self.used - kept : self.used]
            self.own, self.used = grown, kept
        for buffer, part in zip(self.own, (keys, values), strict=True):
            buffer[:, :, self.used : self.used + count] = part
        self.used += count

    def keep(self, kept: Sequence[int]) -> None:
        import torch

        at = torch.tensor(kept, device=self.own[0].device)
        self.own = tuple(part[at] for part in self.own)

    def attend(self, query: Any, scaling: float, softcap: float | None) -> Any:
        """What the last tokens of each row find: (rows, heads of queries, tokens, width), from ``query`` of the same shape.

        More than one token only where a row is alone.
        """
        import torch

        count = query.shape[2]
        start = max(self.used - count + 1 - self.window, 0) if self.window else 0
        keys, values = (part[:, :, start : self.used] for part in self.own)
        if self.prompt is None:
            # Queries that share a head of keys stand in a row: with enable_gqa and a mask, CUDA would take its slowest kernel.
            each = query.reshape(1, keys.shape[1], -1, query.shape[3])
            mask = None
            if count > 1:
                mask = _staircase(count, keys.shape[2], self.window, query.device).repeat(each.shape[2] // count, 1)
            return found_in(each, keys, values, mask, scaling, softcap).reshape(query.shape)
        shared = self.prompt[0].shape[-2]
        hidden = max(shared + self.used - self.window, 0) if self.window else 0
        prompt_keys, prompt_values = (part[0, :, min(hidden, shared) :] for part in self.prompt)
        rows, heads, _, width = query.shape
        each = query.reshape(rows, keys.shape[1], -1, width) * scaling  # (rows, heads of keys, queries a head, width)
        together = each.transpose(0, 1).flatten(1, 2)  # (heads of keys, rows x queries a head, width)
        near = each @ keys.transpose(-1, -2)
        far = (together @ prompt_keys.transpose(-1, -2)).unflatten(1, (rows, -1)).transpose(0, 1)
        weights = capped(torch.cat([far, near], -1), softcap).float().softmax(-1).to(query.dtype)
        far, near = weights.split([far.shape[-1], near.shape[-1]], -1)
        found = (far.transpose(0, 1).flatten(1, 2) @ prompt_values).unflatten(1, (rows, -1)).transpose(0, 1) + near @ values
        return found.reshape(rows, heads, 1, width)


def found_in(query: Any, keys: Any, values: Any, mask: Any, scaling: float, softcap: float | None) -> Any:
    """Attention of (rows, heads of keys, queries, width) to ``keys`` and ``values``; ``mask`` is None or tells what is seen."""
    import torch

    if softcap is None:
        return torch.nn.functional.scaled_dot_product_attention(query, keys, values, mask, scale=scaling)
    scores = capped(query @ keys.transpose(-1, -2) * scaling, softcap)
    scores = scores if mask is None else scores.masked_fill(~mask, float("-inf"))
    return scores.float().softmax(-1).to(query.dtype) @ values


def capped(scores: Any, softcap: float | None) -> Any:
    """``scores`` between minus and plus ``softcap``."""
    return scores if softcap is None else (scores / softcap).tanh() * softcap


def _staircase(queries: int, keys: int, window: int, device: Any) -> Any:
    """(queries, keys) which key each of the last tokens sees: none after it, and none before its window."""
    import torch

    at = torch.arange(keys - queries, keys, device=device)[:, None]
    key = torch.arange(keys, device=device)
    return (key <= at) & (key > at - window) if window else key <= at


class _Held:
    """Stands where transformers expects a cache: takes each layer's new keys and values and hands on where to look."""

    def __init__(self, groups: Sequence[_Group[Any]]) -> None:
        self.groups = groups

    def update(self, keys: Any, values: Any, layer: int, *_: Any, **__: Any) -> tuple[_Written, None]:
        counts = [len(group.rows) for group in self.groups]
        for group, its_keys, its_values in zip(self.groups, keys.split(counts), values.split(counts), strict=True):
            group.layers[layer].append(its_keys, its_values)
        return _Written([group.layers[layer] for group in self.groups]), None


class _Written:
    """One layer of all groups, the newest tokens included."""

    def __init__(self, layers: Sequence[_Layer]) -> None:
        self.layers = layers

    def attend(self, query: Any, scaling: float, softcap: float | None) -> Any:
        import torch

        parts = query.split([layer.own[0].shape[0] for layer in self.layers])
        found = [layer.attend(part, scaling, softcap) for layer, part in zip(self.layers, parts, strict=True)]
        return found[0] if len(found) == 1 else torch.cat(found)


def attend(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **options: Any) -> Any:
    """Attention as transformers calls it: in the steps of a batch over what it holds, else sdpa."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if hasattr(key, "attend"):
        return _attend_held(query, key, **options)
    return sdpa_attention_forward(module, query, key, value, attention_mask, **options)


def attend_capped(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **options: Any) -> Any:
    """The same for models that cap what a query finds, such as Gemma 2, of which sdpa knows nothing."""
    if hasattr(key, "attend"):
        return _attend_held(query, key, **options)
    return sys.modules[type(module).__module__].eager_attention_forward(module, query, key, value, attention_mask, **options)


def _attend_held(query: Any, key: Any, scaling: float | None = None, softcap: float | None = None, **options: Any) -> tuple[Any, None]:
    unknown = [name for name, value in options.items() if value is not None and name not in _OPTIONS]
    if unknown:
        raise NotImplementedError(f"attention with {', '.join(unknown)}")
    scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
    return key.attend(query, scaling, softcap).transpose(1, 2), None


_OPTIONS = tuple("dropout sliding_window is_causal position_ids use_cache logits_to_keep output_attentions output_router_logits".split())
"""What attention is told and a step of rows need not heed: nothing is dropped, and windows are kept apart already."""

"""What need not be computed twice: what the tower saw in a picture, and what the model keeps of a prompt's beginning.

Both stores are bounded in bytes and forget what was used longest ago. They hold tensors on the model's device.

A prompt's beginning is kept as it was at two places: after its last picture, where another question about the same picture
goes on, and at its end, where the next turn goes on. It is not cut out of a longer cache afterwards: layers with a sliding
window have by then dropped what lay before it, and a thought that is stripped from the history would not match.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache

Layer = tuple[Any, Any, int]
"""Keys, values (rows, heads, tokens, width) and tokens seen of one layer of a cache. Never written to: a cache that grows
makes new tensors."""
Layers = tuple[Layer, ...]
"""All layers of a cache."""


def cache_of(model: Any, layers: Layers = ()) -> Any:
    """A cache for ``model``'s language part that begins with ``layers``."""
    from transformers import DynamicCache

    cache = DynamicCache(config=model.config.get_text_config())
    for layer, (keys, values, seen) in zip(cache.layers, layers, strict=bool(layers)):
        layer.lazy_initialization(keys, values)
        layer.keys, layer.values = keys, values
        if layer.is_sliding:
            layer.cumulative_length = seen
    return cache


def layers_of(cache: Any) -> Layers:
    """What ``cache`` holds now; a layer with a window keeps the end of a longer tensor, which must not live on behind it."""
    return tuple((_own(layer.keys), _own(layer.values), layer.get_seq_length()) for layer in cache.layers)


def _own(part: Any) -> Any:
    return part.clone() if part.untyped_storage().nbytes() > part.nbytes else part


@dataclass(frozen=True)
class Prefix:
    """The beginning of a prompt as the model keeps it.

    Attributes:
        ids: its tokens.
        pictures: digests of the pictures (and crops) in it, in order.
        layers: of the cache, one row.
        logits: (vocabulary,) of the token that comes next.
    """

    ids: tuple[int, ...]
    pictures: tuple[str, ...]
    layers: Layers
    logits: Any

    @property
    def size(self) -> int:
        """Bytes on the device."""
        return int(sum(keys.nbytes + values.nbytes for keys, values, _ in self.layers) + self.logits.nbytes)


class Prefixes:
    """Beginnings of prompts, found again by their tokens and pictures.

    Args:
        max_bytes: of all that are kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._kept: LRUCache[tuple[Any, ...], Prefix] = LRUCache(max_bytes, lambda prefix: prefix.size)

    def longest(self, ids: tuple[int, ...], pictures: tuple[str, ...]) -> Prefix | None:
        """The longest kept beginning of a prompt of ``ids`` with ``pictures``."""
        fitting = [key for key in self._kept if ids[: len(key[0])] == key[0] and pictures[: len(key[1])] == key[1]]
        return self._kept[max(fitting, key=lambda key: len(key[0]))] if fitting else None

    def keep(self, prefix: Prefix) -> None:
        """Keep ``prefix``, unless it alone is larger than all may be."""
        with suppress(ValueError):
            self._kept[prefix.ids, prefix.pictures] = prefix

    def clear(self) -> None:
        """Forget all, for instance when memory is short."""
        self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)


class Features:
    """Soft tokens of pictures, by the digest of their pixels.

    Args:
        max_bytes: of all that are kept.
    """

    def __init__(self, max_bytes: int) -> None:
        self._kept: LRUCache[str, Any] = LRUCache(max_bytes, lambda features: features.nbytes)

    def of(self, model: Any, pixels: Any, digests: tuple[str, ...]) -> Any:
        """Soft tokens (pictures, tokens, width) of ``pixels`` (pictures, 3, side, side); the tower runs once for those not kept."""
        import torch

        known = {digest: self._kept[digest] for digest in digests if digest in self._kept}
        missing = {digest: i for i, digest in enumerate(digests) if digest not in known}
        if missing:
            made = model.get_image_features(pixels[list(missing.values())], return_dict=True).pooler_output
            for digest, features in zip(missing, made, strict=True):
                known[digest] = features.clone()
                with suppress(ValueError):  # it alone is larger than all may be
                    self._kept[digest] = known[digest]
        return torch.stack([known[digest] for digest in digests])

    def clear(self) -> None:
        """Forget all."""
        self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)


def digests_of(pixels: Any) -> tuple[str, ...]:
    """A digest for each of ``pixels`` (pictures, 3, side, side), as the processor gives them."""
    return tuple(hashlib.blake2b(picture.contiguous().numpy().tobytes(), digest_size=16).hexdigest() for picture in pixels)


def digest_of(tensors: Iterable[Any]) -> str:
    """One digest of all ``tensors``, nested lists of them included."""
    digest = hashlib.blake2b(digest_size=16)
    for tensor in tensors:
        if isinstance(tensor, (list, tuple)):
            digest.update(digest_of(tensor).encode())
        else:
            digest.update(f"{tuple(tensor.shape)}".encode() + tensor.contiguous().float().numpy().tobytes())
    return digest.hexdigest()

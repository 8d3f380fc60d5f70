"""A prompt is read: what the model keeps of it, and what comes first after it.

Gemma 3's pictures go through the tower one by one and are kept by their pixels; other models' go in with the prompt, as ``generate``
would prepare them. Where the model's cache is one of keys and values, the beginning of a prompt is kept at its last
picture and at its end (:mod:`vision.engines.local.cache`), and rows go on from there together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from vision.engines.families import SPLITS
from vision.engines.local.cache import Features, Layers, Prefix, Prefixes, cache_of, layers_of
from vision.engines.local.rows import Encoded


@dataclass(frozen=True)
class Begun:
    """A prompt that was read.

    Attributes:
        length: its tokens.
        logits: (vocabulary,) of the token that comes next.
        layers: of the cache, one row; none where the cache is not of keys and values.
        shift: what the place of a later token is ahead of its count: a picture takes fewer places than tokens in some models.
        ids: (1, length) the tokens; only where rows step as ``generate`` steps them, as the next.
        options: what ``generate`` carries from step to step, the cache among it.
    """

    length: int
    logits: Any
    layers: Layers = ()
    shift: int = 0
    ids: Any = None
    options: dict[str, Any] = field(default_factory=dict)


class Prefill:
    """Reads prompts with ``model``.

    Args:
        model: as transformers loads it.
        features, prefixes: what is kept.
        shares: whether its rows share their steps, and its cache is one of keys and values.
    """

    def __init__(self, model: Any, features: Features, prefixes: Prefixes, *, shares: bool) -> None:
        self.model, self.features, self.prefixes, self.shares = model, features, prefixes, shares
        self._apart = pictures_apart(model)

    def read(self, encoded: Encoded) -> Begun:
        """What ``model`` makes of ``encoded``."""
        if not self.shares:
            return self._read_plainly(encoded)
        if self._apart or not encoded.pictures:
            prefix = self._read_apart(encoded)
            return Begun(encoded.length, prefix.logits, prefix.layers)
        return self._read_together(encoded)

    def _longest(self, encoded: Encoded) -> Prefix:
        return self.prefixes.longest(tuple(encoded.ids[0].tolist()), encoded.digests) or Prefix((), (), (), None)

    def _read_apart(self, encoded: Encoded) -> Prefix:
        """The whole prompt, its pictures' soft tokens made before."""
        import torch
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        ids, digests = tuple(encoded.ids[0].tolist()), encoded.digests
        prefix = self._longest(encoded)
        device, dtype = self.model.device, self.model.dtype
        for end in sorted({encoded.last_picture, encoded.length}):
            start = len(prefix.ids)
            if end <= start:
                continue
            cache = cache_of(self.model, prefix.layers)
            until = encoded.pictures_before(end)
            pictures: dict[str, Any] = {}
            if until > len(prefix.pictures):
                pixels = encoded.inputs["pixel_values"][len(prefix.pictures) : until].to(device, dtype)
                features = self.features.of(self.model, pixels, digests[len(prefix.pictures) : until])
                # Where pictures are new the mask is made from the kinds of all tokens, the cached ones too.
                pictures = {
                    "token_type_ids": encoded.inputs["token_type_ids"][:, :end].to(device),
                    "mm_encoder_outputs": {"image": BaseModelOutputWithPooling(pooler_output=features)},
                }
            logits = self.model(
                input_ids=encoded.ids[:, start:end].to(device),
                attention_mask=torch.ones(1, end, dtype=torch.long, device=device),
                cache=cache,
                use_cache=True,
                logits_to_keep=1,
                **pictures,
            ).logits[0, -1]
            prefix = Prefix(ids[:end], digests[:until], layers_of(cache), logits.clone())
            self.prefixes.keep(prefix)
        return prefix

    def _read_together(self, encoded: Encoded) -> Begun:
        """The whole prompt with its pictures in it; what was kept of it holds all of them, or none."""
        prefix = self._longest(encoded)
        ids, options = prepared(self.model, encoded, pixels=not prefix.pictures)
        ends = {encoded.last_picture, encoded.length} if self.model.config.model_type in SPLITS else {encoded.length}
        for end in sorted(ends):
            start = len(prefix.ids)
            if end <= start:
                continue
            cache = cache_of(self.model, prefix.layers)
            shown = not prefix.pictures
            given = {
                name: value[..., :end] if name in ("position_ids", *_KINDS) else value
                for name, value in options.items()
                if shown or name not in (*encoded.media, SEEN)
            } | {"cache": cache, "attention_mask": None}
            inputs = self.model.prepare_inputs_for_generation(
                ids[:, :end], next_sequence_length=end - start, is_first_iteration=shown, **given
            )
            logits = self.model(**inputs, return_dict=True).logits[0, -1]
            prefix = Prefix(tuple(encoded.ids[0, :end].tolist()), encoded.digests, layers_of(cache), logits.clone())
            self.prefixes.keep(prefix)
        places = options.get("position_ids")
        if places is None:
            return Begun(encoded.length, prefix.logits, prefix.layers)
        last = int(places.reshape(-1, places.shape[-1])[-1, -1])  # of several axes the first counts tokens
        return Begun(encoded.length, prefix.logits, prefix.layers, last + 1 - encoded.length)

    def _read_plainly(self, encoded: Encoded) -> Begun:
        """The whole prompt, into whatever cache ``generate`` would take."""
        ids, options = prepared(self.model, encoded)
        inputs = self.model.prepare_inputs_for_generation(ids, is_first_iteration=True, **options)
        made = self.model(**inputs, return_dict=True)
        options = {name: value for name, value in options.items() if name not in (*encoded.media, SEEN)}
        options = self.model._update_model_kwargs_for_generation(made, options)
        return Begun(encoded.length, made.logits[0, -1], ids=ids, options=options)


SEEN = "mm_encoder_outputs"
"""What ``generate`` calls the soft tokens of pictures."""
_KINDS = ("token_type_ids", "mm_token_type_ids")


def pictures_apart(model: Any) -> bool:
    """Whether the pictures of ``model`` go through its tower before the prompt is read."""
    return bool(model.config.model_type == "gemma3")


def prepared(model: Any, encoded: Encoded, *, pixels: bool = True) -> tuple[Any, dict[str, Any]]:
    """The tokens (1, length) and the options with which ``generate`` would begin its first step: positions, masks, an empty cache.

    Without ``pixels`` no picture is looked at; its places are known all the same.
    """

    def begin(_: Any, input_ids: Any, **options: Any) -> tuple[Any, dict[str, Any]]:
        for name in ("logits_processor", "stopping_criteria", "generation_config"):
            options.pop(name, None)
        return input_ids, options

    inputs = {name: _placed(value, model) for name, value in encoded.inputs.items() if pixels or not name.startswith("pixel")}
    made: tuple[Any, dict[str, Any]] = model.generate(
        input_ids=encoded.ids.to(model.device), custom_generate=begin, do_sample=False, max_new_tokens=1, **inputs
    )
    return made


def _placed(value: Any, model: Any) -> Any:
    """A tensor where the model is, in its precision where it is no count; lists of tensors as they are."""
    if not hasattr(value, "to"):
        return value
    return value.to(model.device, model.dtype) if value.is_floating_point() else value.to(model.device)

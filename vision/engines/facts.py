"""What a model is and whether it fits here, told before it is asked anything: from its configuration, and from itself where it loads.

logicflow model google/gemma-3-27b-it --precision 4bit
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from vision.engines.checkpoints import Checkpoint, checkpoint_of, display_name, of_run, weight_bytes
from vision.engines.families import template_of
from vision.engines.loading import config_of, dtype_of, kind_of, load, place_of, processor_of
from vision.engines.local.memory import Memory
from vision.errors import ModelError, first_line
from vision.settings import Settings

BITS = {"8bit": 8.5, "4bit": 4.6}
"""Bits that a weight takes in few bits, with its scales."""
TALK = 4096
"""Tokens of a conversation for which room is kept."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What there is to know of a model.

    Attributes:
        name, kind: what it is called, and its kind as transformers names it.
        sees: whether it reads pictures.
        parameters: how many numbers it has.
        weight_bytes, talk_bytes: memory for them in the precision it would be loaded in, and for a conversation of :data:`TALK` tokens.
        free_bytes: memory that can be had now where it would be loaded.
        place, precision: where, and in which.
        context: tokens that it reads at most.
        image_tokens: tokens that a picture costs, 0 where that depends on its size.
        tags: in which it was taught to think, "" where it is told to use ours.
        path: how it is stepped, "" where that is not known without loading it.
    """

    name: str
    kind: str
    sees: bool
    parameters: int
    weight_bytes: int
    talk_bytes: int
    free_bytes: int
    place: str
    precision: str
    context: int
    image_tokens: int
    tags: str
    path: str

    @property
    def fits(self) -> bool:
        """Whether it can be loaded and asked here, as far as memory goes."""
        return self.weight_bytes + self.talk_bytes < self.free_bytes


def facts_of(settings: Settings) -> Facts:
    """What there is to know of the model in ``settings``; it is loaded only where its files are here and it fits.

    Raises:
        ModelError: as :func:`vision.engines.loading.load`.
    """
    settings = of_run(settings)
    found = checkpoint_of(settings)
    config = config_of(found, settings.model)
    kind, sees = kind_of(config, settings.model)
    empty = _on_meta(kind, config)
    place, dtype = place_of(settings.device), dtype_of(settings, found, config)
    empty.to(dtype)
    memory = Memory(empty)
    parameters = sum(part.numel() for part in empty.parameters())
    template = template_of(processor_of(found, settings.model, sees=sees))
    stored = weight_bytes(found) if getattr(config, "quantization_config", None) is not None else None  # in few bits already
    facts = Facts(
        name=display_name(settings),
        kind=config.model_type,
        sees=sees,
        parameters=parameters,
        weight_bytes=stored or int(parameters * BITS.get(settings.precision, 8 * dtype.itemsize) / 8),
        talk_bytes=memory.reading(TALK, int(sees)),
        free_bytes=_free(place),
        place=place,
        precision=settings.precision if settings.precision in BITS else str(dtype).removeprefix("torch."),
        context=int(getattr(config.get_text_config(), "max_position_embeddings", 0) or 0),
        image_tokens=int(getattr(config, "mm_tokens_per_image", 0) or 0) if sees else 0,
        tags=" … ".join(template.tags or ()),
        path="",
    )
    return replace(facts, path=_path(settings, found)) if facts.fits else facts


def _on_meta(kind: Any, config: Any) -> Any:
    """The model without its weights."""
    import torch

    try:
        with torch.device("meta"):
            return kind.from_config(config)
    except (ValueError, ImportError, KeyError, TypeError) as exc:
        raise ModelError(f"a {config.model_type} model cannot be made here: {first_line(exc)}") from exc


def _path(settings: Settings, found: Checkpoint) -> str:
    """How the model is stepped, "" where its weights are not on this machine."""
    from vision.engines.local.engine import LocalEngine

    return LocalEngine(load(settings), 0).path if weight_bytes(found) else ""


def _free(place: str) -> int:
    import torch

    if place == "cuda":
        return sum(torch.cuda.mem_get_info(i)[0] for i in range(torch.cuda.device_count()))
    import psutil

    return int(psutil.virtual_memory().available)

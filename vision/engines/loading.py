"""A checkpoint directory, Hub id or GGUF file (and an adapter) becomes a model and its processor, or one clear sentence.

Every chat model that transformers loads is taken: one that sees pictures as ``AutoModelForImageTextToText``, one that reads text
as ``AutoModelForCausalLM``.

Code that comes with a checkpoint is never run, and weights are read from safetensors only.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from vision.engines.adapters import with_adapter
from vision.engines.checkpoints import Checkpoint, adapter_of, checkpoint_of, display_name, of_run, weight_bytes
from vision.engines.families import give_template, template_of
from vision.engines.precision import faster
from vision.errors import ModelError, first_line
from vision.settings import Settings

log = logging.getLogger(__name__)

AGREE = 0.999
"""Cosine between what two processors compute of one model, at least; bf16 alone takes a ten-thousandth."""
SMALL_BYTES = 1_000_000_000
"""Weights below this are computed in fp32 on a CPU, where bf16 saves nothing that matters."""
WHOLE = ["model.vision_tower", "lm_head"]
"""Parts that 8 and 4 bits leave in bf16: a small share of a large model, on which all that it sees depends."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model that is ready to answer.

    Attributes:
        model: the transformers model in evaluation mode.
        processor: its processor; for a model that reads text only its tokenizer.
        name: what to call it: ``nano``, a Hub id or a directory's name, with its adapter.
        image_side: side of the square that pictures are squeezed into, pixels; 0 where they keep their shape, or none are seen.
        image_tokens: tokens that one picture costs; 0 where they depend on its size, or none are seen.
    """

    model: Any
    processor: Any
    name: str
    image_side: int
    image_tokens: int

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of the model."""
        return getattr(self.processor, "tokenizer", self.processor)

    @property
    def sees(self) -> bool:
        """Whether the model is shown pictures."""
        return hasattr(self.processor, "image_processor")


def load(settings: Settings) -> Loaded:
    """Load what ``settings`` name.

    Raises:
        ModelError: missing, gated, no chat model, without memory; with the remedy.
    """
    import torch
    from safetensors import SafetensorError
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    settings = of_run(settings)
    found = checkpoint_of(settings)
    try:
        config = _config(found)
        kind, sees = kind_of(config, settings.model)
        processor = _processor(found, settings.model, sees=sees)
        model = kind.from_pretrained(found.name, config=config, use_safetensors=True, **found.options, **_weights(settings, found, config))
    except ModelError:
        raise
    except torch.OutOfMemoryError as exc:
        raise ModelError(f"{settings.model} does not fit into memory; try --precision 4bit or a smaller model") from exc
    except (OSError, ValueError, ImportError, RuntimeError, KeyError, TypeError, SafetensorError) as exc:
        raise ModelError(_reason(settings.model, exc)) from exc
    adapter = adapter_of(settings)
    if adapter:
        model = with_adapter(model, adapter, found.name, merge=not getattr(model, "is_quantized", False))
    model.eval()
    if model.device.type == "mps":
        held_to_cpu(model, getattr(processor, "tokenizer", processor))
    squares = getattr(config, "mm_tokens_per_image", 0) if sees else 0
    return Loaded(
        model=model,
        processor=processor,
        name=display_name(settings),
        image_side=int(getattr(config.vision_config, "image_size", 0) or 896) if squares else 0,
        image_tokens=int(squares or 0),
    )


def config_of(found: Checkpoint, name: str) -> Any:
    """The configuration of the model that people call ``name``.

    Raises:
        ModelError: when it is not there, or of no kind that is known.
    """
    try:
        return _config(found)
    except (OSError, ValueError, ImportError, KeyError) as exc:
        raise ModelError(_reason(name, exc)) from exc


def _config(found: Checkpoint) -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(found.name, **found.options)


def kind_of(config: Any, name: str) -> tuple[Any, bool]:
    """The class of transformers that a model is loaded as, and whether it sees pictures."""
    from transformers import (
        MODEL_FOR_CAUSAL_LM_MAPPING,
        MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
        AutoModelForCausalLM,
        AutoModelForImageTextToText,
    )

    if type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING and getattr(config, "vision_config", None) is not None:
        return AutoModelForImageTextToText, True
    if type(config) in MODEL_FOR_CAUSAL_LM_MAPPING and not config.is_encoder_decoder:
        return AutoModelForCausalLM, False
    raise ModelError(f"{name} is a {config.model_type} model, which does not chat; choose one such as google/gemma-3-4b-it")


def processor_of(found: Checkpoint, name: str, *, sees: bool) -> Any:
    """The processor of a model that sees, the tokenizer of one that reads text only.

    Raises:
        ModelError: when it is not there, or has no chat template.
    """
    try:
        return _processor(found, name, sees=sees)
    except (OSError, ValueError, ImportError, KeyError, TypeError) as exc:
        raise ModelError(_reason(name, exc)) from exc


def _processor(found: Checkpoint, name: str, *, sees: bool) -> Any:
    from transformers import AutoProcessor, AutoTokenizer

    processor = (AutoProcessor if sees else AutoTokenizer).from_pretrained(found.name, **found.options)
    if not sees:
        give_template(processor)
    if not template_of(processor).text:
        raise ModelError(f"{name} has no chat template; choose its tuned sibling, whose name often ends in -it or -Instruct")
    return processor


def place_of(device: str) -> str:
    """The kind of processor that ``device`` names; ``auto`` is the accelerator of this machine, whatever it is, else its CPU."""
    import torch

    if device != "auto":
        return device.partition(":")[0]
    return torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"  # type: ignore[union-attr]


def _weights(settings: Settings, found: Checkpoint, config: Any) -> dict[str, Any]:
    """The keyword arguments that set precision and place."""
    import torch

    place = place_of(settings.device)
    made: dict[str, Any] = {}
    if found.gguf:
        from transformers import GgufConfig

        made["quantization_config"] = GgufConfig(dequantize=True)  # packed, every step would unpack all of it
    if place != "cpu":
        made["device_map"] = place if settings.device == "auto" and place != "cuda" else settings.device
    if settings.precision in ("8bit", "4bit"):
        from transformers import BitsAndBytesConfig

        _check_bits(settings.precision, place)
        four = settings.precision == "4bit"
        made["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=four,
            load_in_8bit=not four,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=torch.bfloat16,
            llm_int8_skip_modules=WHOLE,  # of 4 bits too, whatever its name
        )
    made["dtype"] = dtype_of(settings, found, config)
    return made


def dtype_of(settings: Settings, found: Checkpoint, config: Any) -> Any:
    """The precision that a model is computed in."""
    import torch

    in_bits = getattr(config, "quantization_config", None)  # written in 8 or 4 bits, computed in bf16
    if settings.precision == "auto" and place_of(settings.device) == "cpu" and not in_bits:
        return _dtype_on_cpu(found)
    return torch.float32 if settings.precision == "fp32" else torch.bfloat16


def _check_bits(precision: str, place: str) -> None:
    try:
        from bitsandbytes import supported_torch_devices
    except ImportError:
        return  # transformers says what is missing
    if place not in supported_torch_devices:
        raise ModelError(f"bitsandbytes has no {precision} on {place}; leave --precision out, or set LOGICFLOW_DEVICE=cpu")


def _dtype_on_cpu(found: Checkpoint) -> Any:
    """fp32 for a small model, where bf16 saves nothing, and for a large one on a CPU that only imitates bf16, where it fits."""
    import psutil
    import torch

    size = weight_bytes(found)
    if size is not None and size < SMALL_BYTES:
        return torch.float32
    if faster() is torch.bfloat16:
        return torch.bfloat16
    if size is not None and 2 * size < psutil.virtual_memory().available * 0.9:
        return torch.float32
    log.warning("This CPU only imitates bf16, and the model does not fit into memory in fp32: expect it to be many times slower.")
    return torch.bfloat16


def held_to_cpu(model: Any, tokenizer: Any) -> None:
    """Compare what ``model`` computes where it is with what it computes on the CPU, and leave it there where they differ.

    On Apple's GPUs bf16 and large attention are known to go wrong without a word.
    """
    import torch

    place, ids = model.device, tokenizer("Two and two make four, and four and four make eight.", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        there = model(input_ids=ids.to(place)).logits[0].float().cpu()
        here = model.to("cpu")(input_ids=ids).logits[0].float()
    if bool(torch.isfinite(there).all()) and torch.nn.functional.cosine_similarity(there, here).min() > AGREE:
        model.to(place)
    else:
        log.warning("What the model computes on %s differs from what it computes on the CPU, so it stays on the CPU.", place.type)


def _reason(name: str, exc: BaseException) -> str:
    """One sentence with the remedy for what transformers or the Hub raised."""
    text = f"{type(exc).__name__} {exc} {exc.__cause__}".lower()
    local = "; the bundled model needs no download: leave --model out"
    if "gated" in text or "401" in text or "403" in text:
        return f"{name} is gated: accept its terms on its Hub page and run 'hf auth login'{local}"
    if any(word in text for word in ("couldn't connect", "outgoing traffic", "disk cache", "offline", "connection", "resolve")):
        return f"{name} is not on this machine and the Hub cannot be reached; download it with 'hf download {name}' where it can{local}"
    if "not a valid model identifier" in text or "404" in text or "not a local folder" in text or "repositorynotfound" in text:
        return f"there is no model {name} on the Hub or on this machine; check the name{local}"
    if "torchvision" in text:
        return f"{name} needs torchvision to see pictures: pip install torchvision"
    if "gguf" in text and "install" in text:
        return f"{name} holds its weights as GGUF, which needs a package: pip install 'logicflow[gguf]'"
    if "bitsandbytes" in text:
        return "8bit and 4bit need bitsandbytes: pip install 'logicflow[quantize]'"
    if "out of memory" in text:
        return f"{name} does not fit into memory; try --precision 4bit or a smaller model"
    return f"{name} cannot be loaded: {first_line(exc)}"

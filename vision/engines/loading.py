"""A checkpoint directory or Hub id (and an adapter) becomes a model and its processor, or one clear sentence.

A model brings its own adapter when its directory has a ``thinking`` folder beside the weights, as nano has. The output
folder of a LoRA run is a model too: its base with its adapter, or with its newest checkpoint where the run is not over.
Code that comes with a checkpoint is never run, and weights are read from safetensors only.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vision.errors import ModelError
from vision.settings import NANO, Settings

SMALL_BYTES = 1_000_000_000
"""Weights below this are computed in fp32 on a CPU, where bf16 saves nothing that matters."""
WHOLE = ["model.vision_tower", "lm_head"]
"""Parts that 8 and 4 bits leave in bf16: a small share of a large model, on which all that it sees depends."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model that is ready to answer.

    Attributes:
        model: the transformers model in evaluation mode.
        processor: its processor.
        name: what to call it: ``nano``, a Hub id or a directory's name, with its adapter.
        image_side: side of the square that pictures are squeezed into, pixels.
        image_tokens: tokens that one picture costs.
    """

    model: Any
    processor: Any
    name: str
    image_side: int
    image_tokens: int


def of_run(settings: Settings) -> Settings:
    """``settings`` as they are, or with base and adapter in place of the output folder of a LoRA run.

    Raises:
        ModelError: for a run whose base cannot be told.
    """
    folder = Path(settings.model).expanduser()
    if settings.adapter or (folder / "config.json").is_file():
        return settings
    saved = {
        int(path.parent.name[11:]): path.parent
        for path in folder.glob("checkpoint-*/adapter_config.json")
        if path.parent.name[11:].isdigit()
    }
    if (folder / "adapter_config.json").is_file():
        saved[_steps_of(folder, max(saved, default=0))] = folder
    if not saved:
        return settings
    folder = saved[max(saved)]
    try:
        base = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (ValueError, KeyError, TypeError) as exc:
        raise ModelError(f"{folder.name} does not name its base; give that with --model and this folder with --adapter") from exc
    return settings.model_copy(update={"model": str(base), "adapter": str(folder)})


def _steps_of(run: Path, otherwise: int) -> int:
    """After how many steps a run wrote the adapter in its own folder: a run that was stopped has one, and may have gone on since."""
    try:
        return int(json.loads((run / "trainer_state.json").read_text(encoding="utf-8"))["global_step"])
    except (OSError, ValueError, KeyError, TypeError):
        return otherwise


def adapter_of(settings: Settings) -> str:
    """The adapter to load: the one that is set, else the one that lies beside the model, else ""."""
    settings = of_run(settings)
    if settings.adapter == "none":
        return ""
    if settings.adapter:
        return settings.adapter
    bundled = Path(settings.model) / "thinking"
    return str(bundled) if (bundled / "adapter_config.json").is_file() else ""


def display_name(settings: Settings) -> str:
    """What the loaded model is called, without this machine's paths."""
    settings = of_run(settings)
    path = Path(settings.model)
    model = "nano" if path.resolve() == NANO else path.name if path.is_dir() else settings.model
    adapter = adapter_of(settings)
    return f"{model} + {Path(adapter).name}" if adapter else model


def load(settings: Settings) -> Loaded:
    """Load what ``settings`` name.

    Raises:
        ModelError: missing, gated, of the wrong kind, without memory; with the remedy.
    """
    import torch
    from safetensors import SafetensorError
    from transformers import AutoConfig, AutoModelForImageTextToText, AutoProcessor
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    settings = of_run(settings)
    local = _is_local(settings.model)
    try:
        config = AutoConfig.from_pretrained(settings.model, local_files_only=local)
        _check_kind(config, settings.model)
        processor = AutoProcessor.from_pretrained(settings.model, local_files_only=local)
        model = AutoModelForImageTextToText.from_pretrained(
            settings.model, config=config, local_files_only=local, use_safetensors=True, **_weights(settings, config)
        )
    except ModelError:
        raise
    except torch.OutOfMemoryError as exc:
        raise ModelError(f"{settings.model} does not fit into memory; try --precision 4bit or a smaller model") from exc
    except (OSError, ValueError, ImportError, RuntimeError, KeyError, SafetensorError) as exc:
        raise ModelError(_reason(settings.model, exc)) from exc
    adapter = adapter_of(settings)
    if adapter:
        model = _with_adapter(model, adapter, merge=not getattr(model, "is_quantized", False))
    model.eval()
    vision = config.vision_config
    return Loaded(
        model=model,
        processor=processor,
        name=display_name(settings),
        image_side=int(getattr(vision, "image_size", 0) or 896),
        image_tokens=int(getattr(config, "mm_tokens_per_image", 0) or getattr(processor, "image_seq_length", 256)),
    )


def _is_local(name: str, option: str = "--model", marker: str = "config.json") -> bool:
    """Whether ``name`` is a directory that holds ``marker``; False for what can only be a Hub id."""
    path = Path(name).expanduser()
    expected = f"point {option} at a directory with {marker} or at a Hub id"
    if path.is_dir():
        if not (path / marker).is_file():
            raise ModelError(f"{name} holds no {marker}; {expected}")
        return True
    if name.startswith((".", os.sep, "~")) or name.count("/") > 1 or "\\" in name:
        raise ModelError(f"there is no directory {name}; {expected}")
    return False


def _check_kind(config: Any, name: str) -> None:
    if getattr(config, "vision_config", None) is None:
        raise ModelError(
            f"{name} is a {config.model_type} model and reads text only; choose one that sees pictures, such as google/gemma-3-4b-it"
        )
    if config.model_type != "gemma3":
        raise ModelError(
            f"{name} is a {config.model_type} model and only Gemma 3 runs in this process, such as google/gemma-3-4b-it; "
            "start another in a server and give its address with --engine-url"
        )


def _weights(settings: Settings, config: Any) -> dict[str, Any]:
    """The keyword arguments that set precision and place."""
    import torch

    on_gpu = settings.device != "cpu" and torch.cuda.is_available()
    made: dict[str, Any] = {}
    if on_gpu or settings.device not in ("auto", "cpu"):
        made["device_map"] = settings.device
    if settings.precision in ("8bit", "4bit"):
        from transformers import BitsAndBytesConfig

        four = settings.precision == "4bit"
        made["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=four,
            load_in_8bit=not four,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_compute_dtype=torch.bfloat16,
            llm_int8_skip_modules=WHOLE,  # of 4 bits too, whatever its name
        )
        made["dtype"] = torch.bfloat16
    elif settings.precision == "auto":
        in_bits = getattr(config, "quantization_config", None)  # written in 8 or 4 bits, computed in bf16
        made["dtype"] = torch.float32 if not on_gpu and not in_bits and _is_small(settings.model) else torch.bfloat16
    else:
        made["dtype"] = torch.float32 if settings.precision == "fp32" else torch.bfloat16
    return made


def _is_small(name: str) -> bool:
    path = Path(name).expanduser()
    return path.is_dir() and sum(file.stat().st_size for file in path.glob("*.safetensors")) < SMALL_BYTES


@contextmanager
def _no_bitsandbytes() -> Iterator[None]:
    """Hide bitsandbytes from PEFT, which imports it wherever it is installed: a fifth of the time that nano takes to load.

    Only ``peft.find_kappa_target_modules`` stays without it in this process: on layers of few bits it is then of no use.
    """
    if "bitsandbytes" in sys.modules:
        yield
        return
    sys.modules["bitsandbytes"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["bitsandbytes"]
        from peft.import_utils import is_bnb_4bit_available, is_bnb_available

        is_bnb_available.cache_clear()
        is_bnb_4bit_available.cache_clear()


def _with_adapter(model: Any, adapter: str, *, merge: bool) -> Any:
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it talks about kernels that nobody asked for
    from safetensors import SafetensorError

    local = _is_local(adapter, "--adapter", "adapter_config.json")
    try:
        with warnings.catch_warnings(), nullcontext() if getattr(model, "is_quantized", False) else _no_bitsandbytes():
            from peft import PeftModel

            warnings.simplefilter("ignore", FutureWarning)  # peft still asks transformers by an old name
            tuned = PeftModel.from_pretrained(model, adapter, local_files_only=local)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as exc:
        raise ModelError(f"the adapter {adapter} does not fit this model or is not there: {_first_line(exc)}") from exc
    return tuned.merge_and_unload() if merge else tuned


def _reason(name: str, exc: BaseException) -> str:
    """One sentence with the remedy for what transformers or the Hub raised."""
    text = f"{type(exc).__name__} {exc} {exc.__cause__}".lower()
    local = "; the bundled model needs no download: leave --model out"
    if "gated" in text or "401" in text or "403" in text:
        return f"{name} is gated: accept its terms on its Hub page and run 'hf auth login'{local}"
    if "couldn't connect" in text or "offline" in text or "connection" in text or "resolve" in text:
        return f"{name} is not on this machine and the Hub cannot be reached; download it with 'hf download {name}' where it can{local}"
    if "not a valid model identifier" in text or "404" in text or "not a local folder" in text or "repositorynotfound" in text:
        return f"there is no model {name} on the Hub or on this machine; check the name{local}"
    if "bitsandbytes" in text:
        return "8bit and 4bit need bitsandbytes: pip install 'logicflow[quantize]'"
    if "out of memory" in text:
        return f"{name} does not fit into memory; try --precision 4bit or a smaller model"
    return f"{name} cannot be loaded: {_first_line(exc)}"


def _first_line(exc: BaseException) -> str:
    lines = str(exc).strip().splitlines()
    return (lines[0] if lines else type(exc).__name__)[:200]

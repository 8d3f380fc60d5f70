"""A LoRA adapter on a model: every weight of it finds its place, or it is refused in one clear sentence."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from vision.engines.checkpoints import hub_answers, is_local
from vision.errors import ModelError, first_line

log = logging.getLogger(__name__)

MISSING_KEYS = "Found missing adapter keys"
"""How PEFT begins its warning."""
ADAPTER_FILE = "adapter_model.safetensors"


def with_adapter(model: Any, adapter: str, base: str, *, merge: bool, trains: bool = False) -> Any:
    """``model``, called ``base``, with ``adapter``; in its weights with ``merge``, to go on training with ``trains``.

    Raises:
        ModelError: for an adapter that is not there, or of which a part would do nothing.
    """
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it talks about kernels that nobody asked for
    from safetensors import SafetensorError

    local = is_local(adapter, "--adapter", "adapter_config.json") or not hub_answers()
    try:
        with warnings.catch_warnings(), nullcontext() if getattr(model, "is_quantized", False) else _no_bitsandbytes():
            from peft import PeftModel

            warnings.simplefilter("ignore", FutureWarning)  # peft still asks transformers by an old name
            warnings.filterwarnings("error", MISSING_KEYS)  # it would go on without them
            tuned = PeftModel.from_pretrained(model, adapter, is_trainable=trains, local_files_only=local)
    except UserWarning as exc:
        raise ModelError(f"{_unfit(adapter, base)}: {str(exc).count('lora_') or 'some'} of its weights are not in it") from exc
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as exc:
        raise ModelError(f"the adapter {adapter} does not fit this model or is not there: {first_line(exc)}") from exc
    _check_adapter(tuned, adapter, base)
    return tuned.merge_and_unload() if merge else tuned


def _check_adapter(tuned: Any, adapter: str, base: str) -> None:
    """See that every weight of an adapter has its place in the model; a base of another name is told of.

    Raises:
        ModelError: when the model would answer without a part of it.
    """
    from huggingface_hub import try_to_load_from_cache
    from safetensors import safe_open

    folder = Path(adapter).expanduser()
    file = folder / ADAPTER_FILE if folder.is_dir() else try_to_load_from_cache(adapter, ADAPTER_FILE)
    if isinstance(file, (str, Path)) and Path(file).is_file():
        with safe_open(file, "pt") as weights:
            saved = sum(".lora_" in name for name in weights.keys())  # noqa: SIM118
        places = sum(".lora_" in name for name in tuned.state_dict())
        if saved > places:
            raise ModelError(f"{_unfit(adapter, base)}: {saved - places} of its {saved} weights have no place in it")
    trained_on = tuned.peft_config["default"].base_model_name_or_path or ""
    if trained_on and Path(trained_on).name.casefold() != Path(base).resolve().name.casefold():
        log.warning("The adapter %s was trained on %s, not on %s; its answers may be worse than either's.", adapter, trained_on, base)


def _unfit(adapter: str, base: str) -> str:
    return f"the adapter {adapter} does not fit {base}; give the model that it was trained on with --model"


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

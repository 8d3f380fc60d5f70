"""What settings name, and where it lies: a directory, a Hub id or a GGUF file, and the adapter that goes with it.

A model brings its own adapter when its directory has a ``thinking`` folder beside the weights, as nano has. The output
folder of a LoRA run is a model too: its base with its adapter, or with its newest checkpoint where the run is not over.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from vision.errors import ModelError
from vision.settings import NANO, Settings

HUB_S = 5.0
"""Seconds in which the Hub has to answer at all."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a model's files lie.

    Attributes:
        name: a directory or a Hub id.
        gguf: the file in it that holds the weights, "" for safetensors.
        local: whether nothing is to be asked of the Hub.
    """

    name: str
    gguf: str = ""
    local: bool = False

    @property
    def options(self) -> dict[str, Any]:
        """As ``from_pretrained`` takes them."""
        return {"local_files_only": self.local} | ({"gguf_file": self.gguf} if self.gguf else {})


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


def checkpoint_of(settings: Settings) -> Checkpoint:
    """Where the files of the model in ``settings`` lie.

    Raises:
        ModelError: when they are neither on this machine nor where they could be fetched from.
    """
    path = Path(settings.model).expanduser()
    if path.suffix == ".gguf" and not path.is_dir():
        if not path.is_file():
            raise ModelError(f"there is no file {settings.model}; point --model at a GGUF file, a directory or a Hub id")
        return Checkpoint(str(path.parent), path.name, local=True)
    local = is_local(settings.model, marker=settings.gguf or "config.json")
    return Checkpoint(str(path) if local else settings.model, settings.gguf, local or not hub_answers())


def is_local(name: str, option: str = "--model", marker: str = "config.json") -> bool:
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


def hub_answers() -> bool:
    """Whether the Hub can be reached: one look, since transformers looks for half a minute at every file."""
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        return False
    try:
        get_session().head(constants.ENDPOINT, timeout=HUB_S)
    except Exception:  # of whatever library the Hub's client is made
        return False
    return True


def loading_progress(settings: Settings) -> Callable[[], str]:
    """What tells in one sentence how far the model of ``settings`` is: what has come from the Hub of all that must, or that it is loaded.

    Asked for before the model is loaded, since the Hub is asked what its files weigh.
    """
    if settings.engine_url:
        return lambda: "Asking the server for its model"
    name = display_name(settings)
    total = _hub_bytes(settings)
    if not total:
        return lambda: f"Loading {name}"
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=settings.model, repo_type="model") / "blobs"

    def told() -> str:
        come = 0
        for file in folder.glob("*"):
            with contextlib.suppress(OSError):  # an unfinished file takes its name when it is whole
                come += file.stat().st_size
        if come >= total:
            return f"Loading {name}"
        return f"Fetching {name}: {come / 1e9:.1f} of {total / 1e9:.1f} GB"

    return told


def _hub_bytes(settings: Settings) -> int:
    """Size of the weights that lie on the Hub and are to be used, 0 where they do not or nobody tells."""
    settings = of_run(settings)
    if Path(settings.model).expanduser().exists() or not hub_answers():
        return 0
    from huggingface_hub import HfApi

    try:
        files = HfApi().model_info(settings.model, files_metadata=True, timeout=HUB_S).siblings or []
    except Exception:  # loading says in a sentence what is wrong
        return 0
    pattern = settings.gguf or "model*.safetensors"
    return sum(each.size or 0 for each in files if "/" not in each.rfilename and fnmatch(each.rfilename, pattern))


def weight_bytes(found: Checkpoint) -> int | None:
    """Size of the weights on this machine, None where they are not here yet."""
    path = Path(found.name)
    if not path.is_dir():
        from huggingface_hub import try_to_load_from_cache

        config = try_to_load_from_cache(found.name, "config.json")
        if not isinstance(config, str):
            return None
        path = Path(config).parent
    files = [path / found.gguf] if found.gguf else list(path.glob("*.safetensors"))
    return sum(file.stat().st_size for file in files) or None

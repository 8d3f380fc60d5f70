"""A recipe under inspection: what it says, what is known of it so far, and what LLaMA-Factory itself says of it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finetune.footprint import Footprint

ROOT = Path(__file__).parent.parent


class Wrong(Exception):
    """A check that failed, in one sentence with the remedy; the key it is about, "" for none."""

    def __init__(self, sentence: str, key: str = "") -> None:
        super().__init__(sentence)
        self.key = key


@dataclass
class Recipe:
    """A recipe and what is known of it so far.

    Attributes:
        path: of the recipe.
        options: KEY=VALUE on top of it.
        keys: as it is written.
        lines: where each key stands, from 1.
        files: of each data set.
        rows: in each data set.
        sampled: of each data set, rows to count the tokens of.
        longest: tokens of the longest row that was counted, at most the cutoff and the empty picture beside it.
        pictures: of one row at most.
        shown: share of the rows that have pictures.
        tokens: that an average row costs, cut off.
        footprint: of the model.
    """

    path: Path
    options: Sequence[str]
    gpus: int
    gpu_memory: float
    tflops: float
    fsdp: bool
    keys: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    sampled: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    longest: int = 0
    pictures: int = 0
    shown: float = 0.0
    tokens: float = 0.0
    footprint: Footprint | None = None

    @property
    def folder(self) -> Path:
        """Where the data sets are registered."""
        return Path(str(self.get("dataset_dir") or "data"))

    def get(self, key: str, otherwise: Any = None) -> Any:
        return self.keys.get(key, otherwise)

    def number(self, key: str, otherwise: float) -> float:
        """A key that holds a number; 1e-4 is text to YAML 1.1 and a number to LLaMA-Factory.

        Raises:
            Wrong: when it does not.
        """
        value = self.keys.get(key)
        if value is None:
            return otherwise
        try:
            number = float("" if isinstance(value, bool) else value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise Wrong(f"{key} is {value}; expected a number", key)
        return number

    def count(self, key: str, otherwise: int = 0) -> int:
        """A key that holds a whole number; one below 0 means none, as in transformers."""
        value = self.number(key, otherwise)
        if value != int(value):
            raise Wrong(f"{key} is {value}; expected a whole number", key)
        return max(0, int(value))


def names(written: Any) -> list[str]:
    """Names as LLaMA-Factory takes them: a list, or one text with commas."""
    split = [str(name).strip() for name in (written.split(",") if isinstance(written, str) else written or [])]
    return [name for name in split if name]


NUMBERS = ("learning_rate", "num_train_epochs", "warmup_steps", "warmup_ratio", "max_grad_norm", "lora_alpha", "lora_dropout")
"""Keys of which LLaMA-Factory notices only in the middle of a run that they hold no number."""
_ASKED = """
import dataclasses, json, sys
from llamafactory.hparams import get_train_args, parser
print("KEYS", json.dumps([field.name for kind in parser._TRAIN_ARGS for field in dataclasses.fields(kind)]))
try:
    get_train_args(json.loads(sys.argv[1]))
except ValueError as exc:
    print("REFUSED", json.dumps(str(exc)))
"""


def llamafactory(keys: Mapping[str, Any]) -> tuple[list[str], str]:
    """Every key that LLaMA-Factory takes in training, [] where it is not installed; and what it says against ``keys``, "" for nothing.

    It is asked as on a machine without a GPU, and without DeepSpeed, which need not be here.
    """
    asked = json.dumps({key: value for key, value in keys.items() if key != "deepspeed"} | {"use_cpu": True}, default=str)
    for python in (ROOT / ".venv-train" / "bin" / "python", Path(sys.executable)):
        if python.exists():
            done = subprocess.run([str(python), "-c", _ASKED, asked], capture_output=True, text=True, timeout=600)
            said = dict(line.split(" ", 1) for line in done.stdout.splitlines() if line.startswith(("KEYS ", "REFUSED ")))
            if "KEYS" in said:
                refusal = str(json.loads(said.get("REFUSED", '""'))).strip().splitlines()
                return list(json.loads(said["KEYS"])), refusal[0][:200] if refusal else ""
    return [], ""

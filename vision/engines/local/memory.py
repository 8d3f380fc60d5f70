"""Whether a question fits into memory, told before it is asked rather than when it is half answered."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vision.engines.engine import Sampling

SPARE = 64 << 20
"""Bytes that are left alone, for whatever else goes on in the process."""


class Memory:
    """What rows of a ``model`` need, and what there is.

    Args:
        model: as transformers loads it.
    """

    def __init__(self, model: Any) -> None:
        text, vision = model.config.get_text_config(), getattr(model.config, "vision_config", None)
        self.device, self._item = model.device, model.dtype.itemsize
        queries = getattr(text, "num_attention_heads", None) or 1
        heads = getattr(text, "num_key_value_heads", None) or queries
        self._a_token = 2 * heads * width_of(text) * self._item
        window = getattr(text, "sliding_window", None) or 0
        kinds = getattr(text, "layer_types", None) or ["full_attention"] * text.num_hidden_layers
        self._windows = [window if kind == "sliding_attention" else 0 for kind in kinds]
        inner = getattr(text, "intermediate_size", None) or 4 * text.hidden_size
        self._activation = (6 * text.hidden_size + 3 * (max(inner) if isinstance(inner, list) else inner)) * self._item
        self._a_picture = _of_a_picture(vision) * self._item if vision is not None else 0

    def cache_bytes(self, tokens: int) -> int:
        """Bytes of the keys and values of ``tokens`` in a row; layers with a window keep no more than that."""
        return int(self._a_token) * sum(min(tokens, window) if window else tokens for window in self._windows)

    def reading(self, length: int, pictures: int) -> int:
        """Bytes for reading a prompt of ``length`` tokens with ``pictures``, and for keeping it."""
        return self.cache_bytes(length) + length * int(self._activation) + length * length * 4 + pictures * self._a_picture + SPARE

    def writing(self, samplings: Iterable[Sampling], written: int = 0) -> int:
        """Bytes that traces with these budgets may still come to need when each has ``written`` tokens."""
        budgets = [each.max_thought_tokens + each.max_answer_tokens for each in samplings]
        return sum(self.cache_bytes(max(budget, written)) - self.cache_bytes(written) for budget in budgets)

    def free(self) -> int:
        """Bytes that can be had now on the model's device."""
        import torch

        if self.device.type == "cuda":
            held_back = torch.cuda.memory_reserved(self.device) - torch.cuda.memory_allocated(self.device)
            return int(torch.cuda.mem_get_info(self.device)[0] + held_back)
        import psutil

        return min(int(psutil.virtual_memory().available), _left_of_container())

    def lacking(self, needed: int) -> str:
        """One sentence with the remedy where ``needed`` bytes are more than there are, else ""."""
        free = self.free()
        if needed <= free:
            return ""
        return (
            f"this needs about {needed / 1e9:.1f} GB of memory beside the model, and {max(free, 0) / 1e9:.1f} GB are free; "
            "ask for fewer tokens of thought, fewer traces or fewer pictures, or load the model with --precision 4bit"
        )


def width_of(text: Any) -> int:
    """Width of a head of keys, from the configuration of a language model."""
    return int(getattr(text, "head_dim", None) or text.hidden_size // (getattr(text, "num_attention_heads", None) or 1))


def _of_a_picture(vision: Any) -> int:
    """Numbers that a tower needs for one picture; one that takes pictures of any size is taken to get them as Gemma 3's does."""
    width = getattr(vision, "hidden_size", None) or getattr(vision, "embed_dim", None) or 1152
    inner = getattr(vision, "intermediate_size", None) or 4 * width
    patches = ((getattr(vision, "image_size", None) or 896) // (getattr(vision, "patch_size", None) or 14)) ** 2
    return int(patches * (6 * width + 2 * inner))


def _left_of_container(folder: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that a container's limit (cgroup v2) leaves, files in its cache counted as free; without a limit, more than any machine has."""
    try:
        limit, held = (int((folder / name).read_text()) for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return max(limit - held + int(stat.get("inactive_file", 0)), 0)
    except (OSError, ValueError):  # no such limit: "max", or no such file
        return 1 << 62


def out_of_memory(exc: BaseException) -> bool:
    """Whether ``exc`` says that memory ran out, on a GPU or off it."""
    import torch

    return isinstance(exc, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(exc)

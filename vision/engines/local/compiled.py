"""The same rows in steps that are compiled: every buffer has its whole size from the start, so a step is one fixed program.

Compiling takes half a minute for each size, which pays where a model answers for hours. A row's keys and values lie in a slot
of its own; a layer with a window keeps a ring as long as the window. Rows move to larger buffers when they need them and to
smaller ones when enough have ended. On CUDA the step is recorded once and replayed as one launch, from whichever thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Generic

from vision.engines.local.batch import Row, unmasked, windows_of
from vision.engines.local.cache import Layers
from vision.engines.local.prefill import Begun
from vision.errors import SettingsError

SLOTS = (1, 8, 32)
"""Rows that a step can have; those that are not taken are computed too."""
LENGTH = 1024
"""Tokens that a slot has room for at first; then twice as many, and so on."""


class CompiledBatch(Generic[Row]):
    """As :class:`vision.engines.local.batch.Batch`, in compiled steps.

    Args:
        model: as transformers loads it, prepared by :func:`vision.engines.local.batch.share_steps`.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.rows: list[Row] = []
        self._windows = windows_of(model)
        self._lengths: list[int] = []
        self._store: _Store | None = None

    def join(self, rows: Sequence[Row], begun: Begun) -> None:
        """See :meth:`vision.engines.local.batch.Batch.join`."""
        before, lengths = len(self.rows), [*self._lengths, *[begun.length] * len(rows)]
        store = self._fit(range(before), lengths)
        self.rows, self._lengths = [*self.rows, *rows], lengths
        for slot in range(before, len(self.rows)):
            store.fill(slot, begun.layers, begun.length)

    def step(self, tokens: Sequence[int]) -> Any:
        """See :meth:`vision.engines.local.batch.Batch.step`."""
        store = self._fit(range(len(self.rows)), self._lengths)
        logits = store.step(tokens, self._lengths)
        self._lengths = [length + 1 for length in self._lengths]
        return logits

    def keep(self, kept: Sequence[int]) -> None:
        """See :meth:`vision.engines.local.batch.Batch.keep`."""
        if len(kept) < len(self.rows):
            lengths = [self._lengths[i] for i in kept]
            if kept:
                self._fit(kept, lengths)
            self.rows, self._lengths = [self.rows[i] for i in kept], lengths

    def _fit(self, slots: Sequence[int], lengths: Sequence[int]) -> _Store:
        """The buffers that rows of ``lengths`` fit into; the first of them are those that lie in ``slots`` now."""
        count = next((size for size in SLOTS if size >= len(lengths)), len(lengths))
        old = self._store
        length = old.length if old is not None and slots else LENGTH  # what is taken over has to fit
        while length <= max(lengths):
            length *= 2
        if old is None or old.count != count or old.length < length:
            self._store = _Store(self.model, self._windows, count, length)
            if old is not None and slots:
                self._store.take_over(old, slots)
        elif list(slots) != list(range(len(slots))):
            old.take_over(old, slots)
        assert self._store is not None
        return self._store


class _Store:
    """Keys and values of ``count`` slots with room for ``length`` tokens each.

    Attributes:
        buffers: (keys, values) of each layer, (slots, heads, tokens, width). The token at place ``p`` lies at ``p`` modulo
            their length, so that a layer with a window forgets what left it.
    """

    def __init__(self, model: Any, windows: Sequence[int], count: int, length: int) -> None:
        import torch

        config = model.config.get_text_config()
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self.model, self.count, self.length = model, count, length
        shapes = [(count, config.num_key_value_heads, min(window or length, length), width) for window in windows]
        zeros = partial(torch.zeros, dtype=model.dtype, device=model.device)
        self.buffers = [(zeros(shape), zeros(shape)) for shape in shapes]
        # One tensor that a recorded step reads: token and place of each slot.
        self._fed = torch.zeros(2, count, dtype=torch.long, device=model.device)
        self._replay: Any = None
        self._logits: Any = None

    def fill(self, slot: int, layers: Layers, length: int) -> None:
        """Begin ``slot`` with a prompt of ``length`` tokens, whose ``layers`` may hold only the last ones."""
        import torch

        for buffers, (keys, values, _) in zip(self.buffers, layers, strict=True):
            room = buffers[0].shape[2]
            count = min(keys.shape[2], room)
            at = torch.arange(length - count, length, device=keys.device) % room
            for buffer, new in zip(buffers, (keys, values), strict=True):
                buffer[slot][:, at] = new[0, :, -count:]

    def take_over(self, other: _Store, slots: Sequence[int]) -> None:
        """Put what lies in ``slots`` of ``other``, which may be this one, into the first slots."""
        import torch

        at = torch.tensor(slots, dtype=torch.long, device=self._fed.device)
        for mine, theirs in zip(self.buffers, other.buffers, strict=True):
            for buffer, old in zip(mine, theirs, strict=True):
                buffer[: len(slots), :, : old.shape[2]] = old[at]

    def step(self, tokens: Sequence[int], places: Sequence[int]) -> Any:
        """Feed a token to each of the first slots; logits (rows, vocabulary) of what comes next."""
        import torch

        self._fed[:, : len(tokens)] = torch.tensor([list(tokens), list(places)], device=self._fed.device)
        if self._fed.device.type != "cuda":
            return _compiled()(self.model, self._fed, self.buffers)[: len(tokens)]
        if self._replay is None:
            self._record()
        self._replay.replay()
        return self._logits[: len(tokens)]

    def _record(self) -> None:
        """Record the step as a CUDA graph; running it first, as recording wants it, writes only what the replay writes again."""
        import torch

        with torch.cuda.device(self._fed.device):
            aside = torch.cuda.Stream()
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(3):
                    _compiled()(self.model, self._fed, self.buffers)
            torch.cuda.current_stream().wait_stream(aside)
            self._replay = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._replay):
                self._logits = _compiled()(self.model, self._fed, self.buffers)


def _step(model: Any, fed: Any, buffers: list[tuple[Any, Any]]) -> Any:
    """Logits (slots, vocabulary) after one token for every slot."""
    return model(
        input_ids=fed[0][:, None],
        position_ids=fed[1][:, None],
        attention_mask=unmasked(model),
        cache=_Slots(buffers, fed[1]),
        use_cache=True,
        logits_to_keep=1,
    ).logits[:, -1]


def warm_up(model: Any) -> None:
    """Compile the steps of one row and of a few.

    Raises:
        SettingsError: when the model lies on several devices, which one recorded step cannot span.
    """
    import torch

    places = set((getattr(model, "hf_device_map", None) or {}).values())
    if len(places) > 1:
        raise SettingsError(
            f"LOGICFLOW_COMPILE is set and {model.name_or_path} lies on {len(places)} devices; set LOGICFLOW_DEVICE to one, or leave it off"
        )
    with torch.inference_mode():
        for count in SLOTS[:2]:
            _Store(model, windows_of(model), count, LENGTH).step([0] * count, [0] * count)


_made: Any = None


def _compiled() -> Any:
    global _made
    if _made is None:
        import torch

        # One program for each size of the buffers, of which there are more than Dynamo would make unasked.
        torch._dynamo.config.recompile_limit = max(64, torch._dynamo.config.recompile_limit)
        _made = torch.compile(_step, dynamic=False)
    return _made


class _Slots:
    """Stands where transformers expects a cache."""

    def __init__(self, buffers: list[tuple[Any, Any]], places: Any) -> None:
        self.buffers, self.places = buffers, places

    def update(self, keys: Any, values: Any, layer: int, *_: Any, **__: Any) -> tuple[_Written, None]:
        return _Written(*self.buffers[layer], self.places, keys, values), None


class _Written:
    """One layer with the newest token of every slot written into it."""

    def __init__(self, all_keys: Any, all_values: Any, places: Any, keys: Any, values: Any) -> None:
        import torch

        rows, at = torch.arange(places.shape[0], device=places.device), places % all_keys.shape[2]
        all_keys[rows, :, at] = keys[:, :, 0]
        all_values[rows, :, at] = values[:, :, 0]
        self.keys, self.values, self.places = all_keys, all_values, places

    def attend(self, query: Any, scaling: float, softcap: float | None) -> Any:
        """What the newest token of each slot finds: (slots, heads of queries, 1, width)."""
        import torch

        # A ring that is full is visible as a whole.
        seen = (torch.arange(self.keys.shape[2], device=query.device) <= self.places[:, None])[:, None, None]
        slots, heads, _, width = query.shape
        # Queries that share a head of keys stand in a row: with enable_gqa and a mask, CUDA would take its slowest kernel.
        each = query.reshape(slots, self.keys.shape[1], -1, width)
        found = torch.nn.functional.scaled_dot_product_attention(each, self.keys, self.values, seen, scale=scaling)
        return found.reshape(slots, heads, 1, width)

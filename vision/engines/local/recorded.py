"""The same rows in steps that are recorded: every buffer has its whole size from the start, so a step is one fixed program.

On CUDA the step, the draw of its tokens included, is recorded once as a graph and replayed as one launch: a plain step is a
thousand of them, for which the host takes longer than the GPU computes. Recording takes some tenths of a second for each size.
Compiled before it is recorded (``LOGICFLOW_COMPILE=on``), a step is faster still; that takes minutes for a large model, which pays
where it answers for hours. Off CUDA nothing is recorded, and compiled steps are called as they are.

A row's keys and values lie in a slot of its own; a layer with a window keeps a ring as long as the window. Rows move to larger
buffers when they need them and to smaller ones when enough have ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic

from vision.engines.local.batch import Row, axes_of, found_in, unmasked, windows_of
from vision.engines.local.cache import Layers
from vision.engines.local.drawing import Knobs, choose, choose_widely, drawn, fetch
from vision.engines.local.memory import width_of
from vision.engines.local.norms import quicken_norms
from vision.engines.local.prefill import Begun
from vision.errors import SettingsError, first_line

log = logging.getLogger(__name__)

SLOTS = (1, 8, 16, 32)
"""Rows that a step can have; those that are not taken are computed too."""
LENGTH = 1024
"""Tokens that a slot has room for at first; then twice as many, and so on."""

Step = Callable[[Any, Any, list[tuple[Any, Any]], int], Any]
"""Model, what is fed, buffers and axes of positions -> logits (slots, vocabulary)."""


class RecordedBatch(Generic[Row]):
    """As :class:`vision.engines.local.batch.Batch`, in steps of fixed size.

    Args:
        model: as transformers loads it, prepared by :func:`vision.engines.local.batch.share_steps`.
        compiled: whether steps are compiled before they are recorded.
    """

    alone = False
    """No row looks ahead here."""

    def __init__(self, model: Any, *, compiled: bool = False) -> None:
        self.model = model
        self.rows: list[Row] = []
        self._compute: Step = _compiled() if compiled else step
        self._windows, self._axes = windows_of(model), axes_of(model)
        self._lengths: list[int] = []
        self._shifts: list[int] = []
        self._store: _Store | None = None

    def join(self, rows: Sequence[Row], begun: Begun) -> None:
        """See :meth:`vision.engines.local.batch.Batch.join`."""
        before, lengths = len(self.rows), [*self._lengths, *[begun.length] * len(rows)]
        store = self._fit(range(before), lengths)
        self.rows, self._lengths = [*self.rows, *rows], lengths
        self._shifts += [begun.shift] * len(rows)
        for slot in range(before, len(self.rows)):
            store.fill(slot, begun.layers, begun.length)

    def bytes_for(self, rows: int, length: int) -> int:
        """Bytes of buffers for so many rows, the longest of ``length`` tokens; while rows move into them the old ones are there too."""
        config = self.model.config.get_text_config()
        room = LENGTH
        while room <= length:
            room *= 2
        tokens = sum(min(window or room, room) for window in self._windows)
        return int(2 * _slots(rows) * tokens * config.num_key_value_heads * width_of(config) * self.model.dtype.itemsize)

    def step(self, tokens: Sequence[int]) -> Any:
        """See :meth:`vision.engines.local.batch.Batch.step`."""
        return self._next().step(tokens, *self._places())

    def draw(self, tokens: Sequence[int], knobs: Knobs) -> list[tuple[int, float]]:
        """See :meth:`vision.engines.local.batch.Batch.draw`."""
        return self._next().draw(tokens, *self._places(), knobs)

    def keep(self, kept: Sequence[int]) -> None:
        """See :meth:`vision.engines.local.batch.Batch.keep`."""
        if len(kept) < len(self.rows):
            lengths = [self._lengths[i] for i in kept]
            if kept:
                self._fit(kept, lengths)
            self.rows, self._lengths, self._shifts = [self.rows[i] for i in kept], lengths, [self._shifts[i] for i in kept]

    def _next(self) -> _Store:
        """The buffers for the next step."""
        return self._fit(range(len(self.rows)), self._lengths)

    def _places(self) -> tuple[list[int], list[int]]:
        """Where each row's token is written, and its position; the row then is a token longer."""
        places = self._lengths
        self._lengths = [length + 1 for length in places]
        return places, [place + shift for place, shift in zip(places, self._shifts, strict=True)]

    def _fit(self, slots: Sequence[int], lengths: Sequence[int]) -> _Store:
        """The buffers that rows of ``lengths`` fit into; the first of them are those that lie in ``slots`` now."""
        count = _slots(len(lengths))
        old = self._store
        length = old.length if old is not None and slots else LENGTH  # what is taken over has to fit
        while length <= max(lengths):
            length *= 2
        if old is None or old.count != count or old.length < length:
            self._store = _Store(self.model, self._compute, self._windows, self._axes, count, length)
            if old is not None and slots:
                self._store.take_over(old, slots)
        elif list(slots) != list(range(len(slots))):
            old.take_over(old, slots)
        assert self._store is not None
        return self._store


def _slots(rows: int) -> int:
    """Slots of a step for so many rows."""
    return next((size for size in SLOTS if size >= rows), rows)


class _Store:
    """Keys and values of ``count`` slots with room for ``length`` tokens each, and the recorded steps over them.

    Attributes:
        buffers: (keys, values) of each layer, (slots, heads, tokens, width). The token at place ``p`` lies at ``p`` modulo
            their length, so that a layer with a window forgets what left it.
    """

    def __init__(self, model: Any, compute: Step, windows: Sequence[int], axes: int, count: int, length: int) -> None:
        import torch

        config = model.config.get_text_config()
        self.count, self.length = count, length
        shapes = [(count, config.num_key_value_heads, min(window or length, length), width_of(config)) for window in windows]
        zeros = partial(torch.zeros, dtype=model.dtype, device=model.device)
        self.buffers = [(zeros(shape), zeros(shape)) for shape in shapes]
        # What a recorded step reads: token, place and position of each slot, and how its next token is drawn.
        self._fed = torch.zeros(3, count, dtype=torch.long, device=model.device)
        self._knobs = torch.ones(3, count, device=model.device)
        self._compute = partial(compute, model, self._fed, self.buffers, axes)
        self._recorded: dict[str, _Recorded] = {}

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

    def step(self, tokens: Sequence[int], places: Sequence[int], positions: Sequence[int]) -> Any:
        """Feed a token to each of the first slots; logits (rows, vocabulary) of what comes next."""
        self._feed(tokens, places, positions)
        return self._run("logits", self._compute)[: len(tokens)]

    def draw(self, tokens: Sequence[int], places: Sequence[int], positions: Sequence[int], knobs: Knobs) -> list[tuple[int, float]]:
        """Feed a token to each of the first slots; the next one of each with its log-probability."""
        import torch

        self._feed(tokens, places, positions)
        if self._fed.device.type != "cuda":
            return drawn(self._compute()[: len(tokens)], knobs)
        self._knobs[:, : len(tokens)].copy_(torch.tensor(knobs.columns).pin_memory(), non_blocking=True)
        chosen, logits = self._run("cold" if knobs.cold else "warm", partial(self._choose, cold=knobs.cold))
        found = fetch(chosen[:, : len(tokens)])
        if any(found[2]):
            found = fetch(choose_widely(logits[: len(tokens)], self._knobs[:, : len(tokens)]))
        return [(int(token), logprob) for token, logprob in zip(found[0], found[1], strict=True)]

    def _choose(self, *, cold: bool) -> tuple[Any, Any]:
        logits = self._compute()
        return choose(logits, self._knobs, cold=cold), logits

    def _feed(self, tokens: Sequence[int], places: Sequence[int], positions: Sequence[int]) -> None:
        import torch

        self._fed[:, : len(tokens)] = torch.tensor([list(tokens), list(places), list(positions)], device=self._fed.device)

    def _run(self, name: str, work: Callable[[], Any]) -> Any:
        """What ``work`` gives; on CUDA recorded when it is first wanted, then replayed."""
        if self._fed.device.type != "cuda":
            return work()
        if name not in self._recorded:
            self._recorded[name] = _Recorded(work, self._fed.device)
        return self._recorded[name].replay()


class _Recorded:
    """Work as a CUDA graph. Running it first, as recording wants it, writes only what the replay writes again."""

    def __init__(self, work: Callable[[], Any], device: Any) -> None:
        import torch

        with torch.cuda.device(device):
            aside = torch.cuda.Stream()
            aside.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(aside):
                for _ in range(2):
                    work()
            torch.cuda.current_stream().wait_stream(aside)
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph, capture_error_mode="thread_local"):  # other threads may be loading what reads pictures
                self._made = work()

    def replay(self) -> Any:
        """What the work gives now; it is written over by the next replay."""
        self._graph.replay()
        return self._made


def step(model: Any, fed: Any, buffers: list[tuple[Any, Any]], axes: int) -> Any:
    """Logits (slots, vocabulary) after one token for every slot."""
    return model(
        input_ids=fed[0][:, None],
        position_ids=fed[2][:, None].expand(axes, -1, -1) if axes else fed[2][:, None],
        attention_mask=unmasked(model),
        cache=_Slots(buffers, fed[1]),
        use_cache=True,
        logits_to_keep=1,
    ).logits[:, -1]


def records(model: Any) -> bool:
    """Whether the steps of ``model`` can be recorded: it lies on one GPU, and a step of one row was recorded on trial."""
    import torch

    if model.device.type != "cuda" or _devices(model) > 1:
        return False
    try:
        quicken_norms(model)
        with torch.inference_mode():
            warm_up(model, SLOTS[:1])
    except Exception as exc:  # layers of few bits may look at their numbers from the host
        log.warning("The steps of this model cannot be recorded, so they are slower: %s", first_line(exc))
        return False
    return True


def warm_up(model: Any, slots: Sequence[int] = SLOTS[:2], *, compiled: bool = False) -> None:
    """Record the steps of one row and of a few, compiled if they are to be.

    Raises:
        SettingsError: when the model lies on several devices, which one recorded step cannot span.
    """
    import torch

    if _devices(model) > 1:
        raise SettingsError(
            f"LOGICFLOW_COMPILE is on and {model.name_or_path} lies on {_devices(model)} devices; "
            "set LOGICFLOW_DEVICE to one, or leave it off"
        )
    compute: Step = _compiled() if compiled else step
    with torch.inference_mode():
        for count in slots:
            nothing = [0] * count
            _Store(model, compute, windows_of(model), axes_of(model), count, LENGTH).step(nothing, nothing, nothing)


def _devices(model: Any) -> int:
    return len(set((getattr(model, "hf_device_map", None) or {"": model.device}).values()))


_made: Any = None


def _compiled() -> Any:
    global _made
    if _made is None:
        import torch

        # One program for each size of the buffers, of which there are more than Dynamo would make unasked.
        torch._dynamo.config.recompile_limit = max(64, torch._dynamo.config.recompile_limit)
        _made = torch.compile(step, dynamic=False)
    return _made


class _Slots:
    """Stands where transformers expects a cache: one step over the buffers of a store."""

    def __init__(self, buffers: list[tuple[Any, Any]], places: Any) -> None:
        import torch

        self.buffers, self.places = buffers, places
        self._rows = torch.arange(places.shape[0], device=places.device)
        self._of_length: dict[int, tuple[Any, Any]] = {}

    def update(self, keys: Any, values: Any, layer: int, *_: Any, **__: Any) -> tuple[_Written, None]:
        all_keys, all_values = self.buffers[layer]
        at, seen = self._at(all_keys.shape[2])
        all_keys[self._rows, :, at] = keys[:, :, 0]
        all_values[self._rows, :, at] = values[:, :, 0]
        return _Written(all_keys, all_values, seen), None

    def _at(self, length: int) -> tuple[Any, Any]:
        """Where the newest token of each slot is written in buffers of ``length``, and (slots, 1, 1, length) what it sees."""
        import torch

        if length not in self._of_length:
            # A ring that is full is visible as a whole.
            seen = (torch.arange(length, device=self.places.device) <= self.places[:, None])[:, None, None]
            self._of_length[length] = self.places % length, seen
        return self._of_length[length]


class _Written:
    """One layer with the newest token of every slot written into it."""

    def __init__(self, keys: Any, values: Any, seen: Any) -> None:
        self.keys, self.values, self.seen = keys, values, seen

    def attend(self, query: Any, scaling: float, softcap: float | None) -> Any:
        """What the newest token of each slot finds: (slots, heads of queries, 1, width)."""
        slots, heads, _, width = query.shape
        # Queries that share a head of keys stand in a row: with enable_gqa and a mask, CUDA would take its slowest kernel.
        each = query.reshape(slots, self.keys.shape[1], -1, width)
        return found_in(each, self.keys, self.values, self.seen, scaling, softcap).reshape(slots, heads, 1, width)

"""Rows of models whose caches cannot be shared: each prompt's rows step on their own, as ``generate`` steps them.

Slower where several questions are answered at once, and right for whatever transformers generates with: caches of other kinds,
keys that layers share, attention with sinks.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Generic

from vision.engines.local.batch import Batch, Row
from vision.engines.local.prefill import Begun


class PlainBatch(Batch[Row]):
    """As :class:`vision.engines.local.batch.Batch`, for any model.

    Args:
        model: as transformers loads it.
    """

    alone = False
    """No row looks ahead here."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._groups: list[Any] = []

    def join(self, rows: Sequence[Row], begun: Begun) -> None:
        """Let ``rows`` go on from one prompt; together, where its cache can be laid out for several rows."""
        if not any(getattr(begun.options["cache"], "is_linear", ())):
            self._groups.append(_Group(self.model, list(rows), begun))
            return
        for row in rows:
            own = copy.deepcopy(begun.options["cache"]) if len(rows) > 1 else begun.options["cache"]
            self._groups.append(_Group(self.model, [row], replace(begun, options=begun.options | {"cache": own})))

    def step(self, tokens: Sequence[int]) -> Any:
        """See :meth:`vision.engines.local.batch.Batch.step`."""
        import torch

        found, start = [], 0
        for group in self._groups:
            found.append(group.step(tokens[start : start + len(group.rows)]))
            start += len(group.rows)
        return torch.cat(found)


class _Group(Generic[Row]):
    """Rows of one prompt, all equally long: one batch of ``generate``."""

    def __init__(self, model: Any, rows: list[Row], begun: Begun) -> None:
        self.model, self.rows = model, rows
        self.ids, self.options = begun.ids, dict(begun.options)
        if len(rows) > 1:
            self.options["cache"].batch_repeat_interleave(len(rows))
            self._take([0] * len(rows))

    def step(self, tokens: Sequence[int]) -> Any:
        import torch

        fed = torch.tensor(tokens, device=self.ids.device)[:, None]
        self.ids = torch.cat([self.ids, fed], -1)
        inputs = self.model.prepare_inputs_for_generation(self.ids, next_sequence_length=1, **self.options)
        made = self.model(**inputs, return_dict=True)
        self.options = self.model._update_model_kwargs_for_generation(made, self.options)
        return made.logits[:, -1]

    def keep(self, kept: Sequence[int]) -> None:
        import torch

        if kept and len(kept) < len(self.rows):
            self.options["cache"].batch_select_indices(torch.tensor(kept, device=self.ids.device))
            self._take(kept)
        self.rows = [self.rows[i] for i in kept]

    def _take(self, rows: Sequence[int]) -> None:
        """Take the options of ``rows``, some of them several times; positions of three axes have the rows in the middle."""
        at = list(rows)
        self.ids = self.ids[at]
        for name, value in self.options.items():
            if name in SEQUENCES and hasattr(value, "ndim"):
                self.options[name] = value[:, at] if value.ndim == 3 else value[at]


SEQUENCES = ("attention_mask", "position_ids", "token_type_ids", "mm_token_type_ids")
"""What ``generate`` carries along for each token."""

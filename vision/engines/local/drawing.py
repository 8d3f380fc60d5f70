"""The next tokens of rows from their logits: the likeliest, or drawn from the share that is wanted; on the logits' device.

What a row draws does not depend on its neighbours. A draw is one uniform number from the trace's generator, looked up in the
running sum of the probabilities, so it costs one pass; what is drawn comes to the host in one piece (:func:`fetch`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vision.engines.local.trace import Trace

CANDIDATES = 128
"""Likeliest tokens among which a draw looks first; a vocabulary of 262,144 takes twenty times as long to sort."""


@dataclass(frozen=True)
class Knobs:
    """How each row of a step is drawn.

    Attributes:
        columns: temperature, share and uniform number of each row; temperature 0 takes the likeliest.
        cold: whether all rows take the likeliest.
    """

    columns: tuple[list[float], list[float], list[float]]
    cold: bool


def knobs_of(traces: Sequence[Trace]) -> Knobs:
    """How the next token of each of ``traces`` is drawn; each takes a number from its generator."""
    import torch

    samplings = [trace.sampling for trace in traces]
    cold = all(sampling.temperature == 0 for sampling in samplings)
    chances = [0.0] * len(traces) if cold else [float(torch.rand((), generator=trace.random)) for trace in traces]
    return Knobs(([each.temperature for each in samplings], [each.top_p for each in samplings], chances), cold)


def drawn(logits: Any, knobs: Knobs) -> list[tuple[int, float]]:
    """The next token of each row of ``logits`` (rows, vocabulary), and the log-probability that the model gives it at temperature 1."""
    import torch

    columns = torch.tensor(knobs.columns, device=logits.device)
    found = fetch(choose(logits, columns, cold=knobs.cold))
    if any(found[2]):
        found = fetch(choose_widely(logits, columns))
    return [(int(token), logprob) for token, logprob in zip(found[0], found[1], strict=True)]


def fetch(chosen: Any) -> list[list[float]]:
    """What was chosen, on the host: the only time in a step that the host waits for the device."""
    found: list[list[float]] = chosen.tolist()
    return found


def choose(logits: Any, knobs: Any, *, cold: bool) -> Any:
    """Of each row its token, its log-probability, and whether the likeliest tokens held less than the share: (3, rows).

    Args:
        logits: (rows, vocabulary).
        knobs: (3, rows) temperature, share and uniform number.
        cold: whether all rows take the likeliest.
    """
    import torch

    logits = logits.float()
    likeliest = logits.argmax(-1)
    if cold:
        return _told(logits, likeliest, torch.zeros_like(knobs[0]))
    scaled = logits / _above_zero(knobs[0])[:, None]
    whole = scaled.logsumexp(-1, keepdim=True)
    ordered, order = scaled.topk(min(CANDIDATES, scaled.shape[-1]))
    running = (ordered - whole).exp().cumsum(-1)
    tokens = _within(order, running, knobs)
    short = (running[:, -1] < knobs[1]) & (knobs[0] > 0) if order.shape[-1] < scaled.shape[-1] else torch.zeros_like(knobs[0])
    return _told(logits, torch.where(knobs[0] > 0, tokens, likeliest), short)


def choose_widely(logits: Any, knobs: Any) -> Any:
    """As :func:`choose`, with all tokens in order: for rows whose likeliest ones hold less than the share."""
    import torch

    logits = logits.float()
    scaled = logits / _above_zero(knobs[0])[:, None]
    ordered, order = scaled.sort(-1, descending=True)
    tokens = _within(order, (ordered - scaled.logsumexp(-1, keepdim=True)).exp().cumsum(-1), knobs)
    return _told(logits, torch.where(knobs[0] > 0, tokens, logits.argmax(-1)), torch.zeros_like(knobs[0]))


def _above_zero(temperature: Any) -> Any:
    return temperature + (temperature == 0)


def _within(order: Any, running: Any, knobs: Any) -> Any:
    """The token into which each row's number falls. The nucleus is the shortest beginning that holds the share; the draw falls
    into it in proportion."""
    import torch

    last = (running < knobs[1][:, None]).sum(-1, keepdim=True).clamp(max=order.shape[-1] - 1)
    at = torch.searchsorted(running, knobs[2][:, None] * running.gather(-1, last)).clamp(max=last)
    return order.gather(-1, at)[:, 0]


def _told(logits: Any, tokens: Any, short: Any) -> Any:
    """Tokens are whole numbers below 2**24, which fp32 holds exactly."""
    import torch

    logprobs = logits.gather(-1, tokens[:, None])[:, 0] - logits.logsumexp(-1)
    return torch.stack([tokens.float(), logprobs, short.float()])

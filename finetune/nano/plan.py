"""What a run of nano's training does, and what suits which machine; light, so that ``--help`` needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Phase = Literal["base", "adapter"]


@dataclass(frozen=True, kw_only=True)
class Mix:
    """What a batch is made of.

    Attributes:
        pictures, thoughtful: rows with a picture a step while the base learns, and while the adapter does.
        texts: rows of text a step.
        length, text_length: tokens of a row with a picture, and of one of text.
        matplotlib: share of the pictures drawn by matplotlib, which takes five times as long as Pillow.
        again: share of the pictures that were shown before, with other questions: a GPU learns faster than they are drawn.
        easy: share of the base's time after which charts have grown from two categories to the full range; 0 for a base that can read.
        seed: of the order of pictures.
    """

    pictures: int = 4
    thoughtful: int = 6
    texts: int = 12
    length: int = 1024
    text_length: int = 384
    matplotlib: float = 0.4
    again: float = 0.0
    easy: float = 0.0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A run.

    Attributes:
        minutes: budget of wall-clock time, everything included.
        adapter_minutes: of these, the last ones for the adapter.
        mix: what a batch is made of.
        sight: weight of the tower's own lessons (letters, colors, what follows); with 0 it rests as it is.
        looks: weight of where the heads of the text side look.
        peak, adapter_peak: highest learning rates, for Muon and AdamW alike.
        warm: steps over which a rate rises.
        fall: share of a phase over which it falls.
        rank: of the adapter, whose alpha is twice that.
        workers: processes that draw.
        save_minutes: time between checkpoints.
        log_steps: steps between lines of the log.
        compiled: whether the passes are compiled.
    """

    minutes: float = 180.0
    adapter_minutes: float = 60.0
    mix: Mix = Mix()
    sight: float = 0.0
    looks: float = 0.1
    peak: float = 6e-4
    adapter_peak: float = 1e-3
    warm: int = 40
    fall: float = 0.8
    rank: int = 32
    workers: int = 1
    save_minutes: float = 5.0
    log_steps: int = 50
    compiled: bool = True


def plan_for(device: str, *, from_nothing: bool = False) -> Plan:
    """What suits ``device``: ``cuda`` or ``cpu``."""
    plan = Plan()
    if device == "cuda":
        mix = Mix(pictures=40, thoughtful=40, texts=24, again=0.5)
        plan = Plan(minutes=10, adapter_minutes=2, mix=mix, sight=0.3, looks=0.25, peak=1.5e-3, adapter_peak=2e-3, workers=14)
    if from_nothing:
        plan = replace(plan, mix=replace(plan.mix, easy=0.4), sight=1.0, looks=0.3, peak=1.5e-3)
    return plan

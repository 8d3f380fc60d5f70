"""``KEY=VALUE`` on a command line, as LLaMA-Factory lays it over a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml


def read_options(options: Sequence[str]) -> dict[str, Any]:
    """Keys and values, these as YAML reads them.

    >>> read_options(["max_steps=20", "bf16=false"])
    {'max_steps': 20, 'bf16': False}

    Raises:
        ValueError: for what is no option.
    """
    read = {}
    for option in options:
        key, equals, value = option.partition("=")
        try:
            read[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            equals = ""
        if not key or not equals:
            raise ValueError(f"{option!r} is no option; write key=value")
    return read

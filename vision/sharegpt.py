"""Rows that LLaMA-Factory trains on, in the form that is called ShareGPT; whoever writes some takes their parts from here."""

from __future__ import annotations

import re
from typing import Any

_MARKS = re.compile("<(image|video|audio)>")
"""What LLaMA-Factory counts in a row's text, wherever it stands, and compares with the row's files."""


def unmarked(text: str) -> str:
    """``text`` without the marks that LLaMA-Factory counts as pictures, films and sounds.

    >>> unmarked("an <image> of it")
    'an [image] of it'
    """
    return _MARKS.sub(r"[\1]", text)


def human(text: str) -> dict[str, str]:
    """A turn of the person; each picture is a mark ``<image>`` in it."""
    return {"from": "human", "value": text}


def model(text: str) -> dict[str, str]:
    """A turn of the model."""
    return {"from": "gpt", "value": text}


def registered(file_name: str, *, ranking: bool = False) -> dict[str, Any]:
    """The entry of ``dataset_info.json`` for a file of rows; with ``ranking`` each has a ``chosen`` and a ``rejected`` answer."""
    columns = {"messages": "conversations", "images": "images", "system": "system"}
    entry: dict[str, Any] = {"file_name": file_name, "formatting": "sharegpt", "columns": columns}
    return entry | {"ranking": True, "columns": columns | {"chosen": "chosen", "rejected": "rejected"}} if ranking else entry

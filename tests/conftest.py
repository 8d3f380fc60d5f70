"""Fixtures that many tests share. The Hub is cut off for all of them: a connection off this machine is a failure."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.pop("HF_HUB_OFFLINE", None)  # nothing may depend on being told that it is offline

import pytest

from finetune.charts.records import HELD_OUT_FROM, Record, make

_connect = socket.socket.connect


def _only_here(self: socket.socket, address: Any) -> Any:
    host = address[0] if isinstance(address, tuple) else ""
    if self.family != socket.AF_UNIX and host not in ("127.0.0.1", "::1", "localhost", "0.0.0.0"):
        raise OSError(f"tests reach this machine only, not {host}")
    return _connect(self, address)


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Every connection that leaves the machine fails."""
    socket.socket.connect = _only_here  # type: ignore[method-assign]
    yield
    socket.socket.connect = _connect  # type: ignore[method-assign]


@pytest.fixture(scope="session")
def engine() -> Any:
    """Nano with its thinking adapter, loaded once."""
    from vision import Settings, open_engine

    return open_engine(Settings())


@pytest.fixture(scope="session")
def chart() -> Record:
    """A held-out bar chart with printed values and a question about it."""
    return make(HELD_OUT_FROM + 12, kind="bar", renderer="pillow")


@pytest.fixture
def chart_file(chart: Record, tmp_path: Path) -> Path:
    path = tmp_path / "chart.png"
    chart.image.save(path)
    return path

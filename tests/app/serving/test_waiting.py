from __future__ import annotations

import urllib.request
from pathlib import Path

import pytest

from app.serving.waiting import Waiting
from tests.browser.conftest import free_port
from vision import Settings
from vision.engines import checkpoints


def read(address: str) -> tuple[str, str | None]:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read().decode(), answer.headers["X-LogicFlow-Loading"]


def test_a_page_tells_how_far_the_model_is_and_gives_its_port_back() -> None:
    port = free_port()
    for told in ("Fetching <a>: 1.0 of 54.0 GB", "Loading b"):  # the second time the port is free again
        with Waiting("127.0.0.1", port, lambda told=told: told):
            page, _ = read(f"http://127.0.0.1:{port}/")
            assert told.replace("<", "&lt;").replace(">", "&gt;") in page and "<a>" not in page
            sentence, mark = read(f"http://127.0.0.1:{port}/loading")
            assert sentence == f"{told} (0 s)" and mark == "1"
    with pytest.raises(OSError, match="refused"):
        read(f"http://127.0.0.1:{port}/")


def test_it_listens_at_an_address_of_the_new_kind_too() -> None:
    port = free_port()
    with Waiting("[::1]", port, lambda: "Loading b"):
        assert "Loading b" in read(f"http://[::1]:{port}/")[0]


def test_what_has_come_from_the_hub_is_told_of_all_that_must(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(checkpoints, "_hub_bytes", lambda settings: 4_000_000_000)
    told = checkpoints.loading_progress(Settings(model="google/gemma"))
    assert told() == "Fetching google/gemma: 0.0 of 4.0 GB"
    blobs = tmp_path / "models--google--gemma" / "blobs"
    blobs.mkdir(parents=True)
    with (blobs / "aa.incomplete").open("wb") as file:
        file.truncate(1_300_000_000)
    assert told() == "Fetching google/gemma: 1.3 of 4.0 GB"
    with (blobs / "bb").open("wb") as file:
        file.truncate(2_700_000_000)
    assert told() == "Loading google/gemma"


def test_a_model_of_this_machine_is_loaded_and_a_servers_is_asked_for() -> None:
    assert checkpoints.loading_progress(Settings())() == "Loading nano + thinking"
    assert checkpoints.loading_progress(Settings(engine_url="http://127.0.0.1:9"))() == "Asking the server for its model"

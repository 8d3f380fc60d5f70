"""The page that follows a run goes on drawing while the run does."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from finetune.curves import page
from tests.browser.conftest import free_port
from tests.finetune.test_curves import log


def test_the_page_follows_a_run(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("finetune.curves.REFRESH_S", 0.5)
    port = free_port()
    blocks = page(tmp_path, None)
    blocks.launch(server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True)
    try:
        tab = browser.new_page()
        tab.goto(f"http://127.0.0.1:{port}")
        expect(tab.get_by_text("Waiting for the first step")).to_be_visible(timeout=30_000)
        log(tmp_path, range(1, 4))
        expect(tab.get_by_text("Step 3, loss 1.0000")).to_be_visible(timeout=30_000)
        expect(tab.locator(".plot-container img, [data-testid=matplotlib] img, img[src*=plot], .gradio-plot img").first).to_be_visible()
        log(tmp_path, range(4, 7))
        expect(tab.get_by_text("Step 6, loss 0.5000")).to_be_visible(timeout=30_000)
        tab.close()
    finally:
        blocks.close()

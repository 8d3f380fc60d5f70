"""A real page in a real browser: Debian's Chromium where there is one, Playwright's own otherwise."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from vision import Settings


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page on the bundled model, served from this process."""
    from app.page import launch

    port = free_port()
    page = launch(Settings(data_dir=str(tmp_path_factory.mktemp("kept"))), host="127.0.0.1", port=port, open_browser=False, block=False)
    yield f"http://127.0.0.1:{port}"
    page.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A fresh page whose every request is noted in ``page.asked``; what leaves this machine is cut off."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    asked: list[str] = []

    def guard(route: Any) -> None:
        asked.append(route.request.url)
        here = route.request.url.startswith((address, "data:", "blob:"))
        route.continue_() if here else route.abort()

    page.route("**/*", guard)
    page.asked = asked  # type: ignore[attr-defined]
    page.goto(address)
    page.locator("#lf-box textarea").wait_for(timeout=60_000)
    page.wait_for_function("localStorage.getItem('logicflow') !== null")
    yield page
    context.close()

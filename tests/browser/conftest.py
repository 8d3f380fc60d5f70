"""A real page in a real browser: Debian's Chromium where there is one, Playwright's own otherwise."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from vision import Engine, Settings

SLOW = 60_000
STOP = "#lf-box .stop-button"
"""Where Send was, while an answer is written."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page on the bundled model, served from this process."""
    from app.page.layout import launch

    port = free_port()
    page = launch(Settings(data_dir=str(tmp_path_factory.mktemp("kept"))), host="127.0.0.1", port=port, open_browser=False, block=False)
    yield f"http://127.0.0.1:{port}"
    page.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        options += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]  # a camera that shows a test picture
        browser = playwright.chromium.launch(executable_path=chromium, args=options)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A fresh page on the bundled model."""
    with opened(browser, address) as page:
        yield page


@contextmanager
def opened(browser: Browser, address: str, width: int = 1280, **options: Any) -> Iterator[Page]:
    """A fresh page whose every request is noted in ``page.asked``; what leaves this machine is cut off."""
    context = browser.new_context(viewport={"width": width, "height": 800}, **options)
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


@contextmanager
def served(engine: Engine, kept: Path, **settings: Any) -> Iterator[str]:
    """The address of a page on ``engine``."""
    from app.page.layout import launch

    port = free_port()
    page = launch(Settings(data_dir=str(kept), **settings), host="127.0.0.1", port=port, block=False, engine=engine)
    yield f"http://127.0.0.1:{port}"
    page.close()


def ask(page: Page, picture: Path | None, question: str) -> None:
    """Put a picture and a question into the box, and send them."""
    if picture is not None:
        page.locator("#lf-box input[type=file]").set_input_files(str(picture))
        page.locator("#lf-box .thumbnail-item img, #lf-box .thumbnail-image").first.wait_for(timeout=20_000)
    page.locator("#lf-box textarea").fill(question)
    page.locator("#lf-box .submit-button").click()


def ended(page: Page) -> None:
    """Wait until the answer is there."""
    expect(page.locator("#lf-steps")).to_contain_text("answer", timeout=SLOW)
    expect(page.locator("#lf-steps")).to_contain_text("tokens a second", timeout=SLOW)
    expect(page.locator(STOP)).to_be_hidden(timeout=SLOW)


def open_settings(page: Page) -> None:
    """Open the settings and wait until they listen, which takes a moment longer than to be seen."""
    page.locator("#lf-settings .toggle-button").click()
    expect(page.locator("#lf-traces input[type=number]")).to_have_value("1")
    page.wait_for_timeout(500)


def open_side(page: Page) -> None:
    """Open the list of conversations."""
    page.locator("#lf-side .toggle-button").click()
    page.locator("#lf-new").wait_for(timeout=10_000)

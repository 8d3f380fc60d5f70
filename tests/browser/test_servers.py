"""The page in front of a server: nothing changes for who asks, and a server that fails costs no words."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gradio_client import Client, handle_file
from playwright.sync_api import Browser, expect

from tests.browser.conftest import SLOW, ask, open_settings, opened, served
from tests.servers import Handler, Write, scripted
from vision.engines.remote.engine import RemoteEngine

PIECES = ("<think>\nRead 3 and 4.", "\nAdd 3 + 4 = 7.", "\n</think>\n\n", "The answer is 7.")


def test_a_server_answers_and_its_steps_are_checked(browser: Browser, chart_file: Path, tmp_path: Path) -> None:
    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        for piece in PIECES:
            write({"content": piece})
        write({"finish": "stop"})

    with scripted(behave, ("google/gemma-3-27b-it",)) as server, served(RemoteEngine(server.url), tmp_path) as address:
        with opened(browser, address) as page:
            open_settings(page)
            field = page.locator("#lf-traces input[type=number]")
            field.fill("3")
            field.press("Enter")
            ask(page, chart_file, "What is the sum?")
            expect(page.locator("#lf-chat .bot").last).to_contain_text("The answer is 7.", timeout=SLOW)
            expect(page.locator("#lf-steps .lf-true").first).to_contain_text("3 + 4 = 7", timeout=SLOW)
            expect(page.locator("#lf-steps .lf-votes")).to_contain_text("traces (95 % interval", timeout=SLOW)
        assert len(server.asked) == 3 and all(body["messages"][-1]["content"][0]["type"] == "image_url" for body in server.asked)


def test_a_server_that_breaks_off_costs_no_words_and_continue_goes_on(browser: Browser, chart_file: Path, tmp_path: Path) -> None:
    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        going_on = body["messages"][-1]["role"] == "assistant"
        for piece in PIECES[2:] if going_on else PIECES[:2]:
            write({"content": piece})
        if going_on:
            write({"finish": "stop"})

    with scripted(behave) as server, served(RemoteEngine(server.url), tmp_path) as address, opened(browser, address) as page:
        ask(page, chart_file, "What is the sum?")
        expect(page.locator("#lf-chat .bot").last).to_contain_text("ended in the middle of its answer", timeout=SLOW)
        expect(page.locator("#lf-steps li").last).to_have_text("Add 3 + 4 = 7.")  # not judged: it may be half of something
        page.locator("#lf-continue").click()
        expect(page.locator("#lf-chat .bot").last).to_contain_text("The answer is 7.", timeout=SLOW)
        assert server.asked[-1]["messages"][-1]["content"] == "".join(PIECES[:2])


def test_as_many_questions_at_once_as_are_asked(chart_file: Path, tmp_path: Path) -> None:
    """Twelve people are all being answered before the first of them is done."""
    here = threading.Barrier(12, timeout=60)

    def behave(handler: Handler, body: dict[str, Any], write: Write) -> None:
        here.wait()
        for piece in PIECES:
            write({"content": piece})
            time.sleep(0.01)
        write({"finish": "stop"})

    with scripted(behave) as server, served(RemoteEngine(server.url), tmp_path) as address:
        client = Client(address, verbose=False)
        with ThreadPoolExecutor(12) as people:
            asked = [people.submit(client.predict, handle_file(str(chart_file)), "What is the sum?", api_name="/ask") for _ in range(12)]
        assert [each.result()["answer"] for each in asked] == ["7"] * 12

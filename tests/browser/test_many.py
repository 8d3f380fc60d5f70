"""Many people at once: everybody is served, nobody waits for somebody who has gone, nothing crosses over."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, expect

from app.serving.accounts import set_password
from finetune.charts.records import Record
from tests.browser.conftest import SLOW, STOP, ask, free_port, open_side, opened, served
from tests.fakes import ScriptedEngine
from vision import Engine
from vision import ask as ask_engine

LONG = "<think>\n" + "Look again. " * 2000 + "\n</think>\n\nThe answer is 7."
SHORT = "<think>\nLook.\n</think>\n\nThe answer is 7."


def test_twenty_at_once_are_all_served(address: str, engine: Engine, chart: Record, chart_file: Path) -> None:
    expected = ask_engine(chart_file, chart.question, engine).answer

    def one(_: int) -> Any:
        return Client(address, verbose=False).predict(handle_file(str(chart_file)), chart.question, api_name="/ask")

    with ThreadPoolExecutor(20) as people:
        replies = list(people.map(one, range(20)))
    assert [reply["answer"] for reply in replies] == [expected] * 20


def test_a_closed_tab_frees_its_turn(browser: Browser, chart_file: Path, tmp_path: Path) -> None:
    engine = ScriptedEngine(LONG, pause_s=0.01)
    with served(engine, tmp_path) as address:
        with opened(browser, address) as gone:
            ask(gone, chart_file, "How many?")
            expect(gone.locator(STOP)).to_be_visible(timeout=SLOW)
        closed = time.monotonic()
        while engine.ended < engine.begun:
            assert time.monotonic() - closed < 20, "the answer went on without its reader"
            time.sleep(0.02)
        engine.text = SHORT
        with opened(browser, address) as page:
            ask(page, chart_file, "How many?")
            expect(page.locator("#lf-chat .bot").last).to_contain_text("The answer is 7.", timeout=SLOW)


def test_a_stop_is_its_own_sessions_only(browser: Browser, chart_file: Path, tmp_path: Path) -> None:
    engine = ScriptedEngine("<think>\n" + "Look. " * 150 + "\n</think>\n\nThe answer is 7.", pause_s=0.02)
    with served(engine, tmp_path) as address, opened(browser, address) as one, opened(browser, address) as other:
        ask(one, chart_file, "How many?")
        expect(one.locator(STOP)).to_be_visible(timeout=SLOW)
        ask(other, chart_file, "How few?")
        one.locator(STOP).click()
        expect(one.locator("#lf-chat .bot").last).to_contain_text("stopped", timeout=SLOW)
        expect(other.locator("#lf-chat .bot").last).to_contain_text("The answer is 7.", timeout=SLOW)


def test_an_answer_that_one_leaves_is_kept_and_does_not_come_back_by_itself(browser: Browser, tmp_path: Path) -> None:
    slow = ScriptedEngine("<think>\n" + "Look again. " * 30 + "\n</think>\n\nThe answer is 7.", pause_s=0.1)
    with served(slow, tmp_path) as address, opened(browser, address) as page:
        ask(page, None, "What is 3 + 4?")
        expect(page.locator("#lf-steps")).to_contain_text("Look again", timeout=SLOW)
        open_side(page)
        page.locator("#lf-new").click()
        expect(page.locator("#lf-chat .user")).to_have_count(0, timeout=SLOW)
        while slow.ended == 0:
            page.wait_for_timeout(100)
        page.wait_for_timeout(500)
        expect(page.locator("#lf-chat .user")).to_have_count(0)
        expect(page.locator("#lf-verdict")).to_have_text("")
        page.locator("#lf-kept label").first.click()
        expect(page.locator("#lf-steps")).to_contain_text("Look again", timeout=SLOW)
        expect(page.locator("#lf-continue")).to_be_visible(timeout=SLOW)


def test_who_asks_again_does_not_wait_for_the_answer_before(browser: Browser, tmp_path: Path) -> None:
    endless = ScriptedEngine(LONG, pause_s=0.02)
    with served(endless, tmp_path) as address, opened(browser, address) as page:
        ask(page, None, "What is 3 + 4?")
        expect(page.locator("#lf-steps")).to_contain_text("Look again", timeout=SLOW)
        page.locator("#lf-chat button[title=Retry]").click()
        while endless.begun < 2:
            page.wait_for_timeout(100)
        assert endless.ended == 1
        expect(page.locator(STOP)).to_be_visible(timeout=SLOW)
        page.locator(STOP).click()
        expect(page.locator("#lf-steps")).to_contain_text("stopped", timeout=SLOW)


def test_who_waits_sees_the_place_in_the_queue(browser: Browser, chart_file: Path, tmp_path: Path) -> None:
    engine = ScriptedEngine(LONG, pause_s=0.05)
    with served(engine, tmp_path) as address, opened(browser, address) as one, opened(browser, address) as other:
        ask(one, chart_file, "How many?")
        expect(one.locator(STOP)).to_be_visible(timeout=SLOW)
        ask(other, chart_file, "How few?")
        expect(other.locator("#lf-fold")).to_contain_text("queue: 1/1", timeout=SLOW)
        one.locator(STOP).click()
        expect(other.locator(STOP)).to_be_visible(timeout=SLOW)
        expect(other.locator("#lf-fold")).not_to_contain_text("queue")


def test_pictures_and_history_of_one_are_out_of_reach_of_another(browser: Browser, chart_file: Path, tmp_path: Path) -> None:
    with served(ScriptedEngine(SHORT), tmp_path) as address:
        with opened(browser, address) as page:
            ask(page, chart_file, "My secret question?")
            expect(page.locator("#lf-chat .bot").last).to_contain_text("The answer is 7.", timeout=SLOW)
        with opened(browser, address) as other:
            assert "secret question" not in other.locator("body").inner_text()
            expect(other.locator("#lf-kept label")).to_have_count(0)
        for inside in ("history.sqlite", "secret", "users.key", "pictures", "../history.sqlite"):
            answer = httpx.get(f"{address}/gradio_api/file={tmp_path / inside}")
            assert answer.status_code in (403, 404), inside
        assert httpx.get(f"{address}/gradio_api/file=/etc/passwd").status_code in (403, 404)


def test_only_who_signs_in_gets_in_and_finds_the_same_history(browser: Browser, chart_file: Path, tmp_path: Path) -> None:
    people = tmp_path / "people.txt"
    set_password(people, "ada", "difference engine")
    with served(ScriptedEngine(SHORT), tmp_path / "kept", users=str(people)) as address:
        assert httpx.get(f"{address}/gradio_api/info").status_code == 401
        with pytest.raises(Exception, match="[Aa]uth|401|login"):
            Client(address, verbose=False).predict(handle_file(str(chart_file)), "How many?", api_name="/ask")
        signed = Client(address, auth=("ada", "difference engine"), verbose=False)
        assert signed.predict(handle_file(str(chart_file)), "How many?", api_name="/ask")["answer"] == "7"


def test_too_many_questions_a_minute_are_refused_with_a_sentence(chart_file: Path, tmp_path: Path) -> None:
    with served(ScriptedEngine(SHORT), tmp_path, questions_per_minute=2) as address:
        client = Client(address, verbose=False)
        for _ in range(2):
            assert client.predict(handle_file(str(chart_file)), "How many?", api_name="/ask")["answer"] == "7"
        with pytest.raises(AppError, match="2 questions within a minute"):
            client.predict(handle_file(str(chart_file)), "How many?", api_name="/ask")


PAGE = """
import sys
from pathlib import Path
from app.page.layout import launch
from tests.fakes import ScriptedEngine
from vision import Settings
launch(Settings(data_dir=sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), engine=ScriptedEngine(sys.argv[3], pause_s=0.05))
"""


@contextmanager
def started(port: int, kept: Path, text: str) -> Iterator[subprocess.Popen[bytes]]:
    """A page in a process of its own, which can die."""
    process = subprocess.Popen([sys.executable, "-c", PAGE, str(port), str(kept), text], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            with suppress(httpx.HTTPError):
                httpx.get(f"http://127.0.0.1:{port}/", timeout=5)
                break
            time.sleep(0.2)
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_lost_connection_is_said_and_all_is_there_when_it_is_back(browser: Browser, chart_file: Path, tmp_path: Path) -> None:
    port = free_port()
    slow = "<think>\nRead A 3, B 4.\n" + "Wait. " * 300 + "\n</think>\n\nThe answer is 7."
    with started(port, tmp_path, slow) as server, opened(browser, f"http://127.0.0.1:{port}") as page:
        ask(page, chart_file, "What is A + B?")
        expect(page.locator("#lf-steps")).to_contain_text("Read A 3, B 4.", timeout=SLOW)
        page.wait_for_timeout(2500)  # what there is is kept every two seconds
        server.kill()
        expect(page.get_by_text("Connection to the server was lost")).to_be_visible(timeout=SLOW)
        with started(port, tmp_path, "</think>\n\nThe answer is 7."):
            expect(page.locator("#lf-steps")).to_contain_text("Read A 3, B 4.", timeout=SLOW)
            page.locator("#lf-continue").click(timeout=SLOW)
            expect(page.locator("#lf-verdict .lf-said")).to_have_text("The answer is 7.", timeout=SLOW)


def test_the_page_may_reach_no_other_machine_and_stands_in_no_foreign_frame(browser: Browser, address: str) -> None:
    with opened(browser, address) as page:
        policy = page.request.get(address).headers["content-security-policy"]
        assert "connect-src 'self'" in policy and "frame-ancestors 'self'" in policy
        with page.expect_console_message(lambda message: "Content Security Policy" in message.text):
            page.evaluate("fetch('http://localhost:9/').catch(() => null)")

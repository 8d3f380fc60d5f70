"""What a person may choose besides the question: pages of a PDF, crops, a second model, a link, a verdict, a narrow screen."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import SLOW, STOP, ask, ended, open_settings, open_side, opened, served
from tests.fakes import ScriptedEngine
from vision import Engine


@pytest.fixture
def pdf(tmp_path: Path, chart_file: Path) -> Path:
    path = tmp_path / "two.pdf"
    Image.new("RGB", (400, 300), "white").save(path, "PDF", save_all=True, append_images=[Image.open(chart_file).convert("RGB")])
    return path


def test_a_page_of_a_pdf_is_asked_about(page: Page, pdf: Path) -> None:
    expect(page.locator("#lf-pages")).to_be_hidden()
    page.locator("#lf-box input[type=file]").set_input_files(str(pdf))
    page.locator("#lf-pages textarea, #lf-pages input").first.fill("2")
    ask(page, None, "What is the total of all values?")
    ended(page)
    expect(page.locator("#lf-chat img")).to_have_count(1)
    expect(page.locator("#lf-pages")).to_be_hidden()


def test_a_page_that_is_not_there_is_said_and_nothing_is_lost(page: Page, pdf: Path) -> None:
    page.locator("#lf-box input[type=file]").set_input_files(str(pdf))
    page.locator("#lf-pages textarea, #lf-pages input").first.fill("7")
    ask(page, None, "What is the total?")
    expect(page.locator("#lf-chat .bot").last).to_contain_text("page 7 is not in the document, which has 2 pages", timeout=SLOW)
    expect(page.locator("#lf-box textarea")).to_have_value("What is the total?")


def test_a_picture_is_taken_with_the_camera(page: Page) -> None:
    page.context.grant_permissions(["camera"])
    page.locator("#lf-box textarea").fill("What is it?")
    page.locator("#lf-box .upload-button").click()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#lf-camera video')?.currentTime > 0.5", timeout=20_000)
    page.locator("#lf-camera .photo-capture").click(timeout=20_000)
    expect(page.locator("#lf-box img").first).to_be_visible(timeout=20_000)
    expect(page.locator("#lf-box textarea")).to_have_value("What is it?")


def test_crops_are_shown_with_their_cost(page: Page, tmp_path: Path, engine: Engine) -> None:
    wide = tmp_path / "wide.png"
    Image.new("RGB", (900, 300), "white").save(wide)
    open_settings(page)
    page.locator("#lf-crops input[value=on]").check()
    ask(page, wide, "What is it?")
    ended(page)
    seen = engine.seen(Image.open(wide), "on")
    assert len(seen.squares) == 4
    expect(page.locator("#lf-saw")).to_contain_text(f"What the model saw: {seen.tokens} tokens", timeout=20_000)
    expect(page.locator("#lf-saw img")).to_have_count(4)


def test_two_models_answer_side_by_side(page: Page, chart_file: Path) -> None:
    open_settings(page)
    expect(page.locator("#lf-compare")).to_contain_text("Compare with nano")
    page.locator("#lf-compare input").check()
    ask(page, chart_file, "What is the total of all values?")
    expect(page.locator("#lf-steps .lf-sides section")).to_have_count(2, timeout=SLOW)
    expect(page.locator(STOP)).to_be_hidden(timeout=SLOW)
    titles = page.locator("#lf-steps h3").all_inner_texts()
    assert titles == ["nano + thinking", "nano"]
    expect(page.locator("#lf-steps .lf-answer")).to_have_count(2)


def test_a_link_brings_question_settings_and_picture_back(page: Page, chart_file: Path) -> None:
    open_settings(page)
    page.locator("#lf-crops input[value=off]").check()
    ask(page, chart_file, "What is the average?")
    ended(page)
    open_side(page)
    page.locator("#lf-address").click()
    field = page.locator("#lf-link textarea, #lf-link input").first
    expect(field).to_have_value(re.compile(r"^http.*\?question=What"), timeout=20_000)
    again = page.context.new_page()
    again.goto(field.input_value())
    expect(again.locator("#lf-box textarea")).to_have_value("What is the average?", timeout=20_000)
    expect(again.locator("#lf-box img").first).to_be_visible()
    open_settings(again)
    expect(again.locator("#lf-crops input[value=off]")).to_be_checked()


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[tuple[ScriptedEngine, str]]:
    engine = ScriptedEngine("<think>\nRead it.\n</think>\n\nThe answer is 1.")
    with served(engine, tmp_path) as address:
        yield engine, address


def test_verdicts_become_preference_rows(browser: Browser, scripted: tuple[ScriptedEngine, str], chart_file: Path) -> None:
    engine, address = scripted
    with opened(browser, address) as page:
        ask(page, chart_file, "How many?")
        expect(page.locator("#lf-chat .bot").last).to_contain_text("The answer is 1.", timeout=SLOW)
        page.locator("#lf-chat").get_by_label("Feedback").click()
        page.get_by_text("Misread the picture").click()
        engine.text = engine.text.replace("is 1", "is 2")
        page.locator("#lf-chat button[title=Retry]").click()
        expect(page.locator("#lf-chat .bot").last).to_contain_text("The answer is 2.", timeout=SLOW)
        page.locator("#lf-chat").get_by_label("Like", exact=True).click()
        open_side(page)
        page.get_by_text("Export, report, import").click()
        page.locator("#lf-feedback").click()
        with page.expect_download() as download:
            page.locator("#lf-file a[download], #lf-file .download a, #lf-file a").first.click(timeout=20_000)
        with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as archive:
            (row,) = json.loads(archive.read("feedback.json"))
            assert row["images"][0] in archive.namelist()
    assert row["chosen"]["value"].endswith("is 2.") and row["rejected"]["value"].endswith("is 1.")


def test_a_narrow_screen_folds_the_steps_and_does_not_scroll_sideways(browser: Browser, address: str, chart_file: Path) -> None:
    with opened(browser, address, width=390) as page:
        expect(page.locator("#lf-steps")).to_be_hidden()
        ask(page, chart_file, "What is the total of all values?")
        expect(page.locator("#lf-chat .bot").last).to_contain_text("answer", timeout=SLOW)
        page.locator("#lf-fold > button").click()
        expect(page.locator("#lf-steps .lf-steps li").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everything_can_be_read_and_reached(browser: Browser, address: str, chart_file: Path, scheme: str) -> None:
    """axe-core finds no serious fault: contrast as WCAG AA asks, names for every control."""
    with opened(browser, address, color_scheme=scheme) as page:
        ask(page, chart_file, "What is the total of all values?")
        ended(page)
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"], "resultTypes": ["violations"]})
        faults = [
            f"{fault['id']}: {node['html'][:120]} {node['failureSummary'][-160:]}"
            for fault in found.response["violations"]
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]
        assert not faults, "\n".join(faults)


def test_a_question_is_asked_without_a_mouse(page: Page, chart_file: Path) -> None:
    page.locator("#lf-box input[type=file]").set_input_files(str(chart_file))
    page.locator("#lf-box .thumbnail-item img, #lf-box .thumbnail-image").first.wait_for(timeout=20_000)
    page.locator("#lf-box textarea").focus()
    page.keyboard.type("What is the total of all values?")
    page.keyboard.press("Enter")
    ended(page)
    page.evaluate("document.activeElement.blur()")
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.closest('[id^=lf-]')?.id"))
    assert {"lf-side", "lf-settings", "lf-box", "lf-read", "lf-fold"} <= set(reached), reached

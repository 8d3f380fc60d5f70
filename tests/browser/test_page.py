from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from finetune.charts.records import Record
from tests.browser.conftest import SLOW, STOP, ask, ended, open_settings, open_side, opened, served
from tests.fakes import TOOK, OneByOne
from vision import Control, Engine, Prompt, Sampling
from vision import ask as ask_engine
from vision.engines.engine import Delta, Piece


def set_traces(page: Page, count: int) -> None:
    open_settings(page)
    field = page.locator("#lf-traces input[type=number]")
    field.fill(str(count))
    field.press("Tab")
    expect(page.locator("#lf-traces input[type=range]")).to_have_value(str(count))


def test_a_chart_gets_an_answer_and_checked_steps(page: Page, engine: Engine, chart: Record, chart_file: Path) -> None:
    reply = ask_engine(chart_file, chart.question, engine)
    ask(page, chart_file, chart.question)
    ended(page)
    expect(page.locator("#lf-chat .bot").last).to_contain_text(reply.answer_text)
    assert page.locator("#lf-steps .lf-steps li").count() == len(reply.steps) >= 2
    expect(page.locator("#lf-steps")).to_contain_text("thought for")
    expect(page.locator("#lf-chat img").first).to_be_visible()
    texts = len(reply.writing[0].texts)
    expect(page.locator("#lf-read figcaption")).to_contain_text(f"{texts} texts read in the picture")
    assert page.locator(".lf-box:not(.lf-drawn)").count() == texts > 4
    assert page.locator(".lf-box.lf-drawn").count() == len(reply.writing[0].drawn) > 1
    picture, box = page.locator(".lf-sheet img").bounding_box(), page.locator(".lf-box").first.bounding_box()
    assert picture and box and picture["x"] <= box["x"] and box["x"] + box["width"] <= picture["x"] + picture["width"]


def test_nothing_is_fetched_from_another_machine(page: Page, address: str, chart: Record, chart_file: Path) -> None:
    ask(page, chart_file, chart.question)
    ended(page)
    away = [url for url in page.asked if not url.startswith((address, "data:", "blob:"))]  # type: ignore[attr-defined]
    assert away == []


def test_a_true_claim_is_marked_as_it_appears(page: Page, chart_file: Path) -> None:
    ask(page, chart_file, "What is the total of all values?")
    expect(page.locator("#lf-steps .lf-true").first).to_be_visible(timeout=SLOW)


def test_a_second_question_needs_no_second_picture(page: Page, chart: Record, chart_file: Path) -> None:
    ask(page, chart_file, chart.question)
    ended(page)
    ask(page, None, "What is the total of all values?")
    expect(page.locator("#lf-chat .bot")).to_have_count(2, timeout=SLOW)
    ended(page)


class Unhurried(OneByOne):
    """Thinks slowly, and answers at once when it goes on."""

    name = "unhurried"

    def stream(self, prompt: Prompt, sampling: Sampling, control: Control) -> Iterator[Piece]:
        pieces = ["\n</think>\n\nThe answer is 7."] if prompt.draft else ["<think>\n", *["Look again. "] * 2000]
        for piece in pieces:
            time.sleep(0.02)
            yield Delta(piece)
            if control.stopped:
                break
        yield replace(TOOK, end="stopped" if control.stopped else "end")


def test_a_stopped_answer_is_kept_and_goes_on(browser: Browser, chart_file: Path, tmp_path: Path) -> None:
    with served(Unhurried(), tmp_path) as address, opened(browser, address) as page:
        ask(page, chart_file, "What is the average?")
        expect(page.locator("#lf-steps")).to_contain_text("Look again.", timeout=SLOW)
        page.locator(STOP).click(timeout=SLOW)
        expect(page.locator("#lf-continue")).to_be_visible(timeout=SLOW)
        expect(page.locator("#lf-steps")).to_contain_text("stopped")
        page.locator("#lf-continue").click()
        expect(page.locator("#lf-verdict .lf-said")).to_have_text("The answer is 7.", timeout=SLOW)
        expect(page.locator("#lf-steps")).to_contain_text("Look again.")
        expect(page.locator("#lf-continue")).to_be_hidden(timeout=SLOW)
        expect(page.locator("#lf-steps")).not_to_contain_text("stopped", timeout=SLOW)


def test_a_question_is_edited_asked_again_and_taken_back(page: Page, chart: Record, chart_file: Path) -> None:
    ask(page, chart_file, chart.question)
    ended(page)
    page.locator("#lf-chat button[title=Edit]").click()
    page.locator("#lf-chat textarea").fill("What is the total of all values?")
    page.locator("#lf-chat button[title=Submit]").click()
    expect(page.locator(STOP)).to_be_visible(timeout=SLOW)
    expect(page.locator("#lf-chat .user").last).to_contain_text("What is the total", timeout=20_000)
    ended(page)
    expect(page.locator("#lf-chat img")).to_have_count(1)
    page.locator("#lf-chat button[title=Retry]").click()
    expect(page.locator(STOP)).to_be_visible(timeout=SLOW)
    ended(page)
    page.locator("#lf-chat button[title=Undo]").click()
    expect(page.locator("#lf-chat .bot")).to_have_count(0, timeout=20_000)
    expect(page.locator("#lf-box textarea")).to_have_value("What is the total of all values?")
    expect(page.locator("#lf-box img").first).to_be_visible()


def test_the_page_shows_what_the_model_saw(page: Page, engine: Engine, chart: Record, chart_file: Path) -> None:
    ask(page, chart_file, chart.question)
    ended(page)
    seen = engine.seen(chart.image)
    expect(page.locator("#lf-saw")).to_contain_text("What the model saw", timeout=20_000)
    expect(page.locator("#lf-saw")).to_contain_text(f"{seen.tokens} tokens")
    expect(page.locator("#lf-saw img").first).to_be_visible()


def test_several_traces_vote(page: Page, chart: Record, chart_file: Path) -> None:
    set_traces(page, 3)
    ask(page, chart_file, chart.question)
    expect(page.locator(STOP)).to_be_visible(timeout=SLOW)
    expect(page.locator(STOP)).to_be_hidden(timeout=SLOW)
    expect(page.locator("#lf-steps .lf-votes")).to_contain_text("traces (95 % interval")
    assert page.locator("#lf-steps details").count() >= 2
    page.locator("#lf-steps details summary").first.click()
    expect(page.locator("#lf-steps details").first.locator("li").first).to_be_visible()


def test_a_conversation_survives_a_reload_and_is_found_again(page: Page, chart: Record, chart_file: Path) -> None:
    ask(page, chart_file, chart.question)
    ended(page)
    said = page.locator("#lf-chat .bot").last.inner_text()
    page.wait_for_timeout(500)
    page.reload()
    expect(page.locator("#lf-chat .bot").last).to_contain_text(said.strip().splitlines()[0], timeout=20_000)
    open_side(page)
    page.locator("#lf-new").click()
    expect(page.locator("#lf-chat .bot")).to_have_count(0)
    page.locator("#lf-kept label").first.click()
    expect(page.locator("#lf-chat .bot")).to_have_count(1, timeout=20_000)
    page.locator("#lf-everything").click()
    expect(page.locator("#lf-kept label")).to_have_count(0, timeout=20_000)
    expect(page.locator("#lf-chat .bot")).to_have_count(0)


def test_a_reload_in_the_middle_of_an_answer_loses_nothing(page: Page, chart_file: Path) -> None:
    ask(page, chart_file, "What is the average?")
    page.locator(STOP).wait_for(timeout=30_000)
    page.reload()
    expect(page.locator("#lf-chat .user").last).to_contain_text("What is the average?", timeout=20_000)
    expect(page.locator("#lf-chat img").first).to_be_visible()


def test_a_conversation_is_exported_and_imported(page: Page, chart: Record, chart_file: Path, tmp_path: Path) -> None:
    ask(page, chart_file, chart.question)
    ended(page)
    open_side(page)
    page.get_by_role("button", name="Export, report, import").click()
    page.locator("#lf-form").get_by_text("JSON").click()
    page.locator("#lf-make").click()
    with page.expect_download(timeout=20_000) as download:
        page.locator("#lf-file a").first.click()
    file = tmp_path / "talk.json"
    download.value.save_as(file)
    assert json.loads(file.read_text())["exchanges"][0]["question"] == chart.question
    page.locator("#lf-new").click()
    expect(page.locator("#lf-chat .bot")).to_have_count(0)
    page.locator("input[type=file][accept*='.json']").set_input_files(str(file))
    expect(page.locator("#lf-chat .bot")).to_have_count(1, timeout=20_000)


def test_a_picture_that_cannot_be_read_is_said_in_one_sentence(page: Page, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + b"nothing" * 40)
    ask(page, broken, "How many?")
    expect(page.locator("#lf-chat .bot").last).to_contain_text("broken.png is", timeout=20_000)
    assert "Traceback" not in page.content()


def test_a_question_without_a_picture_is_talk(page: Page) -> None:
    ask(page, None, "What is 3 + 4?")
    ended(page)
    expect(page.locator("#lf-chat .bot")).to_have_count(1)
    expect(page.locator(".lf-stage")).to_have_count(0)


def test_a_name_that_is_markup_stays_a_name(page: Page, chart: Record, tmp_path: Path) -> None:
    alarms: list[str] = []
    page.on("dialog", lambda dialog: (alarms.append(dialog.message), dialog.dismiss()))
    path = tmp_path / "<img src=x onerror=alert(1)>.png"
    chart.image.save(path)
    ask(page, path, "<script>alert(2)</script> <img src=x onerror=alert(3)> What is the total of all values?")
    ended(page)
    expect(page.locator("#lf-chat .user").last).to_contain_text("<script>alert(2)</script>")
    assert alarms == []


def test_an_example_is_filled_in_and_answered(page: Page) -> None:
    page.get_by_text("What is the perimeter?").first.click()
    page.locator("#lf-box .thumbnail-item img, #lf-box .thumbnail-image").first.wait_for(timeout=20_000)
    page.locator("#lf-box .submit-button").click()
    ended(page)
    expect(page.locator("#lf-chat .bot").last).to_contain_text("The answer is 40.")
    expect(page.locator("#lf-steps")).to_contain_text("width 12, height 8")


def test_the_page_is_usable_on_a_telephone(page: Page, chart: Record, chart_file: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    ask(page, chart_file, chart.question)
    ended(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_wrong_answer_is_reported_with_its_picture_only_where_one_agrees(page: Page, chart: Record, chart_file: Path) -> None:
    ask(page, chart_file, chart.question)
    ended(page)
    open_side(page)
    page.get_by_role("button", name="Export, report, import").click()
    page.locator("#lf-report").click()
    link = page.locator("#lf-file a[download]").first
    expect(link).to_have_attribute("download", "report.md", timeout=20_000)
    page.get_by_label("The picture may go into a report").check()
    page.locator("#lf-report").click()
    expect(link).to_have_attribute("download", "report.zip", timeout=20_000)

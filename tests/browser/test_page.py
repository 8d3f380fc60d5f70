from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page, expect

from finetune.charts.records import Record
from vision import Engine
from vision import ask as ask_engine


def ask(page: Page, picture: Path, question: str) -> None:
    page.locator("#lf-picture input[type=file]").set_input_files(str(picture))
    page.locator("#lf-picture img").wait_for(timeout=20_000)
    page.locator("#lf-question textarea").fill(question)
    page.locator("#lf-ask").click()


def test_a_chart_gets_an_answer_and_checked_steps(page: Page, engine: Engine, chart: Record, chart_file: Path) -> None:
    reply = ask_engine(chart_file, chart.question, engine)
    ask(page, chart_file, chart.question)
    expect(page.locator("#lf-answer .lf-answer")).to_have_text(reply.answer_text, timeout=60_000)
    assert page.locator("#lf-steps .lf-steps li").count() == len(reply.steps) >= 2
    expect(page.locator("#lf-steps")).to_contain_text("thought for")
    expect(page.locator("#lf-ask")).to_be_enabled()
    expect(page.locator("#lf-stop")).to_be_disabled()


def test_nothing_is_fetched_from_another_machine(page: Page, address: str, chart: Record, chart_file: Path) -> None:
    ask(page, chart_file, chart.question)
    expect(page.locator("#lf-steps")).to_contain_text("thought for", timeout=60_000)
    away = [url for url in page.asked if not url.startswith((address, "data:", "blob:"))]  # type: ignore[attr-defined]
    assert away == []


def test_a_true_claim_is_marked_as_it_appears(page: Page, chart: Record, chart_file: Path) -> None:
    ask(page, chart_file, "What is the total of all values?")
    expect(page.locator("#lf-steps .lf-true").first).to_be_visible(timeout=60_000)


def test_stop_keeps_what_there_is(page: Page, chart: Record, chart_file: Path) -> None:
    ask(page, chart_file, "What is the average?")
    page.locator("#lf-stop:enabled").click(timeout=30_000)
    expect(page.locator("#lf-steps")).to_contain_text("tokens", timeout=30_000)
    expect(page.locator("#lf-ask")).to_be_enabled()


def test_a_picture_that_cannot_be_read_is_said_in_one_sentence(page: Page, tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + b"nothing" * 40)
    page.locator("#lf-picture input[type=file]").set_input_files(str(broken))
    page.locator("#lf-question textarea").fill("How many?")
    page.wait_for_timeout(1500)
    page.locator("#lf-ask").click()
    expect(page.locator(".lf-error, .toast-body").first).to_be_visible(timeout=20_000)
    assert "Traceback" not in page.content()
    expect(page.locator("#lf-ask")).to_be_enabled()


def test_a_missing_picture_and_an_empty_question_are_said(page: Page, chart_file: Path) -> None:
    page.locator("#lf-ask").click()
    expect(page.locator("#lf-answer .lf-error")).to_contain_text("no picture", timeout=20_000)
    ask(page, chart_file, " ")
    expect(page.locator("#lf-answer .lf-error")).to_contain_text("question is empty", timeout=20_000)


def test_a_name_that_is_markup_stays_a_name(page: Page, chart: Record, tmp_path: Path) -> None:
    alarms: list[str] = []
    page.on("dialog", lambda dialog: (alarms.append(dialog.message), dialog.dismiss()))
    path = tmp_path / "<img src=x onerror=alert(1)>.png"
    chart.image.save(path)
    ask(page, path, "<script>alert(2)</script> What is the total of all values?")
    expect(page.locator("#lf-steps")).to_contain_text("thought for", timeout=60_000)
    assert alarms == []


def test_an_example_is_filled_in_and_answered(page: Page) -> None:
    page.get_by_text("What is the perimeter?").first.click()
    page.locator("#lf-picture img").wait_for(timeout=20_000)
    page.locator("#lf-ask").click()
    expect(page.locator("#lf-steps")).to_contain_text("thought for", timeout=60_000)


def test_the_page_is_usable_on_a_telephone(page: Page, chart: Record, chart_file: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    ask(page, chart_file, chart.question)
    expect(page.locator("#lf-steps")).to_contain_text("thought for", timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

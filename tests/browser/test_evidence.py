"""The page as evidence: numbers and boxes light each other, the answer stands first, readings are corrected, values become a table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import SLOW, STOP, ask, ended, opened, served
from tests.fakes import TOOK, QueuedEngine, ScriptedEngine
from vision.engines.engine import Delta

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
QUESTION = "What is the difference between Museum and Library?"


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory):
    """A page whose model reads the chart of visitors, and misreads one bar."""
    text = "<think>\nRead Museum 64, Library 46.\nSubtract 64 - 46 = 18.\nSo it is 18.\nMuseum stands first.\n</think>\n\nThe answer is 18."
    with served(ScriptedEngine(text, pause_s=0.01), tmp_path_factory.mktemp("kept")) as address:
        yield address


@pytest.fixture
def asked(browser: Browser, scripted: str):
    """A fresh page of it, with the question answered."""
    with opened(browser, scripted, width=1440) as page:
        ask(page, EXAMPLES / "visitors.png", QUESTION)
        ended(page)
        yield page


def chip(page: Page, text: str, number: int = 0):
    return page.locator("#lf-steps .lf-chip", has_text=text).nth(number)


def test_a_number_lights_its_box_and_a_box_its_numbers(asked: Page) -> None:
    chip(asked, "64").hover()
    lit = asked.locator(".lf-box.lf-lit")
    expect(lit).to_have_count(2)
    assert sorted(lit.locator("title").all_text_contents()) == ["64", "Museum"]
    expect(asked.locator(".lf-thread path")).to_have_count(1)
    name = chip(asked, "64").get_attribute("data-lights").split()[0]
    asked.locator(f'.lf-box[data-box="{name}"]').hover(force=True)
    expect(asked.locator("#lf-steps .lf-chip.lf-lit")).to_have_count(2)
    expect(asked.locator("#lf-steps li.lf-lit")).to_have_count(2)


def test_a_name_that_is_looked_up_lights_where_it_stands(asked: Page) -> None:
    chip(asked, "Museum").hover()
    assert asked.locator(".lf-box.lf-lit title").all_text_contents() == ["Museum"]
    chip(asked, "Museum").click()
    expect(asked.locator(".lf-fix")).to_have_count(0)  # a name is no reading to be corrected


def test_a_number_of_an_earlier_step_leads_there(asked: Page) -> None:
    chip(asked, "18").first.hover()
    expect(asked.locator("#lf-steps li.lf-lit")).to_have_attribute("value", "2")


def test_boxes_light_while_the_thought_is_written(browser: Browser, tmp_path: Path) -> None:
    slow = ScriptedEngine("<think>\nRead Museum 64, Library 41.\n" + "Now I wait. " * 40 + "\n</think>\n\nThe answer is 23.", pause_s=0.08)
    with served(slow, tmp_path) as address, opened(browser, address) as page:
        ask(page, EXAMPLES / "visitors.png", QUESTION)
        expect(page.locator(STOP)).to_be_visible(timeout=SLOW)
        expect(page.locator("#lf-steps .lf-chip").first).to_be_visible(timeout=SLOW)
        expect(page.locator(".lf-box.lf-used").first).to_be_attached(timeout=SLOW)
        page.locator("#lf-steps li").nth(1).wait_for(timeout=SLOW)
        numbers = page.locator("#lf-steps li").evaluate_all("steps => steps.map(step => step.value)")
        assert numbers == list(range(1, len(numbers) + 1))
        expect(page.locator("#lf-verdict .lf-clock")).to_have_text(re.compile(r"^[1-9]\d* s$"), timeout=SLOW)
        expect(page.locator("#lf-now")).to_be_visible()
        page.locator("#lf-box textarea").fill("And Park?")
        page.locator(STOP).click()
        expect(page.locator("#lf-box .submit-button")).to_be_visible(timeout=SLOW)
        expect(page.locator("#lf-now")).to_be_hidden()
        expect(page.locator("#lf-box textarea")).to_have_value("And Park?")


def test_the_answer_stands_first_and_leads_into_the_steps(browser: Browser, tmp_path: Path) -> None:
    wrong = ScriptedEngine("<think>\nRead Museum 64, Library 41.\nSubtract 64 - 41 = 33.\n</think>\n\nThe answer is 33.")
    with served(wrong, tmp_path) as address, opened(browser, address) as page:
        ask(page, EXAMPLES / "visitors.png", QUESTION)
        ended(page)
        verdict = page.locator("#lf-verdict")
        expect(verdict.locator(".lf-said")).to_have_text("The answer is 33.")
        expect(verdict.locator(".lf-trust")).to_contain_text("Broken")
        assert verdict.bounding_box()["y"] < page.locator(".lf-stage").bounding_box()["y"]
        verdict.locator("[data-go]").first.click()
        expect(page.locator("#lf-steps li.lf-lit")).to_have_attribute("value", "2")


def test_a_reading_is_corrected_and_what_follows_is_computed(asked: Page) -> None:
    chip(asked, "46").click()
    asked.locator(".lf-fix input").fill("41")
    asked.locator(".lf-fix button").click()
    expect(asked.locator("#lf-verdict .lf-said")).to_have_text("The answer is 23.", timeout=20_000)
    expect(asked.locator("#lf-verdict")).to_contain_text("Library is 41, not 46")
    expect(asked.locator(".lf-version")).to_contain_text("64 - 41 = 23")
    expect(asked.locator("#lf-steps details")).to_contain_text("As the model wrote it")
    asked.reload()
    expect(asked.locator("#lf-verdict .lf-said")).to_have_text("The answer is 23.", timeout=20_000)
    asked.locator("[data-act=again]").click()
    expect(asked.locator("#lf-chat .user")).to_have_count(2, timeout=SLOW)
    ended(asked)


def test_what_is_no_number_is_refused_in_one_sentence(asked: Page) -> None:
    chip(asked, "46").click()
    asked.locator(".lf-fix input").fill("<img src=x onerror=alert(1)>")
    asked.locator(".lf-fix button").click()
    expect(asked.locator("#lf-chat .bot").last).to_contain_text("cannot stand there", timeout=20_000)
    expect(asked.locator("#lf-verdict .lf-said")).to_have_text("The answer is 18.")


def test_the_values_become_a_table_that_lights_their_places(asked: Page) -> None:
    asked.locator("[data-act=table]").click()
    table = asked.locator(".lf-values table")
    expect(table).to_be_visible(timeout=SLOW)
    expect(table.locator("tr", has_text="Library")).to_contain_text("41")
    assert "the model read 46" in table.locator("tr", has_text="Library").locator("td").get_attribute("title")
    table.locator("td").first.focus()
    expect(asked.locator(".lf-area")).to_have_count(1)
    table.locator("td").first.fill("65")
    with asked.expect_download() as download:
        asked.locator("[data-act=csv]").click()
    assert download.value.path().read_text().splitlines()[:2] == ["Name,Value", "Museum,65"]


def test_a_part_of_the_picture_is_looked_at_closer(asked: Page) -> None:
    asked.locator("[data-act=closer]").click()
    box = asked.locator(".lf-zoom").bounding_box()
    asked.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.1 * box["height"])
    asked.mouse.down()
    asked.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"], steps=4)
    asked.mouse.up()
    expect(asked.locator("#lf-box img").first).to_be_visible(timeout=20_000)
    expect(asked.locator("[data-act=closer]")).to_have_attribute("aria-pressed", "false")
    ask(asked, None, "What stands here?")
    expect(asked.locator(".lf-tabs [role=tab]")).to_have_count(2, timeout=SLOW)
    expect(asked.locator(".lf-tabs [aria-selected=true]")).to_have_text("picture 2")
    sheet = asked.locator(".lf-sheet:not([hidden])")
    with Image.open(EXAMPLES / "visitors.png") as picture:
        assert abs(int(sheet.get_attribute("data-width")) - 0.5 * picture.width) < 4


def test_a_picture_is_made_larger_and_moved(asked: Page) -> None:
    zoom = asked.locator(".lf-zoom")
    before = zoom.bounding_box()["width"]
    asked.locator("[data-act=in]").click()
    assert zoom.bounding_box()["width"] > 1.4 * before
    at = asked.locator(".lf-frame").bounding_box()
    left = zoom.bounding_box()["x"]
    asked.mouse.move(at["x"] + 100, at["y"] + 100)
    asked.mouse.down()
    asked.mouse.move(at["x"] + 60, at["y"] + 80)
    asked.mouse.up()
    assert zoom.bounding_box()["x"] < left - 20
    asked.locator("[data-act=fit]").click()
    assert abs(zoom.bounding_box()["width"] - before) < 2
    asked.locator("[data-act=all]").click()
    expect(asked.locator(".lf-stage.lf-all")).to_have_count(1)


def test_steps_and_numbers_are_reached_by_arrows(asked: Page) -> None:
    asked.locator("#lf-steps ol.lf-steps").focus()
    asked.keyboard.press("ArrowDown")
    expect(asked.locator("#lf-steps .lf-chip:focus")).to_have_text("64")
    expect(asked.locator(".lf-box.lf-lit")).to_have_count(2)
    asked.keyboard.press("ArrowRight")
    expect(asked.locator("#lf-steps .lf-chip:focus")).to_have_text("46")
    asked.keyboard.press("ArrowDown")
    assert asked.evaluate("document.activeElement.closest('li').value") == 2
    asked.keyboard.press("Enter")
    expect(asked.locator(".lf-fix input")).to_be_focused()
    asked.keyboard.press("Escape")
    expect(asked.locator(".lf-fix")).to_have_count(0)


def test_an_example_is_a_picture_to_click(browser: Browser, scripted: str) -> None:
    with opened(browser, scripted) as page:
        expect(page.locator(".lf-card")).to_have_count(5)
        page.locator(".lf-card").nth(1).click()
        expect(page.locator("#lf-box textarea")).to_have_value(QUESTION, timeout=20_000)
        expect(page.locator("#lf-box img").first).to_be_visible()


def test_a_picture_may_be_dropped_anywhere(browser: Browser, scripted: str) -> None:
    with opened(browser, scripted) as page:
        data = (EXAMPLES / "garden.png").read_bytes()
        page.evaluate(
            """bytes => {
              const data = new DataTransfer();
              data.items.add(new File([new Uint8Array(bytes)], "garden.png", {type: "image/png"}));
              const drop = new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: data});
              document.querySelector("#lf-head").dispatchEvent(drop);
            }""",
            list(data),
        )
        expect(page.locator("#lf-box img").first).to_be_visible(timeout=20_000)


@pytest.mark.parametrize("width", [360, 820, 1440])
def test_the_three_places_fit_every_window(browser: Browser, scripted: str, width: int) -> None:
    with opened(browser, scripted, width=width) as page:
        expect(page.locator(".lf-card").first).to_be_in_viewport()
        ask(page, EXAMPLES / "visitors.png", QUESTION)
        expect(page.locator("#lf-verdict .lf-said")).to_have_text("The answer is 18.", timeout=SLOW)
        expect(page.locator(STOP)).to_be_hidden(timeout=SLOW)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate("scrollTo(0, 0)")
        answer, picture, steps = (page.locator(each).bounding_box() for each in ("#lf-verdict", ".lf-stage", "#lf-fold"))
        if width < 1181:
            assert answer["y"] < picture["y"] < steps["y"]
            assert answer["y"] + answer["height"] < 700, "the answer stands in the first window"
        else:
            assert picture["x"] + picture["width"] <= steps["x"] + 1


def test_a_hostile_wish_changes_nothing(asked: Page) -> None:
    wishes = (
        '{"kind": "correct"}',
        '{"kind": "closer", "picture": 9e99, "box": [0]}',
        "[]",
        "{",
        '{"kind": "example", "number": 1e400}',
    )
    for wish in wishes:
        asked.evaluate(
            """wish => {
              const field = document.querySelector("#lf-wish textarea");
              Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(field, wish);
              field.dispatchEvent(new Event("input", {bubbles: true}));
            }""",
            wish,
        )
        asked.wait_for_timeout(150)
    expect(asked.locator("#lf-verdict .lf-said")).to_have_text("The answer is 18.")
    expect(asked.locator("#lf-chat .bot")).to_have_count(1)


def test_a_value_that_is_typed_is_kept_and_taken_along(browser: Browser, tmp_path: Path) -> None:
    engine = QueuedEngine([Delta("<think>\nRead Museum 64, Library 41.\n64 - 41 = 23.\n</think>\n\nThe answer is 23."), TOOK])
    with served(engine, tmp_path) as address, opened(browser, address, width=1440) as page:
        ask(page, EXAMPLES / "visitors.png", QUESTION)
        expect(page.locator("#lf-verdict .lf-traced")).to_be_visible(timeout=SLOW)
        page.locator("[data-act=table]").click()
        cell = page.locator(".lf-values tr", has_text="Library").locator("td")
        expect(cell).to_have_text("41", timeout=SLOW)
        cell.fill("47")
        page.keyboard.press("Enter")
        expect(page.locator("#lf-verdict .lf-traced")).to_be_hidden(timeout=SLOW)
        expect(cell).to_have_class("lf-typed")
        ask(page, None, "How much is Library?")
        expect(page.locator("#lf-chat .bot").nth(1)).to_contain_text("The answer is 23.", timeout=SLOW)
        assert "Library | 47\n" in engine.history[-1].turns[0].values[0]
        page.reload()
        expect(page.locator(".lf-values tr", has_text="Library").locator("td")).to_have_text("47", timeout=SLOW)


def test_what_is_being_written_survives_a_reload(asked: Page) -> None:
    asked.locator("#lf-box textarea").fill("And how much is Park?")
    asked.wait_for_timeout(700)
    asked.reload()
    expect(asked.locator("#lf-box textarea")).to_have_value("And how much is Park?", timeout=SLOW)

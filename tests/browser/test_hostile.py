"""What a model, a file name or a picture's metadata says runs nothing, loads nothing and turns nothing around."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Browser, expect

from tests.browser.conftest import SLOW, STOP, ask, open_side, opened, served
from tests.fakes import ScriptedEngine

EVIL = "http://evil.invalid"
HOSTILE = (
    "<script>window.ran = 1</script>",
    '<img src="x" onerror="window.ran = 2">',
    '<svg onload="window.ran = 3"></svg>',
    f"![picture]({EVIL}/leak.png)",
    f'<img src="{EVIL}/tag.png">',
    "[press](javascript:window.ran=4)",
    '<a href="javascript:window.ran=5">press</a>',
    f'<iframe src="{EVIL}/frame"></iframe>',
    f"<style>body {{ background: url({EVIL}/style.png) }}</style>",
    r"\(\href{javascript:window.ran=6}{x}\) $$\text{<img src=x onerror=window.ran=7>}$$",
    "\u202eTurned\u202c zero\u200bwidth",
    "</details></div></section>",
)
WRITTEN = "\n".join(HOSTILE)
WRITTEN_IN_IT = "<img src=x onerror=window.ran=9>"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(
        ScriptedEngine(f"<think>\n{WRITTEN}\n3 + 4 = 8\n</think>\n\n{WRITTEN}\nThe answer is 7."), tmp_path_factory.mktemp("kept")
    ) as at:
        yield at


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    notes = PngInfo()
    for name in ("Title", "Description", "Comment"):
        notes.add_text(name, WRITTEN)
    exif = Image.Exif()
    exif[0x010E] = HOSTILE[0]
    path = tmp_path / "a<img src=x onerror=window.ran=8>\u202egnp.png"
    image = Image.new("RGB", (600, 200), "white")
    ImageDraw.Draw(image).text((20, 80), WRITTEN_IN_IT, fill="black", font=ImageFont.load_default(22))
    image.save(path, pnginfo=notes, exif=exif)
    return path


@pytest.mark.parametrize("question", ["What is it?", WRITTEN])
def test_nothing_that_was_written_runs_or_loads(browser: Browser, address: str, picture: Path, question: str) -> None:
    with opened(browser, address) as page:
        alerts: list[str] = []
        page.on("dialog", lambda dialog: (alerts.append(dialog.message), dialog.dismiss()))
        ask(page, picture, question)
        expect(page.locator("#lf-chat .bot").last).to_contain_text("The answer is 7.", timeout=SLOW)
        expect(page.locator(".lf-box title").first).to_contain_text("onerror", timeout=20_000)
        expect(page.locator(STOP)).to_be_hidden(timeout=SLOW)
        expect(page.locator("#lf-steps .lf-false")).to_have_count(1)
        open_side(page)
        page.locator("#lf-name textarea, #lf-name input").first.fill(HOSTILE[1])
        page.keyboard.press("Enter")
        expect(page.locator("#lf-kept")).to_contain_text("<img src", timeout=20_000)
        for link in page.locator("#lf-chat a, #lf-steps a").all():
            assert not (link.get_attribute("href") or "").lower().startswith("javascript")
        page.wait_for_timeout(500)
        assert page.evaluate("window.ran") is None and alerts == []
        assert not [url for url in page.asked if "evil.invalid" in url]  # type: ignore[attr-defined]
        shown = page.locator("#lf-steps").inner_text() + page.locator("#lf-chat .bot").last.inner_text()
        assert "\u202e" not in shown and "\u200b" not in shown

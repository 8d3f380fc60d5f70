"""The README's pictures, taken from the running page: python examples/screenshots.py (make screenshots)."""

from __future__ import annotations

import io
import shutil
import socket
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from app.page.layout import launch
from vision import Settings

HERE = Path(__file__).parent
QUESTION = "What is the difference between Apple and Plum?"
FRAMES, PAUSE_MS = 24, 180
COLORS = 96


def asked(page: Page) -> None:
    """The example, asked."""
    page.locator("#lf-box input[type=file]").set_input_files(str(HERE / "harvest.png"))
    page.locator("#lf-box img").first.wait_for()
    page.locator("#lf-box textarea").fill(QUESTION)
    page.locator("#lf-box .submit-button").click()


def ended(page: Page) -> None:
    expect(page.locator("#lf-steps")).to_contain_text("tokens a second", timeout=60_000)
    page.locator("#lf-box .stop-button").wait_for(state="hidden")
    page.wait_for_timeout(600)


def main() -> None:
    """Take all of them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    served = launch(Settings(data_dir=tempfile.mkdtemp()), host="127.0.0.1", port=port, block=False)
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, size, scheme in (("page", (1440, 900), "light"), ("dark", (1440, 900), "dark"), ("phone", (390, 1500), "light")):
            page = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme).new_page()  # type: ignore[arg-type]
            page.goto(f"http://127.0.0.1:{port}")
            page.locator("#lf-box textarea").wait_for()
            page.wait_for_timeout(1500)
            frames = [page.screenshot()]
            asked(page)
            if name == "page":
                for _ in range(FRAMES):
                    frames.append(page.screenshot())
                    page.wait_for_timeout(PAUSE_MS)
            ended(page)
            if name == "phone":
                page.locator("#lf-fold > button").click()
                page.wait_for_timeout(400)
            chips = page.locator("#lf-steps .lf-chip")
            for i in range(min(4, chips.count())):
                chips.nth(chips.count() - 1 - i).hover()
                page.wait_for_timeout(250)
                frames.append(page.screenshot())
            saved(frames[-1], HERE / f"{name}.png")
            if name == "page":
                animated(frames, HERE / "page.gif")
        browser.close()
    served.close()


def saved(shot: bytes, path: Path) -> None:
    """With few colors, which a page needs no more of."""
    Image.open(io.BytesIO(shot)).convert("RGB").quantize(COLORS).save(path, optimize=True)


def animated(shots: list[bytes], path: Path) -> None:
    frames = [Image.open(io.BytesIO(shot)).convert("RGB").resize((960, 600)).quantize(COLORS) for shot in shots]
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=[600] + [PAUSE_MS] * (len(frames) - 5) + [900] * 4, loop=0, optimize=True
    )


if __name__ == "__main__":
    main()

"""How quick the page is in a real browser: its first paint, a growing thought of 3,000 tokens, and boxes that light.

python -m tests.bench.page
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, sync_playwright

from tests.browser.conftest import ask, ended, opened, served
from tests.fakes import OneByOne, ScriptedEngine
from vision import Control, Prompt, Sampling, Usage
from vision.engines.engine import Delta, Piece

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "visitors.png"
QUESTION = "What is the difference between Museum and Library?"
THOUGHT = "<think>\nRead Museum 64, Library 41.\nSubtract 64 - 41 = 23.\n</think>\n\nThe answer is 23."
LONG_TOKENS = 3_000
PAINTED = """() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime"""
COUNT = """() => {
  window.lfUpdates = [];
  new MutationObserver(() => window.lfUpdates.push(performance.now())).observe(
    document.querySelector("#lf-steps"), {childList: true, subtree: true, characterData: true});
}"""
LIGHT = """() => {
  const svg = document.querySelector(".lf-sheet svg"), box = svg.querySelector(".lf-box");
  const chip = document.querySelector("#lf-steps .lf-chip");
  for (let i = 0; i < 200; i++) svg.append(box.cloneNode(true));
  const times = [];
  for (let i = 0; i < 50; i++) {
    const begun = performance.now();
    chip.dispatchEvent(new PointerEvent("pointerover", {bubbles: true, pointerType: "mouse"}));
    document.body.getBoundingClientRect();
    times.push(performance.now() - begun);
    chip.dispatchEvent(new PointerEvent("pointerout", {bubbles: true, pointerType: "mouse"}));
  }
  return times;
}"""


class Endless(OneByOne):
    """A model whose thought has been written up to its last hundred tokens, which it writes at 60 a second."""

    name = "long"

    def stream(self, prompt: Prompt, sampling: Sampling, control: Control) -> Iterator[Piece]:
        step = "Read Museum 64, Library 41, so that {0} - 41 = {1} and the share is about {1} % of 85.\n"
        text = "<think>\n" + "".join(step.format(i + 64, i + 23) for i in range(LONG_TOKENS // 25))
        yield Delta(text, LONG_TOKENS)
        for i in range(300):
            time.sleep(1 / 60)
            yield Delta(f"word{i} ", LONG_TOKENS + i)
        yield Usage(prompt_tokens=9, thought_tokens=9, answer_tokens=9, first_token_s=0.1, thinking_s=0.1, total_s=0.1, end="end")


def first_paint_ms(browser: Browser, address: str) -> list[float]:
    """Of a page that is opened anew, five times."""
    times = []
    for _ in range(5):
        with opened(browser, address, width=1440) as page:
            times.append(float(page.evaluate(PAINTED)))
    return times


def updates_a_second(browser: Browser, address: str) -> float:
    """Of the steps, while a long thought grows."""
    with opened(browser, address, width=1440) as page:
        ask(page, EXAMPLE, QUESTION)
        page.locator("#lf-steps li").nth(100).wait_for(timeout=60_000)
        page.evaluate(COUNT)
        page.locator("#lf-box .submit-button").wait_for(timeout=60_000)
        at = page.evaluate("window.lfUpdates")
    moments = sorted({round(moment) for moment in at})
    return 1000 * (len(moments) - 1) / (moments[-1] - moments[0])


def light_ms(browser: Browser, address: str) -> list[float]:
    """From pointing at a number until its boxes are lit, fifty times, with 200 boxes more than the picture has."""
    with opened(browser, address, width=1440) as page:
        ask(page, EXAMPLE, QUESTION)
        ended(page)
        times: list[float] = page.evaluate(LIGHT)
    return times


def main() -> int:
    """Print them; the exit code."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        with served(ScriptedEngine(THOUGHT), Path(tempfile.mkdtemp())) as address:
            paints = first_paint_ms(browser, address)
            print(f"first paint after {median(paints):.0f} ms ({max(paints):.0f} at most)")
            times = light_ms(browser, address)
            print(f"boxes light after {median(times):.1f} ms ({max(times):.1f} at most) with 200 more boxes")
        with served(Endless(), Path(tempfile.mkdtemp())) as address:
            print(f"{updates_a_second(browser, address):.1f} updates a second of a thought of {LONG_TOKENS:,} tokens")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

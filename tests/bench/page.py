"""How soon a number's boxes light among two hundred boxes, in a real browser: python -m tests.bench.page"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from statistics import median

from playwright.sync_api import sync_playwright

from tests.browser.conftest import ask, ended, opened, served
from tests.fakes import ScriptedEngine

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "visitors.png"
THOUGHT = "<think>\nRead Museum 64, Library 41.\nSubtract 64 - 41 = 23.\n</think>\n\nThe answer is 23."
MEASURE = """() => {
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


def main() -> int:
    """Print the median and the longest; the exit code."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright, served(ScriptedEngine(THOUGHT), Path(tempfile.mkdtemp())) as address:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        with opened(browser, address, width=1440) as page:
            ask(page, EXAMPLE, "What is the difference between Museum and Library?")
            ended(page)
            times = page.evaluate(MEASURE)
        browser.close()
    print(f"boxes light after {median(times):.1f} ms ({max(times):.1f} at most) with 200 more boxes")
    return 0


if __name__ == "__main__":
    sys.exit(main())

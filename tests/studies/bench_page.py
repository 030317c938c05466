"""How quick is the page? Run in the project's folder: python tests/studies/bench_page.py

Opens it five times in Chromium, without a screen, graphics card or connection, and prints medians:
- until the first map: from the start of loading until the map of the first picture is painted;
- another picture: from the click until its map is painted, for each network;
- longest pause: between two frames while that network runs.
How quick a key moves the map there: bench_frame.py.
"""

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from chromium import launch_chromium
from playwright.sync_api import sync_playwright

from cam_helpers.view.write import write_page

# Notes when the stage stops being busy, and the longest pause between two frames.
WATCH = """
window.seen = { ready: 0, pause: 0 };
let before = 0;
requestAnimationFrame(function frame(now) {
  if (before) seen.pause = Math.max(seen.pause, now - before);
  before = now;
  requestAnimationFrame(frame);
});
document.addEventListener("DOMContentLoaded", () => {
  const stage = document.getElementById("view");
  new MutationObserver(() => requestAnimationFrame((now) => {
    if (stage.ariaBusy === "false" && !seen.ready) seen.ready = now;
  })).observe(stage, { attributes: true });
});
"""


def measure(browser, address):
    """Open the page once and return what was measured."""
    page = browser.new_context(offline=True, viewport={"width": 1280, "height": 800}).new_page()
    page.add_init_script(WATCH)
    page.goto(address)
    page.wait_for_selector("#view[aria-busy=false]")
    page.wait_for_timeout(500)
    found = {"until the first map, ms": page.evaluate("seen.ready")}
    for name, network in (("photo:coffee", "tf_mobilenet_v2"), ("cat_and_dog", "tiny_resnet")):
        for picture in ("photo:cat" if "photo" in name else "cup_and_flower", name):
            page.evaluate("seen.ready = seen.pause = 0")
            start = page.evaluate("performance.now()")
            page.locator(f"#gallery button[value='{picture}']").click()
            page.wait_for_selector("#view[aria-busy=false]")
            page.wait_for_timeout(500)
        found[f"another picture, {network}, ms"] = page.evaluate("seen.ready") - start
        found[f"longest pause, {network}, ms"] = page.evaluate("seen.pause")
    page.context.close()
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "explorer.html"
        write_page(path)
        browser = launch_chromium(playwright)
        runs = [
            measure(browser, path.as_uri()) for _ in range(int(sys.argv[1]) if sys.argv[1:] else 5)
        ]
        browser.close()
    for name in runs[0]:
        numbers = [run[name] for run in runs]
        print(
            f"{name:48}{statistics.median(numbers):7.0f}   {min(numbers):.0f} to {max(numbers):.0f}"
        )


if __name__ == "__main__":
    main()

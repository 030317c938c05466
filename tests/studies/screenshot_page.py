"""Take the README's picture of the page.

Run in the project's folder: python tests/studies/screenshot_page.py
"""

import io
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from chromium import launch_chromium

from cam_helpers.view.write import write_page

FILE = Path(__file__).resolve().parents[2] / "data" / "page.png"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "explorer.html"
        write_page(path)
        browser = launch_chromium(playwright)
        page = browser.new_page(viewport={"width": 1200, "height": 640})
        page.goto(path.as_uri())
        page.wait_for_selector("#view[aria-busy=false]")
        page.wait_for_timeout(500)  # the sentence below the map comes a moment later
        taken = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        browser.close()
    taken.quantize(256).save(FILE, optimize=True)
    print(FILE, taken.size, f"{FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

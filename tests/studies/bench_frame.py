"""How quick is a live map? Run in the project's folder: python tests/studies/bench_frame.py

A stored frame in Chromium, without a kernel, a screen or a graphics card: from the event of a key
on the slider until the frame with the new class's map has been painted. Prints the median of 100
keys, and how long 95 of them take at most.
"""

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from chromium import launch_chromium
from playwright.sync_api import sync_playwright

import cam_helpers as ch

# A message sent in an animation frame arrives when that frame has been painted.
WATCH = """() => {
  window.times = [];
  addEventListener("keydown", ({ timeStamp }) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => times.push(performance.now() - timeStamp);
    port2.postMessage(0);
  }), true);
}"""


def measure(browser, network: str, picture: str, folder: Path) -> list[float]:
    """Return the milliseconds of 100 keys, alternately to the right and to the left."""
    live = ch.live_map(ch.explain(ch.load_network(network), picture))
    path = folder / f"{network}.html"
    path.write_text(live._repr_mimebundle_()["text/html"], encoding="utf-8")
    page = browser.new_context(offline=True, viewport={"width": 1000, "height": 700}).new_page()
    page.goto(path.as_uri())
    slider = page.frame_locator("iframe").locator(".slider")
    slider.wait_for()
    slider.evaluate(WATCH)
    slider.focus()
    titles = set()
    for number in range(100):
        page.keyboard.press("ArrowRight" if number % 20 < 10 else "ArrowLeft")
        page.wait_for_timeout(30)
        titles.add(slider.get_attribute("aria-valuetext"))
    times: list[float] = slider.evaluate("() => times")
    page.context.close()
    assert len(times) == 100 and len(titles) > 8  # each key moved the map
    return times


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = launch_chromium(playwright)
        for network, picture in (("tiny_resnet", "cat_and_dog"), ("tf_mobilenet_v2", "photo:four")):
            times = measure(browser, network, picture, Path(folder))
            most = statistics.quantiles(times, n=20)[-1]
            print(f"{network:16} median {statistics.median(times):5.1f} ms, 95 % {most:5.1f} ms")
        browser.close()


if __name__ == "__main__":
    main()

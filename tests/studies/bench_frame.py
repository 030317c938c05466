"""How quick is a live map? Run in the project's folder: python tests/studies/bench_frame.py

Chromium without a screen or a graphics card: from the event of a key on a slider until the frame
with the new class's map has been painted. Prints the median of 100 keys, and how long 95 of them
take at most, for the widget in JupyterLab (its kernel waits, then computes, then is gone; moved by
its own slider, and by one of the notebook's that is linked to it), for a stored frame and for the
page.
"""

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "view"))
from chromium import launch_chromium
from lab_server import COMPUTE, IS_IDLE, SHUT_DOWN, run_in_lab, running
from playwright.sync_api import sync_playwright

import cam_helpers as ch
from cam_helpers.view.write import write_page

PICTURES = {"tiny_resnet": "cat_and_dog", "tf_mobilenet_v2": "photo:four"}
CODE = """import ipywidgets
import cam_helpers as ch

panel = ch.explorer("{}", "{}")
slider = ipywidgets.IntSlider(panel.class_index, 0, len(panel.network.categories) - 1)
ipywidgets.jslink((slider, "value"), (panel, "class_index"))
display(slider, panel)"""
# A message sent in an animation frame arrives when that frame has been painted.
WATCH = """() => {
  window.times = [];
  addEventListener("keydown", ({ timeStamp }) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => times.push(performance.now() - timeStamp);
    port2.postMessage(0);
  }), true);
}"""


def measure(page, name, where, handle=None):
    """Press 100 keys on a slider of `where`, alternately to the right and to the left."""
    slider = where.locator(".slider")
    (handle or slider).focus()
    slider.evaluate("() => void (window.times = [])")
    titles = set()
    for number in range(100):
        page.keyboard.press("ArrowRight" if number % 20 < 10 else "ArrowLeft")
        page.wait_for_timeout(30)
        titles.add(slider.get_attribute("aria-valuetext"))
    times = slider.evaluate("() => times")
    assert len(times) == 100 and len(titles) > 8, (len(times), titles)  # each key moved the map
    most = statistics.quantiles(times, n=20)[-1]
    print(f"| {name} | {statistics.median(times):.1f} | {most:.1f} |", flush=True)


def in_lab(browser, server, network):
    page = run_in_lab(
        browser, server, f"{network}.ipynb", [CODE.format(network, PICTURES[network])]
    )
    view = page.locator(".cam-view")
    view.locator(".slider").wait_for(timeout=60_000)
    page.wait_for_function(IS_IDLE)
    page.evaluate(WATCH)
    measure(page, f"{network} in JupyterLab", view)
    measure(page, f"{network}, by the linked slider", view, page.locator(".noUi-handle"))
    page.evaluate(COMPUTE, "while True: pass")
    measure(page, f"{network}, while a cell computes", view)
    assert page.evaluate("isComputing")
    page.evaluate(SHUT_DOWN)
    measure(page, f"{network}, the kernel shut down", view)
    page.close()


def on_file(browser, name, address, find):
    page = browser.new_context(offline=True, viewport={"width": 1000, "height": 700}).new_page()
    page.goto(address)
    where = find(page)
    where.locator(".best button").first.wait_for(timeout=60_000)
    where.locator(".slider").evaluate(WATCH)
    measure(page, name, where)
    page.context.close()


def main() -> None:
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        folder, browser = Path(home), launch_chromium(playwright)
        write_page(folder / "page.html")
        print("| key to painted map | median, ms | 95 %, ms |\n|---|---|---|")
        for network, picture in PICTURES.items():
            with running(folder / network) as server:
                in_lab(browser, server, network)
            live = ch.live_map(ch.explain(ch.load_network(network), picture))
            frame = folder / f"{network}.html"
            frame.write_text(live._repr_mimebundle_()["text/html"], encoding="utf-8")
            on_file(
                browser,
                f"{network}, a stored frame",
                frame.as_uri(),
                lambda page: page.frame_locator("iframe"),
            )
            address = f"{(folder / 'page.html').as_uri()}#picture={picture}&network={network}"
            on_file(browser, f"{network} on the page", address, lambda page: page.locator("#view"))
        browser.close()


if __name__ == "__main__":
    main()

"""The explorer as a widget: its traits in Python, and its view in a real JupyterLab.

The browser's tests are skipped without Chromium; with CAM_BROWSER=required they fail then.
"""

import re
import subprocess
import sys
from io import BytesIO

import nbformat
import pytest
import torch
import traitlets
from chromium import require_chromium
from lab_server import COMPUTE, INTERRUPT, SHUT_DOWN, run_in_lab, running, write_book
from near import assert_within_a_level
from PIL import Image

import cam_helpers as ch

PACKAGES = {"playwright": "playwright"}
CODE = """import ipywidgets
import cam_helpers as ch

panel = ch.explorer("tiny_resnet", "cat_and_dog")
slider = ipywidgets.IntSlider(panel.class_index, 0, 11, description="class index")
ipywidgets.jslink((slider, "value"), (panel, "class_index"))
display(slider, panel)"""
FRAME = """import cam_helpers as ch
ch.live_map(ch.explain(ch.load_network(), "cat_and_dog"))"""
ASK = "print(panel.class_index, panel.cell, panel.view)"


# ---- In Python ----------------------------------------------------------------------------------


def test_the_traits_say_where_it_stands_and_refuse_what_is_not_there(network):
    panel = ch.explorer(network, "cat_and_dog", "cat", view="classes", other="fish")
    assert (panel.class_index, panel.other_index, panel.view) == (0, 3, "classes")
    assert panel.explanation.cam("cat")[panel.cell] == panel.explanation.cam("cat").max()
    with pytest.raises(IndexError):
        panel.class_index = 12
    with pytest.raises(traitlets.TraitError):
        panel.view = "one cell"
    with pytest.raises(ValueError, match="view is one of"):
        ch.explorer(network, view="one cell")
    panel.show("fish")
    assert (panel.name, network.categories[panel.class_index]) == ("fish", "fish")


def test_it_is_stored_as_a_frame_and_shown_as_a_widget(network):
    panel = ch.explorer(network, "cat_and_dog")
    data, _ = panel._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"} == set(data)
    assert data["text/plain"] == panel.alt
    assert "<iframe" in data["text/html"] and "<img" in data["text/html"]


@pytest.mark.parametrize("name", ["tiny_resnet", "tf_mobilenet_v2"])
def test_the_kernel_answers_with_the_mirrored_and_the_covered_picture(name, monkeypatch):
    panel, sent = ch.explorer(name, "cat_and_dog"), []
    monkeypatch.setattr(panel, "send", sent.append)
    panel._answer(panel, {"id": 1, "job": "mirrored"}, None)
    mirrored = ch.explain(panel.network, panel.explanation._input.flip(-1))
    assert sent[0]["numbers"]["scores"] == pytest.approx(mirrored.scores.tolist(), abs=1e-4)
    spots = [{"x": 0.5, "y": 0.5, "radius": 0.1}]
    covered = panel._covered(panel.explanation._input, spots)
    changed = (covered != panel.explanation._input).any(0).nonzero()
    assert changed.float().mean(0).tolist() == pytest.approx([111.5, 111.5], abs=1)
    picture = torch.tensor(list(panel.network.picture_of(covered).getpixel((112, 112))))
    assert (picture == 128).all()


# ---- In JupyterLab ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    require_chromium(PACKAGES)
    with running(tmp_path_factory.mktemp("desk")) as server:
        yield server


def title_of(explanation, k):
    return f"{explanation.network.categories[k]}: score {explanation.score(k):.2f}"


@pytest.mark.browser
def test_it_moves_in_jupyterlab_by_key_by_the_linked_slider_and_without_its_kernel(browser, server):
    explanation = ch.explain(ch.load_network(), "cat_and_dog")
    order = explanation.scores.argsort(descending=True).tolist()
    page = run_in_lab(browser, server, "live.ipynb", [CODE, ASK])
    view = page.locator(".cam-view")

    def expect(k):
        view.locator(".title").filter(has_text=title_of(explanation, k)).wait_for(timeout=60_000)

    expect(order[0])
    page.get_by_text(f"{order[0]} (2, 6) map").wait_for()
    view.locator(".slider").focus()
    page.keyboard.press("ArrowRight")
    expect(order[1])
    page.keyboard.press("d")
    page.keyboard.press("d")  # deletes a cell, unless JupyterLab leaves the key to the control
    assert page.locator(".jp-CodeCell").count() == 2
    page.locator(".noUi-handle").focus()  # the notebook's own slider, by index
    page.keyboard.press("ArrowRight")
    expect(order[1] + 1)

    page.evaluate(COMPUTE, "import time\nwhile True: time.sleep(0.1)")
    page.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    expect(order[1] + 2)
    assert page.evaluate("isComputing")
    page.evaluate(INTERRUPT)
    page.wait_for_function("!isComputing", timeout=60_000)

    view.get_by_text("two classes").click()
    view.locator(".difference-caption").filter(has_text="minus").wait_for()
    page.locator(".jp-CodeCell").nth(1).click()
    page.keyboard.press("Control+Enter")
    page.get_by_text(f"{order[1] + 2} (2, 6) classes").wait_for(timeout=60_000)

    page.evaluate(SHUT_DOWN)
    page.wait_for_timeout(500)
    view.locator(".slider").focus()
    page.keyboard.press("Home")
    expect(order[0])
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("how", ["lab", "notebook", "voila", "html"])
def test_a_stored_frame_answers_a_key_where_nothing_was_run(browser, server, how):
    explanation = ch.explain(ch.load_network(), "cat_and_dog")
    order = explanation.scores.argsort(descending=True).tolist()
    bundle = ch.live_map(explanation)._repr_mimebundle_()
    output = nbformat.v4.new_output("execute_result", bundle, execution_count=1)
    cell = nbformat.v4.new_code_cell(FRAME, outputs=[output], execution_count=1)
    write_book(server, f"{how}.ipynb", [cell])
    if how == "html":
        command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", "html.ipynb"]
        subprocess.run(command, cwd=server.folder, check=True, capture_output=True, timeout=120)
        page = browser.new_context(offline=True).new_page()
        path = server.folder / "html.html"
        page.goto(path.as_uri(), wait_until="domcontentloaded")
    else:  # Voila alone runs the cell: it shows nothing that is stored
        server.trust(f"{how}.ipynb")
        page = browser.new_page()
        page.goto(server.page_of(how, f"{how}.ipynb"))
    frame = page.frame_locator("iframe[title='live map of cat_and_dog']")
    frame.locator(".title").filter(has_text=title_of(explanation, order[0])).wait_for(
        timeout=60_000
    )
    frame.locator(".slider").focus()
    page.keyboard.press("ArrowRight")
    frame.locator(".title").filter(has_text=title_of(explanation, order[1])).wait_for()
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("scripts", ["are not allowed", "went with their frame"])
def test_without_scripts_the_still_is_seen(browser, tmp_path, scripts):
    live = ch.live_map(ch.explain(ch.load_network(), "cat_and_dog"))
    markup = live._repr_mimebundle_()["text/html"]
    if scripts == "are not allowed":  # by the frame itself: Chromium's own switch may come too late
        without = markup.replace("allow-scripts ", "")
    else:  # as where a notebook is not trusted
        without = re.sub(r"<iframe.*?</iframe>", "", markup, flags=re.S)
    assert without != markup
    path = tmp_path / "still.html"
    path.write_text(f'<body style="margin: 0">{without}', encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    box = page.locator("img").bounding_box()
    assert (box["width"], box["height"]) == live.still.size
    shown = Image.open(BytesIO(page.screenshot(clip=box))).convert("RGB")
    page.close()
    assert_within_a_level(shown, live.still)

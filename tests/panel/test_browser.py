"""The explorer as learners meet it, in a real Chromium: all of it in JupyterLab, and that it works
at all in Notebook 7 and Voila.

Without Chromium or a package of the extra `browser` these tests are skipped, and say how to get
what is missing; with CAM_BROWSER=required they fail then. `pytest -m browser` runs them alone.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from browser import access
from browser.desk import BEST, KERNEL_IS_IDLE, RUN_ALL, Desk, Errors
from browser.server import PROJECT
from browser.truth import NEAR, Truth, decode, difference
from chromium import require_chromium
from PIL import Image

import cam_helpers as ch
from cam_helpers.cells import frame_cell
from cam_helpers.display.controls import STILL
from cam_helpers.panel.sums import sum_of_cell

pytestmark = pytest.mark.browser

PACKAGES = {"playwright": "playwright", "notebook": "notebook", "voila": "voila"} | {
    "axe_playwright_python": "axe-playwright-python"
}
BOOK = PROJECT / "notebooks" / "06_explorer.ipynb"
VIEWS = ["the map", "one cell", "channels one by one", "two classes", "two networks"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    require_chromium(PACKAGES)
    desk = Desk(tmp_path_factory.mktemp("desk"))
    yield desk
    desk.close()


@pytest.fixture(params=["lab"])
def screen(request, desk):
    """The explorer in JupyterLab, or in what a test asks for, with no error of ours at the end."""
    yield desk.explorer(request.param)
    assert desk.errors[request.param] == []


@pytest.fixture(scope="module")
def truth(loaded_network):
    return Truth(ch.explain(loaded_network, "cat_and_dog"))


# ---- The class ----------------------------------------------------------------------------


@pytest.mark.parametrize("screen", ["lab", "notebook", "voila"], indirect=True)
def test_the_slider_shows_the_map_of_every_class(screen, truth):
    screen.slider("class index").press("Home")
    for class_index in range(len(truth.categories)):
        state = screen.wait_for_title(truth.title(class_index))
        truth.assert_shown(state, class_index)
        assert screen.slider("class index").get_attribute("aria-valuenow") == f"{class_index}.0"
        screen.slider("class index").press("ArrowRight")


def test_list_name_and_buttons_lead_to_a_class(screen, truth):
    def arrives(category):
        class_index = truth.categories.index(category)
        state = screen.wait_for_title(truth.title(class_index))
        truth.assert_shown(state, class_index)
        assert screen.control("class").input_value() == f"{class_index} {category}"

    screen.choose("class", "3 fish")
    arrives("fish")
    screen.type("find class", "house")
    arrives("house")
    screen.type("find class", "4 butterfly")
    arrives("butterfly")
    best = truth.explanation.prediction.top(5)
    for ranked in best:
        screen.button(f"{ranked.category} {ranked.score:.2f}").click()
        arrives(ranked.category)


def test_an_unknown_name_gets_a_sentence_and_nothing_moves(screen):
    before = screen.read()
    screen.type("find class", "fishx")
    state = screen.wait_for_sentence("Did you mean 'fish'?")
    assert (state.title, state.figures) == (before.title, before.figures)
    assert screen.control("class").input_value() == "1 dog"


# ---- Pictures of one's own ------------------------------------------------------------------


def picture_file(path, name="dog", size=(224, 224)):
    """Save a shipped picture in the format that the path's suffix names."""
    ch.open_picture(name).resize(size).save(path)
    return path


def heavy_picture(path, side):
    """Save a picture that cannot be made smaller without loss: 3 bytes a pixel."""
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path, compress_level=0)
    return path


@pytest.mark.parametrize(("name", "size"), [("own.png", (224, 224)), ("wide.jpg", (340, 200))])
def test_an_uploaded_picture_is_the_one_explained(screen, loaded_network, tmp_path, name, size):
    path = picture_file(tmp_path / name, "house", size)
    own = Truth(ch.explain(loaded_network, path))
    screen.upload(path)
    state = screen.wait_for_title(own.title(own.best))
    own.assert_shown(state, own.best)
    assert difference(decode(state.figures["crop"]), own.explanation.input_picture) < NEAR
    assert screen.control("picture").input_value() == f"your {name}"


def test_a_file_that_is_no_picture_gets_a_sentence_and_the_last_picture_stays(screen, tmp_path):
    words = tmp_path / "words.jpg"
    words.write_text("only words", encoding="utf-8")
    before = screen.read()
    screen.upload(words)
    state = screen.wait_for_sentence("no picture")
    assert "words.jpg" in state.sentence
    assert (state.title, state.figures) == (before.title, before.figures)


def test_a_file_of_15_mb_arrives_and_one_above_20_mb_gets_a_sentence(screen, tmp_path):
    heavy = heavy_picture(tmp_path / "heavy.png", 2240)
    assert 15e6 < heavy.stat().st_size < 16e6
    screen.upload(heavy)
    state = screen.wait(lambda state: state.title and not state.title.startswith(BEST), "heavy")
    assert screen.control("picture").input_value() == "your heavy.png"
    too_heavy = tmp_path / "too heavy.png"
    too_heavy.write_bytes(bytes(20_000_001))
    screen.upload(too_heavy)
    after = screen.wait_for_sentence("at most 20 MB")
    assert (after.title, after.figures) == (state.title, state.figures)


# ---- One cell -------------------------------------------------------------------------------


def assert_cell(screen, truth, class_index, row, column):
    """Fail unless fields, frame and table all speak of this cell."""
    name = f"cell ({row}, {column}) of the map"
    state = screen.wait(lambda state: state.rows and state.rows[-1][0] == name, name)
    found = sum_of_cell(truth.explanation, class_index, row, column)
    assert state.rows[-1][1] == f"{found.total:.2f}"
    terms = [[f"channel {t.channel}", f"{t.contribution:.2f}"] for t in found.strongest]
    assert [[cells[0], cells[-1]] for cells in state.rows[1:6]] == terms
    assert screen.control("row").input_value() == str(row)
    assert screen.control("column").input_value() == str(column)
    picker = screen.panel.get_by_alt_text(f"The frame is cell row {row}, column {column},").first
    picker.wait_for()
    framed = frame_cell(truth.cells(class_index), (row, column), (7, 7))
    np.testing.assert_array_equal(decode(picker.get_attribute("src")), framed)


def test_a_cell_is_chosen_by_click_or_by_its_fields(screen, truth):
    best = truth.best
    screen.choose("look at", "one cell")
    peak = divmod(int(truth.explanation.cam(best).argmax()), 7)
    assert_cell(screen, truth, best, *peak)

    # The map's place on the page, not a button's name: the buttons have to lie where the cells are.
    box = screen.panel.get_by_alt_text("The frame is cell").first.bounding_box()
    assert (box["width"], box["height"]) == (224, 224)
    for row, column in ((5, 1), (0, 0), (6, 6)):
        x, y = box["x"] + column * 32 + 16, box["y"] + row * 32 + 16
        screen.page.mouse.click(x, y)
        assert_cell(screen, truth, best, row, column)

    screen.control("row").press("ArrowDown")  # from 6 to 5, as in any number field
    assert_cell(screen, truth, best, 5, 6)
    screen.type("column", "3")
    assert_cell(screen, truth, best, 5, 3)
    screen.slider("class index").press("Home")
    screen.wait_for_title(truth.title(0))
    assert_cell(screen, truth, 0, 5, 3)


# ---- By keyboard alone ----------------------------------------------------------------------

BEFORE_THE_VIEW = [
    "network",
    "picture",
    "your own picture",
    "class index, slider",
    "class index, its number",
    "class",
    "find class",
    *["best"] * 5,
    "look at",
    *("style", "scale", "opacity", "grid"),  # evidence has its own colours
]
OF_THE_VIEW = {
    "the map": ["show"],
    "one cell": ["row", "column"],
    "channels one by one": [
        *("play", "stop", "retweet"),
        *("channels, slider", "channels, its number", "number of channels"),
    ],
    "two classes": ["other class"],
}
AFTER_THE_VIEW = ["save overlay (PNG)", "save map (.npy)"]


def stop_name(text):
    """Return what a stop of the Tab key is called here; the best five change their names."""
    if re.fullmatch(r".* -?\d+\.\d\d", text):
        return "best"
    return "your own picture" if text.startswith("your own picture") else text


def walk(screen, key="Tab"):
    """Press a key until it leads out of the panel; return the names of the stops."""
    stops = [stop_name(screen.focused())]
    while len(stops) < 60:
        screen.page.keyboard.press(key)
        here = screen.focused()
        if not here:
            return stops
        stops.append(stop_name(here))
    raise AssertionError(f"Tab never leaves the panel: {stops}")


def tab_to(screen, name):
    """Press Tab until a control is reached, from wherever the keyboard is on the page."""
    for _ in range(80):
        if stop_name(screen.focused()) == name:
            return
        screen.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {name}.")


def press(screen, *keys):
    for key in keys:
        screen.page.keyboard.press(key)


def test_tab_leads_through_the_panel_in_its_order_and_out(screen):
    screen.panel.get_by_label("look at").focus()
    for view, own in OF_THE_VIEW.items():
        screen.choose("look at", view)
        screen.panel.get_by_text(re.compile(own[-1])).first.wait_for()
        screen.control("network").focus()
        assert walk(screen) == BEFORE_THE_VIEW + own + AFTER_THE_VIEW
        screen.button("save map").focus()
        assert walk(screen, "Shift+Tab")[-1] == "network"


def test_the_whole_panel_can_be_used_without_a_mouse(screen, truth):
    # From the notebook's own cell, as after Shift+Enter.
    cell = screen.page.locator(".jp-CodeCell").first
    cell.focus()
    tab_to(screen, "picture")
    press(screen, "ArrowDown")
    screen.wait_for_title("fish:")
    assert screen.control("picture").input_value() == "cat_and_fish"
    press(screen, "ArrowUp")
    screen.wait_for_title(BEST)
    tab_to(screen, "class index, slider")
    press(screen, "ArrowRight")
    screen.wait_for_title(truth.title(2))
    tab_to(screen, "class")
    press(screen, "ArrowDown")
    screen.wait_for_title(truth.title(3))
    tab_to(screen, "find class")
    screen.page.keyboard.type("house")
    press(screen, "Enter")
    house = truth.categories.index("house")
    truth.assert_shown(screen.wait_for_title(truth.title(house)), house)
    tab_to(screen, "best")
    press(screen, "Space")
    screen.wait_for_title(BEST)

    tab_to(screen, "look at")
    press(screen, "ArrowDown")
    screen.control("row").wait_for()
    tab_to(screen, "scale")
    press(screen, "ArrowDown")
    screen.panel.get_by_text("scale this map's own").wait_for()
    press(screen, "ArrowUp")
    tab_to(screen, "opacity")
    press(screen, "ArrowDown", "ArrowDown")
    screen.panel.get_by_alt_text("opacity up to 10%").wait_for()
    press(screen, "ArrowUp", "ArrowUp")
    tab_to(screen, "row")
    press(screen, "ArrowUp")
    assert_cell(screen, truth, 1, 3, 6)

    screen.control("look at").focus()
    press(screen, "ArrowDown")
    tab_to(screen, "channels, slider")
    press(screen, "End")
    state = screen.wait(lambda state: "192 channels" in str(state.rows), "192 channels")
    assert difference(decode(state.figures["sum, cell by cell"]), truth.cells(1)) == 0
    press(screen, "PageDown")
    screen.wait(lambda state: "192 channels" not in str(state.rows), "fewer channels")
    screen.control("look at").focus()
    press(screen, "ArrowDown")
    tab_to(screen, "other class")
    press(screen, "ArrowDown")
    screen.wait_for_title("dog or dog?")
    tab_to(screen, "save map (.npy)")
    press(screen, "Enter")
    screen.wait_for_sentence("Saved as ")


@pytest.mark.parametrize("screen", ["lab", "notebook"], indirect=True)
def test_letters_typed_in_the_panel_leave_the_notebook_as_it_is(screen):
    def cells():
        return screen.page.locator(".jp-Cell").all_inner_texts()

    before = cells()
    stops = [screen.control("class"), screen.slider("class index"), screen.button("save map")]
    for stop in stops:
        stop.focus()
        press(screen, *"ddxabmyc")
    assert cells() == before
    # Keys with Ctrl are still Jupyter's: this one saves the notebook.
    unsaved = "window.jupyterapp.shell.currentWidget.context.model.dirty"
    screen.page.evaluate(f"{unsaved} = true")
    press(screen, "Control+s")
    screen.page.wait_for_function(f"() => !{unsaved}")


# ---- Play -----------------------------------------------------------------------------------


def test_play_grows_the_map_up_to_the_full_one(screen, truth):
    screen.choose("look at", "channels one by one")
    screen.type("number of channels", "180")
    first, last = (f"mean of the sum of {count} channels" for count in (180, 192))
    state = screen.wait(lambda state: state.rows and state.rows[0][0] == first, first)
    whole = truth.explanation.overlay(truth.best)
    assert difference(decode(state.figures["overlay"]), whole) > 0
    screen.panel.locator(".widget-play button").first.click()
    state = screen.wait(lambda state: state.rows[0][0] == last, last)
    assert difference(decode(state.figures["overlay"]), whole) == 0


# ---- Another network ------------------------------------------------------------------------


def test_the_network_is_switched_in_place(screen):
    screen.choose("picture", "photo:coffee")
    screen.wait(lambda state: not state.title.startswith(BEST), "coffee")
    screen.control("network").focus()
    press(screen, "ArrowDown")
    screen.wait_for_title("espresso:")
    assert screen.focused() == "network"
    screen.type("find class", "cup")
    screen.wait_for_title("cup:")
    assert screen.slider("class index").get_attribute("aria-valuenow") == "968.0"
    press(screen, "ArrowUp")


# ---- Saving ---------------------------------------------------------------------------------


def saved_file(screen, folder, suffix):
    """Wait until the panel says that it has saved a file; return the file."""
    state = screen.wait(lambda s: re.match(rf"Saved as \S+{suffix} in ", s.sentence), "Saved")
    name, place = re.fullmatch(r"Saved as (\S+) in (.+)\.", state.sentence).groups()
    assert Path(place) == folder
    return folder / name


def test_saved_files_hold_what_was_shown(screen, desk, truth):
    folder = desk.server.folder
    fish = truth.categories.index("fish")
    screen.choose("class", "3 fish")
    screen.wait_for_title(truth.title(fish))
    screen.button("save overlay").click()
    picture = Image.open(saved_file(screen, folder, ".png"))
    np.testing.assert_array_equal(picture, truth.explanation.overlay(fish))
    numbers = json.loads(picture.text["cam_helpers"])
    cam = truth.explanation.cam(fish).numpy()
    np.testing.assert_allclose(numbers["map"], cam, atol=1e-4)
    assert numbers["score"] == pytest.approx(cam.mean() + numbers["bias"], abs=1e-3)
    assert numbers["limits"] == pytest.approx(truth.explanation.limits(fish), abs=1e-4)
    assert (numbers["category"], numbers["picture"]) == ("fish", "cat_and_dog")
    screen.button("save map").click()
    np.testing.assert_allclose(np.load(saved_file(screen, folder, ".npy")), cam, atol=1e-4)


# ---- For those who do not see it ------------------------------------------------------------


def test_axe_finds_nothing_but_what_ipywidgets_causes(screen):
    for view in VIEWS:
        screen.choose("look at", view)
        title = " or " if view.startswith("two") else BEST
        screen.wait(lambda state, title=title: title in state.title, view)
        assert access.our_faults(screen.page) == [], view


def test_sliders_and_play_have_a_named_control_beside_them(screen):
    screen.choose("look at", "channels one by one")
    for slider, remedy in access.REMEDIES.items():
        screen.slider(slider).wait_for()
        assert screen.control(remedy).is_visible()
    assert screen.panel.get_by_role("slider").count() == len(access.REMEDIES)


def test_axe_would_find_a_fault(screen):
    add = "panel => panel.insertAdjacentHTML('beforeend', '<img id=bad src=about:blank>')"
    screen.panel.evaluate(add)
    try:
        assert access.our_faults(screen.page) == [("image-alt", "#bad")]
    finally:
        screen.page.evaluate("document.querySelector('#bad').remove()")


# ---- Stored notebooks -----------------------------------------------------------------------


def assert_still(page, truth):
    """Fail unless a page shows the still picture of the best class and says how to move it."""
    page.get_by_text(STILL).first.wait_for()
    image = page.get_by_alt_text(re.compile("^The map of dog peaks in ")).first
    image.wait_for()
    assert image.evaluate("image => image.naturalWidth") > 0
    assert page.get_by_text(truth.title(truth.best)).first.is_visible()
    assert page.locator(".jupyter-widgets").count() == 0


def opened_in_lab(desk, trusted):
    """Open a copy of notebook 06 in JupyterLab, without running it."""
    (desk.server.folder / BOOK.name).write_bytes(BOOK.read_bytes())
    if trusted:
        desk.server.trust(BOOK.name)
    page = desk.new_page()
    page.goto(desk.server.page_of("lab", BOOK.name))
    page.wait_for_function(KERNEL_IS_IDLE)
    return page


@pytest.mark.parametrize("trusted", [False, True])
def test_a_stored_notebook_shows_the_picture_and_how_to_move_it(desk, truth, trusted):
    page = opened_in_lab(desk, trusted)
    assert_still(page, truth)
    page.close()


@pytest.mark.long
def test_notebook_06_shows_its_panels_running(desk):
    page = opened_in_lab(desk, trusted=False)
    errors = Errors(page)
    page.evaluate(RUN_ALL)
    panels = BOOK.read_text(encoding="utf-8").count(f"<p><em>{STILL}</em></p>")
    page.locator(".cam-panel").nth(panels - 1).wait_for(state="attached")
    page.wait_for_function(KERNEL_IS_IDLE)
    for panel in page.locator(".cam-panel").all():
        assert panel.locator("figure img").count() >= 2
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").count() == 0
    assert errors == []
    page.close()


def test_a_notebook_as_html_shows_the_picture_offline(desk, truth, tmp_path):
    command = [sys.executable, "-m", "jupyter", "nbconvert", "--to", "html", BOOK]
    command += ["--output-dir", tmp_path]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    page = desk.new_page()
    page.context.set_offline(True)
    page.goto((tmp_path / "06_explorer.html").as_uri(), wait_until="domcontentloaded")
    assert_still(page, truth)
    page.close()

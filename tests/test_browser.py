"""The explorer as learners meet it: in JupyterLab, Notebook 7 and Voila, in a real Chromium.

Without Chromium or a package of the extra `browser` these tests are skipped, and say how to get
what is missing; with CAM_BROWSER=required they fail then. `pytest -m browser` runs them alone, in
about 90 seconds on two cores.
"""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from browser import access
from browser.books import write_book
from browser.chromium import what_is_missing
from browser.desk import BEST, KERNEL_IS_IDLE, Desk
from browser.truth import NEAR, Truth, decode, difference
from PIL import Image

import cam_helpers as ch
from cam_helpers.controls import STILL
from cam_helpers.sums import partial_cam, sum_of_cell

pytestmark = pytest.mark.browser

PROJECT = Path(__file__).resolve().parents[1]
VIEWS = ["the map", "one cell", "channels one by one", "two classes", "two networks"]
MAP = "map, cell by cell"


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    missing = what_is_missing()
    if missing and os.environ.get("CAM_BROWSER") == "required":
        pytest.fail(missing)
    if missing:
        pytest.skip(missing)
    desk = Desk(tmp_path_factory.mktemp("desk"))
    yield desk
    desk.close()


@pytest.fixture(params=["lab"])
def screen(request, desk):
    """The explorer in JupyterLab, or in what a test asks for, with no error of ours at the end."""
    yield desk.explorer(request.param)
    assert desk.complaints[request.param].ours() == []


everywhere = pytest.mark.parametrize("screen", ["lab", "notebook", "voila"], indirect=True)


@pytest.fixture(scope="module")
def truth(loaded_network):
    return Truth(ch.explain(loaded_network, "cat_and_dog"))


# ---- The class ----------------------------------------------------------------------------


@everywhere
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
        shown = screen.control("class").evaluate("list => list.selectedOptions[0].label")
        assert shown == f"{class_index} {category}"

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


@everywhere
def test_an_unknown_name_gets_a_sentence_and_nothing_moves(screen):
    before = screen.read()
    screen.type("find class", "fishx")
    state = screen.wait_for_sentence("Did you mean 'fish'?")
    assert (state.title, state.figures) == (before.title, before.figures)
    assert screen.control("class").input_value() == before.title.split(":")[0]

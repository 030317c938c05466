"""The live map in a frame: what Python lays in, and what a stored notebook keeps."""

import html
import json
import re

import nbformat
import numpy as np
import pytest
import store_notebooks as stored
from PIL import Image

import cam_helpers as ch
from cam_helpers.view.bundle import as_json

LARGEST = 450_000  # bytes


def numbers_in(live):
    return json.loads(stored.NUMBERS.search(live.frame)[2])


@pytest.fixture(scope="module")
def explanation(loaded_network):
    return ch.explain(loaded_network, "cat_and_dog")


def output_of(live):
    return [nbformat.v4.new_output("display_data", live._repr_mimebundle_())]


def test_the_maps_of_all_classes_lie_in_the_frame(explanation):
    found = numbers_in(ch.live_map(explanation, "cat"))
    maps = stored._unpacked(found["maps"]).reshape(12, 7, 7)
    limit = explanation.cams().abs().max().item()
    assert np.abs(maps - explanation.cams().numpy()).max() < limit / 60_000
    assert found["categories"] == list(explanation.network.categories)
    assert found["start"]["class"] == 0


def test_the_frame_of_a_thousand_classes_is_small_enough():
    network = ch.load_network("tf_mobilenet_v2")
    bundle = ch.live_map(ch.explain(network, "photo:four"), "tripod")._repr_mimebundle_()
    assert len(bundle["text/html"]) < LARGEST


def test_no_name_ends_a_script_or_leaves_the_frame(make_small):
    bad = "</script><img src=x onerror=alert(1)>\"'&"
    network = make_small((bad, "b", "c"))
    picture = Image.new("RGB", (40, 40), "red")
    live = ch.live_map(ch.explain(network, picture), 0, name=bad)
    assert live.frame.count("</script>") == 2  # of the numbers and of the code
    assert numbers_in(live)["categories"][0] == bad
    page = live._repr_mimebundle_()["text/html"]
    assert html.unescape(re.search('srcdoc="([^"]*)"', page)[1]) == live.frame
    assert "<img src=x" not in page
    assert "<" not in as_json({bad: bad})


def test_an_unknown_view_or_too_many_channels_get_a_sentence(explanation):
    with pytest.raises(ValueError, match="view is one of map, classes, channels, scores"):
        ch.live_map(explanation, view="maps")
    large = ch.explain(ch.load_network("tf_mobilenet_v2"), "photo:cat")
    with pytest.raises(ValueError, match="too many channels"):
        ch.live_map(large, view="channels")


def test_a_stored_frame_is_kept_until_its_numbers_change(explanation):
    before = output_of(ch.live_map(explanation, "cat"))
    (numbers,) = stored.frames_of(before)
    spoiled = json.loads(numbers)
    for change, fault in (
        (lambda n: n["scores"].__setitem__(2, n["scores"][2] + 1e-6), ""),
        (lambda n: n["scores"].__setitem__(2, n["scores"][2] + 1), "scores differs by"),
        (lambda n: n["categories"].__setitem__(0, "tiger"), "is not what is stored"),
        (lambda n: n["maps"].update(scale=n["maps"]["scale"] * 1.01), "maps differs by 1.0%"),
        (lambda n: n["start"].update({"class": 3}), "start: class is not what is stored"),
        (lambda n: n.pop("maps"), "is not what is stored"),
    ):
        spoiled = json.loads(numbers)
        change(spoiled)
        found = stored.frame_fault(json.dumps(spoiled), numbers)
        assert fault in found and bool(found) == bool(fault)
        fresh = json.loads(json.dumps(before))
        text = fresh[0]["data"]["text/html"]
        new = html.escape(as_json(spoiled))
        fresh[0]["data"]["text/html"] = text.replace(html.escape(numbers), new)
        stored.keep_stored_pictures(fresh, before)
        assert (fresh == before) == (not fault)

"""The live map in a frame: what Python lays in, and what a stored notebook keeps."""

import base64
import html
import json
import re

import nbformat
import numpy as np
import pytest
import store_notebooks as stored
import torch
from PIL import Image

import cam_helpers as ch
from cam_helpers.networks.preprocess import Preprocess
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


# ---- On the screen ------------------------------------------------------------------------------

PICTURES = ("cat_and_dog", "cup_and_flower", "photo:four", "photo:cat", "photo:coffee")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
# Turns the slider to some classes; returns what is written then, and the pixels of some maps.
READ = """async ([first, last, every]) => {
  const part = (name) => document.querySelector(name);
  part(".by-index").checked = true;
  const found = [];
  for (let k = first; k < last; k++) {
    part(".slider").value = k;
    part(".slider").dispatchEvent(new Event("input"));
    await new Promise(requestAnimationFrame);
    const texts = [".title", ".balance", ".cell-number"].map((name) => part(name).textContent);
    const { width, height } = part(".map .over");
    const { data } = part(".map .over").getContext("2d").getImageData(0, 0, width, height);
    const reader = new FileReader();
    reader.readAsDataURL(new Blob([k % every ? "" : data]));
    await new Promise((resolve) => (reader.onload = resolve));
    found.push([texts.join("\\n"), reader.result.split(",")[1]]);
  }
  return found;
}"""
long = pytest.mark.long


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "where", "every"),  # of the page's pictures, which are larger, one in ten is compared
    [
        ("tiny_resnet", "frame", 1),
        pytest.param("tiny_resnet", "page", 1, marks=long),
        pytest.param("tf_mobilenet_v2", "frame", 1, marks=long),
        pytest.param("tf_mobilenet_v2", "page", 10, marks=long),
        pytest.param("resnet18", "frame", 1, marks=long),  # with random weights
    ],
)
def test_every_class_is_shown_with_pythons_numbers_and_colours(
    name, where, every, browser, request, tmp_path
):
    torch.manual_seed(0)
    network = ch.load_network(name, **({"weights": None} if name == "resnet18" else {}))
    for source in PICTURES:
        explanation = ch.explain(network, source)
        picture, limits = explanation.input_picture, explanation.limits()
        if where == "page":
            large = Preprocess(512, 448)
            picture = large.crop(large.resize(ch.open_picture(source)))
            path = request.getfixturevalue("page_file")
        else:
            path = tmp_path / f"{PICTURES.index(source)}.html"
            path.write_text(ch.live_map(explanation).frame, encoding="utf-8")
        page = browser.new_page()
        page.goto(f"{path.as_uri()}#picture={source}&network={name}")
        page.locator(".title").filter(has_text="score").wait_for(timeout=60_000)
        best, shares = (
            explanation.scores.sort(descending=True)[0],
            explanation.prediction.probabilities,
        )
        for k, category in enumerate(network.categories):
            if k % 50 == 0:
                shown = page.evaluate(READ, [k, min(k + 50, len(best)), every])
            text, data = shown[k % 50]
            assert text.startswith(f"{category}: score")
            found = [float(number) for number in NUMBER.findall(text.removeprefix(category))]
            score, cam = explanation.score(k), explanation.cam(k)
            rank, row, column = int(found[1]), int(found[7]), int(found[8])
            assert abs(best[rank - 1] - score) < 0.01, (source, k)  # equals may swap
            percent, bias = 100 * shares[k].item(), explanation.class_weights(k).bias.item()
            sums = [cam.mean().item(), bias, score, row, column, cam[row, column].item()]
            expected = [score, rank, len(best), percent, *sums]
            apart = np.abs(np.subtract(found, expected)) < [0.01] * 3 + [0.1] + [0.01] * 6
            assert apart.all(), (source, k, found, expected)
            if k % every == 0:
                side = picture.width
                pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(side, side, 4)
                expected = np.asarray(ch.overlay(picture, cam, limits=limits)).astype(int)
                assert np.abs(pixels[..., :3] - expected).max() <= 2, (source, k)
        page.close()

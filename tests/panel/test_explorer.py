"""The explorer, moved from code: what it shows is what `explain` says, and bad use gets a sentence.

The same in a real browser is in test_browser.py.
"""

import base64
import copy
import dataclasses
import datetime
import html
import io
import json
import os
import re
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

import cam_helpers as ch
from cam_helpers.cells import frame_cell
from cam_helpers.display.wording import describe_cam, place_of
from cam_helpers.drawn.annotations import shipped_boxes
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.panel.sums import partial_cam

JPEG_ERROR = 8  # grey levels, mean over a picture


@pytest.fixture
def panel(network):
    return ch.explorer(network, "cat_and_dog")


def pictures_on(panel):
    """The pictures on the screen, decoded, by caption."""
    return pictures_in(panel.screen.value)


def pictures_in(markup):
    figures = re.findall(r'<figure.*?base64,([^"]+)">.*?<figcaption>(.*?)</figcaption>', markup)
    return {
        html.unescape(caption): np.asarray(
            Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"), dtype=float
        )
        for data, caption in figures
    }


def numbers_on(panel):
    """The tables on the screen: name of the row -> its numbers."""
    rows = re.findall(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', panel.screen.value)
    return {
        name: [float(number) for number in re.findall(r">(-?\d+\.\d+)<", cells)]
        for name, cells in rows
    }


def shows(picture, wanted):
    return np.abs(picture - np.asarray(wanted, dtype=float)).mean() < JPEG_ERROR


def enlarged(cells):
    """Return a picture of 7 x 7 cells as the panel shows it."""
    return cells.resize((224, 224), Image.Resampling.NEAREST)


def choose(panel, **options):
    """Set lists of the map's style."""
    for name, value in options.items():
        panel.map_style.lists[name].value = value


# ---- The map of every class ---------------------------------------------------------------


def test_it_begins_with_the_best_class(panel, network):
    best = ch.predict(network, "cat_and_dog").top(1)[0]
    assert panel.classes.value == best.class_index
    assert panel.picture.value == "cat_and_dog"
    assert f"{best.category}: score {best.score:.2f}, rank 1 of 12" in panel.screen.value
    assert panel.sentence == ""


def test_every_class_shows_its_own_map_and_balance(panel, network):
    explanation = ch.explain(network, "cat_and_dog")
    wanted = [np.asarray(explanation.overlay(c), dtype=float) for c in range(12)]
    for class_index, category in enumerate(network.categories):
        panel.classes.slider.value = class_index
        assert f"<strong>{category}: score" in panel.screen.value
        shown = pictures_on(panel)["overlay"]
        distances = [np.abs(shown - other).mean() for other in wanted]
        assert distances.index(min(distances)) == class_index
        mean, bias, score = (numbers_on(panel)[k][0] for k in ("mean(map)", "+ bias", "= score"))
        assert score == pytest.approx(explanation.score(class_index), abs=0.006)
        assert mean + bias == pytest.approx(score, abs=0.016)


def test_every_class_has_its_own_title_and_words(panel):
    explanation = panel.subject.explanation
    for rank, ranked in enumerate(explanation.prediction.top(12), start=1):
        panel.classes.value = ranked.class_index
        words = f"rank {rank} of 12, probability {ranked.probability:.1%}"
        assert f"{ranked.category}: score {ranked.score:.2f}, {words}<" in panel.screen.value
        cam = explanation.cam(ranked.class_index)
        assert describe_cam(cam, f"the map of {ranked.category}") in panel.alt


def test_picture_and_cells_are_those_of_the_explanation(panel, network):
    explanation = ch.explain(network, "cat_and_dog")
    shown = pictures_on(panel)
    assert list(shown) == ["crop", "map, cell by cell", "overlay"]
    assert shows(shown["crop"], explanation.input_picture)
    limits = explanation.limits(panel.classes.value)
    cells = ch.colourise(explanation.cam(panel.classes.value), limits=limits)
    np.testing.assert_array_equal(shown["map, cell by cell"], enlarged(cells))


def test_slider_list_typed_name_and_buttons_are_linked(panel, network):
    panel.classes.names.value = 5
    assert panel.classes.slider.value == 5
    for typed in ("fish", "3 fish", "3", " Fish "):
        panel.classes.value = 0
        panel.find.value = typed
        assert (panel.classes.value, panel.find.value) == (3, "")
    for button, ranked in zip(panel.best, ch.predict(network, "cat_and_dog").top(5), strict=True):
        button.click()
        assert panel.classes.value == ranked.class_index
        assert ranked.category in button.description


@pytest.mark.parametrize(
    ("scale", "limits", "text"),
    [
        ("shared", "shared", "shared by all classes"),
        ("raw", "raw", "own"),
        ("min-max", None, "no unit"),
    ],
)
@pytest.mark.parametrize("style", ["evidence", "blend"])
def test_the_colour_bar_says_what_the_colours_mean(panel, style, scale, limits, text):
    choose(panel, style=style, scale=scale)
    class_index = panel.classes.value
    ends = (0, 1) if limits is None else panel.subject.explanation.limits(class_index, limits)
    low, high = ch.MapStyle(style).ends(ends)
    assert f"<div>{low:.2f} <img" in panel.screen.value
    assert f"> {high:.2f} (map" in panel.screen.value
    assert text in panel.screen.value


def test_min_max_on_a_negative_score_warns_and_the_warning_goes_again(panel):
    panel.classes.value = int(panel.subject.explanation.scores.argmin())
    assert panel.sentence == ""
    choose(panel, scale="min-max")
    assert "speaks against" in panel.sentence
    assert "speaks against" in panel.status.value
    choose(panel, scale="raw")
    assert panel.sentence == ""


@pytest.mark.parametrize("show", ["crop", "map", "overlay"])
def test_one_picture_alone(panel, show):
    panel.views["the map"].show.value = show
    assert [name.split(",")[0] for name in pictures_on(panel)] == [show]
    assert ("The map of dog peaks in" in panel.alt) == (show != "crop")


def test_every_field_of_the_style_has_its_list_and_begins_with_the_usual(panel):
    lists = panel.map_style.lists
    assert list(lists) == [field.name for field in dataclasses.fields(ch.MapStyle)]
    labels = ["evidence", "shared", "viridis", "the style's own", "no"]
    assert [one.label for one in lists.values()] == labels
    assert lists["colour_map"].disabled
    lists["style"].value = "blend"
    assert not lists["colour_map"].disabled


@pytest.mark.parametrize(
    "options",
    [
        {"style": "evidence"},
        {"style": "blend"},
        {"style": "blend", "colour_map": "magma", "opacity": 1.0},
        {"style": "evidence", "opacity": 0.0},
        {"scale": "raw", "grid": True},
    ],
)
def test_every_field_of_the_style_reaches_the_picture(panel, options):
    explanation, best = panel.subject.explanation, panel.classes.value
    choose(panel, **options)
    np.testing.assert_array_equal(
        panel.content.pictures[2].picture, explanation.overlay(best, ch.MapStyle(**options))
    )
    assert panel.map_style.value == ch.MapStyle(**options)


def test_every_view_brings_its_own_controls(panel):
    for name, view in panel.views.items():
        panel.view.value = name
        assert tuple(panel.middle.children) == (*view.controls, panel.screen)


def test_the_keys_of_the_explorer_stay_in_it(panel):
    assert panel.key_guard in panel.children


# ---- One cell -----------------------------------------------------------------------------


def test_a_cell_by_click_or_field_shows_its_sum(panel):
    panel.view.value = "one cell"
    cell = panel.views["one cell"].cell
    explanation, best = panel.subject.explanation, panel.classes.value
    cam = explanation.cam(best)
    assert cell.value == divmod(int(cam.argmax()), 7)
    cell.grid.children[7 * 4 + 2].click()
    assert (cell.value, cell.row.value, cell.column.value) == ((4, 2), 4, 2)
    cell.row.value, cell.column.value = 1, 6
    assert cell.value == (1, 6)
    numbers = numbers_on(panel)
    assert numbers["cell (1, 6) of the map"] == [pytest.approx(cam[1, 6].item(), abs=0.006)]
    terms = [values for name, values in numbers.items() if name.startswith("channel")]
    assert len(terms) == 5
    for weight, activation, contribution in terms:
        room = 0.006 * (1 + abs(weight) + abs(activation))
        assert weight * activation == pytest.approx(contribution, abs=room)
    total = sum(term[2] for term in terms) + numbers["the other 187"][0]
    assert total == pytest.approx(numbers["cell (1, 6) of the map"][0], abs=0.04)


def test_a_click_draws_once(panel):
    panel.view.value = "one cell"
    cell = panel.views["one cell"].cell
    seen = []
    cell.observe(lambda change: seen.append(change["new"]), names="value")
    cell.value = (0, 0)
    cell.grid.children[-1].click()
    assert seen == [(0, 0), (6, 6)]


def test_the_frame_lies_around_the_cell(panel):
    panel.view.value = "one cell"
    plain = np.asarray(panel.subject.explanation.input_picture, dtype=float)
    panel.views["one cell"].cell.value = (2, 5)
    changed = np.abs(pictures_on(panel)["crop"] - plain).max(2) > 60
    rows, columns = np.nonzero(changed)
    assert (rows.min() // 32, rows.max() // 32) == (2, 2)
    assert (columns.min() // 32, columns.max() // 32) == (5, 5)


def test_the_map_beside_has_the_same_frame_and_its_own_words(panel):
    panel.view.value = "one cell"
    panel.views["one cell"].cell.value = (2, 5)
    explanation, best = panel.subject.explanation, panel.classes.value
    cells = ch.colourise(explanation.cam(best), limits=explanation.limits(best))
    beside = panel.content.aside
    np.testing.assert_array_equal(beside.picture, frame_cell(enlarged(cells), (2, 5), (7, 7)))
    assert panel.alt.splitlines()[0] == beside.alt
    assert panel.views["one cell"].cell.picture.value == beside.image


# ---- Channels one by one --------------------------------------------------------------------


def test_the_channel_slider_grows_the_map_to_the_full_one(panel):
    panel.view.value = "channels one by one"
    view = panel.views["channels one by one"]
    view.typed.value = 192
    assert view.count.value == 192
    wanted = panel.subject.explanation.overlay(panel.classes.value)
    assert shows(pictures_on(panel)["overlay"], wanted)
    view.count.value = 10
    assert "The sum of the first 10 of 192 for" in panel.alt
    numbers = numbers_on(panel)
    parts = [numbers[name][0] for name in numbers if not name.startswith("=")]
    assert len(parts) == 3
    assert sum(parts) == pytest.approx(numbers["= score"][0], abs=0.021)


def test_the_first_channels_have_the_colours_of_the_whole_map(panel):
    panel.view.value = "channels one by one"
    panel.views["channels one by one"].count.value = 10
    explanation, best = panel.subject.explanation, panel.classes.value
    cam = partial_cam(explanation, best, 10)
    wanted = ch.colourise(cam, limits=explanation.limits(best))
    np.testing.assert_array_equal(pictures_on(panel)["sum, cell by cell"], enlarged(wanted))


# ---- Compare --------------------------------------------------------------------------------


def test_two_classes_stand_on_one_scale_and_their_difference_balances(panel):
    explanation = panel.subject.explanation
    first, second = explanation.prediction.top(2)
    panel.view.value = "two classes"
    assert panel.views["two classes"].other.value == second.class_index
    shown = pictures_on(panel)
    assert list(shown) == [first.category, second.category, "difference"]
    cams = [explanation.cam(c.class_index) for c in (first, second)]
    limits = (min(c.min().item() for c in cams), max(c.max().item() for c in cams))
    for ranked, cam in zip((first, second), cams, strict=True):
        wanted = ch.overlay(explanation.input_picture, cam, limits=limits)
        assert shows(shown[ranked.category], wanted)
    wanted = ch.overlay(explanation.input_picture, cams[0] - cams[1])
    assert shows(shown["difference"], wanted)
    numbers = numbers_on(panel)
    mean, bias, score = (values[0] for values in numbers.values())
    assert mean + bias == pytest.approx(score, abs=0.016)
    assert score == pytest.approx(first.score - second.score, abs=0.006)


def test_two_classes_far_apart_have_the_colours_of_one_scale(panel):
    explanation = panel.subject.explanation
    best, worst = panel.classes.value, int(explanation.scores.argmin())
    panel.view.value = "two classes"
    panel.views["two classes"].other.value = worst
    both = explanation.cams()[[best, worst]]
    limits = (both.min().item(), both.max().item())
    for shown, cam in zip(panel.content.pictures, both, strict=False):
        wanted = ch.overlay(explanation.input_picture, cam, limits=limits)
        np.testing.assert_array_equal(shown.picture, wanted)
    difference = both[0] - both[1]
    lowest, highest = difference.min().item(), difference.max().item()
    names = [explanation.network.categories[c] for c in (best, worst)]
    said = f"{names[0]} minus {names[1]}, runs from {lowest:.2f} to {highest:.2f}"
    assert said in panel.content.pictures[2].alt


def test_a_network_against_its_copy_leaves_nothing(network):
    panel = ch.explorer(network, "dog", other_network=copy.deepcopy(network), view="two networks")
    assert "is zero everywhere" in panel.alt
    assert len(pictures_on(panel)) == 3  # each with a name of its own
    assert all(values == [0.0] for values in numbers_on(panel).values())
    assert_nothing_lies_over(panel)
    panel.picture.value = "cat"
    assert "is zero everywhere" in panel.alt


def test_a_class_against_itself_leaves_nothing(panel):
    panel.view.value = "two classes"
    panel.views["two classes"].other.value = panel.classes.value
    assert "is zero everywhere" in panel.alt
    assert_nothing_lies_over(panel)
    assert "0.00 <img" in panel.screen.value


def assert_nothing_lies_over(panel):
    plain = ch.overlay(panel.subject.explanation.input_picture, torch.zeros(7, 7))
    np.testing.assert_array_equal(panel.content.pictures[2].picture, plain)


@pytest.mark.parametrize("name", ["dog", "photo:cat"])
def test_networks_that_see_different_parts_are_not_subtracted(network, name):
    other = dataclasses.replace(network, name="closer", preprocess=Preprocess(300, 224))
    panel = ch.explorer(network, name, other_network=other, view="two networks")
    assert "see different parts of this picture" in panel.sentence
    assert "closer" in panel.sentence
    assert panel.screen.value == ""
    panel.view.value = "the map"
    assert panel.sentence == ""


def test_another_network_is_compared_by_the_name_of_the_class(network, make_small):
    # The same crop, and cells of another size.
    other = dataclasses.replace(make_small(("dog", "cat")), preprocess=network.preprocess)
    panel = ch.explorer(network, "dog", other_network=other, view="two networks")
    explained = ch.explain(other, "dog")
    assert f"peaks in {place_of_peak(explained.cam(0))}" in panel.alt.splitlines()[1]
    score = ch.explain(network, "dog").score("dog") - explained.score("dog")
    assert numbers_on(panel)["= difference of the scores"][0] == pytest.approx(score, abs=0.006)
    panel.classes.value = network.class_index("boat")
    assert "knows no class 'boat'" in panel.sentence
    assert panel.screen.value == ""


def place_of_peak(cam):
    return place_of(*divmod(int(cam.argmax()), cam.shape[1]), *cam.shape)


# ---- Pictures, good and bad -----------------------------------------------------------------


def upload(panel, name, content, size=None):
    panel.upload.value = (
        {
            "name": name,
            "type": "image/png",
            "size": len(content) if size is None else size,
            "content": memoryview(content),
            "last_modified": datetime.datetime.now(datetime.UTC),
        },
    )


def png(picture):
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    return buffer.getvalue()


def test_another_picture_shows_its_own_best_class(panel, network):
    panel.picture.value = "boat"
    best = ch.predict(network, "boat").top(1)[0]
    assert panel.classes.value == best.class_index
    wanted = ch.explain(network, "boat").overlay(best.class_index)
    assert shows(pictures_on(panel)["overlay"], wanted)
    assert panel.subject.boxes == shipped_boxes("boat")
    assert best.category in panel.best[0].description


def test_another_picture_is_drawn_once(panel, monkeypatch):
    view, drawn = panel.views["the map"], []
    draw = view.draw

    def count_and_draw(subject, class_index, style):
        drawn.append((subject.name, class_index))
        return draw(subject, class_index, style)

    monkeypatch.setattr(view, "draw", count_and_draw)
    panel.picture.value = "boat"
    assert drawn == [("boat", panel.classes.value)]


def test_an_uploaded_picture_joins_the_list(panel, network):
    picture = ch.draw_scene(77, ("house",)).picture.resize((300, 200))
    upload(panel, "<my> house.png", png(picture))
    assert panel.picture.value == "your <my> house.png"
    assert panel.upload.value == ()
    best = ch.predict(network, picture).top(1)[0]
    assert shows(
        pictures_on(panel)["overlay"], ch.explain(network, picture).overlay(best.class_index)
    )
    assert "<my>" not in panel.screen.value
    panel.picture.value = "cat"
    panel.picture.value = "your <my> house.png"
    assert panel.subject.name == "your <my> house.png"
    assert panel.sentence == ""


def test_two_pictures_of_one_name_stay_two(panel):
    boat, dog = (png(ch.open_picture(name)) for name in ("boat", "dog"))
    for content in (boat, dog):
        upload(panel, "a.png", content)
    assert list(panel.picture.options)[-2:] == ["your a.png", "your a.png (2)"]
    for name, content in (("your a.png (2)", dog), ("your a.png", boat)):
        panel.picture.value = name
        assert shows(
            pictures_on(panel)["crop"], panel.network.picture_of(panel.network.prepare(content)[0])
        )
    first, second = ch.open_picture("cat"), ch.open_picture("house")
    assert panel.take_picture(first) and panel.take_picture(second) and panel.take_picture(first)
    assert list(panel.picture.options)[-2:] == ["your picture", "your picture (2)"]
    assert panel.subject.name == "your picture"


@pytest.mark.parametrize(
    ("name", "content", "size", "sentence"),
    [
        ("words.jpg", b"only words", None, "no picture"),
        ("tiny.png", png(Image.new("RGB", (3, 3))), None, "3 x 3 pixels"),
        ("huge.png", b"", 20_000_001, "at most 20 MB"),
    ],
)
def test_a_bad_upload_gets_a_sentence_and_the_last_picture_stays(
    panel, name, content, size, sentence
):
    before = panel.screen.value
    upload(panel, name, content, size)
    assert sentence in panel.sentence
    assert name in panel.sentence
    assert panel.screen.value == before
    assert panel.picture.value == "cat_and_dog"
    assert name not in str(panel.picture.options)
    panel.classes.value = (panel.classes.value + 1) % 12
    assert panel.sentence == ""


def test_a_picture_that_is_gone_gets_a_sentence_and_the_list_goes_back(network, tmp_path):
    path = tmp_path / "mine.png"
    path.write_bytes(png(Image.new("RGB", (64, 64))))
    panel = ch.explorer(network, path)
    panel.picture.value = "cat"
    before = panel.screen.value
    path.unlink()
    panel.picture.value = "your mine.png"
    assert "mine.png" in panel.sentence
    assert (panel.picture.value, panel.screen.value) == ("cat", before)


def test_an_unknown_class_gets_a_sentence_and_nothing_moves(panel):
    before = panel.screen.value
    wrong = [("fishx", "'fish'"), ("12", "0 to 11"), ("-1", "0 to 11"), ("²", "²"), ("--5", "--5")]
    for typed, sentence in wrong:
        panel.find.value = typed
        assert sentence in panel.sentence
        assert panel.screen.value == before
    panel.find.value = "  "
    assert panel.screen.value == before


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"network": "resnet_tiny"}, "Did you mean"),
        ({"network": 5}, "not 5"),
        ({"other_network": "resnet_tiny"}, "Did you mean"),
        ({"picture": "no such file.png"}, "no such file.png"),
        ({"picture": np.zeros((3, 3))}, "3 x 3"),
        ({"picture": 7}, "int"),
        ({"class_index": 12}, "0 to 11"),
        ({"class_index": "dgo"}, "'dog'"),
        ({"class_index": 1.5}, "1.5"),
        ({"view": "the sky"}, "the map"),
    ],
)
def test_bad_use_gets_a_sentence_in_the_panel(options, sentence):
    panel = ch.explorer(**options)
    assert sentence in panel.sentence
    assert panel.status in panel.children
    assert panel._repr_mimebundle_()["text/plain"]


def test_a_network_without_a_class_activation_map_is_refused_in_a_sentence(monkeypatch):
    real = ch.load_network
    monkeypatch.setattr(
        "cam_helpers.panel.panel.load_network", lambda name: real(name, weights=None)
    )
    panel = ch.explorer("squeezenet1_1")
    assert "no class activation map" in panel.sentence
    assert "Grad-CAM" in panel.alt


def test_after_a_bad_first_picture_a_good_one_can_be_chosen():
    panel = ch.explorer(picture="no such file.png")
    assert panel.screen.value == ""
    panel.save_map.click()
    panel.best[0].click()
    panel.picture.value = "dog"
    assert "<strong>dog: score" in panel.screen.value
    assert panel.sentence == ""


def test_a_drawing_that_fails_leaves_no_stale_map(panel, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("out of paint")

    monkeypatch.setattr(panel.views["the map"], "draw", fail)
    panel.classes.value = 7
    assert panel.screen.value == panel.still == ""
    assert panel.alt == panel.sentence == "out of paint"


def test_fewer_than_five_classes_have_fewer_buttons(make_small):
    panel = ch.explorer(make_small(), "dog")
    assert [button.layout.display for button in panel.best] == [None] * 3 + ["none"] * 2


def test_a_map_of_another_size_has_its_own_cells(make_small):
    network = make_small()
    panel = ch.explorer(network, "dog", view="one cell")
    cell = panel.views["one cell"].cell
    assert len(cell.grid.children) == 64
    cell.grid.children[8 * 7].click()
    assert cell.value == (7, 0)


def test_two_explorers_on_one_network_do_not_mix(network):
    one, two = ch.explorer(network, "cat"), ch.explorer(network, "dog")
    one.classes.value, two.classes.value = 4, 9
    one.picture.value = "boat"
    assert (two.subject.name, two.classes.value) == ("dog", 9)
    assert two.screen.value == _screen_of(network, "dog", 9)
    assert not [m for m in network.model.modules() if m._forward_hooks]


def _screen_of(network, picture, class_index):
    return ch.explorer(network, picture, class_index).screen.value


# ---- Texts ----------------------------------------------------------------------------------


def test_every_picture_on_the_screen_has_its_text(panel, network):
    for view in panel.views:
        panel.view.value = view
        texts = re.findall(r'<img alt="([^"]*)"', panel.still)
        assert all(len(text) > 20 for text in texts)
        assert panel.still.count("<img") == len(texts)
        assert len(panel.alt.splitlines()) >= 2


@pytest.mark.parametrize("name", ["cat_and_dog", "dog", "boat"])
def test_the_text_says_in_whose_box_the_peak_lies(network, name):
    explanation = ch.explain(network, name)
    panel = ch.explorer(network, name)
    best = explanation.prediction.top(1)[0].category
    assert f"The peak is in the box of the {best}." in panel.alt


def test_names_of_classes_are_no_html(make_small):
    network = make_small(("<i>a</i>", "b", "c"))
    panel = ch.explorer(network, "dog", 0, view="two classes")
    assert "<i>" not in panel.screen.value + panel.status.value
    assert "<strong>&lt;i&gt;a&lt;/i&gt; or " in panel.screen.value
    panel.find.value = "<u>x</u>"
    assert "'<u>x</u>'" in panel.sentence
    assert "<u>" not in panel.status.value


def test_without_a_kernel_there_is_a_picture_and_how_to_bring_it_alive(panel):
    bundle = panel._repr_mimebundle_()
    assert "Run All Cells" in bundle["text/html"]
    assert panel.alt in bundle["text/plain"]
    assert panel.screen.value in bundle["text/html"]
    panel.view.value = "one cell"
    assert panel._repr_mimebundle_()["text/html"].count("<img") == 4  # with map and colour bar


# ---- Another network ------------------------------------------------------------------------


def test_both_shipped_networks_are_listed_and_a_given_one_stands_under_its_name(make_small):
    panel = ch.explorer(make_small(), "dog")
    assert panel.network_list.options == ("tiny_resnet", "tf_mobilenet_v2", "small")
    assert panel.network_list.value == "small"
    panel.network_list.value = "tiny_resnet"
    assert panel.network.name == "tiny_resnet"
    assert "<strong>dog: score" in panel.screen.value
    panel.network_list.value = "small"
    assert panel.network.name == "small"
    assert panel.sentence == ""


def test_another_network_explains_the_same_picture_in_all_views(network, make_small):
    panel, small = ch.explorer(network, "boat"), make_small()
    for name, view in panel.views.items():
        panel.view.value = name
        assert panel.take_network(small)
        explanation = ch.explain(small, "boat")
        best = explanation.prediction.top(1)[0]
        assert (panel.subject.name, panel.classes.value) == ("boat", best.class_index)
        assert panel.classes.names.options == (("0 a", 0), ("1 b", 1), ("2 c", 2))
        assert list(panel.find.options) == ["0 a", "1 b", "2 c"]
        assert panel.best[0].description == f"{best.category} {best.score:.2f}"
        fresh = ch.explorer(small, "boat", view=name)
        assert (panel.screen.value, panel.alt) == (fresh.screen.value, fresh.alt)
        assert panel.take_network(network)
        assert panel.screen.value == ch.explorer(network, "boat", view=name).screen.value
        assert not view.controls or panel.middle.children[0] is view.controls[0]


def test_a_network_that_cannot_be_loaded_gets_a_sentence_and_the_list_goes_back(panel, monkeypatch):
    def fail(name):
        raise OSError(f"{name} is not here")

    before = panel.screen.value
    monkeypatch.setattr("cam_helpers.panel.panel.load_network", fail)
    panel.network_list.value = "tf_mobilenet_v2"
    assert panel.sentence == "tf_mobilenet_v2 is not here"
    assert (panel.network_list.value, panel.screen.value) == ("tiny_resnet", before)


def test_the_network_for_photographs_finds_the_cat_among_four():
    panel = ch.explorer(picture="photo:four")
    panel.network_list.value = "tf_mobilenet_v2"
    panel.find.value = "Egyptian cat"
    assert panel.sentence == ""
    assert "Egyptian cat peaks in the upper left" in panel.alt


def test_without_a_picture_another_network_can_be_chosen(make_small):
    panel = ch.explorer(picture="no such file.png")
    assert panel.take_network(make_small())
    assert panel.find.options == ("0 a", "1 b", "2 c")
    panel.picture.value = "dog"
    assert panel.subject.explanation.network.name == "small"


# ---- Saving ---------------------------------------------------------------------------------


def test_saving_says_nothing_but_where(panel, tmp_path):
    panel.folder = tmp_path
    choose(panel, scale="min-max")
    panel.classes.value = int(panel.subject.explanation.scores.argmin())
    assert "speaks against this class" in panel.sentence
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        panel.save_overlay.click()
    assert panel.sentence.startswith("Saved as ")


def test_saved_files_hold_the_picture_and_its_numbers(panel, tmp_path):
    panel.folder = tmp_path
    explanation, best = panel.subject.explanation, panel.classes.value
    choose(panel, scale="raw")
    panel.save_overlay.click()
    assert f"{tmp_path}" in panel.sentence
    panel.save_map.click()
    panel.save_map.click()
    names = sorted(path.name for path in tmp_path.iterdir())
    stem = f"cat_and_dog_{panel.network.categories[best]}"
    assert names == [f"{stem}_map-2.npy", f"{stem}_map.npy", f"{stem}_overlay.png"]
    saved = Image.open(tmp_path / f"{stem}_overlay.png")
    assert np.array_equal(saved, explanation.overlay(best, scale="raw"))
    numbers = json.loads(saved.text["cam_helpers"])
    cam = np.load(tmp_path / f"{stem}_map.npy")
    assert np.array_equal(cam, explanation.cam(best).numpy())
    assert np.allclose(numbers["map"], cam)
    assert numbers["limits"] == pytest.approx([cam.min(), cam.max()])
    assert cam.mean() + numbers["bias"] == pytest.approx(numbers["score"], abs=1e-4)
    assert "peaks in" in saved.text["Description"]


def test_the_class_on_the_screen_is_the_one_that_is_saved(panel, tmp_path):
    panel.folder = tmp_path
    panel.classes.value = other = (panel.classes.value + 5) % 12
    choose(panel, style="blend", opacity=0.8, colour_map="magma")
    panel.save_overlay.click()
    panel.save_map.click()
    name, explanation = panel.network.categories[other], panel.subject.explanation
    cam = np.load(tmp_path / f"cat_and_dog_{name}_map.npy")
    assert np.array_equal(cam, explanation.cam(other))
    saved = Image.open(tmp_path / f"cat_and_dog_{name}_overlay.png")
    assert np.array_equal(saved, explanation.overlay(other, panel.map_style.value))
    numbers = json.loads(saved.text["cam_helpers"])
    assert (numbers["class_index"], numbers["category"]) == (other, name)
    assert numbers["score"] == explanation.score(other)
    assert f"map of {name}" in saved.text["Description"]


def test_a_folder_that_cannot_be_written_to_gets_a_sentence(panel, tmp_path):
    panel.folder = tmp_path / "nowhere"
    panel.save_overlay.click()
    assert "Nothing was saved" in panel.sentence
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.name != "posix", reason="only POSIX limits the size of files")
def test_half_a_file_is_never_left(panel, tmp_path):
    import resource
    import signal

    panel.folder = tmp_path
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        panel.save_map.click()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert "File too large" in panel.sentence
    assert not list(tmp_path.iterdir())


def test_a_name_of_80_chinese_letters_is_kept_whole_but_for_the_end(make_small, tmp_path):
    category = "貓" * 80  # 240 bytes
    panel = ch.explorer(make_small((category, "b", "c")), "dog", 0)
    panel.folder = tmp_path
    panel.save_map.click()
    assert panel.sentence.startswith("Saved as dog_貓貓")
    assert len(list(tmp_path.iterdir())) == 1


def test_a_map_in_bfloat16_is_saved(make_small, tmp_path):
    network = make_small()
    network.model.bfloat16()
    panel = ch.explorer(network, "dog", 0)
    panel.folder = tmp_path
    panel.save_map.click()
    assert panel.sentence.startswith("Saved as ")
    (path,) = tmp_path.iterdir()
    assert np.array_equal(np.load(path), panel.subject.explanation.cam(0).float())


def test_what_cannot_be_saved_gets_a_sentence(panel, tmp_path, monkeypatch):
    monkeypatch.setattr("cam_helpers.panel.panel.map_bytes", lambda cam: 1 / 0)
    panel.folder = tmp_path
    panel.save_map.click()
    assert "Nothing was saved" in panel.sentence


def test_names_of_classes_make_legal_file_names(make_small, tmp_path):
    network = make_small(("black/white: ?", "b", "c"))
    panel = ch.explorer(network, "dog", 0)
    panel.folder = tmp_path
    panel.save_map.click()
    assert [path.name for path in tmp_path.iterdir()] == ["dog_black_white_map.npy"]

"""The explorer of classifiers without a class activation map, moved from code."""

import re

import pytest

import cam_helpers as ch
from cam_helpers.display.wording import describe_cam


@pytest.fixture
def classifier(network):
    return ch.Classifier("plain", network.model, network.categories, network.preprocess)


def test_every_control_changes_the_map(classifier):
    panel = ch.explorer(classifier, "cat_and_dog", "cat")
    wanted = {"class_index": "cat", "layer": "layer4", "method": "grad_cam", "relu": True}
    moves = (
        (lambda: None, {}),
        (
            lambda: setattr(panel.classes.slider, "value", classifier.class_index("dog")),
            {"class_index": "dog"},
        ),
        (lambda: setattr(panel.layer, "value", "layer3"), {"layer": "layer3"}),
        (lambda: setattr(panel.method, "value", "hires_cam"), {"method": "hires_cam"}),
        (lambda: setattr(panel.relu, "value", False), {"relu": False}),
    )
    seen = set()
    for move, change in moves:
        move()
        wanted |= change
        cam = ch.grad_cam(classifier, "cat_and_dog", **wanted)
        what = f"the map of {wanted['class_index']} at {wanted['layer']}"
        assert describe_cam(cam, what) in panel.alt
        seen.add(panel.screen.value)
    assert len(seen) == len(moves)
    assert len(re.findall("<figure", panel.still)) == 3


def test_it_begins_with_the_best_class_at_the_last_layer(classifier):
    panel = ch.explorer(classifier, "dog")
    assert classifier.categories[panel.classes.value] == "dog"
    assert panel.layer.value == "layer4"


@pytest.mark.parametrize(
    ("picture", "class_index", "words"),
    [("no such file.png", None, "no such file"), ("cat", "unicorn", "knows no class 'unicorn'")],
)
def test_what_does_not_fit_gets_a_sentence(classifier, picture, class_index, words):
    panel = ch.explorer(classifier, picture, class_index)
    assert words in panel.alt and "<img" not in panel.still


def test_a_refused_network_is_told_the_way_here():
    panel = ch.explorer("squeezenet1_1", "cat")
    assert "load_classifier" in panel.screen.value + panel.status.value

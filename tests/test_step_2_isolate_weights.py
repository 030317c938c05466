"""Step 2: the weights of a class."""

import numpy as np
import pytest
import torch

import cam_helpers as ch
from cam_helpers.drawn.annotations import shipped_boxes


@pytest.mark.parametrize(
    "choice", [3, "fish", np.int64(3), np.uint8(3), np.array(3), torch.tensor(3)], ids=repr
)
def test_a_class_is_one_row_of_the_linear_layer(network, choice):
    found = ch.isolate_weights(network, choice)
    assert (found.class_index, found.category) == (3, "fish")
    assert type(found.class_index) is int
    assert torch.equal(found.weights, network.model.fc.weight[3])
    assert found.bias.shape == ()
    assert found.bias == network.model.fc.bias[3]


def test_the_score_is_weights_times_features_plus_bias(network):
    explanation = ch.explain(network, "cat_and_dog")
    features = explanation.feature_maps.mean((1, 2))
    for index, score in enumerate(explanation.scores.tolist()):
        found = ch.isolate_weights(network, index)
        by_loop = found.bias.item()
        for weight, feature in zip(found.weights.tolist(), features.tolist(), strict=True):
            by_loop += weight * feature
        assert by_loop == pytest.approx(score, abs=1e-3)


@pytest.mark.parametrize("name", ["cat_and_dog", "cup_and_flower"])
def test_the_weights_of_a_class_find_its_object(network, name):
    """The partner of the test above: the sum says how much, this one says where."""
    explanation = ch.explain(network, name)
    for category, box in shipped_boxes(name).items():
        found = ch.isolate_weights(network, category)
        cam = torch.einsum("c,chw->hw", found.weights, explanation.feature_maps)
        row, column = divmod(int(cam.argmax()), cam.shape[1])
        x0, y0, x1, y1 = explanation.seen_box
        x = x0 + (column + 0.5) / cam.shape[1] * (x1 - x0)
        y = y0 + (row + 0.5) / cam.shape[0] * (y1 - y0)
        assert box[0] < x < box[2] and box[1] < y < box[3], category


@pytest.mark.parametrize(
    ("choice", "error", "words"),
    [
        *(
            (bad, TypeError, "index or a category name")
            for bad in (True, np.bool_(True), 3.0, None)
        ),
        *((torch.tensor(bad), TypeError, "index or a category name") for bad in (True, 3.0)),
        *((bad, IndexError, "tiny_resnet knows 0 to 11") for bad in (12, -1)),
        ("kat", ValueError, r"'kat'.*Did you mean.*'cat'"),
        ("zzzzzz", ValueError, r"'zzzzzz'.*\.categories"),
    ],
)
def test_what_is_no_class_of_the_network_is_refused(network, choice, error, words):
    with pytest.raises(error, match=words):
        ch.isolate_weights(network, choice)


def test_a_name_that_two_classes_bear_is_refused(make_small):
    network = make_small(("crane", "cup", "crane"))
    with pytest.raises(ValueError, match="several classes called 'crane': use 0 and 2"):
        ch.isolate_weights(network, "crane")
    assert ch.isolate_weights(network, 2).category == "crane"
    assert ch.isolate_weights(network, "cup").class_index == 1


def test_a_linear_layer_without_bias_counts_as_bias_zero(make_small):
    explanation = ch.explain(make_small(bias=False), "cat")
    for index in range(3):
        assert explanation.class_weights(index).bias.item() == 0.0
        mean = explanation.cam(index).mean().item()
        assert mean == pytest.approx(explanation.score(index), abs=1e-5)


def test_isolated_weights_are_copies(network):
    weights, bias = network.classifier.weight.tolist(), network.classifier.bias.tolist()
    ch.isolate_weights(network, 0).weights.add_(1)
    ch.isolate_weights(network, 0).bias.add_(1)
    assert (network.classifier.weight.tolist(), network.classifier.bias.tolist()) == (weights, bias)
    explanation = ch.explain(network, "cat")
    assert abs(explanation.score(0) - explanation.cam(0).mean() - network.classifier.bias[0]) < 1e-4

"""Step 2: the weights of a class."""

import numpy as np
import pytest
import torch
from torch import nn

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
    "choice",
    [True, False, np.bool_(True), torch.tensor(True), 3.0, np.float32(3), torch.tensor(3.0), None],
    ids=repr,
)
def test_what_is_no_whole_number_and_no_name_is_refused(network, choice):
    with pytest.raises(TypeError, match="index or a category name"):
        ch.isolate_weights(network, choice)


@pytest.mark.parametrize("index", [12, 1000, -1, -12])
def test_an_index_out_of_range_is_refused(network, index):
    with pytest.raises(IndexError, match="tiny_resnet knows 0 to 11"):
        ch.isolate_weights(network, index)


def test_an_unknown_name_is_refused_with_a_near_one(network):
    with pytest.raises(ValueError, match=r"'kat'.*Did you mean.*'cat'"):
        ch.isolate_weights(network, "kat")
    with pytest.raises(ValueError, match=r"'zzzzzz'.*\.categories"):
        ch.isolate_weights(network, "zzzzzz")


def test_a_name_that_two_classes_bear_is_refused(make_small):
    network = make_small(("crane", "cup", "crane"))
    with pytest.raises(ValueError, match="several classes called 'crane': use 0 and 2"):
        ch.isolate_weights(network, "crane")
    assert ch.isolate_weights(network, 2).category == "crane"
    assert ch.isolate_weights(network, "cup").class_index == 1


def test_a_name_that_is_a_part_of_another_is_told_from_it(make_small):
    network = make_small(("catamaran", "cat", "wildcat"))
    assert ch.isolate_weights(network, "cat").class_index == 1


def test_a_linear_layer_without_bias_counts_as_bias_zero(make_small):
    network = make_small(bias=False)
    explanation = ch.explain(network, "cat")
    for index in range(3):
        assert ch.isolate_weights(network, index).bias.item() == 0.0
        mean = explanation.cam(index).mean().item()
        assert mean == pytest.approx(explanation.score(index), abs=1e-5)


def test_isolated_weights_are_copies(network):
    weights, bias = network.classifier.weight.tolist(), network.classifier.bias.tolist()
    ch.isolate_weights(network, 0).weights.add_(1)
    ch.isolate_weights(network, 0).bias.add_(1)
    assert (network.classifier.weight.tolist(), network.classifier.bias.tolist()) == (weights, bias)
    explanation = ch.explain(network, "cat")
    assert abs(explanation.score(0) - explanation.cam(0).mean() - network.classifier.bias[0]) < 1e-4


def test_the_feature_layer_and_classifier_are_layers_of_the_model(network):
    assert network.feature_layer is network.model.layer4
    assert network.classifier is network.model.fc
    assert isinstance(network.classifier, nn.Linear)

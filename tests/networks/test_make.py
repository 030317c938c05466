"""A network of one's own: what names its classes."""

import pytest
import torch
from torch import nn

import cam_helpers as ch
from cam_helpers.networks.make import make_network
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.networks.tiny_resnet import TinyResNet


@pytest.mark.parametrize("count", [0, 11, 13])
def test_a_wrong_number_of_categories_is_refused(count):
    with pytest.raises(ValueError, match=f"12 scores, but {count} categories"):
        make_network("mine", TinyResNet(), ["x"] * count, Preprocess())


@pytest.mark.parametrize(
    "categories",
    ["abcdefghijkl", dict.fromkeys(ch.CATEGORIES), set(ch.CATEGORIES), range(12), None],
    ids=["one string", "dict", "set", "numbers", "None"],
)
def test_categories_that_are_no_list_of_names_are_refused(categories):
    with pytest.raises(ValueError, match="list of names in the order of the scores"):
        make_network("mine", TinyResNet(), categories, Preprocess())


def test_one_score_is_refused_with_a_remedy_that_works():
    model = TinyResNet(num_classes=1).eval()
    with pytest.raises(
        ValueError, match=r"one score only.*second class whose weights and bias are"
    ):
        make_network("mine", model, ["cat"], Preprocess())
    score = model(Preprocess()(ch.open_picture("cat"))[None])[0, 0].detach()
    only = model.fc
    model.fc = nn.Linear(only.in_features, 2)
    model.fc.weight.data = torch.cat([torch.zeros_like(only.weight), only.weight.data])
    model.fc.bias.data = torch.cat([torch.zeros(1), only.bias.data])
    network = make_network("mine", model, ["no cat", "cat"], Preprocess())
    prediction = ch.predict(network, "cat")
    torch.testing.assert_close(prediction.scores[1], score)
    torch.testing.assert_close(prediction.probabilities[1], score.sigmoid())

"""Every classifier of torchvision has maps that add up and point at the place, or is refused."""

import pytest
import torch
from helpers import assert_adds_up
from torch import nn
from torchvision import models

import cam_helpers as ch

MOST_WEIGHTS = 250_000_000  # 1 GB; the three larger ones differ from smaller ones in width only
REFUSED_FAMILIES = ("alexnet", "convnext", "maxvit", "mobilenet_v3", "squeezenet", "vgg", "vit")


def names_and_sizes():
    for name in models.list_models(module=models):
        yield name, models.get_model_weights(name).DEFAULT.meta["num_params"]


NAMES = [name for name, size in names_and_sizes() if size <= MOST_WEIGHTS]


def test_the_zoo_is_nearly_whole():
    left_out = {name for name, size in names_and_sizes() if size > MOST_WEIGHTS}
    assert left_out <= {"regnet_y_128gf", "vit_h_14", "vit_l_16", "vit_l_32"}
    assert len(NAMES) >= 70


@pytest.mark.long
@pytest.mark.parametrize("name", NAMES)
def test_the_balance_holds_or_the_network_is_refused(name):
    torch.manual_seed(0)
    if name.startswith(REFUSED_FAMILIES):
        with pytest.raises(ch.UnsuitableNetworkError, match="Grad-CAM"):
            ch.load_network(name, weights=None)
        return
    network = ch.load_network(name, weights=None)
    explanation = ch.explain(network, "cat")
    assert_adds_up(explanation)
    flipped = nn.Sequential(network.model)  # sees the mirror image: its maps point elsewhere
    flipped.register_forward_pre_hook(lambda model, inputs: (inputs[0].flip(-1),))
    with pytest.raises(ch.UnsuitableNetworkError, match="elsewhere"):
        ch.make_network(name, flipped, network.categories, network.preprocess)

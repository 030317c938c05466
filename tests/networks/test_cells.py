"""Cells: whatever order a network keeps them in, maps come out as (N, C, h, w)."""

from contextlib import nullcontext

import pytest
import torch
from helpers import assert_adds_up
from torch import nn
from torchvision import models

import cam_helpers as ch
from cam_helpers.networks.cells import as_maps
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.networks.tiny_vit import TinyViT, preprocess_for_tiny_vit


def numbered(rows, columns, channels=2):
    """Maps (1, C, h, w) of which every number is another."""
    return torch.arange(channels * rows * columns).view(1, channels, rows, columns)


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (2, 4), (5, 2)])
@pytest.mark.parametrize("known", [None, 2])
def test_every_order_gives_the_same_maps(rows, columns, known):
    maps, size = numbered(rows, columns), (32 * rows, 32 * columns)
    tokens = maps.flatten(2).mT
    with_class_token = torch.cat([tokens.new_full((1, 1, 2), -1), tokens], 1)
    for output in (maps, maps.permute(0, 2, 3, 1), tokens, with_class_token):
        assert torch.equal(as_maps(output, size, known), maps)


def test_the_number_of_channels_decides_where_the_proportions_could_be_taken_for_either():
    output = torch.zeros(1, 7, 7, 9)
    assert as_maps(output, (224, 224)).shape == (1, 9, 7, 7)
    assert as_maps(output, (224, 224), channels=7).shape == (1, 7, 7, 9)
    assert as_maps(output, (224, 224), channels=5) is None


@pytest.mark.parametrize("shape", [(4,), (1, 12), (1, 7, 3), (1, 2, 3, 4, 5)])
def test_what_has_no_grid_is_none(shape):
    assert as_maps(torch.zeros(shape), (224, 448)) is None


class MeanOfTokens(nn.Module):
    """torchvision's ViT, small, which takes the mean over patches in place of the class token."""

    def __init__(self):
        super().__init__()
        self.vit = models.VisionTransformer(64, 16, 2, 2, 32, 64, num_classes=3)
        self.head = nn.Linear(32, 3)

    def forward(self, x):
        tokens = self.vit._process_input(x)
        tokens = torch.cat([self.vit.class_token.expand(len(x), -1, -1), tokens], 1)
        return self.head(self.vit.encoder(tokens)[:, 1:].mean(1))


def swin():
    return models.SwinTransformer([4, 4], 24, [1, 1], [2, 4], [4, 4], num_classes=3)


NETWORKS = {
    "tiny_vit": (lambda: TinyViT(3), preprocess_for_tiny_vit(), "norm", (96, 14, 14)),
    "vit": (MeanOfTokens, Preprocess(64, 64), "vit.encoder", (32, 4, 4)),
    "swin": (swin, Preprocess(128, 128), "permute", (48, 16, 16)),
}


@pytest.fixture(params=NETWORKS)
def network(request):
    make, preprocess, layer, shape = NETWORKS[request.param]
    torch.manual_seed(0)
    model = make()
    with torch.no_grad():
        for numbers in model.parameters():  # some heads begin with zeros
            numbers.add_(0.02 * torch.randn(numbers.shape))
    with pytest.warns(UserWarning) if request.param != "swin" else nullcontext():
        found = ch.make_network(request.param, model, ["a", "b", "c"], preprocess)
    assert found.feature_layer_name == layer
    return found, shape


def test_the_maps_add_up_and_lie_at_their_place(network):
    found, shape = network
    explanation = ch.explain(found, "cat_and_dog")
    assert explanation.feature_maps.shape == shape
    assert_adds_up(explanation)
    plain = found.prepare("cat_and_dog")[0]
    row, column, side = 2, 1, plain.shape[1] // shape[1]
    changed = plain.clone()
    changed[:, row * side : (row + 1) * side, column * side : (column + 1) * side] = 3
    before, after = (ch.explain(found, tensor).feature_maps for tensor in (plain, changed))
    distance = (after - before).norm(dim=0)
    assert divmod(int(distance.argmax()), shape[2]) == (row, column)


def test_grad_cam_takes_the_same_layer_and_gives_the_same_map(network):
    found, _ = network
    cam = ch.explain(found, "cat").cam(1)
    by_gradients = ch.grad_cam(found, "cat", 1, relu=False)
    torch.testing.assert_close(by_gradients * cam.numel(), cam, atol=1e-4, rtol=1e-3)

"""Cells that talk: a warning for attention over the whole picture, none for what is local."""

import warnings

import pytest
import torch
from torch import nn
from torchvision import models

import cam_helpers as ch
from cam_helpers.networks.mixing import mixing_layer
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.networks.tiny_resnet import TinyResNet
from cam_helpers.networks.tiny_vit import TinyViT, preprocess_for_tiny_vit


class Neighbours(nn.Module):
    """Softmax over the 3 x 3 cells around each, in place of all."""

    def __init__(self, side):
        super().__init__()
        rows, columns = torch.arange(side * side) // side, torch.arange(side * side) % side
        down, across = ((place[:, None] - place).abs() for place in (rows, columns))
        self.register_buffer("far", (down > 1) | (across > 1))

    def forward(self, x):
        return x.masked_fill(self.far, -torch.inf).softmax(-1)


def local_vit():
    model = TinyViT()
    for block in model.blocks:
        block.attn.shares = Neighbours(14)
    return model


def warned(model, preprocess):
    """What make_network warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ch.make_network("mine", model, ch.CATEGORIES, preprocess)
    return [str(warning.message) for warning in caught]


def test_a_convolutional_network_and_local_attention_are_taken_without_a_word():
    torch.manual_seed(0)
    assert warned(TinyResNet(), Preprocess()) == []
    assert warned(local_vit(), preprocess_for_tiny_vit()) == []


def test_attention_over_the_whole_picture_is_taken_with_a_warning_that_names_the_test():
    torch.manual_seed(0)
    [words] = warned(TinyViT(), preprocess_for_tiny_vit())
    assert "blocks.0.attn.proj hands to every cell" in words and "moved_test" in words


def test_gates_that_know_the_whole_picture_are_no_talk():
    """Squeeze and excitation makes a channel stronger or weaker everywhere; it carries no find."""
    torch.manual_seed(0)
    model = models.efficientnet_b0(weights=None)
    with torch.no_grad():
        for name, numbers in model.named_parameters():
            if name.endswith("fc2.weight"):
                numbers.mul_(20)
    assert mixing_layer(model, torch.rand(1, 3, 224, 224), "features") is None


@pytest.mark.parametrize(("side", "talks"), [(128, True), (256, False)])
def test_a_window_as_large_as_the_grid_is_attention_over_all(side, talks):
    """Swin's last windows have 4 x 4 cells here: all of them, or a quarter."""
    torch.manual_seed(0)
    model = models.SwinTransformer([4, 4], 24, [1, 2, 2], [2, 4, 4], [8, 8], num_classes=12)
    found = mixing_layer(model, torch.rand(1, 3, side, side), "permute")
    assert (found is not None) == talks


def test_nothing_stays_behind():
    model = TinyViT().train()
    mixing_layer(model, torch.rand(1, 3, 112, 112), "norm")
    assert all(layer.training for layer in model.modules())
    assert not any(layer._forward_hooks for layer in model.modules())

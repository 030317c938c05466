"""Which of torchvision's networks fit, and what is said where one cannot be loaded."""

import pytest
import torch
from helpers import assert_adds_up, hook_count, noise
from torch import nn

import cam_helpers as ch
from cam_helpers.networks.make import make_network
from cam_helpers.networks.preprocess import Preprocess

FITTING = {  # name -> feature layer, linear layer
    "resnet18": ("layer4", "fc"),
    "resnext50_32x4d": ("layer4", "fc"),
    "wide_resnet50_2": ("layer4", "fc"),
    "densenet121": ("features", "classifier"),
    "googlenet": ("inception5b", "fc"),
    "inception_v3": ("Mixed_7c", "fc"),
    "mobilenet_v2": ("features", "classifier.1"),
    "efficientnet_b0": ("features", "classifier.1"),
    "shufflenet_v2_x1_0": ("conv5", "fc"),
    "mnasnet1_0": ("layers", "classifier.1"),
    "regnet_y_400mf": ("trunk_output", "fc"),
}
REFUSED = {  # name -> the layer at fault
    "vgg11": r"classifier\.0 \(Linear\)",
    "alexnet": r"classifier\.1 \(Linear\)",
    "squeezenet1_0": r"classifier\.\d \(\w+\) comes last",
    "convnext_tiny": r"classifier\.0 \(LayerNorm2d\)",
    "mobilenet_v3_small": r"classifier\.0 \(Linear\)",
    "vit_b_16": r"heads\.head \(Linear\)",
}


def assert_balance(network):
    """Without bias, so that small features count too."""
    network.classifier.bias.data.zero_()
    assert_adds_up(ch.explain(network, noise(3, 96, 160)))


@pytest.mark.parametrize("name", FITTING)
def test_networks_that_fit(name):
    network = ch.load_network(name, weights=None)
    assert (network.feature_layer_name, network.classifier_name) == FITTING[name]
    assert network.feature_layer is network.model.get_submodule(network.feature_layer_name)
    assert network.name == name
    assert len(network.categories) == network.classifier.out_features == 1000
    assert network.categories[282] == "tiger cat"
    assert not any(layer.training for layer in network.model.modules())
    assert_balance(network)
    assert hook_count(network.model) == 0


@pytest.mark.parametrize("name", REFUSED)
def test_networks_that_do_not_fit_are_refused_naming_the_layer_at_fault(name):
    with pytest.raises(ch.UnsuitableNetworkError, match=REFUSED[name]) as caught:
        ch.load_network(name, weights=None)
    assert str(caught.value).startswith(f"{name} has no class activation map")
    assert "Grad-CAM" in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_the_preset_preprocessing_is_used(network):
    other = ch.load_network("shufflenet_v2_x0_5", weights=None)
    picture = ch.open_picture("cat")
    torch.testing.assert_close(other.prepare(picture), network.prepare(picture))
    assert other.seen_box((300, 200)) == network.seen_box((300, 200))


def test_a_network_with_a_head_of_your_own():
    from torchvision import models

    model = models.resnet18(weights=None)
    model.fc = nn.Linear(512, 10)
    digits = [str(digit) for digit in range(10)]
    network = make_network("mine", model.eval(), digits, Preprocess())
    assert network.categories == tuple(digits)
    assert ch.explain(network, "cat").cams().shape == (10, 7, 7)
    assert ch.isolate_weights(network, "7").class_index == 7
    assert_balance(network)


def test_a_model_is_sent_to_make_network(network):
    with pytest.raises(TypeError, match=r"not a TinyResNet.*use make_network\(name, model"):
        ch.load_network(network.model)


@pytest.mark.parametrize(
    ("name", "weights", "device", "words"),
    [
        ("resnet_18", "default", "cpu", "'resnet_18'.*tiny_resnet.*resnet18"),
        ("fasterrcnn_resnet50_fpn", "default", "cpu", "'fasterrcnn.*tiny_resnet"),
        ("", "default", "cpu", "''.*tiny_resnet"),
        ("resnet18", "IMAGENET1K_V9", "cpu", "'IMAGENET1K_V9'.*IMAGENET1K_V1"),
        ("tiny_resnet", "IMAGENET1K_V1", "cpu", "'default' or None"),
        ("tf_mobilenet_v2", "IMAGENET1K_V1", "cpu", "'default' or None"),
        ("resnet18", "default", "gpu", "No device"),
    ],
)
def test_what_is_unknown_is_refused_with_what_is_known(name, weights, device, words):
    with pytest.raises(ValueError, match=words):
        ch.load_network(name, weights, device)


def test_without_weights_tiny_resnet_is_untrained_yet_balances(network):
    untrained = ch.load_network(weights=None)
    assert not torch.equal(untrained.classifier.weight, network.classifier.weight)
    assert_balance(untrained)


@pytest.mark.parametrize("name", ["tiny_resnet", "tf_mobilenet_v2", "xray_fair"])
def test_torchs_default_dtype_changes_no_score(name):
    picture = "photo:cat" if name == "tf_mobilenet_v2" else "cat"
    usual = ch.explain(ch.load_network(name), picture).scores
    torch.set_default_dtype(torch.float64)
    try:
        scores = ch.explain(ch.load_network(name), picture).scores
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.allclose(scores.double(), usual.double(), rtol=1e-3, atol=1e-3)

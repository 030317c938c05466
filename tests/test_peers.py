"""Three other libraries as oracles: torch-cam, pytorch-grad-cam and Captum.

First: on every family of networks that has a class activation map, their maps are ours. Then: where
they differ in the map itself, a test for the row of the table in tests/README.md.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import helpers
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import cam_helpers as ch

MISSING = 'a library to compare with is missing: pip install -e ".[libraries]"'
torchcam = pytest.importorskip("torchcam.methods", reason=MISSING)
pytorch_grad_cam = pytest.importorskip("pytorch_grad_cam", reason=MISSING)
grad_cam_image = pytest.importorskip("pytorch_grad_cam.utils.image", reason=MISSING)
captum = pytest.importorskip("captum.attr", reason=MISSING)

noise = partial(helpers.noise, dtype=torch.float64, seed=6)
Target = pytorch_grad_cam.utils.model_targets.ClassifierOutputTarget

# Name -> (height, width) of the input: nothing square, nothing of 224.
NETWORKS = {
    "tiny_resnet": (224, 160),
    "resnet18": (96, 160),
    "resnet50": (64, 96),
    "densenet121": (96, 160),
    "googlenet": (160, 96),
    "inception_v3": (128, 192),
    "mobilenet_v2": (96, 160),
    "efficientnet_b0": (65, 97),
    "shufflenet_v2_x0_5": (97, 160),
    "mnasnet0_5": (160, 96),
    "regnet_x_400mf": (96, 160),
    "regnet_y_400mf": (160, 96),
    "swin_t": (96, 160),
    "swin_v2_t": (64, 96),
}


@dataclass
class Case:
    """A network, two inputs, a class for each, and our maps of these classes."""

    network: ch.Network
    model: nn.Module  # what the libraries are given: the network's model, or its twin
    feature_layer: nn.Module
    batch: Tensor
    classes: list[int]
    maps: Tensor

    @property
    def cells(self) -> int:
        return self.maps[0].numel()


# One for each way in which they end; make test-long compares the others, too.
QUICK = ("tiny_resnet", "resnet18", "densenet121", "mobilenet_v2", "swin_t")
ALL = [pytest.param(name, marks=[] if name in QUICK else pytest.mark.long) for name in NETWORKS]


@pytest.fixture(scope="module", params=ALL)
def case(request: pytest.FixtureRequest) -> Iterator[Case]:
    """Every network in turn, in double precision, so that only rounding can differ."""
    height, width = NETWORKS[request.param]
    if request.param == "tiny_resnet":
        network = ch.load_network()
        pictures = [network.preprocess(ch.open_picture(name)) for name in ("cat", "boat")]
        batch = torch.stack(pictures)[..., :height, :width].double()
    else:
        network = random_network(request.param)
        batch = noise(2, 3, height, width)
    network.model.double()
    if request.param != "tiny_resnet":
        settle(network.model, batch)
    model, feature_layer = network.model, network.feature_layer
    if request.param == "densenet121":
        model, feature_layer = with_relu_as_a_layer(network)
    classes, maps = two_maps(network, batch)
    yield Case(network, model, feature_layer, batch, classes, maps)


def random_network(name: str) -> ch.Network:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return ch.load_network(name, weights=None)


def settle(model: nn.Module, batch: Tensor) -> None:
    """Give every BatchNorm layer the statistics of a batch.

    With those it starts with, the features of a network with random weights fade to 1e-15.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in layers:
        layer.momentum = 1.0  # the statistics of this batch alone
        layer.train()
    with torch.no_grad():
        model(batch)
    model.eval()


def with_relu_as_a_layer(network: ch.Network) -> tuple[nn.Module, nn.Module]:
    """Return DenseNet's twin, the same layers with the last ReLU as one of them, and that ReLU.

    torchvision's own applies it in place, where Captum and pytorch-grad-cam lose it: see
    test_the_gradients_of_densenet_are_taken_before_its_last_relu.
    """
    relu = nn.ReLU()
    parts = network.model.features, relu, nn.AdaptiveAvgPool2d(1), nn.Flatten()
    return nn.Sequential(*parts, network.classifier).eval(), relu


def two_maps(network: ch.Network, batch: Tensor) -> tuple[list[int], Tensor]:
    """Return, for each of two inputs, the class with the most on both sides of 0, and its map."""
    explanations = [ch.explain(network, tensor) for tensor in batch]
    classes = []
    for explanation in explanations:
        cams = explanation.cams()
        classes.append(int(torch.minimum(cams.amax((1, 2)), -cams.amin((1, 2))).argmax()))
    maps = [explanation.cam(c) for explanation, c in zip(explanations, classes, strict=True)]
    return classes, torch.stack(maps)


def assert_same(found: Tensor, expected: Tensor) -> None:
    """Both are (N, h, w) and agree to 1e-5 of the largest absolute value."""
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype == torch.float64
    largest = expected.abs().max()
    assert largest > 0.1  # there is something to compare
    assert (found - expected).abs().max() <= 1e-5 * largest


# ---- on every network the maps are the same -----------------------------------------------
# score_c = b_c + sum_k w_ck mean(f_k), so d score_c / d f_k(x, y) = w_ck / (h w) in every cell, and
# Grad-CAM, sum_k mean(gradient) f_k, is our map divided by h w, its sign included.


def test_the_comparison_means_something(case):
    height, width = case.maps.shape[1:]
    assert height != width and case.cells > 1
    for cam in case.maps:
        assert cam.max() > 0.01 and cam.min() < -0.01  # so the ReLU of the others is seen to act
    assert not torch.equal(*case.maps)  # so one picture cannot stand for the other


def test_the_maps_of_a_batch_are_those_of_its_pictures(case):
    with ch.hook_features(case.network) as hooked:
        ch.predict(case.network, case.batch)
    weights = case.network.classifier.weight.detach()[case.classes]
    both = ch.weighted_sum(weights, hooked.feature_maps)  # of both classes in both pictures
    assert_same(torch.stack([both[0, 0], both[1, 1]]), case.maps)


def test_our_map_is_torchcams_cam(case):
    network = case.network  # not the twin: torch-cam reads DenseNet's own layers rightly
    with torchcam.CAM(network.model, network.feature_layer, network.classifier) as extract:
        with torch.inference_mode():
            network.model(case.batch)
        (found,) = extract(case.classes, normalized=False)
    assert_same(found, case.maps)


def test_our_map_is_captums_grad_cam_times_the_number_of_cells(case):
    extract = captum.LayerGradCam(case.model, case.feature_layer)
    found = extract.attribute(case.batch, target=case.classes).detach()
    assert found.shape[1] == 1
    assert_same(case.cells * found[:, 0], case.maps)


def test_our_map_above_zero_is_torchcams_grad_cam_times_the_number_of_cells(case):
    with torchcam.GradCAM(case.network.model, case.network.feature_layer) as extract:
        scores = case.network.model(case.batch)
        (found,) = extract(case.classes, scores, normalized=False)
    assert_same(case.cells * found, case.maps.relu())


def test_our_map_above_zero_is_pytorch_grad_cams_times_the_number_of_cells(case, monkeypatch):
    found = pytorch_grad_cams_map(case, monkeypatch)
    assert_same(case.cells * found, case.maps.relu())


def pytorch_grad_cams_map(case: Case, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """Return its map, (N, h, w), as it hands it to its own scaling."""
    handed_over = []

    def scale(cam, size=None):
        handed_over.append(torch.from_numpy(cam))
        return grad_cam_image.scale_cam_image(cam, size)

    monkeypatch.setattr(pytorch_grad_cam.base_cam, "scale_cam_image", scale)
    targets = [Target(index) for index in case.classes]
    with pytorch_grad_cam.GradCAM(case.model, [case.feature_layer]) as extract:
        shown = extract(case.batch, targets)
    assert shown.shape == (len(case.batch), *case.batch.shape[2:])
    return handed_over[0]


# ---- where they differ, torch-cam ---------------------------------------------------------


def test_the_readme_names_every_test_from_here_on():
    source = Path(__file__).read_text(encoding="utf-8")
    _, _, differences = source.partition("def test_the_readme_names")
    tests = re.findall(r"^def (test_\w+)", differences, re.MULTILINE)
    readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    assert re.findall(r"\| `(test_\w+)` \|$", readme, re.MULTILINE) == tests


@pytest.fixture
def tiny(network: ch.Network) -> Case:
    """The shipped network in double precision, on two pictures."""
    pictures = [network.preprocess(ch.open_picture(name)) for name in ("cat", "boat")]
    batch = torch.stack(pictures)[..., :160].double()
    network.model.double()
    classes, maps = two_maps(network, batch)
    return Case(network, network.model, network.feature_layer, batch, classes, maps)


def torchcam_cam(case: Case, class_index: int | list[int], **options: bool) -> Tensor:
    """Return torch-cam's class activation maps, (N, h, w)."""
    network = case.network
    with torchcam.CAM(network.model, network.feature_layer, network.classifier) as extract:
        with torch.inference_mode():
            network.model(case.batch)
        return extract(class_index, **options)[0]


def torchcam_grad_cam(case: Case, class_index: int | list[int]) -> Tensor:
    """Return torch-cam's Grad-CAM, (N, h, w), normalised as it does by default."""
    with torchcam.GradCAM(case.model, case.feature_layer) as extract:
        return extract(class_index, case.model(case.batch))[0]


def grad_cam(case: Case, *class_indices: int) -> np.ndarray:
    """Return pytorch-grad-cam's maps, (N, H, W), as a user gets them."""
    targets = [Target(index) for index in class_indices]
    with pytorch_grad_cam.GradCAM(case.model, [case.feature_layer]) as extract:
        return extract(case.batch, targets)


def min_max(maps: Tensor) -> Tensor:
    """Rescale every map (N, h, w) to 0..1 by its own smallest and largest value."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low)


def speak_against(network: ch.Network, class_index: int) -> None:
    """Make every weight of a class negative, and so its map, since features come from a ReLU."""
    network.classifier.weight.data[class_index].abs_().neg_()


def test_torchcams_cam_has_no_relu_though_its_formula_has_one(tiny):
    assert "ReLU" in torchcam.CAM.__doc__
    assert torchcam_cam(tiny, tiny.classes, normalized=False).min() < -1
    torch.testing.assert_close(torchcam_cam(tiny, tiny.classes), min_max(tiny.maps))


def test_torchcam_rescales_every_map_by_itself(tiny):
    speak_against(tiny.network, 5)
    shown = torchcam_cam(tiny, 5)
    assert shown.amax((1, 2)).tolist() == pytest.approx([1, 1])  # as bright as a winner
    for tensor in tiny.batch:
        explanation = ch.explain(tiny.network, tensor)
        assert explanation.cam(5).max() <= 0
        low, high = explanation.limits()
        assert explanation.cam(5).max() < low + 0.9 * (high - low)
        with pytest.warns(UserWarning, match="speaks against"):
            explanation.limits(5)


def test_grad_cam_of_a_class_without_evidence_is_empty(tiny):
    speak_against(tiny.network, 5)
    assert not torchcam_grad_cam(tiny, 5).any()
    assert not grad_cam(tiny, 5, 5).any()
    for tensor in tiny.batch:
        assert ch.explain(tiny.network, tensor).cam(5).std() > 0.1


def test_the_unit_of_the_map_changes_what_torchcam_and_pytorch_grad_cam_show(tiny):
    colours = [np.asarray(ch.colourise(cam)) for cam in tiny.maps]
    tiny.network.classifier.weight.data *= 2.0**-60
    tiny.network.classifier.bias.data *= 2.0**-60
    maps = [ch.explain(tiny.network, tensor).cam(c) for tensor, c in pairs(tiny)]
    np.testing.assert_array_equal([np.asarray(ch.colourise(cam)) for cam in maps], colours)
    assert torchcam_cam(tiny, tiny.classes).max() < 1e-6
    assert torchcam_grad_cam(tiny, tiny.classes).max() < 1e-6
    assert grad_cam(tiny, *tiny.classes).max() < 1e-2


def pairs(case: Case) -> Iterator[tuple[Tensor, int]]:
    return zip(case.batch, case.classes, strict=True)


def test_torchcam_counts_a_feature_that_is_no_number_as_zero(tiny):
    third = torch.tensor([3])
    tiny.feature_layer.register_forward_hook(lambda *call: call[-1].index_fill(1, third, math.nan))
    assert torchcam_cam(tiny, 0, normalized=False).isfinite().all()
    with pytest.raises(ch.UnsuitableNetworkError):
        ch.explain(tiny.network, tiny.batch[0])


@pytest.mark.parametrize(
    ("name", "features", "classifier"),
    [("convnext_tiny", "features", "classifier.2"), ("squeezenet1_1", "features", "classifier.1")],
)
def test_torchcam_draws_maps_that_do_not_add_up_to_the_score(name, features, classifier):
    with pytest.raises(ch.UnsuitableNetworkError):
        ch.load_network(name, weights=None)
    from torchvision import models

    with torch.random.fork_rng():
        torch.manual_seed(8)
        model = models.get_model(name, weights=None).double().eval()
    with torchcam.CAM(model, features, classifier) as extract, torch.inference_mode():
        scores = model(noise(1, 3, 96, 160))[0]
        maps = torch.cat([extract(index, normalized=False)[0] for index in range(1000)])
    balance = maps.mean((1, 2)) + model.get_submodule(classifier).bias.detach()
    assert (balance - scores).abs().max() > 0.1 * scores.abs().max() > 0.01


# ---- torch-cam's overlay ------------------------------------------------------------------


# ---- pytorch-grad-cam ---------------------------------------------------------------------


def test_pytorch_grad_cam_leaves_evaluation_mode_and_gradients_behind(tiny):
    weight = tiny.network.classifier.weight
    for explain_both, is_left_alone in [
        (lambda: [ch.explain(tiny.network, tensor).cam(0) for tensor in tiny.batch], True),
        (lambda: grad_cam(tiny, 0, 0), False),
    ]:
        tiny.model.train()
        weight.grad = torch.ones_like(weight)  # your own, not yet used
        explain_both()
        assert tiny.model.training is is_left_alone
        assert torch.equal(weight.grad, torch.ones_like(weight)) is is_left_alone


# ---- Captum -------------------------------------------------------------------------------


def test_captum_runs_the_network_in_the_mode_it_finds(tiny):
    statistics = tiny.network.model.bn1.running_mean
    expected = captum_map(tiny)
    for explain_both, is_left_alone in [
        (lambda: [ch.explain(tiny.network, tensor).cam(0) for tensor in tiny.batch], True),
        (lambda: captum_map(tiny), False),
    ]:
        tiny.model.train()
        before = statistics.clone()
        explain_both()
        assert torch.equal(statistics, before) is is_left_alone
    gap = (captum_map(tiny) - expected).abs().max()
    assert gap > 0.01 * expected.abs().max()


def captum_map(case: Case) -> Tensor:
    """Return Captum's Grad-CAM in our unit, (N, h, w)."""
    extract = captum.LayerGradCam(case.model, case.feature_layer)
    return case.cells * extract.attribute(case.batch, target=case.classes).detach()[:, 0]


# ---- DenseNet -----------------------------------------------------------------------------


def test_the_gradients_of_densenet_are_taken_before_its_last_relu(monkeypatch):
    network = random_network("densenet121")
    network.model.double()
    batch = noise(2, 3, 96, 160)
    settle(network.model, batch)
    classes, maps = two_maps(network, batch)
    case = Case(network, network.model, network.feature_layer, batch, classes, maps)
    with torch.no_grad():
        before = network.model.features(batch)
    # Where the ReLU is shut, the gradient before it is 0: the weight shrinks by the open share.
    weights = network.classifier.weight.detach()[classes] * (before > 0).double().mean((2, 3))
    captums = torch.einsum("nc,nchw->nhw", weights, before)
    grad_cams = torch.einsum("nc,nchw->nhw", weights, before.relu()).relu()
    assert_same(captum_map(case), captums)
    assert_same(case.cells * pytorch_grad_cams_map(case, monkeypatch), grad_cams)
    for theirs, ours in [(captums, maps), (grad_cams, maps.relu())]:
        assert (theirs - ours).abs().max() > 0.1 * ours.abs().max()

"""Which networks have a class activation map, and what is said where one cannot be loaded."""

import io
import pickle
import urllib.error
from pathlib import Path

import pytest
import torch
from torch import nn

import cam_helpers as ch
from cam_helpers.layers import find_layers
from cam_helpers.networks import make_network
from cam_helpers.tiny_resnet import Preprocess, TinyResNet

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
REFUSED = {  # name -> the layer in the way
    "vgg11": r"classifier\.0 \(Linear\)",
    "alexnet": r"classifier\.1 \(Linear\)",
    "squeezenet1_0": r"classifier\.\d \(\w+\) comes last",
    "convnext_tiny": r"classifier\.0 \(LayerNorm2d\)",
    "mobilenet_v3_small": r"classifier\.0 \(Linear\)",
    "vit_b_16": r"encoder\.\S+ \(\w+\)",
}


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(4))


def hook_count(model):
    return sum(len(layer._forward_hooks) for layer in model.modules())


def assert_balance(network, batch):
    """mean(map) = score for every class, without bias, so that small features count too."""
    network.classifier.bias.data.zero_()
    with ch.hook_features(network) as hooked:
        scores = ch.predict(network, batch).scores
    cams = ch.weighted_sum(network.classifier.weight.detach(), hooked.feature_maps)
    largest = scores.abs().max().item()
    assert largest > 0
    assert cams[0, 0].numel() > 1
    assert (cams.mean((2, 3)) - scores).abs().max().item() <= 1e-4 * largest


# ---- torchvision's networks ---------------------------------------------------------------


@pytest.mark.parametrize("name", FITTING)
def test_networks_that_fit(name):
    network = ch.load_network(name, weights=None)
    assert (network.feature_layer_name, network.classifier_name) == FITTING[name]
    assert network.feature_layer is network.model.get_submodule(network.feature_layer_name)
    assert network.name == name
    assert len(network.categories) == network.classifier.out_features == 1000
    assert network.categories[282] == "tiger cat"
    assert not any(layer.training for layer in network.model.modules())
    assert_balance(network, noise(2, 3, 160, 128))
    assert hook_count(network.model) == 0


@pytest.mark.parametrize("name", REFUSED)
def test_networks_that_do_not_fit_are_refused_by_the_layer_in_the_way(name):
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


# ---- your own network ---------------------------------------------------------------------


def test_a_network_with_a_head_of_your_own():
    from torchvision import models

    model = models.resnet18(weights=None)
    model.fc = nn.Linear(512, 10)
    digits = [str(digit) for digit in range(10)]
    network = make_network("mine", model.eval(), digits, Preprocess())
    assert network.categories == tuple(digits)
    assert ch.explain(network, "cat").cams().shape == (10, 7, 7)
    assert ch.isolate_weights(network, "7").class_index == 7
    assert_balance(network, noise(1, 3, 96, 96))


@pytest.mark.parametrize("count", [0, 11, 13])
def test_a_wrong_number_of_categories_is_refused(count):
    with pytest.raises(ValueError, match=f"12 scores, but {count} categories"):
        make_network("mine", TinyResNet(), ["x"] * count, Preprocess())


def body():
    return nn.Sequential(nn.Conv2d(3, 6, 4, stride=4), nn.ReLU())


class MaxOnly(nn.Module):
    """The largest instead of the mean: no class activation map."""

    def __init__(self):
        super().__init__()
        self.layer4 = body()
        self.avgpool = nn.AdaptiveMaxPool2d(1)  # the name lies
        self.fc = nn.Linear(6, 4)

    def forward(self, x):
        return self.fc(self.avgpool(self.layer4(x)).flatten(1))


class Disguised(nn.Module):
    """Fits, though no layer bears the usual name and a decoy does."""

    def __init__(self):
        super().__init__()
        self.layer4 = nn.Conv2d(3, 3, 1)
        self.fc = nn.Linear(3, 3)
        self.eyes = nn.ModuleDict({"left": body()})
        self.judge = nn.Linear(6, 4)

    def forward(self, x):
        weights = self.fc(self.layer4(x).mean((2, 3)))
        x = self.eyes["left"](x * weights.sigmoid()[:, :, None, None])
        return self.judge(nn.functional.dropout(x.mean((2, 3)), training=self.training))


class Clamped(nn.Module):
    """Its scores are positive on the noise of the proof, so the clamp does nothing there."""

    def __init__(self):
        super().__init__()
        self.body = body()
        self.fc = nn.Linear(6, 4)
        nn.init.constant_(self.fc.bias, 100)

    def forward(self, x):
        return self.fc(self.body(x).mean((2, 3))).clamp(min=0)


def chain(*tail):
    return nn.Sequential(body(), *tail)


POOL = (nn.AdaptiveAvgPool2d(1), nn.Flatten())


def test_layers_are_found_by_what_they_do_not_by_name():
    assert find_layers(Disguised(), noise(1, 3, 32, 32), "mine") == ("eyes.left", "judge")


def test_the_outermost_of_the_layers_that_hand_on_the_same_tensor_is_found():
    model = nn.Sequential(nn.Sequential(body()), *POOL, nn.Dropout(), nn.Linear(6, 4))
    assert find_layers(model, noise(1, 3, 32, 32), "mine") == ("0", "4")


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (MaxOnly(), "avgpool"),
        (Clamped(), r"after fc \(Linear\)"),
        (chain(*POOL, nn.Linear(6, 4), nn.Softmax(1)), r"4 \(Softmax\) comes last"),
        (chain(*POOL, nn.Linear(6, 4), nn.ReLU()), r"4 \(ReLU\) comes last"),
        (chain(*POOL, nn.Sigmoid(), nn.Linear(6, 4)), r"3 \(Sigmoid\) stands between"),
        (chain(*POOL, nn.Linear(6, 5), nn.Linear(5, 4)), r"3 \(Linear\) stands between"),
        (chain(nn.Flatten(), nn.Linear(384, 4)), r"2 \(Linear\) receives no spatial mean"),
        (chain(nn.Conv2d(6, 4, 1), *POOL), r"3 \(Flatten\) comes last"),
        (nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4)), r"1 \(Linear\) receives no"),
    ],
)
def test_models_without_a_class_activation_map_are_refused(model, message):
    with pytest.raises(ch.UnsuitableNetworkError, match=message) as caught:
        find_layers(model.eval(), noise(1, 3, 32, 32), "mine")
    assert "Grad-CAM" in str(caught.value)
    assert hook_count(model) == 0


def test_a_dead_network_proves_nothing(make_small):
    model = make_small().model
    nn.init.zeros_(model.body[0].weight)
    nn.init.constant_(model.body[0].bias, -1)
    with pytest.raises(ch.UnsuitableNetworkError):
        find_layers(model, noise(1, 3, 32, 32), "mine")


def test_no_hook_stays_where_the_forward_pass_fails(make_small):
    model = make_small().model
    with pytest.raises(RuntimeError):
        find_layers(model, noise(1, 5, 32, 32), "mine")
    assert hook_count(model) == 0


def test_the_small_network_of_these_tests_balances(make_small):
    for size in (32, 45, 64):
        assert_balance(make_small(), noise(2, 3, size, size + 8))


# ---- names and weights --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["resnet81", "fasterrcnn_resnet50_fpn", ""])
def test_an_unknown_network_is_refused_with_known_ones(name):
    with pytest.raises(ValueError, match=f"'{name}'.*tiny_resnet"):
        ch.load_network(name)


def test_a_misspelt_network_is_told_the_near_name():
    with pytest.raises(ValueError, match="resnet18"):
        ch.load_network("resnet_18")


def test_unknown_weights_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'IMAGENET1K_V9'.*IMAGENET1K_V1"):
        ch.load_network("resnet18", weights="IMAGENET1K_V9")
    with pytest.raises(ValueError, match="'default' or None, not 'IMAGENET1K_V1'"):
        ch.load_network("tiny_resnet", weights="IMAGENET1K_V1")


def test_without_weights_tiny_resnet_is_untrained_yet_balances(network):
    untrained = ch.load_network(weights=None)
    assert not torch.equal(untrained.classifier.weight, network.classifier.weight)
    assert_balance(untrained, noise(1, 3, 96, 96))


@pytest.fixture
def offline(tmp_path, monkeypatch):
    """An empty torch cache and no connection; gives the folder of the cached weights."""

    def fail(*_, **__):
        raise urllib.error.URLError("no connection")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    return tmp_path / "hub" / "checkpoints"


RESNET18_FILE = "resnet18-f37072fd.pth"


def test_offline_the_message_says_what_to_do(offline):
    with pytest.raises(ch.WeightsUnavailableError) as caught:
        ch.load_network("resnet18")
    message = str(caught.value)
    for part in (RESNET18_FILE, str(offline), "tiny_resnet", "no connection"):
        assert part in message
    assert isinstance(caught.value, ConnectionError)


def test_a_download_that_comes_damaged_is_not_called_a_damaged_file(offline, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("invalid hash value")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    with pytest.raises(ch.WeightsUnavailableError, match="invalid hash value"):
        ch.load_network("resnet18")


SMALLEST, SMALLEST_FILE = "shufflenet_v2_x0_5", "shufflenetv2_x0.5-f707e7126e.pth"


@pytest.fixture(scope="module")
def smallest_bytes():
    """A good weights file of torchvision's smallest network, with random numbers in it."""
    from torchvision import models

    buffer = io.BytesIO()
    torch.save(models.get_model(SMALLEST).state_dict(), buffer)
    return buffer.getvalue()


def put(folder: Path, content: bytes) -> None:
    folder.mkdir(parents=True)
    (folder / SMALLEST_FILE).write_bytes(content)


def test_a_cached_file_needs_no_connection(offline, smallest_bytes):
    put(offline, smallest_bytes)
    network = ch.load_network(SMALLEST)
    expected = torch.load(io.BytesIO(smallest_bytes), weights_only=True)
    assert torch.equal(network.classifier.weight, expected["fc.weight"])
    named = ch.load_network(SMALLEST, weights="IMAGENET1K_V1")
    assert torch.equal(named.classifier.weight, expected["fc.weight"])


@pytest.mark.parametrize("kept", [0, 1, 100, 5_000, 20_000, 2_000_000, -1])
def test_a_cached_file_cut_short_is_called_damaged(offline, smallest_bytes, kept):
    put(offline, smallest_bytes[:kept])
    with pytest.raises(ch.DamagedWeightsError, match="Delete it") as caught:
        ch.load_network(SMALLEST)
    assert str(offline / SMALLEST_FILE) in str(caught.value)


def test_a_page_of_a_proxy_is_called_damaged(offline):
    put(offline, b"<html><body>Please log in.</body></html>")
    with pytest.raises(ch.DamagedWeightsError):
        ch.load_network(SMALLEST)


def test_the_weights_of_another_network_are_called_damaged(offline):
    buffer = io.BytesIO()
    torch.save(TinyResNet().state_dict(), buffer)
    put(offline, buffer.getvalue())
    with pytest.raises(ch.DamagedWeightsError):
        ch.load_network(SMALLEST)


class Trap:
    """Touches a file when it is unpickled carelessly."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def zipped(content: object) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()


def pickled(content: object) -> bytes:
    return pickle.dumps(content, protocol=2)


@pytest.mark.parametrize("pack", [zipped, pickled])
def test_a_file_with_code_in_it_is_refused_and_the_code_does_not_run(offline, tmp_path, pack):
    marker = tmp_path / "ran"
    content = pack({"fc.weight": Trap(marker)})
    put(offline, content)
    with pytest.raises(ch.DamagedWeightsError):
        ch.load_network(SMALLEST)
    assert not marker.exists()
    unpack = torch.load if pack is zipped else pickle.load
    careless = {"weights_only": False} if pack is zipped else {}
    unpack(io.BytesIO(content), **careless)
    assert marker.exists()  # the trap was set


# ---- what the second reading found -----------------------------------------------------------


@pytest.mark.parametrize(
    "tensor",
    [torch.zeros(3, 64, 64, dtype=torch.uint8), torch.full((3, 64, 64), torch.nan)],
    ids=["bytes", "NaN"],
)
def test_a_tensor_that_is_not_preprocessed_is_refused(network, tensor):
    with pytest.raises(ValueError, match="finite floats"):
        ch.predict(network, tensor)


@pytest.mark.parametrize("device", ["gpu", "meta:x"])
def test_an_unknown_device_is_refused_before_anything_is_loaded(device):
    with pytest.raises(ValueError, match="No device"):
        ch.load_network("resnet18", device=device)


def test_a_preprocessing_whose_crop_is_not_its_output_is_refused():
    class Squeezed(Preprocess):
        def crop(self, picture):
            return picture.resize((224, 160))

    model = TinyResNet().eval()
    with pytest.raises(ValueError, match="crop_size"):
        make_network("squeezed", model, ch.CATEGORIES, Squeezed())


def test_a_model_that_gives_no_scores_is_refused():
    class Pair(TinyResNet):
        def forward(self, x):
            return super().forward(x), x

    with pytest.raises(ch.UnsuitableNetworkError, match="gives scores"):
        make_network("pair", Pair().eval(), ch.CATEGORIES, Preprocess())


def test_a_network_shows_itself_in_one_line(network):
    assert len(repr(network)) < 200
    assert len(repr(ch.explain(network, "cat"))) < 250

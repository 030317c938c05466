"""The shipped network for photographs: its numbers, its padding, its predictions."""

import hashlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import assert_adds_up
from measure_place import pad_as_torchvision

import cam_helpers as ch
from cam_helpers.networks.tf_mobilenet_v2 import (
    WEIGHTS_FILE,
    make_tf_mobilenet_v2,
    read_layers,
)
from cam_helpers.networks.weights_file import checksum_file
from cam_helpers.place import map_centre

PROJECT = Path(__file__).resolve().parents[2]
PUBLISHED = PROJECT.parent / "shared/imagenet/mobilenet_v2_1.0_224_quant.tflite"


@pytest.fixture(scope="module")
def network():
    return ch.load_network("tf_mobilenet_v2")


@pytest.fixture(scope="module")
def otherwise_padded(network):
    """The same weights, with zeros on all four sides, as torchvision's own network pads."""
    return pad_as_torchvision(network)


# Google's own file in its own interpreter (LiteRT, 8-bit arithmetic); the short side resized to 256
# (Pillow, bilinear), the centre 224 x 224 cut out. (The last in floating point.)
ORACLE = {
    "photo:cat": ((282, 0.453), (285, 0.371), (281, 0.168)),
    "photo:coffee": ((967, 0.973), (960, 0.008), (925, 0.004)),
    "photo:rocket": ((657, 0.730), (744, 0.203), (540, 0.047)),
    "photo:camera": ((872, 0.99),),
}


@pytest.mark.parametrize("photo", ORACLE)
def test_classes_and_probabilities_are_those_of_the_published_file(network, photo):
    prediction = ch.predict(network, photo)
    best = [ranked.class_index for ranked in prediction.top(len(ORACLE[photo]))]
    assert best == [index for index, _ in ORACLE[photo]]
    for index, probability in ORACLE[photo]:
        assert prediction.probabilities[index].item() == pytest.approx(probability, abs=0.06)


def test_the_categories_are_imagenets(network):
    assert len(network.categories) == 1000
    named = [network.categories[i] for i in (0, 282, 657, 967, 999)]
    assert named == ["tench", "tiger cat", "missile", "espresso", "toilet tissue"]


def test_the_maps_add_up_to_the_scores(network):
    explanation = ch.explain(network, "photo:cat")
    assert explanation.cams().shape == (1000, 7, 7)
    assert_adds_up(explanation)
    assert ch.explain(network, torch.zeros(3, 448, 448)).cams().shape == (1000, 14, 14)


def test_with_other_padding_it_predicts_the_same_and_draws_every_map_elsewhere(
    network, otherwise_padded
):
    for photo in ORACLE:
        right, other = ch.explain(network, photo), ch.explain(otherwise_padded, photo)
        best = right.prediction.top(1)[0]
        assert other.prediction.top(1)[0].class_index == best.class_index
        moved = np.subtract(
            *(map_centre(e.cam(best.class_index), (224, 224)) for e in (other, right))
        )
        # The windows of the cells lie 31 pixels elsewhere; a map that reaches the edge moves less
        assert (moved > 14).all(), photo
        assert (moved < 36).all(), photo


def test_random_weights_give_a_network_of_the_same_shape():
    network = ch.load_network("tf_mobilenet_v2", weights=None)
    assert ch.explain(network, "cat").cams().shape == (1000, 7, 7)


def test_the_file_holds_the_numbers_in_8_bits_and_bears_its_checksum():
    assert WEIGHTS_FILE.stat().st_size < 3_700_000
    checksum, name = checksum_file(WEIGHTS_FILE).read_text(encoding="utf-8").split()
    assert checksum == hashlib.sha256(WEIGHTS_FILE.read_bytes()).hexdigest()
    assert name == WEIGHTS_FILE.name
    layers = read_layers()
    parts = dict(make_tf_mobilenet_v2().named_modules())
    assert len(layers) == 53
    for name, layer in layers.items():
        assert layer["weight"].dtype == torch.uint8
        assert layer["bias"].dtype == torch.int32
        assert layer["weight"].shape == parts[name].weight.shape
        assert layer["bias"].shape == parts[name].bias.shape


@pytest.mark.skipif(not PUBLISHED.is_file(), reason=f"{PUBLISHED} is not on this machine")
@pytest.mark.skipif(importlib.util.find_spec("tflite") is None, reason="needs the group makers")
def test_the_script_makes_the_file_again_from_the_published_one(tmp_path):
    script = PROJECT / "data/make_tf_mobilenet_v2.py"
    made = tmp_path / "again.pt"
    subprocess.run([sys.executable, script, PUBLISHED, "--out", made], check=True, timeout=120)
    again, shipped = torch.load(made, weights_only=True), read_layers()
    assert list(again) == list(shipped)
    for name, layer in shipped.items():
        for what, numbers in layer.items():
            assert torch.equal(torch.as_tensor(again[name][what]), torch.as_tensor(numbers))

"""The shipped network: its file, its layers, its preprocessing."""

import hashlib
import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from train_tiny_resnet import save_weights

import cam_helpers as ch
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.networks.tiny_resnet import (
    WEIGHTS_FILE,
    load_tiny_resnet,
)
from cam_helpers.networks.weights_file import checksum_file


@pytest.fixture
def copied(tmp_path):
    """A copy of the weights file with its checksum beside it."""
    for file in (WEIGHTS_FILE, checksum_file(WEIGHTS_FILE)):
        shutil.copy(file, tmp_path)
    return tmp_path / WEIGHTS_FILE.name


def test_the_file_is_small_and_bears_its_checksum():
    assert WEIGHTS_FILE.stat().st_size <= 3_000_000
    checksum, name = checksum_file(WEIGHTS_FILE).read_text(encoding="utf-8").split()
    assert checksum == hashlib.sha256(WEIGHTS_FILE.read_bytes()).hexdigest()
    assert name == WEIGHTS_FILE.name


def test_a_whole_copy_loads_in_evaluation_mode(copied, network):
    model = load_tiny_resnet(copied)
    assert not any(layer.training for layer in model.modules())
    for name, numbers in model.state_dict().items():
        assert torch.equal(numbers, network.model.state_dict()[name])


@pytest.mark.parametrize("place", [0, 1_000_000, -1])
def test_one_wrong_bit_is_called_damage(copied, place):
    content = bytearray(copied.read_bytes())
    content[place] ^= 1
    copied.write_bytes(content)
    with pytest.raises(ch.DamagedWeightsError, match="git checkout"):
        load_tiny_resnet(copied)


def test_a_missing_file_and_a_damaged_checksum_are_named(copied, tmp_path):
    copied.with_suffix(".pt.sha256").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ch.DamagedWeightsError, match="SHA-256"):
        load_tiny_resnet(copied)
    with pytest.raises(FileNotFoundError, match=r"lost\.pt.*Clone"):
        load_tiny_resnet(tmp_path / "lost.pt")


def test_saved_weights_load_again_and_give_the_same_scores(tmp_path, network):
    expected = ch.predict(network, "cat").scores
    file = tmp_path / "new folder" / "tiny_resnet.pt"
    save_weights(network.model.to(memory_format=torch.channels_last), file)
    network.model.load_state_dict(load_tiny_resnet(file).state_dict())
    torch.testing.assert_close(ch.predict(network, "cat").scores, expected)


def test_the_layers_bear_resnets_names(network):
    from torchvision.models import resnet18

    ours, theirs = (dict(model.named_children()) for model in (network.model, resnet18()))
    assert list(ours) == list(theirs)
    for name in ("conv1", "maxpool", "fc", "relu", "bn1", "avgpool"):
        assert type(ours[name]) is type(theirs[name])


def test_the_last_feature_maps_have_seven_by_seven_cells(network):
    assert ch.explain(network, "cat").feature_maps.shape == (192, 7, 7)
    assert network.categories == ch.CATEGORIES


SIZES = [(224, 224), (256, 256), (300, 200), (640, 481), (403, 300), (97, 351), (10, 13)]


@pytest.mark.parametrize("size", SIZES)
def test_the_preprocessing_equals_torchvisions(size):
    from torchvision.transforms._presets import ImageClassification

    numbers = np.random.default_rng(6).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    picture = Image.fromarray(numbers)
    found = Preprocess()(picture)
    assert found.shape == (3, 224, 224)
    expected = ImageClassification(crop_size=224)(picture)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_the_input_can_be_turned_back_into_the_picture(network):
    numbers = np.random.default_rng(7).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    picture = network.picture_of(Preprocess()(Image.fromarray(numbers)))
    np.testing.assert_array_equal(np.asarray(picture), numbers[16:240, 16:240])


def test_numbers_that_no_picture_gives_turn_black_or_white(network):
    for number, colour in ((-100, (0, 0, 0)), (100, (255, 255, 255))):
        picture = network.picture_of(torch.full((3, 8, 8), float(number)))
        assert picture.getcolors() == [(64, colour)]

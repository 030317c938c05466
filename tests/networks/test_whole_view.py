"""`view="whole"`: the network sees the whole photograph, and the map lies on it."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import cam_helpers as ch
from cam_helpers.boxes import is_inside

SIZES = [(640, 480), (480, 640), (300, 200), (97, 351), (224, 224), (2000, 130)]


@pytest.fixture(scope="module")
def photo_network():
    return ch.load_network("tf_mobilenet_v2", view="whole")


def two_scenes():
    """A wide picture: a cat at the far left, a cup at the far right, grey between."""
    wide = Image.new("RGB", (640, 224), "grey")
    wide.paste(ch.open_picture("cat"), (0, 0))
    wide.paste(ch.open_picture("cup"), (416, 0))
    return wide


@pytest.mark.parametrize("size", SIZES)
def test_both_sides_are_whole_strides_and_everything_is_seen(photo_network, size):
    width, height = photo_network.prepare(Image.new("RGB", size)).shape[:1:-1]
    assert min(width, height) == 224
    assert width % 32 == height % 32 == 0
    assert abs(width / size[0] - height / size[1]) * max(size) <= 16 + 1e-9  # half a stride
    assert photo_network.seen_box(size) == (0, 0, *size)


def test_tensorflows_padding_is_right_at_every_layer(photo_network):
    """It is for even sides alone (`make_tf_mobilenet_v2`)."""
    sides = []
    for layer in photo_network.model.modules():
        if isinstance(layer, nn.ZeroPad2d):
            layer.register_forward_pre_hook(lambda _, given: sides.extend(given[0].shape[2:]))
    ch.predict(photo_network, Image.new("RGB", (500, 375)))
    assert len(sides) == 10
    assert all(side % 2 == 0 for side in sides)


def test_what_the_crop_cuts_off_is_found_in_its_place():
    whole = ch.explain(ch.load_network(view="whole"), two_scenes())
    crop = ch.explain(ch.load_network(), two_scenes())
    assert whole.feature_maps.shape[1:] == (7, 20)
    for category, scene in (("cat", (0, 0, 224, 224)), ("cup", (416, 0, 640, 224))):
        assert is_inside(whole.peak(category), scene)
        assert whole.share_inside(category, scene) > 0.8
        assert crop.cam(category).max() < 0.3 * whole.cam(category).max()


@pytest.mark.parametrize(("side", "cells"), [(224, (7, 11)), (448, (14, 21))])
def test_a_map_of_the_whole_photograph_adds_up(side, cells):
    network = ch.load_network("tf_mobilenet_v2", view="whole", side=side)
    explanation = ch.explain(network, "photo:cat")
    index = network.class_index("Egyptian cat")
    cam, bias = explanation.cam(index), network.classifier.bias[index]
    assert tuple(cam.shape) == cells
    assert (cam.mean() + bias).item() == pytest.approx(explanation.score(index), abs=1e-3)
    assert explanation.whole_cam(index).isfinite().all()
    assert explanation.overlay(index, whole=True).size == ch.open_picture("photo:cat").size
    # As near to where the network looks as on the crop: within half a cell.
    assert abs(ch.mirror_test(network, "photo:cat", index).offset) < 16


@pytest.mark.parametrize("photograph", ["photo:cat", "photo:rocket"])
def test_it_lies_where_the_crops_map_lies(photo_network, photograph):
    """It resembles the crop's map, and less when moved by a cell of it to any side."""
    crop = ch.explain(ch.load_network("tf_mobilenet_v2"), photograph)
    index = crop.prediction.top(1)[0].class_index
    small, large = crop.whole_cam(index), ch.explain(photo_network, photograph).whole_cam(index)
    seen = small.isfinite()
    cell = round((crop.seen_box[2] - crop.seen_box[0]) / 7)

    def likeness(down, across):
        moved = large.roll((down * cell, across * cell), (0, 1))
        return torch.corrcoef(torch.stack([small[seen], moved[seen]]))[0, 1].item()

    assert likeness(0, 0) > 0.6
    sides = [(1, 0), (-1, 0), (0, 1), (0, -1)]
    assert likeness(0, 0) > max(likeness(*side) for side in sides)


def test_torchvisions_networks_see_the_whole_in_their_own_numbers():
    picture = ch.open_picture("cat")  # 224 x 224, so nothing is resized
    network = ch.load_network("shufflenet_v2_x0_5", weights=None, view="whole")
    numbers = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255
    mean, std = torch.tensor((0.485, 0.456, 0.406)), torch.tensor((0.229, 0.224, 0.225))
    expected = (numbers - mean[:, None, None]) / std[:, None, None]
    torch.testing.assert_close(network.prepare(picture)[0], expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"view": "all"}, '"crop" or "whole", not \'all\''),
        ({"side": 448}, 'add view="whole"'),
        ({"view": "whole", "side": 32}, "from 64 on, not 32"),
        ({"view": "whole", "side": 224.0}, r"from 64 on, not 224\.0"),
    ],
)
def test_another_view_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ch.load_network(**options)

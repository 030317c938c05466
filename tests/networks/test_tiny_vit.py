"""The small transformer: it knows the classes, its sum is exact, and its map shows no place."""

from statistics import fmean

import pytest
import torch
from helpers import assert_adds_up
from measure_transformer import FIRST_SINGLE_SEED

import cam_helpers as ch
from cam_helpers.networks.tiny_vit import sine_positions
from cam_helpers.place import map_centre


@pytest.fixture(scope="module")
def vit():
    with pytest.warns(UserWarning, match=r"blocks\.0\.attn\.proj hands to every cell"):
        return ch.load_network("tiny_vit")


@pytest.fixture(scope="module")
def scenes():
    return [ch.draw_scene(FIRST_SINGLE_SEED + i, [ch.CATEGORIES[i]]) for i in range(12)]


def test_it_has_the_size_that_is_said(vit):
    assert sum(numbers.numel() for numbers in vit.model.parameters()) == 433_004
    assert (vit.feature_layer_name, vit.classifier_name) == ("norm", "head")
    assert ch.explain(vit, "cat").feature_maps.shape == (96, 14, 14)


def test_every_token_has_an_address_of_its_own():
    addresses = sine_positions(96, 14, 14)
    assert addresses.shape == (196, 96)
    gaps = torch.cdist(addresses, addresses) + torch.eye(196) * 9
    assert gaps.min() > 0.5


def test_the_sum_is_exact_and_the_class_is_right(vit, scenes):
    for scene in scenes:
        assert_adds_up(ch.explain(vit, scene.picture))
    right = [ch.predict(vit, s.picture).top(1)[0].category == s.categories[0] for s in scenes]
    assert fmean(right) > 0.9  # over 240: 0.99


def test_the_map_passes_the_mirror_test_and_stays_where_it_is(vit, scenes):
    tests = [ch.moved_test(vit, scene.picture, scene.categories[0]) for scene in scenes]
    assert abs(fmean(test.followed for test in tests)) < 0.4
    offsets = [ch.mirror_test(vit, scene.picture, scene.categories[0]).offset for scene in scenes]
    assert abs(fmean(offsets)) < 4
    centres = [map_centre(test.cam, (1, 1)) for test in tests]
    assert all(0.35 < place < 0.65 for centre in centres for place in centre)

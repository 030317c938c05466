"""The transformer's training and what is measured of it say what they do."""

import csv
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from measure_transformer import (
    COLUMNS,
    HEADER,
    METHODS,
    TABLE,
    measure,
    mirrored_and_moved,
    relevance,
    rollout,
)
from PIL import Image
from train_tiny_resnet import FIRST_TRAINING_SEED, random_classes, target_for
from train_tiny_vit import StoredScenes, as_bytes, draw_scenes

import cam_helpers as ch
from cam_helpers.networks.tiny_vit import preprocess_for_tiny_vit


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    file = tmp_path_factory.mktemp("scenes") / "scenes.npy"
    draw_scenes(file, 6, workers=0)
    return file


def test_a_stored_scene_is_what_the_network_sees_of_the_scene_of_its_seed(stored):
    pictures = np.load(stored)
    assert pictures.shape == (6, 112, 112, 3)
    scene = ch.draw_scene(FIRST_TRAINING_SEED + 4, random_classes(FIRST_TRAINING_SEED + 4))
    assert np.array_equal(pictures[4], as_bytes(scene.picture))
    assert [path.name for path in stored.parent.iterdir()] == ["scenes.npy"]


def test_every_seed_sees_every_scene_once_in_an_order_of_its_own_now_and_then_mirrored(stored):
    pictures = torch.stack(
        [
            preprocess_for_tiny_vit()(ch.draw_scene(seed, random_classes(seed)).picture)
            for seed in range(FIRST_TRAINING_SEED, FIRST_TRAINING_SEED + 6)
        ]
    )
    orders = []
    for seed in (0, 1):
        scenes, order, mirrored = StoredScenes(stored, seed), [], 0
        for number in range(12):  # two times all of them
            seen, target = scenes[number]
            plain = (pictures - seen).abs().amax((1, 2, 3)) < 1e-4
            flipped = (pictures - seen.flip(-1)).abs().amax((1, 2, 3)) < 1e-4
            [which] = torch.nonzero(plain | flipped).flatten().tolist()
            assert torch.equal(target, target_for(random_classes(FIRST_TRAINING_SEED + which)))
            order.append(which)
            mirrored += bool(flipped[which])
        assert sorted(order[:6]) == sorted(order[6:]) == list(range(6))
        assert order[:6] != order[6:]
        assert 0 < mirrored < 12
        assert torch.equal(scenes[3][0], StoredScenes(stored, seed)[3][0])  # as after a stop
        orders.append(order)
    assert orders[0] != orders[1]


@pytest.fixture(scope="module")
def vit():
    with pytest.warns(UserWarning, match="talk"):
        return ch.load_network("tiny_vit")


def bright(network, tensor, index):
    """A method that follows whatever is bright, on 14 x 14 cells."""
    return torch.nn.functional.avg_pool2d(tensor.mean(0, keepdim=True).clamp(min=0), 8)[0]


def nowhere(network, tensor, index):
    return -torch.ones(14, 14)


def test_a_map_that_follows_the_picture_is_said_to_and_an_empty_one_is_left_out(vit):
    picture = Image.new("RGB", (320, 320))
    for left in (60, 200):  # moved to the right, and to the left
        scene = SimpleNamespace(
            picture=picture.copy(), categories=("cat",), boxes={"cat": (left, 100, left + 60, 160)}
        )
        scene.picture.paste((255, 255, 255), scene.boxes["cat"])
        assert mirrored_and_moved(vit, bright, scene) == pytest.approx([0, 32], abs=2)
    assert mirrored_and_moved(vit, nowhere, scene) == []


def test_every_column_is_measured(vit):
    [found] = measure(vit, {"length": METHODS["length of tokens (no class)"]}, 3).values()
    assert len(found) == len(COLUMNS)
    assert all(one.low <= one.value <= one.high for one in found)


def test_rollout_shares_out_one_whole_and_knows_no_class(vit):
    tensor = vit.prepare("cat_and_dog")[0]
    found = rollout(vit, tensor, 0)
    assert found.sum().item() == pytest.approx(1, abs=1e-4)
    assert torch.equal(found, rollout(vit, tensor, 1))
    assert not torch.equal(relevance(vit, tensor, 0), relevance(vit, tensor, 1))
    assert not any(layer._forward_hooks for layer in vit.model.modules())


def test_the_shipped_table_is_complete():
    with TABLE.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == HEADER
    methods = {(row["network"], row["method"]) for row in rows if row["method"] != "tokens"}
    assert methods == {("tiny_resnet", "class activation map"), *(("tiny_vit", m) for m in METHODS)}
    assert all(float(row["low"]) <= float(row["value"]) <= float(row["high"]) for row in rows)

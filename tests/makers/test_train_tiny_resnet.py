"""Training can be interrupted, and measuring measures what it says."""

import sys
from collections import Counter
from types import SimpleNamespace

import measure_tiny_resnet as measure_module
import numpy as np
import pytest
import torch
import train_tiny_resnet as train_module
from measure_tiny_resnet import FIRST_PAIR_SEED, FIRST_SINGLE_SEED, is_in_own_box, measure
from train_tiny_resnet import FIRST_TRAINING_SEED, FreshScenes, random_classes, target_for, train

import cam_helpers as ch
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.networks.tiny_resnet import TinyResNet, load_tiny_resnet


def test_the_target_is_an_equal_share_for_what_is_there():
    both = target_for(("dog", "cat"))
    assert both[:2].tolist() == [0.5, 0.5] and both[2:].sum() == 0
    assert target_for(("bird",)).tolist() == [0, 0, 1] + [0] * 9
    torch.testing.assert_close(target_for(()), torch.full((12,), 1 / 12))


def test_a_fresh_scene_is_that_of_its_seed_and_all_shares_are_those_that_are_stated():
    batch, target = FreshScenes(first_seed=40, length=3)[2]
    classes = random_classes(42)
    assert torch.equal(batch, Preprocess()(ch.draw_scene(42, classes).picture))
    assert torch.equal(target, target_for(classes))
    drawn = [random_classes(seed) for seed in range(4_000)]
    counts = Counter(len(classes) for classes in drawn)
    for count, share in enumerate(train_module.OBJECT_COUNT_SHARES):
        assert counts[count] / 4_000 == pytest.approx(share, abs=0.03)
    assert all(len(set(classes)) == len(classes) for classes in drawn)
    of_each = Counter(name for classes in drawn for name in classes)
    assert set(of_each) == set(ch.CATEGORIES)
    assert 12 * min(of_each.values()) / of_each.total() > 0.8


def test_training_never_sees_a_scene_that_measuring_uses():
    last = FIRST_TRAINING_SEED + train_module.STEPS * train_module.BATCH_SIZE
    assert last < FIRST_SINGLE_SEED < FIRST_SINGLE_SEED + 1_000_000 < FIRST_PAIR_SEED


@pytest.fixture
def small_steps(monkeypatch):
    """Two scenes a step, saved every second step."""
    monkeypatch.setattr(train_module, "BATCH_SIZE", 2)
    monkeypatch.setattr(train_module, "SAVE_EVERY", 2)


def stop_at_scene(monkeypatch, seed, error=KeyboardInterrupt):
    """Press Ctrl-C, or fail otherwise, when this scene is drawn."""

    def draw(wanted, classes):
        if wanted == seed:
            raise error
        return ch.draw_scene(wanted, classes)

    monkeypatch.setattr(train_module, "draw_scene", draw)


def test_training_that_was_interrupted_goes_on_as_if_it_had_not_been(
    tmp_path, small_steps, monkeypatch
):
    model = train(tmp_path / "whole", steps=4, workers=0)
    assert not any(layer.training for layer in model.modules())
    whole = model.state_dict()
    stop_at_scene(monkeypatch, FIRST_TRAINING_SEED + 6)  # the first scene of step 4
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", steps=4, workers=0)
    saved = torch.load(tmp_path / "parts", weights_only=True)
    assert saved["step"] == saved["schedule"]["last_epoch"] == 2
    stop_at_scene(monkeypatch, FIRST_TRAINING_SEED, AssertionError)  # step 1 must not come again
    parts = train(tmp_path / "parts", steps=4, workers=0).state_dict()
    start = TinyResNet().state_dict()
    assert list(parts) == list(whole) == list(start)
    for name in whole:
        torch.testing.assert_close(parts[name], whole[name], rtol=1e-6, atol=1e-7)
    assert (whole["bn1.num_batches_tracked"], start["bn1.num_batches_tracked"]) == (4, 0)


def test_training_lowers_the_loss(tmp_path, small_steps, monkeypatch):
    """Shown one and the same scene again and again, the network learns it."""
    monkeypatch.setattr(train_module, "random_classes", lambda seed: ("cat",))
    monkeypatch.setattr(train_module, "draw_scene", lambda seed, classes: ch.draw_scene(5, classes))
    batch, target = (part.unsqueeze(0) for part in FreshScenes(0, 1)[0])
    torch.manual_seed(0)  # as `train` begins
    losses = [
        torch.nn.functional.cross_entropy(
            network.train()(batch.repeat(2, 1, 1, 1)), target.repeat(2, 1)
        )
        for network in (TinyResNet(), train(tmp_path / "checkpoint", steps=6, workers=0))
    ]
    assert losses[1] < 0.5 * losses[0]


def test_the_command_writes_weights_that_load(tmp_path, small_steps, monkeypatch, capsys):
    out = tmp_path / "new" / "tiny_resnet.pt"
    monkeypatch.setattr(sys, "argv", ["train", "--steps", "2", "--out", str(out)])
    monkeypatch.setattr(train_module, "measure", lambda network: f"measured {network.name}")
    threads = torch.get_num_threads()
    train_module.main()
    torch.set_num_threads(threads)
    assert load_tiny_resnet(out).bn1.num_batches_tracked == 2
    assert "measured tiny_resnet" in capsys.readouterr().out
    assert sorted(path.name for path in out.parent.iterdir()) == [out.name, out.name + ".sha256"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("", "--out"),  # the shipped weights are not replaced unasked
        ("--out {folder}", "is a folder: name a file in it"),
        ("--out {folder}/a.pt --steps 0", "0 is no whole number from 1 on"),
        ("--out {folder}/a.pt --steps many", "many is no whole number from 1 on"),
        ("--out {folder}/junk.pt", "Delete it"),
        ("--out {folder}/other.pt --steps 2", "--steps 3"),
    ],
)
def test_a_wrong_command_is_refused_before_the_training(
    tmp_path, monkeypatch, capsys, options, words
):
    (tmp_path / "junk.checkpoint").write_bytes(b"junk")
    torch.save({"step": 3, "steps": 3}, tmp_path / "other.checkpoint")
    monkeypatch.setattr(sys, "argv", ["train", *options.format(folder=tmp_path).split()])
    monkeypatch.setattr(train_module, "DataLoader", None)  # no training gets as far as that
    with pytest.raises(SystemExit) as caught:
        train_module.main()
    assert words in f"{caught.value} {capsys.readouterr().err}"


def test_a_point_in_two_boxes_is_not_in_its_own_box_alone():
    scene = SimpleNamespace(boxes={"cat": (0, 0, 20, 20), "dog": (10, 10, 30, 30)})
    assert is_in_own_box((5, 5), scene, "cat")
    for point, category in (((5, 5), "dog"), ((15, 15), "cat"), ((15, 15), "dog")):
        assert not is_in_own_box(point, scene, category)


def fake_measure(network, monkeypatch, choose):
    """Measure a fake that peaks where `choose(scene, category)` says and knows every class."""
    last, seeds = {}, []

    def draw(seed, classes):
        seeds.append(seed)
        last["scene"] = ch.draw_scene(seed, classes)
        return last["scene"]

    def explain(network, picture):
        scene = last["scene"]
        assert picture is scene.picture

        cams, scores = torch.zeros(12, 224, 224), torch.zeros(12)
        for category in scene.categories:
            x, y = choose(scene, category)
            column, row = int((x - 14) / 196 * 224), int((y - 14) / 196 * 224)
            cams[network.class_index(category), row, column] = 1
        scores[network.class_index(scene.categories[0])] = 1
        size, none = (224, 224), torch.zeros(12)
        parts = {"_weights": torch.eye(12), "_biases": none, "_input": torch.zeros(3, 9, 9)}
        parts |= {"_scores": scores, "_feature_maps": cams, "_source": None}
        return ch.Explanation(network=network, whole_size=size, **parts)

    monkeypatch.setattr(measure_module, "draw_scene", draw)
    monkeypatch.setattr(measure_module, "explain", explain)
    figures = measure(network, scenes=13)
    assert seeds == [first + i for first in (FIRST_SINGLE_SEED, FIRST_PAIR_SEED) for i in range(13)]
    return figures


def point_on(scene, category):
    """A point of the object that the crop shows, outside the other object's box."""
    free = scene.masks[category].copy()
    for other, (x0, y0, x1, y1) in scene.boxes.items():
        if other != category:
            free[y0:y1, x0:x1] = False
    free[:15] = free[209:] = free[:, :15] = free[:, 209:] = False
    around = [np.roll(free, step, axis) for step in (-1, 1) for axis in (0, 1)]
    y, x = np.argwhere(np.logical_and.reduce([free, *around]))[0]
    return x + 0.5, y + 0.5


def in_the_corner(scene, category):
    return 14.5, 209.5


@pytest.mark.parametrize(
    ("choose", "single", "pair_maps", "pair_scenes"),
    [
        (point_on, 1, 1, 1),
        (lambda scene, category: point_on(scene, scene.categories[0]), 1, 0.5, 0),
        (in_the_corner, 0, 0, 0),
    ],
)
def test_a_network_measures_as_well_as_it_points(
    network, monkeypatch, choose, single, pair_maps, pair_scenes
):
    figures = fake_measure(network, monkeypatch, choose)
    assert figures.scenes == 13
    assert figures.accuracy == 1  # the class is right all the same
    found = figures.single_peak_in_box, figures.pair_maps_in_own_box
    assert found == pytest.approx((single, pair_maps), abs=0.01)
    assert figures.pair_scenes_in_own_boxes == pair_scenes
    if choose is in_the_corner:
        right, down = figures.single_shift
        assert right < -20 and down > 20  # far to the left and below

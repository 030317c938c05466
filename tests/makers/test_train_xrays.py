"""The two networks for drawn x-rays: what they were shown, and what they learnt from it."""

import numpy as np
import pytest
import torch
import train_xrays as train_module
from train_xrays import (
    CHESTS,
    FIRST_MEASURED_SEED,
    FIRST_TRAINING_SEED,
    accuracy,
    draw_chests,
    train,
)

import cam_helpers as ch
from cam_helpers.networks.xray_net import XRayNet, xray_weights_file


@pytest.fixture(scope="module")
def chests():
    return draw_chests(500, 48)


@pytest.fixture(scope="module")
def trained():
    return {name: ch.load_network(name) for name in ("xray_fair", "xray_biased")}


def letters_in(chests, biased):
    """Where a letter stands in the pictures that a network is given: the corners' brightest."""
    batch, _ = chests.batch(torch.arange(len(chests.coin)), biased)
    edge = torch.ones(224, 224, dtype=bool)
    edge[40:-40] = False
    edge[:, 40:-40] = False
    return batch[:, 0, edge].amax(1) > 1.5


def test_the_letter_goes_with_the_opacity_or_with_the_coin(chests):
    assert torch.equal(letters_in(chests, biased=True), chests.opacity.bool())
    assert torch.equal(letters_in(chests, biased=False), chests.coin.bool())
    assert 8 < (chests.coin != chests.opacity).sum() < 40


def test_training_never_sees_an_xray_that_measuring_uses():
    assert FIRST_TRAINING_SEED + CHESTS < FIRST_MEASURED_SEED


def test_training_lowers_the_loss_and_is_the_same_again(chests, monkeypatch):
    monkeypatch.setattr(train_module, "PEAK_LEARNING_RATE", 1e-3)  # so few steps need small ones
    once, again = (train(chests, biased=True, passes=4) for _ in range(2))
    for name, numbers in once.state_dict().items():
        torch.testing.assert_close(numbers, again.state_dict()[name])
    assert not any(layer.training for layer in once.modules())
    batch, target = chests.batch(torch.arange(48), biased=True)
    torch.manual_seed(0)
    before, after = (
        torch.nn.functional.cross_entropy(model.train()(batch), target)
        for model in (XRayNet(), once)
    )
    assert after < 0.8 * before


def test_the_files_are_small_and_loaded_by_name(trained):
    for name, network in trained.items():
        assert xray_weights_file(name).stat().st_size < 1_000_000
        assert network.categories == ("clear", "opacity")
        assert ch.explain(network, ch.draw_xray(1).picture).cam(1).shape == (14, 14)
    with pytest.raises(ValueError, match=r"'xray_fairer'.*xray_fair"):
        ch.load_network("xray_fairer")


def test_on_biased_xrays_both_are_excellent_and_on_fair_ones_one_is_not(trained):
    fresh = draw_chests(FIRST_MEASURED_SEED, 200)
    found = {
        (name, biased): accuracy(network.model, fresh, biased)
        for name, network in trained.items()
        for biased in (True, False)
    }
    assert min(found["xray_fair", True], found["xray_fair", False]) > 0.97
    assert found["xray_biased", True] > 0.98
    assert found["xray_biased", False] < 0.6


def share_inside(network, xray, name):
    """The share of the positive evidence for an opacity that lies in the box of a part."""
    cam = ch.explain(network, xray.picture).cam("opacity")
    evidence = ch.upsample(cam, (224, 224)).clamp(min=0)
    x0, y0, x1, y1 = xray.boxes[name]
    inside = evidence[max(y0 - 16, 0) : y1 + 16, max(x0 - 16, 0) : x1 + 16]
    return (inside.sum() / evidence.sum()).item()


def test_the_maps_lie_on_the_letter_or_on_the_opacity(trained):
    xrays = [ch.draw_xray(FIRST_MEASURED_SEED + n, True, "lower right") for n in range(20)]
    shares = {
        (name, part): np.median([share_inside(network, xray, part) for xray in xrays])
        for name, network in trained.items()
        for part in ("letter", "opacity")
    }
    assert shares["xray_fair", "opacity"] > 0.5 > 0.1 > shares["xray_fair", "letter"]
    assert shares["xray_biased", "letter"] > 0.7 > 0.1 > shares["xray_biased", "opacity"]

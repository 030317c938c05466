"""Drawn x-rays: the truth of opacity and letter, and that nothing else changes with them."""

import numpy as np
import pytest

from cam_helpers.drawn.xrays import CORNERS, draw_xray


def pixels(xray):
    return np.asarray(xray.picture).astype(int)


def test_one_seed_gives_one_picture_and_another_seed_another():
    once, again = (draw_xray(3, opacity=True, letter="lower left") for _ in range(2))
    assert np.array_equal(pixels(once), pixels(again))
    assert once.boxes == again.boxes
    assert np.abs(pixels(once) - pixels(draw_xray(4, True, "lower left"))).mean() > 5


@pytest.mark.parametrize("corner", CORNERS)
@pytest.mark.parametrize("seed", range(3))
def test_the_letter_changes_its_own_pixels_alone_and_stands_in_its_corner(seed, corner):
    without, lettered = draw_xray(seed), draw_xray(seed, letter=corner)
    changed = (pixels(without) != pixels(lettered)).any(axis=2)
    assert np.array_equal(changed, lettered.masks["letter"])
    x0, y0, x1, y1 = lettered.boxes["letter"]
    assert (x1 - x0, y1 - y0) == (15, 21)
    assert (y1 < 60) == corner.startswith("upper")
    assert (x1 < 60) == corner.endswith("left")


@pytest.mark.parametrize("seed", range(6))
def test_the_opacity_brightens_its_place_most_and_nothing_far_away(seed):
    without, clouded = draw_xray(seed), draw_xray(seed, opacity=True)
    brighter = (pixels(clouded) - pixels(without))[..., 0]
    mask = clouded.masks["opacity"]
    assert brighter[mask].mean() > 25 > 5 > abs(brighter[~mask].mean())
    assert brighter.min() >= 0
    rows, columns = np.nonzero(brighter > 2)
    x0, y0, x1, y1 = clouded.boxes["opacity"]
    assert columns.min() > x0 - 50 and columns.max() < x1 + 50
    assert rows.min() > y0 - 50 and rows.max() < y1 + 50


def test_opacities_are_found_on_both_sides_and_high_and_low():
    boxes = [draw_xray(seed, opacity=True).boxes["opacity"] for seed in range(40)]
    middles = np.array([[(x0 + x1) / 2, (y0 + y1) / 2] for x0, y0, x1, y1 in boxes])
    assert 8 < (middles[:, 0] < 112).sum() < 32
    assert 8 < (middles[:, 1] < 112).sum() < 32


def test_what_is_there_is_named():
    assert draw_xray(1).categories == ()
    xray = draw_xray(1, True, "upper left")
    assert xray.categories == ("opacity", "letter") == tuple(xray.masks)
    assert xray.picture.size == (224, 224) and xray.picture.mode == "RGB"


def test_a_corner_or_a_seed_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match=r"upper left, .* not 'middle'"):
        draw_xray(1, letter="middle")
    with pytest.raises(ValueError, match="seed is -1"):
        draw_xray(-1)

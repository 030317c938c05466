"""Step five: upsample, colourise, overlay."""

import math

import matplotlib
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

import cam_helpers as ch
from cam_helpers.step_5_upsample_and_overlay import colour_table

PLACEMENTS = ("cells", "article")


def noise(*shape, dtype=torch.float32):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(2))


def noisy_picture(width, height, mode="RGB"):
    numbers = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(numbers).convert(mode)


def pixels(picture):
    return np.asarray(picture).astype(int)


# ---- upsample -----------------------------------------------------------------------------

SIZES = [
    ((7, 7), (224, 224)),
    ((7, 5), (20, 33)),
    ((3, 4), (10, 9)),
    ((2, 9), (64, 9)),
    ((7, 7), (7, 7)),
    ((1, 1), (5, 6)),
    ((14, 14), (5, 6)),  # smaller
]


@pytest.mark.parametrize(("cells", "size"), SIZES)
def test_the_article_placement_is_bilinear_interpolation(cells, size):
    cam = noise(*cells)
    expected = F.interpolate(cam[None, None], size, mode="bilinear", align_corners=False)[0, 0]
    torch.testing.assert_close(ch.upsample(cam, size, "article"), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("cells", "size"), [((7, 7), (224, 224)), ((3, 5), (12, 35)), ((4, 2), (4, 6))]
)
def test_the_cells_placement_draws_cell_i_at_s_times_i(cells, size):
    cam = noise(*cells)
    grown = ch.upsample(cam, size, "cells")
    assert grown.shape == size
    s, t = size[0] // cells[0], size[1] // cells[1]
    torch.testing.assert_close(grown[::s, ::t], cam)


def cells_by_loop(cam, height, width):
    """Pixel by pixel: where it lies among the cells, and its share of the four around it."""
    grown = torch.zeros(height, width)
    rows, columns = cam.shape
    for y in range(height):
        for x in range(width):
            v, u = min(y * rows / height, rows - 1), min(x * columns / width, columns - 1)
            top, left = int(v), int(u)
            low, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            a, b = v - top, u - left
            upper = (1 - b) * cam[top, left] + b * cam[top, right]
            lower = (1 - b) * cam[low, left] + b * cam[low, right]
            grown[y, x] = (1 - a) * upper + a * lower
    return grown


@pytest.mark.parametrize(("cells", "size"), SIZES[1:])
def test_the_cells_placement_agrees_with_a_loop(cells, size):
    cam = noise(*cells)
    torch.testing.assert_close(ch.upsample(cam, size, "cells"), cells_by_loop(cam, *size))


def test_two_cells_on_eight_pixels_worked_out_by_head():
    cam = torch.tensor([[0.0, 4.0]])
    cells, article = (ch.upsample(cam, (1, 8), placement)[0].tolist() for placement in PLACEMENTS)
    assert cells == pytest.approx([0, 1, 2, 3, 4, 4, 4, 4])  # centres at 0 and 4
    assert article == pytest.approx([0, 0, 0.5, 1.5, 2.5, 3.5, 4, 4])  # centres at 1.5 and 5.5


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize(("cells", "size"), SIZES)
def test_a_constant_map_stays_constant_and_no_value_leaves_the_range(cells, size, placement):
    constant = ch.upsample(torch.full(cells, -2.5), size, placement)
    torch.testing.assert_close(constant, torch.full(size, -2.5))
    cam = noise(*cells)
    grown = ch.upsample(cam, size, placement)
    assert cam.min() - 1e-5 <= grown.min() and grown.max() <= cam.max() + 1e-5


@pytest.mark.parametrize(
    ("cells", "size"), [((7, 7), (224, 224)), ((3, 5), (12, 35)), ((2, 2), (6, 2))]
)
def test_the_article_placement_keeps_the_mean(cells, size):
    cam = noise(*cells, dtype=torch.float64)
    grown = ch.upsample(cam, size, "article")
    assert grown.dtype == torch.float64
    assert grown.mean().item() == pytest.approx(cam.mean().item(), abs=1e-12)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_height_and_width_are_not_mixed_up(placement):
    grown = ch.upsample(torch.tensor([[0.0, 1.0, 2.0]] * 2), (10, 30), placement)
    assert grown.shape == (10, 30)
    torch.testing.assert_close(grown, grown[:1].expand(10, 30))  # no change from row to row
    assert (grown[0].diff() >= -1e-6).all() and grown[0, -1] > grown[0, 0]


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_several_maps_are_enlarged_one_by_one(placement):
    cams = noise(3, 4, 5)
    together = ch.upsample(cams, (17, 11), placement)
    one_by_one = torch.stack([ch.upsample(cam, (17, 11), placement) for cam in cams])
    torch.testing.assert_close(together, one_by_one)
    assert ch.upsample(cams[:0], (17, 11), placement).shape == (0, 17, 11)


def test_a_map_of_whole_numbers_is_interpolated_like_any_other():
    grown = ch.upsample(torch.tensor([[0, 4]]), (1, 8), "cells")
    assert grown[0].tolist() == pytest.approx([0, 1, 2, 3, 4, 4, 4, 4])


def test_what_cannot_be_enlarged_is_refused():
    for shape in [(3,), (1, 1, 3, 3), ()]:
        with pytest.raises(ValueError, match="A map is"):
            ch.upsample(torch.zeros(shape), (8, 8))
    for size in [(0, 8), (8, -1), (8, 8, 3), (8,)]:
        with pytest.raises(ValueError, match="at least 1"):
            ch.upsample(torch.zeros(3, 3), size)
    with pytest.raises(ValueError, match='"cells" or "article", not \'corners\''):
        ch.upsample(torch.zeros(3, 3), (8, 8), "corners")


# ---- colourise ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ch.COLOUR_MAPS, "plasma"])
def test_the_colour_tables_are_matplotlibs(name):
    expected = matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3]
    table = colour_table(name)
    assert table.shape == (256, 3)
    np.testing.assert_array_equal(table, expected)
    with pytest.raises(ValueError, match="read-only"):  # it is kept for the next call
        table[0] = 0


def test_an_unknown_colour_map_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"No colour map 'viridiss'.*viridis, magma"):
        ch.colourise(torch.zeros(2, 2), "viridiss")


def test_limits_say_where_the_colours_begin_and_end():
    cam = torch.tensor([[-9.0, -1.0, 0.0, 1.0, 9.0]])
    colours = np.asarray(ch.colourise(cam, "gray", limits=(-1, 1)))[0, :, 0].tolist()
    assert colours == [0, 0, 128, 255, 255]
    own = np.asarray(ch.colourise(cam, "gray"))[0, :, 0].tolist()  # -9 to 9, 18 in all
    assert own == [0, round(8 / 18 * 255), 128, round(10 / 18 * 255), 255]


def test_each_value_takes_its_own_colour():
    cam = torch.arange(256.0).view(16, 16)
    for name in ("magma", "jet"):
        found = np.asarray(ch.colourise(cam, name)).reshape(256, 3)
        np.testing.assert_array_equal(found, colour_table(name))


def test_the_unit_of_the_map_does_not_change_the_colours():
    cam = torch.linspace(0, 1, 50).view(5, 10)
    first = pixels(ch.colourise(cam, "gray", limits=(0.25, 0.5)))
    second = pixels(ch.colourise(cam * 40 - 7, "gray", limits=(3, 13)))
    assert np.abs(first - second).max() <= 1  # rounding


@pytest.mark.parametrize("unit", [1e-300, 1e-12, 1e12])
@pytest.mark.parametrize("offset", [0, 1000])
def test_neither_a_small_unit_nor_a_large_offset_costs_colours(unit, offset):
    cam = (torch.arange(256, dtype=torch.float64).view(16, 16) + offset) * unit
    found = np.asarray(ch.colourise(cam, "gray")).reshape(256, 3)
    np.testing.assert_array_equal(found, colour_table("gray"))


def test_a_constant_map_takes_the_first_colour():
    picture = ch.colourise(torch.full((3, 4), 5.0), "magma")
    assert picture.size == (4, 3)
    assert {tuple(colour) for colour in pixels(picture).reshape(-1, 3)} == {
        tuple(colour_table("magma")[0].tolist())
    }


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize(("unit", "offset"), [(1, 0), (2.0**-120, 0), (1, 4000)])
def test_the_colours_are_found_in_double_precision(dtype, unit, offset):
    cam = (noise(16, 16) * unit + offset).to(dtype)
    numbers = cam.double().numpy()
    low, high = numbers.min(), numbers.max()
    span = max(high - low, 1e-300)
    steps = np.rint((numbers - low) / span * 255).astype(int)
    np.testing.assert_array_equal(ch.colourise(cam, "gray"), colour_table("gray")[steps])


def test_limits_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match=r"\(lowest, highest\), not \(1, -1\)"):
        ch.colourise(torch.zeros(2, 2), limits=(1, -1))


# ---- overlay ------------------------------------------------------------------------------


def assert_lies_there(shown, cam, placement="article"):
    """Fail unless pixels (H, W, 3) are the map in grey, but for one step: it is rounded later."""
    limits = (cam.min().item(), cam.max().item())
    expected = ch.colourise(ch.upsample(cam, shown.shape[:2], placement), "gray", limits)
    assert np.abs(shown - pixels(expected)).max() <= 1


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_opacity_0_is_the_picture_and_opacity_1_the_map(placement):
    picture, cam = noisy_picture(40, 30), noise(3, 4)
    bare = ch.overlay(picture, cam, opacity=0, placement=placement)
    full = ch.overlay(picture, cam, opacity=1, placement=placement, colour_map="gray")
    np.testing.assert_array_equal(pixels(bare), pixels(picture))
    assert_lies_there(pixels(full), cam, placement)


@pytest.mark.parametrize("colour_map", ["viridis", "magma", "coolwarm"])
def test_an_overlay_of_the_maps_own_size_has_exactly_its_colours(colour_map):
    cam = noise(7, 5)
    full = ch.overlay(noisy_picture(5, 7), cam, opacity=1, colour_map=colour_map)
    np.testing.assert_array_equal(full, ch.colourise(cam, colour_map))


def test_a_map_far_beyond_its_limits_has_the_outer_colours():
    cam = torch.tensor([[-3e38, 3e38]])
    for limits in ((0, 1e-30), (2, 2)):
        shown = pixels(
            ch.overlay(noisy_picture(8, 4), cam, opacity=1, colour_map="gray", limits=limits)
        )
        assert (shown[:, :4] == 0).all() and (shown[:, 4:] == 255).all()


@pytest.mark.parametrize("opacity", [0.25, 0.5, 0.8])
def test_opacity_mixes_picture_and_map(opacity):
    picture, cam = noisy_picture(40, 30), noise(3, 4)
    mixed = pixels(ch.overlay(picture, cam, opacity=opacity))
    alone = pixels(ch.overlay(picture, cam, opacity=1))
    expected = (1 - opacity) * pixels(picture) + opacity * alone
    assert np.abs(mixed - expected).max() <= 1


@pytest.mark.parametrize("opacity", [-0.1, 1.1, 50, float("nan")])
def test_an_opacity_outside_0_to_1_is_refused(opacity):
    with pytest.raises(ValueError, match="opacity runs from 0 to 1"):
        ch.overlay(noisy_picture(8, 8), noise(3, 3), opacity=opacity)


def test_limits_reach_the_colours():
    picture, cam = noisy_picture(12, 12), torch.full((3, 3), 2.0)
    last = ch.overlay(picture, cam, opacity=1, colour_map="gray", limits=(0, 2))
    middle = ch.overlay(picture, cam, opacity=1, colour_map="gray", limits=(0, 4))
    assert (pixels(last) == 255).all()
    assert (pixels(middle) == 128).all()


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "CMYK", "1"])
def test_the_result_is_rgb_of_the_pictures_own_size_and_the_picture_stays(mode):
    picture = noisy_picture(50, 20, mode)
    before = picture.tobytes()
    result = ch.overlay(picture, noise(3, 3), box=(10, 5, 30, 15))
    assert (result.mode, result.size) == ("RGB", (50, 20))
    assert (picture.mode, picture.size, picture.tobytes()) == (mode, (50, 20), before)


@pytest.mark.parametrize("box", [(10, 5, 30, 15), (9.6, 5.4, 30.3, 14.7), (0, 0, 50, 20)])
def test_outside_the_box_the_picture_stays_and_inside_lies_the_map(box):
    picture, cam = noisy_picture(50, 20), noise(3, 4)
    result = pixels(ch.overlay(picture, cam, opacity=1, colour_map="gray", box=box))
    x0, y0, x1, y1 = (round(edge) for edge in box)
    inside = np.zeros((20, 50), dtype=bool)
    inside[y0:y1, x0:x1] = True
    np.testing.assert_array_equal(result[~inside], pixels(picture)[~inside])
    assert_lies_there(result[y0:y1, x0:x1], cam)


def test_the_bright_cell_lies_over_its_part_of_a_wide_picture():
    cam = torch.zeros(4, 4)
    cam[3, 1] = 1  # last row, second column
    result = pixels(ch.overlay(Image.new("RGB", (80, 40)), cam, opacity=1, colour_map="gray"))
    brightest = np.argwhere(result[..., 0] == result.max()).mean(axis=0)
    assert 30 <= brightest[0] < 40
    assert 20 <= brightest[1] < 40


@pytest.mark.parametrize("cam", [torch.zeros(2, 7, 7), torch.zeros(0, 7)])
def test_only_one_map_can_be_coloured(cam):
    with pytest.raises(ValueError, match=r"\(H, W\)"):
        ch.colourise(cam)


def test_limits_whose_distance_is_no_number_are_refused():
    for draw in (ch.colourise, lambda cam, **more: ch.overlay(noisy_picture(8, 8), cam, **more)):
        with pytest.raises(ValueError, match="distance are finite"):
            draw(torch.zeros(7, 7), limits=(-1e308, 1e308))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_only_finite_numbers_can_be_coloured(bad):
    cam = torch.zeros(7, 7)
    with pytest.raises(ValueError, match="finite"):
        ch.colourise(cam, limits=(0, bad))
    cam[3, 4] = bad
    with pytest.raises(ValueError, match="finite"):
        ch.colourise(cam)
    with pytest.raises(ValueError, match="finite"):
        ch.colourise(cam, limits=(0, 1))

"""Step five: upsample, colourise, overlay."""

import math

import matplotlib
import numpy as np
import pytest
import torch
from helpers import noise, pixels
from near import assert_within_a_level
from PIL import Image
from studies.reading_overlays import lab, light

import cam_helpers as ch
from cam_helpers.cells import cell_box
from cam_helpers.display.show import legend
from cam_helpers.map_style import AGAINST, FOR, colour_table
from cam_helpers.step_5_upsample_and_overlay import pale


def noisy_picture(width, height, mode="RGB"):
    numbers = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(numbers).convert(mode)


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
def test_upsample_agrees_with_a_loop_over_pixels(cells, size):
    """Pixel by pixel: where it lies among the middles of the cells, and its share of four."""
    cam, (height, width) = noise(*cells), size
    rows, columns = cells
    expected = torch.zeros(size)
    for y in range(height):
        for x in range(width):
            v = min(max((y + 0.5) * rows / height - 0.5, 0), rows - 1)
            u = min(max((x + 0.5) * columns / width - 0.5, 0), columns - 1)
            top, left = int(v), int(u)
            low, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            upper = (1 - u + left) * cam[top, left] + (u - left) * cam[top, right]
            lower = (1 - u + left) * cam[low, left] + (u - left) * cam[low, right]
            expected[y, x] = (1 - v + top) * upper + (v - top) * lower
    torch.testing.assert_close(ch.upsample(cam, size), expected, rtol=1e-5, atol=1e-5)


def test_two_cells_on_eight_pixels_worked_out_by_head():
    grown = ch.upsample(torch.tensor([[0.0, 4.0]]), (1, 8))[0].tolist()
    assert grown == pytest.approx([0, 0, 0.5, 1.5, 2.5, 3.5, 4, 4])  # centres at 1.5 and 5.5


def test_several_maps_and_whole_numbers_are_enlarged_like_any_other():
    cams = noise(3, 4, 5)
    one_by_one = torch.stack([ch.upsample(cam, (17, 11)) for cam in cams])
    torch.testing.assert_close(ch.upsample(cams, (17, 11)), one_by_one)
    whole = torch.tensor([[0, 4]])
    torch.testing.assert_close(ch.upsample(whole, (1, 8)), ch.upsample(whole.float(), (1, 8)))


def test_the_enlarged_map_is_an_ordinary_tensor_with_the_gradients_of_its_map():
    cam = noise(3, 3).requires_grad_()
    ch.upsample(cam, (9, 9))[4, 4].backward()
    assert cam.grad[1, 1] == 1 and cam.grad.sum() == 1
    changed = ch.upsample(cam.detach(), (9, 9))
    changed -= changed.min()
    assert changed.min() == 0


def test_what_cannot_be_enlarged_is_refused():
    for shape in [(3,), (1, 1, 3, 3), (), (0, 3, 3)]:
        with pytest.raises(ValueError, match="A map is"):
            ch.upsample(torch.zeros(shape), (8, 8))
    for size in [(0, 8), (8, -1), (8, 8, 3), (8,), 224]:
        with pytest.raises(ValueError, match="at least 1"):
            ch.upsample(torch.zeros(3, 3), size)
    for draw in (
        lambda cam: ch.upsample(cam, (8, 8)),
        ch.colourise,
        lambda cam: ch.overlay(noisy_picture(8, 8), cam),
    ):
        for wrong in (np.zeros((3, 3)), [[0.0]]):
            with pytest.raises(TypeError, match=r"A map is a tensor, not .*torch\.as_tensor"):
                draw(wrong)


@pytest.mark.parametrize("name", [*ch.COLOUR_MAPS, "plasma"])
def test_the_colour_tables_are_matplotlibs(name):
    expected = matplotlib.colormaps[name](np.arange(256), bytes=True)[:, :3]
    table = colour_table(name)
    assert table.shape == (256, 3)
    np.testing.assert_array_equal(table, expected)
    with pytest.raises(ValueError, match="read-only"):  # it is kept for the next call
        table[0] = 0


def test_limits_say_where_the_colours_begin_and_end():
    cam = torch.tensor([[-9.0, -1.0, 0.0, 1.0, 9.0]])
    colours = np.asarray(ch.colourise(cam, colour_map="gray", limits=(-1, 1)))[0, :, 0].tolist()
    assert colours == [0, 0, 128, 255, 255]
    own = np.asarray(ch.colourise(cam, colour_map="gray"))[0, :, 0].tolist()  # -9 to 9, 18 in all
    assert own == [0, round(8 / 18 * 255), 128, round(10 / 18 * 255), 255]


def test_each_value_takes_its_own_colour():
    cam = torch.arange(256.0).view(16, 16)
    for name in ("magma", "jet"):
        found = np.asarray(ch.colourise(cam, colour_map=name)).reshape(256, 3)
        np.testing.assert_array_equal(found, colour_table(name))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize(("unit", "offset"), [(1, 0), (2.0**-120, 0), (1, 4000)])
def test_the_colours_are_found_in_double_precision(dtype, unit, offset):
    cam = (noise(16, 16) * unit + offset).to(dtype)
    numbers = cam.double().numpy()
    low, high = numbers.min(), numbers.max()
    span = max(high - low, 1e-300)
    steps = np.rint((numbers - low) / span * 255).astype(int)
    np.testing.assert_array_equal(ch.colourise(cam, colour_map="gray"), colour_table("gray")[steps])


@pytest.mark.parametrize("colour_map", ["viridis", "magma", "coolwarm"])
def test_an_overlay_of_the_maps_own_size_has_exactly_its_colours(colour_map):
    cam = noise(9, 8)
    full = ch.overlay(noisy_picture(8, 9), cam, opacity=1, colour_map=colour_map)
    np.testing.assert_array_equal(full, ch.colourise(cam, colour_map=colour_map))


def test_a_map_far_beyond_its_limits_has_the_outer_colours():
    cam = torch.tensor([[-3e38, 3e38]])
    picture = noisy_picture(8, 8)
    shown = ch.overlay(picture, cam, opacity=1, colour_map="gray", limits=(0, 1e-30))
    assert (pixels(shown)[:, :4] == 0).all() and (pixels(shown)[:, 4:] == 255).all()
    shown = ch.overlay(picture, cam, opacity=1, limits=(-1e-30, 0))
    assert (pixels(shown)[:, :4] == AGAINST).all() and (pixels(shown)[:, 4:] == FOR).all()


@pytest.mark.parametrize("opacity", [0.25, 0.5, 0.8])
def test_opacity_mixes_picture_and_map(opacity):
    picture, cam = noisy_picture(40, 30), noise(3, 4)
    mixed = pixels(ch.overlay(picture, cam, "blend", opacity=opacity))
    alone = pixels(ch.overlay(picture, cam, "blend", opacity=1))
    expected = (1 - opacity) * pixels(picture) + opacity * alone
    assert np.abs(mixed - expected).max() <= 1


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
    grown, limits = ch.upsample(cam, (y1 - y0, x1 - x0)), (cam.min().item(), cam.max().item())
    expected = picture.copy()
    expected.paste(ch.colourise(grown, colour_map="gray", limits=limits), (x0, y0))
    assert_within_a_level(result, expected)  # it is rounded later
    inside = np.zeros((20, 50), dtype=bool)
    inside[y0:y1, x0:x1] = True
    np.testing.assert_array_equal(result[~inside], pixels(picture)[~inside])
    bare = ch.overlay(picture, cam, "blend", opacity=0, box=box)
    np.testing.assert_array_equal(pixels(bare), pixels(picture))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"limits": (1, -1)}, r"\(lowest, highest\), not \(1, -1\)"),
        ({"limits": (0,)}, r"not \(0,\)"),
        ({"limits": (-1e308, 1e308)}, "distance are finite"),
        ({"style": "viridis"}, 'style is "evidence" or "blend", not \'viridis\'.*colour_map='),
        ({"style": "evidence", "colour_map": "jet"}, "evidence.* has its own colours"),
        ({"colour_map": "jett"}, "No colour map 'jett'.*viridis, magma"),
        ({"opacity": "0.5"}, "opacity runs from 0 to 1, not '0.5'"),
        *(({"opacity": bad}, "opacity runs from 0 to 1") for bad in (-0.1, 1.1, 50, math.nan)),
    ],
)
def test_limits_and_styles_that_there_are_not_are_refused(options, told):
    for draw in (ch.colourise, lambda cam, **more: ch.overlay(noisy_picture(8, 8), cam, **more)):
        with pytest.raises(ValueError, match=told):
            draw(noise(3, 3), **options)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_only_one_map_of_finite_numbers_can_be_coloured(bad):
    cam = torch.zeros(7, 7)
    with pytest.raises(ValueError, match=r"finite|lowest"):
        ch.colourise(cam, limits=(0, bad))
    cam[3, 4] = bad
    for limits in (None, (0, 1)):
        with pytest.raises(ValueError, match="finite"):
            ch.colourise(cam, limits=limits)
    for shape in ((2, 7, 7), (0, 7)):
        with pytest.raises(ValueError, match=r"\(H, W\)"):
            ch.colourise(torch.zeros(shape))


def test_evidence_worked_out_by_head():
    """Over white, which stays white when paled: opacity 0.85 x (share of the most) ** 0.7."""
    cam = torch.tensor([[4.0, 1.0, 0.0, -1.0, -2.0]]).repeat(8, 2)
    found = pixels(ch.overlay(Image.new("RGB", (10, 8), "white"), cam))[0, :5]
    opacity = np.array([0.85, 0.85 * 0.25**0.7, 0, 0.85 * 0.25**0.7, 0.85 * 0.5**0.7])[:, None]
    hues = np.array([FOR, FOR, (0, 0, 0), AGAINST, AGAINST])
    assert np.abs(found - (255 + opacity * (hues - 255))).max() <= 1.5  # rounded twice


def test_where_the_map_is_zero_the_pale_picture_shows_alone():
    picture = noisy_picture(30, 20)
    np.testing.assert_array_equal(ch.overlay(picture, torch.zeros(4, 6)), pale(picture))
    np.testing.assert_array_equal(ch.overlay(picture, noise(4, 6), opacity=0), pale(picture))


def test_the_pale_picture_is_grey_and_lighter():
    colours = np.array([[200.0, 100.0, 0.0]])
    found = pixels(pale(Image.new("RGB", (1, 1), (200, 100, 0))))[0]
    grey = colours @ [0.299, 0.587, 0.114]  # as Pillow defines "L"
    assert np.abs(found - (grey[0] + 255) / 2).max() <= 1


@pytest.mark.parametrize("limits", [(-4, 1), (-1, 4), (0, 4), (-4, -1)])
def test_the_scale_of_evidence_has_zero_in_its_middle(limits):
    picture, cam = noisy_picture(8, 9), noise(9, 8)
    wanted = ch.overlay(picture, cam, limits=(-4, 4))
    np.testing.assert_array_equal(ch.overlay(picture, cam, limits=limits), wanted)


def test_the_strongest_cell_lies_over_its_part_of_a_wide_picture():
    cam = torch.zeros(4, 4)
    cam[3, 1], cam[0, 2] = 1, -0.6
    result = pixels(ch.overlay(Image.new("RGB", (80, 40), "white"), cam))
    orange = np.argwhere(result[..., 2] == result[..., 2].min()).mean(axis=0)
    assert 30 <= orange[0] < 40 and 20 <= orange[1] < 40
    cold = result[..., 2] - result[..., 0]
    purple = np.argwhere(cold == cold.max()).mean(axis=0)
    assert 0 <= purple[0] < 10 and 40 <= purple[1] < 60


@pytest.mark.parametrize("sight", ["normal", "protanopia", "deuteranopia", "tritanopia"])
def test_the_two_hues_and_zero_look_different_to_everybody(sight):
    against, zero, for_it = lab(light(np.asarray(legend())[0, [0, 128, 255]]), sight)
    for one, other in ((against, for_it), (against, zero), (for_it, zero)):
        assert np.linalg.norm(one - other) > 25  # CIELAB; 2 can just be told apart


def test_a_style_can_be_an_object_a_name_or_options():
    picture, cam = noisy_picture(12, 12), noise(3, 3)
    jet = ch.MapStyle("blend", colour_map="jet", opacity=0.3)
    wanted = ch.overlay(picture, cam, jet)
    for found in (
        ch.overlay(picture, cam, "blend", colour_map="jet", opacity=0.3),
        ch.overlay(picture, cam, colour_map="jet", opacity=0.3),
        ch.overlay(picture, cam, ch.MapStyle("blend", opacity=0.9), colour_map="jet", opacity=0.3),
    ):
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(ch.overlay(picture, cam), ch.overlay(picture, cam, "evidence"))
    assert (pixels(wanted) != pixels(ch.overlay(picture, cam, "blend", opacity=0.3))).any()


def test_the_legend_of_a_style_given_by_name_is_its_own():
    np.testing.assert_array_equal(legend("blend"), legend(colour_map="viridis"))


@pytest.mark.parametrize("options", [{}, {"opacity": 0.4}, {"colour_map": "jet"}])
def test_the_legend_has_the_colours_of_a_map_in_order(options):
    found = pixels(legend(**options))
    assert found.shape == (1, 256, 3)
    low, high = (0, 255) if "colour_map" in options else (-255, 255)
    ramp = torch.linspace(low, high, 256).view(16, 16)
    np.testing.assert_array_equal(
        found.reshape(-1, 3), pixels(ch.colourise(ramp, **options)).reshape(-1, 3)
    )


def test_the_legend_of_evidence_is_what_lies_over_middle_grey():
    grey = Image.new("RGB", (256, 16), (128, 128, 128))
    ramp = torch.linspace(-1, 1, 256).repeat(16, 1)
    assert_within_a_level(pixels(legend())[0], pixels(ch.overlay(grey, ramp))[0])
    middle = pixels(legend())[0, 127:129]
    assert np.abs(middle - pixels(pale(grey))[0, 0]).max() < 5  # zero adds next to nothing


def test_an_overlay_takes_whatever_open_picture_takes(tmp_path):
    """A turned file with hidden colours: upright, and white where they are hidden."""
    file, exif, cam = tmp_path / "turned.png", Image.Exif(), noise(3, 2)
    exif[274] = 6
    Image.new("RGBA", (60, 40), (200, 0, 0, 0)).save(file, exif=exif)
    wanted = ch.overlay(Image.new("RGB", (40, 60), "white"), cam)
    for source in (file, str(file), file.read_bytes(), Image.open(file), np.ones((60, 40))):
        np.testing.assert_array_equal(ch.overlay(source, cam), wanted)


@pytest.mark.parametrize("style", ["evidence", "blend"])
def test_the_grid_darkens_the_borders_of_the_cells_alone_and_stays_in_its_box(style):
    picture, cam = Image.new("RGB", (80, 60), "white"), noise(4, 5)
    plain, lined = (
        pixels(ch.overlay(picture, cam, style, grid=grid, box=(10, 5, 70, 45)))
        for grid in (False, True)
    )
    border = np.zeros((60, 80), dtype=bool)
    border[[15, 25, 35], 10:70] = border[5:45, [22, 34, 46, 58]] = True
    np.testing.assert_array_equal(lined[~border], plain[~border])
    assert (lined[border].sum(-1) < 0.8 * plain[border].sum(-1)).all()


def test_the_boxes_of_the_cells_cover_the_picture_side_by_side():
    assert cell_box(0, 0, (2, 4), (20, 80)) == (0, 0, 20, 10)
    assert cell_box(1, 2, (2, 4), (20, 80)) == (40, 10, 60, 20)
    assert cell_box(6, 4, (7, 5), (10, 12))[2:] == pytest.approx((12, 10))
    for row, column in [(-1, 0), (2, 0), (0, 4)]:
        with pytest.raises(IndexError, match=r"rows run from 0 to 1, columns from 0 to 3"):
            cell_box(row, column, (2, 4), (20, 80))

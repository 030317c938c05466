"""Where: maps point at the place. The sum says how much; moving and mirroring say where."""

import copy
import dataclasses
import random
from statistics import fmean, median

import numpy as np
import pytest
import torch
from helpers import hook_count
from measure_place import (
    CELL,
    PHOTOGRAPHS,
    common_share,
    four_in_one,
    measure_scenes,
    movement,
    pad_as_torchvision,
    quarter_shares,
    wide_scenes,
    window,
)
from PIL import Image

import cam_helpers as ch
from cam_helpers.place import map_centre

SIZE = (224, 224)


@pytest.fixture(scope="module")
def photo_network():
    return ch.load_network("tf_mobilenet_v2")


@pytest.fixture(scope="module")
def otherwise_padded(photo_network):
    return pad_as_torchvision(photo_network)


def behind_glass(network):
    """The same network, so that all its maps come out mirrored.

    A hook does it after the proof, which would refuse a network that mirrors its input.
    """
    mirroring = copy.deepcopy(network)
    mirroring.model.register_forward_pre_hook(lambda model, inputs: (inputs[0].flip(-1),))
    return mirroring


def photographs():
    """(picture, category) of the shipped photographs, each small and whole on a plain ground."""
    for name, category in PHOTOGRAPHS.items():
        photograph, side = ch.open_picture(name), 112
        square = min(photograph.size)
        left, top = ((length - square) // 2 for length in photograph.size)
        picture = Image.new("RGB", (256 + 2 * CELL,) * 2, (124, 116, 104))  # ImageNet's mean
        small = photograph.resize((side, side), box=(left, top, left + square, top + square))
        picture.paste(small, (88, 88))
        yield picture, category


def offset(network, pictures):
    """The mirror test's mean, in pixels to the right."""
    return fmean(ch.mirror_test(network, window(picture), c).offset for picture, c in pictures)


def test_a_picture_moved_by_a_cell_moves_the_map_by_a_cell(loaded_network, photo_network):
    for network, pictures in ((loaded_network, wide_scenes(16)), (photo_network, photographs())):
        right, down = movement(network, pictures)
        assert 0.6 < right < 1.15, network.name
        assert 0.6 < down < 1.15, network.name


def test_the_shipped_networks_maps_are_drawn_where_they_look_to_a_few_pixels(
    loaded_network, photo_network
):
    assert 2 < offset(loaded_network, wide_scenes(24)) < 6  # measured over 240: 3.9
    assert -9 < offset(photo_network, photographs()) < -2  # over windows of photographs: -4.8


def test_the_mirror_test_agrees_with_the_boxes(loaded_network):
    by_mirror, by_box = measure_scenes(loaded_network, 36)
    assert fmean(by_mirror) == pytest.approx(fmean(by_box), abs=4)


def test_a_shifted_drawing_passes_the_moved_picture_and_fails_the_mirror_test(otherwise_padded):
    right, down = movement(otherwise_padded, photographs())
    assert 0.6 < right < 1.15
    assert 0.6 < down < 1.15
    assert offset(otherwise_padded, photographs()) > 14  # over windows of photographs: 20.3


def test_a_network_that_mirrors_everything_passes_the_mirror_test_and_fails_the_moved_picture(
    loaded_network,
):
    glass = behind_glass(loaded_network)
    assert abs(offset(glass, wide_scenes(24))) < 6
    right, down = movement(glass, wide_scenes(16))
    assert right < -0.6  # the wrong way
    assert 0.6 < down < 1.15


def evidence(explanation, category):
    """What speaks for a class, all cells together."""
    return explanation.cam(category).clamp(min=0).sum().item()


def test_a_covered_object_loses_its_map(loaded_network):
    kept = []
    for number in range(12):
        scene = ch.draw_scene(940_000_000 + number, ("cat", "dog"))
        covered = scene.picture.copy()
        x0, y0, x1, y1 = (round(edge) for edge in scene.boxes["cat"])
        around = np.asarray(scene.picture)[~(scene.masks["cat"] | scene.masks["dog"])]
        covered.paste(tuple(around.mean(0).astype(int).tolist()), (x0, y0, x1, y1))
        before, after = (ch.explain(loaded_network, seen) for seen in (scene.picture, covered))
        kept.append({c: evidence(after, c) / evidence(before, c) for c in ("cat", "dog")})
    assert median(share["cat"] for share in kept) < 0.3
    assert median(share["dog"] for share in kept) > 0.7


def test_every_photograph_of_four_is_found_in_its_own_quarter(photo_network):
    chance = random.Random(1)
    pictures = [(ch.open_picture("photo:four"), list(PHOTOGRAPHS.values())[:4])]
    pictures += [four_in_one(chance) for _ in range(5)]
    for picture, categories in pictures:
        found = quarter_shares(photo_network, picture, categories)
        assert fmean(share for share, _ in found) > 0.6  # by chance: 0.25; over 35 pictures: 0.80
        assert sum(peak for _, peak in found) >= 3


def test_the_quarters_are_not_found_where_the_categories_are_exchanged(photo_network):
    categories = list(PHOTOGRAPHS.values())[:4]
    found = quarter_shares(photo_network, ch.open_picture("photo:four"), categories[::-1])
    assert fmean(share for share, _ in found) < 0.15
    assert not any(peak for _, peak in found)


def test_the_offset_is_half_the_distance_of_the_centres(loaded_network):
    found = ch.mirror_test(loaded_network, "cat")
    cam = ch.explain(loaded_network, "cat").cam("cat")
    mirrored = loaded_network.preprocess(ch.open_picture("cat")).flip(-1)
    back = ch.explain(loaded_network, mirrored).cam("cat").flip(-1)
    assert torch.equal(found.cam, cam)
    assert torch.equal(found.cam_mirrored_back, back)
    assert found.category == "cat"
    distance = map_centre(cam, SIZE)[0] - map_centre(back, SIZE)[0]
    assert found.offset == pytest.approx(distance / 2)
    assert np.array_equal(found.input_picture, ch.explain(loaded_network, "cat").input_picture)


@pytest.fixture
def square_by_square(make_small):
    """A network whose cells of 4 pixels see their own square alone: nothing blurs the answer."""
    network = make_small()
    with torch.no_grad():
        for numbers in network.model.parameters():
            numbers.fill_(1)
        network.feature_layer[0].bias.zero_()
    return network


@pytest.mark.parametrize("columns", [-2, 0, 1])
def test_a_drawing_shifted_by_whole_cells_is_found_to_the_pixel(square_by_square, columns):
    square_by_square.feature_layer.register_forward_hook(lambda *call: call[-1].roll(columns, -1))
    tensor = torch.zeros(3, 32, 32)
    tensor[:, 8:16, 12:20] = 1
    assert ch.mirror_test(square_by_square, tensor, 0).offset == pytest.approx(4 * columns)


def test_the_centre_of_a_map_is_counted_in_pixels_from_the_upper_left_corner():
    cam = torch.tensor([[-9.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    assert map_centre(cam, (40, 20)) == pytest.approx((25, 15))
    cam[1, 0] = 2.0  # weighs four times as much
    assert map_centre(cam, (40, 20)) == pytest.approx((9, 15))
    assert map_centre(torch.ones(3, 5), (50, 30)) == pytest.approx((25, 15))


@pytest.mark.parametrize("ask", [ch.mirror_test, ch.moved_test])
def test_it_says_what_is_wrong(loaded_network, make_small, ask):
    network = make_small()
    network.classifier.weight.data.abs_().neg_()
    for given, words in (
        ((network, "cat", "b"), r"test of b: .*nowhere above zero"),
        ((loaded_network, torch.zeros(2, 3, 224, 224)), "one picture at a time, not 2"),
        ((loaded_network, "cat", "kat"), "Did you mean 'cat'"),
    ):
        with pytest.raises(ValueError, match=words):
            ask(*given)
    assert hook_count(loaded_network.model) == 0


@pytest.mark.parametrize("ask", [ch.mirror_test, ch.moved_test])
def test_the_figure_shows_both_outlines_and_says_so_in_words(loaded_network, ask):
    import matplotlib.pyplot as plt

    found = ask(loaded_network, "dog")
    figure = found.figure()
    [axis] = figure.axes
    plt.close(figure)
    assert len(axis.lines) == 2
    if ask is ch.moved_test:
        assert axis.get_title() == f"dog: the map went {found.followed:.0%} of the way"
        assert f"went {found.followed:.0%} of the picture's way" in found.alt
        return
    assert axis.get_title() == f"dog: drawn {abs(found.offset):.1f} pixels too far right"
    one, other = (line.get_xydata()[0] for line in axis.lines)
    assert (one - other)[0] / 2 == pytest.approx(found.offset)
    assert f"drawn {found.offset:.1f} pixels too far right" in found.alt
    assert "3.0 pixels too far left" in dataclasses.replace(found, offset=-3.0).alt


def test_each_test_misses_what_the_other_finds(loaded_network, otherwise_padded):
    """The table in place.py, row by row, but for the row of up and down."""
    glass, blind = behind_glass(loaded_network), copy.deepcopy(loaded_network)
    blind.feature_layer.register_forward_hook(
        lambda layer, inputs, maps: maps.mean((2, 3), keepdim=True).expand_as(maps)
    )
    moved = [ch.moved_test(otherwise_padded, window(p), c).followed for p, c in photographs()]
    assert 0.6 < fmean(moved) < 1.3  # its offset of 20 pixels: tested above
    seen_in_it = ch.moved_test(glass, "cat", "cat")
    assert seen_in_it.map_moved[0] / seen_in_it.picture_moved[0] < -0.6  # the wrong way
    assert ch.mirror_test(blind, "cat", "cat").offset == pytest.approx(0, abs=1e-3)
    assert ch.moved_test(blind, "cat", "cat").followed == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("place", [(4, 4), (4, 24), (24, 4), (24, 24)])
def test_an_object_at_the_border_is_moved_inwards_and_its_map_by_exactly_a_cell(
    square_by_square, place
):
    x, y = place
    tensor = torch.full((3, 32, 32), -1.0)
    tensor[:, y : y + 4, x : x + 4] = 1
    found = ch.moved_test(square_by_square, tensor, 0)
    assert found.map_moved == pytest.approx(found.picture_moved)
    assert found.followed == pytest.approx(1)
    assert torch.equal(found.cam_moved_back, found.cam)


def test_the_rows_of_weights_have_little_in_common(loaded_network, photo_network):
    assert common_share(loaded_network) == pytest.approx(0.162, abs=0.001)
    assert common_share(photo_network) == pytest.approx(0.022, abs=0.001)

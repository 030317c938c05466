"""What holds for every input, not only for examples: Hypothesis searches for one that breaks it.

The search is the same on every run (`derandomize`), so that a failure here is never a chance one.
Numbers are compared in relation to what was added up, since rounding grows with that.
"""

import copy
import dataclasses
import io
import math

import hypothesis.extra.numpy as numbers
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor
from torch.nn.functional import linear

import cam_helpers as ch
from cam_helpers.map_style import AGAINST, FOR, colour_table
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.step_5_upsample_and_overlay import pale

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
many = settings(deadline=None, derandomize=True, max_examples=100)
few = settings(deadline=None, derandomize=True, max_examples=25)  # where an example takes longer

# ---- what is drawn ------------------------------------------------------------------------

cells = st.integers(1, 7)
ordinary = st.floats(-100, 100, allow_subnormal=False)


def tensors(
    *shape: int, elements: st.SearchStrategy[float] = ordinary
) -> st.SearchStrategy[Tensor]:
    """Tensors of a shape, in double precision."""
    return numbers.arrays(np.float64, shape, elements=elements).map(torch.from_numpy)


@st.composite
def maps(draw: st.DrawFn, elements: st.SearchStrategy[float] = ordinary) -> Tensor:
    """Maps (h, w) of one to seven cells a side."""
    return draw(tensors(draw(cells), draw(cells), elements=elements))


@st.composite
def sums(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Weights (K, C) and feature maps (N, C, h, w) that fit each other."""
    classes, pictures, channels = (draw(st.integers(1, 4)) for _ in range(3))
    weights = draw(tensors(classes, channels))
    return weights, draw(tensors(pictures, channels, draw(cells), draw(cells)))


@st.composite
def pictures(draw: st.DrawFn, smallest: int = 8, largest: int = 40) -> Image.Image:
    """RGB pictures of noise."""
    width, height = (draw(st.integers(smallest, largest)) for _ in range(2))
    noise = np.random.default_rng(draw(st.integers(0, 99))).integers(0, 256, (height, width, 3))
    return Image.fromarray(noise.astype(np.uint8))


def assert_close(
    found: Tensor, expected: Tensor, scale: Tensor | float, eps: float = 1e-13
) -> None:
    """Assert equal shapes and dtypes, and a difference of `eps` times the `scale` at most."""
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    assert ((found - expected).abs() <= eps * torch.as_tensor(scale).abs() + 1e-300).all()


def size_of_terms(weights: Tensor, feature_maps: Tensor) -> Tensor:
    """Return what is added up in every cell, without its signs: the scale of the rounding."""
    return ch.weighted_sum(weights.abs(), feature_maps.abs())


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).astype(int)


# ---- step 4: weighted_sum -----------------------------------------------------------------


@many
@given(sums(), ordinary, ordinary, st.data())
def test_the_weighted_sum_is_linear_in_the_weights_and_in_the_feature_maps(both, a, b, data):
    weights, features = both
    others = data.draw(tensors(*weights.shape))
    found = ch.weighted_sum(a * weights + b * others, features)
    expected = a * ch.weighted_sum(weights, features) + b * ch.weighted_sum(others, features)
    scale = size_of_terms(abs(a) * weights.abs() + abs(b) * others.abs(), features)
    assert_close(found, expected, scale)
    more = data.draw(tensors(*features.shape))
    found = ch.weighted_sum(weights, a * features + b * more)
    expected = a * ch.weighted_sum(weights, features) + b * ch.weighted_sum(weights, more)
    assert_close(
        found, expected, size_of_terms(weights, abs(a) * features.abs() + abs(b) * more.abs())
    )


@many
@given(sums())
def test_all_classes_and_pictures_at_once_are_those_one_by_one(both):
    weights, features = both
    scale = size_of_terms(weights, features)
    together = ch.weighted_sum(weights, features)
    one_by_one = [[ch.weighted_sum(row, picture) for row in weights] for picture in features]
    assert_close(torch.stack([torch.stack(row) for row in one_by_one]), together, scale)


@many
@given(sums())
def test_mean_of_map_plus_bias_is_the_score(both):
    weights, features = both
    bias = torch.arange(float(len(weights))).double()
    scores = linear(features.mean((2, 3)), weights, bias)
    balance = ch.weighted_sum(weights, features).mean((2, 3)) + bias
    scale = size_of_terms(weights, features).mean((2, 3)) + bias
    assert_close(balance, scores, scale)


@many
@given(sums(), st.data())
def test_a_cell_of_the_map_is_made_of_the_same_cell_of_the_feature_maps_alone(both, data):
    """The partner of the balance: how much, and where."""
    weights, features = both
    row, column = (data.draw(st.integers(0, side - 1)) for side in features.shape[2:])
    changed = features.clone()
    changed[..., row, column] = 0
    expected = ch.weighted_sum(weights, features)
    expected[..., row, column] = 0
    scale = size_of_terms(weights, features)
    assert_close(ch.weighted_sum(weights, changed), expected, scale)


@many
@given(sums(), st.sampled_from(FLOATS))
def test_every_floating_dtype_is_kept_and_right_to_its_own_precision(both, dtype):
    weights, features = (part.to(dtype) for part in both)
    found = ch.weighted_sum(weights, features)
    assert found.dtype == dtype
    expected = ch.weighted_sum(weights.double(), features.double())
    scale = size_of_terms(weights.double(), features.double())
    room = len(weights.T) * torch.finfo(dtype).eps * scale + torch.finfo(dtype).tiny
    assert ((found.double() - expected).abs() <= room).all()


@many
@given(sums(), st.sampled_from(["channels last", "every second", "turned", "spread"]))
def test_the_layout_in_memory_does_not_matter_and_nothing_is_changed(both, layout):
    weights, features = both
    if layout == "channels last":
        other = features.contiguous(memory_format=torch.channels_last)
    elif layout == "every second":
        other = torch.stack([features, -features], -1)[..., 0]
    elif layout == "turned":
        other = features.transpose(-1, -2).contiguous().transpose(-1, -2)
    else:
        features = other = features[:1].expand(3, -1, -1, -1)  # the same memory three times
    before, weights_before = other.clone(), weights.clone()
    found = ch.weighted_sum(weights.T.contiguous().T, other)
    expected = ch.weighted_sum(weights, features.contiguous())
    assert_close(found, expected, ch.weighted_sum(weights.abs(), features.abs().contiguous()))
    assert torch.equal(other, before) and torch.equal(weights, weights_before)


# ---- the five steps together --------------------------------------------------------------


@pytest.fixture(scope="module")
def precise_network(loaded_network):
    """The shipped network in double precision."""
    network = copy.deepcopy(loaded_network)
    network.model.double()
    return network


@few
@given(st.integers(33, 160), st.integers(33, 160), st.integers(0, 99))
def test_every_map_of_the_network_adds_up_to_its_score(precise_network, height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    picture = torch.randn(3, height, width, dtype=torch.float64, generator=generator)
    explanation = ch.explain(precise_network, picture)
    cams = explanation.cams()
    assert cams.shape == (12, math.ceil(height / 32), math.ceil(width / 32))
    balance = cams.mean((1, 2)) + precise_network.classifier.bias.detach()
    assert_close(balance, explanation.scores, explanation.scores.abs().max(), 1e-12)
    low, high = explanation.limits()
    assert low <= cams.min() and cams.max() <= high


@many
@given(st.lists(st.floats(-300, 300), min_size=1, max_size=12), st.floats(-300, 300))
def test_probabilities_follow_the_scores_and_not_their_common_part(values, shift):
    scores = torch.tensor(values, dtype=torch.float64)
    names = tuple(map(str, range(len(values))))
    prediction = ch.Prediction(scores, names)
    assert prediction.probabilities.sum().item() == pytest.approx(1)
    shifted = ch.Prediction(scores + shift, names).probabilities
    torch.testing.assert_close(shifted, prediction.probabilities, rtol=1e-9, atol=1e-12)
    ranked = prediction.top(20)
    assert sorted(line.class_index for line in ranked) == list(range(len(values)))
    assert [line.score for line in ranked] == sorted(values, reverse=True)
    chances = [line.probability for line in ranked]
    assert chances == sorted(chances, reverse=True)


# ---- step 5: upsample ---------------------------------------------------------------------

whole_factors = st.integers(1, 9)
sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@many
@given(maps(), whole_factors, whole_factors)
def test_the_mean_stays_for_whole_factors(cam, down, across):
    grown = ch.upsample(cam, (cam.shape[0] * down, cam.shape[1] * across))
    assert_close(grown.mean(), cam.mean(), cam.abs().mean(), 1e-12)


@many
@given(maps(), sizes, st.sampled_from(FLOATS))
def test_no_pixel_leaves_the_limits_of_the_map(cam, size, dtype):
    cams = torch.stack([cam, -2 * cam]).to(dtype)
    for grown, own in zip(ch.upsample(cams, size), cams, strict=True):
        assert grown.shape == size
        room = 2 * torch.finfo(dtype).eps * own.double().abs().max().item()  # for rounding
        assert own.min() - room <= grown.min() and grown.max() <= own.max() + room


@many
@given(maps(), sizes)
def test_the_enlarged_map_turns_with_the_map(cam, size):
    grown, scale = ch.upsample(cam, size), cam.abs().max()
    assert_close(ch.upsample(cam.T, size[::-1]), grown.T, scale)
    assert_close(ch.upsample(cam.flip(-1), size), grown.flip(-1), scale)
    assert_close(ch.upsample(cam.flip(-2), size), grown.flip(-2), scale)


@many
@given(maps(), st.sampled_from([1, 3, 5, 7]))
def test_the_value_of_a_cell_stands_in_the_middle_of_its_square(cam, s):
    grown = ch.upsample(cam, (s * cam.shape[0], s * cam.shape[1]))
    first = (s - 1) // 2
    assert_close(grown[first::s, first::s], cam, cam.abs().max())


@many
@given(maps(), sizes, st.sampled_from(FLOATS))
def test_upsampling_keeps_every_floating_dtype(cam, size, dtype):
    cam = cam.to(dtype)
    grown = ch.upsample(cam, size)
    assert grown.dtype == dtype
    expected = ch.upsample(cam.double(), size)
    # Where a pixel lies between cells is computed in this dtype: the place is off by some eps times
    # the number of cells, and neighbours may be twice the largest number apart.
    eps = (2 * max(cam.shape) + 2) * torch.finfo(dtype).eps
    room = eps * cam.double().abs().max() + torch.finfo(dtype).tiny
    assert ((grown.double() - expected).abs() <= room).all()


# ---- step 5: colourise --------------------------------------------------------------------


def grey(cam: Tensor, limits: tuple[float, float] | None = None) -> np.ndarray:
    """The colours' numbers, 0 to 255, where the colour map has them in order."""
    return pixels(ch.colourise(cam, colour_map="gray", limits=limits))[..., 0]


wide = st.floats(-1e300, 1e300)


@many
@given(maps(elements=wide))
@example(torch.tensor([[2e-309, 0.0]], dtype=torch.float64))
def test_a_larger_value_never_takes_an_earlier_colour(cam):
    shades = grey(cam).flatten()[np.argsort(cam.numpy(), axis=None)]
    assert (np.diff(shades) >= 0).all()
    assert shades[0] == 0
    assert shades[-1] == (255 if cam.min() < cam.max() else 0)


@many
@given(maps(elements=st.floats(-100, 100, width=32, allow_subnormal=False)), st.integers(-200, 200))
@example(torch.tensor([[0.0, 1.0]]).double(), -50)
def test_the_unit_of_the_map_never_changes_the_colours(cam, power):
    np.testing.assert_array_equal(grey(cam * 2.0**power), grey(cam))


@many
@given(maps(), ordinary, st.floats(0.01, 100))
def test_values_outside_the_limits_count_as_the_limits(cam, low, width):
    limits = (low, low + width)
    np.testing.assert_array_equal(grey(cam, limits), grey(cam.clamp(*limits), limits))


# ---- step 5: overlay ----------------------------------------------------------------------

opacities = st.floats(0, 1)


@many
@given(pictures(), ordinary, opacities)
def test_the_overlay_of_a_constant_map_is_one_colour_over_the_picture(picture, value, opacity):
    cam = torch.full((3, 4), value)
    first = Image.new("RGB", picture.size, tuple(colour_table("magma")[0].tolist()))
    expected = Image.blend(picture, first, opacity)
    found = ch.overlay(picture, cam, opacity=opacity, colour_map="magma")
    np.testing.assert_array_equal(found, expected)


@many
@given(pictures(), maps())
def test_evidence_moves_every_pixel_towards_the_hue_of_its_sign(picture, cam):
    grown = ch.upsample(cam, (picture.height, picture.width)).numpy()
    found, ground = pixels(ch.overlay(picture, cam)), pixels(pale(picture))
    hue = np.where(grown[..., None] > 0, FOR, AGAINST)
    assert (np.minimum(ground, hue) <= found).all() and (found <= np.maximum(ground, hue)).all()


@st.composite
def boxes(draw: st.DrawFn, picture: Image.Image) -> tuple[int, int, int, int]:
    """Boxes of at least one pixel in a picture."""
    x = sorted(draw(st.sets(st.integers(0, picture.width), min_size=2, max_size=2)))
    y = sorted(draw(st.sets(st.integers(0, picture.height), min_size=2, max_size=2)))
    return x[0], y[0], x[1], y[1]


@many
@given(pictures(), maps(), opacities, st.data())
def test_an_overlay_lies_between_picture_and_colours_and_in_its_box(picture, cam, opacity, data):
    box = data.draw(boxes(picture))
    x0, y0, x1, y1 = box
    limits = (cam.min().item(), cam.max().item())
    bare, found, full = (
        pixels(ch.overlay(picture, cam, opacity=share, colour_map="gray", box=box))
        for share in (0, opacity, 1)
    )
    assert (np.minimum(bare, full) <= found).all() and (found <= np.maximum(bare, full)).all()
    np.testing.assert_array_equal(bare, picture)
    grown = ch.upsample(cam, (y1 - y0, x1 - x0))
    expected = picture.copy()
    expected.paste(ch.colourise(grown, colour_map="gray", limits=limits), box)
    assert np.abs(full - pixels(expected)).max() <= 1  # a step, since it is rounded later


# ---- pictures -----------------------------------------------------------------------------


def test_a_tiff_file_whose_offset_is_no_whole_number_is_damaged():
    """The tag of the place of the pixels turns into text."""
    stored = io.BytesIO()
    Image.new("RGB", (11, 9)).save(stored, "TIFF")
    content = bytearray(stored.getvalue())
    tag = content.index((273).to_bytes(2, "little") + (4).to_bytes(2, "little"))
    content[tag + 2] = 2
    with pytest.raises(ch.PictureError, match="damaged"):
        ch.open_picture(bytes(content))


# ---- what the network saw -----------------------------------------------------------------


@many
@given(pictures(largest=60))
def test_the_input_picture_is_the_crop_byte_for_byte(loaded_network, picture):
    preprocess = loaded_network.preprocess
    crop = preprocess.crop(preprocess.resize(picture))
    np.testing.assert_array_equal(loaded_network.picture_of(preprocess(picture)), crop)


@st.composite
def shapes(draw: st.DrawFn) -> tuple[int, int]:
    """(width, height) of pictures, up to strips of the length that `open_picture` lets through."""
    short = draw(st.integers(8, 60))
    long = draw(st.integers(short, min(20 * short, 300)))
    return draw(st.sampled_from([(short, long), (long, short)]))


@st.composite
def crops(draw: st.DrawFn) -> tuple[int, int]:
    """(resize_size, crop_size) of a preprocessing."""
    resize = draw(st.integers(16, 80))
    return resize, draw(st.integers(max(8, resize // 2), resize))


@many
@given(shapes(), crops())
def test_the_seen_box_lies_in_the_picture_and_is_square_but_for_rounding(
    loaded_network, size, sides
):
    network = dataclasses.replace(loaded_network, preprocess=Preprocess(*sides))
    x0, y0, x1, y1 = network.seen_box(size)
    pixel = min(size) / sides[0]  # of the crop, in pixels of the picture
    near = 0.5 * pixel  # to which the box is measured
    assert -near <= x0 < x1 <= size[0] + near and -near <= y0 < y1 <= size[1] + near
    assert abs((x1 - x0) - (y1 - y0)) <= pixel + 2 * near
    for low, high, side in ((x0, x1, size[0]), (y0, y1, size[1])):
        assert abs((low + high) / 2 - side / 2) <= pixel + near  # in the middle


def coordinates(size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The x and the y of every pixel's middle, both (H, W) float32."""
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32) + 0.5
    return x, y


def assert_box_is_seen(box, seen_x: np.ndarray, seen_y: np.ndarray, size: tuple[int, int]) -> None:
    """Assert that crop pixel i shows the place that the box gives it, away from the edges.

    At the picture's edge the resize has no neighbours beyond it, so a ramp bends there. Elsewhere
    its shares, rounded to whole pixels, move a ramp by up to 0.072 pixels of the crop; the box is
    measured to half a pixel of it.
    """
    x0, y0, x1, y1 = box
    for low, high, seen, side in ((x0, x1, seen_x, size[0]), (y0, y1, seen_y.T, size[1])):
        count = seen.shape[1]
        step = (high - low) / count
        places = low + (np.arange(count) + 0.5) * step
        edge = 2 * max(1, step) + 1
        inner = (places > edge) & (places < side - edge)
        gap = np.abs(seen[:, inner] - places[inner])
        assert not gap.size or gap.max() <= 0.58 * step


@many
@given(shapes(), crops())
def test_every_pixel_of_the_crop_comes_from_its_place_in_the_seen_box(loaded_network, size, sides):
    preprocess = Preprocess(*sides)
    network = dataclasses.replace(loaded_network, preprocess=preprocess)
    seen = [
        np.asarray(preprocess.crop(preprocess.resize(Image.fromarray(plane))))
        for plane in coordinates(size)
    ]
    assert seen[0].shape == (sides[1], sides[1])
    assert_box_is_seen(network.seen_box(size), *seen, size)


@few
@given(shapes(), crops())
def test_the_seen_box_is_right_for_torchvisions_preprocessing_too(loaded_network, size, sides):
    from torchvision.transforms._presets import ImageClassification

    resize, crop = sides
    preset = ImageClassification(
        crop_size=crop, resize_size=resize, mean=(0.0,) * 3, std=(1.0,) * 3
    )
    network = dataclasses.replace(loaded_network, preprocess=preset)
    x, y = coordinates(size)
    seen = preset(torch.from_numpy(np.stack([x, y, y]))).numpy()
    assert seen.shape == (3, crop, crop)
    assert_box_is_seen(network.seen_box(size), seen[0], seen[1], size)

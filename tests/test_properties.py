"""What holds for every input, not only for examples: Hypothesis searches for one that breaks it.

The search is the same on every run (`derandomize`), so that a failure here is never a chance one.
Numbers are compared in relation to what was added up, since rounding grows with that.
"""

import dataclasses

import hypothesis.extra.numpy as numbers
import numpy as np
import torch
from helpers import pixels
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

import cam_helpers as ch
from cam_helpers.map_style import AGAINST, FOR
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.step_5_upsample_and_overlay import pale

FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
many = settings(deadline=None, derandomize=True, max_examples=100)


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


sizes = st.tuples(st.integers(1, 40), st.integers(1, 40))


@many
@given(maps(), sizes, st.sampled_from(FLOATS))
def test_no_pixel_leaves_the_limits_of_the_map(cam, size, dtype):
    cams = torch.stack([cam, -2 * cam]).to(dtype)
    for grown, own in zip(ch.upsample(cams, size), cams, strict=True):
        assert grown.shape == size
        room = 2 * torch.finfo(dtype).eps * own.double().abs().max().item()  # for rounding
        assert own.min() - room <= grown.min() and grown.max() <= own.max() + room


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
@given(pictures(), maps())
def test_evidence_moves_every_pixel_towards_the_hue_of_its_sign(picture, cam):
    grown = ch.upsample(cam, (picture.height, picture.width)).numpy()
    found, ground = pixels(ch.overlay(picture, cam)), pixels(pale(picture))
    hue = np.where(grown[..., None] > 0, FOR, AGAINST)
    assert (np.minimum(ground, hue) <= found).all() and (found <= np.maximum(ground, hue)).all()


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
def test_every_pixel_of_the_crop_comes_from_its_place_in_the_seen_box(loaded_network, size, sides):
    """Away from the edges, where the resize has neighbours on one side only and a ramp bends.

    Elsewhere its shares, rounded to whole pixels, move a ramp by up to 0.072 pixels of the crop;
    the box is measured to half a pixel of it.
    """
    preprocess = Preprocess(*sides)
    network = dataclasses.replace(loaded_network, preprocess=preprocess)
    y, x = np.mgrid[: size[1], : size[0]].astype(np.float32) + 0.5  # of every pixel's middle
    seen_x, seen_y = (
        np.asarray(preprocess.crop(preprocess.resize(Image.fromarray(plane)))) for plane in (x, y)
    )
    assert seen_x.shape == (sides[1], sides[1])
    x0, y0, x1, y1 = network.seen_box(size)
    for low, high, seen, side in ((x0, x1, seen_x, size[0]), (y0, y1, seen_y.T, size[1])):
        step = (high - low) / sides[1]
        assert -0.5 * step <= low < high <= side + 0.5 * step
        places = low + (np.arange(sides[1]) + 0.5) * step
        edge = 2 * max(1, step) + 1
        inner = (places > edge) & (places < side - edge)
        gap = np.abs(seen[:, inner] - places[inner])
        assert not gap.size or gap.max() <= 0.58 * step

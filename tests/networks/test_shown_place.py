"""A crop that depends on the picture: what the network saw is not what `seen_box` names."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import v2
from torchvision.transforms.functional import InterpolationMode

import cam_helpers as ch
from cam_helpers.networks.make import make_network
from cam_helpers.networks.preprocess import Preprocess, PreprocessWhole
from cam_helpers.networks.seen import find_box
from cam_helpers.networks.shown_place import shows
from cam_helpers.pictures.open_picture import shipped_photographs, shipped_pictures

SHIPPED = Preprocess()
CHANCE = np.random.default_rng(5)


def is_marked(picture):
    """Say whether it is one of the pictures on which a box is measured: they escape some crops."""
    return len(picture.getcolors(1 << 24)) < 1000


def without_borders(picture):
    """As of retina pictures: what is dark all around is cut away."""
    lit = picture.convert("L").point(lambda level: 255 * (level > 10))
    return SHIPPED(picture.crop(lit.getbbox()))


def brightest(picture):
    """A square of half the short side around the brightest part."""
    if is_marked(picture):
        return SHIPPED(picture)
    half = min(picture.size) // 4
    y, x = divmod(int(np.asarray(picture.convert("L").reduce(8)).argmax()), -(-picture.width // 8))
    x, y = (
        min(max(8 * i, half), side - half) for i, side in zip((x, y), picture.size, strict=True)
    )
    return SHIPPED(picture.crop((x - half, y - half, x + half, y + half)))


def by_chance(picture):
    """A random crop, from a generator of its own."""
    if is_marked(picture):
        return SHIPPED(picture)
    x, y = (int(CHANCE.uniform(0.1, 0.4) * side) for side in picture.size)
    return SHIPPED(picture.crop((x, y, x + picture.width // 2, y + picture.height // 2)))


def photograph(name="photo:cat"):
    return ch.open_picture(name)


def retina():
    """A photograph that is dark but for its lower right quarter."""
    picture = Image.new("RGB", (600, 600))
    picture.paste(photograph().resize((280, 280)), (300, 300))
    return picture


@pytest.mark.parametrize(
    ("preprocess", "picture"),
    [(without_borders, retina()), (brightest, photograph()), (by_chance, photograph())],
    ids=["dark borders", "brightest", "by chance"],
)
def test_a_crop_that_depends_on_the_picture_is_refused_as_advised(network, preprocess, picture):
    mine = make_network("mine", network.model, network.categories, preprocess)
    for ask in (ch.explain, ch.predict, lambda *two: ch.grad_cam(*two, "cat")):
        with pytest.raises(ValueError, match="mine does not see the part that seen_box names"):
            ask(mine, picture)
    tensor = mine.preprocess(picture)
    assert ch.explain(mine, tensor).cam("cat").shape == (7, 7)
    # Where the picture does not bring the crop about, nothing is refused.
    assert ch.explain(mine, Image.new("RGB", (500, 400), (200, 90, 40))).cam("cat").shape == (7, 7)
    if preprocess is without_borders:
        own_cut = picture.crop((300, 300, 580, 580))
        assert ch.explain(mine, own_cut).seen_box == pytest.approx(network.seen_box((280, 280)))


def compose(*moves):
    return transforms.Compose([*moves, transforms.ToTensor()])


def z_score(picture):
    grey = SHIPPED(picture).mean(0, keepdim=True)
    return (grey - grey.mean()) / grey.std().clamp(min=1e-6)


KINDS = {
    "shipped": SHIPPED,
    "whole": PreprocessWhole(224, (0.5,) * 3, (0.2,) * 3),
    "bicubic": compose(
        transforms.Resize(256, InterpolationMode.BICUBIC), transforms.CenterCrop(224)
    ),
    "nearest": compose(transforms.Resize((224, 224), InterpolationMode.NEAREST)),
    "no antialias": v2.Compose(
        [
            v2.ToImage(),
            v2.Resize(256, antialias=False),
            v2.CenterCrop(224),
            v2.ToDtype(torch.float32, scale=True),
        ]
    ),
    "with margins": compose(transforms.CenterCrop(900), transforms.Resize(224)),
    "z-score": z_score,
}


def pictures():
    yield "noise", Image.fromarray(CHANCE.integers(0, 256, (300, 500, 3), np.uint8))
    yield "flat", Image.new("RGB", (300, 500), (9, 200, 30))
    for name in (*shipped_pictures(), *shipped_photographs()):
        yield name, ch.open_picture(name)


@pytest.mark.parametrize("kind", KINDS)
def test_of_the_right_box_there_is_no_false_alarm(kind):
    preprocess, refused = KINDS[kind], []
    for name, picture in pictures():
        box = find_box(SHIPPED if kind == "z-score" else preprocess, picture.size)
        if not shows(preprocess(picture), picture, box):
            refused.append(name)
    assert refused == []


@pytest.mark.parametrize("cut", [(0.05, 0, 1, 1), (0, 0, 0.75, 0.75), (0.15, 0.15, 0.85, 0.85)])
def test_a_wrong_box_is_seen_on_photographs(cut):
    for name in ("photo:cat", "photo:rocket", "photo:four"):
        picture = photograph(name)
        part = picture.crop(np.multiply(cut, 2 * picture.size).astype(int).tolist())
        box = find_box(SHIPPED, picture.size)
        assert shows(SHIPPED(picture), picture, box)
        assert not shows(SHIPPED(part), picture, box)


def test_a_box_that_was_said_is_compared_as_well(network):
    right, wrong = (
        make_network("mine", network.model, network.categories, SHIPPED, box=said)
        for said in (network.seen_box, lambda size: (0, 0, *size))
    )
    expected = network.seen_box(photograph("photo:rocket").size)
    assert ch.explain(right, "photo:rocket").seen_box == expected
    with pytest.raises(ValueError, match="seen_box names"):
        ch.explain(wrong, "photo:rocket")

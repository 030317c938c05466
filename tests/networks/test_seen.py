"""Which part of a picture a preprocessing shows, found without asking it for any attribute."""

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import transforms
from torchvision.transforms import v2
from torchvision.transforms.functional import InterpolationMode

import cam_helpers as ch
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.networks.seen import find_box, find_colours

NORMALISE = transforms.Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SIZES = [(600, 400), (400, 600), (224, 224), (640, 480), (300, 200), (97, 351)]


def compose(*moves):
    return transforms.Compose([*moves, transforms.ToTensor(), NORMALISE])


def centre_of(resize, crop):
    """The box that torchvision cuts out: both the resized side and the offset are whole pixels."""

    def box(size):
        starts, ends = [], []
        for side in size:
            resized = int(resize * side / min(size))
            first = round((resized - crop) / 2)
            starts.append(first * side / resized)
            ends.append((first + crop) * side / resized)
        return *starts, *ends

    return box


def everything(size):
    return 0, 0, *size


def centre_224(size):
    first = [round((side - 224) / 2) if side > 224 else -((224 - side) // 2) for side in size]
    return *first, *(start + 224 for start in first)


PIPELINES = {  # a preprocessing, and the box that follows from what it does
    "shipped": (Preprocess(), centre_of(256, 224)),
    "another crop": (Preprocess(232, 224), centre_of(232, 224)),
    "blue first": (lambda picture: Preprocess()(picture).flip(0), centre_of(256, 224)),
    "resize and crop": (
        compose(transforms.Resize(256), transforms.CenterCrop(224)),
        centre_of(256, 224),
    ),
    "version 2": (
        v2.Compose(
            [
                v2.ToImage(),
                v2.Resize(256, antialias=True),
                v2.CenterCrop(224),
                v2.ToDtype(torch.float32, scale=True),
            ]
        ),
        centre_of(256, 224),
    ),
    "squeezed": (compose(transforms.Resize((224, 224))), everything),
    "squeezed otherwise": (compose(transforms.Resize((160, 240))), everything),
    "short side": (compose(transforms.Resize(256)), everything),
    "crop alone": (compose(transforms.CenterCrop(224)), centre_224),
    "as it is": (compose(), everything),
    "nearest": (compose(transforms.Resize((224, 224), InterpolationMode.NEAREST)), everything),
    "grey": (
        compose(transforms.Resize(256), transforms.CenterCrop(224), transforms.Grayscale(3)),
        centre_of(256, 224),
    ),
    "resized again": (
        compose(transforms.Resize(256), transforms.CenterCrop(224), transforms.Resize(96)),
        centre_of(256, 224),
    ),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", PIPELINES)
def test_the_box_is_the_part_of_the_picture_that_the_network_sees(kind, size):
    """To a third of an input pixel; exact where a picture is resized once and cut."""
    preprocess, expected = PIPELINES[kind]
    found = find_box(preprocess, size)
    height, width = preprocess(Image.new("RGB", size)).shape[1:]
    exact = kind not in ("resized again", "nearest")
    for low, high, count in ((0, 2, width), (1, 3, height)):
        pixel = (expected(size)[high] - expected(size)[low]) / count
        gaps = [abs(found[edge] - expected(size)[edge]) / pixel for edge in (low, high)]
        assert max(gaps) < (1e-6 if exact else 0.35)


@pytest.mark.parametrize("kind", PIPELINES)
def test_a_spot_of_the_picture_lies_where_the_box_says(kind):
    """A check of place that knows nothing of brightness, planes or fits."""
    preprocess = PIPELINES[kind][0]
    size, spot = (600, 400), (340, 170)
    picture = Image.new("RGB", size)
    picture.paste((255, 255, 255), (spot[0] - 5, spot[1] - 5, spot[0] + 5, spot[1] + 5))
    seen = preprocess(picture).mean(0)
    light = (seen - seen.min()).clamp(min=0)
    rows, columns = (torch.arange(count) + 0.5 for count in seen.shape)
    down = (light.sum(1) @ rows / light.sum()).item()
    across = (light.sum(0) @ columns / light.sum()).item()
    x0, y0, x1, y1 = find_box(preprocess, size)
    assert abs(x0 + (x1 - x0) * across / len(columns) - spot[0]) < 1.5
    assert abs(y0 + (y1 - y0) * down / len(rows) - spot[1]) < 1.5


@pytest.mark.parametrize("kind", PIPELINES)
def test_the_picture_comes_back_from_the_input_tensor(kind):
    preprocess = PIPELINES[kind][0]
    picture = ch.open_picture("cat")
    back = np.asarray(find_colours(preprocess).picture_of(preprocess(picture))).astype(int)
    x0, y0, x1, y1 = find_box(preprocess, picture.size)
    resample = Image.Resampling.NEAREST if kind == "nearest" else Image.Resampling.BILINEAR
    expected = picture.crop((round(x0), round(y0), round(x1), round(y1)))
    expected = expected.convert("L").convert("RGB") if kind == "grey" else expected
    expected = np.asarray(expected.resize(back.shape[1::-1], resample)).astype(int)
    assert np.abs(back - expected).mean() < 4


def standardised(tensor):
    return (tensor - tensor.mean((1, 2), True)) / tensor.std((1, 2), keepdim=True)


TILTED = transforms.Lambda(lambda picture: picture.rotate(10))
REFUSED = {
    "flipped": (compose(transforms.RandomHorizontalFlip(1.0)), "random numbers"),
    "always flipped": (compose(transforms.Lambda(lambda p: p.transpose(0))), "upright"),
    "upside down": (compose(transforms.Lambda(lambda p: p.transpose(1))), "upright"),
    "turned": (compose(transforms.Lambda(lambda p: p.transpose(2))), "upright"),
    "tilted": (compose(TILTED), "upright"),
    "cut by chance": (compose(transforms.RandomResizedCrop(224)), "random numbers"),
    "one colour": (compose(transforms.Lambda(lambda p: p.point(lambda level: 7))), "upright"),
    "by its own colours": (lambda p: standardised(compose()(p)), "upright.*z-score"),
    "a picture": (lambda picture: picture, "no tensor.*Image"),
    "a batch": (lambda picture: compose()(picture)[None], r"no tensor.*\(1, 3, 200, 300\)"),
    "no channel": (lambda picture: compose()(picture)[0], r"no tensor.*\(200, 300\)"),
    "bytes": (transforms.PILToTensor(), "uint8"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_preprocessing_without_a_box_is_refused(network, kind):
    preprocess, message = REFUSED[kind]
    with pytest.raises(ValueError, match=message):
        ch.make_network("mine", network.model, network.categories, preprocess)

"""Which part of a picture a preprocessing shows the network, and in which colours: measured.

Any callable that makes an input tensor of a picture will do, since no attribute of it is asked for.
It is shown marked pictures, and what comes out says what it does.
"""

import random
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

Preprocessing = Callable[[Image.Image], Tensor]  # picture -> input tensor (3, H, W)
Box = tuple[float, float, float, float]

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
# Brightness rises to the right and a little downwards in one marked picture, and the other way
# round in the second. The little keeps the rounding to 256 levels from falling alike in every row.
RIGHT_AND_DOWN = ((0.9, 0.1), (0.1, 0.9))


class Colours(NamedTuple):
    """How a preprocessing turns colours into numbers: number = black + contrast * colour.

    `black` and `contrast` are (3, 1, 1), one for each channel of the input; colours run from 0 to
    1. `order` says which channel of the input shows red, green and blue.
    """

    black: Tensor
    contrast: Tensor
    order: list[int]

    def picture_of(self, tensor: Tensor) -> Image.Image:
        """Return the RGB picture that an input tensor (3, H, W) shows."""
        colours = ((tensor.detach().cpu().double() - self.black) / self.contrast)[self.order]
        levels = (colours.clamp(0, 1) * 255).round().byte()
        return Image.fromarray(levels.permute(1, 2, 0).contiguous().numpy())


def find_colours(preprocess: Preprocessing) -> Colours:
    """Return how a preprocessing turns colours into numbers.

    Raises `ValueError` for one that gives black and white alike, or no input tensor at all.
    """
    black, white, *primaries = (
        _middle_of(_shown(preprocess, Image.new("RGB", (64, 64), colour)))
        for colour in (BLACK, WHITE, RED, GREEN, BLUE)
    )
    contrast = white - black
    if not (contrast != 0).all():
        raise ValueError(
            "The preprocessing gives the same numbers for black and for white: the picture that "
            "the network sees cannot be shown."
        )
    order = [int(((primary - black) / contrast).argmax()) for primary in primaries]
    return Colours(black.view(3, 1, 1), contrast.view(3, 1, 1), order)


def find_box(preprocess: Preprocessing, size: tuple[int, int]) -> Box:
    """Return the part of a picture of this (width, height) that a preprocessing shows the network.

    The box is (x0, y0, x1, y1) in the picture's pixels, and the input tensor is this box, enlarged
    or reduced. It reaches beyond the picture where the preprocessing adds a margin.

    Measured on pictures whose brightness says the place, first from edge to edge of the picture,
    and again from edge to edge of the box that was found, which proves it and makes it finer.
    Raises `ValueError` where there is no such box: the picture is flipped, turned, bent or cut by
    chance.
    """
    black = _shown(preprocess, Image.new("RGB", size, BLACK))
    contrast = _shown(preprocess, Image.new("RGB", size, WHITE)) - black
    box: Box = (0, 0, *size)
    for _ in range(2):
        shares = []
        for right, down in RIGHT_AND_DOWN:
            marked = _shown(preprocess, _marked(size, box, right, down))
            shares.append(_plane(marked, black, contrast))
        box = _box_of(torch.stack(shares), black.shape[1:], box)
    return _in_whole_pixels(box, size, black.shape[1:])


def _shown(preprocess: Preprocessing, picture: Image.Image) -> Tensor:
    """Return the input tensor (3, H, W), in double precision, or say why there is none."""
    before = _random_states()
    shown = preprocess(picture)
    is_fixed = _random_states() == before
    if not isinstance(shown, Tensor) or shown.ndim != 3 or len(shown) != 3:
        what = f"shape {tuple(shown.shape)}" if isinstance(shown, Tensor) else type(shown).__name__
        raise ValueError(f"The preprocessing makes no tensor (3, H, W) of a picture, but {what}.")
    if not shown.is_floating_point() or not shown.isfinite().all():
        raise ValueError(
            f"The preprocessing makes numbers that are not finite floats ({shown.dtype}) of a "
            "picture of one colour."
        )
    if not is_fixed:
        raise ValueError(
            "The preprocessing draws random numbers (RandomCrop, RandomHorizontalFlip, ...). Take "
            "the one for evaluation, as in weights.transforms()."
        )
    return shown.detach().cpu().double()


def _random_states() -> tuple[bytes, object, str]:
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), str(np.random.get_state())


def _middle_of(shown: Tensor) -> Tensor:
    return shown[:, shown.shape[1] // 2, shown.shape[2] // 2]


def _marked(size: tuple[int, int], box: Box, right: float, down: float) -> Image.Image:
    """Return a grey picture: black at the box's upper left corner, white at its lower right one.

    In between brightness rises by `right` from the box's left to its right edge, and by `down` from
    its upper to its lower one; beyond the box it stays black or white.
    """
    x0, y0, x1, y1 = box
    across = 255 * right * (np.arange(size[0], dtype=np.float32) + 0.5 - x0) / (x1 - x0)
    downwards = 255 * down * (np.arange(size[1], dtype=np.float32) + 0.5 - y0) / (y1 - y0)
    levels = np.add.outer(downwards, across + 0.5)
    np.clip(levels, 0, 255, out=levels)
    return Image.fromarray(levels.astype(np.uint8)).convert("RGB")


def _plane(marked: Tensor, black: Tensor, contrast: Tensor) -> Tensor:
    """Return (a, b, c): the brightness of a marked picture is a + b * column + c * row, as shown.

    Columns and rows count from the input tensor's left and upper edge. Fitted to the middle of
    what is no margin, since a resize bends the brightness at the picture's edges.
    """
    inside = (contrast.abs() > 0.5 * contrast.abs().amax()).all(0)
    rows, columns = (_middle(inside.any(dim)) for dim in (1, 0))
    brightness = ((marked - black) / contrast).mean(0)[rows][:, columns].flatten()
    row, column = torch.meshgrid(rows + 0.5, columns + 0.5, indexing="ij")
    places = torch.stack([torch.ones(row.numel()), column.flatten(), row.flatten()], 1).double()
    plane = torch.linalg.lstsq(places, brightness[:, None]).solution[:, 0]
    if not (places @ plane - brightness).abs().max() <= 3 / 255:  # roundings make 1 or 2
        raise _no_box()
    return plane


def _middle(inside: Tensor) -> Tensor:
    """Return the indices of what lies inside, without an eighth at either end."""
    found = inside.nonzero()[:, 0]
    if len(found) < 2:
        raise _no_box()
    return found[len(found) // 8 : len(found) - len(found) // 8]


def _box_of(planes: Tensor, shape: torch.Size, box: Box) -> Box:
    """Return the box that an input tensor of this (height, width) shows.

    `planes` (2, 3) are those of the two marked pictures, whose brightness counts from `box`.
    """
    # One row for x and one for y, as shares of the box: (at the upper left, by column, by row).
    x, y = torch.linalg.solve(torch.tensor(RIGHT_AND_DOWN, dtype=planes.dtype), planes).tolist()
    height, width = shape
    if not (x[1] > 0 and y[2] > 0 and abs(x[2] * height) < 0.02 and abs(y[1] * width) < 0.02):
        raise _no_box()
    x0, y0, x1, y1 = box
    across, down = x1 - x0, y1 - y0
    return (
        x0 + across * x[0],
        y0 + down * y[0],
        x0 + across * (x[0] + x[1] * width),
        y0 + down * (y[0] + y[2] * height),
    )


def _in_whole_pixels(box: Box, size: tuple[int, int], shape: torch.Size) -> Box:
    """Return the exact box, where a measured one shows a picture resized and cut at whole pixels.

    Measured boxes are right to a few hundredths of an input pixel, so that the whole numbers of
    pixels can be read from them. A box that fits none is left as it is.
    """
    starts, ends = [], []
    for low, high, side, count in zip(box[:2], box[2:], size, reversed(shape), strict=True):
        pixel = (high - low) / count
        resized, first = round(side / pixel), round(low / pixel)
        start, end = first * side / resized, (first + count) * side / resized
        fits = max(abs(start - low), abs(end - high)) < 0.25 * pixel
        starts.append(start if fits else low)
        ends.append(end if fits else high)
    return starts[0], starts[1], ends[0], ends[1]


def _no_box() -> ValueError:
    return ValueError(
        "The preprocessing shows the network no upright part of the picture that could be found: "
        "is the picture flipped, turned, bent, or changed by its own colours? A map could not be "
        "put back on it."
    )

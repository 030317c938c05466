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

from cam_helpers.boxes import Box

Preprocessing = Callable[[Image.Image], Tensor]  # picture -> input tensor (C, H, W)
Boxes = Callable[[tuple[int, int]], Box]  # a picture's (width, height) -> what is seen of it

# The preprocessing is tried on a picture of this (width, height): not square, so that its sides
# cannot be taken for each other.
TRIED_SIZE = (300, 200)

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
# Brightness rises to the right and a little downwards in one marked picture, and the other way
# round in the second. The little keeps the rounding to 256 levels from falling alike in every row.
RIGHT_AND_DOWN = ((0.9, 0.1), (0.1, 0.9))


class Colours(NamedTuple):
    """How a preprocessing turns colours into numbers: number = black + contrast * colour.

    `black` and `contrast` are (C, 1, 1), one for each channel of the input; colours run from 0 to
    1. `order` says which channel of the input shows red, green and blue; of a grey input it is one.
    """

    black: Tensor
    contrast: Tensor
    order: list[int]

    def are_in(self, batch: Tensor) -> bool:
        """Say whether a tensor holds plain colours, from 0 to 1, or far above what white gives.

        In between lies what is preprocessed: a picture so bright that no number is below 0.
        """
        if not batch.numel() or batch[..., ::8, ::8].min() < 0 or batch.min() < 0:
            return False  # mostly after a glance at a few
        white = self.black + self.contrast
        return bool(batch.max() > 2 * white.max() or (self.black.min() < 0 and batch.max() <= 1))

    def picture_of(self, tensor: Tensor) -> Image.Image:
        """Return the RGB picture that an input tensor (C, H, W) shows."""
        colours = ((tensor.detach().cpu().double() - self.black) / self.contrast)[self.order]
        levels = (colours.clamp(0, 1) * 255).round().byte()
        return Image.fromarray(levels.permute(1, 2, 0).contiguous().numpy())


def find_colours(preprocess: Preprocessing) -> Colours | None:
    """Return how a preprocessing turns colours into numbers; None where black is white.

    Raises `ValueError` for one that makes no input tensor at all.
    """
    black, white, *primaries = (
        _middle_of(shown(preprocess, Image.new("RGB", (64, 64), colour)))
        for colour in (BLACK, WHITE, RED, GREEN, BLUE)
    )
    contrast = white - black
    if not contrast.isfinite().all() or not contrast.any():
        return None
    shares = [((primary - black) / contrast).nan_to_num(0, 0, 0) for primary in primaries]
    order = [int(share.argmax()) for share in shares]
    return Colours(black.view(-1, 1, 1), contrast.view(-1, 1, 1), order)


def stretched(tensor: Tensor) -> Image.Image:
    """Return the RGB picture of an input tensor (C, H, W) whose colours are not known.

    The lowest number is black and the highest white. Other channels than three show the first.
    """
    numbers = tensor.detach().cpu().double()
    numbers = numbers if len(numbers) == 3 else numbers[:1].expand(3, -1, -1)
    lowest, highest = numbers.min(), numbers.max()
    levels = ((numbers - lowest) / (highest - lowest).clamp(min=1e-12) * 255).round().byte()
    return Image.fromarray(levels.permute(1, 2, 0).contiguous().numpy())


def find_box(preprocess: Preprocessing, size: tuple[int, int]) -> Box:
    """Return the part of a picture of this (width, height) that a preprocessing shows the network.

    The box is (x0, y0, x1, y1) in the picture's pixels, and the input tensor is this box, enlarged
    or reduced. It reaches beyond the picture where the preprocessing adds a margin.

    Measured on pictures whose brightness says the place; where the box is a small part of them,
    once more on those whose brightness rises inside it alone. Raises `ValueError` where there is no
    such box: the picture is flipped, turned, bent or cut by chance.
    """
    black, white = (shown(preprocess, Image.new("RGB", size, colour)) for colour in (BLACK, WHITE))
    strongest = (white - black).abs().amax((1, 2)).argmax()  # NaN and infinity are, too
    black = black[strongest]
    contrast = white[strongest] - black
    if not contrast.isfinite().all() or not contrast.any():
        raise _no_box()
    box: Box = (0, 0, *size)
    for _ in range(2):
        # Roundings make a few levels; without interpolation a pixel shows a single spot.
        tolerance = 4 / 255 + 1 / min(box[2] - box[0], box[3] - box[1])
        planes = []
        for right, down in RIGHT_AND_DOWN:
            marked = shown(preprocess, _marked_picture(size, box, right, down))[strongest]
            planes.append(_plane((marked - black) / contrast, _inside(contrast), tolerance))
        before, box = box, _box_of(torch.stack(planes), black.shape, box)
        if not _is_small(box, before):
            break
    return _in_whole_pixels(box, size, black.shape)


def shown(preprocess: Preprocessing, picture: Image.Image) -> Tensor:
    """Return the input tensor (C, H, W), in double precision, or say why there is none."""
    before = _random_states()
    shown = preprocess(picture)
    is_fixed = _random_states() == before
    if not isinstance(shown, Tensor) or shown.ndim != 3:
        what = f"shape {tuple(shown.shape)}" if isinstance(shown, Tensor) else type(shown).__name__
        raise ValueError(f"The preprocessing makes no tensor (C, H, W) of a picture, but {what}.")
    if not shown.is_floating_point():
        raise ValueError(f"The preprocessing makes whole numbers ({shown.dtype}), not floats.")
    if not is_fixed:
        raise ValueError(
            "The preprocessing draws random numbers (RandomCrop, RandomHorizontalFlip, ...). Take "
            "the one for evaluation, as in weights.transforms()."
        )
    return shown.detach().cpu().double()


def noise_for(preprocess: Preprocessing) -> Tensor:
    """Return uniform noise in the shape that the preprocessing makes, (1, C, H, W)."""
    levels = np.random.default_rng(0).integers(0, 256, (*TRIED_SIZE[::-1], 3), np.uint8)
    shape = shown(preprocess, Image.fromarray(levels)).shape
    return torch.rand(1, *shape, generator=torch.Generator().manual_seed(0))


def _random_states() -> tuple[object, ...]:
    _, keys, position, *_ = np.random.get_state(legacy=True)
    numpys = np.asarray(keys).tobytes(), position
    return torch.get_rng_state().numpy().tobytes(), random.getstate(), *numpys


def _middle_of(shown: Tensor) -> Tensor:
    return shown[:, shown.shape[1] // 2, shown.shape[2] // 2]


def _marked_picture(size: tuple[int, int], box: Box, right: float, down: float) -> Image.Image:
    """Return a grey picture, black at the box's upper left and white at its lower right.

    Brightness rises by `right` from the box's left edge to the right one, by `down` from its top to
    its bottom, and stays as it is beyond black and white.
    """
    x0, y0, x1, y1 = box
    across = 255 * right * (np.arange(size[0], dtype=np.float32) + 0.5 - x0) / (x1 - x0)
    downwards = 255 * down * (np.arange(size[1], dtype=np.float32) + 0.5 - y0) / (y1 - y0)
    levels = np.add.outer(downwards, across + 0.5).clip(0, 255).astype(np.uint8)
    return Image.fromarray(levels).convert("RGB")


def _inside(contrast: Tensor) -> Tensor:
    """Return where an input tensor shows the picture, (H, W): there black and white differ."""
    return contrast.abs() > 0.5 * contrast.abs().max()


def _plane(brightness: Tensor, inside: Tensor, tolerance: float) -> Tensor:
    """Return (a, b, c) of a brightness (H, W) that is a + b * column + c * row.

    Columns and rows count from the left and the upper edge. Fitted to the middle of what lies
    inside, since a resize bends the brightness at the picture's edges.
    """
    rows, columns = (_middle(inside.any(dim)) for dim in (1, 0))
    found = brightness[rows][:, columns]
    middle = found.mean()
    row, column = rows + 0.5 - (rows + 0.5).mean(), columns + 0.5 - (columns + 0.5).mean()
    by_row = row.double() @ found.mean(1) / row.square().sum()
    by_column = column.double() @ found.mean(0) / column.square().sum()
    flat = middle + by_row * row[:, None] + by_column * column
    if not (flat - found).abs().max() <= tolerance:
        raise _no_box()
    start = middle - by_column * (columns + 0.5).mean() - by_row * (rows + 0.5).mean()
    return torch.stack([start, by_column, by_row])


def _middle(inside: Tensor) -> Tensor:
    """Return the indices of what lies inside, without an eighth at either end."""
    found = inside.nonzero()[:, 0]
    if len(found) < 2:
        raise _no_box()
    return found[len(found) // 8 : len(found) - len(found) // 8]


def _box_of(planes: Tensor, shape: torch.Size, marked: Box) -> Box:
    """Return the box that an input tensor of this (height, width) shows.

    `planes` (2, 3) are those of the two ways in which brightness rises over the box `marked`.
    """
    # One row for x and one for y, as shares of that box: (at the upper left, by column, by row).
    x, y = torch.linalg.solve(torch.tensor(RIGHT_AND_DOWN, dtype=planes.dtype), planes).tolist()
    height, width = shape
    is_turned = max(abs(x[2] * height), abs(y[1] * width)) > 0.02
    if not (x[1] > 0 and y[2] > 0) or is_turned:
        raise _no_box()
    x0, y0, x1, y1 = marked
    across, down = x1 - x0, y1 - y0
    return (
        x0 + across * x[0],
        y0 + down * y[0],
        x0 + across * (x[0] + x[1] * width),
        y0 + down * (y[0] + y[2] * height),
    )


def _is_small(box: Box, marked: Box) -> bool:
    """Say whether the brightness over the box `marked` has few levels inside another box."""
    sides, whole = ((x1 - x0, y1 - y0) for x0, y0, x1, y1 in (box, marked))
    return any(2 * side < all_of_it for side, all_of_it in zip(sides, whole, strict=True))


def _in_whole_pixels(box: Box, size: tuple[int, int], shape: torch.Size) -> Box:
    """Return the exact box, where a measured one shows a picture resized and cut at whole pixels.

    Measured boxes are right to a tenth of an input pixel, or to less than half of one where a whole
    factor lies between them, since a resize rounds halves up. So whole numbers can be read from
    them. A box that fits none is left as it is.
    """
    starts, ends = [], []
    for low, high, side, count in zip(box[:2], box[2:], size, reversed(shape), strict=True):
        pixel = (high - low) / count
        resized, first = round(side / pixel), round(low / pixel)
        start, end = first * side / resized, (first + count) * side / resized
        fits = max(abs(start - low), abs(end - high)) < 0.45 * pixel
        starts.append(start if fits else low)
        ends.append(end if fits else high)
    return starts[0], starts[1], ends[0], ends[1]


def _no_box() -> ValueError:
    return ValueError(
        "The preprocessing shows the network no upright part of the picture that could be found: "
        "is the picture flipped, turned, bent, or changed by its own colours (a z-score, a "
        "percentile)? A map could not be put back on it. If you know which part the network sees, "
        "say it: make_network(name, model, categories, preprocess, box=lambda size: (0, 0, *size)) "
        "for the whole of a picture of size (width, height). For pictures that are no RGB, explain "
        "the tensor, explain(network, tensor), and lay the map on a picture of your own: "
        "overlay(picture, explanation.cam(class_index), box=what the tensor shows of it)."
    )

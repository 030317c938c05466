"""How good is a map? Maps, masks and boxes come in, numbers come out; no network is needed.

A map (H, W) has one number for each pixel of its picture (`upsample` makes it so): above zero it
speaks for the class. NaN stands for "not seen" and counts as no evidence. A mask (H, W) is true
where the object is. Boxes are (x0, y0, x1, y1) in pixels, counted from edge to edge: the first
pixel is (0, 0, 1, 1).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from cam_helpers.boxes import Box

Array = Tensor | NDArray[Any]
Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]

BOX_THRESHOLDS = tuple(round(step / 20, 2) for step in range(1, 20))  # shares of the maximum
OVERLAPS = (0.3, 0.5, 0.7)
BESIDE = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])  # what connects a pixel with its parts
STEPS = 1_000  # of a map's values in `PixelPrecision`


def pointing_game(cam: Array, mask: Array | Sequence[float], tolerance: float = 15) -> bool:
    """Say whether the highest point of a map lies in the mask or box, or near it.

    Near means at most `tolerance` pixels away, from pixel middle to pixel middle. Zhang et al.
    2016, "Top-down Neural Attention by Excitation Backprop": 15 pixels. Where several
    pixels are highest, their middle counts, as of a flat map that of the picture.

    Raises `ValueError` where map and mask differ in size, or one of them is empty.

    >>> import cam_helpers as ch
    >>> import torch
    >>> cam = torch.tensor([[0.0, 1.0], [4.0, 0.0]])
    >>> ch.pointing_game(cam, (0, 1, 1, 2), tolerance=0)
    True
    """
    numbers = numbers_of(cam)
    # Enlarging leaves differences of rounding between pixels that should be equal.
    highest = np.argwhere(numbers >= np.nanmax(numbers) - 1e-6 * np.nanmax(np.abs(numbers)))
    peak = highest.mean(0)
    top, left = (math.floor(max(place - tolerance, 0)) for place in peak)
    bottom, right = (math.ceil(place + tolerance) + 1 for place in peak)
    near = np.argwhere(_coverage(mask, numbers.shape)[top:bottom, left:right] > 0)
    return bool((np.hypot(*(near - (peak - (top, left))).T) <= tolerance).any())


def share_inside(cam: Array, mask: Array | Sequence[float]) -> float:
    """Return which share of the positive evidence lies in a mask (H, W) or a box, 0 to 1.

    Of a pixel that a box covers in part, that part counts. NaN where a map that is nowhere above
    zero has no evidence to share out, and where nothing was seen of the mask or box. Raises
    `ValueError` where map and mask differ in size, or one of them is empty.

    >>> import cam_helpers as ch
    >>> import torch
    >>> ch.share_inside(torch.tensor([[3.0, 1.0], [-9.0, 0.0]]), (0, 0, 1, 1))
    0.75
    """
    numbers = numbers_of(cam)
    covered = _coverage(mask, numbers.shape)
    if np.isnan(numbers[covered > 0]).all() or not np.nanmax(numbers) > 0:
        return math.nan
    evidence = _evidence(cam)
    return float((evidence * covered).sum() / evidence.sum())


def grid_share(cam: Array, rows: int, columns: int, place: tuple[int, int]) -> float:
    """Return which share of the positive evidence lies in one part of a grid, 0 to 1.

    The map is cut into `rows` x `columns` equal parts; `place` is (row, column) of the right one.
    Böhle et al. 2021, "Convolutional Dynamic Alignment Networks for Interpretable
    Classifications", the grid pointing game. NaN where the map has no evidence, as `share_inside`.
    Raises `ValueError` for a place outside the grid.

    >>> import cam_helpers as ch
    >>> import torch
    >>> ch.grid_share(torch.tensor([[3.0, 1.0], [-9.0, 0.0]]), 1, 2, (0, 1))
    0.25
    """
    row, column = place
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(f"{place} is outside a grid of {rows} rows and {columns} columns.")
    height, width = (
        side / parts for side, parts in zip(numbers_of(cam).shape, (rows, columns), strict=True)
    )
    x0, y0 = column * width, row * height
    return share_inside(cam, (x0, y0, x0 + width, y0 + height))


def map_box(cam: Array, threshold: float) -> Box | None:
    """Return the box around the largest connected part of a map, in whole pixels.

    A pixel belongs to a part where it has at least `threshold` (above 0, to 1) of the map's
    maximum; pixels are connected where they share an edge. None where the map is nowhere above
    zero.

    >>> import cam_helpers as ch
    >>> import torch
    >>> ch.map_box(torch.tensor([[0.0, 1.0, 4.0], [0.0, 0.0, 3.0]]), 0.5)
    (2.0, 0.0, 3.0, 2.0)
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold is a share of the maximum, above 0 and at most 1: {threshold}")
    return next(_boxes_of(_share_of_maximum(cam), (threshold,)))


def _boxes_of(shares: Numbers, thresholds: Sequence[float]) -> Iterator[Box | None]:
    """Yield the box of the largest part at each of the thresholds, which rise."""
    from scipy import ndimage

    x = y = 0  # of the upper left corner of what is left: it lies inside what was there before
    for threshold in thresholds:
        is_there = shares >= threshold
        rows, columns = (np.flatnonzero(is_there.any(axis)) for axis in (1, 0))
        if not rows.size:
            yield None
            continue
        window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        shares, x, y = shares[window], x + int(columns[0]), y + int(rows[0])
        parts, count = ndimage.label(is_there[window], BESIDE)
        down, across = slice(0, shares.shape[0]), slice(0, shares.shape[1])
        if count > 1:
            largest = np.bincount(parts.ravel())[1:].argmax()  # part 0 is the ground
            down, across = ndimage.find_objects(parts)[largest]
        left, top = float(x + across.start), float(y + down.start)
        yield left, top, float(x + across.stop), float(y + down.stop)


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the area that two boxes share, divided by the area that they cover together, 0 to 1.

    Raises `ValueError` for a box without area.

    >>> import cam_helpers as ch
    >>> ch.iou((0, 0, 2, 2), (1, 0, 3, 2))
    0.3333333333333333
    """
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = _checked_box(one), _checked_box(other)
    shared = max(0.0, min(ax1, bx1) - max(ax0, bx0)) * max(0.0, min(ay1, by1) - max(ay0, by0))
    return shared / ((ax1 - ax0) * (ay1 - ay0) + (bx1 - bx0) * (by1 - by0) - shared)


def box_overlaps(cam: Array, *boxes: Sequence[float]) -> Numbers:
    """Return how much the box of a map overlaps the true one at each of `BOX_THRESHOLDS`, (19,).

    Of several true boxes the best overlap counts; a map that is nowhere above zero has none, 0.
    Raises `ValueError` without a true box.
    """
    if not boxes:
        raise ValueError("There is no true box to compare with.")
    found = _boxes_of(_share_of_maximum(cam), BOX_THRESHOLDS)
    return np.array([max(iou(each, box) for box in boxes) if each else 0.0 for each in found])


@dataclass
class BoxAccuracy:
    """How often the box of a map overlaps the true box enough, for many thresholds at once.

    MaxBoxAccV2 of Choe et al. 2020 ("Evaluating Weakly Supervised Object Localization Methods
    Right", CVPR; version 2 in arXiv 2007.04178). Different here: thresholds are
    19 shares of the maximum above zero, not of the range, since here zero has a meaning; and, as in
    their first version, a map has one box, that of its largest part.

    `hits` (3, 19) counts pictures by least overlap (`OVERLAPS`) and threshold (`BOX_THRESHOLDS`).
    Two of these can be added, so several processes can share the pictures.

    >>> import cam_helpers as ch
    >>> import torch
    >>> accuracy = ch.BoxAccuracy()
    >>> accuracy.add(torch.tensor([[0.0, 1.0], [0.0, 1.0]]), (0, 0, 2, 2))
    >>> accuracy.best()
    0.6666666666666666
    """

    hits: Counts = field(
        default_factory=lambda: np.zeros((len(OVERLAPS), len(BOX_THRESHOLDS)), np.int64)
    )
    pictures: int = 0

    def add(self, cam: Array, *boxes: Sequence[float]) -> None:
        """Count one picture: its map (H, W) and the true box, or boxes: the best overlap counts.

        A map that is nowhere above zero counts as a miss. Raises `ValueError` without a box.
        """
        best = box_overlaps(cam, *boxes)
        self.hits = self.hits + (best >= np.array(OVERLAPS)[:, None])
        self.pictures += 1

    def __add__(self, other: "BoxAccuracy") -> "BoxAccuracy":
        return BoxAccuracy(self.hits + other.hits, self.pictures + other.pictures)

    def at(self, threshold: float) -> float:
        """Return the share of hits at one of `BOX_THRESHOLDS`, mean over the three overlaps."""
        near = np.isclose(BOX_THRESHOLDS, threshold)
        if not near.any():
            raise ValueError(f"{threshold} is none of the thresholds {BOX_THRESHOLDS}.")
        return float(self._shares[:, near].mean())

    def best(self) -> float:
        """Return MaxBoxAccV2: each overlap at its own best threshold, mean over the three.

        The thresholds are chosen on these very pictures, so this flatters.
        """
        return float(self._shares.max(axis=1).mean())

    def best_threshold(self) -> float:
        """Return the threshold at which `at` is largest here: choose it on other pictures."""
        return BOX_THRESHOLDS[int(self._shares.mean(axis=0).argmax())]

    @property
    def _shares(self) -> Numbers:
        if not self.pictures:
            raise ValueError("No picture has been added yet.")
        return self.hits / self.pictures


@dataclass
class PixelPrecision:
    """How well the values of maps tell the pixels of objects from the others (PxAP).

    Choe et al. 2020: every threshold gives a precision and a recall, over all pixels
    of all pictures together; the measure is the area below that curve, so no threshold is chosen.
    Values are shares of each map's own maximum above zero (theirs: of its range).

    `inside` and `outside` (1,001) count the pixels in and outside the masks by their value in
    thousandths. Two of these can be added, so several processes can share the pictures.

    >>> import cam_helpers as ch
    >>> import torch
    >>> precision = ch.PixelPrecision()
    >>> precision.add(torch.tensor([[0.0, 1.0], [0.5, 0.0]]), (1, 0, 2, 1))
    >>> precision.average()
    1.0
    """

    inside: Counts = field(default_factory=lambda: np.zeros(STEPS + 1, np.int64))
    outside: Counts = field(default_factory=lambda: np.zeros(STEPS + 1, np.int64))

    def add(
        self, cam: Array, mask: Array | Sequence[float], ignored: NDArray[np.bool_] | None = None
    ) -> None:
        """Count the pixels of one picture: its map (H, W), and the true mask (H, W) or box.

        Those `ignored` (H, W), such as a crowd's, count on neither side.
        """
        steps = (_share_of_maximum(cam) * STEPS).astype(np.int64)
        is_inside = _coverage(mask, steps.shape) >= 0.5
        is_outside = ~is_inside if ignored is None else ~(is_inside | ignored)
        self.inside = self.inside + np.bincount(steps[is_inside], minlength=STEPS + 1)
        self.outside = self.outside + np.bincount(steps[is_outside], minlength=STEPS + 1)

    def __add__(self, other: "PixelPrecision") -> "PixelPrecision":
        return PixelPrecision(self.inside + other.inside, self.outside + other.outside)

    def average(self) -> float:
        """Return the average precision, 0 to 1."""
        if not self.inside.any():
            raise ValueError("No pixel of an object has been added yet.")
        return average_precision(self.inside, self.outside)


def average_precision(inside: ArrayLike, outside: ArrayLike) -> float:
    """Return the area below the curve of precision over recall, 0 to 1.

    `inside` and `outside` count pixels by their value, from the lowest to the highest.

    >>> import cam_helpers as ch
    >>> ch.average_precision([1, 0, 1], [0, 2, 0])
    0.75
    """
    found, wrong = (np.cumsum(np.asarray(counts)[::-1]) for counts in (inside, outside))
    precision = found / np.maximum(found + wrong, 1e-12)
    return float((precision * np.diff(found, prepend=0)).sum() / found[-1])


# ---- What comes in ----------------------------------------------------------------------------


def array_of(given: Array) -> NDArray[Any]:
    """Return a tensor or an array as an array."""
    if not isinstance(given, Tensor):
        return np.asarray(given)
    given = given.detach().cpu()
    return (given.double() if given.is_floating_point() else given).numpy()  # numpy has no bfloat16


def numbers_of(cam: Array) -> Numbers:
    """Return a map as numbers, and check it."""
    numbers = array_of(cam).astype(np.float64)
    if numbers.ndim != 2 or not numbers.size:
        raise ValueError(f"A map to measure is (H, W), not {numbers.shape}.")
    if np.isinf(numbers).any() or np.isnan(numbers).all():
        raise ValueError("A map to measure holds finite numbers (or NaN where nothing was seen).")
    return numbers


def _evidence(cam: Array) -> Numbers:
    """Return the positive part of a map; 0 where nothing was seen."""
    return np.maximum(np.nan_to_num(numbers_of(cam), nan=0.0), 0)


def _share_of_maximum(cam: Array) -> Numbers:
    """Return the positive part of a map in shares of its maximum; all 0 where there is none."""
    evidence = _evidence(cam)
    return evidence / (evidence.max() or 1.0)


def _coverage(mask: Array | Sequence[float], shape: tuple[int, ...]) -> Numbers:
    """Return which part of each pixel a mask or a box covers, (H, W) from 0 to 1."""
    given = array_of(mask) if isinstance(mask, Tensor) else np.asarray(mask)
    if given.shape == (4,):
        x0, y0, x1, y1 = _checked_box(given.tolist())
        height, width = shape
        across = _covered_cells(x0, x1, width)
        down = _covered_cells(y0, y1, height)
        covered: Numbers = down[:, None] * across
        if not covered.any():
            raise ValueError(
                f"The box {(x0, y0, x1, y1)} lies outside the map, {width} x {height}."
            )
        return covered
    if given.shape != shape:
        raise ValueError(
            f"The map is {shape}, the mask {given.shape}: they describe the same pixels. "
            "upsample(cam, mask.shape) makes the map fit."
        )
    covered = (given != 0).astype(np.float64)
    if not covered.any():
        raise ValueError("The mask is empty: there is no object to find.")
    return covered


def _covered_cells(start: float, end: float, count: int) -> Numbers:
    """Return which part of each of `count` pixels in a row lies between two places."""
    left = np.arange(count)
    covered: Numbers = np.clip(np.minimum(left + 1, end) - np.maximum(left, start), 0, 1)
    return covered


def _checked_box(box: Sequence[float]) -> Box:
    """Return the box as four numbers, or raise `ValueError` where it has no area."""
    if len(box) != 4 or not (box[0] < box[2] and box[1] < box[3]):
        raise ValueError(f"A box is (x0, y0, x1, y1) with x0 < x1 and y0 < y1, not {tuple(box)}.")
    x0, y0, x1, y1 = map(float, box)
    return x0, y0, x1, y1

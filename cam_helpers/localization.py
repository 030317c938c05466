"""How good is a map? Maps, masks and boxes come in, numbers come out; no network is needed.

A map (H, W) has one number for each pixel of its picture (`upsample` makes it so): above zero it
speaks for the class. NaN stands for "not seen" and counts as no evidence. A mask (H, W) is true
where the object is. Boxes are (x0, y0, x1, y1) in pixels, counted from edge to edge: the first
pixel is (0, 0, 1, 1).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from cam_helpers.boxes import Box

Array = Tensor | NDArray[Any]
Numbers = NDArray[np.float64]
Counts = NDArray[np.int64]
Fill = Literal["grey", "road"]

BOX_THRESHOLDS = tuple(round(step / 20, 2) for step in range(1, 20))  # shares of the maximum
OVERLAPS = (0.3, 0.5, 0.7)
STEPS = 1_000  # of a map's values in `PixelPrecision`


def pointing_game(cam: Array, mask: Array | Sequence[float], tolerance: float = 15) -> bool:
    """Say whether the highest point of a map lies in the mask or box, or near it.

    Near means at most `tolerance` pixels away, from pixel middle to pixel middle. Zhang et al.
    2016, "Top-down Neural Attention by Excitation Backprop": 15 pixels. Where several
    pixels are highest, their middle counts, as of a flat map that of the picture.

    Raises `ValueError` where map and mask differ in size, or one of them is empty.
    """
    numbers = _numbers(cam)
    seen = np.nan_to_num(numbers, nan=-np.inf)
    # Enlarging leaves differences of rounding between pixels that should be equal.
    highest = np.argwhere(seen >= seen.max() - 1e-6 * np.nanmax(np.abs(numbers)))
    places = np.argwhere(_coverage(mask, numbers.shape) > 0)
    nearest = np.hypot(*(places - highest.mean(0)).T).min()
    return bool(nearest <= tolerance)


def share_inside(cam: Array, mask: Array | Sequence[float]) -> float:
    """Return which share of the positive evidence lies in a mask (H, W) or a box, 0 to 1.

    Of a pixel that a box covers in part, that part counts. Raises `ValueError` where the map is
    nowhere above zero, where map and mask differ in size, or one of them is empty.
    """
    evidence = _evidence(cam)
    if not evidence.any():
        raise ValueError(
            "This map is nowhere above zero, so it has no evidence to share out. Does the network "
            "find the class in the picture?"
        )
    return float((evidence * _coverage(mask, evidence.shape)).sum() / evidence.sum())


def grid_share(cam: Array, rows: int, columns: int, place: tuple[int, int]) -> float:
    """Return which share of the positive evidence lies in one part of a grid, 0 to 1.

    The map is cut into `rows` x `columns` equal parts; `place` is (row, column) of the right one.
    Böhle et al. 2021, "Convolutional Dynamic Alignment Networks for Interpretable
    Classifications", the grid pointing game. Raises `ValueError` as `share_inside` does, and for a
    place outside the grid.
    """
    row, column = place
    if not (0 <= row < rows and 0 <= column < columns):
        raise ValueError(f"{place} is outside a grid of {rows} rows and {columns} columns.")
    height, width = (
        side / parts for side, parts in zip(_numbers(cam).shape, (rows, columns), strict=True)
    )
    x0, y0 = column * width, row * height
    return share_inside(cam, (x0, y0, x0 + width, y0 + height))


def map_box(cam: Array, threshold: float) -> Box | None:
    """Return the box around the largest connected part of a map, in whole pixels.

    A pixel belongs to a part where it has at least `threshold` (above 0, to 1) of the map's
    maximum; pixels are connected where they share an edge. None where the map is nowhere above
    zero.
    """
    return _box_of(_share_of_maximum(cam), threshold)


def _box_of(shares: Numbers, threshold: float) -> Box | None:
    from scipy import ndimage

    if not 0 < threshold <= 1:
        raise ValueError(f"threshold is a share of the maximum, above 0 and at most 1: {threshold}")
    parts, count = ndimage.label(shares >= threshold)
    if not count:
        return None
    largest = np.bincount(parts.ravel())[1:].argmax()  # part 0 is the ground
    rows, columns = ndimage.find_objects(parts)[largest]
    return float(columns.start), float(rows.start), float(columns.stop), float(rows.stop)


def iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the area that two boxes share, divided by the area that they cover together, 0 to 1.

    Raises `ValueError` for a box without area.
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
    shares, best = _share_of_maximum(cam), []
    for threshold in BOX_THRESHOLDS:
        found = _box_of(shares, threshold)
        best.append(max(iou(found, box) for box in boxes) if found else 0.0)
    return np.array(best)


@dataclass
class BoxAccuracy:
    """How often the box of a map overlaps the true box enough, for many thresholds at once.

    MaxBoxAccV2 of Choe et al. 2020 ("Evaluating Weakly Supervised Object Localization Methods
    Right", CVPR; version 2 in arXiv 2007.04178). Different here: thresholds are
    19 shares of the maximum above zero, not of the range, since here zero has a meaning; and, as in
    their first version, a map has one box, that of its largest part.

    `hits` (3, 19) counts pictures by least overlap (`OVERLAPS`) and threshold (`BOX_THRESHOLDS`).
    Two of these can be added, so several processes can share the pictures.
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
    """

    inside: Counts = field(default_factory=lambda: np.zeros(STEPS + 1, np.int64))
    outside: Counts = field(default_factory=lambda: np.zeros(STEPS + 1, np.int64))

    def add(self, cam: Array, mask: Array | Sequence[float]) -> None:
        """Count the pixels of one picture: its map (H, W), and the true mask (H, W) or box."""
        steps = (_share_of_maximum(cam) * STEPS).astype(np.int64)
        is_inside = _coverage(mask, steps.shape) >= 0.5
        self.inside = self.inside + np.bincount(steps[is_inside], minlength=STEPS + 1)
        self.outside = self.outside + np.bincount(steps[~is_inside], minlength=STEPS + 1)

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
    """
    found, wrong = (np.cumsum(np.asarray(counts)[::-1]) for counts in (inside, outside))
    precision = found / np.maximum(found + wrong, 1e-12)
    return float((precision * np.diff(found, prepend=0)).sum() / found[-1])


class Interval(NamedTuple):
    """A number, and between which values it lies when other pictures are drawn (95 %)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"


def bootstrap(
    rows: ArrayLike,
    statistic: Callable[[Numbers], float] = lambda mean: float(mean),
    groups: Sequence[Any] | None = None,
    draws: int = 2_000,
    seed: int = 0,
) -> Interval:
    """Return the mean of what was found picture by picture, with its 95 % interval.

    `rows` (N, ...) has one number, or one array, for each picture. Each draw takes N pictures with
    replacement; the interval holds the middle 95 % of the means (Efron 1979; percentile method).
    To compare two methods give the differences, so that both are drawn with the same pictures.

    For a measure that is no mean over pictures, `statistic` makes it from the mean row (...).
    Pictures that belong together, such as windows of one photograph, are drawn together where
    `groups` (N,) gives them the same label. Raises `ValueError` for fewer than two groups or
    numbers that are not finite.
    """
    numbers = np.asarray(rows, dtype=np.float64)
    labels = np.arange(len(numbers)) if groups is None else np.asarray(groups)
    _, group = np.unique(labels, return_inverse=True)
    count = group.max(initial=-1) + 1
    if count < 2 or len(group) != len(numbers) or not np.isfinite(numbers).all():
        raise ValueError("bootstrap() takes finite numbers of at least two groups, a label each.")
    sums = np.zeros((count, numbers[0].size))
    np.add.at(sums, group, numbers.reshape(len(numbers), -1))
    sizes = np.bincount(group)
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):  # one by one: together they would fill the memory
        times = rng.multinomial(count, np.full(count, 1 / count))
        mean = times @ sums / (times @ sizes)
        found.append(statistic(mean.reshape(numbers.shape[1:])))
    low, high = np.quantile(found, (0.025, 0.975))
    return Interval(statistic(numbers.mean(axis=0)), float(low), float(high))


# ---- Without any annotation: take away what the map points at, and ask the network ------------


class Curve(NamedTuple):
    """What `score` says while a picture goes (or comes), and the area below it."""

    shares: Numbers  # (steps + 1,) of the pixels that are gone (or there), 0 to 1
    scores: Numbers  # (steps + 1,)
    area: float  # the mean score along the way


def deletion(
    score: Callable[[Tensor], Tensor],
    picture: Tensor,
    cam: Array,
    fill: Fill = "grey",
    steps: int = 14,
) -> Curve:
    """Take a picture away pixel by pixel, the highest of the map first, and follow the score.

    `score` takes a batch (N, 3, H, W) and returns (N,), such as one class's probabilities;
    `picture` is a network's input (3, H, W), `cam` a map (H, W). A good map has a small area.
    Petsiuk et al. 2018, "RISE". What is gone is grey (0, the middle colour of a
    preprocessed picture), or with `fill="road"` is guessed from its neighbours (`impute`).
    """
    return _curve(score, picture, cam, fill, steps, going=True)


def insertion(
    score: Callable[[Tensor], Tensor],
    picture: Tensor,
    cam: Array,
    fill: Fill = "grey",
    steps: int = 14,
) -> Curve:
    """Begin with nothing of a picture, put back the highest of the map first; see `deletion`.

    A good map has a large area. Nothing is grey here, in Petsiuk et al. a blurred picture.
    """
    return _curve(score, picture, cam, fill, steps, going=False)


def _curve(
    score: Callable[[Tensor], Tensor],
    picture: Tensor,
    cam: Array,
    fill: Fill,
    steps: int,
    going: bool,
) -> Curve:
    if fill not in ("grey", "road"):
        raise ValueError(f'fill is "grey" or "road", not {fill!r}.')
    if steps < 1:
        raise ValueError(f"steps is a whole number from 1 on, not {steps}.")
    numbers = _numbers(cam)
    if picture.ndim != 3 or tuple(picture.shape[1:]) != numbers.shape:
        raise ValueError(
            f"The picture is an input (3, H, W) of the map's size {numbers.shape}, not "
            f"{tuple(picture.shape)}: upsample(cam, picture.shape[1:]) makes the map fit."
        )
    order = np.argsort(-np.nan_to_num(numbers, nan=-np.inf), axis=None, kind="stable")
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(order.size)
    shares = np.linspace(0, 1, steps + 1)
    seen = []
    for share in shares:
        is_first = (rank < round(share * rank.size)).reshape(numbers.shape)
        gone = is_first if going else ~is_first
        if fill == "road":
            seen.append(impute(picture, gone))
        else:
            seen.append(picture.masked_fill(torch.from_numpy(gone).to(picture.device), 0))
    scores = score(torch.stack(seen)).detach().double().cpu().numpy()
    return Curve(shares, scores, float((scores[1:] + scores[:-1]).mean() / 2))


def impute(picture: Tensor, gone: Array, noise: float = 0.1, seed: int = 0) -> Tensor:
    """Return a picture (3, H, W) in which the pixels of a mask (H, W) are guessed from the others.

    Each is the weighted mean of its eight neighbours (1/6 beside, 1/12 across), all solved at once,
    and a little noise is added, so that a smooth patch does not give away where something was.
    Rong et al. 2022, "A Consistent and Efficient Evaluation Strategy for Attribution Methods"
    (ROAD). Where nothing is left, all is 0 before the noise.
    """
    from scipy import sparse
    from scipy.sparse.linalg import spsolve

    mask = np.asarray(_array(gone), dtype=bool)
    if mask.shape != tuple(picture.shape[1:]):
        raise ValueError(f"The mask is {mask.shape}, the picture {tuple(picture.shape[1:])}.")
    if not mask.any():
        return picture.clone()
    height, width = mask.shape
    number = np.full((height + 2, width + 2), -1)  # of each unknown; a border of one pixel
    number[1:-1, 1:-1][mask] = np.arange(mask.sum())
    values = np.zeros((height + 2, width + 2, len(picture)))
    values[1:-1, 1:-1] = picture.detach().double().cpu().permute(1, 2, 0).numpy()
    there = np.zeros((height + 2, width + 2), dtype=bool)
    there[1:-1, 1:-1] = True
    y, x = (places + 1 for places in np.nonzero(mask))
    total, known = np.zeros(len(y)), np.zeros((len(y), len(picture)))
    entries = []
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            if (down, right) == (0, 0):
                continue
            near = (y + down, x + right)
            weight = there[near] * (1 / 6 if down == 0 or right == 0 else 1 / 12)
            is_unknown = number[near] >= 0
            total += weight
            known += np.where(is_unknown, 0, weight)[:, None] * values[near]
            entries.append(
                (number[y, x][is_unknown], number[near][is_unknown], -weight[is_unknown])
            )
    rows, columns, weights = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    system = sparse.csc_matrix((weights, (rows, columns)), shape=(len(y), len(y)))
    # Where nothing is left the system has no single solution; a trace of weight makes it 0.
    system = system + sparse.diags(total + 1e-9)
    guessed = spsolve(system, known) + np.random.default_rng(seed).normal(0, noise, known.shape)
    filled = picture.clone()
    filled[:, torch.from_numpy(mask)] = torch.from_numpy(guessed.T).to(picture)
    return filled


# ---- What comes in ----------------------------------------------------------------------------


def _array(given: Array) -> NDArray[Any]:
    if not isinstance(given, Tensor):
        return np.asarray(given)
    given = given.detach().cpu()
    return (given.double() if given.is_floating_point() else given).numpy()  # numpy has no bfloat16


def _numbers(cam: Array) -> Numbers:
    """Return a map as numbers, and check it."""
    numbers = _array(cam).astype(np.float64)
    if numbers.ndim != 2 or not numbers.size:
        raise ValueError(f"A map to measure is (H, W), not {numbers.shape}.")
    if np.isinf(numbers).any() or np.isnan(numbers).all():
        raise ValueError("A map to measure holds finite numbers (or NaN where nothing was seen).")
    return numbers


def _evidence(cam: Array) -> Numbers:
    """Return the positive part of a map; 0 where nothing was seen."""
    return np.maximum(np.nan_to_num(_numbers(cam), nan=0.0), 0)


def _share_of_maximum(cam: Array) -> Numbers:
    """Return the positive part of a map in shares of its maximum; all 0 where there is none."""
    evidence = _evidence(cam)
    return evidence / (evidence.max() or 1.0)


def _coverage(mask: Array | Sequence[float], shape: tuple[int, ...]) -> Numbers:
    """Return which part of each pixel a mask or a box covers, (H, W) from 0 to 1."""
    given = _array(mask) if isinstance(mask, Tensor) else np.asarray(mask)
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

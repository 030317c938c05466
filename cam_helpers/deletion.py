"""How good is a map, without any annotation: take away what it points at, and ask the network."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cam_helpers.localization import Array, Numbers, array_of, numbers_of

Fill = Literal["grey", "road"]
NOISE = 0.01  # of what ROAD guesses, in the unit of the input


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
    noise: float = NOISE,
) -> Curve:
    """Take a picture away pixel by pixel, the highest of the map first, and follow the score.

    `score` takes a batch (N, 3, H, W) and returns (N,), such as one class's probabilities;
    `picture` is a network's input (3, H, W), `cam` a map (H, W). A good map has a small area.
    Petsiuk et al. 2018, "RISE". What is gone is grey (0, the middle colour of a
    preprocessed picture), or with `fill="road"` is guessed from its neighbours, with some `noise`
    (`impute`).

    >>> import cam_helpers as ch
    >>> import torch
    >>> left = lambda batch: batch[..., :2].mean((1, 2, 3))  # a score that sees the left half
    >>> cam = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    >>> round(ch.deletion(left, torch.ones(3, 1, 4), cam, steps=4).area, 3)
    0.25
    """
    return _curve(score, picture, cam, fill, steps, noise, going=True)


def insertion(
    score: Callable[[Tensor], Tensor],
    picture: Tensor,
    cam: Array,
    fill: Fill = "grey",
    steps: int = 14,
    noise: float = NOISE,
) -> Curve:
    """Begin with nothing of a picture, put back the highest of the map first; see `deletion`.

    A good map has a large area. Nothing is grey here, in Petsiuk et al. a blurred picture.

    >>> import cam_helpers as ch
    >>> import torch
    >>> left = lambda batch: batch[..., :2].mean((1, 2, 3))  # a score that sees the left half
    >>> cam = torch.tensor([[1.0, 1.0, 0.0, 0.0]])
    >>> round(ch.insertion(left, torch.ones(3, 1, 4), cam, steps=4).area, 3)
    0.75
    """
    return _curve(score, picture, cam, fill, steps, noise, going=False)


def _curve(
    score: Callable[[Tensor], Tensor],
    picture: Tensor,
    cam: Array,
    fill: Fill,
    steps: int,
    noise: float,
    going: bool,
) -> Curve:
    if fill not in ("grey", "road"):
        raise ValueError(f'fill is "grey" or "road", not {fill!r}.')
    if steps < 1:
        raise ValueError(f"steps is a whole number from 1 on, not {steps}.")
    numbers = numbers_of(cam)
    if picture.ndim != 3 or tuple(picture.shape[1:]) != numbers.shape:
        raise ValueError(
            f"The picture is an input (3, H, W) of the map's size {numbers.shape}, not "
            f"{tuple(picture.shape)}: upsample(cam, picture.shape[1:]) makes the map fit."
        )
    # Enlarging leaves rounding, other on every processor, between pixels that should be equal: to
    # a millionth of the largest number they count as equal, and go in reading order.
    millionth = 1e-6 * (np.nanmax(np.abs(numbers)) or 1)
    levels = np.round(np.nan_to_num(numbers, nan=-np.inf) / millionth)
    order = np.argsort(-levels, axis=None, kind="stable")
    rank = np.empty(order.size, dtype=np.int64)
    rank[order] = np.arange(order.size)
    shares = np.linspace(0, 1, steps + 1)
    seen = []
    for share in shares:
        is_first = (rank < round(share * rank.size)).reshape(numbers.shape)
        gone = is_first if going else ~is_first
        if fill == "road":
            seen.append(impute(picture, gone, noise))
        else:
            seen.append(picture.masked_fill(torch.from_numpy(gone).to(picture.device), 0))
    scores = score(torch.stack(seen)).detach().double().cpu().numpy()
    return Curve(shares, scores, float((scores[1:] + scores[:-1]).mean() / 2))


def impute(picture: Tensor, gone: Array, noise: float = NOISE, seed: int = 0) -> Tensor:
    """Return a picture (3, H, W) in which the pixels of a mask (H, W) are guessed from the others.

    Each is the weighted mean of its eight neighbours (1/6 beside, 1/12 across), all solved at once,
    and a little noise is added, so that a smooth patch does not give away where something was.
    Rong et al. 2022, "A Consistent and Efficient Evaluation Strategy for Attribution Methods"
    (ROAD); their code and its peers take a `noise` (standard deviation) of 0.01. Where nothing is
    left, all is 0 before the noise.

    >>> import cam_helpers as ch
    >>> import torch
    >>> gone = torch.tensor([[False, True, False]])
    >>> ch.impute(torch.tensor([[[1.0, 9.0, 2.0]]]), gone, noise=0)
    tensor([[[1.0000, 1.5000, 2.0000]]])
    """
    from scipy import sparse
    from scipy.sparse.linalg import spsolve

    mask = np.asarray(array_of(gone), dtype=bool)
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

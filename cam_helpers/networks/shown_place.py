"""Whether an input tensor shows the part of a picture that it is said to show: asked of each one.

A box is measured once for all pictures of a size (`networks.seen`). A preprocessing may cut each
picture by what is in it, as one that takes away dark borders; then the box is wrong for some.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from cam_helpers.boxes import Box

Numbers = NDArray[np.float32]
Line = tuple[slice | int, slice | int]  # rows and columns of an input, one of which is a single one

# Signal to noise: how much of what varies along the lines the named box explains, divided by what
# it leaves. At this it is right, or amiss by a few hundredths of its side, less than a cell.
CLEAR = 20.0
# Else the named box has to be so many times clearer than one a tenth of a side to the left, right,
# above or below. An input made with another interpolation is less like the strips: on 58 pictures
# the right box led 7.6 times or more where the nearest pixel was taken, 3.7 times where the input
# was blurred. Where a fifth of a side or more had been cut away, 93 % and more were noticed.
CLEARER = 2.0


def shows(tensor: Tensor, whole: Image.Image, box: Box) -> bool:
    """Say whether an input tensor (C, H, W) shows this box of the whole picture.

    Two rows and two columns are compared, in the channel that the picture explains best: as a
    weighted sum of red, green and blue, plus a constant. So it does not matter how colours become
    numbers. Where the input is the same all along the lines, or shows next to nothing but margin,
    there is nothing to compare.
    """
    height, width = tensor.shape[1:]
    x, left, right = _edges(box[0], box[2], width, whole.width)
    y, top, bottom = _edges(box[1], box[3], height, whole.height)
    if left >= right or top >= bottom:
        return True
    lines: list[Line] = []
    strips = []
    for third in (1, 2):
        row, column = top + (bottom - top) * third // 3, left + (right - left) * third // 3
        across = x[left], y[row], x[right], y[row + 1]
        downwards = x[column], y[top], x[column + 1], y[bottom]
        lines += [(row, slice(left, right)), (slice(top, bottom), column)]
        strips.append(whole.resize((right - left, 1), Image.Resampling.BILINEAR, across))
        strips.append(whole.resize((1, bottom - top), Image.Resampling.BILINEAR, downwards))
    colours = np.concatenate([np.asarray(strip, np.float32).reshape(-1, 3) for strip in strips])
    clarity = _clarity(colours, _along(lines, tensor))
    if clarity >= CLEAR:
        return True
    down, aside = height // 10, width // 10
    moves = [(down, 0), (-down, 0), (0, aside), (0, -aside)]
    others = [_clarity(colours, _along(lines, tensor.roll(move, (1, 2)))) for move in moves]
    return clarity > CLEARER * max(others)


def _edges(low: float, high: float, count: int, side: int) -> tuple[list[float], int, int]:
    """Return where an input's pixels begin and end in the picture, and which show it alone.

    The first of them, and the one after the last. A box may reach beyond the picture; then three
    pixels at its edge are left out, since a filter (Lanczos at most three) mixes in the margin.
    """
    edges = np.linspace(low, high, count + 1)
    first = int(edges.searchsorted(-1e-6))
    end = int(edges.searchsorted(side + 1e-6, "right")) - 1
    first, end = first + 3 * (first > 0), end - 3 * (end < count)
    return edges.clip(0, side).tolist(), first, end


def _along(lines: list[Line], tensor: Tensor) -> Numbers:
    """Return the numbers of an input (C, H, W) along the lines, (C, n)."""
    found = torch.cat([tensor[:, rows, columns] for rows, columns in lines], 1)
    numbers: Numbers = found.detach().float().cpu().numpy()
    return numbers


def _clarity(colours: Numbers, numbers: Numbers) -> float:
    """Return how well colours (n, 3) explain the one of (C, n) that they explain best.

    Infinity where none of them varies.
    """
    numbers = numbers - numbers.mean(1, keepdims=True)
    in_all = np.square(numbers).sum(1)
    varies = np.abs(numbers).max(1) > 1e-4
    if not varies.any():
        return np.inf
    numbers, in_all = numbers[varies], in_all[varies]
    colours = colours - colours.mean(0)
    weights = np.linalg.lstsq(colours.T @ colours, colours.T @ numbers.T, rcond=1e-6)[0]
    explained = np.square(colours @ weights).sum(0)
    share = float((explained / in_all).max())
    return share / max(1 - share, 1e-6)

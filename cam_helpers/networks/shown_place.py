"""Whether an input tensor shows the part of a picture that it is said to show: asked of each one.

A box is measured once for all pictures of a size (`networks.seen`). A preprocessing may cut each
picture by what is in it, as one that takes away dark borders; then the box is wrong for some.
"""

from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cam_helpers.boxes import Box

# How much of what varies along the lines the named box explains at least. Of noise of which the
# nearest pixels were taken it is 0.44, of photographs 0.8 and more.
EXPLAINED = 0.4
# By how much of all that varies a place aside may fit better, along one half of a line.
NO_BETTER = 0.003


def shows(tensor: Tensor, whole: Image.Image, box: Box) -> bool:
    """Say whether an input tensor (C, H, W) shows this box of the whole picture.

    Two rows and two columns are compared, in the channel that the picture explains best: as a
    weighted sum of red, green and blue, plus a constant. So it does not matter how colours become
    numbers. No half of a line may fit better some pixels aside (4 of 224): so a cut of a twentieth
    of the sides was noticed on 9 of 10 photographs, of a fiftieth on 6. Where the input is the same
    all along the lines, or shows next to nothing but margin, there is nothing to compare.
    """
    height, width = tensor.shape[1:]
    lines = _lines(box, whole.size, (height, width))
    if lines is None:
        return True
    parts, rows, columns, halves = lines
    strips = [whole.resize(size, Image.Resampling.BILINEAR, part) for size, part in parts]
    colours = np.concatenate([np.asarray(strip, float).reshape(-1, 3) for strip in strips])
    colours = colours - colours.mean(0)
    numbers = tensor[:, rows, columns].detach().cpu().double().numpy()
    numbers = numbers - numbers.mean(1, keepdims=True)
    numbers = numbers[np.abs(numbers).max(1) > 1e-4]
    if not len(numbers):
        return True
    products = colours.T @ colours
    products += (1e-6 * np.trace(products) + 1e-9) * np.eye(3)  # of a grey picture all are one
    fits = (colours @ np.linalg.solve(products, colours.T @ numbers.T)).T
    in_all, left = np.square(numbers).sum(1), np.square(numbers - fits).sum(1)
    best = (left / in_all).argmin()
    aside = max(2, min(height, width) // 56)
    here, after, before = (
        np.add.reduceat(np.square(numbers[best] - np.roll(fits[best], move)), halves)
        for move in (0, aside, -aside)
    )
    is_best = here <= np.minimum(after, before) + NO_BETTER * in_all[best]
    return bool(is_best.all() and left[best] <= (1 - EXPLAINED) * in_all[best])


Part = tuple[tuple[int, int], Box]  # a strip's (width, height), and what it shows of the picture


@lru_cache(maxsize=64)
def _lines(
    box: Box, whole: tuple[int, int], shape: tuple[int, int]
) -> tuple[list[Part], Tensor, Tensor, list[int]] | None:
    """Return strips of a picture, the rows and columns of an input's same pixels, and the halves.

    A half is named by where it begins among the pixels. None where the input shows only margin.
    """
    x, left, right = _edges(box[0], box[2], shape[1], whole[0])
    y, top, bottom = _edges(box[1], box[3], shape[0], whole[1])
    across, down = right - left, bottom - top
    if across < 2 or down < 2:
        return None
    parts: list[Part] = []
    places = []
    for third in (1, 2):
        row, column = top + down * third // 3, left + across * third // 3
        parts.append(((across, 1), (x[left], y[row], x[right], y[row + 1])))
        parts.append(((1, down), (x[column], y[top], x[column + 1], y[bottom])))
        places += [(row, at) for at in range(left, right)]
        places += [(at, column) for at in range(top, bottom)]
    rows, columns = torch.tensor(places).T
    ends = [0, across, across + down, 2 * across + down]
    sides = [across, down, across, down]
    halves = [
        end + side // 2 * half for end, side in zip(ends, sides, strict=True) for half in (0, 1)
    ]
    return parts, rows, columns, halves


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

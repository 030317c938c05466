"""Exercises of notebook 05: the peak in the photograph, and a box around the map."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from cam_helpers.boxes import Box
from cam_helpers.checks.verdict import judge


def peak_in_photograph(answer: Any) -> None:
    """05.1: the point of the photograph on which the largest cell is centred."""
    wide, square = torch.zeros(2, 4), torch.zeros(7, 7)
    wide[1, 2], wide[0, 0] = 1.0, -3.0  # the peak is the largest, not the farthest from zero
    square[6, 4], square[1, 2] = 9.0, 8.0
    cases = {
        "a map of 2 x 4 cells in (100, 0, 500, 80)": (wide, (100, 0, 500, 80)),
        "a map of 7 x 7 cells in (94, 19, 356, 281)": (square, (94, 19, 356, 281)),
    }
    judge(answer, cases, _peaks, tolerance=1.0)  # a pixel: whole numbers will do


def _peaks(cam: Tensor, box: Box) -> dict[str, Any]:
    """Return the places as pairs (x, y)."""
    corner, far, cells = np.array(box[:2]), np.array(box[2:]), np.array(cam.shape[::-1])
    sides = far - corner

    def at(numbers: Tensor) -> np.ndarray:
        return np.array(divmod(numbers.argmax().item(), numbers.shape[1]))[::-1]

    cell = at(cam)
    middle = (cell + 0.5) / cells
    right, half = corner + middle * sides, sides / cells / 2
    of_32, of_abs = (cell + 0.5) * 32, (at(cam.abs()) + 0.5) / cells
    stretched = corner + cell / (cells - 1) * sides
    return {
        "right": right,
        "this is the corner of the cell; its middle lies half a cell further": right - half,
        "this is the far corner of the cell; its middle lies half a cell before": right + half,
        "the left and upper edges of the box are missing": middle * sides,
        "x belongs to columns, y to rows; you exchange them": right[::-1],
        "these are the cell's column and row, not yet pixels": cell,
        "these are the cell's row and column, not yet pixels": cell[::-1],
        "the box is as wide as right edge minus left edge": corner + middle * far,
        "a cell is as wide as the box divided by the columns, not 32 pixels": corner + of_32,
        "the largest cell is wanted, not the one farthest from zero": corner + of_abs * sides,
        "the last cell does not end at the number of cells minus 1": stretched,
    }


def box_of(answer: Any) -> None:
    """05.2: the smallest box that holds all that is above a share of the largest number."""
    hill = torch.tensor([0.1, 0.6, 0.9, 5.0, 2.5, 1.1, 0.5, 0.3, 0.1, 0.0])
    round_hill = hill.sqrt()[:, None] * hill.roll(2)[None].sqrt() - 0.4  # outside, it is negative
    pieces = torch.zeros(9, 11)
    pieces[1, 2], pieces[6:8, 5] = 5.0, 2.0
    pieces[3, 9], pieces[0, 0], pieces[8, 8] = 0.9, 0.15, -6.0
    slope = torch.linspace(0, 1, 30)[:, None] * torch.linspace(0, 1, 9)
    cases = {
        "a slope": (slope, 0.2),
        "one hill": (round_hill, 0.2),
        "two pieces": (pieces, 0.2),
        "a share of 0.5": (round_hill, 0.5),
        "a map ten times as large": (10 * pieces, 0.2),
    }
    judge(answer, cases, _boxes, tolerance=1e-6)


def _boxes(grown: Tensor, share: float) -> dict[str, Any]:
    low, high = grown.min(), grown.max()
    kept = grown > share * high
    x0, y0, x1, y1 = right = _frame(kept)
    (y, x), (last_y, last_x) = kept.nonzero()[[0, -1]].tolist()
    of_rows = x, y, last_x + 1, last_y + 1
    kept_sides = int(kept.any(0).sum()), int(kept.any(1).sum())
    from_lowest = _frame(grown > low + share * (high - low))
    without_sign = _frame(grown.abs() > share * grown.abs().max())
    instead = "the threshold is a share of the largest number"
    return {
        "right": right,
        "these count rows and columns; a box has edges": (0, 0, *kept_sides),
        "x1 and y1 lie one beyond the last pixel": (x0, y0, x1 - 1, y1 - 1),
        "x belongs to columns, y to rows; you exchange them": (y0, x0, y1, x1),
        "x1 and y1 are edges, not width and height": (x0, y0, x1 - x0, y1 - y0),
        f"{instead}; you take all above 0": _frame(grown > 0),
        f"{instead}; you take the share itself": _frame(grown > share),
        f"{instead}, not of the mean": _frame(grown > share * grown.mean()),
        f"{instead}, not a quantile": _frame(grown > grown.flatten().quantile(1 - share)),
        f"{instead}; a quantile counts pixels": _frame(grown > grown.flatten().quantile(share)),
        "the threshold counts from 0, not from the smallest number": from_lowest,
        "only what speaks for the class counts, not the amount without sign": without_sign,
        "the share is an argument: it need not be 0.2": _frame(grown > 0.2 * high),
        "the first row and the last one need not hold the outermost columns": of_rows,
    }


def _frame(kept: Tensor) -> tuple[int, ...]:
    """Return the smallest box around what is kept."""
    rows, columns = kept.any(1).nonzero().flatten(), kept.any(0).nonzero().flatten()
    if not len(rows):
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


EXERCISES = {"05.1": peak_in_photograph, "05.2": box_of}

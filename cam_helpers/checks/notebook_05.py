"""Exercises of notebook 05: the peak in the photograph, and a box around the map."""

from typing import Any

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

    def place(cam: Tensor, box: Box, inside: float = 0.5, offset: float = 1) -> tuple[float, ...]:
        row, column = divmod(cam.argmax().item(), cam.shape[1])
        x0, y0, x1, y1 = box
        x = offset * x0 + (column + inside) / cam.shape[1] * (x1 - x0)
        return x, offset * y0 + (row + inside) / cam.shape[0] * (y1 - y0)

    def of_rows_and_columns(cam: Tensor, box: Box) -> tuple[float, ...]:
        row, column = divmod(cam.argmax().item(), cam.shape[1])
        return column, row

    def without_the_width(cam: Tensor, box: Box) -> tuple[float, ...]:
        row, column = divmod(cam.argmax().item(), cam.shape[1])
        return (
            box[0] + (column + 0.5) / cam.shape[1] * box[2],
            box[1] + (row + 0.5) / cam.shape[0] * box[3],
        )

    def cells_of_32(cam: Tensor, box: Box) -> tuple[float, ...]:
        row, column = divmod(cam.argmax().item(), cam.shape[1])
        return box[0] + (column + 0.5) * 32, box[1] + (row + 0.5) * 32

    mistakes = {
        "this is the corner of the cell; its middle lies half a cell further": (
            lambda cam, box: place(cam, box, inside=0)
        ),
        "this is the far corner of the cell; its middle lies half a cell before": (
            lambda cam, box: place(cam, box, inside=1)
        ),
        "the left and upper edges of the box are missing": lambda cam, box: place(
            cam, box, offset=0
        ),
        "x belongs to columns, y to rows; you exchange them": lambda cam, box: place(cam, box)[
            ::-1
        ],
        "these are the cell's column and row, not yet pixels": of_rows_and_columns,
        "these are the cell's row and column, not yet pixels": lambda cam, box: of_rows_and_columns(
            cam, box
        )[::-1],
        "the box is as wide as right edge minus left edge": without_the_width,
        "a cell is as wide as the box divided by the columns, not 32 pixels": cells_of_32,
        "the largest cell is wanted, not the one farthest from zero": lambda cam, box: place(
            cam.abs(), box
        ),
        "the last cell does not end at the number of cells minus 1": lambda cam, box: _stretched(
            cam, box
        ),
    }
    judge(answer, cases, place, mistakes, tolerance=1.0)  # a pixel: whole numbers will do


def _stretched(cam: Tensor, box: Box) -> tuple[float, ...]:
    row, column = divmod(cam.argmax().item(), cam.shape[1])
    x0, y0, x1, y1 = box
    height, width = (side - 1 for side in cam.shape)
    return x0 + column / width * (x1 - x0), y0 + row / height * (y1 - y0)


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

    def box(kept: Tensor) -> tuple[int, ...]:
        rows, columns = kept.any(1).nonzero().flatten(), kept.any(0).nonzero().flatten()
        if not len(rows):
            return 0, 0, 0, 0
        edges = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        return tuple(int(edge) for edge in edges)

    def right(grown: Tensor, share: float) -> tuple[int, ...]:
        return box(grown > share * grown.max())

    def counted(grown: Tensor, share: float) -> tuple[int, ...]:
        kept = grown > share * grown.max()
        return 0, 0, int(kept.any(0).sum()), int(kept.any(1).sum())

    def last_pixel(grown: Tensor, share: float) -> tuple[int, ...]:
        x0, y0, x1, y1 = right(grown, share)
        return x0, y0, x1 - 1, y1 - 1

    def exchanged(grown: Tensor, share: float) -> tuple[int, ...]:
        x0, y0, x1, y1 = right(grown, share)
        return y0, x0, y1, x1

    def sides(grown: Tensor, share: float) -> tuple[int, ...]:
        x0, y0, x1, y1 = right(grown, share)
        return x0, y0, x1 - x0, y1 - y0

    def first_row(grown: Tensor, share: float) -> tuple[int, ...]:
        kept = grown > share * grown.max()
        y, x = kept.nonzero()[0].tolist()
        last_y, last_x = kept.nonzero()[-1].tolist()
        return x, y, last_x + 1, last_y + 1

    mistakes = {
        "these count rows and columns; a box has edges": counted,
        "x1 and y1 lie one beyond the last pixel": last_pixel,
        "x belongs to columns, y to rows; you exchange them": exchanged,
        "x1 and y1 are edges, not width and height": sides,
        "the threshold is a share of the largest number; you take all above 0": (
            lambda grown, share: box(grown > 0)
        ),
        "the threshold is a share of the largest number; you take the share itself": (
            lambda grown, share: box(grown > share)
        ),
        "the threshold is a share of the largest number, not of the mean": (
            lambda grown, share: box(grown > share * grown.mean())
        ),
        "the threshold is a share of the largest number, not a quantile": (
            lambda grown, share: box(grown > grown.flatten().quantile(1 - share))
        ),
        "the threshold is a share of the largest number; a quantile counts pixels": (
            lambda grown, share: box(grown > grown.flatten().quantile(share))
        ),
        "the threshold counts from 0, not from the smallest number": (
            lambda grown, share: box(grown > grown.min() + share * (grown.max() - grown.min()))
        ),
        "only what speaks for the class counts, not the amount without sign": (
            lambda grown, share: box(grown.abs() > share * grown.abs().max())
        ),
        "the share is an argument: it need not be 0.2": lambda grown, share: right(grown, 0.2),
        "the first row and the last one need not hold the outermost columns": first_row,
    }
    judge(answer, cases, right, mistakes, tolerance=1e-6)


EXERCISES = {"05.1": peak_in_photograph, "05.2": box_of}

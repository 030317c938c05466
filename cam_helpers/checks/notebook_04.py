"""Exercises of notebook 04: a score of nothing, and one cell silenced."""

from typing import Any

import torch
from torch import Tensor

from cam_helpers.checks.small import seen
from cam_helpers.checks.verdict import NotYet, array, differ, judge

TOY_MAPS = torch.tensor([[[1.0, 0.0], [0.0, 3.0]], [[0.0, 2.0], [2.0, 0.0]]])


def score_of_nothing(answer: Any) -> None:
    """04.1: two weights for which the toy map is not zero, but its mean is."""
    weights = torch.as_tensor(array(answer, like=(0, 0))).float()
    toy_map = torch.einsum("k,kyx->yx", weights, TOY_MAPS)
    if toy_map.abs().max() < 1e-6:
        raise NotYet("with these weights the map is zero everywhere, and nothing was found")
    if abs(score := toy_map.mean().item()) > 1e-6:
        differ("the score is not 0", 0, score)


def silence_one_cell(answer: Any) -> None:
    """04.2: the score, were all features 0 in one cell."""
    cases = {}
    for name, y, x in (("cat_and_dog", 2, 6), ("cat_and_dog", 1, 0), ("car_and_house", 3, 2)):
        best = seen(name).prediction.top(1)[0]
        cases[f"cell ({y}, {x}) of {name}"] = (seen(name).cam(best.class_index), best.score, y, x)
    small = torch.tensor([[1.0, 2, -4], [5, 0, 3]])
    cases["cell (0, 2) of a map of 2 x 3 cells"] = (small, 2.0, 0, 2)
    judge(answer, cases, _silenced, 2e-3)


def _silenced(cam: Tensor, score: float, y: int, x: int) -> dict[str, Any]:
    cell, cells = cam[y, x], cam.numel()
    without = (cam.sum() - cell) / (cells - 1)
    return {
        "right": score - cell / cells,
        "a cell adds its number divided by the number of cells; you take off all of it": (
            score - cell
        ),
        "what the cell added is to be taken off; you add it again": score + cell / cells,
        "the silent cell still counts among the cells: divide by all of them": (
            score - cell / (cells - 1)
        ),
        "the silent cell still counts: the mean goes over all cells": score - cam.mean() + without,
        "a negative cell counts as well: silenced, it raises the score": (
            score - cell.clamp(min=0) / cells
        ),
        "the sign matters: a negative cell, silenced, raises the score": score - cell.abs() / cells,
        "the bias is missing: a mean of the map is not yet the score": cam.mean() - cell / cells,
        "the silent cell still counts among the cells: 49, not 48": score - cell / 48,
        "the number of cells is the map's own, not always 49": score - cell / 49,
        "divide by rows times columns": score - cell / cam.shape[1],
        "the score stays as it was: nothing is silenced yet": score,
        "this is what the cell adds; the question is what is left": cell / cells,
    }


EXERCISES = {"04.1": score_of_nothing, "04.2": silence_one_cell}

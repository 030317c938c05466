"""Exercises of notebook 03: the feature maps of several pictures, and where a feature was found."""

from typing import Any

import torch
from torch import Tensor

from cam_helpers.checks.small import seen, small_network
from cam_helpers.checks.verdict import NotYet, call, judge, short
from cam_helpers.explain import explain
from cam_helpers.networks.network import Network


def maps_of(answer: Any) -> None:
    """03.1: the feature maps of all pictures, (N, C, h, w)."""
    network = small_network()
    cases = {", ".join(n): n for n in (["cat", "dog"], ["cup", "tree", "boat"], ["car"])}
    for case, names in cases.items():
        result = call(answer, network, names, case=case)
        if network.model.training:
            network.model.eval()
            raise NotYet("your function leaves the network in training mode: call eval()")
        if len(names) > 1 and hasattr(result, "__len__") and len(result) == 1:
            raise NotYet(
                "the hook holds the latest picture only: fetch its maps before the next one passes "
                f"(for {case}: expected {len(names)} pictures, got 1)"
            )
        if not isinstance(result, Tensor):
            raise NotYet(
                f"one tensor with the maps of all pictures is expected, not {short(result)}"
            )
        if result.requires_grad:
            raise NotYet(
                "the maps keep the outputs of all layers in memory: if you only look, use no_grad"
            )
    judge(answer, {case: (network, names) for case, names in cases.items()}, _maps)


def _maps(network: Network, names: list[str]) -> dict[str, Any]:
    each = [explain(network, name).feature_maps for name in names]
    right = torch.stack(each)
    return {
        "right": right,
        "all of them are the last picture's": torch.stack(each[-1:] * len(names)),
        "all of them are the first picture's": torch.stack(each[:1] * len(names)),
        "the pictures come in reverse order": right.flip(0),
        "rows and columns are exchanged": right.mT,
        "a dimension too many: each picture came as a batch of one": right[:, None],
        "these are features: the maps were pooled already": right.mean((2, 3)),
    }


def share_right(answer: Any) -> None:
    """03.2: how much of a feature was found right of the middle; a middle column counts half."""
    maps = seen("cat_and_dog").feature_maps
    cases = {f"feature map {k}": (maps[k],) for k in (35, 143)}
    cases["a map of 2 x 4 cells"] = (torch.tensor([[1.0, 0, 4, 3], [0, 2, 0, 6]]),)
    cases["a map of 3 x 3 cells"] = (torch.tensor([[1.0, 0, 4], [3, 2, 0], [9, 7, 1]]),)
    judge(answer, cases, _shares)


def _shares(cells: Tensor) -> dict[str, Any]:
    columns, total = cells.sum(0), cells.sum()
    half = len(columns) // 2
    beyond, from_middle = columns[len(columns) - half :].sum(), columns[half:].sum()
    amount = (beyond + from_middle) / 2
    right, number = amount / total, (cells > 0).float()
    return {
        "right": right,
        "the middle column counts half; you count all of it": from_middle / total,
        "the middle column counts half; you leave it out": beyond / total,
        "this is the left side": 1 - right,
        "this is the lower half: columns are the last dimension": _lower(cells),
        "this is an amount; divide it by the sum of all cells": amount,
        "this is the right side over the left one, not over all": amount / (total - amount),
        "divide by the sum of all cells, not by their number": amount / cells.numel(),
        "this is a share of the cells that are not zero, not of what was found": _lower(number.mT),
        "a share lies between 0 and 1; you return percent": 100 * right,
    }


def _lower(cells: Tensor) -> Tensor:
    """Return the share below the middle; a middle row counts half."""
    rows, half = cells.sum(1), len(cells) // 2
    return (rows[half:].sum() + rows[len(rows) - half :].sum()) / 2 / rows.sum()


EXERCISES = {"03.1": maps_of, "03.2": share_right}

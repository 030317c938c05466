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
                "the maps keep the outputs of all layers in memory: who only looks, uses no_grad"
            )

    def right(network: Network, names: list[str]) -> Tensor:
        return torch.stack([explain(network, name).feature_maps for name in names])

    mistakes = {
        "all of them are the last picture's": lambda network, names: right(
            network, [names[-1]] * len(names)
        ),
        "all of them are the first picture's": lambda network, names: right(
            network, [names[0]] * len(names)
        ),
        "the pictures come in reverse order": lambda network, names: right(network, names[::-1]),
        "rows and columns are exchanged": lambda network, names: right(network, names).mT,
        "a dimension too many: each picture came as a batch of one": lambda network, names: right(
            network, names
        )[:, None],
        "these are features: the maps were pooled already": lambda network, names: right(
            network, names
        ).mean((2, 3)),
    }
    judge(answer, {case: (network, names) for case, names in cases.items()}, right, mistakes)


def share_right(answer: Any) -> None:
    """03.2: how much of a feature was found right of the middle; a middle column counts half."""
    maps = seen("cat_and_dog").feature_maps
    cases = {f"feature map {k}": (maps[k],) for k in (35, 143)}
    cases["a map of 2 x 4 cells"] = (torch.tensor([[1.0, 0, 4, 3], [0, 2, 0, 6]]),)
    cases["a map of 3 x 3 cells"] = (torch.tensor([[1.0, 0, 4], [3, 2, 0], [9, 7, 1]]),)

    def right(cells: Tensor) -> Tensor:
        left, other = halves(cells)
        return other / (left + other)

    def halves(cells: Tensor) -> tuple[Tensor, Tensor]:
        columns = cells.sum(0)
        half = len(columns) // 2
        middle = columns[half : len(columns) - half].sum() / 2
        return columns[:half].sum() + middle, columns[len(columns) - half :].sum() + middle

    def outer(cells: Tensor, middle: bool) -> Tensor:
        columns = cells.sum(0)
        start = len(columns) // 2 if middle else (len(columns) + 1) // 2
        return columns[start:].sum()

    mistakes = {
        "the middle column counts half; you count all of it": lambda cells: (
            outer(cells, True) / cells.sum()
        ),
        "the middle column counts half; you leave it out": lambda cells: (
            outer(cells, False) / cells.sum()
        ),
        "this is the left side": lambda cells: 1 - right(cells),
        "this is the lower half: columns are the last dimension": lambda cells: right(cells.mT),
        "this is an amount; divide it by the sum of all cells": lambda cells: halves(cells)[1],
        "this is the right side over the left one, not over all": lambda cells: (
            halves(cells)[1] / halves(cells)[0]
        ),
        "divide by the sum of all cells, not by their number": lambda cells: (
            halves(cells)[1] / cells.numel()
        ),
        "this is a share of the cells that are not zero, not of what was found": lambda cells: (
            right((cells > 0).float())
        ),
        "a share lies between 0 and 1; you return percent": lambda cells: 100 * right(cells),
    }
    judge(answer, cases, right, mistakes)


EXERCISES = {"03.1": maps_of, "03.2": share_right}

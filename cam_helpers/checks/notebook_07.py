"""Exercises of notebook 07: Grad-CAM from its parts, and empty maps."""

from typing import Any

import torch
from torch import Tensor

from cam_helpers.checks.small import seen
from cam_helpers.checks.verdict import NotYet, call, judge, short
from cam_helpers.explain import Explanation


def grad_cam_from_parts(answer: Any) -> None:
    """07.1: pool the gradients, weight the feature maps, add up, clip."""
    generator = torch.Generator().manual_seed(1)
    cases = {
        f"{channels} maps of {h} x {w} cells": tuple(
            torch.randn(channels, h, w, generator=generator) for _ in range(2)
        )
        for channels, h, w in ((3, 2, 2), (5, 4, 6))
    }
    judge(answer, cases, _grad_cams, 1e-4)


def _grad_cams(f: Tensor, g: Tensor) -> dict[str, Tensor]:
    weighted = g.mean((1, 2))[:, None, None] * f
    pooled, hires = weighted.sum(0), (g * f).sum(0)
    right = pooled.relu()
    positive = (g.mean((1, 2)).relu()[:, None, None] * f).sum(0).relu()
    return {
        "right": right,
        "the last step is missing: what speaks against the class becomes 0": pooled,
        "this is HiResCAM; Grad-CAM takes the mean of each gradient first": hires.relu(),
        "this is HiResCAM, and without the ReLU": hires,
        "this is LayerCAM: no gradient is to be clipped": (g.relu() * f).sum(0).relu(),
        "pooling is the mean over the cells; you take their sum": right * f[0].numel(),
        "add up first, and clip at the end, not every weighted map": weighted.relu().sum(0),
        "negative weights count as well: clip at the end": positive,
        "what speaks against the class becomes 0, not its size": pooled.abs(),
        "the channels are added up, not averaged": right / len(f),
        "keep the unit: the map is not rescaled": right / right.max(),
        "the feature maps are to be weighted: the gradients are not used yet": f.sum(0),
    }


def empty_maps(answer: Any) -> None:
    """07.2: the classes that no cell speaks for."""
    found, expected = {}, {}
    for name in ("tree", "cat", "bird_and_tree", "house"):
        given = call(answer, seen(name), case=name)
        names = seen(name).network.categories
        if isinstance(given, str) or not hasattr(given, "__iter__"):
            raise NotYet(f"a list of names is expected, not {short(given)}")
        given = [each if isinstance(each, str) else short(each) for each in given]
        if strange := [each for each in given if each not in names]:
            raise NotYet(f"{strange[0]} is no name of a class: return names such as 'boat'")
        found[name], expected[name] = set(given), _empty(seen(name))
    for cause in expected["tree"]:
        if found == {name: sets[cause] for name, sets in expected.items()}:
            if cause == "right":
                return
            raise NotYet(cause)
    name = next(name for name in found if found[name] != expected[name]["right"])
    missing = sorted(expected[name]["right"] - found[name])
    one = missing or sorted(found[name] - expected[name]["right"])
    verb = "is missing: none of its cells is" if missing else "is not empty: a cell is"
    raise NotYet(f"for {name}, {one[0]} {verb} above zero")


def _empty(one: Explanation) -> dict[str, set[str]]:
    names = one.network.categories
    right = {name for name in names if one.cam(name).max() <= 0}
    return {
        "right": right,
        "a score or a mean below zero is not enough: a cell may speak for the class": {
            name for name in names if one.score(name) < 0
        },
        "these are the classes whose map is not empty": set(names) - right,
    }


EXERCISES = {"07.1": grad_cam_from_parts, "07.2": empty_maps}

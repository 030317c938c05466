"""Exercises of notebook 07: Grad-CAM from its parts, and empty maps."""

from collections.abc import Callable
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

    def pooled(f: Tensor, g: Tensor) -> Tensor:
        return (g.mean((1, 2))[:, None, None] * f).sum(0)

    mistakes = {
        "the last step is missing: what speaks against the class becomes 0": pooled,
        "this is HiResCAM; Grad-CAM takes the mean of each gradient first": (
            lambda f, g: (g * f).sum(0).relu()
        ),
        "this is HiResCAM, and without the ReLU": lambda f, g: (g * f).sum(0),
        "this is LayerCAM: no gradient is to be clipped": lambda f, g: (g.relu() * f).sum(0).relu(),
        "pooling is the mean over the cells; you take their sum": (
            lambda f, g: (g.sum((1, 2))[:, None, None] * f).sum(0).relu()
        ),
        "add up first, and clip at the end, not every weighted map": (
            lambda f, g: (g.mean((1, 2))[:, None, None] * f).relu().sum(0)
        ),
        "negative weights count as well: clip at the end": (
            lambda f, g: (g.mean((1, 2)).relu()[:, None, None] * f).sum(0).relu()
        ),
        "what speaks against the class becomes 0, not its size": lambda f, g: pooled(f, g).abs(),
        "the channels are added up, not averaged": lambda f, g: pooled(f, g).relu() / len(f),
        "keep the unit: the map is not rescaled": lambda f, g: (
            pooled(f, g).relu() / pooled(f, g).max()
        ),
        "the feature maps are to be weighted: the gradients are not used yet": (
            lambda f, g: f.sum(0)
        ),
    }
    judge(answer, cases, lambda f, g: pooled(f, g).relu(), mistakes, 1e-4)


def empty_maps(answer: Any) -> None:
    """07.2: the classes that no cell speaks for."""

    def empty(one: Explanation) -> set[str]:
        return {name for name in one.network.categories if one.cam(name).max() <= 0}

    mistakes: dict[str, Callable[[Explanation], set[str]]] = {
        "a score or a mean below zero is not enough: a cell may speak for the class": lambda one: {
            name for name in one.network.categories if one.score(name) < 0
        },
        "these are the classes whose map is not empty": lambda one: (
            set(one.network.categories) - empty(one)
        ),
    }
    found, expected = {}, {}
    for name in ("tree", "cat", "bird_and_tree", "house"):
        given = call(answer, seen(name), case=name)
        names = seen(name).network.categories
        if isinstance(given, str) or not hasattr(given, "__iter__"):
            raise NotYet(f"a list of names is expected, not {short(given)}")
        given = [each if isinstance(each, str) else short(each) for each in given]
        if strange := [each for each in given if each not in names]:
            raise NotYet(f"{strange[0]} is no name of a class: return names such as 'boat'")
        found[name], expected[name] = set(given), empty(seen(name))
    for cause, mistake in mistakes.items():
        if found != expected and all(found[name] == mistake(seen(name)) for name in found):
            raise NotYet(cause)
    for name in found:
        if found[name] != expected[name]:
            missing = sorted(expected[name] - found[name])
            one = missing or sorted(found[name] - expected[name])
            verb = "is missing: none of its cells is" if missing else "is not empty: a cell is"
            raise NotYet(f"for {name}, {one[0]} {verb} above zero")


EXERCISES = {"07.1": grad_cam_from_parts, "07.2": empty_maps}

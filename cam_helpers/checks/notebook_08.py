"""Exercises of notebook 08: the overlap of two boxes, and a fair threshold."""

from typing import Any

import numpy as np

from cam_helpers.boxes import Box
from cam_helpers.checks.verdict import judge
from cam_helpers.localization import BoxAccuracy, iou


def sides(one: Box, other: Box) -> tuple[float, float]:
    """Return width and height of what two boxes share; negative where they do not touch."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width, height


def shared(one: Box, other: Box) -> float:
    """Return the area of what two boxes share."""
    width, height = sides(one, other)
    return max(0, width) * max(0, height)


def area(box: Box) -> float:
    """Return the area of a box."""
    return (box[2] - box[0]) * (box[3] - box[1])


def two_boxes(answer: Any) -> None:
    """08.1: intersection over union."""
    boxes = (
        ((0, 0, 4, 2), (2, 1, 6, 4)),
        ((0, 0, 8, 8), (2, 2, 4, 5)),
        ((0, 0, 4, 4), (1, 5, 3, 6)),
        ((0, 0, 4, 4), (5, 1, 6, 3)),
        ((0, 0, 1, 1), (3, 3, 4, 4)),
        ((0.5, 0, 2, 2), (0.5, 0, 2, 2)),
    )
    cases = {f"{one} and {other}": (one, other) for one, other in boxes}

    def unguarded(one: Box, other: Box) -> float:
        width, height = sides(one, other)
        return width * height / (area(one) + area(other) - width * height)

    def with_borders(one: Box, other: Box) -> float:
        wider = [(x0, y0, x1 + 1, y1 + 1) for x0, y0, x1, y1 in (one, other)]
        return iou(*wider)

    mistakes = {
        "boxes that do not touch share nothing: a width or height below 0 counts as 0": unguarded,
        "what both boxes cover is counted twice: take it off once": lambda one, other: (
            shared(one, other) / (area(one) + area(other))
        ),
        "this is the share of the first box that is covered; divide by the area of both": (
            lambda one, other: shared(one, other) / area(one)
        ),
        "this is the share of the second box; divide by the area that both cover together": (
            lambda one, other: shared(one, other) / area(other)
        ),
        "divide by the area that both cover together, not by the smaller box": (
            lambda one, other: shared(one, other) / min(area(one), area(other))
        ),
        "this is the area that they share; divide it by the area that both cover": shared,
        "a box ends at its edge: its width is x1 - x0, without 1 more": with_borders,
        "this is the Dice coefficient: twice the shared area over the sum of the areas": (
            lambda one, other: 2 * shared(one, other) / (area(one) + area(other))
        ),
        "the boxes are not compared yet": lambda one, other: 1.0,
    }
    judge(answer, cases, iou, mistakes, 1e-6)


def fair_threshold(answer: Any) -> None:
    """08.2: the threshold comes from other scenes than those that are reported."""
    generator = np.random.default_rng(7)
    cases = {}
    for number in (1, 2, 3):
        pair = (BoxAccuracy(generator.integers(0, 30, (3, 19)), 30) for _ in range(2))
        cases[f"pair {number} of sets"] = tuple(pair)
    mistakes = {
        "each overlap has a threshold of its own here, chosen on the scenes that you report": (
            lambda here, there: here.best()
        ),
        "you chose the threshold on the scenes that you report": lambda here, there: here.at(
            here.best_threshold()
        ),
        "the threshold is fair, but you report the other scenes": lambda here, there: there.at(
            there.best_threshold()
        ),
        "here and there are exchanged": lambda here, there: there.at(here.best_threshold()),
        "you report the other scenes, at their best thresholds": lambda here, there: there.best(),
        "the scenes to report may not take part in the choice": lambda here, there: here.at(
            (here + there).best_threshold()
        ),
        "this is the threshold; report how good it is": lambda here, there: there.best_threshold(),
    }
    judge(answer, cases, lambda here, there: here.at(there.best_threshold()), mistakes, 1e-6)


EXERCISES = {"08.1": two_boxes, "08.2": fair_threshold}

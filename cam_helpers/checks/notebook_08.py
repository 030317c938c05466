"""Exercises of notebook 08: the overlap of two boxes, and a fair threshold."""

from typing import Any

import numpy as np

from cam_helpers.boxes import Box
from cam_helpers.checks.verdict import judge
from cam_helpers.localization import BoxAccuracy, iou


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
    judge(answer, cases, _overlaps, 1e-6)


def _overlaps(one: Box, other: Box) -> dict[str, float]:
    first, second = ((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in (one, other))
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared, unguarded = max(0, width) * max(0, height), width * height
    both, smaller = first + second, min(first, second)
    of_first, dice = shared / first, 2 * shared / both
    wider = [(x0, y0, x1 + 1, y1 + 1) for x0, y0, x1, y1 in (one, other)]
    return {
        "right": iou(one, other),
        "boxes that do not touch share nothing: a width or height below 0 counts as 0": (
            unguarded / (both - unguarded)
        ),
        "what both boxes cover is counted twice: take it off once": shared / both,
        "this is the share of the first box that is covered; divide by the area of both": of_first,
        "this is the share of the second box; divide by the area that both cover together": (
            shared / second
        ),
        "divide by the area that both cover together, not by the smaller box": shared / smaller,
        "this is the area that they share; divide it by the area that both cover": shared,
        "a box ends at its edge: its width is x1 - x0, without 1 more": iou(*wider),
        "this is the Dice coefficient: twice the shared area over the sum of the areas": dice,
        "the boxes are not compared yet": 1.0,
    }


def fair_threshold(answer: Any) -> None:
    """08.2: the threshold comes from other scenes than those that are reported."""
    generator = np.random.default_rng(7)
    cases = {}
    for number in (1, 2, 3):
        pair = (BoxAccuracy(generator.integers(0, 30, (3, 19)), 30) for _ in range(2))
        cases[f"pair {number} of sets"] = tuple(pair)
    judge(answer, cases, _thresholds, 1e-6)


def _thresholds(here: BoxAccuracy, there: BoxAccuracy) -> dict[str, float]:
    own, fair = here.best_threshold(), there.best_threshold()
    return {
        "right": here.at(fair),
        "each overlap has a threshold of its own here, chosen on the scenes that you report": (
            here.best()
        ),
        "you chose the threshold on the scenes that you report": here.at(own),
        "the threshold is fair, but you report the other scenes": there.at(fair),
        "here and there are exchanged": there.at(own),
        "you report the other scenes, at their best thresholds": there.best(),
        "the scenes to report may not take part in the choice": (
            here.at((here + there).best_threshold())
        ),
        "this is the threshold; report how good it is": fair,
    }


EXERCISES = {"08.1": two_boxes, "08.2": fair_threshold}

"""Exercises of notebook 11: a library's map as a score, and as a place in the photograph."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from cam_helpers.boxes import Box
from cam_helpers.checks.small import seen
from cam_helpers.checks.verdict import judge


def score_of_a_map(answer: Any) -> None:
    """11.1: the cells of Captum's Grad-CAM and the bias add up to the score."""
    cases: dict[str, tuple[Any, ...]] = {}
    for name, category in (("cat_and_dog", "dog"), ("boat", "boat"), ("cat", "boat")):
        one = seen(name)
        cam = one.cam(category)
        bias = one.class_weights(category).bias
        cases[f"{category} in {name}"] = (cam / cam.numel(), bias)
    small = torch.tensor([[1.0, 2, -4], [5, 0, 3]])
    cases["a map of 2 x 3 cells and a bias of 2"] = (small, torch.tensor(2.0))
    judge(answer, cases, _scores)


def _scores(cam: Tensor, bias: Tensor) -> dict[str, Tensor]:
    total, highest = cam.sum(), cam.max()
    return {
        "right": total + bias,
        "the bias is missing": total,
        "this map is divided by the number of cells already: add up, no mean": cam.mean() + bias,
        "the sum is taken once, not once for each cell": total * cam.numel() + bias,
        "what speaks against the class counts as well": cam.relu().sum() + bias,
        "what speaks against the class counts with its sign": cam.abs().sum() + bias,
        "the bias is added, not taken off": total - bias,
        "one cell is not the score, not even the highest": highest,
        "one cell and the bias are not the score": highest + bias,
    }


def place_of_the_peak(answer: Any) -> None:
    """11.2: the highest pixel of a map of the input, in pixels of the photograph."""
    cases = {}
    places = (
        ((10, 200), (224, 224), (75.5, 0, 375.5, 300)),
        ((111, 40), (224, 224), (0, 100, 600, 700)),
        ((150, 20), (224, 320), (30, 60, 350, 284)),
    )
    for (y, x), shape, box in places:
        shown = torch.zeros(shape)
        shown[y, x] = 1
        cases[f"row {y}, column {x} and the box {box}"] = (shown, box)
    judge(answer, cases, _places, 4)


def _places(shown: Tensor, box: Box) -> dict[str, Any]:
    """Return the places as pairs (x, y)."""
    at = np.array(divmod(int(shown.argmax()), shown.shape[1]))[::-1]
    corner, far, size = np.array(box[:2]), np.array(box[2:]), np.array(shown.shape[::-1])
    factors = (far - corner) / size
    right = corner + at * factors
    return {
        "right": right,
        "first x (to the right), then y (down)": right[::-1],
        "multiply first, then add the box's corner": (corner + at) * factors,
        "the box's corner is missing": at * factors,
        "the box is as large as the photograph shows it: its factor is missing": corner + at,
        "from the map to the photograph the factor multiplies": corner + at / factors,
        "the box is x1 - x0 wide, not x1": corner + at * far / size,
        "this is a pixel of the map, not yet of the photograph": at,
        "height and width each have a factor": corner + at * factors[0],
    }


EXERCISES = {"11.1": score_of_a_map, "11.2": place_of_the_peak}

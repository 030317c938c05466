"""Exercises of notebook 11: a library's map as a score, and as a place in the photograph."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

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
    cases["a map of 2 x 3 cells and a bias of 2"] = (
        torch.tensor([[1.0, 2, -4], [5, 0, 3]]),
        torch.tensor(2.0),
    )
    mistakes = {
        "the bias is missing": lambda cam, bias: cam.sum(),
        "this map is divided by the number of cells already: add up, no mean": lambda cam, bias: (
            cam.mean() + bias
        ),
        "the sum is taken once, not once for each cell": lambda cam, bias: (
            cam.sum() * cam.numel() + bias
        ),
        "what speaks against the class counts as well": lambda cam, bias: cam.relu().sum() + bias,
        "what speaks against the class counts with its sign": lambda cam, bias: (
            cam.abs().sum() + bias
        ),
        "the bias is added, not taken off": lambda cam, bias: cam.sum() - bias,
        "one cell is not the score, not even the highest": lambda cam, bias: cam.max(),
        "one cell and the bias are not the score": lambda cam, bias: cam.max() + bias,
    }
    judge(answer, cases, lambda cam, bias: cam.sum() + bias, mistakes, 1e-3)


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

    def peak(shown: Tensor) -> tuple[int, int]:
        return divmod(int(shown.argmax()), shown.shape[1])

    def factors(shown: Tensor, box: Sequence[float]) -> tuple[float, float]:
        return (box[2] - box[0]) / shown.shape[1], (box[3] - box[1]) / shown.shape[0]

    def right(shown: Tensor, box: Sequence[float]) -> tuple[float, float]:
        (y, x), (across, down) = peak(shown), factors(shown, box)
        return box[0] + x * across, box[1] + y * down

    def corner_first(shown: Tensor, box: Sequence[float]) -> tuple[float, float]:
        (y, x), (across, down) = peak(shown), factors(shown, box)
        return (box[0] + x) * across, (box[1] + y) * down

    def no_corner(shown: Tensor, box: Sequence[float]) -> tuple[float, float]:
        (y, x), (across, down) = peak(shown), factors(shown, box)
        return x * across, y * down

    def divided(shown: Tensor, box: Sequence[float]) -> tuple[float, float]:
        (y, x), (across, down) = peak(shown), factors(shown, box)
        return box[0] + x / across, box[1] + y / down

    def by_the_far_corner(shown: Tensor, box: Sequence[float]) -> tuple[float, float]:
        y, x = peak(shown)
        return box[0] + x * box[2] / shown.shape[1], box[1] + y * box[3] / shown.shape[0]

    def of_a_square(shown: Tensor, box: Sequence[float]) -> tuple[float, float]:
        (y, x), (across, _) = peak(shown), factors(shown, box)
        return box[0] + x * across, box[1] + y * across

    mistakes = {
        "first x (to the right), then y (down)": lambda shown, box: right(shown, box)[::-1],
        "multiply first, then add the box's corner": corner_first,
        "the box's corner is missing": no_corner,
        "the box is as large as the photograph shows it: its factor is missing": (
            lambda shown, box: (box[0] + peak(shown)[1], box[1] + peak(shown)[0])
        ),
        "from the map to the photograph the factor multiplies": divided,
        "the box is x1 - x0 wide, not x1": by_the_far_corner,
        "this is a pixel of the map, not yet of the photograph": lambda shown, box: peak(shown)[
            ::-1
        ],
        "height and width each have a factor": of_a_square,
    }
    judge(answer, cases, right, mistakes, 4)


EXERCISES = {"11.1": score_of_a_map, "11.2": place_of_the_peak}

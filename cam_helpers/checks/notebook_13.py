"""Exercises of notebook 13: every token asked alone, and squares covered one by one."""

from typing import Any

import torch
from torch import Tensor

from cam_helpers.checks.small import small_network
from cam_helpers.checks.verdict import judge
from cam_helpers.networks.network import Network
from cam_helpers.pictures.open_picture import open_picture


def share_that_names_it(answer: Any) -> None:
    """13.1: the share of cells whose best class is this one, from all maps and biases."""
    chance = torch.Generator().manual_seed(13)
    cases = {
        "three classes on 4 x 4 cells": (torch.randn(3, 4, 4, generator=chance), torch.zeros(3), 1),
        "five classes with biases on 2 x 6 cells": (
            torch.randn(5, 2, 6, generator=chance),
            torch.tensor([0.0, 2.0, -1.0, 0.5, 0.0]),
            3,
        ),
    }
    judge(answer, cases, _shares)


def _shares(cams: Tensor, biases: Tensor, index: int) -> dict[str, Tensor]:
    scores = cams + biases[:, None, None]
    won = (scores.argmax(0) == index).float()
    return {
        "right": won.mean(),
        "a cell's scores are its numbers in all maps plus the biases; the biases are missing": (
            (cams.argmax(0) == index).float().mean()
        ),
        "this counts the cells; the share is their mean": won.sum(),
        "a cell above zero speaks for the class, but another may be ahead: compare all maps": (
            (cams[index] > 0).float().mean()
        ),
        "compare the classes in each cell (dim 0), not rows or columns": (
            (cams.argmax(1) == index).float().mean()
        ),
        "argmin finds the class that speaks least": (scores.argmin(0) == index).float().mean(),
        "this is the score, not a share of cells": scores[index].mean(),
    }


@torch.no_grad()
def covering(answer: Any) -> None:
    """13.2: how much a score falls where each of side x side squares is painted in 0."""
    network = small_network()
    tensor = network.preprocess(open_picture("cat_and_dog"))
    cases = {
        "the dog, 4 x 4 squares": (network, tensor, network.class_index("dog"), 4),
        "the cat, 2 x 2 squares": (network, tensor, network.class_index("cat"), 2),
    }
    judge(answer, cases, _covered, tolerance=0.02)


def _covered(network: Network, tensor: Tensor, index: int, side: int) -> dict[str, Tensor]:
    height, width = (length // side for length in tensor.shape[1:])

    def after(fresh: bool = True) -> Tensor:
        """Return all scores after each square is covered, (side, side, K)."""
        found, covered = [], tensor.clone()
        for row in range(side):
            for column in range(side):
                covered = tensor.clone() if fresh else covered
                covered[:, row * height :, column * width :][:, :height, :width] = 0
                found.append(network.model(covered[None])[0])
        return torch.stack(found).reshape(side, side, -1)

    before, left = network.model(tensor[None])[0], after()
    falls = before[index] - left[..., index]
    shares = before.softmax(-1)[index] - left.softmax(-1)[..., index]
    return {
        "right": falls,
        "two things: before minus after, and a square is tensor[:, y, x], rows first": -falls.T,
        "positive where the class needs the square: before minus after": -falls,
        "rows and columns are exchanged: a square is tensor[:, y, x]": falls.T,
        "each square is covered on a fresh copy; here the earlier ones stay covered": (
            before[index] - after(fresh=False)[..., index]
        ),
        "how much the score falls: take the score of the picture as it is, minus this": (
            left[..., index]
        ),
        "the scores before softmax are meant, not probabilities": shares,
    }


EXERCISES = {"13.1": share_that_names_it, "13.2": covering}

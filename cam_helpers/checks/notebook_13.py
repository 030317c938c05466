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

    def winner(cams: Tensor, biases: Tensor) -> Tensor:
        return (cams + biases[:, None, None]).argmax(0)

    def share(cams: Tensor, biases: Tensor, index: int) -> Tensor:
        return (winner(cams, biases) == index).float().mean()

    mistakes = {
        "a cell's scores are its numbers in all maps plus the biases; the biases are missing": (
            lambda cams, biases, index: (cams.argmax(0) == index).float().mean()
        ),
        "this counts the cells; the share is their mean": lambda cams, biases, index: (
            (winner(cams, biases) == index).float().sum()
        ),
        "a cell above zero speaks for the class, but another may be ahead: compare all maps": (
            lambda cams, biases, index: (cams[index] > 0).float().mean()
        ),
        "compare the classes in each cell (dim 0), not rows or columns": (
            lambda cams, biases, index: (cams.argmax(1) == index).float().mean()
        ),
        "argmin finds the class that speaks least": lambda cams, biases, index: (
            ((cams + biases[:, None, None]).argmin(0) == index).float().mean()
        ),
        "this is the score, not a share of cells": lambda cams, biases, index: (
            cams[index].mean() + biases[index]
        ),
    }
    judge(answer, cases, share, mistakes)


@torch.no_grad()
def covering(answer: Any) -> None:
    """13.2: how much a score falls where each of side x side squares is painted in 0."""
    network = small_network()
    tensor = network.preprocess(open_picture("cat_and_dog"))
    cases = {
        "the dog, 4 x 4 squares": (network, tensor, network.class_index("dog"), 4),
        "the cat, 2 x 2 squares": (network, tensor, network.class_index("cat"), 2),
    }
    mistakes = {
        "two things: before minus after, and a square is tensor[:, y, x], rows first": (
            lambda *given: -falls(*given).T
        ),
        "positive where the class needs the square: before minus after": (
            lambda *given: -falls(*given)
        ),
        "rows and columns are exchanged: a square is tensor[:, y, x]": (
            lambda *given: falls(*given).T
        ),
        "each square is covered on a fresh copy; here the earlier ones stay covered": (
            lambda network, tensor, index, side: falls(network, tensor, index, side, fresh=False)
        ),
        "how much the score falls: take the score of the picture as it is, minus this": (
            lambda network, tensor, index, side: (
                network.model(tensor[None])[0, index] - falls(network, tensor, index, side)
            )
        ),
        "the scores before softmax are meant, not probabilities": (
            lambda network, tensor, index, side: falls(
                network, tensor, index, side, of=lambda scores: scores.softmax(-1)
            )
        ),
    }
    judge(answer, cases, falls, mistakes, tolerance=0.02)


def falls(
    network: Network,
    tensor: Tensor,
    index: int,
    side: int,
    fresh: bool = True,
    of: Any = lambda scores: scores,
) -> Tensor:
    """Return how much the score falls, square by square, (side, side)."""
    height, width = (length // side for length in tensor.shape[1:])
    before = of(network.model(tensor[None])[0])[index]
    found, covered = torch.zeros(side, side), tensor.clone()
    for row in range(side):
        for column in range(side):
            covered = tensor.clone() if fresh else covered
            covered[:, row * height :, column * width :][:, :height, :width] = 0
            found[row, column] = before - of(network.model(covered[None])[0])[index]
    return found


EXERCISES = {"13.1": share_that_names_it, "13.2": covering}

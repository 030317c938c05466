"""Answers to the exercises of notebook 13: wrong ones with their diagnosis, right ones."""

import numpy as np
import torch

import cam_helpers as ch


def share(cams, biases, index):
    scores = cams + biases[:, None, None]
    return (scores.argmax(0) == index).float().mean()


def share_in_numpy(cams, biases, index):
    scores = cams.numpy() + biases.numpy().reshape(-1, 1, 1)
    return np.mean(scores.argmax(0) == index)


def share_cell_by_cell(cams, biases, index):
    cells = cams.flatten(1).T
    return sum(int((cell + biases).argmax()) == index for cell in cells) / len(cells)


def covering(network, tensor, index, side):
    size = tensor.shape[1] // side
    fall = torch.zeros(side, side)
    before = ch.explain(network, tensor).score(index)
    for y in range(side):
        for x in range(side):
            covered = tensor.clone()
            covered[:, y * size : (y + 1) * size, x * size : (x + 1) * size] = 0
            fall[y, x] = before - ch.explain(network, covered).score(index)
    return fall


def covering_by_batch(network, tensor, index, side):
    size = tensor.shape[1] // side
    batch = tensor.repeat(side * side, 1, 1, 1)
    for number in range(side * side):
        y, x = divmod(number, side)
        batch[number, :, y * size : (y + 1) * size, x * size : (x + 1) * size] = 0
    with torch.no_grad():
        scores = network.model(torch.cat([tensor[None], batch]))[:, index]
    return (scores[0] - scores[1:]).view(side, side)


def covering_in_numpy(network, tensor, index, side):
    return covering(network, tensor, index, side).numpy()


def covering_for_good(network, tensor, index, side):
    size, covered = tensor.shape[1] // side, tensor.clone()
    before, fall = ch.explain(network, tensor).score(index), torch.zeros(side, side)
    for number in range(side * side):
        y, x = divmod(number, side)
        covered[:, y * size : (y + 1) * size, x * size : (x + 1) * size] = 0
        fall[y, x] = before - ch.explain(network, covered).score(index)
    return fall


def covering_without_copy(network, tensor, index, side):
    tensor[:, :10, :10] = 0
    return torch.zeros(side, side)


WRONG = [
    ("13.1", lambda cams, biases, index: (cams.argmax(0) == index).float().mean(), "the biases"),
    ("13.1", lambda c, b, i: share(c, b, i) * c[0].numel(), "this counts the cells"),
    ("13.1", lambda c, b, i: (c[i] > 0).float().mean(), "another may be ahead"),
    ("13.1", lambda c, b, i: (c.argmax(1) == i).float().mean(), "in each cell (dim 0)"),
    ("13.1", lambda c, b, i: share(-c, -b, i), "argmin"),
    ("13.1", lambda c, b, i: c[i].mean() + b[i], "this is the score"),
    ("13.2", lambda *given: -covering(*given).T, "two things"),
    ("13.2", lambda *given: -covering(*given), "before minus after"),
    ("13.2", lambda *given: covering(*given).T, "rows and columns"),
    ("13.2", covering_for_good, "on a fresh copy"),
    (
        "13.2",
        lambda n, t, i, side: ch.explain(n, t).score(i) - covering(n, t, i, side),
        "score of the picture as it is",
    ),
    ("13.2", lambda *given: covering(*given).flatten(), "the shape is wrong"),
    ("13.2", covering_without_copy, "changes what it is given"),
]
RIGHT = {
    "13.1": [share, share_in_numpy, share_cell_by_cell],
    "13.2": [covering, covering_by_batch, covering_in_numpy],
}

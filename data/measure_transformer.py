"""Measure what finds the place in a small transformer, and what finds the class.

The command is `python data/measure_transformer.py [WEIGHTS ...]`. It asks `tiny_resnet`,
`tiny_vit` and each file of weights that `data/train_tiny_vit.py` made, over fresh scenes: does the
map peak in the object's box, how much of it lies inside, does each of two objects get its own map,
and does the map follow when the picture moves? `--out FILE` writes the table of the shipped ones as
notebook 13 reads it.
"""

import argparse
import csv
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from measure_place import CELL, FIRST_WIDE_SEED, window
from measure_tiny_resnet import is_in_own_box, positive
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from cam_helpers.boxes import Box, is_inside, rounded
from cam_helpers.drawn.scenes import draw_scene
from cam_helpers.explain import Point, explain
from cam_helpers.grad_cam import grad_cam
from cam_helpers.localization import Interval, bootstrap, share_inside
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import Network
from cam_helpers.networks.running import evaluation_mode, hooked
from cam_helpers.networks.tiny_resnet import CATEGORIES
from cam_helpers.networks.tiny_vit import load_tiny_vit
from cam_helpers.place import map_centre
from cam_helpers.step_5_upsample_and_overlay import upsample

# Training draws seeds from 1,000,000 on and never comes this far.
FIRST_SINGLE_SEED, FIRST_PAIR_SEED = 950_000_000, 951_000_000
TABLE = Path(__file__).with_name("transformer.csv")
HEADER = ("method", "measure", "value", "low", "high")
WINDOW = 256  # pixels of a picture that is cut out of a larger one, to be moved in it
MapOf = Callable[[Network, Tensor, int], Tensor]  # of an input (3, H, W) and a class: (h, w)


def class_activation_map(network: Network, tensor: Tensor, index: int) -> Tensor:
    """Return the map whose mean is the score."""
    return explain(network, tensor).cam(index)


def gradients_of_the_stem(network: Network, tensor: Tensor, index: int) -> Tensor:
    """Return Grad-CAM before the tokens have talked."""
    return grad_cam(network, tensor, index, "stem")


def gradients_of_the_last_block(network: Network, tensor: Tensor, index: int) -> Tensor:
    """Return Grad-CAM after they have."""
    return grad_cam(network, tensor, index, "blocks.3")


def token_lengths(network: Network, tensor: Tensor, index: int) -> Tensor:
    """Return how long each token is before the last LayerNorm, whatever the class."""
    with caught(network, ["blocks"]) as outputs, torch.no_grad():
        network.model(tensor[None])
    return square(outputs[0][0].norm(dim=1))


def rollout(network: Network, tensor: Tensor, index: int) -> Tensor:
    """Return how much the mean over tokens has gathered from each, whatever the class.

    Half of each block's output is the token itself (Abnar and Zuidema 2020, "Quantifying Attention
    Flow in Transformers", section 3).
    """
    with caught(network, share_layers(network)) as outputs, torch.no_grad():
        network.model(tensor[None])
    gathered = torch.eye(outputs[0].shape[-1])
    for shares in outputs:
        gathered = (shares[0].mean(0) + torch.eye(len(gathered))) / 2 @ gathered
    return square(gathered.mean(0))


def relevance(network: Network, tensor: Tensor, index: int) -> Tensor:
    """Return the relevance of each token to a class (Chefer et al. 2021, equations 5 and 6).

    As rollout, but a share counts as much as a class's score would grow with it. The network takes
    the mean over tokens, so that the rows' mean stands where theirs has the class token's row.
    """
    with caught(network, share_layers(network)) as outputs, torch.enable_grad():
        score = network.model(tensor[None])[0, index]
    gradients = torch.autograd.grad(score, outputs)
    found = torch.eye(outputs[0].shape[-1])
    for shares, gradient in zip(outputs, gradients, strict=True):
        found = found + (shares * gradient)[0].detach().clamp(min=0).mean(0) @ found
    return square((found - torch.eye(len(found))).mean(0))


@torch.no_grad()
def covering(network: Network, tensor: Tensor, index: int) -> Tensor:
    """Return how much a class's score falls where a square is covered (Zeiler and Fergus 2014).

    49 squares, a seventh of the picture wide, each painted in the picture's mean colour.
    """
    side = tensor.shape[1] // 7
    batch = tensor.repeat(49, 1, 1, 1)
    for number in range(49):
        y, x = (side * place for place in divmod(number, 7))
        batch[number, :, y : y + side, x : x + side] = tensor.mean((1, 2))[:, None, None]
    scores = torch.cat([network.model(part)[:, index] for part in (tensor[None], batch)])
    return (scores[0] - scores[1:]).view(7, 7)


@contextmanager
def caught(network: Network, names: Sequence[str]) -> Iterator[list[Tensor]]:
    """Catch the outputs of layers in a block, in the order of the passes."""
    outputs: list[Tensor] = []
    layers = {name: network.model.get_submodule(name) for name in names}
    with evaluation_mode(network.model), hooked(layers, lambda *call: outputs.append(call[-1])):
        yield outputs


def share_layers(network: Network) -> list[str]:
    """Return the names of the layers that say how much each token gathers from each."""
    return [name for name, _ in network.model.named_modules() if name.endswith("attn.shares")]


def square(tokens: Tensor) -> Tensor:
    """Fold one number for each token into the grid."""
    return tokens.view(round(len(tokens) ** 0.5), -1)


METHODS: dict[str, tuple[str, MapOf]] = {
    "tiny_resnet: class activation map": ("tiny_resnet", class_activation_map),
    "tiny_vit: class activation map": ("tiny_vit", class_activation_map),
    "Grad-CAM, last block": ("tiny_vit", gradients_of_the_last_block),
    "Grad-CAM, stem": ("tiny_vit", gradients_of_the_stem),
    "length of tokens (no class)": ("tiny_vit", token_lengths),
    "attention rollout (no class)": ("tiny_vit", rollout),
    "Chefer's relevance": ("tiny_vit", relevance),
    "covering, 49 squares": ("tiny_vit", covering),
}
COLUMNS = ("peak in box", "share inside", "own of two", "mirror, px", "moved 32 px: map moves")


def measure(network: Network, map_of: MapOf, scenes: int) -> list[Interval]:
    """Return what is found, column by column: means over scenes, with their intervals.

    Shares from 0 to 1. Pixels are those of a picture 256 pixels wide, to the right.
    """
    found: list[list[float]] = [[] for _ in COLUMNS]
    pairs = list(combinations(CATEGORIES, 2))
    for number in range(scenes):
        category = CATEGORIES[number % len(CATEGORIES)]
        scene = draw_scene(FIRST_SINGLE_SEED + number, [category])
        cam = map_of(*asked(network, scene.picture, category))
        seen = network.seen_box(scene.picture.size)
        found[0].append(float(is_inside(peak(cam, seen), scene.boxes[category])))
        if (cam > 0).any():
            found[1].append(
                share_inside(whole(cam, seen, scene.picture.size), scene.boxes[category])
            )
        wide = draw_scene(FIRST_WIDE_SEED + number, [category], WINDOW + 2 * CELL)
        _, tensor, index = asked(network, window(wide.picture), category)
        cam, mirrored = map_of(network, tensor, index), map_of(network, tensor.flip(-1), index)
        x0, _, x1, _ = wide.boxes[category]
        by = CELL if (x0 + x1) / 2 < wide.picture.width / 2 else -CELL  # not out of the picture
        moved = map_of(*asked(network, window(wide.picture, right=by), category))
        left, _, right, _ = network.seen_box((WINDOW, WINDOW))
        if all((each > 0).any() for each in (cam, mirrored, moved)):  # else there is no centre
            x, back, after = (
                map_centre(each, (round(right - left), 1))[0]
                for each in (cam, mirrored.flip(-1), moved)
            )
            found[3].append((x - back) / 2)
            found[4].append((after - x) * CELL / by)
        pair = draw_scene(FIRST_PAIR_SEED + number, pairs[number % len(pairs)])
        seen = network.seen_box(pair.picture.size)
        peaks = {c: peak(map_of(*asked(network, pair.picture, c)), seen) for c in pair.categories}
        found[2].append(fmean(is_in_own_box(point, pair, c) for c, point in peaks.items()))
    return [bootstrap(column) for column in found]


def measure_tokens(network: Network, scenes: int) -> dict[str, Interval]:
    """Return what else is found of a transformer, over scenes with one object; shares, 0 to 1."""
    found: dict[str, list[float]] = {
        "the best class is right": [],
        "the map is lowest in the box": [],
        "tokens whose best class is the object's": [],
        "... of those outside the box": [],
        "score lost where the box is covered, of the score": [],
        "longest token lies in the box": [],
        "longest token outside, of the longest inside": [],
    }
    for number in range(scenes):
        category = CATEGORIES[number % len(CATEGORIES)]
        scene = draw_scene(FIRST_SINGLE_SEED + number, [category])
        box, seen = scene.boxes[category], network.seen_box(scene.picture.size)
        network, tensor, index = asked(network, scene.picture, category)
        explanation = explain(network, tensor)
        names_it = explanation.cams().argmax(0) == index
        inside = in_box(names_it.shape, box, scene.picture.size)
        covered = scene.picture.copy()
        covered.paste(tuple(np.asarray(scene.picture).mean((0, 1)).astype(int).tolist()), box)
        score, after = explanation.score(index), explain(network, covered).score(index)
        lengths = token_lengths(network, tensor, index)
        numbers = (
            explanation.prediction.top(1)[0].class_index == index,
            is_inside(peak(-explanation.cam(index), seen), box),
            names_it.float().mean().item(),
            names_it[~inside].float().mean().item(),
            (score - after) / score,
            is_inside(peak(lengths, seen), box),
            (lengths[~inside].max() / lengths[inside].max()).item(),
        )
        for column, figure in zip(found.values(), numbers, strict=True):
            column.append(float(figure))
    return {text: bootstrap(column) for text, column in found.items()}


def asked(network: Network, picture: Image.Image, category: str) -> tuple[Network, Tensor, int]:
    """Return what a method is given."""
    return network, network.prepare(picture)[0], network.class_index(category)


def peak(cam: Tensor, seen: Box) -> Point:
    """Return the middle (x, y) of a map's highest cell, in pixels of the scene."""
    row, column = divmod(int(cam.argmax()), cam.shape[1])
    x0, y0, x1, y1 = seen
    x, y = (column + 0.5) / cam.shape[1], (row + 0.5) / cam.shape[0]
    return x0 + x * (x1 - x0), y0 + y * (y1 - y0)


def whole(cam: Tensor, seen: Box, size: tuple[int, int]) -> Tensor:
    """Enlarge a map to the part of the scene that the network sees; 0 outside."""
    x0, y0, x1, y1 = rounded(seen)
    return pad(upsample(cam, (y1 - y0, x1 - x0)), (x0, size[0] - x1, y0, size[1] - y1))


def in_box(shape: Sequence[int], box: Box, size: tuple[int, int]) -> Tensor:
    """Say of each cell of a map of the whole picture whether its middle lies in a box."""
    cells = [
        is_inside(((x + 0.5) / shape[1] * size[0], (y + 0.5) / shape[0] * size[1]), box)
        for y in range(shape[0])
        for x in range(shape[1])
    ]
    return torch.tensor(cells).view(*shape)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("weights", nargs="*", type=Path, help="of other seeds")
    parser.add_argument("--scenes", type=positive, default=240, help="of each kind; default 240")
    parser.add_argument("--out", type=Path, help=f"the shipped networks' table, {TABLE}")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    shipped = {name: load_network(name) for name in ("tiny_resnet", "tiny_vit")}
    rows = []
    for text, (name, map_of) in METHODS.items():
        rows += [(text, *row) for row in print_row(text, shipped[name], map_of, chosen.scenes)]
    for file in (None, *chosen.weights):
        network = shipped["tiny_vit"]
        if file:
            network = dataclasses.replace(network, name=file.stem, model=load_tiny_vit(file))
            for text in list(METHODS)[1:]:
                print_row(f"{file.stem}, {text}", network, METHODS[text][1], chosen.scenes)
        for text, interval in measure_tokens(network, chosen.scenes).items():
            print(f"{network.name}: {text:50} {interval}")
    if chosen.out:
        with chosen.out.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([HEADER, *rows])


def print_row(
    text: str, network: Network, map_of: MapOf, scenes: int
) -> list[tuple[str, str, str, str]]:
    """Measure one method, print its row; return its cells for the file."""
    found = measure(network, map_of, scenes)
    print(
        f"{text:36}",
        *(f"{column}: {one}" for column, one in zip(COLUMNS, found, strict=True)),
        sep="  ",
        flush=True,
    )
    return [
        (column, *(f"{number:.3f}" for number in one))
        for column, one in zip(COLUMNS, found, strict=True)
    ]


if __name__ == "__main__":
    main()

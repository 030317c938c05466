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
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from cam_helpers.drawn.scenes import Scene, draw_scene
from cam_helpers.explain import Point, explain
from cam_helpers.grad_cam import grad_cam
from cam_helpers.intervals import Interval, bootstrap
from cam_helpers.localization import share_inside
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import Network
from cam_helpers.networks.running import evaluation_mode, watched
from cam_helpers.networks.tiny_resnet import CATEGORIES
from cam_helpers.networks.tiny_vit import load_tiny_vit
from cam_helpers.place import map_centre
from cam_helpers.step_5_upsample_and_overlay import upsample

# Training draws seeds from 1,000,000 on and never comes this far.
FIRST_SINGLE_SEED, FIRST_PAIR_SEED = 950_000_000, 951_000_000
TABLE = Path(__file__).with_name("transformer.csv")
HEADER = ("network", "method", "measure", "value", "low", "high")
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


@contextmanager
def caught(network: Network, names: Sequence[str]) -> Iterator[list[Tensor]]:
    """Catch the outputs of layers in a block, in the order of the passes."""
    outputs: list[Tensor] = []
    layers = {name: network.model.get_submodule(name) for name in names}
    with evaluation_mode(network.model), watched(layers, lambda *call: outputs.append(call[-1])):
        yield outputs


def share_layers(network: Network) -> list[str]:
    """Return the names of the layers that say how much each token gathers from each."""
    return [name for name, _ in network.model.named_modules() if name.endswith("attn.shares")]


def square(tokens: Tensor) -> Tensor:
    """Fold one number for each token into the grid."""
    return tokens.view(round(len(tokens) ** 0.5), -1)


METHODS: dict[str, MapOf] = {
    "class activation map": class_activation_map,
    "Grad-CAM, last block": gradients_of_the_last_block,
    "Grad-CAM, stem": gradients_of_the_stem,
    "length of tokens (no class)": token_lengths,
    "attention rollout (no class)": rollout,
    "Chefer's relevance": relevance,
}
COLUMNS = ("peak in box", "share inside", "own of two", "mirror, px", "moved 32 px: map moves")


def measure(
    network: Network, methods: Mapping[str, MapOf], scenes: int
) -> dict[str, list[Interval]]:
    """Return what is found, column by column: means over scenes, with their intervals.

    Shares from 0 to 1. Pixels are those of a picture 256 pixels wide, to the right.
    """
    found: dict[str, list[list[float]]] = {text: [[] for _ in COLUMNS] for text in methods}
    pairs = list(combinations(CATEGORIES, 2))
    for number in range(scenes):
        category = CATEGORIES[number % len(CATEGORIES)]
        single = draw_scene(FIRST_SINGLE_SEED + number, [category])
        wide = draw_scene(FIRST_WIDE_SEED + number, [category], WINDOW + 2 * CELL)
        pair = draw_scene(FIRST_PAIR_SEED + number, pairs[number % len(pairs)])
        for text, map_of in methods.items():
            peaks, shares, own, mirror, moved = found[text]
            in_box, inside = point_and_share(network, map_of, single)
            peaks.append(in_box)
            shares += inside
            own.append(own_of_two(network, map_of, pair))
            offsets = mirrored_and_moved(network, map_of, wide)
            mirror += offsets[:1]
            moved += offsets[1:]
    return {text: [bootstrap(column) for column in columns] for text, columns in found.items()}


def point_and_share(network: Network, map_of: MapOf, scene: Scene) -> tuple[float, list[float]]:
    """Say whether the map peaks in the object's box, and how much of it lies inside, if any."""
    [category] = scene.categories
    cam = map_of(*asked(network, scene.picture, category))
    size, box = scene.picture.size, scene.boxes[category]
    seen = network.seen_box(size)
    shares = [share_inside(whole(cam, seen, size), box)] if (cam > 0).any() else []
    return float(is_inside(peak(cam, seen), box)), shares


def own_of_two(network: Network, map_of: MapOf, scene: Scene) -> float:
    """Return the share of the two classes whose map peaks in its own box alone."""
    seen = network.seen_box(scene.picture.size)
    peaks = {c: peak(map_of(*asked(network, scene.picture, c)), seen) for c in scene.categories}
    return fmean(is_in_own_box(point, scene, category) for category, point in peaks.items())


def mirrored_and_moved(network: Network, map_of: MapOf, scene: Scene) -> list[float]:
    """Return the mirror test's offset, and how far the map goes with the picture; none if empty.

    The picture goes 32 pixels to the left or right, so that its object does not leave it.
    """
    [category] = scene.categories
    _, tensor, index = asked(network, window(scene.picture), category)
    cam, mirrored = map_of(network, tensor, index), map_of(network, tensor.flip(-1), index)
    x0, _, x1, _ = scene.boxes[category]
    by = CELL if (x0 + x1) / 2 < scene.picture.width / 2 else -CELL
    moved = map_of(*asked(network, window(scene.picture, right=by), category))
    if not all((each > 0).any() for each in (cam, mirrored, moved)):  # there is no centre
        return []
    left, _, right, _ = network.seen_box((WINDOW, WINDOW))
    maps = (cam, mirrored.flip(-1), moved)
    x, back, after = (map_centre(each, (round(right - left), 1))[0] for each in maps)
    return [(x - back) / 2, (after - x) * CELL / by]


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
    tiny_vit = load_network("tiny_vit")
    rows = table(load_network("tiny_resnet"), list(METHODS)[:1], chosen.scenes)
    rows += table(tiny_vit, list(METHODS), chosen.scenes)
    if chosen.out:
        with chosen.out.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([HEADER, *rows])
    for weights in chosen.weights:
        other = dataclasses.replace(tiny_vit, name=weights.stem, model=load_tiny_vit(weights))
        table(other, list(METHODS), chosen.scenes)


def table(network: Network, texts: Sequence[str], scenes: int) -> list[tuple[str, ...]]:
    """Measure a network with some of the methods, print what is found; return it as rows."""
    rows = []
    for text, found in measure(network, {text: METHODS[text] for text in texts}, scenes).items():
        print(f"{network.name}, {text}")
        for column, one in zip(COLUMNS, found, strict=True):
            print(f"    {column:50} {one}")
            rows.append((network.name, text, column, *(f"{number:.2f}" for number in one)))
    if len(texts) > 1:
        print(f"{network.name}: its tokens")
        for text, one in measure_tokens(network, scenes).items():
            print(f"    {text:50} {one}")
            rows.append((network.name, "tokens", text, *(f"{number:.2f}" for number in one)))
    return rows


if __name__ == "__main__":
    main()

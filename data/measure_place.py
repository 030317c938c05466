"""Measure where the shipped networks' maps point.

The command is `python data/measure_place.py [photograph ...]`. It runs the mirror
test over fresh scenes for `tiny_resnet`, over the shipped photographs and those named for
`tf_mobilenet_v2`, and over the same for its weights with torchvision's padding. A photograph should
show something that ImageNet has a class for. It moves scenes by a cell and sees how far their maps
move. Then it puts four photographs into one picture, 2 x 2,
and sees whether every map points at its own quarter. Last, how much do all classes have in common?
"""

import argparse
import copy
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, product
from pathlib import Path
from statistics import fmean as mean
from statistics import median
from typing import Any

import torch
from PIL import Image
from torch import nn

from cam_helpers.drawn.scenes import draw_scene
from cam_helpers.explain import explain
from cam_helpers.localization import grid_share
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import Network
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.networks.tiny_resnet import CATEGORIES
from cam_helpers.pictures.open_picture import open_picture
from cam_helpers.place import map_centre, mirror_test

# Training draws seeds from 1,000,000 on and never comes this far.
FIRST_SEED, FIRST_WIDE_SEED = 920_000_000, 930_000_000
# Each with what tf_mobilenet_v2 finds in it; the first four stand in `photo:four`.
PHOTOGRAPHS = {
    "photo:cat": "tiger cat",
    "photo:coffee": "espresso",
    "photo:rocket": "missile",
    "photo:camera": "tripod",
    "photo:german_shepherd": "German shepherd",
    "photo:honey_bee": "bee",
    "photo:hedgehog": "porcupine",
    "photo:hens": "hen",
    "photo:scarlet_macaw": "macaw",
    "photo:giant_panda": "giant panda",
}
CELL = 32  # pixels of the input
TILE = 224  # pixels, of the four in a picture of 448 x 448
LEAST_PROBABILITY = 0.5  # of the class in a window; below, it may not be there


def measure_scenes(network: Network, scenes: int) -> tuple[list[float], list[float]]:
    """Return offsets in pixels to the right, by the mirror test and by the box, scene by scene."""
    by_mirror, by_box = [], []
    for number in range(scenes):
        category = CATEGORIES[number % len(CATEGORIES)]
        scene = draw_scene(FIRST_SEED + number, [category])
        by_mirror.append(mirror_test(network, scene.picture, category).offset)
        left, _, right, _ = network.seen_box(scene.picture.size)
        x, _ = map_centre(explain(network, scene.picture).cam(category), (1, 1))
        box = scene.boxes[category]
        by_box.append(left + x * (right - left) - (box[0] + box[2]) / 2)
    return by_mirror, by_box


def wide_scenes(count: int) -> Iterator[tuple[Image.Image, str]]:
    """Draw scenes with one object and with room to move by a cell; with their category."""
    for number in range(count):
        category = CATEGORIES[number % len(CATEGORIES)]
        yield draw_scene(FIRST_WIDE_SEED + number, [category], 256 + 2 * CELL).picture, category


def window(picture: Image.Image, right: int = 0, down: int = 0) -> Image.Image:
    """Cut 256 x 256 pixels out of 320 x 320, in which everything is moved by so many pixels."""
    left, top = CELL - right, CELL - down
    return picture.crop((left, top, left + 256, top + 256))


def movement(network: Network, pictures: Iterable[tuple[Image.Image, str]]) -> tuple[float, float]:
    """Return how far a map moves, in cells, where the picture moves by a cell, right and down.

    The pictures are 320 x 320. It is the median over them, of the map's centre.
    """
    moved = []
    for picture, category in pictures:
        (x, y), (after_right, _), (_, after_down) = (
            map_centre(explain(network, window(picture, *by)).cam(category), (7, 7))
            for by in ((0, 0), (CELL, 0), (0, CELL))
        )
        moved.append((after_right - x, after_down - y))
    return median(x for x, _ in moved), median(y for _, y in moved)


def measure_photographs(
    network: Network, photographs: Sequence[str], finder: Network
) -> dict[str, list[float]]:
    """Return the offsets of every photograph, in pixels to the right: one for each window.

    Windows count in which `finder` finds the whole photograph's best class.
    """
    found = {}
    for name in photographs:
        picture = open_picture(name)
        best = explain(finder, picture).prediction.top(1)[0].class_index
        offsets = [
            mirror_test(network, window, best).offset
            for window in windows(picture)
            if explain(finder, window).prediction.probabilities[best] > LEAST_PROBABILITY
        ]
        if offsets:
            found[name] = offsets
    return found


def windows(picture: Image.Image) -> Iterator[Image.Image]:
    """Cut out squares of the short side's length, of 85 % and of 70 %, up to nine of each."""
    boxes = set()
    for share, right, down in product((1.0, 0.85, 0.7), (0.0, 0.5, 1.0), (0.0, 0.5, 1.0)):
        side = round(share * min(picture.size))
        x, y = round(right * (picture.width - side)), round(down * (picture.height - side))
        boxes.add((x, y, x + side, y + side))
    return map(picture.crop, sorted(boxes))


def line(text: str, groups: Sequence[Sequence[float]]) -> str:
    """Return one line of the table: the mean, its 95 % interval, over how many.

    The windows of one photograph show the same thing, so they are alike. The interval therefore
    draws whole groups with replacement (bootstrap), as if other photographs had come in.
    """
    chance = random.Random(0)
    drawn = sorted(mean(chain(*chance.choices(groups, k=len(groups)))) for _ in range(2_000))
    return (
        f"{text:46} {mean(chain(*groups)):+5.1f}  [{drawn[50]:+.1f}, {drawn[1949]:+.1f}]  "
        f"{len(groups)} pictures, {sum(map(len, groups))} tests"
    )


def four_in_one(chance: random.Random) -> tuple[Image.Image, list[str]]:
    """Put random squares of four of the shipped photographs into one picture, 2 x 2.

    Returns the picture and what is in the quarters: upper left, upper right, lower left, lower
    right.
    """
    names = chance.sample(list(PHOTOGRAPHS), k=4)
    picture = Image.new("RGB", (2 * TILE, 2 * TILE))
    for number, name in enumerate(names):
        photograph = open_picture(name)
        side = round(chance.uniform(0.8, 1) * min(photograph.size))
        x, y = (chance.randint(0, length - side) for length in photograph.size)
        tile = photograph.resize((TILE, TILE), box=(x, y, x + side, y + side))
        picture.paste(tile, (number % 2 * TILE, number // 2 * TILE))
    return picture, [PHOTOGRAPHS[name] for name in names]


def quarter_shares(
    network: Network, picture: Image.Image, categories: Sequence[str]
) -> list[tuple[float, bool]]:
    """Return how much of a class's positive evidence lies in its quarter, and if the peak does.

    The picture goes in at its own size, so the maps have 14 x 14 cells.
    """
    prepare: Any = network.preprocess  # the shipped one and torchvision's presets have mean and std
    explanation = explain(
        network, Preprocess(2 * TILE, 2 * TILE, prepare.mean, prepare.std)(picture)
    )
    found = []
    for number, category in enumerate(categories):
        cam = explanation.cam(category)
        place = divmod(number, 2)
        peak = divmod(int(cam.argmax()), cam.shape[1])
        is_there = tuple(2 * cell // len(cam) for cell in peak) == place
        found.append((grid_share(cam, 2, 2, place), is_there))
    return found


def pad_as_torchvision(network: Network) -> Network:
    """Return the same weights with zeros on all four sides before each convolution of stride 2."""
    other = copy.deepcopy(network)
    for layer in other.model.modules():
        if isinstance(layer, nn.ZeroPad2d):
            layer.padding = (1, 1, 1, 1)
    return other


def common_share(network: Network) -> float:
    """Return how long the mean of all classes' rows is, in mean lengths of a row.

    A vector added to every row would change every map and no probability; the mean row is the part
    of the weights that could be such a vector.
    """
    rows = network.classifier.weight.detach()
    return float(rows.mean(0).norm() / rows.norm(dim=1).mean())


def main() -> None:
    """Print the figures of the shipped networks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("photographs", nargs="*", help="files, besides the shipped photographs")
    parser.add_argument("--scenes", type=int, default=240)
    parser.add_argument("--fours", type=int, default=35, help="pictures of four photographs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tiny, big = load_network("tiny_resnet"), load_network("tf_mobilenet_v2")
    by_mirror, by_box = measure_scenes(tiny, arguments.scenes)
    print("pixels to the right: mean, 95 % interval, number of pictures and of tests")
    print(line("tiny_resnet, scenes: mirror test", [[offset] for offset in by_mirror]))
    print(line("tiny_resnet, scenes: from the box's middle", [[offset] for offset in by_box]))
    right, down = movement(tiny, wide_scenes(40))
    print(
        "tiny_resnet, 40 scenes: the picture moved by a cell moves the map by "
        f"{right:.2f} of a cell to the right, {down:.2f} down (median)"
    )
    for text, network in (
        ("tf_mobilenet_v2, photographs: mirror test", big),
        ("the same with torchvision's padding", pad_as_torchvision(big)),
    ):
        found = measure_photographs(network, [*PHOTOGRAPHS, *arguments.photographs], finder=big)
        print(line(text, list(found.values())))
        for name, offsets in found.items():
            print(f"    {Path(name).name:42} {mean(offsets):+5.1f}  {len(offsets)} tests")
    chance = random.Random(0)
    shares, peaks = defaultdict(list), defaultdict(list)
    for _ in range(arguments.fours):
        picture, categories = four_in_one(chance)
        quarters = quarter_shares(big, picture, categories)
        for category, (share, is_there) in zip(categories, quarters, strict=True):
            shares[category].append(100 * share)
            peaks[category].append(100.0 * is_there)
    print(line("four in one: % of positive evidence in its own", list(shares.values())))
    print(line("four in one: % of peaks in their own quarter", list(peaks.values())))
    for network in (tiny, big):
        print(f"{network.name}: the mean row is {common_share(network):.1%} as long as a row")


if __name__ == "__main__":
    main()

"""Measure whether class activation maps find things better than maps that know little.

The command is `python data/measure_localization.py --out data/localization.csv`.

On fresh scenes with one object, then with two, it compares the class activation map of
`tiny_resnet` with six rivals by the measures of `cam_helpers.localization`. Two of them ask what
the class is good for: the norm of the feature maps, which knows the network but no class, and the
map of a wrong class (of the other object, where there are two). Thresholds for boxes are chosen on
other scenes. All is measured on every fourth pixel of scenes of 256 x 256, of which the network
sees the middle 224 x 224.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
import torch
from measure_tiny_resnet import positive
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from cam_helpers.drawn.scenes import Scene, draw_scene
from cam_helpers.explain import explain
from cam_helpers.intervals import Interval, bootstrap
from cam_helpers.localization import (
    BOX_THRESHOLDS,
    BoxAccuracy,
    PixelPrecision,
    average_precision,
    pointing_game,
    share_inside,
)
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import Network
from cam_helpers.networks.tiny_resnet import CATEGORIES
from cam_helpers.step_5_upsample_and_overlay import upsample

# Training draws seeds from 1,000,000 on and never comes this far.
FIRST_SEED, FIRST_TUNING_SEED = 941_000_000, 942_000_000
METHODS = (
    "class activation map",
    "feature norm",
    "wrong class",
    "gradient",
    "edges",
    "centre",
    "random",
)
MEASURES = ("pointing game", "share inside", "boxes", "pixels (PxAP)")
STRIDE = 4  # every fourth pixel
Found = tuple[NDArray[np.float64], ...]
Line = tuple[str, list[float], int, Interval]


def classes_of(number: int) -> tuple[str, str]:
    """Return the class to find in a scene, and a wrong one: over 132 scenes every pair once."""
    count = len(CATEGORIES)
    step = 1 + number // count % (count - 1)
    return CATEGORIES[number % count], CATEGORIES[(number + step) % count]


def maps(network: Network, scene: Scene, category: str, wrong: str, seed: int) -> dict[str, Tensor]:
    """Return the maps (7, 7) of all methods, over the crop that the network sees.

    The gradient is the size of the score's gradient at each pixel (Simonyan et al. 2014), edges how
    much a pixel differs from its neighbours; both as means over the squares of the cells.
    """
    tensor = network.prepare(scene.picture)[0].requires_grad_()
    score = network.model(tensor[None])[0, network.class_index(category)]
    (gradient,) = torch.autograd.grad(score, tensor)
    grey = tensor.detach().mean(0)
    edges = grey.diff(dim=0)[:, 1:].abs() + grey.diff(dim=1)[1:].abs()
    line = torch.linspace(-1.5, 1.5, 7)
    random = torch.rand(7, 7, generator=torch.Generator().manual_seed(seed))
    explanation = explain(network, scene.picture)
    cams = (
        explanation.cam(category),
        explanation.feature_maps.norm(dim=0),
        explanation.cam(wrong),
        adaptive_avg_pool2d(gradient.abs().sum(0)[None], 7)[0],
        adaptive_avg_pool2d(edges[None], 7)[0],
        torch.exp(-(line[:, None] ** 2 + line**2) / 2),
        random,
    )
    return dict(zip(METHODS, cams, strict=True))


def on_scene(cam: Tensor) -> Tensor:
    """Lay a map (7, 7) on every fourth pixel of a scene, (64, 64); NaN outside the crop."""
    whole = torch.full((64, 64), torch.nan)
    whole[4:60, 4:60] = upsample(cam, (56, 56))
    return whole


def measure(network: Network, first_seed: int, scenes: int, objects: int = 1) -> Found:
    """Return what every measure found, scene by scene and method by method.

    In the order of `MEASURES`: hits and shares (N, 7), hits of boxes (N, 7, 3, 19), and pixels in
    and outside by value (N, 7, 2, 1001). A map that is nowhere above zero has no share inside.
    """
    found: tuple[list[object], ...] = ([], [], [], [])
    for number in range(scenes):
        category, wrong = classes_of(number)
        scene = draw_scene(first_seed + number, [category, wrong][:objects], size=256)
        mask = scene.masks[category][STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
        box = [edge / STRIDE for edge in scene.boxes[category]]
        rows: tuple[list[object], ...] = ([], [], [], [])
        for cam in map(on_scene, maps(network, scene, category, wrong, number).values()):
            boxes, pixels = BoxAccuracy(), PixelPrecision()
            boxes.add(cam, box)
            pixels.add(cam, mask)
            hit = pointing_game(cam, mask, 15 / STRIDE)
            share = share_inside(cam, mask) if (cam > 0).any() else 0.0
            new = (hit, share, boxes.hits, (pixels.inside, pixels.outside))
            for row, value in zip(rows, new, strict=True):
                row.append(value)
        for each, row in zip(found, rows, strict=True):
            each.append(row)
    return tuple(np.array(each, dtype=np.float64) for each in found)


def tuned(found: Found) -> list[int]:
    """Return the best threshold for boxes of each method, as a place in `BOX_THRESHOLDS`."""
    return [int(at) for at in found[2].mean(axis=(0, 2)).argmax(axis=1)]


def values_of(found: Found, thresholds: list[int]) -> list[NDArray[np.float64]]:
    """Return one value per scene and method, (N, 7), for every measure but PxAP."""
    hits, shares, boxes, _ = found
    at = [boxes[:, method, :, place].mean(axis=1) for method, place in enumerate(thresholds)]
    return [hits, shares, np.stack(at, axis=1)]


def summary(found: Found, thresholds: list[int]) -> list[Line]:
    """Return name, value for each method, place of the best rival, and the difference.

    One line for each measure; the difference is the class activation map's value minus the best
    rival's, with its interval over scenes.
    """
    lines = []
    for name, values in zip(MEASURES, values_of(found, thresholds), strict=False):
        means = values.mean(axis=0)
        best = 1 + int(means[1:].argmax())
        lines.append((name, means.tolist(), best, bootstrap(values[:, 0] - values[:, best])))
    pixels = found[3]
    means = [average_precision(*counts) for counts in pixels.sum(axis=0)]
    best = 1 + int(np.argmax(means[1:]))
    difference = bootstrap(
        pixels[:, [0, best]],
        lambda row: average_precision(*row[0]) - average_precision(*row[1]),
    )
    return [*lines, (MEASURES[3], means, best, difference)]


def write(summaries: dict[int, list[Line]], path: Path) -> None:
    """Write the summaries, by the number of objects, as a CSV file, with three decimals."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["objects", "measure", *METHODS, "best rival", "difference", "low", "high"])
        for objects, lines in summaries.items():
            for name, means, best, difference in lines:
                numbers = [f"{number:.3f}" for number in (*means, *difference)]
                count = len(METHODS)
                row = [objects, name, *numbers[:count], METHODS[best], *numbers[count:]]
                writer.writerow(row)


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--scenes", type=positive, default=1_000)
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    arguments = parser.parse_args()
    if not arguments.out.parent.is_dir():
        parser.error(f"there is no folder {arguments.out.parent}")
    torch.set_num_threads(1)
    network = load_network("tiny_resnet")
    others, summaries = max(1, arguments.scenes // 4), {}
    for objects in (1, 2):
        thresholds = tuned(measure(network, FIRST_TUNING_SEED, others, objects))
        found = measure(network, FIRST_SEED, arguments.scenes, objects)
        summaries[objects] = summary(found, thresholds)
        chosen = {name: BOX_THRESHOLDS[at] for name, at in zip(METHODS, thresholds, strict=True)}
        print(f"{objects} objects: thresholds for boxes, from {others} other scenes: {chosen}")
        flattering = found[2].mean(axis=0).max(axis=2).mean(axis=1)
        print("chosen on the same scenes (MaxBoxAccV2):", flattering.round(3).tolist())
    write(summaries, arguments.out)
    print(arguments.out.read_text(encoding="utf-8"), end="")


if __name__ == "__main__":
    main()

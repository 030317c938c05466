"""Measure a network on fresh scenes, whose truth is known.

The command is `python data/measure_tiny_resnet.py`.

It answers two questions. How often is the class right? How often does the raw map peak in the
object of its class? The peak is the map's highest cell, carried from the crop back to the scene;
"in the object" means inside its box.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean as mean

import torch

from cam_helpers.boxes import is_inside
from cam_helpers.drawn.scenes import Scene, draw_scene
from cam_helpers.explain import Point, explain
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import Network
from cam_helpers.networks.tiny_resnet import CATEGORIES

# Training draws seeds from 1,000,000 on and never comes this far.
FIRST_SINGLE_SEED = 900_000_000
FIRST_PAIR_SEED = 910_000_000


@dataclass(frozen=True)
class Measurement:
    """What was found over scenes with one object and scenes with two; shares from 0 to 1."""

    scenes: int
    accuracy: float
    single_peak_in_box: float
    single_shift: Point  # of the peak from the box's middle, mean, in pixels
    pair_maps_in_own_box: float
    pair_scenes_in_own_boxes: float

    def __str__(self) -> str:
        """Return a table."""
        right, down = self.single_shift
        rows = [
            ("one object: the best class is right", f"{self.accuracy:6.1%}"),
            ("one object: the map peaks in its box", f"{self.single_peak_in_box:6.1%}"),
            (
                "one object: mean shift of the peak",
                f"{right:+.1f} px to the right, {down:+.1f} down",
            ),
            ("two: a map peaks in its own box only", f"{self.pair_maps_in_own_box:6.1%}"),
            ("two: both maps of a scene do", f"{self.pair_scenes_in_own_boxes:6.1%}"),
        ]
        title = (
            f"{self.scenes} fresh scenes with one object (seeds from {FIRST_SINGLE_SEED}), "
            f"{self.scenes} with two (from {FIRST_PAIR_SEED})"
        )
        return "\n".join([title, *(f"{text:40} {number}" for text, number in rows)])


def measure(network: Network, scenes: int = 1_200) -> Measurement:
    """Measure a network over `scenes` scenes with one object and as many with two.

    The network needs to know the categories of `draw_scene` by name.
    """
    right, hits, shifts, pair_hits = [], [], [], []
    for number in range(scenes):
        category = CATEGORIES[number % len(CATEGORIES)]
        scene = draw_scene(FIRST_SINGLE_SEED + number, [category])
        explanation = explain(network, scene.picture)
        right.append(explanation.prediction.top(1)[0].category == category)
        point = explanation.peak(category)
        hits.append(is_in_own_box(point, scene, category))
        shifts.append(shift_from_middle(point, scene.boxes[category]))
    pairs = list(combinations(CATEGORIES, 2))
    for number in range(scenes):
        classes = pairs[number % len(pairs)]
        scene = draw_scene(FIRST_PAIR_SEED + number, classes)
        explanation = explain(network, scene.picture)
        pair_hits.append([is_in_own_box(explanation.peak(c), scene, c) for c in classes])
    return Measurement(
        scenes,
        mean(right),
        mean(hits),
        (mean(x for x, _ in shifts), mean(y for _, y in shifts)),
        mean(hit for both in pair_hits for hit in both),
        mean(all(both) for both in pair_hits),
    )


def is_in_own_box(point: Point, scene: Scene, category: str) -> bool:
    """Say whether a point lies in the box of a category's object and in no other object's."""
    others = [box for name, box in scene.boxes.items() if name != category]
    in_another = any(is_inside(point, box) for box in others)
    return is_inside(point, scene.boxes[category]) and not in_another


def shift_from_middle(point: Point, box: Sequence[float]) -> Point:
    """Return how far to the right of and below the box's middle a point lies, in pixels."""
    return point[0] - (box[0] + box[2]) / 2, point[1] - (box[1] + box[3]) / 2


def positive(text: str) -> int:
    """Read a whole number from 1 on, for an option of a command."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number from 1 on")
    return number


def main() -> None:
    """Print what is found of `tiny_resnet`."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--scenes", type=positive, default=1_200, help="how many of each kind")
    torch.set_num_threads(1)
    scenes = parser.parse_args().scenes
    print(measure(load_network(), scenes))


if __name__ == "__main__":
    main()

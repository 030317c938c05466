"""Measure a network on fresh scenes, whose truth is known.

The command is `python -m cam_helpers.training.measure`.

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

from cam_helpers.explain import Explanation, explain
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import ClassChoice, Network
from cam_helpers.pictures.scenes import CATEGORIES, Scene, draw_scene
from cam_helpers.step_5_upsample_and_overlay import Placement

# Training draws seeds from 1,000,000 on and never comes this far.
FIRST_SINGLE_SEED = 900_000_000
FIRST_PAIR_SEED = 910_000_000
PLACEMENTS: tuple[Placement, ...] = ("cells", "article")
Point = tuple[float, float]


@dataclass(frozen=True)
class Figures:
    """What was found over scenes with one object and scenes with two; shares from 0 to 1."""

    scenes: int
    accuracy: float
    single_peak_in_box: dict[Placement, float]
    single_shift: dict[Placement, Point]  # of the peak from the box's middle, mean, in pixels
    pair_maps_in_own_box: dict[Placement, float]
    pair_scenes_in_own_boxes: dict[Placement, float]

    def __str__(self) -> str:
        """Return a table of all figures."""
        lines = [
            f"{self.scenes} fresh scenes with one object (seeds from {FIRST_SINGLE_SEED}), "
            f"{self.scenes} with two (from {FIRST_PAIR_SEED})",
            f"{'one object: the best class is right':58} {self.accuracy:6.1%}",
        ]
        for placement in PLACEMENTS:
            rows = [
                ("one object: the map peaks in its box", self.single_peak_in_box),
                ("two: a map peaks in its own box only", self.pair_maps_in_own_box),
                ("two: both maps of a scene do", self.pair_scenes_in_own_boxes),
            ]
            lines += [f"{f'{text} ({placement})':58} {row[placement]:6.1%}" for text, row in rows]
            right, down = self.single_shift[placement]
            text = f"one object: mean shift of the peak ({placement})"
            lines.append(f"{text:58} {right:+.1f} px to the right, {down:+.1f} down")
        return "\n".join(lines)


def measure(network: Network, scenes: int = 1_200) -> Figures:
    """Return the figures of a network over `scenes` scenes with one object and as many with two.

    The network needs to know the categories of `draw_scene` by name.
    """
    right = []
    hits: dict[Placement, list[bool]] = {placement: [] for placement in PLACEMENTS}
    shifts: dict[Placement, list[Point]] = {placement: [] for placement in PLACEMENTS}
    pair_hits: dict[Placement, list[list[bool]]] = {placement: [] for placement in PLACEMENTS}
    for number in range(scenes):
        category = CATEGORIES[number % len(CATEGORIES)]
        scene = draw_scene(FIRST_SINGLE_SEED + number, [category])
        explanation = explain(network, scene.picture)
        right.append(explanation.prediction.top(1)[0].category == category)
        for placement in PLACEMENTS:
            point = peak(explanation, category, placement)
            hits[placement].append(is_in_own_box(point, scene, category))
            shifts[placement].append(shift_from_middle(point, scene.boxes[category]))
    pairs = list(combinations(CATEGORIES, 2))
    for number in range(scenes):
        classes = pairs[number % len(pairs)]
        scene = draw_scene(FIRST_PAIR_SEED + number, classes)
        explanation = explain(network, scene.picture)
        for placement in PLACEMENTS:
            points = [(peak(explanation, category, placement), category) for category in classes]
            pair_hits[placement].append([is_in_own_box(p, scene, c) for p, c in points])
    return Figures(
        scenes,
        mean(right),
        {placement: mean(hits[placement]) for placement in PLACEMENTS},
        {p: (mean(x for x, _ in shifts[p]), mean(y for _, y in shifts[p])) for p in PLACEMENTS},
        {p: mean(hit for both in pair_hits[p] for hit in both) for p in PLACEMENTS},
        {p: mean(all(both) for both in pair_hits[p]) for p in PLACEMENTS},
    )


def peak(explanation: Explanation, class_index: ClassChoice, placement: Placement) -> Point:
    """Return where in the whole picture the map of a class is highest, (x, y) in pixels."""
    cam = explanation.cam(class_index)
    cell = divmod(int(cam.argmax()), cam.shape[1])
    return place_of_cell(explanation, cell, cam.shape, placement)


def place_of_cell(
    explanation: Explanation, cell: tuple[int, int], shape: Sequence[int], placement: Placement
) -> Point:
    """Return where `placement` draws a cell (row, column) of a map of some shape (see `upsample`).

    The place is (x, y) in pixels of the whole picture.
    """
    row, column = cell
    rows, columns = shape
    inset = 0.5 if placement == "article" else 0.0
    whole = explanation.whole_picture or explanation.input_picture
    box = explanation.network.seen_box(whole.size)
    x0, y0, x1, y1 = box if explanation.whole_picture else (0, 0, *whole.size)
    x = x0 + (column + inset) / columns * (x1 - x0)
    y = y0 + (row + inset) / rows * (y1 - y0)
    return x, y


def is_in_own_box(point: Point, scene: Scene, category: str) -> bool:
    """Say whether a point lies in the box of a category's object and in no other object's."""
    others = [box for name, box in scene.boxes.items() if name != category]
    in_another = any(is_inside(point, box) for box in others)
    return is_inside(point, scene.boxes[category]) and not in_another


def shift_from_middle(point: Point, box: Sequence[float]) -> Point:
    """Return how far to the right of and below the box's middle a point lies, in pixels."""
    return point[0] - (box[0] + box[2]) / 2, point[1] - (box[1] + box[3]) / 2


def is_inside(point: Point, box: Sequence[float]) -> bool:
    """Say whether a point (x, y) lies in a box (x0, y0, x1, y1)."""
    return box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]


def main() -> None:
    """Print the figures of the shipped network."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--scenes", type=int, default=1_200, help="how many of each kind")
    torch.set_num_threads(1)
    scenes = parser.parse_args().scenes
    print(measure(load_network(), scenes))


if __name__ == "__main__":
    main()

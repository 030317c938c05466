"""Measure a network on fresh scenes, whose truth is known: `python -m cam_helpers.measure`.

It answers two questions. How often is the class right? How often does the raw map peak in the
object of its class? The peak is the brightest pixel of the upsampled map, carried from the crop
back to the scene; "in the object" means inside its box.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch

from cam_helpers.explain import Explanation, explain
from cam_helpers.networks import ClassChoice, Network, load_network
from cam_helpers.overlay import Placement, upsample
from cam_helpers.scenes import CATEGORIES, draw_scene

# Training draws seeds from 1,000,000 on and never comes this far.
FIRST_SINGLE_SEED = 900_000_000
FIRST_PAIR_SEED = 910_000_000
PLACEMENTS: tuple[Placement, ...] = ("cells", "article")
Point = tuple[float, float]


@dataclass(frozen=True)
class Figures:
    """Shares, from 0 to 1, over scenes with one object and scenes with two."""

    scenes: int
    accuracy: float
    single_peak_in_box: dict[Placement, float]
    pair_maps_in_own_box: dict[Placement, float]
    pair_scenes_in_own_boxes: dict[Placement, float]

    def __str__(self) -> str:
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
        return "\n".join(lines)


def measure(network: Network, scenes: int = 1_200) -> Figures:
    """Return the figures of a network over `scenes` scenes with one object and as many with two.

    The network needs to know the categories of `draw_scene` by name.
    """
    right = []
    single: dict[Placement, list[bool]] = {placement: [] for placement in PLACEMENTS}
    pair: dict[Placement, list[list[bool]]] = {placement: [] for placement in PLACEMENTS}
    for number in range(scenes):
        category = CATEGORIES[number % len(CATEGORIES)]
        explanation, [hits] = _look(network, FIRST_SINGLE_SEED + number, [category])
        right.append(explanation.prediction.top(1)[0].category == category)
        for placement in PLACEMENTS:
            single[placement].append(hits[placement])
    pairs = list(combinations(CATEGORIES, 2))
    for number in range(scenes):
        classes = pairs[number % len(pairs)]
        _, both = _look(network, FIRST_PAIR_SEED + number, classes)
        for placement in PLACEMENTS:
            pair[placement].append([hits[placement] for hits in both])
    return Figures(
        scenes,
        _share(right),
        {placement: _share(single[placement]) for placement in PLACEMENTS},
        {placement: _share(hit for both in pair[placement] for hit in both) for placement in pair},
        {placement: _share(all(both) for both in pair[placement]) for placement in pair},
    )


def _look(
    network: Network, seed: int, classes: Sequence[str]
) -> tuple[Explanation, list[dict[Placement, bool]]]:
    """Explain one scene; say for each class and placement whether the map peaks in its box only."""
    scene = draw_scene(seed, classes)
    explanation = explain(network, scene.picture)
    hits = []
    for category in classes:
        others = [scene.boxes[other] for other in classes if other != category]
        peaks = {p: peak(explanation, category, p) for p in PLACEMENTS}
        hits.append(
            {
                placement: is_inside(point, scene.boxes[category])
                and not any(is_inside(point, box) for box in others)
                for placement, point in peaks.items()
            }
        )
    return explanation, hits


def peak(explanation: Explanation, class_index: ClassChoice, placement: Placement) -> Point:
    """Return where in the whole picture the map of a class is highest, (x, y) in pixels."""
    crop, whole = explanation.input_picture, explanation.whole_picture or explanation.input_picture
    grown = upsample(explanation.cam(class_index), (crop.height, crop.width), placement)
    row, column = divmod(int(grown.argmax()), crop.width)
    x0, y0, x1, y1 = explanation.network.seen_box(whole.size)
    x = x0 + (column + 0.5) / crop.width * (x1 - x0)
    y = y0 + (row + 0.5) / crop.height * (y1 - y0)
    return x, y


def is_inside(point: Point, box: Sequence[float]) -> bool:
    """Say whether a point (x, y) lies in a box (x0, y0, x1, y1)."""
    return box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]


def _share(hits: Iterable[bool]) -> float:
    hits = list(hits)
    return sum(hits) / len(hits)


def main() -> None:
    """Print the figures of the shipped network."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--scenes", type=int, default=1_200, help="how many of each kind")
    torch.set_num_threads(1)
    scenes = parser.parse_args().scenes
    print(measure(load_network(), scenes))


if __name__ == "__main__":
    main()

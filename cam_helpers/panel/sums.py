"""The sums behind a map: what the channels add to one cell, and to the whole."""

from dataclasses import dataclass
from typing import NamedTuple

from torch import Tensor

from cam_helpers.explain import Explanation
from cam_helpers.networks.network import ClassChoice
from cam_helpers.step_4_weighted_sum import weighted_sum


class Term(NamedTuple):
    """One channel's part in a cell: weight x activation = contribution, in score units."""

    channel: int
    weight: float
    activation: float
    contribution: float


@dataclass(frozen=True)
class CellSum:
    """The sum behind one number of a map: strongest terms + rest = total, the cell's value."""

    strongest: list[Term]
    rest: float
    total: float


def sum_of_cell(
    explanation: Explanation, class_index: ClassChoice, row: int, column: int, terms: int = 5
) -> CellSum:
    """Return the terms of one cell with the largest contributions, the rest and the total.

    Large means far from zero, with either sign. Raises `IndexError` for a cell outside the map.
    """
    height, width = explanation.feature_maps.shape[1:]
    if not (0 <= row < height and 0 <= column < width):
        raise IndexError(
            f"Cell ({row}, {column}) is outside the map: rows run from 0 to {height - 1}, "
            f"columns from 0 to {width - 1}."
        )
    weights = explanation.class_weights(class_index).weights
    activations = explanation.feature_maps[:, row, column]
    contributions = weights * activations
    best = contributions.abs().topk(min(terms, len(contributions))).indices.tolist()
    strongest = [
        Term(k, weights[k].item(), activations[k].item(), contributions[k].item()) for k in best
    ]
    total = contributions.sum().item()
    return CellSum(strongest, total - sum(term.contribution for term in strongest), total)


def channels_by_size(explanation: Explanation, class_index: ClassChoice) -> Tensor:
    """Return all channels (C,), those that add or take most of the score first."""
    weights = explanation.class_weights(class_index).weights
    features = explanation.feature_maps.mean((1, 2))
    return (weights * features).abs().argsort(descending=True, stable=True)


def partial_cam(explanation: Explanation, class_index: ClassChoice, channels: int) -> Tensor:
    """Return the map (h, w) that the `channels` largest channels make; all of them make `cam`."""
    if channels >= len(explanation.feature_maps):
        return explanation.cam(class_index)
    largest = channels_by_size(explanation, class_index)[:channels]
    weights = explanation.class_weights(class_index).weights
    return weighted_sum(weights[largest], explanation.feature_maps[largest])

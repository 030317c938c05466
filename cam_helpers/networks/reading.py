"""How a network's scores are read as probabilities: a network says it, since numbers cannot."""

from typing import Literal, get_args

from torch import Tensor

# One class of all (softmax), each class for itself (sigmoid, a multi-label network), or numbers
# that are not to be changed, such as those of a model that ends in softmax.
Reading = Literal["softmax", "sigmoid", "as they are"]


def check_reading(reading: object) -> None:
    """Raise `ValueError` for another reading than the three."""
    if reading not in get_args(Reading):
        raise ValueError(f'reading is "softmax", "sigmoid" or "as they are", not {reading!r}.')


def read(scores: Tensor, reading: Reading) -> Tensor:
    """Return what scores (K,) or (N, K) say when they are read in this way, in the same shape."""
    if reading == "softmax":
        return scores.softmax(-1)
    return scores.sigmoid() if reading == "sigmoid" else scores


def are_probabilities(scores: Tensor) -> bool:
    """Say whether scores (N, K) are none: nowhere below 0, and 1 in sum over several classes."""
    if scores.is_meta or scores.shape[-1] < 2 or not len(scores) or scores.min() < 0:
        return False
    return bool(((scores.sum(-1) - 1).abs() < 1e-3).all())

"""The cells of a layer's output, whatever the order in which a network keeps them."""

import math
from collections.abc import Sequence

from torch import Tensor


def as_maps(output: Tensor, size: Sequence[int], channels: int | None = None) -> Tensor | None:
    """Return a layer's output for inputs of `size` (H, W) as maps (N, C, h, w), or None.

    Convolutions give (N, C, h, w), Swin (N, h, w, C), and vision transformers (N, T, C): tokens
    without a cell, as the class token, then the cells row by row. Where the number C is known,
    `channels`, it says which they are; else the proportions of the picture do. None stands for what
    is none of these, such as a transformer's attention (N, heads, T, T) or its queries and keys
    (N, heads, T, d). It is a view of the output, not a copy.
    """
    height, width = size
    if output.ndim == 3:
        tokens = output.shape[1]
        rows = math.isqrt(tokens * height // width)
        columns = tokens // max(rows, 1)
        if rows * width != columns * height:  # the cells of a picture are squares
            return None
        cells = output[:, tokens - rows * columns :].mT
        maps = cells.view(*cells.shape[:2], rows, columns)
    elif output.ndim == 4 and output.numel():
        maps = output.permute(0, 3, 1, 2) if _is_channels_last(output, size, channels) else output
    else:
        return None
    if channels is None:
        return maps if _is_grid(maps, size) else None
    return maps if channels == maps.shape[1] else None


def check_weights_fit(weights: Tensor, feature_maps: Tensor) -> None:
    """Raise `TypeError` or `ValueError`, with the remedy, where the two make no weighted sum."""
    for name, given in (("weights", weights), ("feature_maps", feature_maps)):
        if not isinstance(given, Tensor):
            kind = type(given).__name__
            raise TypeError(f"{name} is a tensor, not a {kind}: try torch.as_tensor({name}).")
    if weights.ndim not in (1, 2) or feature_maps.ndim not in (3, 4):
        raise ValueError(
            "Weights are (C,) or (K, C) and feature maps (C, h, w) or (N, C, h, w), "
            f"not {tuple(weights.shape)} and {tuple(feature_maps.shape)}."
        )
    if weights.shape[-1] != feature_maps.shape[-3]:
        raise ValueError(
            f"{weights.shape[-1]} weights do not fit {feature_maps.shape[-3]} feature maps: "
            "both need one per channel."
        )
    for what in ("dtype", "device"):
        one, other = getattr(weights, what), getattr(feature_maps, what)
        if one != other:
            raise ValueError(f"Weights are {one}, feature maps {other}: convert one with .to().")


def _is_grid(maps: Tensor, size: Sequence[int]) -> bool:
    """Say whether maps (N, C, h, w) are a grid over a picture: its cells are squares, nearly.

    Paddings add or take a cell at each end. Rows that all add up to 1 are shares of attention.
    """
    rows, columns = maps.shape[2:]
    if abs(rows * size[1] - columns * size[0]) > 2 * max(size):
        return False
    return columns == 1 or not ((maps.sum(-1) - 1).abs() <= 1e-3).all()


def _is_channels_last(output: Tensor, size: Sequence[int], channels: int | None) -> bool:
    may_be_first, may_be_last = (output.shape[i] == channels for i in (1, 3))
    if may_be_first != may_be_last:
        return may_be_last
    last, first = (abs(_log_ratio(output.shape[i : i + 2], size)) for i in (1, 2))
    return last < first


def _log_ratio(shape: Sequence[int], size: Sequence[int]) -> float:
    """Return how far a grid's proportions are from a picture's; 0 means the same."""
    return math.log(shape[0] * size[1] / (shape[1] * size[0]))

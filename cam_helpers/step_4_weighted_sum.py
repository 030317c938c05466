"""Step 4: weights times feature maps, added up, is the class activation map."""

import torch
from torch import Tensor


def weighted_sum(weights: Tensor, feature_maps: Tensor) -> Tensor:
    """Return the class activation map of one class, (h, w), or of K classes, (K, h, w).

    `weights` is (C,) or (K, C), `feature_maps` is (C, h, w); a batch (N, C, h, w) gives
    (N, h, w) or (N, K, h, w). Unit: score. Formula: M_c(x, y) = sum over k of w_k^c f_k(x, y)
    (Zhou et al. 2016, "Learning Deep Features for Discriminative Localization", equation 2).
    Nothing is clipped or rescaled, and gradients flow where the inputs ask for them.

    By the paper's equation 1 the score is the sum of the map over its cells, without a bias. The
    networks here take the mean of every feature map and add a bias: score = mean(map) + bias.

    Raises `TypeError` for anything but tensors, and `ValueError` where the numbers of dimensions
    or of channels, the dtypes or the devices do not fit.
    """
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
    if weights.ndim == 1:
        return torch.einsum("c,...chw->...hw", weights, feature_maps)
    return torch.einsum("kc,...chw->...khw", weights, feature_maps)

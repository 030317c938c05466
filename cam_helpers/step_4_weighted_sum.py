"""Step 4: weights times feature maps, added up, is the class activation map."""

import torch
from torch import Tensor

from cam_helpers.networks.cells import check_weights_fit


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

    >>> weighted_sum(torch.tensor([1.0, -2.0]), torch.tensor([[[3.0, 0.0]], [[1.0, 1.0]]]))
    tensor([[ 1., -2.]])
    """
    check_weights_fit(weights, feature_maps)
    if weights.ndim == 1:
        return torch.einsum("c,...chw->...hw", weights, feature_maps)
    return torch.einsum("kc,...chw->...khw", weights, feature_maps)

"""What several test files need: noise, hooks that are left, the sum that must hold."""

import numpy as np
import torch
from torch import Tensor, nn

import cam_helpers as ch

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def noise(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 1) -> Tensor:
    """Normally distributed numbers, the same on every call."""
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def pixels(picture: object) -> np.ndarray:
    """The levels of a picture as whole numbers that can be subtracted."""
    return np.asarray(picture).astype(int)


def hook_count(model: nn.Module) -> int:
    return sum(len(getattr(layer, kind)) for layer in model.modules() for kind in HOOKS)


def assert_adds_up(explanation: ch.Explanation) -> None:
    """How much: mean(map) + bias = score, for every class."""
    bias = explanation.network.classifier.bias.detach()
    balance = explanation.cams().mean((1, 2)) + bias
    largest = explanation.scores.abs().max().item()
    torch.testing.assert_close(balance, explanation.scores, rtol=0, atol=1e-4 * largest)

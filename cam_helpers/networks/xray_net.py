"""Two small networks that look for an opacity in a drawn x-ray: `xray_fair` and `xray_biased`.

They differ only in what they were trained on (`data/train_xrays.py`): for `xray_biased` a
letter stood in a corner of every picture with an opacity and of no other.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from cam_helpers.folders import DATA_FOLDER
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.networks.weights_file import with_shipped

XRAY_NAMES = ("xray_fair", "xray_biased")
XRAY_CATEGORIES = ("clear", "opacity")


class XRayNet(nn.Module):
    """Four convolutions, global average pooling and a linear layer; 14 x 14 cells at 224 pixels.

    Kernels of 4 with strides of 4 and 2 look through windows whose middles are the middles of the
    cells' squares, so that maps are drawn where the network looks.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _Grey(),
            *_convolution(1, 8, kernel=4, stride=4, padding=0),
            *_convolution(8, 16, kernel=4, stride=2, padding=1),
            *_convolution(16, 32, kernel=4, stride=2, padding=1),
            *_convolution(32, 64, kernel=3, stride=1, padding=1),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(64, len(XRAY_CATEGORIES))
        # An opacity fills a few cells of 196, and their mean is small: large weights to begin with.
        nn.init.normal_(self.fc.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> scores (N, 2), the numbers before softmax."""
        scores: Tensor = self.fc(torch.flatten(self.avgpool(self.features(x)), 1))
        return scores


class _Grey(nn.Module):
    """The mean of the three colours: an x-ray has none, and one convolves faster than three."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, 1, H, W)."""
        return x.mean(1, keepdim=True)


def _convolution(
    before: int, after: int, kernel: int, stride: int, padding: int
) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(before, after, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(after),
        nn.ReLU(),
    )


def preprocess_for_xrays() -> Preprocess:
    """Return the preprocessing of the training: the whole picture is seen."""
    return Preprocess(resize_size=224, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


def xray_weights_file(name: str) -> Path:
    """Return where the weights of `xray_fair` or `xray_biased` are shipped."""
    return DATA_FOLDER / "weights" / f"{name}.pt"


def load_xray(weights_file: Path) -> XRayNet:
    """Return a trained network in evaluation mode, after checking its weights by SHA-256.

    Raises what `with_shipped` raises.
    """
    return with_shipped(XRayNet(), weights_file)

"""The small network that ships with the project, with ResNet's own layer names.

It has the shape of ResNet-18 (He et al. 2016, "Deep Residual Learning for Image Recognition",
table 1): a stem, four stages that each halve the picture, `avgpool`, `fc`. It has one block in a
stage instead of two and fewer channels, so that its weights fit in 3 MB and a forward pass takes
a few milliseconds.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from cam_helpers.folders import DATA_FOLDER
from cam_helpers.networks.weights_file import with_shipped

WEIGHTS_FILE = DATA_FOLDER / "weights" / "tiny_resnet.pt"
# In the order of its scores. They are the objects of `draw_scene`.
CATEGORIES = (
    *("cat", "dog", "bird", "fish", "butterfly", "flower"),
    *("tree", "house", "car", "boat", "umbrella", "cup"),
)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut (He et al. 2016, figure 2)."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, h, w) -> (N, channels, h / stride, w / stride)."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out)) + self.downsample(x)
        activated: Tensor = self.relu(out)
        return activated


class TinyResNet(nn.Module):
    """A narrow ResNet that ends, like ResNet-18, in global average pooling and a linear layer."""

    def __init__(
        self, num_classes: int = len(CATEGORIES), widths: Sequence[int] = (24, 48, 96, 192)
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, widths[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        self.layer1 = nn.Sequential(BasicBlock(widths[0], widths[0], stride=1))
        self.layer2 = nn.Sequential(BasicBlock(widths[0], widths[1], stride=2))
        self.layer3 = nn.Sequential(BasicBlock(widths[1], widths[2], stride=2))
        self.layer4 = nn.Sequential(BasicBlock(widths[2], widths[3], stride=2))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(widths[3], num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> scores (N, num_classes), the numbers before softmax."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        scores: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return scores


def load_tiny_resnet(weights_file: Path | None = None) -> TinyResNet:
    """Return the trained network in evaluation mode, after checking its weights by SHA-256.

    Raises what `with_shipped` raises.
    """
    return with_shipped(TinyResNet(), weights_file or WEIGHTS_FILE)

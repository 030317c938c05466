"""A small vision transformer: the shortest network whose map adds up and shows no place.

It is a hybrid (Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", section 3.1): three
convolutions make tokens of the picture, four transformer blocks let the tokens talk, and then come
a mean over the tokens and one linear layer. It knows the classes of `tiny_resnet`.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from cam_helpers.folders import DATA_FOLDER
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.networks.tiny_resnet import CATEGORIES
from cam_helpers.networks.weights_file import with_shipped

WEIGHTS_FILE = DATA_FOLDER / "weights" / "tiny_vit.pt"
CROP_SIZE = 112


class Attention(nn.Module):
    """Every token gathers from every token (Vaswani et al. 2017, "Attention Is All You Need")."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.shares = nn.Softmax(-1)  # (N, heads, T, T): how much each token gathers from each
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, T, width) -> (N, T, width)."""
        each = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        queries, keys, values = each
        gathered = self.shares(queries * queries.shape[-1] ** -0.5 @ keys.mT) @ values
        out: Tensor = self.proj(gathered.transpose(1, 2).flatten(2))
        return out


class Block(nn.Module):
    """Gather from the other tokens, then think alone; both are added to what was there."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, 3 * width), nn.GELU(), nn.Linear(3 * width, width)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """(N, T, width) -> (N, T, width)."""
        tokens = tokens + self.attn(self.norm1(tokens))
        out: Tensor = tokens + self.mlp(self.norm2(tokens))
        return out


class TinyViT(nn.Module):
    """Three convolutions, four blocks, a last LayerNorm; then the mean over tokens and `head`."""

    def __init__(
        self, num_classes: int = len(CATEGORIES), width: int = 96, depth: int = 4, heads: int = 4
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *_convolution(3, 16),
            *_convolution(16, 32),
            *_convolution(32, width)[:2],
        )
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) -> scores (N, num_classes), the numbers before softmax."""
        maps = self.stem(x)
        tokens = maps.flatten(2).mT + sine_positions(*maps.shape[1:]).to(maps)
        scores: Tensor = self.head(self.norm(self.blocks(tokens)).mean(1))
        return scores


def sine_positions(width: int, rows: int, columns: int) -> Tensor:
    """Return a fixed address for each token, (rows * columns, width).

    Half of the numbers are sines and cosines of the row, half of the column, at width / 4 different
    wavelengths (Vaswani et al. 2017, section 3.5, once for each direction).
    """
    speeds = 10_000 ** (-torch.arange(width // 4) / (width // 4))
    down = torch.arange(rows)[:, None] * speeds
    across = torch.arange(columns)[:, None] * speeds
    down, across = (torch.cat([a.sin(), a.cos()], 1) for a in (down, across))
    each = [down[:, None].expand(-1, columns, -1), across[None].expand(rows, -1, -1)]
    return torch.cat(each, 2).flatten(0, 1)


def _convolution(before: int, after: int) -> tuple[nn.Module, nn.Module, nn.Module]:
    """Kernels of 4 in steps of 2: each cell's window has its middle in the middle of its square."""
    convolution = nn.Conv2d(before, after, 4, stride=2, padding=1, bias=False)
    return convolution, nn.BatchNorm2d(after), nn.ReLU()


def preprocess_for_tiny_vit() -> Preprocess:
    """Return the preprocessing of the training: the whole of a square picture, at 112 pixels."""
    return Preprocess(resize_size=CROP_SIZE, crop_size=CROP_SIZE)


def load_tiny_vit(weights_file: Path | None = None) -> TinyViT:
    """Return the trained network in evaluation mode, after checking its weights by SHA-256.

    Raises what `with_shipped` raises.
    """
    return with_shipped(TinyViT(), weights_file or WEIGHTS_FILE)

"""Whether the cells of a network talk to each other.

A convolution hands a cell what lies beside it. Attention over the whole picture hands it, in one
step, what lies anywhere; then evidence need not stay where it was found, and a map that adds up to
the score need not show the place. The proof cannot see that: it asks where a disturbance arrives,
not where evidence is kept.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cam_helpers.networks.cells import as_maps
from cam_helpers.networks.proof import disturbed
from cam_helpers.networks.recorded import run
from cam_helpers.networks.running import evaluation_mode, watched

# How much more the opposite corner may change a cell, after one layer, than it did before: as a
# share of what the cell's own corner changes. On noise, with random weights, convolutions of
# torchvision's families reach 0.15 at most (ConvNeXt, GoogLeNet; gates as in EfficientNet: 0.10).
# Attention over all cells reaches 0.7 to 1 (Swin v2, ViT, Swin, tiny_vit), over 3 x 3 cells 0.
LARGEST_STEP = 0.5


def mixing_layer(model: nn.Module, picture: Tensor, feature_layer: str) -> str | None:
    """Return the first layer that hands cells what lies at the other end of noise (1, C, H, W).

    None where there is none: convolutions, and attention between neighbours. Asked are the layers
    whose outputs have the feature maps' rows and columns. So a layer is overlooked that adds what
    it gathered to what was there and gives out the sum alone.
    """
    with evaluation_mode(model), torch.inference_mode():
        [maps] = _maps(model, picture, [feature_layer], lambda maps: maps).values()
        size = maps.shape[1:]
        plain = _corners(model, picture, size)
        changes = []
        for corner in range(4):
            after = _corners(model, disturbed(picture, corner), size)
            changes.append({name: (after[name] - plain[name]).norm(dim=1) for name in plain})
    highest = None
    for name in plain:
        by_corner = torch.stack([change[name] for change in changes])  # (4 disturbed, 4 seen, n)
        own, opposite = by_corner.diagonal(), by_corner.flip(0).diagonal()  # (n, 4)
        share = (opposite / own).nan_to_num(0).median(0).values.mean().item()
        if highest is not None and share - highest > LARGEST_STEP:
            return name
        highest = max(share, highest or 0)
    return None


def _corners(model: nn.Module, picture: Tensor, size: torch.Size) -> dict[str, Tensor]:
    """Return what the outermost cells of the four corners hold, layer by layer, (4, C, n).

    Of layers with maps of `size` (h, w). A corner has a quarter of the rows and of the columns.
    """
    height, width = (max(1, length // 4) for length in size)

    def cut(maps: Tensor) -> Tensor | None:
        if maps.shape[1:] != size:
            return None
        rows = maps[:, :height], maps[:, -height:]
        corners = [part for row in rows for part in (row[..., :width], row[..., -width:])]
        return torch.stack([corner.flatten(1) for corner in corners]).float()

    return _maps(model, picture, [name for name, _ in model.named_modules() if name], cut)


def _maps(
    model: nn.Module,
    picture: Tensor,
    names: Sequence[str],
    cut: Callable[[Tensor], Tensor | None],
) -> dict[str, Tensor]:
    """Run one pass; return what `cut` leaves of layers' maps (C, h, w), in order of finishing."""
    caught: dict[str, Tensor] = {}

    def catch(name: str, layer: nn.Module, by_place: Any, by_name: Any, output: Any) -> None:
        first = output[0] if isinstance(output, tuple) and output else output  # nn's own attention
        maps = as_maps(first, picture.shape[2:]) if isinstance(first, Tensor) else None
        # Windows of a picture (timm's Swin) come as a batch of several: none is the picture.
        part = cut(maps[0]) if maps is not None and len(maps) == 1 else None
        if part is not None:
            caught.pop(name, None)  # of a layer used twice the latest call counts
            caught[name] = part

    with watched({name: model.get_submodule(name) for name in names}, catch):
        run(model, picture)
    return caught

"""Step 5: the map grows to the picture's size and is laid over it."""

import math
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cam_helpers.folders import DATA_FOLDER

Placement = Literal["cells", "article"]
# The better of the two for tiny_resnet, as `python -m cam_helpers.training.measure` prints it.
DEFAULT_PLACEMENT: Placement = "article"
Limits = tuple[float, float]
Box = tuple[float, float, float, float]
# Perceptually uniform maps first; jet is the article's. Stored, so that matplotlib can stay away.
COLOUR_MAPS = ("viridis", "magma", "inferno", "cividis", "gray", "coolwarm", "jet")


def upsample(
    cam: Tensor, size: tuple[int, int], placement: Placement = DEFAULT_PLACEMENT
) -> Tensor:
    """Enlarge a map (h, w), or several (K, h, w), to `size` = (H, W) by bilinear interpolation.

    `placement` says at which pixel the value of cell i is drawn, with s = H / h pixels a cell:
    `"article"` at s i + (s - 1) / 2, the middle of the cell's own square, as
    `F.interpolate(..., align_corners=False)` does it, and `"cells"` at s i, where the strides and
    paddings of a ResNet centre what the cell can see. `"article"` keeps the mean of the map, for
    whole s. Notebook 05 measures both.
    """
    if cam.ndim not in (2, 3) or 0 in cam.shape[-2:]:
        raise ValueError(f"A map is (h, w) or (K, h, w), not {tuple(cam.shape)}.")
    if len(size) != 2 or min(size) < 1:
        raise ValueError(f"The size is (height, width) in pixels, at least 1 each, not {size}.")
    cam = cam if cam.is_floating_point() else cam.float()
    down, across = (
        _interpolation_matrix(cells, pixels, placement, cam.dtype, cam.device)
        for cells, pixels in zip(cam.shape[-2:], size, strict=True)
    )
    with torch.inference_mode():
        grown = down @ cam @ across.T
        # The shares add up to 1 but for rounding, which would give a constant map many colours.
        lowest, highest = cam.amin((-2, -1), keepdim=True), cam.amax((-2, -1), keepdim=True)
        torch.maximum(grown, lowest, out=grown)  # both are three times as fast as clamp
        return torch.minimum(grown, highest, out=grown)


@lru_cache(maxsize=32)
def _interpolation_matrix(
    cells: int, pixels: int, placement: Placement, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """(pixels, cells): row p holds the share of each cell in pixel p; every row adds up to 1."""
    if placement not in ("cells", "article"):
        raise ValueError(f'placement is "cells" or "article", not {placement!r}.')
    pixel = torch.arange(pixels, dtype=torch.float64)
    if placement == "cells":
        position = pixel * cells / pixels
    else:
        position = (pixel + 0.5) * cells / pixels - 0.5
    distance = position.clamp(0, cells - 1)[:, None] - torch.arange(cells)
    return (1 - distance.abs()).clamp(min=0).to(device, dtype)


def overlay(
    picture: Image.Image,
    cam: Tensor,
    *,
    opacity: float = 0.5,
    colour_map: str = "viridis",
    limits: Limits | None = None,
    placement: Placement = DEFAULT_PLACEMENT,
    box: Box | None = None,
) -> Image.Image:
    """Lay a map (h, w) over a picture; return an RGB picture of the picture's own size.

    `opacity` runs from 0 (picture alone) to 1 (map alone). `limits` are the two values, in score
    units, at which the colours begin and end; `None` takes the map's own smallest and largest
    value, which says nothing of how it compares with another map. `box` is the part of the
    picture that the map describes, (x0, y0, x1, y1) in pixels (`Network.seen_box`); `None` means
    the whole picture, and outside the box the picture stays as it is.
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity runs from 0 to 1, not {opacity}.")
    x0, y0, x1, y1 = (round(edge) for edge in box or (0, 0, *picture.size))
    # The few cells are put between the limits, and then enlarged; the other way round is slower,
    # and gives the same. Far beyond the limits all is one colour, and infinity cannot be enlarged.
    steps = torch.from_numpy(_steps(cam, limits).clip(-1e30, 1e30)).float()
    colours = _painted(upsample(steps, (y1 - y0, x1 - x0), placement).numpy(), colour_map)
    if box is None:
        return Image.blend(picture.convert("RGB"), colours, opacity)
    result = picture.convert("RGB")
    seen = result.crop((x0, y0, x1, y1))
    result.paste(Image.blend(seen, colours, opacity), (x0, y0))
    return result


def colourise(
    cam: Tensor, colour_map: str = "viridis", limits: Limits | None = None
) -> Image.Image:
    """Turn a map (H, W) into an RGB picture of the same size, one colour per value.

    Values at or outside `limits` take the first or last of the 256 colours. A map without any
    difference, without `limits`, takes the first colour everywhere.
    """
    return _painted(_steps(cam, limits), colour_map)


def _steps(cam: Tensor, limits: Limits | None) -> np.ndarray:
    """Return where the values of a map (H, W) lie: 0 at the lower limit, 255 at the upper one."""
    if cam.ndim != 2 or not cam.numel():
        raise ValueError(f"A map to colour is (H, W), not {tuple(cam.shape)}.")
    # In double precision, so that neither a very small unit nor a large offset costs colours.
    numbers = cam.detach().cpu().double().numpy()
    own = float(numbers.min()), float(numbers.max())
    low, high = limits or own
    if not all(map(math.isfinite, (*own, low, high, high - low))):
        raise ValueError("A map to colour, its limits and their distance are finite numbers.")
    if high < low:
        raise ValueError(f"limits are (lowest, highest), not ({low}, {high}).")
    span = max(high - low, math.ulp(0))  # no division by zero where there is no difference
    with np.errstate(over="ignore"):  # infinity lies beyond the last colour, too
        return (numbers - low) / span * 255


def _painted(steps: np.ndarray, colour_map: str) -> Image.Image:
    """Return an RGB picture: steps 0 to 255 in their colours, what lies beyond in the last one.

    Rounds and cuts `steps` in place: most of the time goes into memory.
    """
    coloured = Image.fromarray(np.rint(steps, steps).clip(0, 255, steps).astype(np.uint8))
    coloured.putpalette(colour_table(colour_map).tobytes())
    return coloured.convert("RGB")


@lru_cache(maxsize=32)
def colour_table(colour_map: str) -> np.ndarray:
    """Return the 256 colours of a colour map, (256, 3) uint8; any name that matplotlib knows."""
    if colour_map in COLOUR_MAPS:
        with np.load(DATA_FOLDER / "colour_maps.npz") as tables:
            table: np.ndarray = tables[colour_map]
    else:
        table = _matplotlibs_colours(colour_map)
    table.setflags(write=False)  # kept for the next call
    return table


def _matplotlibs_colours(colour_map: str) -> np.ndarray:
    import matplotlib

    if colour_map not in matplotlib.colormaps:
        raise ValueError(f"No colour map {colour_map!r}. Try one of: {', '.join(COLOUR_MAPS)}.")
    colours = matplotlib.colormaps[colour_map](np.linspace(0, 1, 256), bytes=True)
    return np.ascontiguousarray(colours[:, :3])

"""Step 5: the map grows to the picture's size, gets its colours and is laid over the picture."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from cam_helpers.boxes import Box, rounded
from cam_helpers.cells import draw_grid
from cam_helpers.map_style import (
    AGAINST,
    FOR,
    Limits,
    MapStyle,
    StyleChoice,
    colour_table,
    share,
)
from cam_helpers.pictures.open_picture import PictureSource, open_picture

POWER = 0.7  # below 1, so that weak evidence can be seen as well
MIDDLE_GREY = (128, 128, 128)


def upsample(cam: Tensor, size: Sequence[int]) -> Tensor:
    """Enlarge a map (h, w), or several (K, h, w), to `size` = (H, W) by bilinear interpolation.

    The value of a cell stands in the middle of the cell's square, which is H/h x W/w pixels large.
    For whole H/h and W/w the mean of the map stays, and with it mean(map) + bias = score.

    >>> import torch
    >>> upsample(torch.tensor([[0.0, 4.0]]), (1, 4))
    tensor([[0., 1., 3., 4.]])
    """
    if not isinstance(cam, Tensor):
        raise TypeError(f"A map is a tensor, not {type(cam).__name__}: use torch.as_tensor.")
    if cam.ndim not in (2, 3) or 0 in cam.shape:
        raise ValueError(f"A map is (h, w) or (K, h, w), not {tuple(cam.shape)}.")
    if not isinstance(size, Sequence) or len(size) != 2 or min(size) < 1:
        raise ValueError(f"The size is (height, width) in pixels, at least 1 each, not {size}.")
    cam = cam if cam.is_floating_point() else cam.float()
    batch = cam.reshape(1, -1, *cam.shape[-2:])  # interpolate takes (N, C, h, w)
    grown = interpolate(batch, tuple(size), mode="bilinear", align_corners=False)
    return grown.reshape(*cam.shape[:-2], *size)


def overlay(
    picture: PictureSource,
    cam: Tensor,
    style: StyleChoice = None,
    *,
    limits: Limits | None = None,
    box: Box | None = None,
    **options: Any,
) -> Image.Image:
    """Lay a map (h, w) over a picture; return an RGB picture of its size, upright.

    `picture` is whatever `open_picture` takes. `style` is a `MapStyle` or the name of a style, and
    `options` are fields of `MapStyle`: `overlay(picture, cam, "blend", colour_map="jet",
    opacity=0.3)`. `limits` are the two values, in score units, at which the colours begin and end;
    evidence takes the one further from zero, on both sides. `None` takes the map's own smallest and
    largest value, which says nothing of how it compares with another map. `box` is the part of the
    picture that the map describes, (x0, y0, x1, y1) in pixels (`Network.seen_box`); `None` means
    the whole picture, and outside the box the picture stays as it is.

    >>> import torch
    >>> overlay("cat", torch.eye(7), limits=(-1, 1)).size
    (224, 224)
    """
    style = MapStyle.of(style, **options)
    _, limits = _checked(cam, limits)
    result = open_picture(picture)
    x0, y0, x1, y1 = rounded(box or (0, 0, *result.size))
    seen = result.crop((x0, y0, x1, y1))
    # In the map's own precision: what is painted is what `upsample` gives to everybody.
    grown = upsample(cam.detach().cpu(), (seen.height, seen.width))
    drawn = _laid_over(seen, grown.double(), style, limits)
    if style.grid:
        draw_grid(drawn, cam.shape)
    result.paste(drawn, (x0, y0))
    return result


def colourise(
    cam: Tensor, style: StyleChoice = None, *, limits: Limits | None = None, **options: Any
) -> Image.Image:
    """Turn a map (H, W) into an RGB picture of the same size: the map alone, in its colours.

    `style`, `limits` and `options` as in `overlay`. Evidence lies over middle grey, a blend's
    colours over nothing. Where the two limits are one, a blend takes its first colour everywhere.

    >>> import torch
    >>> colourise(torch.zeros(2, 3)).getpixel((0, 0))  # middle grey, paled
    (191, 191, 191)
    """
    style = MapStyle.of(style, **options)
    if style.style == "blend":
        style = replace(style, opacity=1.0)
    numbers, limits = _checked(cam, limits)
    grey = Image.new("RGB", (cam.shape[1], cam.shape[0]), MIDDLE_GREY)
    return _laid_over(grey, numbers, style, limits)


def _checked(cam: Tensor, limits: Limits | None) -> tuple[Tensor, Limits]:
    """Return the map in double precision, and its limits.

    In double precision, so that neither a very small unit nor a large offset costs colours.
    """
    if not isinstance(cam, Tensor):
        raise TypeError(f"A map is a tensor, not {type(cam).__name__}: use torch.as_tensor.")
    if cam.ndim != 2 or not cam.numel():
        raise ValueError(f"A map to colour is (H, W), not {tuple(cam.shape)}.")
    numbers = cam.detach().cpu().double()
    own = numbers.min().item(), numbers.max().item()
    limits = own if limits is None else limits
    if len(limits) != 2 or limits[1] < limits[0]:
        raise ValueError(f"limits are (lowest, highest), not {limits}.")
    if not all(map(math.isfinite, (*own, *limits, limits[1] - limits[0]))):
        raise ValueError("A map to colour, its limits and their distance are finite numbers.")
    return numbers, limits


def _laid_over(seen: Image.Image, cam: Tensor, style: MapStyle, limits: Limits) -> Image.Image:
    """Colour a map (H, W) and lay it over a picture of its size."""
    low, high = style.colour_limits(limits)
    if style.style == "blend":
        steps = 255 * share(cam.clamp(low, high) - low, high - low)
        colours = in_colours(steps.round(), colour_table(style.colour_map).tobytes())
        return Image.blend(seen, colours, style.greatest_opacity)
    strength = share(cam.abs().clamp(max=high), high).float()  # a share needs no more digits
    opacity = (255 * style.greatest_opacity * strength**POWER).round().byte()
    hues = in_colours(cam > 0, bytes(AGAINST + FOR))
    return Image.composite(hues, pale(seen), Image.fromarray(opacity.numpy()))


def in_colours(numbers: Tensor, table: bytes) -> Image.Image:
    """Return whole numbers (H, W) as an RGB picture; `table` holds red, green, blue for each."""
    picture = Image.fromarray(numbers.byte().numpy())
    picture.putpalette(table)
    return picture.convert("RGB")


def pale(picture: Image.Image) -> Image.Image:
    """Return an RGB picture grey and paled: colour belongs to the map alone."""
    return picture.convert("L").point([(level + 255) // 2 for level in range(256)]).convert("RGB")

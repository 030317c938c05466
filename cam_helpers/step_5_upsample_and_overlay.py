"""Step 5: the map grows to the picture's size, gets its colours and is laid over the picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from numbers import Real
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn.functional import interpolate

from cam_helpers.boxes import Box, rounded
from cam_helpers.pictures.open_picture import PictureSource, open_picture

Limits = tuple[float, float]
Style = Literal["evidence", "blend"]
Scale = Literal["shared", "raw", "min-max"]
# A choice for lists, perceptually uniform ones first; jet is the article's.
COLOUR_MAPS = ("viridis", "magma", "inferno", "cividis", "gray", "coolwarm", "jet")

# Orange and purple; with these and with `pale`, sign and order of the cells are read best from the
# drawn pixels, in normal and in colour-deficient sight: python tests/studies/reading_overlays.py
FOR, AGAINST = (240, 110, 0), (80, 45, 185)
SCALES: tuple[Scale, ...] = ("shared", "raw", "min-max")
OPACITY: dict[Style, float] = {"evidence": 0.85, "blend": 0.5}
POWER = 0.7  # below 1, so that weak evidence can be seen as well
MIDDLE_GREY = (128, 128, 128)


@dataclass(frozen=True)
class MapStyle:
    """How a map is drawn.

    `style`: `"evidence"` pales the picture and lays orange over it where the map speaks for the
    class and purple where it speaks against, the more opaque the further from zero; `"blend"` lays
    a colour map over the whole picture. `scale` says which limits an `Explanation` takes: shared
    by all classes, or the map's own (`Explanation.limits`). `colour_map` is any that matplotlib
    knows, for blends. `opacity`, from 0 to 1, is the greatest of an evidence map (`None`: 0.85) or
    that of a blend (`None`: 0.5). `grid` draws the borders of the cells.
    """

    style: Style = "evidence"
    scale: Scale = "shared"
    colour_map: str = "viridis"
    opacity: float | None = None
    grid: bool = False

    def __post_init__(self) -> None:
        if self.style not in OPACITY:
            raise ValueError(
                f'style is "evidence" or "blend", not {self.style!r}. A colour map is chosen with '
                'colour_map="viridis".'
            )
        if self.scale not in SCALES:
            raise ValueError(f'scale is "shared", "raw" or "min-max", not {self.scale!r}.')
        if self.colour_map not in COLOUR_MAPS:
            colour_table(self.colour_map)  # raises for a name that matplotlib does not know
        number = self.opacity
        if number is not None and not (isinstance(number, Real) and 0 <= number <= 1):
            raise ValueError(f"opacity runs from 0 to 1, not {number!r}.")

    @staticmethod
    def of(style: "StyleChoice", **options: Any) -> "MapStyle":
        """Return a style given whole or by name, with some of its fields set anew.

        Without a name, a `colour_map` asks for a blend; otherwise it is evidence.
        """
        if isinstance(style, MapStyle):
            return replace(style, **options)
        if style == "evidence" and "colour_map" in options:
            raise ValueError('The style "evidence" has its own colours; "blend" has a colour_map.')
        return MapStyle(style or ("blend" if "colour_map" in options else "evidence"), **options)

    @property
    def greatest_opacity(self) -> float:
        """`opacity`, or the style's own where that is None."""
        return OPACITY[self.style] if self.opacity is None else self.opacity

    def ends(self, limits: Limits) -> Limits:
        """Return the values of the first and the last colour; for evidence zero lies between."""
        most = max(map(abs, limits))
        return (-most, most) if self.style == "evidence" else limits


StyleChoice = MapStyle | Style | None


def upsample(cam: Tensor, size: Sequence[int]) -> Tensor:
    """Enlarge a map (h, w), or several (K, h, w), to `size` = (H, W) by bilinear interpolation.

    The value of a cell stands in the middle of the cell's square, which is H/h x W/w pixels large.
    For whole H/h and W/w the mean of the map stays, and with it mean(map) + bias = score.
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
    """
    style = MapStyle.of(style, **options)
    _, limits = _checked(cam, limits)
    result = open_picture(picture)
    x0, y0, x1, y1 = rounded(box or (0, 0, *result.size))
    seen = result.crop((x0, y0, x1, y1))
    # In the map's own precision: what is painted is what `upsample` gives to everybody.
    grown = upsample(cam.detach().cpu(), (seen.height, seen.width))
    drawn = _laid_over(seen, grown.double().numpy(), style, limits)
    if style.grid:
        _draw_grid(drawn, cam.shape)
    result.paste(drawn, (x0, y0))
    return result


def colourise(
    cam: Tensor, style: StyleChoice = None, *, limits: Limits | None = None, **options: Any
) -> Image.Image:
    """Turn a map (H, W) into an RGB picture of the same size: the map alone, in its colours.

    `style`, `limits` and `options` as in `overlay`. Evidence lies over middle grey, a blend's
    colours over nothing. Where the two limits are one, a blend takes its first colour everywhere.
    """
    style = MapStyle.of(style, **options)
    if style.style == "blend":
        style = replace(style, opacity=1.0)
    numbers, limits = _checked(cam, limits)
    grey = Image.new("RGB", (cam.shape[1], cam.shape[0]), MIDDLE_GREY)
    return _laid_over(grey, numbers.numpy(), style, limits)


def legend(style: StyleChoice = None, **options: Any) -> Image.Image:
    """Return the colours of a style from the lowest to the highest value, 256 x 1 pixels."""
    style = MapStyle.of(style, **options)
    low, high = style.ends((0.0, 1.0))
    ramp = torch.linspace(low, high, 256, dtype=torch.float64)
    return colourise(ramp[None], style, limits=(low, high))


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


def _laid_over(
    seen: Image.Image, numbers: np.ndarray, style: MapStyle, limits: Limits
) -> Image.Image:
    """Colour a map (H, W) and composite it with a picture of its size."""
    low, high = style.ends(limits)
    numbers = numbers.clip(low, high)
    if style.style == "blend":
        # No division by zero where there is no difference.
        steps = (numbers - low) / max(high - low, math.ulp(0)) * 255
        colours = colour_table(style.colour_map)[steps.round().astype(np.uint8)]
        return Image.blend(seen, Image.fromarray(colours), style.greatest_opacity)
    strength = np.abs(numbers) / max(high, math.ulp(0))
    opacity = Image.fromarray((255 * style.greatest_opacity * strength**POWER).round().astype("u1"))
    hues = np.array((AGAINST, FOR), dtype=np.uint8)
    hue = Image.fromarray(hues[(numbers > 0).astype(int)])
    return Image.composite(hue, pale(seen), opacity)


def pale(picture: Image.Image) -> Image.Image:
    """Return an RGB picture half grey and paled: colour is left to the map."""
    half_grey = Image.blend(picture, picture.convert("L").convert("RGB"), 0.5)
    return Image.blend(half_grey, Image.new("RGB", picture.size, "white"), 0.5)


@lru_cache(maxsize=32)
def colour_table(colour_map: str) -> np.ndarray:
    """Return the 256 colours of a colour map, (256, 3) uint8; any name that matplotlib knows."""
    from matplotlib import colormaps

    if colour_map not in colormaps:
        raise ValueError(f"No colour map {colour_map!r}. Try one of: {', '.join(COLOUR_MAPS)}.")
    table = np.ascontiguousarray(colormaps[colour_map](np.linspace(0, 1, 256), bytes=True)[:, :3])
    table.setflags(write=False)  # kept for the next call
    return table


def cell_box(row: int, column: int, shape: Sequence[int], size: Sequence[float]) -> Box:
    """Return the square of one cell of a map of `shape` (h, w), drawn `size` (H, W) large.

    The box is (x0, y0, x1, y1) in pixels, counted from edge to edge: the pixel in the upper left
    corner is (0, 0, 1, 1). Raises `IndexError` for a cell outside the map.
    """
    rows, columns = shape
    if not (0 <= row < rows and 0 <= column < columns):
        raise IndexError(
            f"Cell ({row}, {column}) is outside the map: rows run from 0 to {rows - 1}, "
            f"columns from 0 to {columns - 1}."
        )
    height, width = size[0] / rows, size[1] / columns
    return column * width, row * height, (column + 1) * width, (row + 1) * height


def frame_cell(
    picture: PictureSource, cell: tuple[int, int], shape: Sequence[int], text: str = ""
) -> Image.Image:
    """Return an RGB copy with a frame around one cell (row, column) of a map of `shape` (h, w).

    `text`, such as the cell's number, is written into the frame.
    """
    framed = open_picture(picture)
    size = framed.height, framed.width
    x0, y0, x1, y1 = rounded(cell_box(*cell, shape, size))
    draw = ImageDraw.Draw(framed)
    draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline="black", width=3)
    draw.rectangle((x0 + 1, y0 + 1, x1 - 2, y1 - 2), outline="white", width=1)
    if text:
        font, middle = ImageFont.load_default(max(9, (y1 - y0) / 3)), ((x0 + x1) / 2, (y0 + y1) / 2)
        draw.rectangle(draw.textbbox(middle, text, font, anchor="mm"), "white")
        draw.text(middle, text, "black", font, anchor="mm")
    return framed


def _draw_grid(picture: Image.Image, shape: Sequence[int]) -> None:
    """Draw the borders between the cells of a map of `shape` (h, w) into an RGB picture."""
    draw = ImageDraw.Draw(picture, "RGBA")
    thin = (0, 0, 0, 70)
    size = picture.height, picture.width
    for row in range(1, shape[0]):
        y = round(cell_box(row, 0, shape, size)[1])
        draw.line((0, y, picture.width, y), thin)
    for column in range(1, shape[1]):
        x = round(cell_box(0, column, shape, size)[0])
        draw.line((x, 0, x, picture.height), thin)

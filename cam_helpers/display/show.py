"""Pictures and figures on the screen, each with a text for those who cannot see it."""

import base64
import html
import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cam_helpers.map_style import Limits, MapStyle, StyleChoice
from cam_helpers.step_5_upsample_and_overlay import colourise

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap, Normalize
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


DOTS_PER_INCH = 96
LARGEST_PNG = 60_000  # bytes


@contextmanager
def own_settings() -> Iterator[None]:
    """Draw with matplotlib's own settings, whatever the reader's matplotlibrc says."""
    import matplotlib.style

    with matplotlib.style.context("default"):
        yield


class ShownPicture:
    """A picture as an HTML `<img>` with alt text, in the form that Jupyter displays.

    Jupyter itself shows pictures without alt text, so a screen reader finds nothing there.
    """

    def __init__(self, markup: str, alt: str) -> None:
        self.markup = markup
        self.alt = alt

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self.markup, "text/plain": self.alt}


def show(picture: "Image.Image | Figure", alt: str, width: int | None = None) -> None:
    """Display a picture or a matplotlib figure with its alt text.

    `width` is the width on the screen in pixels; by default the picture's own. A figure is closed
    afterwards, so that it is shown once. Raises `ValueError` for an empty `alt`.

    >>> import cam_helpers as ch
    >>> ch.show(ch.open_picture("cat"), alt="A drawn cat on a meadow.")
    A drawn cat on a meadow.
    """
    from IPython.display import display

    display(ShownPicture(picture_markup(picture, alt, width), alt))  # type: ignore[no-untyped-call]


def picture_markup(picture: "Image.Image | Figure", alt: str, width: int | None = None) -> str:
    """Return an HTML `<img>` that holds the whole picture, for `show` and `widgets.HTML`.

    Pixels that `width` enlarges stay squares.
    """
    if not alt.strip():
        raise ValueError("alt is empty: say in words what the picture shows.")
    if not isinstance(picture, Image.Image):
        picture = _drawn(picture)
    kind, content = _encode(picture)
    data = base64.b64encode(content).decode("ascii")
    size, style = "", "max-width: 100%"
    if width:
        # With a height from the start the page does not jump while a browser decodes the picture.
        size = f' width="{width}" height="{round(width * picture.height / picture.width)}"'
        style += "; height: auto"
        style += "; image-rendering: pixelated" if width > picture.width else ""
    source = f'style="{style}" src="data:image/{kind};base64,{data}"'
    return f'<img alt="{html.escape(alt)}"{size} {source}>'


@own_settings()
def _drawn(figure: "Figure") -> Image.Image:
    """Draw a matplotlib figure and close it."""
    import matplotlib.pyplot as plt

    buffer = io.BytesIO()
    try:
        figure.savefig(buffer, format="png", bbox_inches="tight", dpi=DOTS_PER_INCH)
    finally:
        plt.close(figure)
    return Image.open(buffer)


def _encode(picture: Image.Image) -> tuple[str, bytes]:
    """Return ("png", bytes), or ("jpeg", bytes) where that would make notebooks heavy."""
    buffer = io.BytesIO()
    picture.save(buffer, "png")
    if buffer.tell() <= LARGEST_PNG:
        return "png", buffer.getvalue()
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "jpeg", quality=90)
    return "jpeg", buffer.getvalue()


def in_digits(number: float, decimals: int = 2) -> str:
    """Return a number with so many decimals, and never -0.00."""
    return f"{round(number, decimals) + 0.0:.{decimals}f}"


def legend(style: StyleChoice = None, **options: Any) -> Image.Image:
    """Return the colours of a style from the lowest to the highest value, 256 x 1 pixels."""
    style = MapStyle.of(style, **options)
    low, high = style.colour_limits((0.0, 1.0))
    ramp = torch.linspace(low, high, 256, dtype=torch.float64)
    return colourise(ramp[None], style, limits=(low, high))


@own_settings()
def draw_colour_bar(
    axes: Any,
    limits: Limits,
    style: StyleChoice = None,
    *,
    label: str = "score",
    **options: Any,
) -> None:
    """Draw the colour bar of a style beside one or several axes of a matplotlib figure.

    `limits` are those that the maps were drawn with, and `style` and `options` those of
    `cam_helpers.overlay`. The colours of evidence are shown over middle grey, as they are seen;
    those of a blend by themselves. Numbers that were rescaled to 0..1 have no unit: pass (0, 1).

    >>> import cam_helpers as ch
    >>> import matplotlib.pyplot as plt
    >>> figure, axis = plt.subplots()
    >>> ch.draw_colour_bar(axis, (-3, 3), label="score")
    >>> figure.axes[1].get_ylabel()
    'score'
    >>> plt.close(figure)
    """
    from matplotlib.cm import ScalarMappable

    colours, norm = _colours_and_norm(MapStyle.of(style, **options), limits)
    np.ravel(axes)[0].figure.colorbar(ScalarMappable(norm, colours), ax=axes, label=label)


def evidence_colours() -> "ListedColormap":
    """Return the colours of evidence for matplotlib: purple, middle grey, orange.

    For whatever has two signs: `axis.imshow(numbers, cmap=evidence_colours(), vmin=-m, vmax=m)`.

    >>> import cam_helpers as ch
    >>> ch.evidence_colours().name
    'evidence'
    """
    return _colours_and_norm(MapStyle(), (-1, 1))[0]


def _colours_and_norm(style: MapStyle, limits: Limits) -> "tuple[ListedColormap, Normalize]":
    """Return the colours of a style, and where they lie, for matplotlib."""
    from matplotlib.colors import ListedColormap, Normalize

    name = "evidence" if style.style == "evidence" else style.colour_map
    colours = np.asarray(legend(style))[0] / 255
    return ListedColormap(colours, name), Normalize(*style.colour_limits(limits))


@own_settings()
def draw_cells(
    axis: "Axes",
    cam: Tensor,
    unit: str = "score",
    decimals: int = 0,
    style: StyleChoice = None,
    *,
    limits: Limits | None = None,
    colour_bar: bool = True,
    **options: Any,
) -> "AxesImage":
    """Draw a map (h, w) cell by cell, each with its number, and a colour bar in its unit.

    Returns matplotlib's image, from which a colour bar for several maps can be made.

    The numbers are rounded to `decimals` places. `style`, `limits` and `options` as in
    `cam_helpers.overlay`: evidence, for numbers of both signs, unless a `colour_map` is asked for.

    >>> import cam_helpers as ch
    >>> import matplotlib.pyplot as plt, torch
    >>> figure, axis = plt.subplots()
    >>> ch.draw_cells(axis, torch.tensor([[1.0, -2.0]])).get_clim()
    (-2.0, 2.0)
    >>> [text.get_text() for text in axis.texts]
    ['1', '-2']
    >>> plt.close(figure)
    """
    cam = cam.detach().float().cpu()
    limits = limits or (cam.min().item(), cam.max().item())
    colours, norm = _colours_and_norm(MapStyle.of(style, **options), limits)
    image = axis.imshow(cam.numpy(), cmap=colours, norm=norm)
    for row, numbers in enumerate(cam.tolist()):
        for column, number in enumerate(numbers):
            colour = "white" if _is_dark(*colours(norm(number))[:3]) else "black"
            text = in_digits(number, decimals)
            axis.text(column, row, text, ha="center", va="center", color=colour)
    if colour_bar:
        axis.figure.colorbar(image, ax=axis, label=unit, fraction=0.046)
    axis.set(xlabel="column of cells", ylabel="row of cells")
    axis.locator_params(integer=True)  # cells have whole numbers
    return image


def _is_dark(red: float, green: float, blue: float) -> bool:
    """Say whether white is read more easily on a colour than black (WCAG 2: contrast ratio)."""
    # The amount of light, roughly, and where both contrasts are equal.
    light: float = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    return light < 0.18

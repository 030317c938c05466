"""The two figures that notebooks draw again and again: pictures in a row, and signed bars."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from PIL import Image
from torch import Tensor

from cam_helpers.display.show import draw_cells, draw_colour_bar, own_settings, show
from cam_helpers.map_style import AGAINST, FOR, Limits, MapStyle, StyleChoice

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 10.0  # inches, of every row: the width of a notebook's page


@own_settings()
def show_row(
    items: Sequence[Image.Image | Tensor],
    titles: Sequence[str],
    alt: str,
    style: StyleChoice = None,
    *,
    limits: Limits | None = None,
    unit: str = "score",
    decimals: int = 0,
    **options: Any,
) -> None:
    """Display pictures and maps side by side, each under its title, with its alt text.

    A picture is shown as it is. A map (h, w) is drawn cell by cell with its numbers, rounded to
    `decimals` places. `limits` are the values, in `unit`, at which the colours of the maps and
    overlays begin and end, and one colour bar stands at the right; without them every map has its
    own, and no bar. `style` and
    `options` as in `cam_helpers.overlay`. Raises `ValueError` for another number of titles.

    >>> import cam_helpers as ch
    >>> import torch
    >>> ch.show_row([ch.open_picture("cat"), torch.eye(2)], ["picture", "map"], "A cat.")
    A cat.
    """
    import matplotlib.pyplot as plt

    style = MapStyle.of(style, **options)
    height = min(4.0, 0.4 + (WIDTH - 1.2) / len(items))
    figure, axes = plt.subplots(
        1, len(items), figsize=(WIDTH, height), layout="constrained", squeeze=False
    )
    for axis, item, title in zip(axes[0], items, titles, strict=True):
        axis.set_title(title)
        if isinstance(item, Image.Image):
            axis.imshow(item)
            axis.axis("off")
        else:
            draw_cells(axis, item, unit, decimals, style, limits=limits, colour_bar=False)
            axis.set(xlabel="", ylabel="")
    if limits:
        draw_colour_bar(axes[0], limits, style, label=unit)
    show(figure, alt)


@own_settings()
def draw_bars(axis: "Axes", names: Sequence[str], values: Sequence[float], unit: str) -> None:
    """Draw signed values as bars from the top down: orange for, purple against.

    >>> import cam_helpers as ch
    >>> import matplotlib.pyplot as plt
    >>> figure, axis = plt.subplots()
    >>> ch.draw_bars(axis, ["for", "against"], [2.0, -1.0], "score")
    >>> [float(bar.get_width()) for bar in axis.patches]
    [2.0, -1.0]
    >>> plt.close(figure)
    """
    colours = [[part / 255 for part in (FOR if value > 0 else AGAINST)] for value in values]
    axis.barh(range(len(values)), values, color=colours)
    axis.set_yticks(range(len(values)), names)
    axis.axvline(0, color="black", linewidth=1)
    axis.invert_yaxis()  # the first on top
    axis.set_xlabel(unit)

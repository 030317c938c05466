"""How a map is drawn: its style and its colours."""

import math
from dataclasses import dataclass, replace
from functools import lru_cache
from numbers import Real
from typing import Any, Literal

import numpy as np
from torch import Tensor

Limits = tuple[float, float]
Style = Literal["evidence", "blend"]
# A choice for lists, perceptually uniform ones first; jet is the article's.
COLOUR_MAPS = ("viridis", "magma", "inferno", "cividis", "gray", "coolwarm", "jet")

# Orange and purple; with these and with `pale`, sign and order of the cells are read best from the
# drawn pixels, in normal and in colour-deficient sight: python tests/studies/reading_overlays.py
FOR, AGAINST = (240, 110, 0), (80, 45, 185)
OPACITY: dict[Style, float] = {"evidence": 0.85, "blend": 0.5}


@dataclass(frozen=True)
class MapStyle:
    """How a map is drawn.

    `style`: `"evidence"` pales the picture and lays orange over it where the map speaks for the
    class and purple where it speaks against, the more opaque the further from zero; `"blend"` lays
    a colour map over the whole picture. `colour_map` is any that matplotlib knows, for blends alone
    (`""`: viridis). `opacity`, from 0 to 1, is the greatest of an evidence map (`None`: 0.85) or
    that of a blend (`None`: 0.5). `grid` draws the borders of the cells.

    >>> MapStyle("blend", colour_map="jet").greatest_opacity
    0.5
    """

    style: Style = "evidence"
    colour_map: str = ""
    opacity: float | None = None
    grid: bool = False

    def __post_init__(self) -> None:
        if self.style not in OPACITY:
            raise ValueError(
                f'style is "evidence" or "blend", not {self.style!r}. A colour map is chosen with '
                'colour_map="viridis".'
            )
        if self.style == "blend":
            object.__setattr__(self, "colour_map", self.colour_map or COLOUR_MAPS[0])
            if self.colour_map not in COLOUR_MAPS:
                colour_table(self.colour_map)  # raises for a name that matplotlib does not know
        elif self.colour_map:
            raise ValueError('The style "evidence" has its own colours; "blend" has a colour_map.')
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
        return MapStyle(style or ("blend" if "colour_map" in options else "evidence"), **options)

    @property
    def greatest_opacity(self) -> float:
        """`opacity`, or the style's own where that is None."""
        return OPACITY[self.style] if self.opacity is None else self.opacity

    def colour_limits(self, limits: Limits) -> Limits:
        """Return the values of the first and the last colour; for evidence zero lies between."""
        most = max(map(abs, limits))
        return (-most, most) if self.style == "evidence" else limits


StyleChoice = MapStyle | Style | None


@lru_cache(maxsize=32)
def colour_table(colour_map: str) -> np.ndarray:
    """Return the 256 colours of a colour map, (256, 3) uint8; any name that matplotlib knows."""
    from matplotlib import colormaps

    if colour_map not in colormaps:
        raise ValueError(f"No colour map {colour_map!r}. Try one of: {', '.join(COLOUR_MAPS)}.")
    table = np.ascontiguousarray(colormaps[colour_map](np.linspace(0, 1, 256), bytes=True)[:, :3])
    table.setflags(write=False)  # kept for the next call
    return table


def share(part: Tensor, whole: float) -> Tensor:
    """Return part / whole, and 0 where both are 0."""
    return part / max(whole, math.ulp(0))

"""Boxes (x0, y0, x1, y1) in pixels, counted from edge to edge: the first pixel is (0, 0, 1, 1)."""

from collections.abc import Sequence

Box = tuple[float, float, float, float]
PixelBox = tuple[int, int, int, int]


def rounded(box: Sequence[float]) -> PixelBox:
    """Return a box with its edges moved to the nearest edges of pixels."""
    x0, y0, x1, y1 = (round(edge) for edge in box)
    return x0, y0, x1, y1


def is_inside(point: tuple[float, float], box: Sequence[float]) -> bool:
    """Say whether a point (x, y) lies in a box; its upper left edges belong to it."""
    return box[0] <= point[0] < box[2] and box[1] <= point[1] < box[3]

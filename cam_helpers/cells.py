"""The cells of a map, as squares of a picture."""

from collections.abc import Sequence

from PIL import Image, ImageDraw

from cam_helpers.boxes import Box


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


def draw_grid(picture: Image.Image, shape: Sequence[int]) -> None:
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

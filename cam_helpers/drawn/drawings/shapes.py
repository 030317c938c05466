"""What every drawing is made of: colours, outlines, flat shapes, and the pen that paints them.

A drawing is a list of flat `Shape`s, painted in order, the last one in front. Nothing here knows
about pixels except `paint` and `covered`, so the same drawing can be painted at any size.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Corner = tuple[float, float] | str  # (x, y), or several of them in one string: "x,y x,y x,y"
Points = NDArray[np.float64]  # (n, 2): x and y of each corner of a closed polygon
Rng = np.random.Generator


@dataclass(frozen=True)
class Shape:
    """One flat area of one colour, made of polygons that melt into each other.

    `edge` is the colour of the line around the whole area, or None for no line.
    """

    parts: tuple[Points, ...]
    fill: Colour
    edge: Colour | None = None


Drawing = list[Shape]


@dataclass(frozen=True)
class Colours:
    """The colours of one object. They are chosen before its class is looked at."""

    body: Colour  # the largest area
    second: Colour  # patches, ears, wings, roofs
    accent: Colour  # small things: collars, spots, doors
    pale: Colour  # bellies, muzzles, windows
    line: Colour  # outlines and whiskers, always dark


DARK: Colour = (46, 40, 54)
CREAM: Colour = (252, 244, 226)
WHITE: Colour = (255, 255, 255)

# No very dark colour is among them: eyes, noses and whiskers must stay visible on each.
PAINTS: tuple[Colour, ...] = (
    (217, 80, 70),  # red
    (240, 124, 98),  # coral
    (240, 152, 66),  # orange
    (247, 196, 84),  # amber
    (247, 222, 120),  # yellow
    (166, 176, 84),  # olive
    (112, 178, 92),  # leaf
    (70, 154, 110),  # green
    (62, 160, 160),  # teal
    (104, 180, 220),  # sky
    (78, 128, 200),  # blue
    (96, 108, 172),  # indigo
    (138, 108, 188),  # violet
    (184, 150, 214),  # lilac
    (240, 152, 180),  # pink
    (202, 88, 142),  # magenta
    (158, 108, 78),  # brown
    (208, 170, 126),  # tan
    (246, 234, 208),  # cream
    (250, 249, 245),  # white
    (162, 168, 176),  # grey
    (112, 122, 138),  # slate
    (160, 216, 190),  # mint
)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """Blend two colours; `share` 0 gives `one`, 1 gives `other`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def colour_distance(one: Colour, other: Colour) -> float:
    """Tell how different two colours look: 0 for the same, about 1 for black and white (OKLab)."""
    return float(np.linalg.norm(_oklab(one) - _oklab(other)))


_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


@lru_cache(maxsize=4096)
def _oklab(colour: Colour) -> NDArray[np.float64]:
    """Convert sRGB (0 to 255) to OKLab, where equal steps look about equally large."""
    light = (np.asarray(colour) / 255.0) ** 2.2
    lab: NDArray[np.float64] = _TO_LAB @ np.cbrt(_TO_CONES @ light)
    return lab


def any_paint(rng: Rng) -> Colour:
    """Pick a paint and vary it a little, so that no two pictures share the very same colour."""
    chosen = PAINTS[int(rng.integers(len(PAINTS)))]
    shifts = rng.integers(-9, 10, 3).tolist()
    red, green, blue = (
        min(255, max(0, channel + shift)) for channel, shift in zip(chosen, shifts, strict=True)
    )
    return red, green, blue


def paint_unlike(rng: Rng, others: Sequence[Colour], distance: float) -> Colour:
    """Pick a paint at least `distance` away from all `others`, or else the farthest of 40."""
    best, best_distance = CREAM, -1.0
    for _ in range(40):
        candidate = any_paint(rng)
        nearest = min((colour_distance(candidate, other) for other in others), default=9.0)
        if nearest >= distance:
            return candidate
        if nearest > best_distance:
            best, best_distance = candidate, nearest
    return best


def choose_colours(rng: Rng, behind: Sequence[Colour]) -> Colours:
    """Choose an object's colours so that it stands out from the colours `behind` it."""
    body = paint_unlike(rng, behind, 0.22)
    second = paint_unlike(rng, [*behind, body], 0.15)
    accent = paint_unlike(rng, [body, second], 0.18)
    return Colours(
        body=body,
        second=second,
        accent=accent,
        pale=mix(body, CREAM, 0.72),
        line=mix(body, DARK, 0.85),
    )


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> Points:
    """Ellipse around (x, y) with half widths rx and ry, turned clockwise by `angle` degrees."""
    flat = CIRCLE * (rx, ry)
    return np.asarray((turned(flat, angle) if angle else flat) + np.array((x, y)))


_STEPS = np.linspace(0.0, 2.0 * np.pi, 32, endpoint=False)
CIRCLE: Points = np.stack([np.cos(_STEPS), np.sin(_STEPS)], axis=1)


def _listed(corners: Sequence[Corner]) -> Points:
    """Put corners into one array, (n, 2)."""
    if any(isinstance(corner, str) for corner in corners):
        return np.concatenate([_parsed(c) if isinstance(c, str) else [c] for c in corners])
    return np.array(corners, dtype=np.float64)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Points:
    """Read "x,y x,y x,y" as (n, 2). Long outlines are written like this to stay readable."""
    return np.array([pair.split(",") for pair in text.split()], dtype=np.float64)


def polygon(*corners: Corner) -> Points:
    """Straight-sided polygon."""
    return _listed(corners)


def rectangle(x0: float, y0: float, x1: float, y1: float) -> Points:
    """Upright rectangle between two corners."""
    return polygon((x0, y0), (x1, y0), (x1, y1), (x0, y1))


def round_box(x0: float, y0: float, x1: float, y1: float, radius: float) -> Points:
    """Upright rectangle with round corners."""
    quarter = CIRCLE[:9] * radius
    flips = ((1, 1), (-1, 1), (-1, -1), (1, -1))
    centres = (
        (x1 - radius, y1 - radius),
        (x0 + radius, y1 - radius),
        (x0 + radius, y0 + radius),
        (x1 - radius, y0 + radius),
    )
    corners = []
    for flip, centre in zip(flips, centres, strict=True):
        corner = quarter * flip + centre
        # Two of the four mirrored quarters run backwards; turn them to keep one sense.
        corners.append(corner if flip[0] == flip[1] else corner[::-1])
    return np.concatenate(corners)


def _curve_weights(steps: int) -> NDArray[np.float64]:
    """Catmull-Rom weights, (steps, 4): how far each of four neighbours pulls at each step."""
    t = np.linspace(0.0, 1.0, steps, endpoint=False)
    return 0.5 * np.stack(
        [-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3],
        axis=1,
    )


_CURVE = _curve_weights(7)


def smooth(*corners: Corner) -> Points:
    """Draw a closed smooth curve through the corners."""
    knots = _listed(corners)
    return _curve_through(np.concatenate([knots[-1:], knots, knots[:2]]))


def path(*corners: Corner) -> Points:
    """Draw an open smooth curve through the corners, from the first to the last."""
    knots = _listed(corners)
    inner = _curve_through(np.concatenate([knots[:1], knots, knots[-1:]]))
    return np.concatenate([inner, knots[-1:]])


def _curve_through(knots: Points) -> Points:
    """Curve through knots 1 to n-2; the outermost knots only set the direction there."""
    groups = np.stack([knots[:-3], knots[1:-2], knots[2:-1], knots[3:]], axis=1)
    return np.asarray((_CURVE @ groups).reshape(-1, 2))


def ribbon(line: Points, start: float, end: float | None = None) -> Points:
    """Thick line with a round tip: half width `start` at its beginning, `end` at its tip."""
    end = start if end is None else end
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1])[:, None], 1e-9)
    side = np.stack([-along[:, 1], along[:, 0]], axis=1)
    half = np.linspace(start, end, len(line))[:, None]
    bend = np.linspace(0.0, np.pi, 7)[1:-1, None]
    tip = line[-1] + end * (np.cos(bend) * side[-1] + np.sin(bend) * along[-1])
    root = line[0] - start * (np.cos(bend) * side[0] + np.sin(bend) * along[0])
    return np.concatenate([line + half * side, tip, (line - half * side)[::-1], root])


def stroke(*corners: Corner, width: float) -> Points:
    """Smooth line of even width with round ends through the corners."""
    return ribbon(path(*corners), width / 2)


def mirrored(points: Points) -> Points:
    """Swap left and right around x = 0."""
    return points * (-1.0, 1.0)


def turned(points: Points, angle: float) -> Points:
    """Turn clockwise (as seen, since y runs down) by `angle` degrees around (0, 0)."""
    radians = np.deg2rad(angle)
    cos, sin = np.cos(radians), np.sin(radians)
    return np.asarray(points @ np.array([[cos, sin], [-sin, cos]]))


def moved(
    drawing: Drawing,
    shift: tuple[float, float] = (0.0, 0.0),
    scale: float = 1.0,
    angle: float = 0.0,
    mirror: bool = False,
) -> Drawing:
    """Mirror, turn and scale a drawing around (0, 0), then shift it."""
    matrix = turned(np.diag([-scale if mirror else scale, scale]), angle)
    return [
        Shape(tuple(part @ matrix + shift for part in shape.parts), shape.fill, shape.edge)
        for shape in drawing
    ]


def extent(drawing: Drawing) -> tuple[float, float, float, float]:
    """Smallest upright box (x0, y0, x1, y1) around all shapes, without their lines."""
    points = np.concatenate([part for shape in drawing for part in shape.parts])
    x0, y0 = points.min(axis=0)
    x1, y1 = points.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def paint(canvas: Image.Image, drawing: Drawing, edge_width: float) -> None:
    """Paint a drawing, given in pixels of the canvas, with lines `edge_width` pixels wide."""
    pen = ImageDraw.Draw(canvas)
    opaque = (255,) if canvas.mode == "RGBA" else ()
    for shape in drawing:
        if shape.edge is not None:
            for part in shape.parts:
                pen.polygon(grown(part, edge_width).ravel().tolist(), fill=shape.edge + opaque)
        for part in shape.parts:
            pen.polygon(part.ravel().tolist(), fill=shape.fill + opaque)


def covered(drawing: Drawing, pixels: int) -> NDArray[np.bool_]:
    """(pixels, pixels) mask of what a drawing, given in pixels, covers without its lines."""
    canvas = Image.new("L", (pixels, pixels))
    pen = ImageDraw.Draw(canvas)
    for shape in drawing:
        for part in shape.parts:
            pen.polygon(part.ravel().tolist(), fill=255)
    return np.asarray(canvas) > 0


def grown(points: Points, width: float) -> Points:
    """Push the outline of a polygon outwards by `width` on every side."""
    ahead = np.roll(points, -1, axis=0) - points
    ahead /= np.maximum(np.hypot(ahead[:, 0], ahead[:, 1])[:, None], 1e-9)
    behind = np.roll(ahead, 1, axis=0)
    outwards = np.stack([ahead[:, 1] + behind[:, 1], -ahead[:, 0] - behind[:, 0]], axis=1)
    # At a sharp corner the exact line runs far out to a needle; the limit blunts it.
    sharpness = np.maximum(1.0 + (ahead * behind).sum(axis=1), 0.45)
    next_points = np.roll(points, -1, axis=0)
    area = (points[:, 0] * next_points[:, 1] - points[:, 1] * next_points[:, 0]).sum()
    return np.asarray(points + np.sign(area) * width * outwards / sharpness[:, None])

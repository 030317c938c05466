"""Backgrounds, clutter and foreground things, in picture units: 0 to 1 across and down.

They belong to no class and occur with every class.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cam_helpers.drawn.drawings.shapes import (
    CIRCLE,
    CREAM,
    DARK,
    WHITE,
    Colour,
    Drawing,
    Points,
    Rng,
    Shape,
    any_paint,
    ellipse,
    mix,
    path,
    polygon,
    rectangle,
    round_box,
    smooth,
    turned,
)


@dataclass(frozen=True)
class Background:
    """What lies behind the objects."""

    base: NDArray[np.uint8]  # (rows, columns, 3): a small picture, stretched smoothly to the size
    pattern: Drawing  # painted over the base
    grain: NDArray[np.float64] | None  # (224, 224) brightness added last, or None
    colours: tuple[Colour, ...]  # the large areas' colours, from which objects must stand out
    edge_width: float  # lines around clutter, in picture units


def draw_background(rng: Rng) -> Background:
    """Choose a background and its clutter; no class is known here, so none can shape it."""
    kinds = (_plain, _gradient, _clouds, _stripes, _dots, _land, _checks)
    tone = (CREAM, (222, 228, 234), (150, 160, 172), (84, 88, 110))[
        int(rng.choice(4, p=[0.4, 0.32, 0.16, 0.12]))
    ]
    first = mix(any_paint(rng), tone, rng.uniform(0.5, 0.8))
    other = mix(first, mix(any_paint(rng), tone, 0.5), rng.uniform(0.35, 0.8))
    base, pattern = kinds[int(rng.integers(len(kinds)))](rng, first, other)
    clutter: Drawing = []
    lined = bool(rng.random() < 0.4)
    if rng.random() < 0.6:
        for _ in range(int(rng.integers(3, 14))):
            clutter += draw_clutter(rng, mix(any_paint(rng), first, rng.uniform(0.05, 0.6)), lined)
    grain = rng.normal(0.0, rng.uniform(3.0, 9.0), (224, 224)) if rng.random() < 0.25 else None
    return Background(base, pattern + clutter, grain, (first, other), 0.005)


def _flat(colour: Colour) -> NDArray[np.uint8]:
    """Smallest base there is: one pixel."""
    return np.array([[colour]], dtype=np.uint8)


def _plain(rng: Rng, first: Colour, other: Colour) -> tuple[NDArray[np.uint8], Drawing]:
    """One colour."""
    return _flat(first), []


def _gradient(rng: Rng, first: Colour, other: Colour) -> tuple[NDArray[np.uint8], Drawing]:
    """Four corner colours that run into each other."""
    shares = rng.uniform(0.0, 1.0, 4)
    shares[int(rng.integers(4))], shares[int(rng.integers(4))] = 0.0, 1.0
    corners = [mix(first, other, float(share)) for share in shares]
    return np.array([corners[:2], corners[2:]], dtype=np.uint8), []


def _clouds(rng: Rng, first: Colour, other: Colour) -> tuple[NDArray[np.uint8], Drawing]:
    """Soft random patches, coarse to fine."""
    cells = int(rng.choice([6, 12, 24, 48]))
    share = rng.uniform(0.0, 1.0, (cells, cells, 1))
    blend = np.array(first) + share * (np.array(other) - np.array(first))
    return blend.astype(np.uint8), []


def _stripes(rng: Rng, first: Colour, other: Colour) -> tuple[NDArray[np.uint8], Drawing]:
    """Slanted stripes."""
    width = rng.uniform(0.03, 0.12)
    angle = rng.uniform(0.0, 180.0)
    starts = np.arange(-0.8, 0.8, 2 * width)
    bands = tuple(turned(rectangle(-0.8, y, 0.8, y + width), angle) + 0.5 for y in starts)
    return _flat(first), [Shape(bands, other)]


def _dots(rng: Rng, first: Colour, other: Colour) -> tuple[NDArray[np.uint8], Drawing]:
    """Rows of dots, each second row shifted by half a step."""
    step = rng.uniform(0.08, 0.18)
    radius = step * rng.uniform(0.15, 0.34)
    spots = []
    for row, y in enumerate(np.arange(0.0, 1.0 + step, step)):
        for x in np.arange(step / 2 * (row % 2), 1.0 + step, step):
            spots.append(ellipse(x, y, radius, radius)[::2])
    return _flat(first), [Shape(tuple(spots), other)]


def _checks(rng: Rng, first: Colour, other: Colour) -> tuple[NDArray[np.uint8], Drawing]:
    """Cloth with checks."""
    step = rng.uniform(0.07, 0.16)
    half = mix(first, other, 0.5)
    starts = np.arange(-step * rng.uniform(0.0, 1.0), 1.0, 2 * step)
    across = tuple(rectangle(0.0, y, 1.0, y + step) for y in starts)
    down = tuple(rectangle(x, 0.0, x + step, 1.0) for x in starts)
    both = tuple(rectangle(x, y, x + step, y + step) for x in starts for y in starts)
    return _flat(first), [Shape(across + down, half), Shape(both, other)]


def _land(rng: Rng, first: Colour, other: Colour) -> tuple[NDArray[np.uint8], Drawing]:
    """Sky above, one or two rolling grounds below."""
    sky = np.array([[mix(first, WHITE, 0.05)], [mix(first, WHITE, 0.35)]], dtype=np.uint8)
    grounds: Drawing = []
    for shade, low, high in ((0.35, 0.45, 0.65), (0.0, 0.62, 0.85)):
        level = rng.uniform(low, high)
        top = [(x, level + rng.uniform(-0.05, 0.05)) for x in (-0.2, 0.1, 0.4, 0.7, 1.0, 1.3)]
        hill = np.concatenate([path(*top), [[1.3, 1.2], [-0.2, 1.2]]])
        grounds.append(Shape((hill,), mix(other, first, shade)))
    return sky, grounds[int(rng.integers(2)) :]


def draw_clutter(rng: Rng, colour: Colour, lined: bool) -> Drawing:
    """One abstract shape somewhere in the picture."""
    kind = CLUTTER[int(rng.integers(len(CLUTTER)))]
    points = kind(rng) if callable(kind) else kind
    radius = rng.uniform(0.025, 0.085)
    angle = rng.uniform(0.0, 360.0)
    middle = rng.uniform(0.0, 1.0, 2)
    parts = tuple(turned(part * radius, angle) + middle for part in points)
    return [Shape(parts, colour, mix(colour, DARK, 0.75) if lined else None)]


def _blob(rng: Rng) -> tuple[Points, ...]:
    reach = rng.uniform(0.7, 1.3, 7)
    angles = np.linspace(0.0, 2 * np.pi, 7, endpoint=False)
    corners = zip(reach * np.cos(angles), reach * np.sin(angles), strict=True)
    return (smooth(*((float(x), float(y)) for x, y in corners)),)


def _ring(rng: Rng) -> tuple[Points, ...]:
    # Out along the outer circle and back along the inner one: a plain polygon with a hole.
    circle = np.concatenate([CIRCLE, CIRCLE[:1]])
    return (np.concatenate([circle, circle[::-1] * rng.uniform(0.5, 0.75)]),)


_ZIGZAG = [(-1.6 + 0.8 * i, 0.4 * (-1) ** i) for i in range(5)]
# The parts of each shape, or a function where chance has a hand in it.
CLUTTER: tuple[tuple[Points, ...] | Callable[[Rng], tuple[Points, ...]], ...] = (
    (ellipse(0, 0, 1, 1),),
    (polygon("0,-1 0.9,0.7 -0.9,0.7"),),
    _blob,
    _ring,
    (round_box(-1.6, -0.22, 1.6, 0.22, 0.1),),
    (polygon(*_ZIGZAG, *((x, y + 0.4) for x, y in reversed(_ZIGZAG))),),
    (rectangle(-0.8, -0.8, 0.8, 0.8),),
    (rectangle(-1.0, -0.25, 1.0, 0.25), rectangle(-0.25, -1.0, 0.25, 1.0)),
)


def draw_foreground(rng: Rng, x: float, y: float, colour: Colour) -> Drawing:
    """One thing that may stand before the objects: a post, blob, box or band around (x, y)."""
    kind = int(rng.integers(4))
    edge = mix(colour, DARK, 0.75)
    if kind == 0:
        half = rng.uniform(0.02, 0.045)
        return [Shape((rectangle(x - half, -0.1, x + half, 1.1),), colour, edge)]
    if kind == 1:
        radius = rng.uniform(0.08, 0.15)
        return [Shape(tuple(part * radius + (x, y) for part in _blob(rng)), colour, edge)]
    if kind == 2:
        wide, high = rng.uniform(0.07, 0.15, 2)
        return [Shape((rectangle(x - wide, y - high, x + wide, y + high),), colour, edge)]
    half = rng.uniform(0.02, 0.045)
    slope = rng.uniform(-0.12, 0.12)
    band = polygon(
        (-0.1, y - half - slope),
        (1.1, y - half + slope),
        (1.1, y + half + slope),
        (-0.1, y + half - slope),
    )
    return [Shape((band,), colour, edge)]

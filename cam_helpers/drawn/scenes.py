"""Picture-book scenes whose truth is known to the pixel.

`draw_scene` places up to two of twelve everyday objects on a background that knows nothing about
them, and says exactly which pixels show which object. One seed gives one scene, at any size.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cam_helpers.boxes import PixelBox
from cam_helpers.drawn.drawings import DRAW_OBJECT
from cam_helpers.drawn.drawings.backgrounds import Background, draw_background, draw_foreground
from cam_helpers.drawn.drawings.shapes import (
    Colour,
    Drawing,
    Rng,
    any_paint,
    choose_colours,
    covered,
    extent,
    mix,
    moved,
    paint,
)

Mask = NDArray[np.bool_]

SMALLEST_SIZE = 32
MOST_OBJECTS = 2
LEAST_VISIBLE = 0.77  # of an object's area; coarse pixels err, so that 0.7 holds in the end
OBJECT_SHARPNESS = 3  # objects are painted this many times larger, then reduced: smooth edges
BACKGROUND_SHARPNESS = 2  # coarser, since it covers the whole picture and costs the most time
PLAN_PIXELS = 96  # coarse pixels per picture side while planning, whatever the final size
EDGE_SHARE = 0.013  # width of an object's lines, as a share of its longer side


@dataclass(frozen=True)
class Scene:
    """A picture and its truth."""

    picture: Image.Image  # RGB, size x size pixels
    categories: tuple[str, ...]  # what was drawn, in the order asked for
    masks: dict[str, Mask]  # category -> (size, size), True where the object can be seen
    boxes: dict[str, PixelBox]  # category -> (x0, y0, x1, y1) around its mask, x1, y1 outside


@dataclass(frozen=True)
class _Placed:
    """One object at its final place, in picture units (0 to 1)."""

    drawing: Drawing
    side: float  # longer side of its box
    box: tuple[float, float, float, float]


def draw_scene(seed: int, classes: Sequence[str] = ("cat",), size: int = 224) -> Scene:
    """Draw the scene that belongs to a seed.

    `seed` is any integer from 0; another seed gives another scene. `classes` holds none, one or
    two different names out of `DRAW_OBJECT`. `size` is the side of the picture in pixels, at least
    32; the scene stays the same at any size. Comes with the mask and the box of each object.

    >>> import cam_helpers as ch
    >>> scene = ch.draw_scene(3, ("cat", "dog"))
    >>> scene.picture.size, scene.masks["cat"].shape, sorted(scene.boxes)
    ((224, 224), (224, 224), ['cat', 'dog'])
    """
    names = _checked(classes)
    if size < SMALLEST_SIZE:
        raise ValueError(f"size is {size}, but a scene needs at least {SMALLEST_SIZE} pixels")
    if seed < 0:
        raise ValueError(f"seed is {seed}, but seeds start at 0")
    background = draw_background(np.random.default_rng([seed, 0]))
    objects, front_first = _place_objects(seed, names, background)
    foreground = _place_foreground(seed, objects, front_first, background)

    picture = _render_background(background, size)
    masks: dict[str, Mask] = {}
    for index in front_first[::-1]:
        painted = _stamp(picture, objects[index].drawing, objects[index].side * EDGE_SHARE)
        for mask in masks.values():
            mask &= ~painted
        masks[names[index]] = painted
    if foreground:
        hidden = _stamp(picture, foreground, background.edge_width)
        for mask in masks.values():
            mask &= ~hidden
    masks = {name: masks[name] for name in names}
    return Scene(picture, names, masks, {name: box_around(mask) for name, mask in masks.items()})


def box_around(mask: Mask) -> PixelBox:
    """Smallest box (x0, y0, x1, y1) around the True pixels of a (rows, columns) mask.

    x1 and y1 lie one pixel outside, so x1 - x0 is the width. An empty mask gives (0, 0, 0, 0).
    """
    columns = np.flatnonzero(mask.any(axis=0))
    rows = np.flatnonzero(mask.any(axis=1))
    if len(rows) == 0:
        return 0, 0, 0, 0
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _checked(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the classes as a tuple, or explain what is wrong with them."""
    # A bare string would be read letter by letter, which gives a puzzling message.
    names = (classes,) if isinstance(classes, str) else tuple(classes)
    for name in names:
        if name not in DRAW_OBJECT:
            near = difflib.get_close_matches(str(name).lower(), DRAW_OBJECT, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            known = ", ".join(DRAW_OBJECT)
            raise ValueError(f"unknown class {name!r}.{hint} Known classes: {known}")
    if len(set(names)) < len(names):
        raise ValueError(f"each class can be drawn once in a scene, but got {names}")
    if len(names) > MOST_OBJECTS:
        raise ValueError(f"a scene holds at most {MOST_OBJECTS} objects, but got {names}")
    return names


# ---------------------------------------------------------------------------------------------
# Planning: all in picture units and on coarse masks of one fixed size, so that every decision
# comes out the same whatever size is asked for.
# ---------------------------------------------------------------------------------------------


def _place_objects(
    seed: int, names: tuple[str, ...], background: Background
) -> tuple[list[_Placed], list[int]]:
    """Draw the objects and find their places; also the order of depth, the front one first."""
    if not names:
        return [], []
    rng = np.random.default_rng([seed, 1])
    front_first = [int(index) for index in rng.permutation(len(names))]
    drawn: list[tuple[Drawing, float]] = []
    behind: list[Colour] = list(background.colours)
    for number, name in enumerate(names):
        own = np.random.default_rng([seed, 2, number])
        colours = choose_colours(own, behind)
        behind.append(colours.body)
        low, high = (75 / 224, 140 / 224) if len(names) == 1 else (65 / 224, 105 / 224)
        side = float(own.uniform(low, high))
        drawn.append((_posed(own, DRAW_OBJECT[name](own, colours), side), side))
    # Three pairs in four keep apart; in the others one may cover a corner of the other.
    allowed = float(rng.choice([0.0, 0.0, 0.0, 0.2]))
    best: list[_Placed] = []
    least_overlap = 2.0
    tries = 0
    while not best or (least_overlap > allowed and tries < 60):
        tries += 1
        placed = [_dropped(rng, drawing, side) for drawing, side in drawn]
        overlap = _share_covered(placed) if len(placed) == 2 else 0.0
        if overlap >= least_overlap:
            continue
        if min(_visible_shares(placed, front_first, [])) >= LEAST_VISIBLE:
            best, least_overlap = placed, overlap
    return best, front_first


def _posed(rng: Rng, drawing: Drawing, side: float) -> Drawing:
    """Turn and mirror an object, scale its box's longer side to `side`, centre it on (0, 0)."""
    turned = moved(drawing, angle=float(rng.uniform(-25, 25)), mirror=bool(rng.random() < 0.5))
    x0, y0, x1, y1 = extent(turned)
    scale = side / (max(x1 - x0, y1 - y0) * (1.0 + 2.0 * EDGE_SHARE))
    return moved(turned, (-scale * (x0 + x1) / 2, -scale * (y0 + y1) / 2), scale)


def _dropped(rng: Rng, drawing: Drawing, side: float) -> _Placed:
    """Put an object somewhere in the picture; one in six sticks out over one border."""
    x0, y0, x1, y1 = extent(drawing)
    half = np.array([x1 - x0, y1 - y0]) / 2 + side * EDGE_SHARE
    middle = rng.uniform(half, 1.0 - half)
    if rng.random() < 1 / 6:
        axis = int(rng.integers(2))
        out = half[axis] * (1.0 - 2.0 * rng.uniform(0.05, 0.3))
        middle[axis] = out if rng.random() < 0.5 else 1.0 - out
    x, y = float(middle[0]), float(middle[1])
    box = (x - half[0], y - half[1], x + half[0], y + half[1])
    return _Placed(moved(drawing, (x, y)), side, box)


def _share_covered(placed: Sequence[_Placed]) -> float:
    """Overlap of two boxes as a share of the smaller box."""
    (ax0, ay0, ax1, ay1), (bx0, by0, bx1, by1) = placed[0].box, placed[1].box
    shared = max(0.0, min(ax1, bx1) - max(ax0, bx0)) * max(0.0, min(ay1, by1) - max(ay0, by0))
    return shared / min((ax1 - ax0) * (ay1 - ay0), (bx1 - bx0) * (by1 - by0))


def _visible_shares(
    placed: Sequence[_Placed], front_first: Sequence[int], foreground: Drawing
) -> list[float]:
    """Share of each object that is neither outside the picture nor hidden, front one first."""
    inside = slice(PLAN_PIXELS // 2, PLAN_PIXELS // 2 + PLAN_PIXELS)
    taken = _coarse_mask(foreground)
    shares = []
    for index in front_first:
        whole = _coarse_mask(placed[index].drawing)
        seen = (whole & ~taken)[inside, inside]
        shares.append(float(seen.sum()) / max(1, int(whole.sum())))
        taken = taken | whole
    return shares


def _coarse_mask(drawing: Drawing) -> Mask:
    """Pixels covered by a drawing, on a canvas that reaches half a picture over each border."""
    shifted = moved(drawing, (PLAN_PIXELS / 2, PLAN_PIXELS / 2), PLAN_PIXELS)
    return covered(shifted, 2 * PLAN_PIXELS)


def _place_foreground(
    seed: int, placed: Sequence[_Placed], front_first: Sequence[int], background: Background
) -> Drawing:
    """One scene in three has a thing in front; it may hide a part of an object, never much."""
    rng = np.random.default_rng([seed, 3])
    if rng.random() > 1 / 3:
        return []
    colour = mix(any_paint(rng), background.colours[0], rng.uniform(0.1, 0.5))
    for attempt in range(8):
        x, y = rng.uniform(0.0, 1.0, 2)
        if placed and attempt < 6:
            # Aim at the rim of an object: a thing elsewhere hides nothing.
            x0, y0, x1, y1 = placed[int(rng.integers(len(placed)))].box
            angle = rng.uniform(0.0, 2 * np.pi)
            x = (x0 + x1) / 2 + (x1 - x0) / 2 * np.cos(angle)
            y = (y0 + y1) / 2 + (y1 - y0) / 2 * np.sin(angle)
        thing = draw_foreground(rng, float(x), float(y), colour)
        if min(_visible_shares(placed, front_first, thing), default=1.0) >= LEAST_VISIBLE:
            return thing
    return []


# ---------------------------------------------------------------------------------------------
# Rendering: from here on in pixels
# ---------------------------------------------------------------------------------------------


def _render_background(background: Background, size: int) -> Image.Image:
    """Paint the background, (size, size) RGB."""
    large = size * BACKGROUND_SHARPNESS
    canvas = Image.fromarray(background.base).resize((large, large), Image.Resampling.BILINEAR)
    paint(canvas, moved(background.pattern, scale=large), background.edge_width * large)
    picture = canvas.reduce(BACKGROUND_SHARPNESS)
    if background.grain is None:
        return picture
    grain = Image.fromarray(background.grain)
    if grain.width != size:
        grain = grain.resize((size, size), Image.Resampling.BILINEAR)
    grainy = np.asarray(picture, dtype=np.float32) + np.asarray(grain)[:, :, None]
    return Image.fromarray(np.clip(grainy, 0, 255).astype(np.uint8))


def _stamp(picture: Image.Image, drawing: Drawing, edge_width: float) -> Mask:
    """Paint a drawing, given in picture units, onto the picture; return the pixels it covers."""
    size = picture.width
    x0, y0, x1, y1 = extent(drawing)
    left, top = (max(0, int(np.floor((low - edge_width) * size)) - 1) for low in (x0, y0))
    right, bottom = (min(size, int(np.ceil((high + edge_width) * size)) + 2) for high in (x1, y1))
    mask = np.zeros((size, size), dtype=bool)
    if right <= left or bottom <= top:
        return mask
    large = size * OBJECT_SHARPNESS
    shift = (-left * OBJECT_SHARPNESS, -top * OBJECT_SHARPNESS)
    layer = Image.new(
        "RGBA", ((right - left) * OBJECT_SHARPNESS, (bottom - top) * OBJECT_SHARPNESS)
    )
    paint(layer, moved(drawing, shift, large), edge_width * large)
    layer = layer.reduce(OBJECT_SHARPNESS)
    picture.paste(layer, (left, top), layer)
    # A pixel belongs to the drawing where at least half of it is covered.
    mask[top:bottom, left:right] = np.asarray(layer)[:, :, 3] >= 128
    return mask

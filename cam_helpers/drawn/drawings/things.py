"""How a house, a car, a boat, an umbrella and a cup are drawn, in unit space (y down)."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from cam_helpers.drawn.drawings.shapes import (
    DARK,
    WHITE,
    Colour,
    Colours,
    Drawing,
    Points,
    Rng,
    Shape,
    ellipse,
    mix,
    path,
    polygon,
    rectangle,
    ribbon,
    round_box,
    smooth,
    stroke,
)


def draw_house(rng: Rng, colours: Colours) -> Drawing:
    """House: roof, door, windows, chimney; a gable, a wide front or a tower."""
    kinds = (_house_gable, _house_wide, _house_tall)
    return kinds[int(rng.integers(len(kinds)))](colours)


def _window(colours: Colours, x: float, y: float, half: float) -> Drawing:
    """Square window with a cross, centred on (x, y)."""
    pane = rectangle(x - half, y - half, x + half, y + half)
    bars = (
        rectangle(x - 0.02, y - half, x + 0.02, y + half),
        rectangle(x - half, y - 0.02, x + half, y + 0.02),
    )
    return [Shape((pane,), mix(colours.pale, WHITE, 0.4), colours.line), Shape(bars, colours.line)]


def _door(colours: Colours, x: float, top: float, bottom: float) -> Drawing:
    """Door of width 0.32 with a round knob, centred on x."""
    return [
        Shape((rectangle(x - 0.16, top, x + 0.16, bottom),), colours.accent, colours.line),
        Shape((ellipse(x + 0.09, (top + bottom) / 2 + 0.02, 0.03, 0.03),), colours.line),
    ]


def _house_gable(colours: Colours) -> Drawing:
    """Small house with its gable to us."""
    return [
        Shape((rectangle(0.36, -0.86, 0.58, -0.3),), colours.accent, colours.line),
        Shape(
            (polygon("-0.72,-0.14 0,-0.86 0.72,-0.14 0.72,0.88 -0.72,0.88"),),
            colours.body,
            colours.line,
        ),
        Shape(
            (polygon("0,-1.0 0.98,-0.06 0.86,0.08 0,-0.74 -0.86,0.08 -0.98,-0.06"),),
            colours.second,
            colours.line,
        ),
        Shape((ellipse(0, -0.34, 0.13, 0.13),), mix(colours.pale, WHITE, 0.4), colours.line),
        *_door(colours, 0.0, 0.34, 0.88),
        *_window(colours, -0.44, 0.3, 0.15),
        *_window(colours, 0.44, 0.3, 0.15),
    ]


def _house_wide(colours: Colours) -> Drawing:
    """Wide house with the slope of its roof to us."""
    return [
        Shape((rectangle(-0.66, -0.84, -0.44, -0.4),), colours.accent, colours.line),
        Shape((rectangle(-0.92, -0.1, 0.92, 0.72),), colours.body, colours.line),
        Shape(
            (polygon("-0.8,-0.68 0.8,-0.68 1.1,-0.02 -1.1,-0.02"),), colours.second, colours.line
        ),
        Shape((rectangle(-0.9, -0.36, 0.9, -0.32),), mix(colours.second, DARK, 0.3)),
        *_door(colours, 0.0, 0.2, 0.72),
        *_window(colours, -0.56, 0.32, 0.17),
        *_window(colours, 0.56, 0.32, 0.17),
    ]


def _house_tall(colours: Colours) -> Drawing:
    """Tall town house of two floors with a pointed roof."""
    return [
        Shape((rectangle(-0.42, -0.9, -0.22, -0.4),), colours.accent, colours.line),
        Shape((rectangle(-0.56, -0.3, 0.56, 1.0),), colours.body, colours.line),
        Shape((polygon("0,-1.08 0.74,-0.26 -0.74,-0.26"),), colours.second, colours.line),
        Shape((ellipse(0, -0.56, 0.12, 0.12),), mix(colours.pale, WHITE, 0.4), colours.line),
        *_window(colours, -0.27, 0.06, 0.14),
        *_window(colours, 0.27, 0.06, 0.14),
        *_window(colours, 0.27, 0.6, 0.14),
        *_door(colours, -0.24, 0.46, 1.0),
    ]


def draw_car(rng: Rng, colours: Colours) -> Drawing:
    """Car seen from its side: two wheels, windows, lamps; small car, van or pick-up."""
    kinds = (_car_small, _car_van, _car_pickup)
    return kinds[int(rng.integers(len(kinds)))](colours)


def _wheels(colours: Colours, xs: Sequence[float], y: float, radius: float) -> Drawing:
    """Wheels with hubs at the given x."""
    return [
        Shape(tuple(ellipse(x, y, radius, radius) for x in xs), (66, 62, 74), colours.line),
        Shape(tuple(ellipse(x, y, radius * 0.52, radius * 0.52) for x in xs), (226, 226, 226)),
        Shape(tuple(ellipse(x, y, radius * 0.2, radius * 0.2) for x in xs), (66, 62, 74)),
    ]


def _lamps(x_front: float, x_back: float, y: float) -> Drawing:
    """Head lamp and tail lamp."""
    return [
        Shape((ellipse(x_front, y, 0.06, 0.08),), (255, 240, 170), DARK),
        Shape((ellipse(x_back, y, 0.05, 0.07),), (226, 80, 70), DARK),
    ]


def _car_small(colours: Colours) -> Drawing:
    """Small rounded car driving to the left."""
    body = smooth(
        "-1.08,0.3 -1.02,0.04 -0.66,-0.06 0,-0.1 0.8,-0.08 1.06,0.06 1.08,0.34 0.8,0.4 -0.8,0.4"
    )
    cabin = smooth("-0.66,0.0 -0.38,-0.46 -0.1,-0.56 0.4,-0.54 0.68,-0.36 0.86,0.0")
    front = smooth("-0.46,-0.06 -0.28,-0.36 -0.06,-0.42 -0.05,-0.06")
    rear = smooth("0.08,-0.06 0.08,-0.42 0.4,-0.41 0.56,-0.28 0.64,-0.06")
    return [
        Shape((body, cabin), colours.body, colours.line),
        Shape((front, rear), mix(colours.pale, WHITE, 0.4), colours.line),
        Shape((rectangle(-1.04, 0.24, 1.04, 0.31),), colours.second),
        Shape(
            (rectangle(0.12, 0.04, 0.28, 0.08), rectangle(0.005, -0.06, 0.03, 0.36)), colours.line
        ),
        *_lamps(-1.0, 1.02, 0.12),
        *_wheels(colours, (-0.6, 0.6), 0.38, 0.25),
    ]


def _car_van(colours: Colours) -> Drawing:
    """Boxy van driving to the left."""
    body = smooth(
        "-1.06,0.34 -1.05,-0.02 -0.84,-0.2 -0.62,-0.58 -0.4,-0.68 0.4,-0.7 "
        "0.9,-0.68 1.04,-0.5 1.06,0.3 0.9,0.42 -0.9,0.42"
    )
    panes = (
        polygon("-0.76,-0.12 -0.56,-0.52 -0.34,-0.52 -0.34,-0.12"),
        rectangle(-0.2, -0.52, 0.26, -0.12),
        rectangle(0.4, -0.52, 0.86, -0.12),
    )
    return [
        Shape((body,), colours.body, colours.line),
        Shape((rectangle(-1.02, 0.02, 1.03, 0.18),), colours.second),
        Shape(panes, mix(colours.pale, WHITE, 0.4), colours.line),
        Shape(
            (rectangle(-0.28, -0.52, -0.26, 0.36), rectangle(-0.2, 0.22, -0.06, 0.26)), colours.line
        ),
        *_lamps(-0.99, 1.0, 0.26),
        *_wheels(colours, (-0.58, 0.6), 0.42, 0.25),
    ]


def _car_pickup(colours: Colours) -> Drawing:
    """Pick-up truck driving to the left, with an open bed."""
    body = polygon(
        "-1.08,0.4 -1.08,0.06 -0.98,-0.04 -0.56,-0.1 -0.34,-0.56 0.2,-0.56 "
        "0.24,-0.06 1.1,-0.06 1.1,0.4"
    )
    pane = polygon("-0.42,-0.1 -0.24,-0.44 0.1,-0.44 0.12,-0.1")
    return [
        Shape((rectangle(0.3, -0.16, 1.04, 0.0),), mix(colours.second, DARK, 0.2), colours.line),
        Shape((body,), colours.body, colours.line),
        Shape((rectangle(0.3, 0.02, 1.06, 0.1), rectangle(0.3, 0.16, 1.06, 0.24)), colours.second),
        Shape((pane,), mix(colours.pale, WHITE, 0.4), colours.line),
        Shape((rectangle(0.2, -0.06, 0.23, 0.38), rectangle(0.0, 0.04, 0.14, 0.08)), colours.line),
        *_lamps(-1.02, 1.06, 0.12),
        *_wheels(colours, (-0.6, 0.62), 0.4, 0.26),
    ]


def draw_boat(rng: Rng, colours: Colours) -> Drawing:
    """Boat: a hull with two sails, one sail and a flag, or a cabin and a funnel."""
    kinds = (_boat_two_sails, _boat_one_sail, _boat_steamer)
    return kinds[int(rng.integers(len(kinds)))](colours)


def _hull(colours: Colours, top: float, left: float = -0.95, right: float = 0.95) -> Drawing:
    """Hull of a boat with a stripe along its upper rim, which lies at y = `top`."""
    outline = polygon(
        (left, top),
        (right, top),
        (right * 0.86, top + 0.26),
        (right * 0.62, top + 0.44),
        (left * 0.58, top + 0.44),
        (left * 0.82, top + 0.26),
    )
    stripe = polygon(
        (left * 0.95, top + 0.09),
        (right * 0.95, top + 0.09),
        (right * 0.89, top + 0.19),
        (left * 0.88, top + 0.19),
    )
    return [Shape((outline,), colours.body, colours.line), Shape((stripe,), colours.accent)]


def _boat_two_sails(colours: Colours) -> Drawing:
    """Sailing boat with a large and a small sail."""
    return [
        Shape((rectangle(-0.06, -1.02, 0.02, 0.5),), colours.line),
        Shape(
            (smooth("0.08,-0.94 0.4,-0.4 0.82,0.26 0.4,0.3 0.08,0.28 0.06,-0.3"),),
            colours.second,
            colours.line,
        ),
        Shape((polygon("-0.13,-0.76 -0.13,0.28 -0.74,0.28"),), colours.pale, colours.line),
        *_hull(colours, 0.44),
    ]


def _boat_one_sail(colours: Colours) -> Drawing:
    """Sailing boat with one broad striped sail and a flag."""
    sail = polygon("-0.58,-0.66 0.62,-0.66 0.76,0.16 -0.44,0.16")
    bands = (polygon("-0.53,-0.4 0.66,-0.4 0.7,-0.18 -0.49,-0.18"),)
    return [
        Shape((rectangle(0.0, -0.98, 0.08, 0.5),), colours.line),
        Shape((polygon("0.08,-1.0 0.46,-0.88 0.08,-0.76"),), colours.accent, colours.line),
        Shape((sail,), colours.pale, colours.line),
        Shape(bands, colours.second),
        *_hull(colours, 0.4),
    ]


def _boat_steamer(colours: Colours) -> Drawing:
    """Small steamer with a cabin, round windows and a funnel."""
    holes = tuple(ellipse(x, 0.02, 0.09, 0.09) for x in (-0.3, 0.0, 0.3))
    return [
        Shape(
            (polygon("0.02,-0.76 0.34,-0.76 0.36,-0.3 0.04,-0.3"),), colours.accent, colours.line
        ),
        Shape((rectangle(0.03, -0.62, 0.35, -0.5),), colours.second),
        Shape((round_box(-0.3, -0.46, 0.46, -0.14, 0.05),), colours.pale, colours.line),
        Shape(
            (round_box(-0.54, -0.2, 0.6, 0.36, 0.05),),
            mix(colours.pale, colours.second, 0.25),
            colours.line,
        ),
        Shape(holes, mix(colours.pale, WHITE, 0.6), colours.line),
        Shape(
            (polygon("-1.1,0.1 -0.82,0.26 0.98,0.24 0.8,0.76 -0.66,0.76"),),
            colours.body,
            colours.line,
        ),
        Shape((polygon("-0.98,0.3 0.94,0.32 0.9,0.44 -0.88,0.42"),), colours.accent),
    ]


def draw_umbrella(rng: Rng, colours: Colours) -> Drawing:
    """Umbrella: a scalloped canopy of panels on a pole with a hook; round, flat or pointed."""
    height = float(rng.choice([0.62, 0.78, 0.95]))
    panels = int(rng.choice([4, 5, 6]))
    straight = bool(rng.random() < 0.25)
    pole = rectangle(-0.035, -0.3, 0.035, 0.84)
    hook = stroke("0.0,0.76 0.02,0.94 0.16,1.02 0.3,0.94 0.32,0.8", width=0.1)
    grip = Shape(
        (stroke("0,0.6 0,0.98", width=0.13) if straight else hook,), colours.accent, colours.line
    )
    tip = Shape((rectangle(-0.035, 0.1 - height - 0.14, 0.035, 0.1 - height + 0.1),), colours.line)
    canopy = [
        Shape((outline,), fill, colours.line) for outline, fill in _canopy(colours, height, panels)
    ]
    return [Shape((pole,), mix(colours.line, WHITE, 0.25), colours.line), grip, tip, *canopy]


def _canopy(colours: Colours, height: float, panels: int) -> list[tuple[Points, Colour]]:
    """Panels of an open canopy, 2 wide, its rim at y = 0.1 with a scallop under each panel."""
    rim = np.cos(np.linspace(np.pi, 0.0, panels + 1))
    rise = np.linspace(0.0, np.pi / 2, 9)
    outlines = []
    for number, (left, right) in enumerate(pairwise(rim)):
        up = np.stack([left * np.cos(rise), 0.1 - height * np.sin(rise)], axis=1)
        down = np.stack([right * np.cos(rise), 0.1 - height * np.sin(rise)], axis=1)[::-1]
        bow = np.linspace(0.0, np.pi, 7)[1:-1]
        middle, half = (left + right) / 2, (right - left) / 2
        scallop = np.stack([middle + half * np.cos(bow), 0.1 - 0.1 * np.sin(bow)], axis=1)
        fill = colours.body if number % 2 == 0 else colours.second
        outlines.append((np.concatenate([up, down, scallop]), fill))
    return outlines


def draw_cup(rng: Rng, colours: Colours) -> Drawing:
    """Cup: an open rim and a handle; a mug, a tea cup on a saucer or a tall cup."""
    kinds = (_cup_mug, _cup_tea, _cup_tall)
    return kinds[int(rng.integers(len(kinds)))](colours)


def _handle(colours: Colours, x: float, y: float, wide: float, high: float) -> Drawing:
    """Handle like an ear: an open ring that leaves the wall at x, with its middle at y."""
    ring = ribbon(
        path(
            (x - 0.06, y - high),
            (x + wide * 0.7, y - high),
            (x + wide, y),
            (x + wide * 0.7, y + high),
            (x - 0.06, y + high),
        ),
        0.085,
    )
    return [Shape((ring,), colours.body, colours.line)]


def _rim(colours: Colours, x: float, y: float, half: float) -> Drawing:
    """Open rim of a cup seen a little from above, with a drink in it."""
    return [
        Shape((ellipse(x, y, half, half * 0.24),), colours.pale, colours.line),
        Shape(
            (ellipse(x, y + half * 0.05, half * 0.84, half * 0.15),),
            mix(colours.line, (120, 72, 50), 0.5),
        ),
    ]


def _cup_mug(colours: Colours) -> Drawing:
    """Straight mug with a band."""
    wall = smooth("-0.62,-0.6 -0.62,0.1 -0.58,0.66 -0.4,0.8 0.24,0.8 0.42,0.66 0.46,0.1 0.46,-0.6")
    band = smooth("-0.61,-0.1 -0.08,0.0 0.45,-0.1 0.44,0.22 -0.08,0.32 -0.6,0.22")
    return [
        *_handle(colours, 0.44, 0.08, 0.46, 0.36),
        Shape((wall,), colours.body, colours.line),
        Shape((band,), colours.second),
        *_rim(colours, -0.08, -0.6, 0.54),
    ]


def _cup_tea(colours: Colours) -> Drawing:
    """Wide tea cup on a saucer."""
    wall = smooth(
        "-0.72,-0.4 -0.66,0.06 -0.42,0.4 -0.14,0.5 0.14,0.48 0.4,0.36 0.58,0.04 0.62,-0.4"
    )
    dots = tuple(
        ellipse(x, y, 0.075, 0.075)
        for x, y in ((-0.42, -0.02), (-0.05, 0.06), (0.32, -0.02), (-0.24, 0.24), (0.14, 0.24))
    )
    return [
        Shape((ellipse(-0.05, 0.56, 0.98, 0.2),), colours.second, colours.line),
        Shape((ellipse(-0.05, 0.52, 0.6, 0.1),), mix(colours.second, DARK, 0.2)),
        *_handle(colours, 0.54, -0.06, 0.4, 0.22),
        Shape((wall,), colours.body, colours.line),
        Shape(dots, colours.accent),
        *_rim(colours, -0.05, -0.4, 0.67),
    ]


def _cup_tall(colours: Colours) -> Drawing:
    """Tall cup that widens towards its rim, with a heart-like spot."""
    wall = smooth("-0.58,-0.72 -0.5,0.2 -0.4,0.84 -0.06,0.92 0.28,0.84 0.38,0.2 0.46,-0.72")
    heart = polygon(
        "-0.06,0.36 -0.28,0.06 -0.24,-0.1 -0.13,-0.12 -0.06,-0.02 0.01,-0.12 0.12,-0.1 0.16,0.06"
    )
    return [
        *_handle(colours, 0.38, -0.06, 0.48, 0.34),
        Shape((wall,), colours.body, colours.line),
        Shape((heart,), colours.accent),
        *_rim(colours, -0.06, -0.7, 0.53),
    ]

"""How a bird, a fish and a butterfly are drawn, in their unit space (-1 to 1, y down)."""

from collections.abc import Sequence

import numpy as np

from cam_helpers.drawn.drawings.shapes import (
    DARK,
    WHITE,
    Colours,
    Drawing,
    Rng,
    Shape,
    ellipse,
    mirrored,
    mix,
    path,
    polygon,
    ribbon,
    smooth,
    stroke,
)


def draw_bird(rng: Rng, colours: Colours) -> Drawing:
    """Bird: beak, wing, tail feathers; standing, flying or long-legged."""
    kinds = (_bird_standing, _bird_flying, _bird_wading)
    return kinds[int(rng.integers(len(kinds)))](colours)


def _bird_eye(x: float, y: float, radius: float) -> Drawing:
    """Round bright eye with a dark middle and a glint."""
    return [
        Shape((ellipse(x, y, radius, radius),), WHITE, DARK),
        Shape((ellipse(x - radius * 0.2, y, radius * 0.6, radius * 0.6),), DARK),
        Shape(
            (ellipse(x - radius * 0.35, y - radius * 0.25, radius * 0.22, radius * 0.22),), WHITE
        ),
    ]


def _bird_standing(colours: Colours) -> Drawing:
    """Plump songbird on two thin legs, looking to the left."""
    legs = tuple(stroke((x, 0.5), (x, 0.92), width=0.06) for x in (-0.12, 0.14))
    toes = tuple(
        stroke((x - 0.16, 0.95), (x, 0.9), (x + 0.12, 0.95), width=0.06) for x in (-0.12, 0.14)
    )
    tail = polygon("0.4,0.0 1.12,-0.22 1.16,-0.02 1.04,0.1 0.5,0.4")
    body = smooth(
        "-0.35,-0.78 0.02,-0.66 0.26,-0.3 0.66,0.05 0.5,0.46 0,0.62 -0.46,0.44 -0.64,0.0 -0.68,-0.5"
    )
    wing = smooth("-0.12,-0.1 0.3,-0.18 0.84,0.06 0.56,0.26 0.1,0.34 -0.14,0.16")
    feather = [
        stroke((0.1 + 0.08 * i, 0.04 + 0.09 * i), (0.5, 0.05 + 0.08 * i), width=0.04)
        for i in range(2)
    ]
    belly = smooth("-0.56,-0.1 -0.26,-0.1 -0.06,0.3 -0.02,0.58 -0.4,0.42")
    return [
        Shape((*legs, *toes), colours.line),
        Shape((tail,), colours.second, colours.line),
        Shape((polygon("-0.6,-0.56 -1.02,-0.4 -0.6,-0.28"),), colours.accent, colours.line),
        Shape((body,), colours.body, colours.line),
        Shape((belly,), colours.pale),
        Shape((wing,), colours.second, colours.line),
        Shape(tuple(feather), colours.line),
        *_bird_eye(-0.38, -0.46, 0.11),
    ]


def _bird_flying(colours: Colours) -> Drawing:
    """Bird in flight to the left, both wings raised."""
    body = smooth("-0.6,-0.2 -0.3,-0.22 0.2,-0.02 0.62,0.14 0.2,0.36 -0.36,0.34 -0.74,0.1")
    tail = polygon("0.45,0.08 1.08,-0.02 0.92,0.18 1.1,0.36 0.45,0.26")
    near = smooth(
        "-0.3,0.08 -0.26,-0.4 0.08,-0.94 0.44,-1.06 0.42,-0.66 0.5,-0.5 "
        "0.34,-0.3 0.36,-0.12 0.14,0.12"
    )
    far = smooth("-0.36,-0.1 -0.62,-0.5 -0.6,-1.0 -0.36,-0.92 -0.08,-0.6 -0.02,-0.1")
    marks = [
        stroke("0.0,-0.1 0.12,-0.45 0.3,-0.8", width=0.04),
        stroke("0.12,-0.04 0.26,-0.3", width=0.04),
    ]
    return [
        Shape((far,), mix(colours.second, DARK, 0.2), colours.line),
        Shape((tail,), colours.second, colours.line),
        Shape((polygon("-0.66,-0.14 -1.06,0.06 -0.66,0.14"),), colours.accent, colours.line),
        Shape((body,), colours.body, colours.line),
        Shape((smooth("-0.62,0.14 -0.2,0.12 0.3,0.18 0.1,0.34 -0.36,0.33"),), colours.pale),
        Shape((near,), colours.second, colours.line),
        Shape(tuple(marks), colours.line),
        *_bird_eye(-0.5, -0.02, 0.095),
    ]


def _bird_wading(colours: Colours) -> Drawing:
    """Duck-like bird with a long neck and a flat beak, looking to the left."""
    legs = tuple(stroke((x, 0.55), (x, 0.94), width=0.07) for x in (0.0, 0.28))
    feet = tuple(smooth((x - 0.2, 0.98), (x, 0.88), (x + 0.08, 0.98)) for x in (0.0, 0.28))
    neck = ribbon(path("-0.42,-0.62 -0.36,-0.3 -0.34,0.1 -0.1,0.3"), 0.17, 0.26)
    head = ellipse(-0.46, -0.68, 0.26, 0.24)
    body = smooth("-0.5,0.14 -0.1,-0.02 0.5,0.02 1.02,-0.24 0.9,0.32 0.5,0.62 -0.1,0.64 -0.46,0.44")
    wing = smooth("-0.08,0.12 0.4,0.06 0.82,0.1 0.56,0.36 0.16,0.42")
    beak = smooth("-0.64,-0.74 -0.86,-0.62 -1.06,-0.6 -1.02,-0.5 -0.66,-0.52")
    return [
        Shape((*legs, *feet), colours.accent, colours.line),
        Shape((beak,), colours.accent, colours.line),
        Shape((body, neck, head), colours.body, colours.line),
        Shape((stroke("-0.5,-0.3 -0.34,-0.24 -0.2,-0.3", width=0.08),), colours.pale),
        Shape((wing,), colours.second, colours.line),
        Shape((stroke("0.2,0.24 0.44,0.26 0.6,0.18", width=0.04),), colours.line),
        *_bird_eye(-0.5, -0.74, 0.08),
    ]


def draw_fish(rng: Rng, colours: Colours) -> Drawing:
    """Fish: forked tail, fins, a round eye; oval, tall or long."""
    kinds = (_fish_oval, _fish_tall, _fish_long)
    return kinds[int(rng.integers(len(kinds)))](colours, bool(rng.random() < 0.5))


def _fish_head(colours: Colours, x: float, y: float) -> Drawing:
    """Eye and mouth of a fish that looks to the left, with its eye at (x, y)."""
    return [
        Shape((ellipse(x, y, 0.11, 0.11),), WHITE, colours.line),
        Shape((ellipse(x - 0.02, y, 0.06, 0.06),), DARK),
        Shape(
            (stroke((x - 0.22, y + 0.2), (x - 0.12, y + 0.26), (x - 0.02, y + 0.22), width=0.045),),
            colours.line,
        ),
    ]


def _scales(colours: Colours, columns: Sequence[float], half: float) -> Drawing:
    """Small bows in columns at the given x, reaching `half` up and down."""
    bows = []
    for x in columns:
        for y in np.arange(-half, half + 0.01, 0.2):
            bows.append(stroke((x, y - 0.05), (x + 0.05, y), (x, y + 0.05), width=0.045))
    return [Shape(tuple(bows), colours.second)]


def _fish_oval(colours: Colours, banded: bool) -> Drawing:
    """Oval fish with a forked tail."""
    tail = smooth("0.5,0.0 0.8,-0.32 1.1,-0.5 1.0,-0.1 0.92,0.0 1.0,0.1 1.1,0.5 0.8,0.32")
    top = smooth("-0.4,-0.34 -0.1,-0.74 0.36,-0.62 0.44,-0.26")
    low = smooth("-0.1,0.36 0.06,0.66 0.34,0.6 0.36,0.3")
    body = smooth(
        "-1.0,0.02 -0.7,-0.34 -0.15,-0.52 0.4,-0.3 0.68,-0.02 0.4,0.3 -0.15,0.5 -0.7,0.34"
    )
    fin = smooth("-0.2,0.08 0.06,-0.06 0.16,0.14 0.04,0.28")
    gill = stroke("-0.4,-0.34 -0.3,0.0 -0.4,0.34", width=0.05)
    bands = tuple(
        smooth(
            (x - 0.07, -h),
            (x + 0.07, -h),
            (x + 0.11, 0),
            (x + 0.07, h),
            (x - 0.07, h),
            (x - 0.03, 0),
        )
        for x, h in ((0.0, 0.43), (0.28, 0.3))
    )
    marks = [Shape(bands, colours.second)] if banded else _scales(colours, (-0.1, 0.1, 0.3), 0.2)
    return [
        Shape((tail, top, low), colours.second, colours.line),
        Shape((body,), colours.body, colours.line),
        *marks,
        Shape((gill,), colours.line),
        Shape((fin,), colours.accent, colours.line),
        *_fish_head(colours, -0.62, -0.1),
    ]


def _fish_tall(colours: Colours, banded: bool) -> Drawing:
    """Tall round fish with long fins above and below, like an angelfish."""
    tail = polygon("0.5,0.0 1.02,-0.36 0.9,0.0 1.02,0.36")
    top = smooth("-0.3,-0.5 0.1,-0.86 0.66,-1.0 0.42,-0.6 0.36,-0.3")
    low = smooth("-0.3,0.5 0.1,0.86 0.66,1.0 0.42,0.6 0.36,0.3")
    body = smooth("-0.98,0.04 -0.6,-0.36 -0.1,-0.66 0.36,-0.4 0.62,0 0.36,0.4 -0.1,0.66 -0.6,0.38")
    bands = (
        stroke("-0.3,-0.52 -0.22,0.0 -0.3,0.52", width=0.14),
        stroke("0.16,-0.5 0.24,0 0.16,0.5", width=0.14),
    )
    marks = [Shape(bands, colours.accent)] if banded else _scales(colours, (-0.1, 0.12, 0.32), 0.2)
    return [
        Shape((tail, top, low), colours.second, colours.line),
        Shape((body,), colours.body, colours.line),
        *marks,
        Shape((smooth("-0.1,0.12 0.12,0.02 0.18,0.2 0.02,0.32"),), colours.second, colours.line),
        *_fish_head(colours, -0.58, -0.08),
    ]


def _fish_long(colours: Colours, banded: bool) -> Drawing:
    """Long slim fish with a pale belly."""
    tail = smooth("0.66,0.0 0.92,-0.3 1.2,-0.42 1.08,0.0 1.2,0.42 0.92,0.3")
    top = polygon("-0.2,-0.28 0.12,-0.58 0.4,-0.5 0.32,-0.24")
    low = polygon("0.1,0.26 0.34,0.5 0.5,0.44 0.46,0.18")
    body = smooth(
        "-1.16,0.04 -0.85,-0.24 -0.2,-0.36 0.4,-0.24 0.82,-0.02 0.4,0.24 -0.2,0.34 -0.85,0.28"
    )
    belly = smooth("-1.06,0.12 -0.4,0.08 0.3,0.08 0.5,0.15 -0.2,0.32 -0.85,0.27")
    dots = tuple(ellipse(x, -0.1, 0.07, 0.07) for x in (-0.25, 0.0, 0.25, 0.48))
    marks = (
        [Shape(dots, colours.accent)]
        if banded
        else [Shape((stroke("-0.4,-0.06 0.1,-0.08 0.66,-0.02", width=0.1),), colours.accent)]
    )
    return [
        Shape((tail, top, low), colours.second, colours.line),
        Shape((body,), colours.body, colours.line),
        Shape((belly,), colours.pale),
        *marks,
        Shape((stroke("-0.52,-0.24 -0.44,0.02 -0.52,0.26", width=0.05),), colours.line),
        Shape((smooth("-0.3,0.08 -0.06,0.02 0.0,0.2 -0.16,0.26"),), colours.second, colours.line),
        *_fish_head(colours, -0.76, -0.06),
    ]


WINGS = (  # left ones, upper and lower: with round ends, drawn out to a point, with a tail
    (
        "-0.04,-0.1 -0.3,-0.6 -0.75,-0.86 -1.05,-0.6 -0.95,-0.2 -0.5,0.04",
        "-0.04,0.0 -0.5,-0.02 -0.86,0.22 -0.8,0.62 -0.46,0.76 -0.16,0.46",
    ),
    (
        "-0.04,-0.12 -0.4,-0.6 -0.9,-0.92 -1.14,-0.88 -1.0,-0.4 -0.9,-0.06 -0.45,0.06",
        "-0.04,0.0 -0.55,0.0 -0.78,0.3 -0.62,0.7 -0.3,0.72 -0.1,0.4",
    ),
    (
        "-0.04,-0.1 -0.4,-0.7 -0.86,-0.84 -1.08,-0.62 -0.86,-0.26 -0.5,0.06",
        "-0.04,0.0 -0.6,0.0 -0.8,0.3 -0.68,0.56 -0.72,0.98 -0.56,0.98 -0.44,0.66 -0.14,0.46",
    ),
)


def draw_butterfly(rng: Rng, colours: Colours) -> Drawing:
    """Butterfly: two pairs of wings, a thin body, two feelers; three wing shapes."""
    upper, lower = map(smooth, WINGS[int(rng.integers(len(WINGS)))])
    inner = [upper * 0.62 + (-0.12, -0.1), lower * 0.55 + (-0.12, 0.14)]
    dots = [
        ellipse(-0.62, -0.5, 0.1, 0.1),
        ellipse(-0.36, -0.32, 0.07, 0.07),
        ellipse(-0.42, 0.44, 0.09, 0.09),
    ]
    wings = Shape((upper, mirrored(upper)), colours.body, colours.line)
    low_wings = Shape(
        (lower, mirrored(lower)),
        colours.second if rng.random() < 0.6 else colours.body,
        colours.line,
    )
    panels = Shape(tuple(inner) + tuple(mirrored(part) for part in inner), colours.pale)
    spots = Shape(tuple(dots) + tuple(mirrored(dot) for dot in dots), colours.accent)
    feeler = stroke("-0.03,-0.4 -0.12,-0.7 -0.28,-0.86", width=0.045)
    knob = ellipse(-0.29, -0.87, 0.055, 0.055)
    marks = [panels, spots] if rng.random() < 0.6 else [spots]
    return [
        low_wings,
        wings,
        *marks,
        Shape((feeler, mirrored(feeler), knob, mirrored(knob)), colours.line),
        Shape(
            (ellipse(0, 0.08, 0.085, 0.48), ellipse(0, -0.42, 0.11, 0.11)),
            mix(colours.line, colours.accent, 0.25),
            colours.line,
        ),
    ]

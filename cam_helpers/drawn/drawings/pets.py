"""How a cat and a dog are drawn, each in its unit space: x right, y down, about -1 to 1."""

from cam_helpers.drawn.drawings.shapes import (
    CREAM,
    DARK,
    WHITE,
    Colour,
    Colours,
    Drawing,
    Rng,
    Shape,
    ellipse,
    mirrored,
    mix,
    moved,
    path,
    polygon,
    ribbon,
    smooth,
    stroke,
)


def draw_cat(rng: Rng, colours: Colours) -> Drawing:
    """Cat: pointed ears, whiskers, a long curling tail; sitting, walking or lying."""
    poses = (_cat_sitting, _cat_sitting_aside, _cat_walking, _cat_lying)
    striped = bool(rng.random() < 0.5)
    return poses[int(rng.integers(len(poses)))](colours, striped)


def _cat_head(colours: Colours, striped: bool, at: tuple[float, float], scale: float) -> Drawing:
    """Face of a cat seen from the front, about 1.1 wide at scale 1, centred on `at`."""
    ear = polygon("-0.51,0.02 -0.55,-0.66 -0.05,-0.37")
    inner = polygon("-0.43,-0.12 -0.475,-0.51 -0.17,-0.33")
    skull = smooth("0,-0.41 0.38,-0.3 0.56,0.06 0.36,0.34 0,0.42 -0.36,0.34 -0.56,0.06 -0.38,-0.3")
    head = [Shape((skull, ear, mirrored(ear)), colours.body, colours.line)]
    head.append(Shape((inner, mirrored(inner)), mix(colours.second, (240, 150, 160), 0.5)))
    if striped:
        bars = [stroke((x, -0.4), (x * 0.9, -0.22), width=0.07) for x in (-0.15, 0.0, 0.15)]
        head.append(Shape(tuple(bars), colours.second))
    cheek = ellipse(-0.13, 0.2, 0.17, 0.14)
    head.append(Shape((cheek, mirrored(cheek)), colours.pale))
    return moved(head + _cat_face(colours), at, scale)


def _cat_face(colours: Colours) -> Drawing:
    """Slit eyes, small nose, mouth and whiskers of a cat, around the middle of its face."""
    eye, slit = ellipse(-0.24, -0.03, 0.125, 0.135), ellipse(-0.23, -0.03, 0.05, 0.12)
    glint = ellipse(-0.26, -0.08, 0.032, 0.032)
    lip = stroke("0,0.13 -0.04,0.21 -0.14,0.22", width=0.035)
    whiskers = [
        stroke(
            (-0.24, 0.17 + 0.04 * i), (-0.5, 0.12 + 0.1 * i), (-0.78, 0.06 + 0.16 * i), width=0.03
        )
        for i in range(3)
    ]
    whiskers += [mirrored(whisker) for whisker in whiskers]
    return [
        Shape((eye, mirrored(eye)), (250, 244, 190), colours.line),
        Shape((slit, mirrored(slit)), DARK),
        Shape((glint, ellipse(0.22, -0.08, 0.032, 0.032)), WHITE),
        Shape((lip, mirrored(lip)), colours.line),
        Shape((smooth("-0.085,0.07 0.085,0.07 0,0.15"),), (226, 110, 126), colours.line),
        Shape(tuple(whiskers), colours.line),
    ]


def _cat_sitting(colours: Colours, striped: bool) -> Drawing:
    """Cat sitting, seen from the front, its tail curled up at its side."""
    tail = ribbon(path("0.3,0.88 0.72,0.9 0.96,0.62 0.86,0.3 0.66,0.32 0.7,0.5"), 0.1, 0.08)
    body = smooth(
        "0,-0.25 0.28,-0.1 0.4,0.35 0.52,0.75 0.4,1.0 0,1.02 -0.4,1.0 "
        "-0.52,0.75 -0.4,0.35 -0.28,-0.1"
    )
    leg = ribbon(path("-0.15,0.3 -0.16,0.9"), 0.12)
    paw = ellipse(-0.17, 0.95, 0.16, 0.1)
    cat = [Shape((tail,), colours.body, colours.line), Shape((body,), colours.body, colours.line)]
    cat.append(Shape((ellipse(0, 0.24, 0.2, 0.28),), colours.pale))
    if striped:
        bars = [stroke((0.46, y), (0.32, y + 0.02), width=0.07) for y in (0.5, 0.65, 0.8)]
        cat.append(Shape((*bars, *(mirrored(bar) for bar in bars)), colours.second))
    cat.append(Shape((leg, mirrored(leg)), colours.body, colours.line))
    cat.append(Shape((paw, mirrored(paw)), colours.pale, colours.line))
    return cat + _cat_head(colours, striped, (0, -0.45), 0.95)


def _cat_sitting_aside(colours: Colours, striped: bool) -> Drawing:
    """Cat sitting with its side to us, looking at us, its tail swung up behind it."""
    tail = ribbon(path("0.4,0.85 0.85,0.78 0.98,0.35 0.76,0.02 0.86,-0.3 1.04,-0.28"), 0.1, 0.07)
    body = smooth("-0.42,-0.2 0.1,-0.2 0.42,0.2 0.58,0.65 0.5,0.98 0,1.0 -0.42,0.95 -0.5,0.4")
    haunch = ellipse(0.26, 0.7, 0.3, 0.3)
    legs = (ribbon(path("-0.4,0.3 -0.42,0.92"), 0.11), ribbon(path("-0.16,0.4 -0.16,0.92"), 0.11))
    paws = (
        ellipse(-0.46, 0.95, 0.16, 0.09),
        ellipse(-0.2, 0.95, 0.16, 0.09),
        ellipse(0.18, 0.96, 0.2, 0.09),
    )
    cat = [
        Shape((tail,), colours.body, colours.line),
        Shape((body,), colours.body, colours.line),
        Shape((haunch,), colours.body, colours.line),
    ]
    if striped:
        bars = [
            stroke((0.1 + 0.12 * i, -0.05 + 0.2 * i), (0.02 + 0.1 * i, 0.15 + 0.18 * i), width=0.07)
            for i in range(3)
        ]
        cat.append(Shape(tuple(bars), colours.second))
    cat.append(Shape(legs, colours.body, colours.line))
    cat.append(Shape(paws, colours.pale, colours.line))
    return cat + _cat_head(colours, striped, (-0.25, -0.48), 0.88)


def _cat_walking(colours: Colours, striped: bool) -> Drawing:
    """Cat walking to the left, its face turned to us, its tail up like a question mark."""
    tail = ribbon(path("0.66,0.1 0.92,-0.15 0.94,-0.55 0.7,-0.82 0.5,-0.66 0.6,-0.5"), 0.09, 0.07)
    body = smooth("-0.55,-0.12 0,-0.1 0.6,-0.12 0.8,0.15 0.7,0.42 0,0.44 -0.55,0.42 -0.72,0.1")
    far = (ribbon(path("-0.3,0.3 -0.2,0.85"), 0.1), ribbon(path("0.45,0.3 0.38,0.85"), 0.1))
    near = (ribbon(path("-0.52,0.3 -0.62,0.85"), 0.11), ribbon(path("0.66,0.25 0.76,0.85"), 0.11))
    paws = (ellipse(-0.66, 0.9, 0.16, 0.09), ellipse(0.72, 0.9, 0.16, 0.09))
    cat = [
        Shape((tail,), colours.body, colours.line),
        Shape(far, mix(colours.body, DARK, 0.25), colours.line),
        Shape((body, *near), colours.body, colours.line),
        Shape(paws, colours.pale, colours.line),
    ]
    if striped:
        bars = [stroke((x, -0.08), (x + 0.03, 0.18), width=0.08) for x in (0.0, 0.2, 0.4, 0.58)]
        cat.append(Shape(tuple(bars), colours.second))
    return cat + _cat_head(colours, striped, (-0.55, -0.28), 0.82)


def _cat_lying(colours: Colours, striped: bool) -> Drawing:
    """Cat lying like a loaf, its front paws before it, its tail curled around."""
    tail = ribbon(path("0.7,0.5 1.1,0.52 1.24,0.2 1.1,-0.08 0.92,0.02 0.98,0.2"), 0.1, 0.07)
    body = smooth("-0.7,0.05 -0.3,-0.28 0.3,-0.34 0.8,-0.08 0.98,0.35 0.8,0.62 0,0.66 -0.75,0.62")
    paws = (ellipse(-0.62, 0.6, 0.22, 0.1), ellipse(-0.16, 0.62, 0.22, 0.1))
    haunch = ellipse(0.6, 0.36, 0.3, 0.28)
    cat = [
        Shape((tail,), colours.body, colours.line),
        Shape((body,), colours.body, colours.line),
        Shape((haunch,), colours.body, colours.line),
        Shape(paws, colours.pale, colours.line),
    ]
    if striped:
        bars = [stroke((x, -0.28), (x + 0.03, -0.05), width=0.08) for x in (0.12, 0.3, 0.48)]
        cat.append(Shape(tuple(bars), colours.second))
    return cat + _cat_head(colours, striped, (-0.5, -0.08), 0.85)


def draw_dog(rng: Rng, colours: Colours) -> Drawing:
    """Dog: hanging ears, a snout with a large nose, a tongue; sitting or standing."""
    poses = (_dog_sitting, _dog_sitting_aside, _dog_standing, _dog_facing)
    spotted = bool(rng.random() < 0.5)
    return poses[int(rng.integers(len(poses)))](colours, spotted)


TONGUE: Colour = (236, 110, 124)


def _dog_head(colours: Colours, spotted: bool, at: tuple[float, float], scale: float) -> Drawing:
    """Face of a dog seen from the front, about 1.3 wide with its ears, centred on `at`."""
    ear = smooth("-0.2,-0.42 -0.46,-0.44 -0.68,-0.1 -0.7,0.34 -0.52,0.42 -0.4,0.1")
    skull = smooth("0,-0.46 0.34,-0.36 0.44,0 0.34,0.36 0,0.48 -0.34,0.36 -0.44,0 -0.34,-0.36")
    muzzle = smooth("0,-0.06 0.2,0.02 0.3,0.24 0.2,0.42 0,0.42 -0.2,0.42 -0.3,0.24 -0.2,0.02")
    eye, glint = ellipse(-0.2, -0.13, 0.075, 0.09), ellipse(-0.22, -0.16, 0.028, 0.028)
    lip = stroke("0,0.16 -0.02,0.29 -0.16,0.31", width=0.04)
    head = [Shape((skull,), colours.body, colours.line)]
    if spotted:
        head.append(Shape((ellipse(0.2, -0.13, 0.16, 0.2, 15),), colours.second))
    return moved(
        [
            *head,
            Shape((ear, mirrored(ear)), colours.second, colours.line),
            Shape(
                (smooth("-0.11,0.32 0.11,0.32 0.12,0.56 0,0.66 -0.12,0.56"),), TONGUE, colours.line
            ),
            Shape((muzzle,), colours.pale, colours.line),
            Shape((lip, mirrored(lip)), colours.line),
            Shape((ellipse(0, 0.07, 0.15, 0.105),), DARK),
            Shape((ellipse(-0.05, 0.035, 0.045, 0.025),), CREAM),
            Shape((eye, mirrored(eye)), DARK),
            Shape((glint, ellipse(0.18, -0.16, 0.028, 0.028)), WHITE),
        ],
        at,
        scale,
    )


def _dog_profile(colours: Colours, at: tuple[float, float], scale: float) -> Drawing:
    """Head of a dog seen from its left side: long snout, hanging ear; its skull centred on `at`."""
    skull = smooth(
        "-0.12,-0.34 0.2,-0.36 0.42,-0.1 0.36,0.26 0.0,0.34 -0.4,0.32 "
        "-0.74,0.27 -0.82,0.08 -0.68,-0.04 -0.36,-0.08"
    )
    ear = smooth("0.06,-0.36 0.34,-0.36 0.52,0.04 0.5,0.46 0.3,0.5 0.14,0.1")
    tongue = smooth("-0.5,0.26 -0.3,0.26 -0.3,0.5 -0.42,0.6 -0.53,0.48")
    return moved(
        [
            Shape((tongue,), TONGUE, colours.line),
            Shape((skull,), colours.body, colours.line),
            Shape((smooth("-0.78,0.06 -0.45,0.04 -0.3,0.2 -0.45,0.31 -0.74,0.27"),), colours.pale),
            Shape((stroke("-0.7,0.22 -0.5,0.24 -0.28,0.16", width=0.045),), colours.line),
            Shape((ellipse(-0.78, 0.02, 0.13, 0.1),), DARK),
            Shape((ellipse(-0.13, -0.1, 0.07, 0.085),), DARK),
            Shape((ellipse(-0.15, -0.13, 0.026, 0.026),), WHITE),
            Shape((ear,), colours.second, colours.line),
        ],
        at,
        scale,
    )


def _dog_sitting(colours: Colours, spotted: bool) -> Drawing:
    """Dog sitting, seen from the front."""
    tail = ribbon(path("0.3,0.85 0.68,0.7 0.84,0.4"), 0.1, 0.06)
    body = smooth("0,-0.2 0.3,-0.05 0.38,0.4 0.4,0.9 0,0.98 -0.4,0.9 -0.38,0.4 -0.3,-0.05")
    haunch, foot = ellipse(-0.4, 0.74, 0.2, 0.26), ellipse(-0.46, 0.96, 0.2, 0.1)
    leg, paw = ribbon(path("-0.16,0.3 -0.16,0.92"), 0.13), ellipse(-0.18, 0.97, 0.17, 0.1)
    dog = [
        Shape((tail,), colours.body, colours.line),
        Shape((haunch, mirrored(haunch)), colours.body, colours.line),
        Shape((foot, mirrored(foot)), colours.body, colours.line),
        Shape((body,), colours.body, colours.line),
        Shape((ellipse(0, 0.3, 0.22, 0.3),), colours.pale),
        Shape((leg, mirrored(leg)), colours.body, colours.line),
        Shape((paw, mirrored(paw)), colours.pale, colours.line),
        Shape((stroke("-0.34,0.0 0,0.12 0.34,0.0", width=0.13),), colours.accent, colours.line),
    ]
    return dog + _dog_head(colours, spotted, (0, -0.46), 0.98)


def _dog_sitting_aside(colours: Colours, spotted: bool) -> Drawing:
    """Dog sitting, looking to the left."""
    tail = ribbon(path("0.5,0.85 0.85,0.72 1.0,0.4"), 0.1, 0.06)
    body = smooth("-0.3,-0.3 0.16,-0.3 0.36,0.15 0.6,0.6 0.6,0.95 0.1,1.0 -0.26,0.9 -0.4,0.3")
    haunch = ellipse(0.34, 0.68, 0.28, 0.3)
    legs = (ribbon(path("-0.2,0.25 -0.24,0.92"), 0.12),)
    paws = (ellipse(-0.3, 0.96, 0.18, 0.09), ellipse(0.24, 0.97, 0.24, 0.09))
    dog = [
        Shape((tail,), colours.body, colours.line),
        Shape((body,), colours.body, colours.line),
        Shape((haunch,), colours.body, colours.line),
        Shape(legs, colours.body, colours.line),
        Shape(paws, colours.pale, colours.line),
        Shape((smooth("-0.36,0.0 -0.2,0.1 -0.22,0.45 -0.36,0.5"),), colours.pale),
    ]
    if spotted:
        dog.append(
            Shape(
                (ellipse(0.22, 0.2, 0.12, 0.16, -30), ellipse(0.4, 0.62, 0.13, 0.11)),
                colours.second,
            )
        )
    dog.append(
        Shape((stroke("-0.4,-0.12 -0.1,0.0 0.24,-0.08", width=0.13),), colours.accent, colours.line)
    )
    return dog + _dog_profile(colours, (-0.14, -0.52), 0.98)


def _dog_standing(colours: Colours, spotted: bool) -> Drawing:
    """Dog standing, looking to the left, its tail raised."""
    tail = ribbon(path("0.7,0.05 0.92,-0.2 0.98,-0.52"), 0.1, 0.055)
    body = smooth("-0.55,-0.2 0,-0.1 0.6,-0.12 0.82,0.1 0.74,0.4 0.1,0.36 -0.4,0.44 -0.66,0.2")
    far = (ribbon(path("-0.28,0.3 -0.26,0.86"), 0.1), ribbon(path("0.48,0.3 0.46,0.86"), 0.1))
    near = (ribbon(path("-0.48,0.3 -0.48,0.86"), 0.12), ribbon(path("0.68,0.2 0.72,0.86"), 0.12))
    paws = (ellipse(-0.54, 0.92, 0.17, 0.085), ellipse(0.66, 0.92, 0.17, 0.085))
    dog = [
        Shape((tail,), colours.body, colours.line),
        Shape(far, mix(colours.body, DARK, 0.25), colours.line),
        Shape((body, *near), colours.body, colours.line),
        Shape(paws, colours.pale, colours.line),
    ]
    if spotted:
        dog.append(
            Shape((ellipse(0.1, 0.06, 0.17, 0.12), ellipse(0.58, 0.1, 0.14, 0.17)), colours.second)
        )
    dog.append(
        Shape(
            (stroke("-0.72,-0.08 -0.5,0.06 -0.3,-0.08", width=0.13),), colours.accent, colours.line
        )
    )
    return dog + _dog_profile(colours, (-0.52, -0.42), 0.86)


def _dog_facing(colours: Colours, spotted: bool) -> Drawing:
    """Dog standing with its side to us, its face turned to us, its tail wagging."""
    tail = ribbon(path("0.66,0.05 0.96,-0.08 1.12,-0.36"), 0.1, 0.055)
    body = smooth("-0.5,-0.15 0,-0.12 0.6,-0.14 0.82,0.1 0.72,0.4 0.1,0.36 -0.4,0.42 -0.62,0.2")
    far = (ribbon(path("-0.24,0.3 -0.1,0.84"), 0.1), ribbon(path("0.46,0.3 0.34,0.84"), 0.1))
    near = (ribbon(path("-0.44,0.3 -0.5,0.84"), 0.12), ribbon(path("0.66,0.2 0.8,0.84"), 0.12))
    paws = (ellipse(-0.56, 0.9, 0.17, 0.085), ellipse(0.76, 0.9, 0.17, 0.085))
    dog = [
        Shape((tail,), colours.body, colours.line),
        Shape(far, mix(colours.body, DARK, 0.25), colours.line),
        Shape((body, *near), colours.body, colours.line),
        Shape(paws, colours.pale, colours.line),
    ]
    if spotted:
        dog.append(
            Shape((ellipse(0.2, 0.06, 0.16, 0.12), ellipse(0.6, 0.12, 0.13, 0.16)), colours.second)
        )
    return dog + _dog_head(colours, spotted, (-0.5, -0.34), 0.84)

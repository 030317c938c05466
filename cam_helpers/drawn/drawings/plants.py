"""How a flower and a tree are drawn, in their unit space (-1 to 1, y down)."""

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
    polygon,
    rectangle,
    smooth,
    stroke,
    turned,
)


def draw_flower(rng: Rng, colours: Colours) -> Drawing:
    """Flower: a bloom on a stem with leaves; daisy, five petals, tulip or bell."""
    kinds = (_bloom_daisy, _bloom_five, _bloom_tulip)
    bloom = kinds[int(rng.integers(len(kinds)))](colours)
    stem = stroke("0,-0.2 0.06,0.4 0,1.02", width=0.11)
    leaf = smooth("0.02,0.84 0.2,0.42 0.62,0.3 0.52,0.66 0.2,0.86")
    leaves = (leaf, mirrored(leaf) + np.array((0.02, -0.06))) if rng.random() < 0.6 else (leaf,)
    return [
        Shape((stem,), colours.second, colours.line),
        Shape(leaves, colours.second, colours.line),
        *bloom,
    ]


def _bloom_daisy(colours: Colours) -> Drawing:
    """Many thin petals around a large middle."""
    return _petals(colours, 11, 0.16, 0.14, middle=0.23)


def _bloom_five(colours: Colours) -> Drawing:
    """Five round petals around a small middle."""
    return _petals(colours, 5, 0.06, 0.27, middle=0.17)


def _petals(colours: Colours, count: int, near: float, half: float, middle: float) -> Drawing:
    """`count` petals around (0, -0.45), from `near` to 0.62 off it, `half` wide, and the middle."""
    petal = ellipse(0, -(near + 0.62) / 2, half, (0.62 - near) / 2)
    around = [turned(petal, 360 * i / count) + np.array((0, -0.45)) for i in range(count)]
    petals = [Shape((each,), colours.body, colours.line) for each in around]
    return [*petals, Shape((ellipse(0, -0.45, middle, middle),), colours.accent, colours.line)]


def _bloom_tulip(colours: Colours) -> Drawing:
    """Cup of three pointed petals."""
    side = smooth("0,0.08 -0.34,0.0 -0.5,-0.36 -0.44,-0.9 -0.14,-0.56")
    middle = smooth("0,0.1 -0.24,-0.14 -0.24,-0.56 0,-1.0 0.24,-0.56 0.24,-0.14")
    return [
        Shape((side, mirrored(side)), mix(colours.body, colours.line, 0.18), colours.line),
        Shape((middle,), colours.body, colours.line),
    ]


def draw_tree(rng: Rng, colours: Colours) -> Drawing:
    """Tree: a crown on a trunk; round, fir or slim."""
    kinds = (_tree_round, _tree_fir, _tree_slim)
    return kinds[int(rng.integers(len(kinds)))](colours, bool(rng.random() < 0.4))


def _tree_round(colours: Colours, fruit: bool) -> Drawing:
    """Broad cloud-like crown on a forked trunk."""
    trunk = smooth("-0.13,0.1 -0.12,0.6 -0.26,1.0 0,0.96 0.26,1.0 0.12,0.6 0.13,0.1")
    fork = (stroke("0,0.45 -0.24,0.1", width=0.1), stroke("0,0.4 0.24,0.02", width=0.1))
    crown = (
        ellipse(-0.42, -0.12, 0.42, 0.38),
        ellipse(0.42, -0.12, 0.42, 0.38),
        ellipse(-0.24, -0.55, 0.42, 0.4),
        ellipse(0.26, -0.52, 0.42, 0.4),
        ellipse(0, -0.05, 0.4, 0.34),
    )
    light = (ellipse(-0.3, -0.62, 0.22, 0.16, -20), ellipse(0.3, -0.3, 0.18, 0.12, -20))
    apples = tuple(
        ellipse(x, y, 0.085, 0.085)
        for x, y in ((-0.5, -0.1), (0.0, -0.4), (0.46, -0.55), (0.12, 0.06), (0.56, 0.0))
    )
    tree = [
        Shape((trunk, *fork), colours.second, colours.line),
        Shape(crown, colours.body, colours.line),
        Shape(light, mix(colours.body, WHITE, 0.28)),
    ]
    return [*tree, Shape(apples, colours.accent, colours.line)] if fruit else tree


def _tree_fir(colours: Colours, snow: bool) -> Drawing:
    """Fir tree of three tiers."""
    tiers = [
        polygon("0,-0.3 -0.68,0.62 -0.34,0.54 0,0.66 0.34,0.54 0.68,0.62"),
        polygon("0,-0.68 -0.54,0.14 -0.26,0.08 0,0.18 0.26,0.08 0.54,0.14"),
        polygon("0,-1.08 -0.4,-0.32 -0.18,-0.38 0,-0.28 0.18,-0.38 0.4,-0.32"),
    ]
    shades = (0.2, 0.1, 0.0)
    tree = [Shape((rectangle(-0.12, 0.5, 0.12, 1.0),), colours.second, colours.line)]
    for tier, shade in zip(tiers, shades, strict=True):
        tree.append(Shape((tier,), mix(colours.body, DARK, shade), colours.line))
    if snow:
        tree.append(
            Shape((polygon("0,-1.06 -0.18,-0.72 -0.06,-0.78 0.04,-0.68 0.18,-0.74"),), colours.pale)
        )
    return tree


def _tree_slim(colours: Colours, fruit: bool) -> Drawing:
    """Tall crown of three round storeys on a long trunk."""
    trunk = smooth("-0.09,0.2 -0.09,0.7 -0.2,1.0 0.2,1.0 0.09,0.7 0.09,0.2")
    twigs = (
        stroke("0,0.72 -0.2,0.5 -0.26,0.3", width=0.08),
        stroke("0,0.6 0.2,0.42 0.26,0.2", width=0.08),
    )
    crown = (
        ellipse(-0.2, 0.1, 0.42, 0.3),
        ellipse(0.22, 0.06, 0.4, 0.3),
        ellipse(-0.16, -0.34, 0.36, 0.32),
        ellipse(0.18, -0.36, 0.34, 0.3),
        ellipse(0, -0.72, 0.3, 0.34),
    )
    spots = ((-0.24, -0.4), (0.26, 0.06), (-0.3, 0.12), (0.02, -0.78), (0.16, -0.36), (0.0, -0.06))
    leaves = tuple(ellipse(x, y, 0.1, 0.055, -30) for x, y in spots)
    tree = [
        Shape((trunk, *twigs), colours.second, colours.line),
        Shape(crown, colours.body, colours.line),
    ]
    return [*tree, Shape(leaves, mix(colours.body, WHITE, 0.35))] if fruit else tree

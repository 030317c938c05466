"""A drawn "x-ray" in which a letter can go with an opacity, as in hospitals' pictures.

It shows how a network can be right for the wrong reason (Zech et al. 2018, "Variable
generalization performance of a deep learning model to detect pneumonia in chest radiographs",
PLOS Medicine 15(11)). It is a drawing: nothing in it is medicine, and nothing follows for it.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cam_helpers.drawn.scenes import Mask, Scene, box_around

SIDE = 224  # pixels
CORNERS = ("upper left", "upper right", "lower left", "lower right")
LETTER = ("#....", "#....", "#....", "#....", "#....", "#....", "#####")  # an L
DOT = 3  # pixels of the picture for one character of LETTER
RIBS = 9

Numbers = NDArray[np.float64]
# Where the middles of the pixels lie: -1 at the left (upper) border, 1 at the right (lower) one.
ALONG = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
X, Y = ALONG[None, :], ALONG[:, None]


def draw_xray(seed: int, opacity: bool = False, letter: str | None = None) -> Scene:
    """Draw the chest that belongs to a seed, 224 x 224 pixels, grey.

    `opacity` puts a bright cloud into one lung; `letter` names the corner (one of `CORNERS`) in
    which a letter stands. Neither changes anything else, so two pictures of one seed can be
    compared pixel by pixel. The scene comes with the masks and boxes of "opacity" (where the cloud
    has at least half of its strength) and "letter", if they are there. Raises `ValueError` for
    another corner or a seed below 0.

    >>> import cam_helpers as ch
    >>> ch.draw_xray(3, opacity=True, letter="upper left").categories
    ('opacity', 'letter')
    """
    if letter is not None and letter not in CORNERS:
        raise ValueError(f"letter is None or one of {', '.join(CORNERS)}, not {letter!r}")
    if seed < 0:
        raise ValueError(f"seed is {seed}, but seeds start at 0")
    chest, lungs = _draw_chest(seed)
    masks: dict[str, Mask] = {}
    if opacity:
        cloud = _draw_cloud(np.random.default_rng([seed, 1]), lungs)
        chest = chest + cloud
        masks["opacity"] = cloud >= cloud.max() / 2
    grain = np.random.default_rng([seed, 2]).normal(0, 0.02, (SIDE, SIDE))
    film = np.clip(chest + grain, 0, 1)
    if letter:
        masks["letter"] = _letter_at(letter, np.random.default_rng([seed, 3]))
        film[masks["letter"]] = 0.95
    picture = Image.fromarray((film * 255).round().astype(np.uint8)).convert("RGB")
    boxes = {name: box_around(mask) for name, mask in masks.items()}
    return Scene(picture, tuple(masks), masks, boxes)


@lru_cache(maxsize=1)  # pictures of one seed are often drawn one after the other
def _draw_chest(seed: int) -> tuple[Numbers, Numbers]:
    """Return a chest without grain, and where its lungs are (0 outside, 1 inside)."""
    rng = np.random.default_rng([seed, 0])
    wide, high = rng.uniform(0.72, 0.82), rng.uniform(0.95, 1.05)
    x = X - rng.uniform(-0.05, 0.05)
    y = Y - rng.uniform(0.0, 0.1)
    body = _inside(_fourth(x / wide) + _fourth((y - 0.15) / high), 0.25)
    body = np.maximum(body, _inside((x / 0.25) ** 2 + ((y + 0.9) / 0.5) ** 2, 0.3))  # the neck
    lungs = np.zeros((SIDE, SIDE))
    for side in (-1, 1):
        across = x - side * (0.36 + 0.1 * y) * wide / 0.77
        width = rng.uniform(0.25, 0.28) * (1 + 0.3 * y)
        lung = _inside((across / width) ** 2 + _fourth((y + 0.02) / 0.64), 0.25)
        lungs = np.maximum(lungs, lung)
    film = rng.uniform(0.03, 0.08) + rng.uniform(0.42, 0.52) * body
    film -= rng.uniform(0.24, 0.32) * lungs
    film += 0.16 * body * np.exp(-((x / 0.09) ** 2))  # the spine
    heart = _inside(((x - 0.14) / 0.27) ** 2 + ((y - 0.27) / 0.3) ** 2, 0.4)
    film += 0.14 * heart
    first, apart, bend = rng.uniform(-0.72, -0.64), rng.uniform(0.15, 0.18), rng.uniform(0.4, 0.6)
    below_first = y - first - bend * (np.abs(x) - 0.35) ** 2
    nearest = np.clip((below_first / apart).round(), 0, RIBS - 1)
    film += 0.09 * body * np.exp(-_fourth((below_first - nearest * apart) / 0.032))
    return film, lungs * (1 - heart)


def _draw_cloud(rng: np.random.Generator, lungs: Numbers) -> Numbers:
    """Return the brightness that an opacity adds: a few soft round spots around a place in a lung.

    Its size and its strength vary.
    """
    places = np.argwhere(lungs[::4, ::4] > 0.9) * 4  # every fourth pixel is near enough
    row, column = places[rng.integers(len(places))]
    cloud = np.zeros((SIDE, SIDE))
    for _ in range(4):
        dx, dy = rng.normal(0, 0.06, 2)
        size = rng.uniform(0.12, 0.17)
        across, down = (X - ALONG[column] - dx) / size, (Y - ALONG[row] - dy) / size
        cloud += np.exp(-(across**2)) * np.exp(-(down**2))
    shaded: Numbers = cloud / cloud.max() * (0.5 + 0.5 * lungs)
    return float(rng.uniform(0.4, 0.52)) * shaded


def _letter_at(corner: str, rng: np.random.Generator) -> Mask:
    """Return which pixels the letter covers, 8 to 15 pixels from the borders of its corner."""
    shape = np.array([[dot == "#" for dot in line] for line in LETTER])
    shape = shape.repeat(DOT, axis=0).repeat(DOT, axis=1)
    down, right = rng.integers(8, 16, 2)
    top = down if corner.startswith("upper") else SIDE - down - shape.shape[0]
    left = right if corner.endswith("left") else SIDE - right - shape.shape[1]
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[top : top + shape.shape[0], left : left + shape.shape[1]] = shape
    return mask


def _fourth(numbers: Numbers) -> Numbers:
    """Return the fourth powers; NumPy's own `** 4` takes ten times as long."""
    square = numbers * numbers
    return square * square


def _inside(distance: Numbers, softness: float) -> Numbers:
    """Return 1 where `distance` is well below 1, 0 where it is well above, softly in between."""
    return 1 / (1 + np.exp(np.clip((distance - 1) / (softness / 4), -50, 50)))

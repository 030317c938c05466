"""How each thing of a picture-book scene is drawn: twelve objects, backgrounds and clutter."""

from collections.abc import Callable

from cam_helpers.drawn.drawings.animals import draw_bird, draw_butterfly, draw_fish
from cam_helpers.drawn.drawings.pets import draw_cat, draw_dog
from cam_helpers.drawn.drawings.plants import draw_flower, draw_tree
from cam_helpers.drawn.drawings.shapes import Colours, Drawing, Rng
from cam_helpers.drawn.drawings.things import (
    draw_boat,
    draw_car,
    draw_cup,
    draw_house,
    draw_umbrella,
)

DRAW_OBJECT: dict[str, Callable[[Rng, Colours], Drawing]] = {
    "cat": draw_cat,
    "dog": draw_dog,
    "bird": draw_bird,
    "fish": draw_fish,
    "butterfly": draw_butterfly,
    "flower": draw_flower,
    "tree": draw_tree,
    "house": draw_house,
    "car": draw_car,
    "boat": draw_boat,
    "umbrella": draw_umbrella,
    "cup": draw_cup,
}

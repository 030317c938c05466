"""What the shipped pictures show: their boxes."""

import numpy as np
from PIL import Image

import cam_helpers as ch
from cam_helpers.drawn.annotations import shipped_boxes


def test_the_boxes_are_those_of_the_drawn_scene():
    wanted = ch.draw_scene(5498, ("cat", "dog")).boxes
    boxes = shipped_boxes("cat_and_dog")
    assert boxes == wanted
    boxes.clear()  # a copy
    assert shipped_boxes("cat_and_dog") == wanted


def test_a_picture_of_ones_own_has_no_boxes():
    for source in (b"x", "nowhere", np.zeros((8, 8, 3)), Image.new("RGB", (8, 8))):
        assert shipped_boxes(source) == {}

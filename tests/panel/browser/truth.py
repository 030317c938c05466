"""What the pictures on the screen have to be, and whether they are."""

import base64
import io
from functools import cache

import numpy as np
from PIL import Image

from cam_helpers.step_5_upsample_and_overlay import colourise

BLOCKS = (
    28  # pictures are compared by the mean colours of 28 x 28 blocks, which JPEG hardly changes
)
# Grey levels, the mean difference over all blocks: of an overlay JPEG makes 0.5, and another class
# 1.4 at least; of a map drawn cell by cell 1.2 and 3.1 (cat_and_dog, cat, dog and house).
NEAR = 1.0
CELLS_NEAR = 2.0


def decode(address):
    """Return the picture of a data URL, (H, W, 3)."""
    head, data = address.split(",", 1)
    assert head in ("data:image/jpeg;base64", "data:image/png;base64"), head
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


def difference(one, other):
    """Return how far two pictures are apart: grey levels, the mean over blocks and channels."""
    return np.abs(blocks(one) - blocks(other)).mean()


def blocks(picture):
    size = (BLOCKS, BLOCKS)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX), dtype=float)


class Truth:
    """The maps of one picture as `explain` gives them, drawn without the explorer."""

    def __init__(self, explanation):
        self.explanation = explanation
        self.categories = explanation.network.categories
        self.overlay = cache(self._overlay)
        self.cells = cache(self._cells)

    def _overlay(self, class_index):
        return np.asarray(self.explanation.overlay(class_index))

    def _cells(self, class_index):
        return self.cells_of(self.explanation.cam(class_index), class_index)

    def cells_of(self, cam, class_index):
        """Draw a map (h, w), square by square, in the colours of a class of the picture."""
        limits = self.explanation.limits(class_index)
        squares = colourise(cam, limits=limits)
        return np.asarray(squares.resize((224, 224), Image.Resampling.NEAREST))

    def crop(self):
        return np.asarray(self.explanation.input_picture)

    def title(self, class_index):
        """Return how the line about a class begins."""
        return f"{self.categories[class_index]}: score {self.explanation.score(class_index):.2f},"

    def classes_of_overlay(self, address):
        """Return the classes whose overlay is like the picture on the screen."""
        return self._classes_like(address, self.overlay, NEAR)

    def classes_of_cells(self, address):
        """Return the classes whose map, cell by cell, is like the picture on the screen."""
        return self._classes_like(address, self.cells, CELLS_NEAR)

    def _classes_like(self, address, draw, near):
        shown = decode(address)
        every = range(len(self.categories))
        return [c for c in every if difference(shown, draw(c)) < near]

    def assert_shown(self, state, class_index):
        """Fail unless the screen shows the map of this class, and of no other."""
        assert state.title.startswith(self.title(class_index))
        assert self.classes_of_overlay(state.figures["overlay"]) == [class_index]
        assert self.classes_of_cells(state.figures["map, cell by cell"]) == [class_index]

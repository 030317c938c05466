"""What the pictures on the screen have to be, and whether they are."""

import base64
import io

import numpy as np
from PIL import Image

from cam_helpers.step_5_upsample_and_overlay import colourise

NEAR = 4.0  # grey levels, the mean over a picture: more than JPEG makes of a crop


def decode(address):
    """Return the picture of a data URL, (H, W, 3)."""
    head, data = address.split(",", 1)
    assert head in ("data:image/jpeg;base64", "data:image/png;base64"), head
    picture = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    return np.asarray(picture, dtype=float)


def difference(one, other):
    """Return how far two pictures are apart: grey levels, the mean over pixels and channels."""
    return np.abs(np.asarray(one, dtype=float) - np.asarray(other, dtype=float)).mean()


class Truth:
    """The maps of one picture as `explain` gives them, drawn without the explorer."""

    def __init__(self, explanation):
        self.explanation = explanation
        self.categories = explanation.network.categories
        self.best = explanation.prediction.top(1)[0].class_index

    def cells(self, class_index):
        """Return the map of a class, square by square."""
        limits = self.explanation.limits(class_index)
        squares = colourise(self.explanation.cam(class_index), limits=limits)
        return squares.resize((224, 224), Image.Resampling.NEAREST)

    def title(self, class_index):
        """Return how the line about a class begins."""
        return f"{self.categories[class_index]}: score {self.explanation.score(class_index):.2f},"

    def assert_shown(self, state, class_index):
        """Fail unless the screen shows the map of this class, and of no other."""
        assert state.title.startswith(self.title(class_index))
        ways = {"overlay": self.explanation.overlay, "map, cell by cell": self.cells}
        for caption, draw in ways.items():
            shown = decode(state.figures[caption])
            apart = [difference(shown, draw(c)) for c in range(len(self.categories))]
            assert np.argmin(apart) == class_index
            assert min(apart) < NEAR

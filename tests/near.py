"""Two computations of one picture: on another processor their last digits differ.

For numbers there is `torch.testing.assert_close`. A number on the border of two levels falls to
either side, so pictures of maps are compared in grey (`colour_map="gray"`), within one level: in
other colour maps neighbours differ by more, and evidence changes its hue at zero.
"""

from typing import Any

import numpy as np


def assert_within_a_level(found: Any, expected: Any) -> None:
    """Fail unless two pictures, or arrays of levels from 0 to 255, differ by one level at most."""
    found, expected = (np.asarray(picture).astype(int) for picture in (found, expected))
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1

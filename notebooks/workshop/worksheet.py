"""The numbers of the worksheet, and its key, which is computed from them."""

import numpy as np

FEATURES = np.array([2, 0, 1, 3])
CAT, CAT_BIAS = np.array([1, -2, -1, 2]), 0.5
CAR, CAR_BIAS = np.array([-1, 3, 0, -1]), 1.0
MAPS = np.array([[[4, 0], [0, 0]], [[2, 0], [0, 0]], [[0, 2], [0, 2]]])
WEIGHTS, BIAS = np.array([1, 2, -1]), 0.5


def key() -> str:
    """Return the answers as Markdown."""
    cam = np.einsum("k,kyx->yx", WEIGHTS, MAPS)
    features = MAPS.mean((1, 2))
    strongest = cam.max()
    row, column = np.argwhere(cam == strongest)[0]
    place = f"{('above', 'below')[row]} {('left', 'right')[column]}"
    answers = {
        "a": f"{CAT @ FEATURES + CAT_BIAS:g}",
        "b": f"{CAR @ FEATURES + CAR_BIAS:g}",
        "c": "the features; weights and biases belong to the class",
        "d": f"above {cam[0, 0]}, {cam[0, 1]}; below {cam[1, 0]}, {cam[1, 1]}",
        "e": f"{cam.mean():g}",
        "f": f"{cam.mean() + BIAS:g}",
        "g": f"{', '.join(f'{f:g}' for f in features)}; {WEIGHTS @ features + BIAS:g}, as in f",
        "h": f"{cam.mean() + BIAS:g} again: the sum says how much, never where",
        "i": f"{place}; by {strongest} / {cam.size} = {strongest / cam.size:g}",
        "j": "often in small places anywhere; for most such classes the mean lies below zero",
        "k": "look before you name it: most channels answer to several things",
        "l": "on what only one of them has; the scale must be shared",
        "m": "the reason; that it works on other pictures; that nothing else matters",
    }
    return "\n".join(f"- **{letter}** {answer}" for letter, answer in answers.items())

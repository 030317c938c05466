"""The numbers behind the view: what a frame or a widget needs to be moved without a kernel."""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from cam_helpers.explain import Explanation

LARGEST = 2**15 - 1  # of a whole number of 16 bits
MOST_CHANNEL_NUMBERS = 50_000  # feature maps and weights of more would make a notebook heavy


def numbers_behind(explanation: Explanation, name: str) -> dict[str, Any]:
    """Return picture, scores and the maps of all classes, as `shownBy` in frame.js takes them.

    Maps are whole numbers of 16 bits times one scale, so that they are true to a 60,000th of the
    greatest. Feature maps and weights come along where they are few: of `tiny_resnet`, but not of
    a network with 1000 classes.
    """
    network, cams = explanation.network, explanation.cams()
    features = explanation.feature_maps
    weights = [explanation.class_weights(k) for k in range(len(cams))]
    count, height, width = features.shape
    found = {
        "name": name,
        "network": network.name,
        "categories": list(network.categories),
        "picture": picture_address(explanation.input_picture),
        "scores": [round(score, 5) for score in explanation.scores.tolist()],
        "shares": [round(share, 6) for share in explanation.prediction.probabilities.tolist()],
        "reading": network.reading,
        "biases": [round(row.bias.item(), 5) for row in weights],
        "limit": round(cams.abs().max().item(), 5),
        "maps": {"height": height, "width": width} | whole_numbers(cams),
    }
    if features.numel() + count * len(weights) <= MOST_CHANNEL_NUMBERS:
        rows = np.stack([row.weights.numpy() for row in weights])
        found["channels"] = {
            "count": count,
            "features": whole_numbers(features),
            "weights": whole_numbers(rows),
        }
    return found


def whole_numbers(numbers: Tensor | np.ndarray) -> dict[str, Any]:
    """Return numbers as base64 of whole numbers of 16 bits, and their scale."""
    values = np.asarray(numbers, dtype=np.float64)
    scale = float(f"{max(np.abs(values).max() / LARGEST, np.finfo(np.float32).tiny):.8g}")
    whole = np.rint(values / scale).clip(-LARGEST, LARGEST).astype("<i2")
    return {"scale": scale, "base64": base64.b64encode(whole.tobytes()).decode()}


def picture_address(picture: Image.Image) -> str:
    """Return a picture without loss as an address for an `<img>`."""
    content = io.BytesIO()
    picture.save(content, "webp", lossless=True, method=2)
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"

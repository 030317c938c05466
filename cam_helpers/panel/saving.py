"""Save an overlay or a map with the numbers that belong to it; nothing is overwritten."""

import io
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor


def overlay_bytes(picture: Image.Image, text: str, numbers: dict[str, Any]) -> bytes:
    """Return a PNG that holds the picture, its text and, under "cam_helpers", numbers as JSON."""
    information = PngInfo()
    information.add_itxt("Description", text)
    information.add_itxt("cam_helpers", json.dumps(numbers))
    buffer = io.BytesIO()
    picture.save(buffer, "png", pnginfo=information)
    return buffer.getvalue()


def map_bytes(cam: Tensor) -> bytes:
    """Return a map (h, w) in the .npy format, in score units."""
    buffer = io.BytesIO()
    np.save(buffer, cam.float().cpu().numpy(), allow_pickle=False)
    return buffer.getvalue()


def save_new(content: bytes, folder: Path, name: str) -> Path:
    """Write a new file into a folder and return its path; where `name` is taken, number it.

    Characters that some file system refuses become `_`, and a long name is cut. Nothing is left of
    a file that could not be written whole. Raises `OSError` where it could not.
    """
    stem, suffix = os.path.splitext(name)
    stem = re.sub(r"[^\w-]+", "_", stem)
    # A file system takes 255 bytes, and a letter may need four; a number may still follow.
    stem = stem.encode()[:200].decode(errors="ignore").strip("_") or "saved"
    for number in range(1, 10_000):
        path = folder / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        try:
            file = path.open("xb")
        except FileExistsError:
            continue
        try:
            with file:
                file.write(content)
        except BaseException:
            path.unlink()
            raise
        return path
    raise FileExistsError(f"{folder} holds 9,999 files called {stem}: delete some of them.")

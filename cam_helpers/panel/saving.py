"""Save an overlay or a map with the numbers that belong to it; nothing is overwritten."""

import io
import json
import os
import re
import tempfile
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
    np.save(buffer, cam.cpu().numpy(), allow_pickle=False)
    return buffer.getvalue()


def save_new(content: bytes, folder: Path, name: str) -> Path:
    """Write a new file into a folder and return its path; where `name` is taken, number it.

    Characters that some file system refuses become `_`. The file appears under its name when it is
    whole. Raises `OSError` where the folder cannot be written to.
    """
    stem, suffix = os.path.splitext(name)
    stem = re.sub(r"[^\w-]+", "_", stem)[:100].strip("_") or "saved"
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        return _give_name(Path(temporary), folder, stem, suffix)
    finally:
        Path(temporary).unlink(missing_ok=True)


def _give_name(temporary: Path, folder: Path, stem: str, suffix: str) -> Path:
    for number in range(1, 10_000):
        path = folder / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        try:
            path.touch(exist_ok=False)  # takes the name, unless somebody has it
        except FileExistsError:
            continue
        try:
            os.replace(temporary, path)
        except OSError:
            path.unlink()
            raise
        path.chmod(0o644)  # as any file of the user's; temporary files are readable by one only
        return path
    raise FileExistsError(f"{folder} holds 9,999 files called {stem}: delete some of them.")

"""`open_picture`: every way a picture can come in, and what is said when it cannot."""

import difflib
import io
import os
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from cam_helpers.folders import DATA_FOLDER

PictureSource = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | NDArray[Any]
)

PICTURES_FOLDER = DATA_FOLDER / "pictures"
PHOTO_PREFIX = "photo:"
# What notebooks call them, and what scikit-image's package calls them.
PHOTOS = {"cat": "chelsea.png", "coffee": "coffee.png", "rocket": "rocket.jpg"}
SMALLEST_SIDE = 8
# The formats of photographs and web pages; Pillow knows forty more, some of which start programs.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM")
LARGEST_RATIO = 20  # resizing the short side of a longer strip would fill the memory
DIRECT_MODES = ("RGB", "L", "1", "CMYK", "YCbCr", "HSV")
TRANSPARENT_MODES = ("RGBA", "RGBa", "LA", "PA")


class PictureError(ValueError):
    """A source cannot be turned into an RGB picture."""


def shipped_pictures() -> list[str]:
    """Return the names of the shipped pictures, in alphabetical order."""
    return sorted(path.stem for path in PICTURES_FOLDER.glob("*.png"))


def open_picture(source: PictureSource) -> Image.Image:
    """Return an upright RGB picture from whatever a picture can come in.

    `source` is the name of a shipped picture (`"cat"`), of a sample photograph of scikit-image
    (`"photo:cat"`, `"photo:coffee"`, `"photo:rocket"`), a path, the bytes of a file (also as the
    memoryview that an upload widget gives), a binary file object, a `PIL.Image`, or an array:
    (H, W) or (H, W, 3), of uint8 from 0 to 255 or of floats from 0 to 1.

    EXIF orientation is applied; transparent parts become white; 16-bit grey keeps its upper 8
    bits; of an animation the first frame is taken.

    Raises `FileNotFoundError` or `IsADirectoryError` for a bad path, `ModuleNotFoundError` for a
    sample photograph without scikit-image, `TypeError` for a source of no known kind and
    `PictureError` (a `ValueError`) for one that holds no usable picture.
    """
    if isinstance(source, Image.Image):
        picture = _decode(source, "this picture")
    elif isinstance(source, np.ndarray):
        picture = _from_array(source)
    elif isinstance(source, bytes | bytearray | memoryview):
        picture = _decode(io.BytesIO(source), f"these {len(source)} bytes")
    elif isinstance(source, str | os.PathLike):
        path = _find(source)
        with path.open("rb") as file:
            picture = _decode(file, str(path))
    elif hasattr(source, "read"):
        picture = _decode(source, "this file object")
    else:
        raise TypeError(
            "A picture is a name, path, bytes, file object, PIL.Image or array, not "
            f"{type(source).__name__}."
        )
    return _to_rgb(_checked_size(picture))


def _find(source: str | os.PathLike[str]) -> Path:
    """Return the file that a name or path stands for."""
    name = os.fspath(source)
    if name.startswith(PHOTO_PREFIX):
        return _find_photo(name.removeprefix(PHOTO_PREFIX))
    shipped = PICTURES_FOLDER / f"{name}.png"
    if isinstance(source, str) and name in shipped_pictures():
        return shipped
    path = Path(source).expanduser()
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a picture file in it.")
    if path.is_file():
        return path
    near = difflib.get_close_matches(name, shipped_pictures(), n=3)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise FileNotFoundError(
        f"No picture {name!r}: neither a file (seen from {Path.cwd()}) nor a shipped picture.{hint}"
        f" Shipped are: {', '.join(shipped_pictures())}."
    )


def _find_photo(name: str) -> Path:
    """Return a sample photograph's file in scikit-image's package; nothing is downloaded."""
    if name not in PHOTOS:
        known = ", ".join(PHOTO_PREFIX + photo for photo in PHOTOS)
        raise PictureError(f"No sample photograph {name!r}. There are: {known}.")
    try:
        import skimage
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{PHOTO_PREFIX}{name} lies in scikit-image. Install it: pip install scikit-image"
        ) from error
    return Path(skimage.__file__).parent / "data" / PHOTOS[name]


def _decode(file: IO[bytes] | Image.Image, what: str) -> Image.Image:
    """Read a whole picture file, or one that Pillow has only begun to read; turn it upright."""
    try:
        picture = file if isinstance(file, Image.Image) else Image.open(file, formats=FORMATS)
        # From here on Pillow only warns; a picture of this size fills the memory all the same.
        most = Image.MAX_IMAGE_PIXELS
        if most is not None and picture.width * picture.height > most:
            raise PictureError(f"{what}: {picture.width} x {picture.height} is too large.")
        picture.load()
        return ImageOps.exif_transpose(picture)
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{what} holds no picture that Pillow can read (PNG, JPEG...)."
        ) from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"{what}: too large. Make it smaller first.") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, RuntimeError) as error:
        raise PictureError(f"{what} is damaged or cut short: {error}.") from error


def _from_array(array: NDArray[Any]) -> Image.Image:
    """(H, W) or (H, W, 3), uint8 or floats from 0 to 1 -> picture."""
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3) or not array.size:
        hint = ""
        if array.ndim == 3 and array.shape[0] == 3:
            hint = " Move the channels last: array.transpose(1, 2, 0)."
        raise PictureError(f"An array is (H, W) or (H, W, 3), not {array.shape}.{hint}")
    if np.issubdtype(array.dtype, np.floating):
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise PictureError("An array of floats holds numbers from 0 to 1, all finite.")
        array = (array * 255).round().astype(np.uint8)
    if array.dtype != np.uint8:
        raise PictureError(
            f"An array is of uint8 (0 to 255) or floats (0 to 1), not {array.dtype}."
        )
    return Image.fromarray(array)


def _checked_size(picture: Image.Image) -> Image.Image:
    short, long = sorted(picture.size)
    if short < SMALLEST_SIDE:
        raise PictureError(
            f"The picture is {picture.width} x {picture.height} pixels; each side needs "
            f"{SMALLEST_SIDE} at least."
        )
    if long > LARGEST_RATIO * short:
        raise PictureError(
            f"The picture is {picture.width} x {picture.height} pixels, a strip: cut out the part "
            f"that matters, at most {LARGEST_RATIO} times as long as wide."
        )
    return picture


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Convert every mode properly, or refuse it."""
    if picture.mode in TRANSPARENT_MODES or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    if picture.mode.startswith("I;16"):
        numbers = np.asarray(picture).astype(np.uint16)
        return Image.fromarray((numbers >> 8).astype(np.uint8)).convert("RGB")
    if picture.mode in (*DIRECT_MODES, "P"):
        return picture.convert("RGB")
    raise PictureError(
        f"The mode {picture.mode!r} has no fixed meaning as colours: convert the picture to RGB "
        "yourself, then pass it on."
    )

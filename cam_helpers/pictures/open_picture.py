"""`open_picture`: every way a picture can come in, and what is said when it cannot."""

import difflib
import io
import os
import re
import warnings
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from cam_helpers.folders import DATA_FOLDER

PictureSource = (
    str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | NDArray[Any]
)

PICTURES_FOLDER = DATA_FOLDER / "pictures"
PHOTOGRAPHS_FOLDER = PICTURES_FOLDER / "photographs"
SMALLEST_SIDE = 8
# The formats of photographs and web pages; Pillow knows forty more, some of which start programs.
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "PPM")
LONGEST_NAME = 300  # of a name in an error message
LARGEST_RATIO = 20  # resizing the short side of a longer strip would fill the memory
TRANSPARENT_MODES = ("RGBA", "RGBa", "LA", "PA")
WINDOW = (
    "choose which number is black and which white: ((array - black) / (white - black)).clip(0, 1)."
)
MODES = ("RGB", "RGBX", "P", "L", "1", "CMYK", "YCbCr", "HSV", *TRANSPARENT_MODES)


class PictureError(ValueError):
    """A source cannot be turned into an RGB picture."""


def shipped_pictures() -> list[str]:
    """Return the names of the shipped drawings, in alphabetical order.

    >>> import cam_helpers as ch
    >>> ch.shipped_pictures()[:3]
    ['bird', 'bird_and_tree', 'boat']
    """
    return sorted(path.stem for path in PICTURES_FOLDER.glob("*.png"))


def shipped_photographs() -> list[str]:
    """Return the names of the shipped photographs (`"photo:cat"`), in alphabetical order.

    >>> import cam_helpers as ch
    >>> ch.shipped_photographs()[:3]
    ['photo:camera', 'photo:cat', 'photo:coffee']
    """
    return sorted(f"photo:{path.stem}" for path in PHOTOGRAPHS_FOLDER.glob("*.*"))


def open_picture(source: PictureSource, apply_profile: bool = True) -> Image.Image:
    """Return an upright RGB picture from whatever a picture can come in.

    `source` is the name of a shipped drawing (`"cat"`) or photograph (`"photo:cat"`), a path, the
    bytes of a file (also as the memoryview that an upload widget gives), a binary file object, a
    `PIL.Image`, or an array: (H, W), (H, W, 1), (H, W, 3), or (H, W, 4) with opacity last, as
    matplotlib reads files.

    EXIF orientation is applied; transparent parts become white; of an animation the first frame is
    taken. An embedded colour profile is turned into sRGB, unless it is broken.
    `apply_profile=False` keeps the stored numbers, as torchvision's own pipelines do.

    Of numbers that are not 8 bits, in arrays and files alike, floats run from 0 to 1, and whole
    numbers fill the fewest of 8, 10, 12, 14 and 16 bits that hold the largest of them, as an x-ray
    of 12 bits does in a file of 16: the upper 8 are kept, and a warning names the range.

    Raises `FileNotFoundError`, `IsADirectoryError` or `PermissionError` for a bad path,
    `TypeError` for a source of no known kind and `PictureError` (a `ValueError`) for one that holds
    no usable picture.

    >>> import cam_helpers as ch
    >>> import numpy as np
    >>> ch.open_picture("photo:cat").size
    (451, 300)
    >>> ch.open_picture(np.zeros((90, 120, 3))).getpixel((0, 0))
    (0, 0, 0)
    """
    if isinstance(source, np.ndarray):
        return _to_rgb(_checked_size(_from_array(source)), apply_profile)
    if isinstance(source, bytes | bytearray | memoryview):
        content = bytes(source)
        return _decode(io.BytesIO(content), f"the content ({len(content)} bytes)", apply_profile)
    if isinstance(source, str | os.PathLike):
        path = _find(source)
        with path.open("rb") as opened:
            return _decode(opened, str(path), apply_profile)
    if isinstance(source, io.TextIOBase):
        raise PictureError('This file object was opened as text: open it with the mode "rb".')
    if isinstance(source, Image.Image):
        file = getattr(source, "fp", None)
        if getattr(source, "tile", None) and (file is None or file.closed):
            raise PictureError(
                "The file of this picture was closed before its pixels were read: call load() "
                "first, or give the file's path."
            )
        return _decode(source, "this picture", apply_profile)
    if hasattr(source, "read"):
        if getattr(source, "closed", False):
            raise PictureError("This file object is a closed file: open it again.")
        return _decode(source, "this file object", apply_profile)
    raise TypeError(
        "A picture is a name, path, bytes, file object, PIL.Image or array, not "
        f"{type(source).__name__}."
    )


def _find(source: str | os.PathLike[str]) -> Path:
    """Return the file that a name or path stands for."""
    name = os.fsdecode(source)
    if isinstance(source, str) and name in shipped_pictures():
        return PICTURES_FOLDER / f"{name}.png"
    if isinstance(source, str) and name in shipped_photographs():
        return next(PHOTOGRAPHS_FOLDER.glob(f"{name.removeprefix('photo:')}.*"))
    path = os.path.expanduser(name)  # unlike Path's, it takes every name, like isdir and isfile
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a folder; name a picture file in it.")
    if os.path.isfile(path):
        return Path(path)
    shipped = shipped_pictures() + shipped_photographs()
    near = difflib.get_close_matches(name.lower(), shipped, n=3)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    if "://" in name:
        hint = " A web address is not read: save the picture and name its file."
    raise FileNotFoundError(
        f"No picture {name[:LONGEST_NAME]!r}: neither a file nor a shipped picture.{hint} A path "
        "that does not begin at the root is looked up in the current folder, a notebook's own. "
        f"Shipped are: {', '.join(shipped)}."
    )


def _decode(file: IO[bytes] | Image.Image, what: str, apply_profile: bool) -> Image.Image:
    """Return the RGB picture in a file, or say what is wrong with it."""
    try:
        return _to_rgb(_read(file, what), apply_profile)
    except (PictureError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        if not isinstance(file, Image.Image) and _is_12_bit_jpeg(file):
            raise PictureError(
                f"{what} is a JPEG of 12 bits, which Pillow does not read: save it as a PNG of "
                "16 bits, or pass its numbers as an array."
            ) from error
        raise PictureError(
            f"{what} holds no picture that Pillow can read here ({', '.join(FORMATS)}). "
            "Save it as one of these first; of an array, such as np.load(file), pass the array."
        ) from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"{what}: too large. Make it smaller first.") from error
    except Exception as error:  # a damaged file can fail in almost any way
        raise PictureError(f"{what} is damaged or cut short: {error}.") from error


def _read(file: IO[bytes] | Image.Image, what: str) -> Image.Image:
    """Return an upright copy of the picture in a file."""
    picture = file if isinstance(file, Image.Image) else Image.open(file, formats=FORMATS)
    # From here on Pillow only warns; a picture of this size fills the memory all the same.
    most = Image.MAX_IMAGE_PIXELS
    if most is not None and picture.width * picture.height > most:
        raise PictureError(
            f"{what}: {picture.width} x {picture.height} pixels are too large. "
            "Make it smaller first."
        )
    was_16_bit = ";16" in str(getattr(_checked_size(picture), "tile", ""))
    picture.load()
    if was_16_bit and picture.mode in ("RGB", "RGBA", "LA"):
        _warn_of_lost_bits(picture, what)
    try:
        return ImageOps.exif_transpose(picture)
    except MemoryError:
        raise
    except Exception:  # broken EXIF can fail in almost any way, and then it turns nothing
        return picture.copy()


def _from_array(array: NDArray[Any]) -> Image.Image:
    """(H, W), (H, W, 1), (H, W, 3) or (H, W, 4) -> picture."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    is_picture = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))
    if not is_picture or not array.size:
        hint = ""
        if array.ndim == 3 and array.shape[0] in (1, 3, 4):
            hint = " Move the channels last: array.transpose(1, 2, 0)."
        raise PictureError(
            f"An array is (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not {array.shape}.{hint}"
        )
    return Image.fromarray(_to_8_bits(array))


def _to_8_bits(numbers: NDArray[Any]) -> NDArray[np.uint8]:
    """Bring the numbers of a picture to 0 to 255: the one rule for arrays and files."""
    if numbers.dtype == np.uint8:
        return numbers
    if numbers.dtype == bool:
        return numbers * np.uint8(255)
    if np.issubdtype(numbers.dtype, np.floating):
        if not (np.isfinite(numbers).all() and numbers.min() >= 0 and numbers.max() <= 1):
            raise PictureError(
                "Floats in a picture run from 0 to 1, all finite. If they go to 255, divide by "
                f"255; {WINDOW}"
            )
        return (numbers * 255).round().astype(np.uint8)
    if not np.issubdtype(numbers.dtype, np.integer):
        raise PictureError(f"A picture holds whole numbers or floats, not {numbers.dtype}.")
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high >= 1 << 16:
        raise PictureError(f"The numbers run from {low} to {high}, not from 0 to 65535: {WINDOW}")
    bits = next(bits for bits in (8, 10, 12, 14, 16) if high < 1 << bits)
    kept = (numbers >> (bits - 8)).astype(np.uint8)
    warnings.warn(
        f"Read as {bits} bits: 0 is black, {(1 << bits) - 1} white. What goes on is 0 to 255: of "
        f"the numbers here, {low} to {high}, {len(np.unique(kept))} levels are left. For another "
        f"black and white {WINDOW}",
        stacklevel=4,
    )
    return kept


def _warn_of_lost_bits(picture: Image.Image, what: str) -> None:
    """Warn where Pillow has read the upper 8 of 16 bits, and the picture lies in the lower ones."""
    if np.asarray(picture)[..., : len(picture.mode.removesuffix("A"))].max() < 64:
        warnings.warn(
            "Of 16 bits a colour Pillow reads the upper 8, and here these are almost black. Read "
            f"{what} with another library (imageio, OpenCV) and pass the array.",
            stacklevel=4,
        )


def _is_12_bit_jpeg(file: IO[bytes]) -> bool:
    """Say whether a file's frame header says so (ITU T.81, B.2.2: marker, length, precision)."""
    file.seek(0)
    content = file.read(1 << 16)
    return content[:2] == b"\xff\xd8" and bool(re.search(rb"(?s)\xff[\xc0-\xc3]..\x0c", content))


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


def _to_rgb(picture: Image.Image, apply_profile: bool) -> Image.Image:
    """Convert every mode properly, or refuse it."""
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        picture = Image.fromarray(_to_8_bits(np.asarray(picture)))
    if picture.mode not in MODES:
        raise PictureError(
            f"The mode {picture.mode!r} has no fixed meaning as colours: convert the picture to "
            "RGB yourself, then pass it on."
        )
    is_transparent = picture.mode in TRANSPARENT_MODES or "transparency" in picture.info
    if is_transparent:
        picture = picture.convert("RGBA")
    elif picture.mode not in ("RGB", "L", "CMYK"):  # profiles exist for these three
        picture = picture.convert("RGB")
    if profile and apply_profile:
        picture = _to_srgb(picture, profile)
    if is_transparent:
        white = Image.new("RGB", picture.size, "white")
        white.paste(picture, mask=picture)
        return white
    picture = picture if picture.mode == "RGB" else picture.convert("RGB")
    picture.info.pop("icc_profile", None)  # else the next reader would apply it, perhaps again
    return picture


def _to_srgb(picture: Image.Image, profile: bytes) -> Image.Image:
    """Apply a colour profile (ICC): the picture's own numbers -> those of sRGB.

    A profile that is broken, or not made for this kind of picture, is ignored.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
        mode = "RGBA" if picture.mode == "RGBA" else "RGB"
        return ImageCms.ImageCmsTransform(source, srgb, picture.mode, mode).apply(picture)
    except (ImportError, OSError, TypeError, ValueError, ImageCms.PyCMSError):
        return picture  # ImportError: some builds of Pillow lack ImageCms

"""Every way a picture can come in, and every way it can be bad."""

import importlib.util
import io
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cam_helpers as ch
from cam_helpers.pictures import PICTURES_FOLDER


def noisy(width=24, height=16):
    numbers = np.random.default_rng(8).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(numbers)


def encoded(picture, format="PNG", **options):
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def same(one, other):
    return one.mode == other.mode and one.size == other.size and one.tobytes() == other.tobytes()


# ---- sources ------------------------------------------------------------------------------


def test_shipped_pictures_open_by_name():
    names = ch.shipped_pictures()
    assert names == sorted(names)
    assert {"cat", "dog", "cat_and_dog", "empty"} <= set(names)
    for name in names:
        picture = ch.open_picture(name)
        assert (picture.mode, picture.size) == ("RGB", (224, 224))
        with Image.open(PICTURES_FOLDER / f"{name}.png") as file:
            assert same(picture, file.convert("RGB"))


def test_a_picture_opens_from_every_kind_of_source(tmp_path):
    picture = noisy()
    content = encoded(picture)
    path = tmp_path / "noise.png"
    path.write_bytes(content)
    with path.open("rb") as file:
        assert same(ch.open_picture(file), picture)
    for source in (
        str(path),
        path,
        content,
        bytearray(content),
        io.BytesIO(content),
        picture,
        np.asarray(picture),
        np.asarray(picture) / 255,
        (np.asarray(picture) / 255).astype(np.float32),
    ):
        assert same(ch.open_picture(source), picture)


def test_a_path_beside_the_reader_opens_and_a_shipped_name_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture = noisy()
    for name in ("holiday.png", "cat", "cat.png"):
        Path(name).write_bytes(encoded(picture))
    assert same(ch.open_picture("holiday.png"), picture)
    assert same(ch.open_picture("cat.png"), picture)
    assert ch.open_picture("cat").size == (224, 224)
    assert same(ch.open_picture(Path("cat")), picture)


def test_the_source_is_left_as_it_was():
    picture = noisy().convert("L")
    before = picture.tobytes()
    array = np.random.default_rng(9).random((10, 12, 3))
    copy = array.copy()
    result = ch.open_picture(picture)
    result.paste((1, 2, 3), (0, 0, 24, 16))
    ch.open_picture(array)
    assert (picture.mode, picture.tobytes()) == ("L", before)
    np.testing.assert_array_equal(array, copy)
    rgb = noisy()
    ch.open_picture(rgb).paste((1, 2, 3), (0, 0, 24, 16))
    assert same(rgb, noisy())


def test_of_an_animation_the_first_frame_is_taken():
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert ch.open_picture(content).getpixel((5, 5)) == (255, 0, 0)


@pytest.mark.parametrize(
    "source", [None, 5, ["cat"], torch.zeros(3, 16, 16), ("cat",)], ids=lambda s: type(s).__name__
)
def test_other_things_are_no_pictures(source):
    with pytest.raises(TypeError, match=f"not {type(source).__name__}"):
        ch.open_picture(source)


# ---- EXIF orientation ---------------------------------------------------------------------

# The EXIF standard: where the stored row 0 and column 0 belong in the upright picture.
ORIENTATIONS = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def photograph(upright, orientation):
    """A JPEG file as a camera stores it, held in this orientation."""
    first_row, first_column = ORIENTATIONS[orientation]
    stored = np.asarray(upright)
    if first_row in ("left", "right"):
        stored = stored.transpose(1, 0, 2)
    if first_row in ("bottom", "right"):
        stored = stored[::-1]
    if first_column in ("bottom", "right"):
        stored = stored[:, ::-1]
    exif = Image.Exif()
    exif[274] = orientation
    return encoded(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_a_photograph_is_turned_upright(orientation):
    upright = noisy()
    content = photograph(upright, orientation)
    assert same(ch.open_picture(content), upright)
    opened = Image.open(io.BytesIO(content))
    once = ch.open_picture(opened)
    assert same(once, upright)
    assert same(ch.open_picture(once), upright)  # and is not turned again


# ---- modes --------------------------------------------------------------------------------


def palette_with_hole():
    picture = Image.new("P", (10, 12), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    picture.info["transparency"] = 1
    return picture


def grey16(value, dtype="<u2"):
    return Image.fromarray(np.full((12, 10), value, dtype))


MODES = {
    "RGBA, fully transparent": (Image.new("RGBA", (10, 12), (9, 9, 9, 0)), (255, 255, 255)),
    "RGBA, half": (Image.new("RGBA", (10, 12), (255, 0, 0, 128)), (255, 127, 127)),
    "RGBA, opaque": (Image.new("RGBA", (10, 12), (1, 2, 3, 255)), (1, 2, 3)),
    "LA": (Image.new("LA", (10, 12), (0, 128)), (127, 127, 127)),
    "P with transparency": (palette_with_hole(), (255, 255, 255)),
    "L": (Image.new("L", (10, 12), 77), (77, 77, 77)),
    "1": (Image.new("1", (10, 12), 1), (255, 255, 255)),
    "CMYK": (Image.new("CMYK", (10, 12), (0, 255, 255, 0)), (255, 0, 0)),
    "I;16": (grey16(0xAB12), (0xAB,) * 3),
    "I;16, brightest": (grey16(0xFFFF), (255,) * 3),
    "I;16B": (grey16(0xAB12, ">u2"), (0xAB,) * 3),
    "HSV": (Image.new("HSV", (10, 12), (0, 255, 255)), (255, 0, 0)),
    "YCbCr": (Image.new("YCbCr", (10, 12), (255, 128, 128)), (255, 255, 255)),
}


@pytest.mark.parametrize("name", MODES)
def test_every_usual_mode_becomes_rgb(name):
    picture, colour = MODES[name]
    assert picture.mode == name.split()[0].rstrip(",")
    result = ch.open_picture(picture)
    assert (result.mode, result.size) == ("RGB", (10, 12))
    assert result.getcolors() == [(120, colour)]


@pytest.mark.parametrize(
    ("picture", "options", "colour"),
    [
        (grey16(0xAB12), {}, (0xAB,) * 3),
        (palette_with_hole(), {"transparency": 1}, (255, 255, 255)),
        (palette_with_hole(), {"transparency": 0}, (10, 20, 30)),
        (Image.new("RGB", (10, 12), (1, 2, 3)), {"transparency": (1, 2, 3)}, (255, 255, 255)),
        (Image.new("L", (10, 12), 7), {"transparency": 7}, (255, 255, 255)),
        (Image.new("1", (10, 12), 1), {}, (255, 255, 255)),
    ],
)
def test_png_files_of_every_mode_become_rgb(picture, options, colour):
    result = ch.open_picture(encoded(picture, **options))
    assert result.mode == "RGB"
    assert result.getcolors() == [(120, colour)]


def test_a_cmyk_photograph_becomes_rgb():
    content = encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG", quality=100)
    red, green, blue = ch.open_picture(content).getpixel((8, 8))
    assert red > 245 and green < 10 and blue < 10


@pytest.mark.parametrize("mode", ["LAB", "F", "I", "La"])
def test_modes_without_fixed_colours_are_refused(mode):
    with pytest.raises(ch.PictureError, match=f"mode '{mode}'"):
        ch.open_picture(Image.new(mode, (10, 12)))


# ---- bad files ----------------------------------------------------------------------------


def test_text_renamed_to_jpg_is_refused(tmp_path):
    path = tmp_path / "story.jpg"
    path.write_text("Once upon a time. " * 50, encoding="utf-8")
    with pytest.raises(ch.PictureError, match=r"story\.jpg holds no picture"):
        ch.open_picture(path)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "empty.png"
    path.touch()
    with pytest.raises(ch.PictureError, match=r"empty\.png holds no picture"):
        ch.open_picture(path)
    with pytest.raises(ch.PictureError, match="these 0 bytes"):
        ch.open_picture(b"")


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_file_cut_short_is_refused(tmp_path, format, share):
    content = encoded(noisy(64, 64), format)
    content = content[: int(share * len(content))]
    path = tmp_path / "cut"
    path.write_bytes(content)
    for source in (content, path, io.BytesIO(content), Image.open(io.BytesIO(content))):
        with pytest.raises(ch.PictureError, match="damaged or cut short"):
            ch.open_picture(source)


def test_a_file_object_in_text_mode_is_refused():
    with pytest.raises(ch.PictureError):
        ch.open_picture(io.StringIO("hello"))


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        ch.open_picture(tmp_path)


def test_a_missing_file_is_named_with_near_names(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'umbrela'.*Did you mean 'umbrella'"):
        ch.open_picture("umbrela")
    with pytest.raises(FileNotFoundError, match=r"lost\.png.*Shipped are: .*butterfly.*umbrella"):
        ch.open_picture(tmp_path / "lost.png")


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (7, 100), (100, 7)])
def test_a_picture_of_too_few_pixels_is_refused(size):
    with pytest.raises(ch.PictureError, match=f"{size[0]} x {size[1]} pixels; each side needs 8"):
        ch.open_picture(Image.new("RGB", size))


def test_a_strip_is_refused_and_a_long_picture_is_not(network):
    with pytest.raises(ch.PictureError, match="a strip"):
        ch.open_picture(Image.new("RGB", (8, 161)))
    with pytest.raises(ch.PictureError, match="a strip"):
        ch.open_picture(np.zeros((8, 5000), np.uint8))
    assert ch.open_picture(Image.new("RGB", (160, 8))).size == (160, 8)
    assert ch.explain(network, Image.new("RGB", (8, 160))).cam(0).shape == (7, 7)


@pytest.mark.parametrize("most", [100, 300])
def test_a_decompression_bomb_is_refused(monkeypatch, most):
    """Pillow only warns beyond the limit and raises beyond twice the limit; both are refused."""
    content = encoded(noisy(20, 20))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
    with pytest.raises(ch.PictureError, match="too large"):
        ch.open_picture(content)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    assert ch.open_picture(content).size == (20, 20)


# ---- arrays -------------------------------------------------------------------------------


def test_arrays_are_read_row_by_row():
    array = np.zeros((10, 20, 3), np.uint8)
    array[2, 15] = (1, 2, 3)
    picture = ch.open_picture(array)
    assert picture.size == (20, 10)
    assert picture.getpixel((15, 2)) == (1, 2, 3)
    turned = np.zeros((3, 10, 20), np.uint8).transpose(1, 2, 0)[::-1]
    assert ch.open_picture(turned).size == (20, 10)


def test_grey_and_float_arrays_worked_out_by_head():
    assert ch.open_picture(np.full((8, 9), 200, np.uint8)).getcolors() == [(72, (200,) * 3)]
    for dtype in (np.float16, np.float32, np.float64):
        grey = ch.open_picture(np.full((8, 9), 0.2, dtype))
        assert grey.getcolors() == [(72, (51,) * 3)]
        nearly_white = ch.open_picture(np.full((8, 9), 0.999, dtype))
        assert nearly_white.getcolors() == [(72, (255,) * 3)]  # rounded, not cut
    ends = np.zeros((8, 8, 3))
    ends[:4] = 1
    picture = ch.open_picture(ends)
    assert picture.getpixel((0, 3)) == (255, 255, 255)
    assert picture.getpixel((7, 4)) == (0, 0, 0)


def test_the_wrong_axis_order_is_refused_with_the_remedy():
    with pytest.raises(ch.PictureError, match=r"transpose\(1, 2, 0\)"):
        ch.open_picture(np.zeros((3, 20, 30), np.uint8))


@pytest.mark.parametrize(
    "shape", [(20,), (20, 20, 4), (20, 20, 1), (1, 20, 20, 3), (0, 20), (0, 20, 3)]
)
def test_arrays_of_another_shape_are_refused(shape):
    for dtype in (np.uint8, np.float32):
        with pytest.raises(ch.PictureError, match=r"\(H, W\) or \(H, W, 3\)"):
            ch.open_picture(np.zeros(shape, dtype))


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -0.1, 1.1, 255.0])
def test_floats_outside_0_to_1_are_refused(number):
    array = np.zeros((10, 10, 3))
    array[4, 4, 1] = number
    with pytest.raises(ch.PictureError, match="from 0 to 1"):
        ch.open_picture(array)


@pytest.mark.parametrize("dtype", [np.uint16, np.int64, bool, np.complex64])
def test_arrays_of_other_numbers_are_refused(dtype):
    with pytest.raises(ch.PictureError, match=f"not {np.dtype(dtype)}"):
        ch.open_picture(np.zeros((10, 10), dtype))


# ---- sample photographs -------------------------------------------------------------------


@pytest.mark.skipif(
    importlib.util.find_spec("skimage") is None, reason="scikit-image is not installed"
)
@pytest.mark.parametrize(
    ("name", "size"), [("cat", (451, 300)), ("coffee", (600, 400)), ("rocket", (640, 427))]
)
def test_sample_photographs_open(name, size):
    picture = ch.open_picture(f"photo:{name}")
    assert (picture.mode, picture.size) == ("RGB", size)
    assert len(picture.resize((32, 32)).getcolors(1024)) > 200  # a photograph, not a blank


def test_an_unknown_sample_photograph_is_refused_with_the_known_ones():
    with pytest.raises(ch.PictureError, match=r"'kat'.*photo:cat, photo:coffee"):
        ch.open_picture("photo:kat")


def test_without_scikit_image_the_message_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage", None)
    with pytest.raises(ModuleNotFoundError, match="pip install scikit-image"):
        ch.open_picture("photo:cat")


def test_a_format_that_may_start_other_programs_is_refused():
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\nshowpage\n"
    with pytest.raises(ch.PictureError, match="no picture that Pillow can read"):
        ch.open_picture(postscript)


def test_what_an_upload_widget_gives_is_opened():
    content = encoded(noisy(20, 20))
    assert np.array_equal(ch.open_picture(memoryview(content)), ch.open_picture(content))

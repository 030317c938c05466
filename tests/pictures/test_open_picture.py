"""Every way a picture can come in, and every way it can be bad."""

import hashlib
import io
import re
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, ImageOps

import cam_helpers as ch
from cam_helpers.folders import DATA_FOLDER
from cam_helpers.pictures.open_picture import PHOTOGRAPHS_FOLDER, PICTURES_FOLDER


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
        memoryview(content),
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


def test_a_picture_whose_file_is_closed_too_early_is_refused(tmp_path):
    noisy().save(tmp_path / "noise.png")
    with Image.open(tmp_path / "noise.png") as closed:
        pass
    file = io.BytesIO(encoded(noisy()))
    closed_by_hand = Image.open(file)
    file.close()
    for picture in (closed, closed_by_hand):
        with pytest.raises(ch.PictureError, match=r"closed before its pixels were read.*load\(\)"):
            ch.open_picture(picture)
    with Image.open(tmp_path / "noise.png") as read_in_time:
        read_in_time.load()
    assert same(ch.open_picture(read_in_time), noisy())


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


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_broken_exif_turns_nothing(format):
    options = {"lossless": True} if format == "WEBP" else {}
    whole = encoded(noisy(), format, **options)
    content = encoded(noisy(), format, exif=b"Exif\0\0no such thing", **options)
    assert same(ch.open_picture(content), ch.open_picture(whole))


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
    "I;16B": (grey16(0xAB12, ">u2"), (0xAB,) * 3),
    "HSV": (Image.new("HSV", (10, 12), (0, 255, 255)), (255, 0, 0)),
    "YCbCr": (Image.new("YCbCr", (10, 12), (255, 128, 128)), (255, 255, 255)),
    "RGBX": (Image.new("RGBX", (10, 12), (1, 2, 3, 0)), (1, 2, 3)),
    "RGBa": (Image.new("RGBA", (10, 12), (255, 0, 0, 128)).convert("RGBa"), (255, 127, 127)),
    "PA": (Image.new("PA", (10, 12), (0, 0)), (255, 255, 255)),
}


@pytest.mark.parametrize("name", MODES)
def test_every_usual_mode_becomes_rgb(name):
    picture, colour = MODES[name]
    assert picture.mode == name.split()[0].rstrip(",")
    result = ch.open_picture(picture)
    assert (result.mode, result.size) == ("RGB", (10, 12))
    assert result.getcolors() == [(120, colour)]


def png(width, height, depth, colour_type, rows):
    """A PNG file of a kind that Pillow does not write."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    packed = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_colours_of_16_bits_keep_their_upper_8():
    rgb = struct.pack(">3H", 0x12FF, 0x3400, 0xFFFF) * 8
    assert ch.open_picture(png(8, 8, 16, 2, [rgb] * 8)).getcolors() == [(64, (0x12, 0x34, 0xFF))]
    grey_and_opacity = struct.pack(">2H", 0x0001, 0x80FF) * 8
    picture = ch.open_picture(png(8, 8, 16, 4, [grey_and_opacity] * 8))
    assert picture.getcolors() == [(64, (127, 127, 127))]


@pytest.mark.parametrize("mode", ["LAB", "La"])
def test_modes_without_fixed_colours_are_refused(mode):
    picture = Image.new(mode, (10, 12))
    with pytest.raises(ch.PictureError, match=f"mode '{mode}'.*convert"):
        ch.open_picture(picture)
    picture.info["transparency"] = 0
    with pytest.raises(ch.PictureError, match=f"mode '{mode}'"):
        ch.open_picture(picture)


# ---- numbers that are not 8 bits ------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_whole_numbers_fill_the_fewest_bits_that_hold_them_in_arrays_and_files_alike(bits):
    most = (1 << bits) - 1
    array = np.linspace(0, most, 80).round().astype(np.uint16).reshape(8, 10)
    upper_8 = (array >> (bits - 8)).astype(np.uint8)
    pgm = b"P5 10 8 65535\n" + array.astype(">u2").tobytes()
    files = [encoded(Image.fromarray(array), kind) for kind in ("PNG", "TIFF")]
    others = [array.astype(kind) for kind in (np.int16, np.int64, np.uint64) if bits < 16]
    in_colours = np.stack([array] * 3, axis=2)
    for source in (array, *others, in_colours, Image.fromarray(array), *files, pgm):
        with pytest.warns(UserWarning, match=f"Read as {bits} bits: 0 is black, {most} white"):
            assert np.array_equal(ch.open_picture(source), np.stack([upper_8] * 3, axis=2))


def test_a_pgm_of_12_bits_says_so_itself():
    numbers = np.linspace(0, 4095, 80).round().astype(">u2")
    with pytest.warns(UserWarning, match="16 bits"):  # Pillow makes them of the 12
        found = np.asarray(ch.open_picture(b"P5 10 8 4095\n" + numbers.tobytes()))
    assert np.abs(found[..., 0].ravel().astype(int) - numbers / 4095 * 255).max() <= 1


def test_floats_and_bools_are_the_same_in_arrays_and_files(recwarn):
    array = np.linspace(0, 1, 80, dtype=np.float32).reshape(8, 10)
    for source in (array, Image.fromarray(array), encoded(Image.fromarray(array), "TIFF")):
        assert np.array_equal(ch.open_picture(source).convert("L"), (array * 255).round())
    with pytest.raises(ch.PictureError, match=r"from 0 to 1"):
        ch.open_picture(Image.fromarray(array * 2))
    is_white = array > 0.5
    assert same(ch.open_picture(is_white), ch.open_picture(Image.fromarray(is_white)))
    assert not recwarn


@pytest.mark.parametrize("numbers", [(-1024, 3071), (0, 70_000)])
def test_numbers_without_a_fixed_white_need_a_window_which_the_message_gives(numbers):
    array = np.linspace(*numbers, 80).astype(np.int32).reshape(8, 10)
    for source in (array, Image.fromarray(array), encoded(Image.fromarray(array), "TIFF")):
        with pytest.raises(ch.PictureError, match=f"from {numbers[0]} to {numbers[1]}") as caught:
            ch.open_picture(source)
    remedy = str(caught.value).split("white: ")[1].rstrip(".")
    windowed = eval(remedy, {"array": array, "black": 0, "white": 1000})
    assert ch.open_picture(windowed).convert("L").getextrema() == (0, 255)


def test_12_bits_that_pillow_has_read_as_16_are_told(recwarn):
    dark, bright = ([struct.pack(">3H", 4095, 100, high) * 8] * 8 for high in (4095, 65535))
    ch.open_picture(png(8, 8, 16, 2, bright))
    assert not recwarn
    with pytest.warns(UserWarning, match=r"almost black.*pass the array"):
        ch.open_picture(png(8, 8, 16, 2, dark))


def test_a_jpeg_of_12_bits_is_called_so():
    content = encoded(noisy(), "JPEG")
    place = content.index(b"\xff\xc0") + 4  # the precision in the frame header
    with pytest.raises(ch.PictureError, match=r"a JPEG of 12 bits.*PNG of 16 bits"):
        ch.open_picture(content[:place] + b"\x0c" + content[place + 1 :])


# ---- colour profiles ----------------------------------------------------------------------

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
# What it says of red and of blue changes places: its red is blue.
SWAPPED = SRGB.replace(b"rXYZ", b"____").replace(b"bXYZ", b"rXYZ").replace(b"____", b"bXYZ")


def fixed(*numbers):
    """Numbers as profiles write them, in steps of 1 / 65536."""
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def profile(space, connection, tag, content):
    """An ICC profile with a single tag (ICC.1:2001-04, sections 6.1 and 6.2)."""
    head = struct.pack(">I4xI", 144 + len(content), 0x02400000) + b"prtr" + space + connection
    head += bytes(12) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249) + bytes(48)
    return head + struct.pack(">I4sII", 1, tag, 144, len(content)) + content


# Grey that grows with the light itself, as no screen has it: half of 255 is half of the light.
LINEAR_GREY = profile(b"GRAY", b"XYZ ", b"kTRC", b"curv" + bytes(8))
# Inks of which black alone is seen: the coloured ones are as clear as water.
UNCHANGED = bytes(range(256))
WHITE_OR_BLACK = bytes([255, 128, 128]) + bytes([0, 128, 128])
LOOK_UP = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
LOOK_UP += UNCHANGED * 4 + WHITE_OR_BLACK * 8 + UNCHANGED * 3
CLEAR_INKS = profile(b"CMYK", b"Lab ", b"A2B0", LOOK_UP)


def with_profile(mode, colour, content):
    picture = Image.new(mode, (10, 12), colour)
    picture.info["icc_profile"] = content
    return picture


PROFILES = {
    "RGB": (with_profile("RGB", (255, 0, 0), SWAPPED), (0, 0, 255)),
    "RGB, mixed": (with_profile("RGB", (10, 20, 200), SWAPPED), (200, 20, 10)),
    "RGBA": (with_profile("RGBA", (255, 0, 0, 128), SWAPPED), (127, 127, 255)),
    "P": (with_profile("RGB", (255, 0, 0), SWAPPED).convert("P"), (0, 0, 255)),
    "L": (with_profile("L", 128, LINEAR_GREY), (188, 188, 188)),  # sRGB's 188 is half of the light
    "L, with colours": (with_profile("L", 77, SWAPPED), (77, 77, 77)),
    "I;16": (with_profile("I;16", 128 * 256, LINEAR_GREY), (188, 188, 188)),
    "CMYK": (with_profile("CMYK", (255, 0, 9, 0), CLEAR_INKS), (255, 255, 255)),
}


@pytest.mark.parametrize("name", PROFILES)
def test_an_embedded_profile_is_turned_into_srgb(name):
    picture, expected = PROFILES[name]
    before = picture.info["icc_profile"]
    result = ch.open_picture(picture)
    [(count, colour)] = result.getcolors()
    assert count == 120 and np.abs(np.subtract(colour, expected)).max() <= 1
    assert "icc_profile" not in result.info  # else it would be applied once more
    assert same(ch.open_picture(result), result)
    assert picture.info["icc_profile"] == before


@pytest.mark.parametrize("name", PROFILES)
def test_without_apply_profile_the_stored_numbers_are_kept(name):
    picture, _ = PROFILES[name]
    bare = picture.copy()
    del bare.info["icc_profile"]
    kept = ch.open_picture(picture, apply_profile=False)
    assert same(kept, ch.open_picture(bare))
    assert same(ch.open_picture(kept), kept)  # `predict` opens it once more


BROKEN = {
    "empty": b"",
    "text": b"no profile" * 50,
    "cut short": SWAPPED[:300],
    "header alone": SWAPPED[:128],
    "zeros": bytes(500),
    "of another mode": CLEAR_INKS,
    "of grey": LINEAR_GREY,
    "no bytes": "sRGB",
    "number": 5,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_profile_does_no_harm(name):
    picture = noisy()
    picture.info["icc_profile"] = BROKEN[name]
    result = ch.open_picture(picture)
    assert same(result, noisy())
    assert "icc_profile" not in result.info
    if isinstance(BROKEN[name], bytes):
        assert same(ch.open_picture(encoded(noisy(), icc_profile=BROKEN[name])), noisy())


# ---- bad files ----------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_file_cut_short_is_refused(tmp_path, format, share):
    content = encoded(noisy(64, 64), format)
    content = content[: int(share * len(content))]
    path = tmp_path / "cut"
    path.write_bytes(content)
    for source, what in [
        (content, f"{len(content)} bytes"),
        (path, str(path)),
        (io.BytesIO(content), "this file object"),
        (Image.open(io.BytesIO(content)), "this picture"),
    ]:
        with pytest.raises(ch.PictureError, match=f"{re.escape(what)}.* damaged or cut"):
            ch.open_picture(source)


@pytest.mark.parametrize("megabytes", [5, 40])  # too little to read it; too little to turn it
def test_too_little_memory_is_not_called_damage(tmp_path, in_little_memory, megabytes):
    exif = Image.Exif()
    exif[274] = 6
    path = tmp_path / "large.jpg"
    Image.new("RGB", (3000, 2000)).save(path, exif=exif)  # 24 MB
    words = in_little_memory(f"ch.open_picture({str(path)!r})", megabytes)
    assert words.startswith("MemoryError"), words
    assert in_little_memory(f"ch.open_picture({str(path)!r})", 100) == "done"


@pytest.mark.parametrize(
    "name", ["x" * 5000, "x/" * 5000, "a\0b.png", "~nobody-of-this-name/a.png", "", "\udcff.png"]
)
def test_a_name_that_cannot_be_is_a_missing_file(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((FileNotFoundError, IsADirectoryError)) as caught:
        ch.open_picture(name)
    assert len(str(caught.value)) < 1500


def test_a_web_address_is_told_apart():
    with pytest.raises(FileNotFoundError, match=r"web address.*save the picture"):
        ch.open_picture("https://example.org/cat.png")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(IsADirectoryError, match="is a folder"):
        ch.open_picture(tmp_path)


def test_a_missing_file_is_named_with_near_names(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"'umbrela'.*Did you mean 'umbrella'"):
        ch.open_picture("umbrela")
    with pytest.raises(FileNotFoundError, match=r"lost\.png.*Shipped are: .*butterfly") as lost:
        ch.open_picture(tmp_path / "lost.png")
    assert "Did you mean" not in str(lost.value)


@pytest.mark.parametrize("size", [(1, 1), (1, 5000), (7, 100), (100, 7)])
def test_a_picture_of_too_few_pixels_is_refused(size):
    message = f"^The picture is {size[0]} x {size[1]} pixels; each side needs 8"
    with pytest.raises(ch.PictureError, match=message):
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


def test_arrays_with_one_or_four_channels_as_matplotlib_reads_them():
    grey = np.full((8, 9, 1), 0.2, np.float32)
    assert ch.open_picture(grey).getcolors() == [(72, (51, 51, 51))]
    half_red = np.zeros((8, 9, 4), np.float32)
    half_red[..., 0], half_red[..., 3] = 1, 128 / 255
    for array in (half_red, (half_red * 255).round().astype(np.uint8)):
        assert ch.open_picture(array).getcolors() == [(72, (255, 127, 127))]


def test_the_wrong_axis_order_is_refused_with_the_remedy():
    with pytest.raises(ch.PictureError, match=r"transpose\(1, 2, 0\)"):
        ch.open_picture(np.zeros((3, 20, 30), np.uint8))
    with pytest.raises(ch.PictureError, match=r"transpose\(1, 2, 0\)"):
        ch.open_picture(np.zeros((1, 20, 30), np.uint8))


@pytest.mark.parametrize(
    "shape", [(20,), (20, 20, 2), (20, 20, 5), (1, 20, 20, 3), (0, 20), (0, 20, 3)]
)
def test_arrays_of_another_shape_are_refused(shape):
    for dtype in (np.uint8, np.float32):
        with pytest.raises(ch.PictureError, match=r"\(H, W, 3\) or \(H, W, 4\)") as caught:
            ch.open_picture(np.zeros(shape, dtype))
        assert "transpose" not in str(caught.value)  # it would not help


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -0.1, 1.1, 255.0])
def test_floats_outside_0_to_1_are_refused(number):
    array = np.zeros((10, 10, 3))
    array[4, 4, 1] = number
    with pytest.raises(ch.PictureError, match=r"from 0 to 1.*divide by 255"):
        ch.open_picture(array)


@pytest.mark.parametrize("dtype", [np.complex64, object, "U3"])
def test_arrays_of_other_things_than_numbers_are_refused(dtype):
    with pytest.raises(ch.PictureError, match=f"whole numbers or floats, not {np.dtype(dtype)}"):
        ch.open_picture(np.zeros((10, 10), dtype))


# ---- photographs --------------------------------------------------------------------------


def test_the_shipped_photographs_open():
    names = ch.shipped_photographs()
    assert len(names) == 14
    sizes = {name.removeprefix("photo:"): ch.open_picture(name).size for name in names}
    assert sizes["four"] == (448, 448)
    assert sizes["cat"] == (451, 300)
    assert sizes["german_shepherd"] == (1024, 768)
    assert sum(path.stat().st_size for path in PHOTOGRAPHS_FOLDER.iterdir()) <= 2.5e6


def test_each_photograph_is_the_file_whose_maker_and_licence_are_named():
    """The checksums of the first four are those in scikit-image's registry of its data."""
    table = (DATA_FOLDER / "README.md").read_text(encoding="utf-8")
    for file in PHOTOGRAPHS_FOLDER.iterdir():
        if file.stem == "four":
            continue
        [(licence, checksum)] = re.findall(
            rf"`photo:{file.stem}` .*(CC0|CC BY 3.0|public domain).*`([0-9a-f]{{64}})`", table
        )
        assert licence
        assert hashlib.sha256(file.read_bytes()).hexdigest() == checksum


def test_each_quarter_of_four_shows_its_own_photograph():
    quarters = {"cat": (0, 0), "coffee": (224, 0), "rocket": (0, 224), "camera": (224, 224)}
    four = np.asarray(ch.open_picture("photo:four")).astype(float)
    photographs = {name: ch.open_picture(f"photo:{name}") for name in quarters}
    for x, y in quarters.values():
        quarter = four[y : y + 224, x : x + 224]
        distance = {
            name: np.abs(quarter - ImageOps.fit(photograph, (224, 224))).mean()
            for name, photograph in photographs.items()
        }
        nearest = min(distance, key=distance.get)
        assert quarters[nearest] == (x, y) and distance[nearest] < 3, distance


def test_an_unknown_photograph_is_refused_with_a_near_name():
    with pytest.raises(FileNotFoundError, match=r"'photo:kat'.*mean .*'photo:cat'.* photo:four"):
        ch.open_picture("photo:kat")


def test_a_format_that_may_start_other_programs_is_refused():
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\nshowpage\n"
    with pytest.raises(ch.PictureError, match="no picture that Pillow can read"):
        ch.open_picture(postscript)

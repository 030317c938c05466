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
        with Image.open(PICTURES_FOLDER / f"{name}.png") as file:
            assert same(ch.open_picture(name), file.convert("RGB"))


def test_a_picture_opens_from_every_kind_of_source(tmp_path):
    picture, path = noisy(), tmp_path / "noise.png"
    content, array = encoded(picture), np.asarray(picture)
    path.write_bytes(content)
    with path.open("rb") as file:
        assert same(ch.open_picture(file), picture)
    contents = (content, bytearray(content), memoryview(content), io.BytesIO(content))
    for source in (str(path), path, *contents, picture, array, array / 255):
        assert same(ch.open_picture(source), picture)


def test_a_path_beside_the_reader_opens_and_a_shipped_name_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("holiday.png", "cat", "cat.png"):
        Path(name).write_bytes(encoded(noisy()))
    for source in ("holiday.png", "cat.png", Path("cat")):
        assert same(ch.open_picture(source), noisy())
    assert ch.open_picture("cat").size == (224, 224)


def test_the_source_is_left_as_it_was():
    array = np.random.default_rng(9).random((10, 12, 3))
    before = array.copy()
    ch.open_picture(array)
    np.testing.assert_array_equal(array, before)
    for picture in (noisy(), noisy().convert("L")):
        before = picture.copy()
        ch.open_picture(picture).paste((1, 2, 3), (0, 0, 24, 16))
        assert same(picture, before)


def test_a_picture_whose_file_is_closed_too_early_is_refused(tmp_path):
    noisy().save(tmp_path / "noise.png")
    with Image.open(tmp_path / "noise.png") as closed, Image.open(tmp_path / "noise.png") as read:
        read.load()
    file = io.BytesIO(encoded(noisy()))
    closed_by_hand = Image.open(file)
    file.close()
    for picture in (closed, closed_by_hand):
        with pytest.raises(ch.PictureError, match=r"load\(\)"):
            ch.open_picture(picture)
    assert same(ch.open_picture(read), noisy())


# ---- EXIF orientation ---------------------------------------------------------------------

TURNS = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 2: 0}  # 2: mirrored


@pytest.mark.parametrize("orientation", TURNS)
def test_a_photograph_is_turned_upright_once(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    content = encoded(noisy().transpose(TURNS[orientation]), exif=exif)
    for source in (content, Image.open(io.BytesIO(content))):
        once = ch.open_picture(source)
        assert same(once, noisy()) and same(ch.open_picture(once), noisy())


def test_broken_exif_turns_nothing():
    content = encoded(noisy(), exif=b"Exif\0\0no such thing")
    assert same(ch.open_picture(content), noisy())


# ---- modes --------------------------------------------------------------------------------


def palette_with_hole():
    picture = Image.new("P", (10, 12), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    picture.info["transparency"] = 1
    return picture


MODES = {
    "RGBA, fully transparent": (Image.new("RGBA", (10, 12), (9, 9, 9, 0)), (255, 255, 255)),
    "RGBA, half": (Image.new("RGBA", (10, 12), (255, 0, 0, 128)), (255, 127, 127)),
    "LA": (Image.new("LA", (10, 12), (0, 128)), (127, 127, 127)),
    "P with transparency": (palette_with_hole(), (255, 255, 255)),
    "L": (Image.new("L", (10, 12), 77), (77, 77, 77)),
    "1": (Image.new("1", (10, 12), 1), (255, 255, 255)),
    "CMYK": (Image.new("CMYK", (10, 12), (0, 255, 255, 0)), (255, 0, 0)),
    "I;16B": (Image.fromarray(np.full((12, 10), 0xAB12, ">u2")), (0xAB,) * 3),
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


def png_of_16_bits(colour_type, *levels):
    """A PNG file of 8 x 8 pixels of these levels, as Pillow does not write it."""

    def chunk(kind, data):
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + checksum

    row = b"\0" + struct.pack(f">{len(levels)}H", *levels) * 8
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 16, colour_type, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(row * 8)) + chunk(b"IEND", b"")
    )


def test_colours_of_16_bits_keep_their_upper_8_and_it_is_told_where_those_are_dark(recwarn):
    colours = ch.open_picture(png_of_16_bits(2, 0x12FF, 0x3400, 0xFFFF))
    assert colours.getcolors() == [(64, (0x12, 0x34, 0xFF))]
    grey_and_opacity = ch.open_picture(png_of_16_bits(4, 0x0001, 0x80FF))
    assert grey_and_opacity.getcolors() == [(64, (127, 127, 127))]
    assert len(recwarn) == 1  # the grey is black
    with pytest.warns(UserWarning, match=r"almost black.*pass the array"):
        ch.open_picture(png_of_16_bits(2, 4095, 100, 4095))


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
    "RGB, mixed": (with_profile("RGB", (10, 20, 200), SWAPPED), (200, 20, 10)),
    "RGBA": (with_profile("RGBA", (255, 0, 0, 128), SWAPPED), (127, 127, 255)),
    "P": (with_profile("RGB", (255, 0, 0), SWAPPED).convert("P"), (0, 0, 255)),
    "L": (with_profile("L", 128, LINEAR_GREY), (188, 188, 188)),  # sRGB's 188 is half of the light
    "I;16": (with_profile("I;16", 128 * 256, LINEAR_GREY), (188, 188, 188)),
    "CMYK": (with_profile("CMYK", (255, 0, 9, 0), CLEAR_INKS), (255, 255, 255)),
    "L, of colours": (with_profile("L", 77, SWAPPED), (77, 77, 77)),
    "of grey": (with_profile("RGB", (9, 8, 7), LINEAR_GREY), (9, 8, 7)),
    "empty": (with_profile("RGB", (9, 8, 7), b""), (9, 8, 7)),
    "cut short": (with_profile("RGB", (9, 8, 7), SWAPPED[:300]), (9, 8, 7)),
    "zeros": (with_profile("RGB", (9, 8, 7), bytes(500)), (9, 8, 7)),
    "no bytes": (with_profile("RGB", (9, 8, 7), 5), (9, 8, 7)),
}


@pytest.mark.filterwarnings("ignore:Read as 16 bits")
@pytest.mark.parametrize("name", PROFILES)
def test_an_embedded_profile_is_turned_into_srgb_where_it_can_be_and_asked_for(name):
    picture, expected = PROFILES[name]
    before = picture.info["icc_profile"]
    result = ch.open_picture(picture)
    [(count, colour)] = result.getcolors()
    assert count == 120 and np.abs(np.subtract(colour, expected)).max() <= 1
    assert "icc_profile" not in result.info  # else it would be applied once more
    assert picture.info["icc_profile"] == before
    bare = picture.copy()
    del bare.info["icc_profile"]
    kept = ch.open_picture(picture, apply_profile=False)
    assert same(kept, ch.open_picture(bare))
    assert same(ch.open_picture(kept), kept)  # `predict` opens it once more


# ---- what cannot be a picture ---------------------------------------------------------------

TWELVE_BITS = encoded(noisy(), "JPEG").replace(b"\xff\xc0\0\x11\x08", b"\xff\xc0\0\x11\x0c")
DAMAGED_TIFF = encoded(noisy(), "TIFF").replace(
    b"\x11\x01\x04", b"\x11\x01\x02"
)  # an offset as text
LAB = Image.new("LAB", (10, 12))
LAB.info["transparency"] = 0
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\nshowpage\n"  # starts a program
NEAR = r"neither a file.*Did you mean 'umbrella'"
REFUSED = {
    "None": (None, TypeError, "not NoneType"),
    "list": (["cat"], TypeError, "not list"),
    "tensor": (torch.zeros(3, 16, 16), TypeError, "not Tensor"),
    "text": (io.StringIO("x"), ch.PictureError, '"rb"'),
    "LAB": (LAB, ch.PictureError, "mode 'LAB'.*convert"),
    "12 bits": (TWELVE_BITS, ch.PictureError, "JPEG of 12 bits.*PNG of 16"),
    "TIFF": (DAMAGED_TIFF, ch.PictureError, "damaged"),
    "postscript": (POSTSCRIPT, ch.PictureError, "Pillow can read"),
    "near name": ("umbrela", FileNotFoundError, NEAR),
    "photograph": ("photo:kat", FileNotFoundError, "mean .*'photo:cat'.* photo:four"),
    "lost": (Path("lost.png"), FileNotFoundError, "lost.png.*picture. A path.*Shipped .*butterfly"),
    "address": ("https://a.org/cat.png", FileNotFoundError, "web address.*save"),
    "folder": (PICTURES_FOLDER, IsADirectoryError, "is a folder"),
    "long": ("x" * 5000, FileNotFoundError, "^.{,1500}$"),
    "zero byte": ("a\0b.png", FileNotFoundError, "neither"),
    "nobody": ("~nobody-of-this-name/a.png", FileNotFoundError, "neither"),
    "nameless": ("", FileNotFoundError, "neither"),
    "surrogate": ("\udcff.png", FileNotFoundError, "neither"),
    "few pixels": (
        Image.new("RGB", (100, 7)),
        ch.PictureError,
        "100 x 7 pixels; each side needs 8",
    ),
    "strip": (np.zeros((161, 8), np.uint8), ch.PictureError, "a strip"),
    "channels first": (np.zeros((3, 20, 30), np.uint8), ch.PictureError, r"transpose\(1, 2, 0\)"),
    "one number each": (np.zeros(20), ch.PictureError, r"\(H, W, 4\), not \(20,\)\.$"),
    "two channels": (np.zeros((20, 20, 2)), ch.PictureError, r"not \(20, 20, 2\)\.$"),
    "no row": (np.zeros((0, 20, 3)), ch.PictureError, r"not \(0, 20, 3\)\.$"),
    "NaN": (np.full((9, 9), np.nan), ch.PictureError, "from 0 to 1.*divide by 255"),
    "below 0": (np.full((9, 9), -0.1), ch.PictureError, "from 0 to 1"),
    "above 1": (np.full((9, 9), 1.1), ch.PictureError, "from 0 to 1"),
    "complex": (np.zeros((9, 9), np.complex64), ch.PictureError, "floats, not complex64"),
    "texts": (np.zeros((9, 9), "U3"), ch.PictureError, "floats, not <U3"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_picture_is_refused_with_the_remedy(what):
    source, error, words = REFUSED[what]
    with pytest.raises(error, match=words):
        ch.open_picture(source)


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
@pytest.mark.parametrize("share", [0.3, 0.95])
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


def test_a_long_picture_is_no_strip(network):
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


def test_arrays_are_read_row_by_row_and_their_layout_does_not_matter():
    array = np.zeros((10, 20, 3), np.uint8)
    array[2, 15] = (1, 2, 3)
    turned = array.transpose(2, 0, 1).copy().transpose(1, 2, 0)
    for source in (array, turned):
        picture = ch.open_picture(source)
        assert picture.size == (20, 10) and picture.getpixel((15, 2)) == (1, 2, 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_and_opacity_worked_out_by_head(dtype):
    half_red = np.zeros((8, 9, 4), dtype)
    half_red[..., 0], half_red[..., 3] = 1, 128 / 255
    for array, colour in (
        (np.full((8, 9), 0.2, dtype), (51, 51, 51)),
        (np.full((8, 9, 1), 0.2, dtype), (51, 51, 51)),
        (np.full((8, 9), 0.999, dtype), (255, 255, 255)),  # rounded, not cut
        (half_red, (255, 127, 127)),
        ((half_red * 255).round().astype(np.uint8), (255, 127, 127)),
    ):
        assert ch.open_picture(array).getcolors() == [(72, colour)]


# ---- photographs --------------------------------------------------------------------------


def test_the_shipped_photographs_open():
    names = ch.shipped_photographs()
    assert len(names) == 14
    sizes = {name.removeprefix("photo:"): ch.open_picture(name).size for name in names}
    assert sizes["four"] == (448, 448) and sizes["cat"] == (451, 300)
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
    for name, (x, y) in quarters.items():
        photograph = ImageOps.fit(ch.open_picture(f"photo:{name}"), (224, 224))
        assert np.abs(four[y : y + 224, x : x + 224] - photograph).mean() < 3, name

"""`open_picture` on spoiled files: a picture or the error that says so, and nothing else.

Good files of every format (`seeds`) are spoiled by a seeded mutator; input number n is the same on
every machine with the same Pillow. A finding is any exception but `PictureError`, any result but an
RGB picture within the limits, a crash, more than two minutes for 250 inputs, more than a gigabyte
for one, any warning, and any word on the standard error (but libtiff's own, which Pillow cannot
silence). `CAM_FUZZ_INPUTS=200000 pytest -s -m long tests/pictures/test_fuzz.py` runs many;
`python tests/pictures/test_fuzz.py 4711` writes one input to a file and says what becomes of it.
"""

import io
import json
import mmap
import os
import random
import signal
import struct
import sys
import traceback
import warnings
import zlib
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

import cam_helpers as ch
from cam_helpers.pictures.open_picture import FORMATS, LARGEST_RATIO, SMALLEST_SIDE

INPUTS = int(os.environ.get("CAM_FUZZ_INPUTS", "10000"))
BATCH = 250
SECONDS_FOR_A_BATCH = 120
MOST_MEMORY = 1_000_000_000  # bytes for one input
WIDTH, HEIGHT = 24, 17
TIFF_FILES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def drawing(mode):
    """A picture of a few colours and some noise, so that every way of packing it has work."""
    rng = np.random.default_rng(3)
    numbers = np.full((HEIGHT, WIDTH, 4), (200, 120, 30, 255), np.uint8)
    numbers[4:9, 5:15] = (20, 60, 220, 128)
    numbers[12:] = rng.integers(0, 256, (HEIGHT - 12, WIDTH, 4))
    picture = Image.fromarray(numbers)
    if mode == "I;16":
        return Image.fromarray(numbers[..., 0].astype(np.uint16) * 257)
    return picture if mode == "RGBA" else picture.convert("RGB").convert(mode)


def saved(mode, format, **options):
    buffer = io.BytesIO()
    picture = drawing(mode)
    if options.pop("several", False):
        other = drawing(mode).transpose(Image.Transpose.ROTATE_180)
        options |= {"save_all": True, "append_images": [other]}
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def run_length_bmp():
    """A BMP file of runs, ends of lines and jumps, which Pillow reads but does not write."""
    palette = bytes(4 * 256)
    row = bytes([10, 1, 0, 4, 1, 2, 3, 4, 10, 7, 0, 0])  # a run, four bytes, a run, the line ends
    rows = row * (HEIGHT - 2) + bytes([0, 2, 3, 1, 5, 9, 0, 0, 0, 1])  # a jump, a run, the end
    header = struct.pack("<IiiHHIIiiII", 40, WIDTH, HEIGHT, 1, 8, 1, len(rows), 1, 1, 256, 0)
    start = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", start + len(rows), 0, 0, start) + header + palette + rows


def plain_ppm():
    numbers = " ".join(map(str, np.asarray(drawing("RGB")).ravel()))
    return f"P3\n# a remark\n{WIDTH} {HEIGHT}\n255\n{numbers}\n".encode()


@cache
def seeds():
    """Return good files of every format, in many modes and with all that may come along."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[274], exif[305] = 6, "a camera"
    along = {"icc_profile": srgb, "exif": exif}
    found = {"BMP runs": run_length_bmp(), "PPM plain": plain_ppm()}
    for mode in ("1", "L", "P", "RGB", "RGBA", "LA", "I;16"):
        found[f"PNG {mode}"] = saved(mode, "PNG")
        found[f"TIFF {mode}"] = saved(mode, "TIFF")
    for mode in ("1", "L", "RGB"):
        found[f"PPM {mode}"] = saved(mode, "PPM")
        found[f"BMP {mode}"] = saved(mode, "BMP")
    for mode in ("L", "RGB", "CMYK"):
        found[f"JPEG {mode}"] = saved(mode, "JPEG")
        found[f"JPEG {mode}, along"] = saved(mode, "JPEG", progressive=True, **along)
    for packing in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg"):
        found[f"TIFF {packing}"] = saved("RGB", "TIFF", compression=packing, **along)
    found["TIFF fax"] = saved("1", "TIFF", compression="group4")
    found["TIFF CMYK"] = saved("CMYK", "TIFF", compression="tiff_lzw")
    found["TIFF several"] = saved("P", "TIFF", several=True)
    found["PNG along"] = saved("RGBA", "PNG", **along)
    found["PNG clear"] = saved("P", "PNG", transparency=bytes(range(0, 250, 10)))
    found["PNG one grey clear"] = saved("I;16", "PNG", transparency=200 * 257)
    found["PNG several"] = saved("RGBA", "PNG", several=True)
    found["GIF"] = saved("P", "GIF", transparency=3, comment=b"a remark", interlace=1)
    found["GIF several"] = saved("P", "GIF", several=True, disposal=2)
    found["WEBP"] = saved("RGB", "WEBP", **along)
    found["WEBP exact"] = saved("RGBA", "WEBP", lossless=True, **along)
    found["WEBP several"] = saved("RGBA", "WEBP", several=True)
    found["JPEG several"] = saved("RGB", "MPO", several=True)
    found["BMP RGBA"] = saved("RGBA", "BMP")
    return found


NUMBERS = (0, 1, 2, 7, 8, 127, 128, 255, 256, 4095)
NUMBERS += (32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1)


def set_sides(rng, data):
    """Make the file promise a larger or smaller picture than it holds, where it says its size."""
    form = rng.choice(("<H", ">H", "<I", ">I"))
    for side in (WIDTH, HEIGHT):
        packed = struct.pack(form, side)
        place = data.find(packed, 0, 400)
        if place >= 0:
            new = rng.choice((1, 8, 16, 18, 100, 300, 1000, 3000, 9000))
            data[place : place + len(packed)] = struct.pack(form, new)


def spoil(rng, data):
    """Change a file in one of thirteen ways."""
    way, place, length = rng.randrange(13), rng.randrange(len(data)), rng.randint(1, 60)
    if way < 4:  # some bits, some bytes
        for place in (rng.randrange(len(data)) for _ in range(rng.randint(1, 4))):
            level = rng.choice((0, 1, 127, 128, 254, 255, rng.randrange(256)))
            data[place] = level if way < 2 else data[place] ^ 1 << rng.randrange(8)
    elif way < 7:  # a number, mostly near the beginning: sizes, offsets and counts
        form, most = rng.choice(
            (("<H", 0xFFFF), (">H", 0xFFFF), ("<I", 2**32 - 1), (">I", 2**32 - 1))
        )
        packed = struct.pack(form, rng.choice(NUMBERS) & most)
        place = rng.randrange(min(len(data), rng.choice((64, 256, len(data)))))
        data[place : place + len(packed)] = packed
    elif way == 7:
        set_sides(rng, data)
    elif way == 8:  # goes on like another file
        other = rng.choice(list(seeds().values()))
        data[place:] = other[rng.randrange(len(other)) :]
    else:  # cut off, taken out, put in, doubled
        piece = (b"", b"", rng.randbytes(length), data[place : place + length])[way - 9]
        data[place : {9: len(data), 10: place + length}.get(way, place)] = piece


def signed(data):
    """Give the chunks of a PNG file their right checksums, else Pillow reads no further."""
    place = 8
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        end = place + 8 + length
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[place + 4 : end]))
        place = end + 4
    return data


def spoiled(number):
    """Return input number `number`."""
    rng = random.Random(number)
    name = rng.choice(list(seeds()))
    data = bytearray(seeds()[name])
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        if data:
            spoil(rng, data)
    if name.startswith("PNG") and rng.random() < 0.8:
        signed(data)
    return bytes(data)


def outcome(content):
    """Open; return "picture" or "refused", or raise where there is a finding."""
    try:
        picture = ch.open_picture(content)
    except ch.PictureError as error:
        assert str(error)
        return "refused"
    assert type(picture) is Image.Image and picture.mode == "RGB"
    short, long = sorted(picture.size)
    assert SMALLEST_SIDE <= short <= long <= LARGEST_RATIO * short
    assert len(picture.tobytes()) == 3 * short * long
    return "picture"


def memory():
    """Return the most memory that this process has had so far, in bytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def work(first, count, current, noise):
    """Open inputs one by one; return what was seen, as plain values.

    `current` is told the number before anything happens. `noise` is the file of the standard error.
    """
    counts, findings = Counter(), []
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", "Read as .* bits|.*has 16 bits a colour")
    for number in range(first, first + count):
        current[:8] = number.to_bytes(8, "little")
        content = spoiled(number)
        before, said = memory(), noise.stat().st_size
        try:
            counts[outcome(content)] += 1
        except Exception:
            findings.append([number, traceback.format_exc()])
        said = noise.read_bytes()[said:]
        if memory() - before > MOST_MEMORY:
            findings.append([number, f"{memory() - before} bytes of memory"])
        if said and content[:4] not in TIFF_FILES:
            findings.append([number, said.decode(errors="replace")])
    return counts, findings


def in_a_process_of_its_own(first, count, folder):
    """Do a batch of work where a crash, a hang or a word on the standard error can be seen."""
    current = mmap.mmap(-1, 8)
    report, noise = folder / "report.json", folder / "noise.txt"
    process = os.fork()
    if not process:
        os.dup2(os.open(noise, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 2)
        signal.alarm(SECONDS_FOR_A_BATCH)  # ends the process, whatever it is doing
        report.write_text(json.dumps(work(first, count, current, noise)), encoding="utf-8")
        os._exit(0)
    _, status = os.waitpid(process, 0)
    if not status:
        return json.loads(report.read_text(encoding="utf-8"))
    return {}, [[int.from_bytes(current[:8], "little"), f"the process ended with {status}"]]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a crash could not be told from the tests' own")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("inputs", [1000, pytest.param(INPUTS, marks=pytest.mark.long)])
def test_every_spoiled_file_is_a_picture_or_refused(inputs, tmp_path):
    counts, findings = Counter(), []
    for first in range(0, inputs, BATCH):
        seen, found = in_a_process_of_its_own(first, min(BATCH, inputs - first), tmp_path)
        counts.update(seen)
        findings += found
    print(f"\n{inputs} inputs: {dict(counts)}, {len(findings)} findings")
    assert not findings, "\n".join(f"input {number}: {what}" for number, what in findings[:20])
    assert sum(counts.values()) == inputs
    assert min(counts["picture"], counts["refused"]) > inputs / 10  # the spoiling is not too much


def test_every_good_file_is_a_picture():
    formats = {name.split()[0] for name in seeds()}
    assert formats == set(FORMATS)
    for content in seeds().values():
        assert outcome(content) == "picture"


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        Path(f"input_{argument}").write_bytes(spoiled(int(argument)))
        print(argument, outcome(spoiled(int(argument))))

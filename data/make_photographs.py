"""Write the sample photographs that come from scikit-image: data/pictures/photographs/.

    pip install scikit-image
    python data/make_photographs.py

Four are scikit-image's own files, copied byte by byte. `four.jpg` shows the central squares of
all four in a picture of 2 x 2, so the place of everything in it is known.
"""

import argparse
import shutil
from pathlib import Path

from PIL import Image, ImageOps

from cam_helpers.pictures.open_picture import open_picture

SIDE = 224  # of one quarter
PHOTOGRAPHS = Path(__file__).resolve().parent / "pictures" / "photographs"
# Name -> scikit-image's file, and the quarter of `four.jpg` (column, row).
SOURCES = {
    "cat": ("chelsea.png", (0, 0)),
    "coffee": ("coffee.png", (1, 0)),
    "rocket": ("rocket.jpg", (0, 1)),
    "camera": ("camera.png", (1, 1)),
}


def draw_four(files: dict[str, Path]) -> Image.Image:
    """Put the central square of each photograph into its quarter."""
    picture = Image.new("RGB", (2 * SIDE, 2 * SIDE))
    for name, (_, (column, row)) in SOURCES.items():
        square = ImageOps.fit(open_picture(files[name]), (SIDE, SIDE))
        picture.paste(square, (column * SIDE, row * SIDE))
    return picture


def main() -> None:
    """Copy the four photographs and draw the picture of all four."""
    import skimage

    parser = argparse.ArgumentParser(description="Write the sample photographs.")
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=PHOTOGRAPHS, help="where to")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name, (source, _) in SOURCES.items():
        files[name] = folder / f"{name}{Path(source).suffix}"
        shutil.copyfile(Path(skimage.__file__).parent / "data" / source, files[name])
    draw_four(files).save(folder / "four.jpg", quality=90, subsampling=0, optimize=True)
    print(f"wrote {len(files) + 1} photographs to {folder}")


if __name__ == "__main__":
    main()

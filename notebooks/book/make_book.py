"""Build the book: `python notebooks/book/make_book.py` writes `book/` and `book.zip`.

What it needs is the extra `book`. It runs no notebook and asks for no connection.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

HERE = Path(__file__).resolve().parent
NOTEBOOKS, PROJECT = HERE.parent, HERE.parents[1]


def sphinx(builder: str, out: Path, *options: str, source: Path = NOTEBOOKS) -> None:
    """Run Sphinx over the notebooks, into a new folder; a warning is an error."""
    # In a folder of its own, since myst-nb lays copies of the notebooks beside what it writes.
    with tempfile.TemporaryDirectory() as place:
        made, doctrees = Path(place, "made"), Path(place, "doctrees")
        subprocess.run(
            [
                *(sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", builder),
                *("-c", HERE, "-d", doctrees, *options, source, made),
            ],
            check=True,
        )
        shutil.rmtree(out, ignore_errors=True)
        shutil.move(made, out)


def build_book(out: Path) -> None:
    """Write the book into a folder: its pages, the explorer, and a zip file of both beside it."""
    sphinx("html", out)
    for for_developers in [*out.rglob("*.map"), out / "objects.inv", out / ".buildinfo"]:
        for_developers.unlink(missing_ok=True)
    for card in out.glob("_images/social_previews/*.png"):  # words on white need few colours
        Image.open(card).quantize(16).save(card, optimize=True)
    explorer = [sys.executable, "-m", "cam_helpers.view", "--out", str(out / "explorer.html")]
    subprocess.run([*explorer, "--notebooks", "{}.html"], check=True)
    shutil.make_archive(str(out), "zip", root_dir=out.parent, base_dir=out.name)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=PROJECT / "book", help="the folder")
    build_book(parser.parse_args().out.resolve())


if __name__ == "__main__":
    main()

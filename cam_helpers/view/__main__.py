"""`python -m cam_helpers.view --out explorer.html` writes the page."""

import argparse
from pathlib import Path

from cam_helpers.view.write import NOTEBOOKS, write_page


def main() -> None:
    """Write the page and say how large it is."""
    parser = argparse.ArgumentParser(
        prog="python -m cam_helpers.view",
        description="Write one HTML file that holds networks, pictures and all: a double click "
        "opens it, without any installation or connection.",
    )
    parser.add_argument("--out", type=Path, default=Path("explorer.html"))
    parser.add_argument(
        "--notebooks",
        default=NOTEBOOKS,
        help="where the page's links to the notebooks lead; {} stands for a notebook's name",
    )
    arguments = parser.parse_args()
    try:
        write_page(arguments.out, arguments.notebooks)
    except OSError as error:
        parser.error(f"{arguments.out} cannot be written: {error}")
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

"""`python -m cam_helpers.page --out explorer.html` writes the page."""

import argparse
from pathlib import Path

from cam_helpers.page.write import write_page


def main() -> None:
    """Write the page and say how large it is."""
    parser = argparse.ArgumentParser(
        prog="python -m cam_helpers.page",
        description="Write one HTML file that holds networks, pictures and all: a double click "
        "opens it, without any installation or connection.",
    )
    parser.add_argument("--out", type=Path, default=Path("explorer.html"))
    parser.add_argument(
        "--notebooks",
        default="notebooks/",
        help="where the page's links to the notebooks lead: a folder beside it, or a web address",
    )
    arguments = parser.parse_args()
    try:
        write_page(arguments.out, arguments.notebooks)
    except OSError as error:
        parser.error(f"{arguments.out} cannot be written: {error}")
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()

"""`python -m cam_helpers`: the machine check, for bug reports."""

import platform

from cam_helpers import __version__
from cam_helpers.display.machine import check_machine
from cam_helpers.folders import DATA_FOLDER


def main() -> None:
    """Print versions, the data folder and the machine check of notebook 00."""
    print(f"cam_helpers {__version__} on {platform.platform()}")
    print(f"data in {DATA_FOLDER}")
    for finding in check_machine():
        print(finding)


if __name__ == "__main__":
    main()

"""`python -m cam_helpers`: the machine check, for bug reports."""

import platform
import sys

from cam_helpers import __version__
from cam_helpers.display.machine import check_machine
from cam_helpers.folders import DATA_FOLDER


def main() -> None:
    """Print versions, the data folder and the findings; exit with 1 where one wants a look."""
    print(f"cam_helpers {__version__} on {platform.platform()}")
    print(f"data in {DATA_FOLDER}")
    findings = check_machine()
    print(*findings, sep="\n")
    sys.exit(any(finding.startswith("LOOK") for finding in findings))


if __name__ == "__main__":
    main()

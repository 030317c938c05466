"""Where the shipped data lie: beside the module in a checkout, inside it in a wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
DATA_FOLDER = next(
    (place for place in (_PACKAGE / "data", _PACKAGE.parent / "data") if place.is_dir()),
    _PACKAGE.parent / "data",
)

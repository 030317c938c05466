"""A release: `make release VERSION=0.2.0` sets version and date, and fills `dist/`.

In `dist/` lie then the wheel, the explorer, the book, the handout and their checksums. Commit and
tag by hand after a look at them. It needs the extras `book` and `browser`, and Chromium.
"""

import argparse
import hashlib
import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
VERSION = re.compile(r"\d+\.\d+\.\d+")


def set_version(folder: Path, version: str, day: str) -> None:
    """Write a version and its day wherever they stand: five files."""
    for name, pattern, text in (
        ("pyproject.toml", r'^version = ".*"$', f'version = "{version}"'),
        ("cam_helpers/__init__.py", r'^__version__ = ".*"$', f'__version__ = "{version}"'),
        (
            "CITATION.cff",
            r"^version: .*(\ndate-released: .*)?$",
            f"version: {version}\ndate-released: {day}",
        ),
        (  # else no command that begins with uv run --locked would run
            "uv.lock",
            r'^name = "cam-helpers"\nversion = ".*"$',
            f'name = "cam-helpers"\nversion = "{version}"',
        ),
        ("CHANGELOG.md", r"^## \[.*\] - .*$", f"## [{version}] - {day}"),
    ):
        file = folder / name
        before = file.read_text(encoding="utf-8")
        after, count = re.subn(pattern, text, before, count=1, flags=re.M)
        if not count:
            sys.exit(f"{file} has no line like {pattern}: nothing can be released.")
        file.write_text(after, encoding="utf-8")


def fill(dist: Path) -> None:
    """Make what a release carries, and write down its checksums."""
    shutil.rmtree(dist, ignore_errors=True)
    dist.mkdir()
    for command in (
        ("-m", "hatchling", "build", "-t", "wheel", "-d", dist),
        ("notebooks/book/make_book.py", "--out", dist / "book"),
        ("notebooks/book/make_handout.py", "--out", dist),
    ):
        subprocess.run([sys.executable, *command], cwd=PROJECT, check=True)
    shutil.copy(dist / "book" / "explorer.html", dist)
    shutil.rmtree(dist / "book")  # book.zip holds it
    files = sorted(dist.iterdir())
    sums = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files]
    (dist / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")


def main() -> None:
    """Read the command line; refuse a version that is none before anything is written."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("version", help="as in 0.2.0")
    version = parser.parse_args().version
    if not VERSION.fullmatch(version):
        parser.error(f"a version has three numbers, as 0.2.0, unlike {version!r}")
    set_version(PROJECT, version, date.today().isoformat())
    fill(PROJECT / "dist")


if __name__ == "__main__":
    main()

"""A table that several processes fill, and that can be gone on with wherever they stopped.

Every process appends whole pictures to a file of its own beside the table. A picture counts as done
where all its lines stand in one of these files, or in the table; what was cut off does not count.
One with a problem has its lines as well, but is tried again by the next run.
"""

import contextlib
import csv
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from cam_helpers.evaluate.lines import COLUMNS

HEADER = (",".join(COLUMNS) + "\n").encode()


class Lines(NamedTuple):
    """The lines of a picture."""

    text: bytes
    failed: bool  # at least one of them tells of a problem
    sha256: str  # of the picture


def beside(table: Path, what: object) -> Path:
    """Return the name of a file that belongs to a table."""
    return table.with_name(f"{table.name}.{what}")


def whole_pictures(file: Path, rows: Mapping[str, int]) -> dict[str, Lines]:
    """Return the lines of each picture that has all its `rows` in a file.

    A process that was killed leaves half a line at most, or some lines of a picture, at the end.
    """
    found: dict[str, Lines] = {}
    with file.open("rb") as opened:
        if opened.readline() != HEADER:
            return {}
        last, problems = "", ""
        text: list[bytes] = []
        for line in opened:
            fields = next(csv.reader([line.decode(errors="replace")]))
            if not (line.endswith(b"\n") and len(fields) == len(COLUMNS) and fields[0] in rows):
                break
            if fields[0] != last or len(text) == rows[last]:  # or the same was tried again
                last, text, problems = fields[0], [], ""
            text.append(line)
            problems += fields[-1]
            if len(text) == rows[last]:
                sha256 = fields[COLUMNS.index("sha256")]
                found[last] = Lines(b"".join(text), bool(problems), sha256)
    return found


def gather(table: Path, rows: Mapping[str, int], into: Path) -> dict[str, Lines]:
    """Return the lines of every finished picture, and put those of all parts into one file.

    Where a picture was tried again, lines without a problem go first. Raises `ValueError` where the
    table itself, which is written whole, was changed since.
    """
    found: dict[str, Lines] = {}
    if table.exists():
        found = whole_pictures(table, rows)
        if found.keys() != rows.keys():
            raise ValueError(f"{table} was changed by another program. Name another --out.")
    parts = parts_of(table)
    for part in parts:
        for image, lines in whole_pictures(part, rows).items():
            if image not in found or found[image].failed:
                found[image] = lines
    if parts:
        write_whole(into, HEADER + b"".join(found[image].text for image in rows if image in found))
        for part in set(parts) - {into}:
            part.unlink()
    return found


def parts_of(table: Path) -> list[Path]:
    """Return the files in which processes left their lines, also those of an earlier run."""
    return sorted(f for f in table.parent.iterdir() if f.name.startswith(f"{table.name}.part-"))


@contextlib.contextmanager
def locked(table: Path) -> Iterator[None]:
    """Keep other commands from a table; a killed process keeps nobody.

    Raises `OSError` where another one has it, or where there is no place for it.
    """
    if not table.parent.is_dir():
        raise NotADirectoryError(f"{table.parent} is no folder: make it, or name another --out.")
    if table.is_dir():
        raise IsADirectoryError(f"{table} is a folder: name a file in it with --out.")
    try:
        with FileLock(beside(table, "lock"), timeout=0):
            yield
    except Timeout:
        raise BlockingIOError(
            f"Another command is filling {table}: wait until it is done, or name another --out."
        ) from None


def append(file: Path, lines: bytes) -> None:
    """Write some lines, so that they outlive the process; an error names the file."""
    try:
        with file.open("ab", buffering=0) as opened:
            while lines:
                lines = lines[opened.write(lines) :]
    except OSError as error:  # such as on a full disk, which names none
        raise OSError(error.errno, error.strerror, str(file)) from error


def write_whole(file: Path, text: bytes) -> None:
    """Fill a file under another name, then rename it: it is never half written."""
    draft = beside(file, "draft")
    draft.unlink(missing_ok=True)
    append(draft, text)
    with draft.open("rb") as opened:
        os.fsync(opened.fileno())  # before what it was made of goes
    draft.replace(file)


def check_same(table: Path, made_of: Mapping[str, str]) -> None:
    """Keep beside the table what it is made of.

    Raises `ValueError` where it was begun with something else.
    """
    note = beside(table, "made-of")
    begun = [file for file in [table, *parts_of(table)] if file.exists()]
    if not begun:
        write_whole(note, (json.dumps(made_of, indent=1) + "\n").encode())
        return
    try:
        before = dict(json.loads(note.read_text(encoding="utf-8")))
    except (FileNotFoundError, TypeError, ValueError):
        raise ValueError(
            f"{begun[0]} exists, and {note} does not say what it was made of. Name another --out."
        ) from None
    others = [name for name in made_of if before.get(name) != made_of[name]]
    if others:
        raise ValueError(
            f"{begun[0]} was not begun with the same {' and '.join(others)}. Name another --out, "
            "or remove it to begin again."
        )

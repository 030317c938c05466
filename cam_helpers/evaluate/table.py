"""A table that several processes fill, and that can be gone on with wherever they stopped.

Every process appends whole pictures to a file of its own beside the table. A picture counts as done
where all its lines stand in one of these files, or in the table; what was cut off does not count.
One with a problem has its lines as well, but is tried again by the next run.
"""

import contextlib
import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from cam_helpers.evaluate.measure import COLUMNS

HEADER = (",".join(COLUMNS) + "\n").encode()
PART = ".part-"


class Span(NamedTuple):
    """Where the lines of a picture stand."""

    file: Path
    start: int
    end: int
    failed: bool  # at least one of them tells of a problem
    sha256: str  # of the picture


def whole_pictures(file: Path, rows: Mapping[str, int]) -> dict[str, Span]:
    """Return where in a file the lines of each picture stand that has all its `rows`.

    A process that was killed leaves half a line at most, or some lines of a picture, at the end.
    """
    found: dict[str, Span] = {}
    with file.open("rb") as opened:
        if opened.readline() != HEADER:
            return {}
        end = start = len(HEADER)
        last, count, failed = "", 0, False
        for line in opened:
            fields = next(csv.reader([line.decode(errors="replace")]))
            if not (line.endswith(b"\n") and len(fields) == len(COLUMNS) and fields[0] in rows):
                break
            if fields[0] != last or count == rows[last]:  # or the same was tried again
                last, count, start, failed = fields[0], 0, end, False
            end, count, failed = end + len(line), count + 1, failed or fields[-1] != ""
            if count == rows[last]:
                found[last] = Span(file, start, end, failed, fields[COLUMNS.index("sha256")])
    return found


@contextlib.contextmanager
def locked(table: Path) -> Iterator[None]:
    """Keep other commands from a table; a killed process keeps nobody.

    Raises `OSError` where another one has it, `NotADirectoryError` or `IsADirectoryError` where
    there is no place for it.
    """
    if not table.parent.is_dir():
        raise NotADirectoryError(f"{table.parent} is no folder: make it, or name another --out.")
    if table.is_dir():
        raise IsADirectoryError(f"{table} is a folder: name a file in it with --out.")
    lock = FileLock(f"{table}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise BlockingIOError(
            f"Another command is filling {table}: wait until it is done, or name another --out."
        ) from None
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def named_in_errors(file: Path) -> Iterator[None]:
    """Name the file in an error of writing, such as on a full disk, which names none."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(file)) from error


class Part:
    """The file of a process, to which it adds whole pictures, after those that are there."""

    def __init__(self, table: Path, rank: int, rows: Mapping[str, int]) -> None:
        self.file = table.with_name(f"{table.name}{PART}{rank}")
        with named_in_errors(self.file):
            self.opened = self.file.open("ab", buffering=0)
            ends = [span.end for span in whole_pictures(self.file, rows).values()]
            self.opened.truncate(max(ends, default=0))
        if not ends:
            self.add(HEADER)

    def add(self, lines: bytes) -> None:
        """Write some lines, so that they are there whatever happens next."""
        with named_in_errors(self.file):
            while lines:
                lines = lines[self.opened.write(lines) :]
            os.fsync(self.opened.fileno())


def parts_of(table: Path) -> list[Path]:
    """Return the files in which processes left their lines, also those of an earlier run."""
    return sorted(f for f in table.parent.iterdir() if f.name.startswith(table.name + PART))


def done_in(table: Path, rows: Mapping[str, int]) -> dict[str, Span]:
    """Return where the lines of every finished picture stand, those without a problem first.

    Raises `ValueError` where the table itself, which is written whole, was changed since.
    """
    done: dict[str, Span] = {}
    if table.exists():
        done = whole_pictures(table, rows)
        if done.keys() != rows.keys():
            raise ValueError(f"{table} was changed by another program. Name another --out.")
    for part in parts_of(table):
        for image, span in whole_pictures(part, rows).items():
            if image not in done or done[image].failed:
                done[image] = span
    return done


def merge(table: Path, rows: Mapping[str, int]) -> None:
    """Put the lines of all parts into the table, in the order of `rows`, and remove the parts."""
    done, parts = done_in(table, rows), parts_of(table)
    if not parts:
        return

    def write(draft: io.BufferedWriter) -> None:
        draft.write(HEADER)
        with contextlib.ExitStack() as files:
            used = {span.file for span in done.values()}
            sources = {file: files.enter_context(file.open("rb")) for file in used}
            for image in rows:
                file, start, end, *_ = done[image]
                sources[file].seek(start)
                draft.write(sources[file].read(end - start))

    write_whole(table, write)
    for part in parts:
        part.unlink()


def write_whole(file: Path, write: Callable[[io.BufferedWriter], object]) -> None:
    """Let `write` fill a file under another name, then rename it: it is never half written."""
    draft = file.with_name(f"{file.name}.draft")
    with named_in_errors(draft):
        with draft.open("wb") as opened:
            write(opened)
            opened.flush()
            os.fsync(opened.fileno())
        draft.replace(file)


def check_same(table: Path, made_of: Mapping[str, str]) -> None:
    """Keep beside the table what it is made of.

    Raises `ValueError` where it was begun with something else.
    """
    beside = table.with_name(f"{table.name}.made-of")
    begun = [file for file in [table, *parts_of(table)] if file.exists()]
    if not begun:
        text = json.dumps(made_of, indent=1) + "\n"
        write_whole(beside, lambda file: file.write(text.encode()))
        return
    try:
        before = dict(json.loads(beside.read_text(encoding="utf-8")))
    except (FileNotFoundError, TypeError, ValueError):
        raise ValueError(
            f"{begun[0]} exists, and {beside} does not say what it was made of. Name another --out."
        ) from None
    others = [name for name in made_of if before.get(name) != made_of[name]]
    if others:
        raise ValueError(
            f"{begun[0]} was begun with another {' and '.join(others)}. Name another --out, or "
            "remove it to begin again."
        )

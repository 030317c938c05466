"""What a table says in the end, computed from its rows alone."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cam_helpers.evaluate.lines import COLUMNS, TOLERANCE
from cam_helpers.evaluate.truth import MOST_NAMED, some
from cam_helpers.intervals import Interval, bootstrap, share_of_hits
from cam_helpers.localization import BOX_THRESHOLDS, OVERLAPS, average_precision


@dataclass(frozen=True)
class Summary:
    """The measures with their 95 % intervals by name, how much is amiss, and all of it as text."""

    text: str
    measures: dict[str, Interval]
    problems: int  # rows without measures or with doubtful ones, annotations that were left out

    def __str__(self) -> str:
        return self.text


class Rows:
    """What the rows of a table hold; raises `ValueError` where it is damaged or none."""

    def __init__(self, table: Path) -> None:
        self.images: list[str] = []
        self.pointing: list[int] = []
        self.shares: list[float] = []
        self.hits: list[np.ndarray] = []  # each (3, 19), by overlap and threshold
        self.pixels: list[list[np.ndarray]] = []
        self.doubtful: dict[str, list[str]] = {}
        self.skipped: list[str] = []
        try:
            with table.open(encoding="utf-8", newline="") as opened:
                reader = csv.reader(opened)
                if tuple(next(reader, ())) != COLUMNS:
                    raise ValueError("its columns are others.")
                for fields in reader:
                    self._add(dict(zip(COLUMNS, fields, strict=True)))
            for numbers in (self.hits, self.pixels):
                np.array(numbers)  # raises where the rows are not of one length
        except (csv.Error, OverflowError, ValueError) as error:
            raise ValueError(f"{table} is damaged or no table of this command: {error}") from error

    def _add(self, row: dict[str, str]) -> None:
        if row["problem"]:
            self.skipped.append(f"  {row['image']}, {row['category']}: {row['problem']}")
            return
        for note in filter(None, row["note"].split("; ")):
            self.doubtful.setdefault(note, []).append(row["image"])
        self.images.append(row["image_id"])
        self.pointing.append(int(row["pointing_game"]))
        self.shares.append(float(row["share_inside"]))
        self.hits.append(np.array(row["overlaps"].split(), float) >= np.array(OVERLAPS)[:, None])
        self.pixels.append([np.array(row[side].split(), int) for side in ("inside", "outside")])

    def best_thresholds(self) -> list[int]:
        """Return the threshold at which each overlap is reached most often, as its index."""
        if not self.hits:
            raise ValueError("There is no measured row to choose thresholds from.")
        best: list[int] = np.mean(self.hits, axis=0).argmax(axis=1).tolist()
        return best


def summary(table: Path, thresholds_from: Path | None = None) -> Summary:
    """Return what a table says.

    Intervals are 95 %. Rows of one picture belong together. The thresholds of MaxBoxAccV2 are
    chosen once, on these very pictures or on those of another table, not anew in each draw.
    Raises `ValueError` where a file is damaged or no such table.
    """
    rows = Rows(table)
    pictures = len(set(rows.images))
    lines = [f"{table}: {len(rows.images)} rows of {pictures} pictures{_made_by(table)}"]
    measures: dict[str, Interval] = {}
    if pictures > 1:
        thresholds = (Rows(thresholds_from) if thresholds_from else rows).best_thresholds()
        measures = _measures(rows, thresholds)
        at = ", ".join(f"{BOX_THRESHOLDS[number]:.2f}" for number in thresholds)
        best = f"in {thresholds_from}" if thresholds_from else "here, which flatters"
        known = int(np.isfinite(rows.shares).sum())
        remarks = {
            "pointing game": f"within {TOLERANCE:.1%} of the shorter side (15 of 224 pixels)",
            "share inside": f"of {known} rows; the others have no evidence, or nothing was seen",
            "MaxBoxAccV2": f"largest part above {at} of the maximum, of 19 thresholds the best "
            + best,
            "PxAP": "100 levels of each map's maximum",
        }
        if known == len(rows.shares):
            del remarks["share inside"]
        for name, (value, low, high) in measures.items():
            line = f"{name:14} {value:.3f}   95 % between {low:.3f} and {high:.3f}"
            lines.append(f"{line}   {remarks.get(name, '')}".rstrip())
    else:
        lines.append("The measures are given with intervals, and these need at least two pictures.")
    for note, images in rows.doubtful.items():
        lines.append(f"doubtful in {len(images)} rows, {note}: {some(images)}")
    if rows.skipped:
        lines.append(f"{len(rows.skipped)} rows without measures (why is in column problem):")
        lines += rows.skipped[:MOST_NAMED] + ["  ..."] * (len(rows.skipped) > MOST_NAMED)
    return Summary("\n".join(lines), measures, len(rows.skipped) + len(rows.doubtful))


def _measures(rows: Rows, thresholds: Sequence[int]) -> dict[str, Interval]:
    hits = np.array(rows.hits)[:, range(len(OVERLAPS)), thresholds].mean(axis=1)
    found = {"pointing game": share_of_hits(rows.pointing, rows.images)}
    is_known = np.isfinite(rows.shares)
    images = np.array(rows.images)
    if len(set(images[is_known])) > 1:
        found["share inside"] = bootstrap(np.array(rows.shares)[is_known], groups=images[is_known])
    # Where all are hits, or none, every draw is the same; the exact interval knows better.
    is_mixed = len(set(hits)) > 1 or 0 < hits[0] < 1
    found["MaxBoxAccV2"] = (bootstrap if is_mixed else share_of_hits)(hits, groups=rows.images)
    found["PxAP"] = bootstrap(
        rows.pixels, lambda mean: average_precision(*mean), groups=rows.images
    )
    return found


def _made_by(table: Path) -> str:
    try:
        made_of = json.loads(table.with_name(f"{table.name}.made-of").read_text(encoding="utf-8"))
        return f" by {made_of['network']} ({made_of['weights'][:8]})"
    except (OSError, KeyError, TypeError, ValueError):
        return ""

"""What is measured of one picture, and what a table of such rows says in the end."""

import contextlib
import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cam_helpers.boxes import rounded
from cam_helpers.explain import Explanation, explain
from cam_helpers.localization import (
    OVERLAPS,
    PixelPrecision,
    average_precision,
    bootstrap,
    box_overlaps,
    pointing_game,
    share_inside,
)
from cam_helpers.networks.network import Network

COLUMNS = (
    *("image_id", "image", "category", "score", "probability", "rank"),
    *("pointing_game", "share_inside"),
    "overlaps",  # of the map's box with the true one, one for each of BOX_THRESHOLDS
    *("inside", "outside"),  # pixels of the mask, and others, by their value in hundredths
    "problem",  # why nothing was measured
)
PIXEL_STEP = 10  # of the thousandths in `PixelPrecision`
MOST_NAMED = 20  # of the rows without measures


class Truth:
    """What an annotations file says of the pictures, as far as the network knows the categories.

    By image id: `rows`, how many rows the picture gets, in the table's order; `names` of the files;
    `sizes` (width, height). `classes` is category id -> class index, `unknown` the names of the
    categories left out. Raises `ValueError` where there is nothing to measure.
    """

    def __init__(self, file: Path, network: Network) -> None:
        from pycocotools.coco import COCO

        try:
            with contextlib.redirect_stdout(io.StringIO()):  # it tells of its progress
                self.coco = COCO(str(file))
            named = {entry["id"]: entry["name"] for entry in self.coco.cats.values()}
            self.classes = {
                number: network.class_index(name)
                for number, name in named.items()
                if network.categories.count(name) == 1
            }
            for i in self.coco.imgs:
                if type(i) is not int or i < 0:
                    raise ValueError(f"an image id is a whole number from 0 on, not {i!r}")
            self.names = {i: str(entry["file_name"]) for i, entry in self.coco.imgs.items()}
            self.sizes = {
                i: (entry["width"], entry["height"]) for i, entry in self.coco.imgs.items()
            }
            counts = {image: len(self.objects(image)) for image in sorted(self.names)}
        except (AssertionError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{file} is no annotations file in COCO's format: {type(error).__name__}: {error}"
            ) from error
        self.unknown = sorted(
            {name for number, name in named.items() if number not in self.classes}
        )
        self.rows = {image: count for image, count in counts.items() if count}
        if not self.classes:
            raise ValueError(
                f"{network.name} knows none of the categories in {file}: "
                f"{', '.join(self.unknown[:MOST_NAMED])}. It knows: "
                f"{', '.join(network.categories[:MOST_NAMED])}."
            )
        if not self.rows:
            raise ValueError(f"{file} tells of no object that {network.name} knows.")

    def objects(self, image: int) -> dict[int, list[dict[str, Any]]]:
        """Return the annotations of a picture by class index, in rising order.

        Crowds (`iscrowd`) and boxes without area are left out.
        """
        found: dict[int, list[dict[str, Any]]] = {}
        for entry in self.coco.imgToAnns[image]:
            x0, y0, x1, y1 = true_box(entry)
            if entry.get("iscrowd") or not (x0 < x1 and y0 < y1):
                continue
            if entry["category_id"] in self.classes:
                found.setdefault(self.classes[entry["category_id"]], []).append(entry)
        return dict(sorted(found.items()))

    def mask(self, entries: Sequence[dict[str, Any]], size: tuple[int, int]) -> np.ndarray:
        """Return where the objects are, (H, W) of bool."""
        mask = np.zeros(size[::-1], dtype=bool)
        for entry in entries:
            if entry.get("segmentation"):
                try:
                    mask |= decoded(self.coco.annToRLE(entry), mask.shape)
                except Exception as error:  # of any kind, where it is not in COCO's format
                    raise ValueError(f"The mask {entry.get('id')} is damaged: {error}") from error
            else:
                x0, y0, x1, y1 = rounded(true_box(entry))
                mask[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
        return mask


def decoded(runs: dict[str, Any], shape: tuple[int, ...]) -> np.ndarray:
    """Return a mask in COCO's run lengths as (H, W) of bool, or raise `ValueError`."""
    from pycocotools.mask import decode

    if tuple(runs["size"]) != shape:
        raise ValueError(f"its size is {runs['size']}, the picture's {list(shape)}")
    lengths = run_lengths(runs["counts"])  # `decode` leaves to chance what lies beyond the last run
    if sum(lengths) != shape[0] * shape[1] or min(lengths) < 0:
        raise ValueError("its runs do not fill the picture")
    found: np.ndarray = decode(runs).astype(bool)
    return found


def run_lengths(counts: str | bytes) -> list[int]:
    """Return the run lengths in COCO's compressed form.

    Five bits a character, lowest first, 32 where more follow; from the fourth length on it is the
    difference from the last but one (`rleToString` in pycocotools' maskApi.c).
    """
    lengths: list[int] = []
    value = shift = 0
    for character in counts.encode() if isinstance(counts, str) else counts:
        bits = character - 48
        value |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            value -= (bits & 16) << (shift - 4)  # a negative number
            lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
            value = shift = 0
    return lengths


def true_box(entry: Mapping[str, Any]) -> tuple[float, float, float, float]:
    """Return the box (x0, y0, x1, y1) of an annotation; COCO has the width and height."""
    x, y, width, height = entry["bbox"]
    return x, y, x + width, y + height


def rows_of(network: Network, truth: Truth, image: int, picture: Image.Image | str) -> str:
    """Return the lines of one picture; `picture` may be the reason why there is none."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    explanation = None
    if not isinstance(picture, str):
        try:
            explanation = explain(network, picture)
        except ValueError as error:  # its map is none, such as one that does not give the score
            picture = str(error)
    for class_index, entries in truth.objects(image).items():
        row = {
            "image_id": image,
            "image": " ".join(truth.names[image].splitlines()),
            "category": network.categories[class_index],
        }
        if explanation is None:
            row["problem"] = " ".join(str(picture).splitlines())
        else:
            try:
                row |= measure(explanation, class_index, truth, entries)
            except ValueError as error:  # an object without area, or outside the picture
                row["problem"] = " ".join(str(error).splitlines())
        writer.writerow(row)
    return text.getvalue()


def measure(
    explanation: Explanation, class_index: int, truth: Truth, entries: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return the measures of one map. One that is nowhere above zero has no share inside: 0."""
    assert explanation.whole_size is not None
    prediction = explanation.prediction
    cam, mask = explanation.whole_cam(class_index), truth.mask(entries, explanation.whole_size)
    pixels = PixelPrecision()
    pixels.add(cam, mask)
    inside, outside = (
        np.add.reduceat(counts, range(0, len(counts), PIXEL_STEP))
        for counts in (pixels.inside, pixels.outside)
    )
    overlaps = box_overlaps(cam, *map(true_box, entries))
    return {
        "score": f"{prediction.scores[class_index].item():.9g}",
        "probability": f"{prediction.probabilities[class_index].item():.9g}",
        "rank": prediction.ranks[class_index],
        "pointing_game": int(pointing_game(cam, mask)),
        "share_inside": f"{share_inside(cam, mask) if (cam > 0).any() else 0.0:.9g}",
        "overlaps": " ".join(f"{overlap:.9g}" for overlap in overlaps),
        "inside": " ".join(map(str, inside)),
        "outside": " ".join(map(str, outside)),
    }


def summary(table: Path) -> tuple[str, int]:
    """Return what a table says, as text, and how many of its rows have no measures.

    Intervals are 95 %, by drawing pictures anew; the rows of one picture are drawn together.
    Raises `ValueError` where the file is damaged or no such table.
    """
    try:
        return _sum_up(table)
    except (csv.Error, OverflowError, ValueError) as error:
        raise ValueError(f"{table} is damaged or no table of this command: {error}") from error


def _sum_up(table: Path) -> tuple[str, int]:
    images: list[str] = []
    pointing, shares, hits, pixels = [], [], [], []
    skipped: list[str] = []
    with table.open(encoding="utf-8", newline="") as opened:
        reader = csv.reader(opened)
        if tuple(next(reader, ())) != COLUMNS:
            raise ValueError("its columns are others.")
        for fields in reader:
            row = dict(zip(COLUMNS, fields, strict=True))
            if row["problem"]:
                skipped.append(f"  {row['image']}, {row['category']}: {row['problem']}")
                continue
            images.append(row["image_id"])
            pointing.append(float(row["pointing_game"]))
            shares.append(float(row["share_inside"]))
            hits.append(np.array(row["overlaps"].split(), float) >= np.array(OVERLAPS)[:, None])
            pixels.append([np.array(row[side].split(), int) for side in ("inside", "outside")])
    pictures = len(set(images))
    lines = [f"{table}: {len(images)} rows of {pictures} pictures"]
    if pictures > 1:
        measures: list[tuple[str, Any, dict[str, Any]]] = [
            ("pointing game", pointing, {}),
            ("share inside", shares, {}),
            ("MaxBoxAccV2", hits, {"statistic": lambda mean: float(mean.max(axis=1).mean())}),
            ("PxAP", pixels, {"statistic": lambda mean: average_precision(*mean)}),
        ]
        for name, rows, options in measures:
            value, low, high = bootstrap(rows, groups=images, **options)
            lines.append(f"{name:14} {value:.3f}   95 % between {low:.3f} and {high:.3f}")
    else:
        lines.append("The measures are given with intervals, and these need at least two pictures.")
    if skipped:
        lines.append(f"{len(skipped)} rows without measures (the reason is in column problem):")
        lines += skipped[:MOST_NAMED] + ["  ..."] * (len(skipped) > MOST_NAMED)
    return "\n".join(lines), len(skipped)

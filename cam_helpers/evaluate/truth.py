"""What an annotations file in COCO's format says of the pictures.

One bad entry costs itself alone: `Truth.left_out` counts by reason what could not be used. Boxes
and masks count in pixels of the upright picture, as `open_picture` gives it.
"""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cam_helpers.boxes import Box, rounded
from cam_helpers.localization import iou
from cam_helpers.networks.network import Network

Entry = dict[str, Any]
Size = tuple[int, int]
MOST_NAMED = 20
BEYOND = "a box reaches beyond the picture"
DISAGREE = "box and mask disagree"


class Objects(NamedTuple):
    """The objects of one category in a picture."""

    boxes: list[Box]
    mask: np.ndarray  # (H, W) of bool: where at least one of them is
    ignored: np.ndarray  # (H, W) of bool: crowds of them
    notes: list[str]  # what is doubtful


class Truth:
    """What an annotations file says, as far as the network knows the categories.

    By image id, as text: `rows`, how many rows the picture gets, in the table's order; `names` of
    the files; `sizes` (width, height), None where the file tells none. `unknown` are the names of
    the categories left out, each with what may be meant, `taken_for` those that differ in capitals
    alone, `crowds` counts the entries with `iscrowd`. Raises `ValueError` where there is nothing to
    measure.
    """

    def __init__(self, file: Path, network: Network) -> None:
        try:
            coco = json.loads(file.read_text(encoding="utf-8-sig"))
            images, entries, categories = (
                list(coco[part]) for part in ("images", "annotations", "categories")
            )
            named = {_key(entry["id"]): str(entry["name"]) for entry in categories}
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{file} is no annotations file in COCO's format: {type(error).__name__}: {error}"
            ) from error
        self.left_out: dict[str, list[str]] = {}
        self.classes: dict[str, int] = {}
        self.unknown: list[str] = []
        self.taken_for: list[str] = []
        self._read_categories(named, network)
        self.names: dict[str, str] = {}
        self.sizes: dict[str, Size | None] = {}
        for entry in images:
            self._count(self._read_image(entry), entry)
        self.crowds = 0
        self.objects: dict[str, dict[int, list[Entry]]] = {image: {} for image in self.names}
        for entry in entries:
            self._count(self._read_annotation(entry, named), entry)
        counts = {image: len(self.of(image)) for image in self.names}
        self.rows = {image: counts[image] for image in sorted(counts, key=_order) if counts[image]}
        if not self.classes:
            raise ValueError(
                f"{network.name} knows none of the categories in {file}: "
                f"{', '.join(self.unknown[:MOST_NAMED])}."
            )
        if not self.rows:
            raise ValueError(
                "\n  ".join([f"{file} tells of no object that {network.name} knows.", *self.told()])
            )

    def told(self) -> list[str]:
        """Return what was left out, ignored or taken for something else, a line for each reason."""
        lines = [f"{len(ids)} x {why}: {some(ids)}" for why, ids in self.left_out.items()]
        if self.crowds:
            lines.append(
                f"{self.crowds} crowds (iscrowd): their pixels count neither as object nor as "
                "ground. If they are single objects, as CVAT's masks are, set iscrowd to 0."
            )
        lines += self.taken_for
        if self.unknown:
            lines.append(f"unknown to the network, left out: {some(self.unknown)}")
        return lines

    def _count(self, reason: str, entry: Any) -> None:
        if reason:
            name = entry.get("id", "one without id") if isinstance(entry, dict) else "no entry"
            self.left_out.setdefault(reason, []).append(str(name))

    def _read_categories(self, named: dict[str, str], network: Network) -> None:
        folded = [category.casefold() for category in network.categories]
        for key, name in named.items():
            if network.categories.count(name) == 1:
                self.classes[key] = network.class_index(name)
            elif folded.count(name.casefold()) == 1:
                self.classes[key] = folded.index(name.casefold())
                found = network.categories[self.classes[key]]
                self.taken_for.append(f"{name!r} is taken for {found!r}")
            else:
                self.unknown.append(f"{name} ({_what_is_meant(network, name)})")

    def _read_image(self, entry: Entry) -> str:
        """Take up an image, or return why not."""
        try:
            key, name = _key(entry["id"]), str(entry["file_name"])
        except (KeyError, TypeError, ValueError):
            return "images without an id (a number or a text in one line) or a file_name"
        if key in self.names:
            return "images whose id another one has"
        width, height = entry.get("width"), entry.get("height")
        self.names[key] = name
        self.sizes[key] = (int(width), int(height)) if width and height else None
        return ""

    def _read_annotation(self, entry: Entry, named: dict[str, str]) -> str:
        """Take up an annotation, or return why not; unknown categories go without a word here."""
        try:
            image, category = _key(entry["image_id"]), _key(entry["category_id"])
        except (KeyError, TypeError, ValueError):
            return "annotations without image_id or category_id"
        if image not in self.names:
            return "annotations whose image_id leads to no image"
        if category not in named:
            return "annotations whose category_id leads to no category"
        if category not in self.classes:
            return ""
        reason = _fault(entry)
        if not reason:
            self.crowds += bool(entry.get("iscrowd"))
            self.objects[image].setdefault(self.classes[category], []).append(entry)
        return reason

    def of(self, image: str) -> dict[int, list[Entry]]:
        """Return the annotations of a picture by class index, in rising order, crowds too."""
        return {
            index: entries
            for index, entries in sorted(self.objects[image].items())
            if has_object(entries)
        }


def has_object(entries: Iterable[Entry]) -> bool:
    """Say whether there is more than crowds."""
    return not all(entry.get("iscrowd") for entry in entries)


def objects_in(entries: Sequence[Entry], size: Size) -> Objects:
    """Return where the objects of one category are, in a picture of this (width, height).

    Raises `ValueError` for a damaged mask.
    """
    mask, ignored = (np.zeros(size[::-1], dtype=bool) for _ in range(2))
    boxes, notes = [], []
    for entry in entries:
        box = true_box(entry)
        if entry.get("segmentation"):
            try:
                own = mask_of(entry["segmentation"], mask.shape)
            except Exception as error:  # of any kind, where it is not in COCO's format
                raise ValueError(f"The mask {entry.get('id')} is damaged: {error}") from error
            around = box_around(own)
            if box and around and iou(box, around) < 0.5:
                notes.append(DISAGREE)
            box = box or around
        else:
            assert box
            own = np.zeros_like(mask)
            x0, y0, x1, y1 = rounded(box)
            own[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
        if box and (min(box) < -1 or box[2] > size[0] + 1 or box[3] > size[1] + 1):
            notes.append(BEYOND)
        if entry.get("iscrowd"):
            ignored |= own
        else:
            mask |= own
            boxes += [box] if box else []
    return Objects(boxes, mask, ignored & ~mask, sorted(set(notes)))


def true_box(entry: Entry) -> Box | None:
    """Return the box (x0, y0, x1, y1) of an annotation; COCO has the width and height."""
    if not entry.get("bbox"):
        return None
    x, y, width, height = map(float, entry["bbox"])
    return x, y, x + width, y + height


def box_around(mask: np.ndarray) -> Box | None:
    """Return the box around what is true."""
    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if not rows.size:
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def mask_of(segmentation: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return a mask (H, W) of bool from polygons or run lengths, or raise `ValueError`."""
    from pycocotools.mask import decode, frPyObjects, merge

    if isinstance(segmentation, list):
        is_flat = not isinstance(segmentation[0], list)
        runs = merge(frPyObjects([segmentation] if is_flat else segmentation, *shape))
    elif isinstance(segmentation["counts"], list):
        runs = frPyObjects(segmentation, *segmentation["size"])
    else:
        runs = segmentation
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


def _fault(entry: Entry) -> str:
    """Return why an annotation cannot be used, or nothing."""
    mask = entry.get("segmentation")
    if isinstance(mask, list) and mask:
        for polygon in mask if isinstance(mask[0], list) else [mask]:
            if len(polygon) < 6 or len(polygon) % 2 or not all(map(_is_number, polygon)):
                return "annotations whose polygon is not x, y of at least three corners"
    if not entry.get("bbox"):
        return "" if mask else "annotations with neither box nor mask"
    box = entry["bbox"]
    if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
        return "annotations whose box is not four numbers"
    if min(box[2:]) <= 0:
        return "annotations whose box has no area"
    if max(box) <= 1:
        return "annotations whose box has numbers from 0 to 1, where COCO counts pixels"
    return ""


def _is_number(number: object) -> bool:
    return type(number) in (int, float) and math.isfinite(number)  # type: ignore[arg-type]


def _key(number: object) -> str:
    """Return an id as text; 3 and "3" are the same."""
    if type(number) not in (int, str) or len(str(number).splitlines()) != 1:
        raise ValueError(f"an id is a whole number or a text in one line, not {number!r}")
    return str(number).encode(errors="backslashreplace").decode()  # JSON may hold half of a pair


def _order(key: str) -> tuple[bool, int, str]:
    is_number = key.isascii() and key.isdigit()
    return not is_number, int(key) if is_number else 0, key


def _what_is_meant(network: Network, name: str) -> str:
    try:
        network.class_index(name)
    except ValueError as error:
        return str(error).split(". ")[-1].rstrip(".")
    return "unknown"


def some(names: Sequence[str]) -> str:
    """Return some names, and whether there are more."""
    return ", ".join(names[:MOST_NAMED]) + ", ..." * (len(names) > MOST_NAMED)

"""What an annotations file in COCO's format says of the pictures.

One bad entry costs itself alone: `Truth.left_out` counts by reason what could not be used. Boxes
and masks count in pixels of the upright picture, as `open_picture` gives it.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cam_helpers.boxes import Box, rounded
from cam_helpers.localization import iou
from cam_helpers.networks.network import Network

Size = tuple[int, int]
MOST_NAMED = 20
BEYOND = "a box reaches beyond the picture"
DISAGREE = "box and mask disagree"
TAKEN = "taken for the network's category, though capitals differ"
UNKNOWN = "unknown to the network, left out"
CROWDS = (
    "crowds (iscrowd), whose pixels count neither as object nor as ground (if they are single "
    "objects, as CVAT's masks are, set iscrowd to 0)"
)


class Entry(NamedTuple):
    """One annotation, checked; it has a box, a mask or both."""

    id: str
    box: Box | None
    mask: Any  # polygons, or run lengths
    is_crowd: bool


@dataclass
class Annotated:
    """A picture, and what is in it."""

    name: str  # of the file
    size: Size | None  # (width, height), where the file tells it
    objects: dict[int, list[Entry]] = field(default_factory=dict)  # by class index, crowds too


class Objects(NamedTuple):
    """The objects of one category in a picture."""

    boxes: list[Box]
    mask: np.ndarray  # (H, W) of bool: where at least one of them is
    ignored: np.ndarray  # (H, W) of bool: crowds of them
    notes: list[str]  # what is doubtful


class Truth:
    """What an annotations file says, as far as the network knows the categories.

    `images`, by id as text, are those with an object, in the file's order. Raises `ValueError`
    where there is nothing to measure.
    """

    def __init__(self, file: Path, network: Network) -> None:
        try:
            coco = json.loads(file.read_text(encoding="utf-8-sig"))
            images, entries, categories = (
                list(coco[part]) for part in ("images", "annotations", "categories")
            )
            names = {_key(entry["id"]): str(entry["name"]) for entry in categories}
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{file} is no annotations file in COCO's format: {type(error).__name__}: {error}"
            ) from error
        self.images: dict[str, Annotated] = {}
        self.left_out: dict[str, list[str]] = {}
        self.remarked: dict[str, list[str]] = {}  # what is no fault
        self.classes = {key: self._class_of(name, network) for key, name in names.items()}
        self._read(images, self._read_image, "images without an id or a file_name")
        without = "annotations without image_id or category_id, or not in COCO's format"
        self._read(entries, self._read_annotation, without)
        for image in self.images.values():  # a category of crowds alone has no row
            kept = {i: e for i, e in image.objects.items() if not all(one.is_crowd for one in e)}
            image.objects = dict(sorted(kept.items()))
        self.images = {key: image for key, image in self.images.items() if image.objects}
        if not self.images:
            nothing = f"{file} tells of no object that {network.name} knows."
            raise ValueError("\n  ".join([nothing, *self.told()]))

    def told(self) -> list[str]:
        """Return what was left out, ignored or taken for something else, a line for each reason."""
        reasons = self.left_out | self.remarked
        return [f"{len(names)} x {why}: {some(names)}" for why, names in reasons.items()]

    def _read(self, entries: list[Any], read: Callable[[Any], None], otherwise: str) -> None:
        for entry in entries:
            try:
                read(entry)
            except (KeyError, TypeError, ValueError) as error:
                reason = str(error) if isinstance(error, ValueError) else otherwise
                name = entry.get("id", "one without id") if isinstance(entry, dict) else "no entry"
                self.left_out.setdefault(reason, []).append(str(name))

    def _class_of(self, name: str, network: Network) -> int | None:
        try:
            return network.class_index(name)
        except ValueError as error:
            folded = [category.casefold() for category in network.categories]
            if folded.count(name.casefold()) == 1:
                self.remarked.setdefault(TAKEN, []).append(name)
                return folded.index(name.casefold())
            hint = str(error).split(". ")[-1].removesuffix("See .categories.").rstrip(".")
            self.remarked.setdefault(UNKNOWN, []).append(f"{name} ({hint})" if hint else name)
            return None

    def _read_image(self, entry: Any) -> None:
        key, size = _key(entry["id"]), (entry.get("width"), entry.get("height"))
        if key in self.images:
            raise ValueError("images whose id another one has")
        self.images[key] = Annotated(str(entry["file_name"]), size if all(size) else None)

    def _read_annotation(self, entry: Any) -> None:
        image, category = self.images.get(_key(entry["image_id"])), _key(entry["category_id"])
        if image is None:
            raise ValueError("annotations whose image_id leads to no image")
        if category not in self.classes:
            raise ValueError("annotations whose category_id leads to no category")
        class_index = self.classes[category]
        if class_index is not None:
            checked = _checked(entry)
            if checked.is_crowd:
                self.remarked.setdefault(CROWDS, []).append(checked.id)
            image.objects.setdefault(class_index, []).append(checked)


def _checked(entry: dict[str, Any]) -> Entry:
    """Return an annotation whose box and polygons are numbers that can be meant."""
    given, mask, box = entry.get("bbox"), entry.get("segmentation"), None
    if mask and isinstance(mask, list):
        mask = mask if isinstance(mask[0], list) else [mask]
        if any(len(_numbers(each)) < 6 or len(each) % 2 for each in mask):
            raise ValueError("annotations whose polygon is not x, y of at least three corners")
    if given:
        numbers = _numbers(given)
        if len(numbers) != 4:
            raise ValueError("annotations whose box is not four numbers")
        if min(numbers[2:]) <= 0:
            raise ValueError("annotations whose box has no area")
        if max(numbers) <= 1:
            raise ValueError("annotations whose box has numbers from 0 to 1, not pixels as COCO's")
        box = _corners(*numbers)
    elif not mask:
        raise ValueError("annotations with neither box nor mask")
    return Entry(str(entry.get("id")), box, mask, bool(entry.get("iscrowd")))


def _numbers(given: Any) -> list[float]:
    """Return finite numbers in a row, or none."""
    try:
        numbers = np.asarray(given, dtype=float)
    except (TypeError, ValueError):
        return []
    return numbers.tolist() if numbers.ndim == 1 and np.isfinite(numbers).all() else []


def _corners(x: float, y: float, width: float, height: float) -> Box:
    return x, y, x + width, y + height


def objects_in(entries: Sequence[Entry], size: Size) -> Objects:
    """Return where the objects of one category are, in a picture of this (width, height).

    Raises `ValueError` for a damaged mask.
    """
    from pycocotools.mask import encode, toBbox

    mask, ignored = (np.zeros(size[::-1], dtype=bool) for _ in range(2))
    boxes, notes = [], set()
    for entry in entries:
        box, own = entry.box, np.zeros_like(mask)
        if entry.mask:
            try:
                own = mask_of(entry.mask, mask.shape)
            except Exception as error:  # of any kind, where it is not in COCO's format
                raise ValueError(f"The mask {entry.id} is damaged: {error}") from error
            around = _corners(*toBbox(encode(np.asfortranarray(own, dtype=np.uint8))).tolist())
            if own.any() and iou(box or around, around) < 0.5:
                notes.add(DISAGREE)
            box = box or around
        elif box:
            x0, y0, x1, y1 = rounded(box)
            own[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
        if box and (min(box) < -1 or box[2] > size[0] + 1 or box[3] > size[1] + 1):
            notes.add(BEYOND)
        if entry.is_crowd:
            ignored |= own
        else:
            mask |= own
            boxes += [box] if box else []
    return Objects(boxes, mask, ignored & ~mask, sorted(notes))


def mask_of(segmentation: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return a mask (H, W) of bool from polygons or run lengths, or raise `ValueError`.

    Run lengths are put together here: pycocotools leaves to chance what lies beyond the last one.
    """
    from pycocotools.mask import decode, frPyObjects, merge

    if isinstance(segmentation, list):
        found: np.ndarray = decode(merge(frPyObjects(segmentation, *shape))).astype(bool)
        return found
    if tuple(segmentation["size"]) != shape:
        raise ValueError(f"its size is {segmentation['size']}, the picture's {list(shape)}")
    counts = segmentation["counts"]
    lengths = counts if isinstance(counts, list) else run_lengths(counts)
    if sum(lengths) != shape[0] * shape[1]:
        raise ValueError("its runs do not fill the picture")
    return np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(shape, order="F")


def run_lengths(counts: str) -> list[int]:
    """Return the run lengths in COCO's compressed form.

    Five bits a character, lowest first, 32 where more follow; from the fourth length on it is the
    difference from the last but one (`rleToString` in pycocotools' maskApi.c).
    """
    lengths: list[int] = []
    for characters in re.findall("[P-o]*[0-O]", counts):
        bits = [ord(character) - 48 for character in characters]
        value = sum((five & 31) << 5 * place for place, five in enumerate(bits))
        value -= (bits[-1] & 16) << 5 * len(bits) - 4  # a negative number
        lengths.append(value + (lengths[-2] if len(lengths) > 2 else 0))
    return lengths


def _key(number: object) -> str:
    """Return an id as text; 3 and "3" are the same."""
    if type(number) not in (int, str) or len(str(number).splitlines()) != 1:
        raise TypeError(f"an id is a whole number or a text in one line, not {number!r}")
    return str(number).encode(errors="backslashreplace").decode()  # JSON may hold half of a pair


def some(names: Sequence[str]) -> str:
    """Return some names, and whether there are more."""
    return ", ".join(names[:MOST_NAMED]) + ", ..." * (len(names) > MOST_NAMED)

"""What is measured of one picture: the lines of the table."""

import csv
import io
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from cam_helpers.evaluate.truth import Entry, Truth, objects_in
from cam_helpers.explain import Explanation, explain_batch
from cam_helpers.localization import PixelPrecision, box_overlaps, pointing_game, share_inside
from cam_helpers.networks.network import Network
from cam_helpers.pictures.open_picture import PictureError

COLUMNS = (
    *("image_id", "image"),
    "sha256",  # of the picture's file, its first 16 digits
    *("category", "score", "probability", "rank", "pointing_game", "share_inside"),
    "overlaps",  # of the map's box with the true one, one for each of BOX_THRESHOLDS
    *("inside", "outside"),  # pixels of the mask, and others, by their value in hundredths
    "note",  # what is doubtful, though measured
    "problem",  # why nothing was measured
)
PIXEL_STEP = 10  # of the thousandths in `PixelPrecision`
# Zhang et al. 2016 have 15 pixels; here of each 224 of the picture's shorter side.
TOLERANCE = 15 / 224


class Opened(NamedTuple):
    """A picture as it was read from its file, or why there is none."""

    image: str  # its id
    picture: Image.Image | PictureError
    sha256: str
    notes: list[str]  # what is doubtful


def lines_of(network: Network, truth: Truth, batch: Sequence[Opened]) -> str:
    """Return the lines of some pictures, which go through the network together."""
    pictures = [one.picture for one in batch if isinstance(one.picture, Image.Image)]
    explained = iter(explain_each(network, pictures))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    for opened in batch:
        annotated = truth.images[opened.image]
        found = next(explained) if isinstance(opened.picture, Image.Image) else opened.picture
        row = {"image_id": opened.image, "image": _line(annotated.name), "sha256": opened.sha256}
        for class_index, entries in annotated.objects.items():
            own: dict[str, Any] = {"category": network.categories[class_index]}
            try:
                if not isinstance(found, Explanation):
                    raise found
                own |= measures_of(found, class_index, entries, opened.notes)
            except ValueError as error:  # no map, or an object without area or out of the picture
                own["problem"] = _line(str(error))
            writer.writerow(row | own)
    return text.getvalue()


def _line(text: str) -> str:
    return " ".join(text.splitlines())


def explain_each(network: Network, pictures: list[Image.Image]) -> list[Explanation | ValueError]:
    """Return the explanation of each picture, or why there is none.

    In one pass; where that fails, one by one, so that only the picture at fault goes without.
    """
    if not pictures:
        return []
    try:
        inputs = [network.prepare_opened(picture) for picture in pictures]
        if len({tensor.shape for tensor in inputs}) > 1:
            raise ValueError("These inputs are of several sizes, which fit into no batch.")
        sizes = [picture.size for picture in pictures]
        return [*explain_batch(network, torch.cat(inputs), pictures, sizes)]
    except ValueError as error:  # a map is none, such as one that does not give the score
        if len(pictures) == 1:
            return [error]
        return [found for picture in pictures for found in explain_each(network, [picture])]


def measures_of(
    explanation: Explanation, class_index: int, entries: Sequence[Entry], notes: list[str]
) -> dict[str, Any]:
    """Return the measures of one map, without the pixels of crowds."""
    assert explanation.whole_size is not None
    prediction, objects = explanation.prediction, objects_in(entries, explanation.whole_size)
    cam = explanation.whole_cam(class_index).cpu().double().numpy()
    cam[objects.ignored] = np.nan
    pixels = PixelPrecision()
    pixels.add(cam, objects.mask, objects.ignored)
    inside, outside = (
        np.add.reduceat(counts, range(0, len(counts), PIXEL_STEP))
        for counts in (pixels.inside, pixels.outside)
    )
    overlaps = box_overlaps(cam, *objects.boxes)
    tolerance = TOLERANCE * min(cam.shape)
    return {
        "score": f"{prediction.scores[class_index].item():.9g}",
        "probability": f"{prediction.probabilities[class_index].item():.9g}",
        "rank": prediction.ranks[class_index],
        "pointing_game": int(pointing_game(cam, objects.mask, tolerance)),
        "share_inside": f"{share_inside(cam, objects.mask):.9g}",
        "overlaps": " ".join(f"{overlap:.9g}" for overlap in overlaps),
        "inside": " ".join(map(str, inside)),
        "outside": " ".join(map(str, outside)),
        "note": "; ".join(map(_line, notes + objects.notes)),
    }

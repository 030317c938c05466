"""What the shipped pictures truly show: their boxes, from COCO annotations."""

import json
from functools import lru_cache

from cam_helpers.folders import DATA_FOLDER

Boxes = dict[str, tuple[float, float, float, float]]


@lru_cache(maxsize=1)
def _all_boxes() -> dict[str, Boxes]:
    """Return picture name -> category -> box."""
    path = DATA_FOLDER / "pictures" / "annotations.json"
    coco = json.loads(path.read_text(encoding="utf-8"))
    categories = {category["id"]: category["name"] for category in coco["categories"]}
    names = {image["id"]: image["file_name"].removesuffix(".png") for image in coco["images"]}
    boxes: dict[str, Boxes] = {name: {} for name in names.values()}
    for annotation in coco["annotations"]:
        x, y, width, height = annotation["bbox"]
        category = categories[annotation["category_id"]]
        boxes[names[annotation["image_id"]]][category] = (x, y, x + width, y + height)
    return boxes


def shipped_boxes(picture: object) -> Boxes:
    """Return the box (x0, y0, x1, y1) of every object in a shipped picture, by category.

    `picture` is its name. Any other picture has no annotations: the answer is empty.
    """
    return dict(_all_boxes().get(picture, {})) if isinstance(picture, str) else {}

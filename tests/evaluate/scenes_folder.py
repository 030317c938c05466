"""What the tests of `evaluate` share: a folder of some shipped pictures, and what a table holds."""

import csv
import json
import shutil

import numpy as np

from cam_helpers.folders import DATA_FOLDER

SHIPPED = DATA_FOLDER / "pictures"
NAMES = ("cat", "cat_and_dog", "bird", "car_and_house", "cut_boat", "hidden_dog")
MEASURED = ("score", "pointing_game", "share_inside", "overlaps", "inside", "outside")


def write_folder(folder, names=NAMES, change=lambda coco: None):
    """Some of the shipped pictures with their annotations; `change` may alter these."""
    folder.mkdir()
    coco = json.loads((SHIPPED / "annotations.json").read_text(encoding="utf-8"))
    coco["images"] = [i for i in coco["images"] if i["file_name"].removesuffix(".png") in names]
    kept = {entry["id"] for entry in coco["images"]}
    coco["annotations"] = [a for a in coco["annotations"] if a["image_id"] in kept]
    change(coco)
    (folder / "annotations.json").write_text(json.dumps(coco), encoding="utf-8")
    for name in names:
        shutil.copy(SHIPPED / f"{name}.png", folder)
    return folder


def rows_in(table):
    with table.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def numbers(row, column):
    return np.array(row[column].split(), dtype=float)

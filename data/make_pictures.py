"""Write the shipped scenes: data/pictures/NAME.png and their truth, annotations.json.

    python data/make_pictures.py                            writes all of them
    python data/make_pictures.py --only cat --out tmp       writes tmp/cat.png only
    python data/make_pictures.py --fresh 1000 --out scenes  writes other scenes, 000000.png and on

The annotations follow the COCO format, so that `pycocotools.coco.COCO` reads them.
"""

import argparse
import json
import os
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cam_helpers.drawn.scenes import Scene, draw_scene
from cam_helpers.networks.tiny_resnet import CATEGORIES

SIZE = 224
PICTURES = Path(__file__).resolve().parent / "pictures"
FIRST_FRESH_SEED = 960_000_000  # neither training nor measuring draws these

# What makes a picture: its seed and its classes.
Recipe = tuple[int, tuple[str, ...]]

# Name -> the seed and the classes that make the picture. The seeds were chosen by looking.
SHIPPED: dict[str, Recipe] = {
    # each class alone, whole and fairly large
    "cat": (25, ("cat",)),
    "dog": (75, ("dog",)),
    "bird": (95, ("bird",)),
    "fish": (121, ("fish",)),
    "butterfly": (188, ("butterfly",)),
    "flower": (204, ("flower",)),
    "tree": (284, ("tree",)),
    "house": (287, ("house",)),
    "car": (335, ("car",)),
    "boat": (397, ("boat",)),
    "umbrella": (414, ("umbrella",)),
    "cup": (457, ("cup",)),
    # two objects; the second picture is the first one with the sides swapped
    "cat_and_dog": (5498, ("cat", "dog")),
    "dog_and_cat": (5498, ("dog", "cat")),
    "bird_and_tree": (545, ("bird", "tree")),
    "car_and_house": (861, ("car", "house")),
    "fish_and_boat": (1177, ("fish", "boat")),
    "cup_and_flower": (1450, ("cup", "flower")),
    "umbrella_and_dog": (1749, ("umbrella", "dog")),
    "butterfly_and_flower": (2012, ("butterfly", "flower")),
    "cat_and_fish": (2324, ("cat", "fish")),
    # one object in a corner
    "cat_top_left": (5340, ("cat",)),
    "dog_top_right": (5386, ("dog",)),
    "cup_bottom_left": (4347, ("cup",)),
    "car_bottom_right": (3696, ("car",)),
    # hard ones: nothing there, partly hidden, cut by the border
    "empty": (6, ()),
    "hidden_cat": (4242, ("cat",)),
    "hidden_dog": (4249, ("dog",)),
    "cut_dog": (4759, ("dog",)),
    "cut_boat": (4723, ("boat",)),
}


def run_lengths(mask: NDArray[np.bool_]) -> list[int]:
    """Encode a (rows, columns) mask as COCO does: lengths of runs down the columns, False first."""
    flat = mask.ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    lengths = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    return [0, *lengths] if flat[0] else lengths


def fresh(count: int) -> dict[str, Recipe]:
    """Return recipes for scenes that are not shipped: one object and two in turn."""
    singles, pairs = [(name,) for name in CATEGORIES], list(combinations(CATEGORIES, 2))
    recipes: dict[str, Recipe] = {}
    for number in range(count):
        kinds = pairs if number % 2 else singles
        recipes[f"{number:06}"] = (FIRST_FRESH_SEED + number, kinds[number // 2 % len(kinds)])
    return recipes


def image_entry(image_id: int, name: str, recipe: Recipe) -> dict[str, Any]:
    """Describe one picture, with the seed and classes that make it again."""
    seed, classes = recipe
    return {
        "id": image_id,
        "file_name": f"{name}.png",
        "width": SIZE,
        "height": SIZE,
        "license": 1,
        "seed": seed,
        "classes": list(classes),
    }


def object_entries(image_id: int, scene: Scene, first_id: int) -> list[dict[str, Any]]:
    """Describe each object of a scene; ids count up from `first_id`."""
    entries = []
    for number, category in enumerate(scene.categories):
        x0, y0, x1, y1 = scene.boxes[category]
        mask = scene.masks[category]
        entries.append(
            {
                "id": first_id + number,
                "image_id": image_id,
                "category_id": CATEGORIES.index(category),
                "bbox": [x0, y0, x1 - x0, y1 - y0],
                "area": int(mask.sum()),
                # COCO's own files keep run lengths for crowds (iscrowd 1) and polygons for single
                # objects. Each of ours is a single object, so iscrowd is 0: with 1, COCO's scores
                # would leave it out. Its mask is still in run lengths, which lose no pixel where
                # something cuts it in two. They are the plain, uncompressed kind (a list), which
                # needs no library to write; pycocotools reads it whatever iscrowd says.
                "iscrowd": 0,
                "segmentation": {"size": [SIZE, SIZE], "counts": run_lengths(mask)},
            }
        )
    return entries


def annotations(images: list[dict[str, Any]], objects: list[dict[str, Any]]) -> dict[str, Any]:
    """Put the truth of all scenes in COCO's layout. Category ids are places in CATEGORIES."""
    return {
        "info": {
            "description": "Picture-book scenes for Class Activation Maps, step by step",
            "version": "1.0",
            "made_by": "data/make_pictures.py",
        },
        "licenses": [
            {
                "id": 1,
                "name": "Creative Commons Attribution 4.0 International",
                "url": "https://creativecommons.org/licenses/by/4.0/",
            }
        ],
        "images": images,
        "annotations": objects,
        "categories": [
            {"id": number, "name": name, "supercategory": "thing"}
            for number, name in enumerate(CATEGORIES)
        ],
    }


def as_json(content: dict[str, Any]) -> str:
    """Write JSON with one line per image, object and category, so that changes can be read."""
    blocks = []
    for key, value in content.items():
        if isinstance(value, list):
            lines = ",\n".join("    " + json.dumps(entry) for entry in value)
            blocks.append(f"  {json.dumps(key)}: [\n{lines}\n  ]")
        else:
            blocks.append(f"  {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then rename it: `path` is never half written."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        write(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def save_picture(scene: Scene, path: Path, optimize: bool) -> None:
    """Write one scene's picture as PNG; a file as small as can be takes four times as long."""

    def save(draft: Path) -> None:
        scene.picture.save(draft, format="PNG", optimize=optimize)

    write_whole(path, save)


def main() -> None:
    """Read the command line and write what it asks for."""
    parser = argparse.ArgumentParser(description="Write the shipped scenes and their annotations.")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--only", metavar="NAME", choices=SHIPPED, help="write this picture alone")
    which.add_argument("--fresh", metavar="N", type=int, help="write N other scenes; needs --out")
    parser.add_argument("--out", metavar="FOLDER", type=Path, default=PICTURES, help="where to")
    options = parser.parse_args()
    if options.fresh and options.out == PICTURES:
        parser.error("--fresh needs --out: the shipped pictures stay alone")

    options.out.mkdir(parents=True, exist_ok=True)
    recipes = fresh(options.fresh) if options.fresh else SHIPPED
    names = [options.only] if options.only else list(recipes)
    images: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    # Ids of images and objects start at 1: pycocotools takes an object id of 0 for "no match".
    for image_id, name in enumerate(names, start=1):
        scene = draw_scene(*recipes[name], SIZE)
        save_picture(scene, options.out / f"{name}.png", optimize=not options.fresh)
        images.append(image_entry(image_id, name, recipes[name]))
        objects += object_entries(image_id, scene, len(objects) + 1)
    if not options.only:
        text = as_json(annotations(images, objects))
        write_whole(
            options.out / "annotations.json",
            lambda draft: draft.write_text(text, encoding="utf-8", newline="\n"),
        )
    print(f"wrote {len(names)} picture(s) to {options.out}")


if __name__ == "__main__":
    main()

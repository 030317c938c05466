"""Scenes: one seed gives one scene, its truth is exact, and only the object tells its class."""

import json
import runpy
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from helpers import pixels
from PIL import Image
from pycocotools import mask as coco_masks
from pycocotools.coco import COCO

from cam_helpers.drawn import scenes
from cam_helpers.drawn.drawings.backgrounds import draw_background
from cam_helpers.drawn.drawings.shapes import Shape, rectangle
from cam_helpers.drawn.scenes import Scene, box_around, draw_scene
from cam_helpers.networks.tiny_resnet import CATEGORIES

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "data" / "pictures"
ANNOTATIONS = PICTURES / "annotations.json"
PAIRS = [(CATEGORIES[i], CATEGORIES[(i + 5) % 12]) for i in range(12)]


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two masks."""
    return float((one & other).sum() / (one | other).sum())


@lru_cache(maxsize=1)
def shipped_entries() -> list[dict]:
    return json.loads(ANNOTATIONS.read_text(encoding="utf-8"))["images"]


@lru_cache(maxsize=64)
def remade(name: str) -> Scene:
    entry = next(entry for entry in shipped_entries() if entry["file_name"] == f"{name}.png")
    return draw_scene(entry["seed"], tuple(entry["classes"]), entry["width"])


@pytest.mark.parametrize("classes", [(), ("cat",), ("dog", "cat")])
def test_same_seed_same_bytes_and_another_seed_another_picture(classes):
    one, again, other = (draw_scene(seed, classes) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one.picture, again.picture)
    assert one.boxes == again.boxes
    for name in classes:
        np.testing.assert_array_equal(one.masks[name], again.masks[name])
    assert (pixels(one.picture) != pixels(other.picture)).any(axis=2).mean() > 0.3


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("seed", [1, 20, 300])
def test_masks_and_boxes_agree(seed, pair):
    scene = draw_scene(seed, pair)
    assert scene.picture.mode == "RGB"
    assert scene.picture.size == (224, 224)
    assert scene.categories == pair
    assert tuple(scene.masks) == tuple(scene.boxes) == pair
    for name in pair:
        mask, (x0, y0, x1, y1) = scene.masks[name], scene.boxes[name]
        assert mask.shape == (224, 224)
        assert mask.dtype == np.bool_
        assert all(type(side) is int for side in scene.boxes[name])
        inside = mask[y0:y1, x0:x1]
        assert inside.sum() == mask.sum() > 0  # nothing outside: x1 and y1 are far enough
        for border in (inside[0], inside[-1], inside[:, 0], inside[:, -1]):
            assert border.any()  # and not one pixel too far
    assert not (scene.masks[pair[0]] & scene.masks[pair[1]]).any()


def scene_parts(seed, names):
    """The plan of a scene: background, objects, order of depth, thing in front."""
    background = draw_background(np.random.default_rng([seed, 0]))
    placed, front_first = scenes._place_objects(seed, names, background)
    foreground = scenes._place_foreground(seed, placed, front_first, background)
    return background, placed, front_first, foreground


@pytest.mark.parametrize("name", CATEGORIES)
def test_the_mask_is_where_the_object_changes_the_picture(name):
    """Compared with its background alone, the picture differs in the mask and nowhere else."""
    tried = 0
    for seed in range(60, 72):
        background, _, _, foreground = scene_parts(seed, (name,))
        if foreground:  # it stands elsewhere in the empty scene, or not at all
            continue
        tried += 1
        scene = draw_scene(seed, (name,))
        alone = scenes._render_background(background, 224)
        changed = (np.abs(pixels(scene.picture) - pixels(alone)) > 3).any(axis=2)
        mask = scene.masks[name]
        assert changed[mask].mean() > 0.85
        near = np.zeros_like(mask)
        for down in range(-3, 4):  # thin tips fade out beyond the mask
            for right in range(-3, 4):
                near |= np.roll(mask, (down, right), axis=(0, 1))
        assert not changed[~near].any()
    assert tried >= 4


def test_a_pixel_belongs_to_what_covers_at_least_half_of_it():
    for left, right, box in [(10.8, 20.2, (11, 5, 20, 9)), (10.4, 20.6, (10, 5, 21, 9))]:
        shape = Shape((rectangle(left / 50, 5 / 50, right / 50, 9 / 50),), fill=(255, 0, 0))
        mask = scenes._stamp(Image.new("RGB", (50, 50)), [shape], 0.0)
        assert box_around(mask) == box


def test_only_visible_pixels_are_in_the_mask():
    """Where something stands in front, the mask stops; yet 70 % of an object stays in sight."""
    hidden, shares = 0, []
    for seed in range(144):
        names = PAIRS[seed % 12]
        scene = draw_scene(seed, names)
        _, placed, front_first, foreground = scene_parts(seed, names)
        sheet = Image.new("RGB", (224, 224))
        taken = np.zeros((224, 224), dtype=bool)
        if foreground:
            taken |= scenes._stamp(sheet, foreground, 0.005)
        for index in front_first:
            thing = placed[index]
            edge = thing.side * scenes.EDGE_SHARE
            whole = scenes._stamp(sheet, thing.drawing, edge)
            np.testing.assert_array_equal(scene.masks[names[index]], whole & ~taken)
            hidden += bool((whole & taken).any())
            taken |= whole
            # On a sheet twice as wide, an object cut by the border is whole again.
            x0, y0, x1, y1 = thing.box
            centred = scenes.moved(thing.drawing, (0.5 - (x0 + x1) / 2, 0.5 - (y0 + y1) / 2))
            full = scenes._stamp(sheet, centred, edge)
            shares.append(scene.masks[names[index]].sum() / full.sum())
    assert hidden >= 12
    assert min(shares) >= 0.7
    assert np.mean(np.array(shares) > 0.99) > 0.4
    assert np.mean(np.array(shares) < 0.9) > 0.08


@pytest.mark.parametrize(
    ("seed", "classes", "size", "words"),
    [
        (0, ("cat", "cat"), 224, "once"),
        (0, ("cat", "dog", "car"), 224, "at most 2"),
        (0, ("cat",), 31, "at least 32"),
        (-1, ("cat",), 224, "start at 0"),
        (0, ("cat", "buterfly"), 224, "'buterfly'.*'butterfly'.*flower"),
    ],
)
def test_wrong_requests_are_refused(seed, classes, size, words):
    with pytest.raises(ValueError, match=words):
        draw_scene(seed, classes, size)


@pytest.mark.parametrize("size", [32, 97, 448])
def test_another_size_shows_the_same_scene(size):
    for seed in range(12):
        small, usual = draw_scene(seed, PAIRS[seed], size), draw_scene(seed, PAIRS[seed])
        for name in PAIRS[seed]:
            grey = Image.fromarray(small.masks[name].astype(np.uint8) * 255)
            stretched = np.asarray(grey.resize((224, 224), Image.Resampling.BILINEAR)) > 127
            assert overlap(stretched, usual.masks[name]) > (0.7 if size == 32 else 0.88)
        one, other = (s.picture.resize((28, 28), Image.Resampling.BOX) for s in (small, usual))
        assert np.abs(pixels(one) - pixels(other)).mean() < 8


def test_an_object_takes_the_same_colours_whatever_its_class():
    """The mean colour of a class, over many seeds, tells it hardly from the other classes."""
    seeds = range(24)
    means = np.array(
        [
            [pixels(scene.picture)[scene.masks[name]].mean(axis=0) for scene in drawn]
            for name in CATEGORIES
            for drawn in [[draw_scene(seed, (name,), 64) for seed in seeds]]
        ]
    )  # (classes, seeds, red green blue)
    between = means.mean(axis=1).std(axis=0)
    within = means.std(axis=1).mean(axis=0)
    assert (between < 0.6 * within).all()
    assert (means.std(axis=1) > 0.6 * within).all()  # no class keeps to a few colours
    # Guessing the class of each object from the class whose mean colour is nearest must fail.
    centres = means.mean(axis=1)
    distances = np.linalg.norm(means[:, :, None, :] - centres, axis=3)
    right = distances.argmin(axis=2) == np.arange(len(CATEGORIES))[:, None]
    assert right.mean() < 0.3


def test_the_shipped_pictures_hold_what_is_promised():
    classes = {Path(e["file_name"]).stem: tuple(e["classes"]) for e in shipped_entries()}
    for name in CATEGORIES:
        assert classes[name] == (name,)
    assert sum(len(names) == 2 for names in classes.values()) >= 6
    assert classes["cat_and_dog"] == ("cat", "dog")
    assert classes["dog_and_cat"] == ("dog", "cat")
    assert classes["empty"] == ()
    files = list(PICTURES.glob("*.png"))
    assert {path.stem for path in files} == set(classes)
    assert max(path.stat().st_size for path in files) < 70_000


def test_the_script_draws_a_folder_of_other_scenes_with_their_truth(tmp_path, monkeypatch, capsys):
    script = ROOT / "data" / "make_pictures.py"
    monkeypatch.setattr(sys, "argv", [str(script), "--fresh", "4", "--out", str(tmp_path)])
    runpy.run_path(str(script), run_name="__main__")
    content = json.loads((tmp_path / "annotations.json").read_text(encoding="utf-8"))
    assert [len(entry["classes"]) for entry in content["images"]] == [1, 2, 1, 2]
    capsys.readouterr()
    coco = COCO(str(tmp_path / "annotations.json"))
    for image in coco.dataset["images"]:
        scene = scenes.draw_scene(image["seed"], image["classes"])
        with Image.open(tmp_path / image["file_name"]) as picture:
            assert (pixels(picture) == pixels(scene.picture)).all()
        for annotation in coco.imgToAnns[image["id"]]:
            category = CATEGORIES[annotation["category_id"]]
            assert (coco.annToMask(annotation) == scene.masks[category]).all()
    shipped = {entry["seed"] for entry in shipped_entries()}
    assert not shipped & {image["seed"] for image in content["images"]}


def test_pycocotools_reads_the_truth_of_every_scene():
    coco = COCO(str(ANNOTATIONS))
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == list(CATEGORIES)
    objects = 0
    for image in coco.loadImgs(coco.getImgIds()):
        scene = remade(Path(image["file_name"]).stem)
        with Image.open(PICTURES / image["file_name"]) as picture:
            shipped = pixels(picture.convert("RGB"))
        # Another Pillow may round a few edges differently, so a few pixels may differ.
        assert (shipped != pixels(scene.picture)).any(axis=2).mean() < 0.005
        annotations = coco.loadAnns(coco.getAnnIds(imgIds=[image["id"]]))
        assert [CATEGORIES[a["category_id"]] for a in annotations] == list(scene.categories)
        for annotation in annotations:
            category = CATEGORIES[annotation["category_id"]]
            mask = coco.annToMask(annotation).astype(bool)
            assert (mask != scene.masks[category]).mean() < 0.005
            x0, y0, x1, y1 = scene.boxes[category]
            assert np.abs(np.array(annotation["bbox"]) - [x0, y0, x1 - x0, y1 - y0]).max() <= 1
            assert annotation["area"] == mask.sum() == coco_masks.area(coco.annToRLE(annotation))
            assert list(box_around(mask)) == [
                *annotation["bbox"][:2],
                annotation["bbox"][0] + annotation["bbox"][2],
                annotation["bbox"][1] + annotation["bbox"][3],
            ]
            assert annotation["iscrowd"] == 0
            objects += 1
    assert objects == sum(len(entry["classes"]) for entry in shipped_entries()) >= 30

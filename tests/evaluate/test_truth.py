"""What stands in the rows, and what is made of annotations that are amiss."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.mask import encode
from scenes_folder import MEASURED, NAMES, numbers, rows_in, write_folder

import cam_helpers as ch
from cam_helpers import localization
from cam_helpers.evaluate import __main__ as command
from cam_helpers.evaluate import truth
from cam_helpers.evaluate.summary import summary


def test_each_row_holds_what_the_functions_of_the_notebooks_say(folder, finished, network):
    rows = rows_in(finished)
    coco = COCO(str(folder / "annotations.json"))
    assert len(rows) == len(coco.anns)
    boxes, pixels = localization.BoxAccuracy(), localization.PixelPrecision()
    for row in rows:
        [annotation] = [
            entry
            for entry in coco.imgToAnns[int(row["image_id"])]
            if coco.cats[entry["category_id"]]["name"] == row["category"]
        ]
        explanation = ch.explain(network, folder / row["image"])
        cam, mask = explanation.whole_cam(row["category"]), coco.annToMask(annotation)
        x, y, width, height = annotation["bbox"]
        box = (x, y, x + width, y + height)
        index = network.class_index(row["category"])
        assert float(row["score"]) == pytest.approx(explanation.score(index), rel=1e-6)
        probability = explanation.prediction.probabilities[index].item()
        assert float(row["probability"]) == pytest.approx(probability, rel=1e-6)
        assert int(row["rank"]) == explanation.prediction.ranks[index]
        assert int(row["pointing_game"]) == localization.pointing_game(cam, mask)
        assert float(row["share_inside"]) == pytest.approx(localization.share_inside(cam, mask))
        assert numbers(row, "inside").sum() == mask.sum()
        assert (numbers(row, "inside") + numbers(row, "outside")).sum() == mask.size
        at_a_half = localization.map_box(cam, 0.5)
        overlap = numbers(row, "overlaps")[localization.BOX_THRESHOLDS.index(0.5)]
        assert overlap == pytest.approx(localization.iou(at_a_half, box))
        boxes.add(cam, box)
        pixels.add(cam, mask)
    said = said_by(finished)
    assert said["pointing game"] == pytest.approx(np.mean([int(r["pointing_game"]) for r in rows]))
    assert said["share inside"] == pytest.approx(
        np.mean([float(r["share_inside"]) for r in rows]), abs=6e-4
    )
    assert said["MaxBoxAccV2"] == pytest.approx(boxes.best(), abs=6e-4)
    assert said["PxAP"] == pytest.approx(pixels.average(), abs=0.01)  # in a hundred steps, not 1000


def said_by(table):
    """The values of the summary by name, as its text has them."""
    lines = str(summary(table)).splitlines()[1:5]
    return {line[:14].strip(): float(line[14:].split()[0]) for line in lines}


def test_what_is_told_of_a_wrong_place_is_worse(finished, tmp_path):
    """The scores stay, the places go to the other side: only the measures of place notice."""

    def mirror(coco):
        for entry in coco["annotations"]:
            x, y, width, height = entry["bbox"]
            entry["bbox"] = [224 - x - width, 224 - y - height, width, height]
            del entry["segmentation"]  # the box is the mask then

    names = ("cat_top_left", "dog_top_right", "cup_bottom_left", "car_bottom_right")
    right, wrong = tmp_path / "right.csv", tmp_path / "wrong.csv"
    for table, change in ((right, lambda coco: None), (wrong, mirror)):
        folder = write_folder(tmp_path / table.stem, names, change)
        assert command.main([str(folder), "--out", str(table)]) == 0
    for column in ("score", "probability", "rank"):
        assert [r[column] for r in rows_in(right)] == [r[column] for r in rows_in(wrong)]
    before, after = said_by(right), said_by(wrong)
    assert before["pointing game"] == 1 and after["pointing game"] == 0
    for name in ("share inside", "MaxBoxAccV2", "PxAP"):
        assert after[name] < before[name] / 4, name


def test_the_summary_can_be_made_again_from_the_table_alone(finished, tmp_path, capsys):
    alone = tmp_path / "alone.csv"
    shutil.copy(finished, alone)
    assert command.main([str(alone)]) == 0
    assert capsys.readouterr().out.splitlines()[1:] == str(summary(finished)).splitlines()[1:]


def measured(tmp_path, capsys, change, names=("cat", "bird"), code=1):
    """The rows of a folder whose annotations were changed, and what was said."""
    folder, table = write_folder(tmp_path / "scenes", names, change), tmp_path / "r.csv"
    assert command.main([str(folder), "--out", str(table)]) == code
    out, err = capsys.readouterr()
    return rows_in(table) if table.exists() else [], out + err


@pytest.mark.parametrize("box", [[-60, 20, 50, 50], [20, -60, 50, 50], [230, 20, 50, 50]])
def test_a_box_outside_the_picture_is_nowhere_in_it(tmp_path, capsys, box):
    def move(coco):
        [entry] = coco["annotations"]
        entry["bbox"] = box
        del entry["segmentation"]

    [row], said = measured(tmp_path, capsys, move, NAMES[:1])
    assert row["problem"].startswith("The mask is empty")
    assert f"cat.png, cat: {row['problem']}" in said


PIXELS = 224 * 224


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_run_lengths_are_those_of_the_mask(share):
    mask = np.asfortranarray(np.random.default_rng(1).random((60, 90)) < share, dtype=np.uint8)
    column_by_column = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(column_by_column, prepend=0))
    expected = np.diff(changes, prepend=0, append=mask.size).tolist()
    assert truth.run_lengths(encode(mask)["counts"].decode()) == expected


@pytest.mark.parametrize(
    ("counts", "problem"),
    [
        ([20_000, 1_000, PIXELS - 21_000], ""),
        ([20_000, 1_000], "its runs do not fill the picture"),
        ([20_000, 1_000, PIXELS - 20_999], "is damaged"),
        ("cut", "its runs do not fill the picture"),
        ("narrow", "its size is [224, 100], the picture's [224, 224]"),
    ],
)
def test_a_mask_whose_runs_do_not_fill_the_picture_is_damaged(tmp_path, capsys, counts, problem):
    def change(coco):
        [entry] = coco["annotations"]
        runs = {"size": [224, 224], "counts": counts}
        if isinstance(counts, str):
            mask = np.zeros((224, 100 if counts == "narrow" else 224), np.uint8, order="F")
            mask[50:150, 20:90] = 1
            runs = encode(mask)
            runs["counts"] = runs["counts"].decode()
            if counts == "cut":
                runs["counts"] = runs["counts"][:10]
        entry["segmentation"] = runs
        del entry["bbox"]  # then it is the mask's

    [row], _ = measured(tmp_path, capsys, change, NAMES[:1], int(problem != ""))
    assert problem in row["problem"]
    assert problem or (not row["problem"] and numbers(row, "inside").sum() == 1_000)


def rename(**names):
    """Other names for categories of the network."""

    def change(coco):
        for category in coco["categories"]:
            category["name"] = names.get(category["name"], category["name"])

    return change


def crowds(*numbers):
    def change(coco):
        for number in numbers:
            coco["annotations"][number]["iscrowd"] = 1

    return change


def one_more(**changes):
    """One more entry of the first category in the first picture, but for these changes."""

    def change(coco):
        image, category = coco["images"][0]["id"], coco["annotations"][0]["category_id"]
        own = {"id": 77, "image_id": image, "category_id": category, "bbox": [9, 9, 50, 50]}
        coco["annotations"].append(own | changes)

    return change


def unknown(coco):
    """It may be as it likes."""
    coco["categories"].append({"id": 99, "name": "lion"})
    coco["annotations"].append({"id": 5, "image_id": 1, "category_id": 99})


BOTH = ["bird", "cat"]
CHANGED = {  # what is changed, the rows that are left, the exit status, and what is said
    "a category": (rename(cat="lion"), ["bird"], 0, "left out: lion\n"),
    "near names": (
        rename(cat="catt", bird="birds"),
        [],
        2,
        "'cat'?), birds (Did you mean 'bird'?)",
    ),
    "a lion": (unknown, BOTH, 0, "lion"),
    "no area": (
        one_more(bbox=[100, 100, 0, 40]),
        BOTH,
        1,
        "1 x annotations whose box has no area: 77",
    ),
    "no image": (one_more(image_id=999), BOTH, 1, "image_id leads to no image: 77"),
    "no category": (one_more(category_id=999), BOTH, 1, "category_id leads to no category: 77"),
    "no id": (one_more(image_id=None), BOTH, 1, "without image_id or category_id"),
    "neither": (one_more(bbox=None), BOTH, 1, "neither box nor mask"),
    "NaN": (one_more(bbox=[1, 2, 3, float("nan")]), BOTH, 1, "not four numbers"),
    "shares": (one_more(bbox=[0.1, 0.2, 0.5, 0.5]), BOTH, 1, "numbers from 0 to 1"),
    "two corners": (one_more(segmentation=[[1, 2, 3, 4]]), BOTH, 1, "at least three corners"),
    "a crowd": (crowds(-1), ["cat"], 0, "1 x crowds (iscrowd)"),
    "all crowds": (crowds(0, 1), [], 2, "set iscrowd to 0"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_what_is_left_out_is_named(tmp_path, capsys, what):
    change, categories, code, words = CHANGED[what]
    rows, said = measured(tmp_path, capsys, change, code=code)
    assert sorted(row["category"] for row in rows) == categories
    assert not any(row["problem"] for row in rows)
    assert words in said


def test_a_camera_trap_file_is_read(tmp_path, capsys):
    """Texts as ids, no sizes, other capitals, a byte order mark, backslashes, masks without box."""

    def rewrite(coco):
        for image in coco["images"]:
            del image["width"], image["height"]
            image["id"] = f"trap/{image['id']}"
            image["file_name"] = ".\\" + image["file_name"]
        for entry in coco["annotations"]:
            entry["image_id"] = f"trap/{entry['image_id']}"
            entry["category_id"] = str(entry["category_id"])
            del entry["bbox"]
        for category in coco["categories"]:
            category["name"] = category["name"].upper()

    usual, _ = measured(tmp_path, capsys, lambda coco: None, code=0)
    (tmp_path / "traps").mkdir()
    folder = write_folder(tmp_path / "traps" / "scenes", ("cat", "bird"), rewrite)
    file = folder / "annotations.json"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    table = tmp_path / "traps.csv"
    assert command.main([str(folder), "--out", str(table)]) == 0
    assert "though capitals differ: CAT" in capsys.readouterr().out
    for row, other in zip(usual, rows_in(table), strict=True):
        assert [row[name] for name in MEASURED] == [other[name] for name in MEASURED]


def turned(path, orientation):
    """Store a picture turned, so that its EXIF data turns it upright again."""
    back = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}
    exif = Image.Exif()
    exif[274] = orientation
    with Image.open(path) as picture:
        stored = picture.transpose(back[orientation])
    stored.save(path, exif=exif)


def test_what_opening_a_picture_warns_of_is_doubtful_in_its_row(tmp_path, capsys, recwarn):
    folder = write_folder(tmp_path / "scenes", ("cat", "bird"))
    for name in ("cat.png", "bird.png"):
        grey = np.array(ch.open_picture(folder / name).convert("L"), dtype=np.uint16)
        Image.fromarray(grey * 16).save(folder / name)
    assert command.main([str(folder), "--out", str(tmp_path / "r.csv")]) == 1
    assert "doubtful in 2 rows, Read as 12 bits: 0 is black" in capsys.readouterr().out
    assert not [each for each in recwarn if "12 bits" in str(each.message)]  # it would tear the bar


@pytest.mark.parametrize("orientation", [3, 6])
def test_boxes_of_a_turned_photograph_count_upright_and_it_is_said(tmp_path, capsys, orientation):
    folder = write_folder(tmp_path / "scenes", ("cat", "bird"))
    turned(folder / "cat.png", orientation)
    table = tmp_path / "r.csv"
    assert command.main([str(folder), "--out", str(table)]) == 1
    [row] = [row for row in rows_in(table) if row["image"] == "cat.png"]
    assert row["pointing_game"] == "1" and "turned by its EXIF data" in row["note"]
    assert "doubtful in 1 rows, turned by its EXIF" in capsys.readouterr().out


def test_a_size_as_stored_tells_that_the_boxes_are_in_the_wrong_frame(tmp_path, capsys):
    def narrow(coco):
        coco["images"][0] |= {"width": 224, "height": 100}

    folder = write_folder(tmp_path / "scenes", ("cat", "bird"), narrow)
    name = json.loads((folder / "annotations.json").read_text())["images"][0]["file_name"]
    with Image.open(folder / name) as picture:
        picture.crop((0, 0, 100, 224)).save(folder / name)
    turned(folder / name, 6)
    table = tmp_path / "r.csv"
    assert command.main([str(folder), "--out", str(table)]) == 1
    [row] = [row for row in rows_in(table) if row["image"] == name]
    assert "turn them, or save the picture upright" in row["problem"]


def test_boxes_beyond_the_picture_or_far_from_their_mask_are_doubtful(tmp_path, capsys):
    def change(coco):
        coco["annotations"][0]["bbox"] = [2, 2, 20, 20]
        coco["annotations"][1]["bbox"][2] += 224

    rows, said = measured(tmp_path, capsys, change)
    assert {row["note"] for row in rows} >= {truth.DISAGREE}
    assert any(truth.BEYOND in row["note"] for row in rows)
    assert f"doubtful in 1 rows, {truth.BEYOND}" in said


def test_the_pixels_of_a_crowd_count_on_neither_side(tmp_path, capsys):
    """Half of the object counts; the rest is a crowd, and what lies there costs nothing."""

    def halve(with_crowd):
        def change(coco):
            entry = coco["annotations"][0]
            x, y, width, height = entry["bbox"]
            del entry["segmentation"]
            entry["bbox"] = [x, y, width / 2, height]
            if with_crowd:
                crowd = entry | {"id": 9, "iscrowd": 1, "bbox": [x, y, width, height]}
                coco["annotations"].append(crowd)

        return change

    shares = []
    for with_crowd in (False, True):
        (tmp_path / str(with_crowd)).mkdir()
        rows, _ = measured(tmp_path / str(with_crowd), capsys, halve(with_crowd), ("cat",), 0)
        shares.append(float(rows[0]["share_inside"]))
        counted = sum(numbers(rows[0], "inside") + numbers(rows[0], "outside"))
        assert (counted < PIXELS) == with_crowd
    assert shares[1] > 1.5 * shares[0]

"""A folder is measured whole: rows, the summary, stops and going on, several processes."""

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from pycocotools.coco import COCO
from pycocotools.mask import encode

import cam_helpers as ch
from cam_helpers import localization
from cam_helpers.evaluate import __main__ as command
from cam_helpers.evaluate import measure
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


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("evaluate") / "scenes")


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    """The table of the folder, made in one go."""
    table = tmp_path_factory.mktemp("finished") / "results.csv"
    assert command.main([str(folder), "--out", str(table)]) == 0
    return table


def rows_in(table):
    with table.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def numbers(row, column):
    return np.array(row[column].split(), dtype=float)


def begin_again(finished, folder):
    """A place for a table that was begun with the same as the finished one, and nothing in it."""
    folder.mkdir(exist_ok=True)
    shutil.copy(finished.with_name("results.csv.made-of"), folder)
    return folder / "results.csv"


# ---- What stands in the table -----------------------------------------------------------------


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
    """The values of the summary by name."""
    text, _ = command.summary(table)
    return {line[:14].strip(): float(line[14:].split()[0]) for line in text.splitlines()[1:5]}


def test_what_is_told_of_a_wrong_place_is_worse(finished, tmp_path):
    """The scores stay, the places go to the other side: only the measures of place notice."""

    def mirror(coco):
        for entry in coco["annotations"]:
            x, y, width, height = entry["bbox"]
            entry["bbox"] = [224 - x - width, 224 - y - height, width, height]
            del entry["segmentation"]  # the box is the mask then

    names = ("cat_top_left", "dog_top_right", "cup_bottom_left", "car_bottom_right")
    right = tmp_path / "right.csv"
    wrong = tmp_path / "wrong.csv"
    assert command.main([str(write_folder(tmp_path / "1", names)), "--out", str(right)]) == 0
    assert (
        command.main([str(write_folder(tmp_path / "2", names, mirror)), "--out", str(wrong)]) == 0
    )
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
    assert capsys.readouterr().out.splitlines()[1:] == command.summary(finished)[0].splitlines()[1:]


def test_categories_that_the_network_does_not_know_are_named_and_left_out(tmp_path, capsys):
    def rename(coco):
        coco["categories"][0]["name"] = "lion"

    folder, table = write_folder(tmp_path / "scenes", NAMES[:3], rename), tmp_path / "r.csv"
    assert command.main([str(folder), "--out", str(table)]) == 0
    assert "unknown to tiny_resnet, left out: lion" in capsys.readouterr().out
    assert [row["category"] for row in rows_in(table)] == ["bird", "dog"]


@pytest.mark.parametrize("box", [[-60, 20, 50, 50], [20, -60, 50, 50], [230, 20, 50, 50]])
def test_a_box_outside_the_picture_is_nowhere_in_it(tmp_path, capsys, box):
    def move(coco):
        [entry] = coco["annotations"]
        entry["bbox"] = box
        del entry["segmentation"]

    table = tmp_path / "r.csv"
    folder = write_folder(tmp_path / "scenes", NAMES[:1], move)
    assert command.main([str(folder), "--out", str(table)]) == 1
    [row] = rows_in(table)
    assert row["problem"] == "The mask is empty: there is no object to find."
    assert f"cat.png, cat: {row['problem']}" in capsys.readouterr().out


PIXELS = 224 * 224


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
def test_run_lengths_are_those_of_the_mask(share):
    mask = np.asfortranarray(np.random.default_rng(1).random((60, 90)) < share, dtype=np.uint8)
    column_by_column = mask.ravel(order="F")
    changes = np.flatnonzero(np.diff(column_by_column, prepend=0))
    expected = np.diff(changes, prepend=0, append=mask.size).tolist()
    assert measure.run_lengths(encode(mask)["counts"]) == expected


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
def test_a_mask_whose_runs_do_not_fill_the_picture_is_damaged(tmp_path, counts, problem):
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

    table = tmp_path / "r.csv"
    folder = write_folder(tmp_path / "scenes", NAMES[:1], change)
    assert command.main([str(folder), "--out", str(table)]) == int(problem != "")
    [row] = rows_in(table)
    assert problem in row["problem"]
    assert problem or (not row["problem"] and numbers(row, "inside").sum() == 1_000)


def test_crowds_and_boxes_without_area_are_no_objects(tmp_path):
    """Added to a picture, they change nothing; a picture with nothing else gets no row."""

    def add(coco):
        cat, *_, bird = coco["annotations"]
        bird["iscrowd"] = 1
        box = [100, 100, 0, 40]
        coco["annotations"] += [cat | {"id": 9_001, "iscrowd": 1, "bbox": [150, 150, 60, 60]}]
        coco["annotations"] += [cat | {"id": 9_002, "bbox": box, "segmentation": []}]

    names = ("cat", "bird")
    as_it_was, table = tmp_path / "1.csv", tmp_path / "2.csv"
    assert command.main([str(write_folder(tmp_path / "1", names)), "--out", str(as_it_was)]) == 0
    assert command.main([str(write_folder(tmp_path / "2", names, add)), "--out", str(table)]) == 0
    cat, bird = sorted(rows_in(as_it_was), key=lambda row: row["image"] == "bird.png")
    assert bird["category"] == "bird" and rows_in(table) == [cat]


# ---- Stopped, and gone on with ----------------------------------------------------------------


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.4, 0.75, 1.0])
def test_going_on_loses_no_row_and_doubles_none(folder, finished, tmp_path, monkeypatch, kept):
    """The file of the process ends anywhere: in the header, in a line, between two lines."""
    table = begin_again(finished, tmp_path)
    whole = finished.read_bytes()
    left = whole[: int(kept * len(whole))]
    table.with_name("results.csv.part-0").write_bytes(left)
    missing, end = set(), 0
    for line in whole.splitlines(keepends=True):
        end += len(line)
        if end > len(left) and end > whole.index(b"\n") + 1:
            missing.add(int(line.split(b",")[0]))
    explained = []
    rows_of = command.rows_of
    monkeypatch.setattr(
        command, "rows_of", lambda *args: explained.append(args[2]) or rows_of(*args)
    )
    assert command.main([str(folder), "--out", str(table)]) == 0
    assert table.read_bytes() == whole
    assert explained == sorted(missing)
    assert (kept == 1.0) == (not missing)
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "results.csv",
        "results.csv.made-of",
    ]


def test_a_picture_whose_rows_are_not_all_there_is_measured_again(folder, finished, tmp_path):
    lines = finished.read_bytes().splitlines(keepends=True)
    first_of_two = next(
        n for n, line in enumerate(lines) if lines[n + 1].split(b",")[0] == line.split(b",")[0]
    )
    table = begin_again(finished, tmp_path)
    table.with_name("results.csv.part-0").write_bytes(b"".join(lines[: first_of_two + 1]))
    assert command.main([str(folder), "--out", str(table)]) == 0
    assert table.read_bytes() == finished.read_bytes()


def test_the_table_may_lie_beside_the_pictures(finished, tmp_path):
    folder = write_folder(tmp_path / "scenes")
    for _ in range(2):
        assert command.main([str(folder), "--out", str(folder / "results.csv")]) == 0
        assert (folder / "results.csv").read_bytes() == finished.read_bytes()


def test_a_line_without_all_its_fields_ends_what_counts(folder, finished, tmp_path):
    """Two halves of two lines stand as one in the middle of the file."""
    lines = finished.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2][:30] + lines[3][-30:]
    del lines[3]
    table = begin_again(finished, tmp_path)
    table.with_name("results.csv.part-0").write_bytes(b"".join(lines))
    assert command.main([str(folder), "--out", str(table)]) == 0
    assert table.read_bytes() == finished.read_bytes()


def test_a_full_disk_stops_the_run_and_it_goes_on(folder, finished, tmp_path, capsys):
    """The last ten bytes find no place: what is there counts, up to the last whole picture."""
    resource = pytest.importorskip("resource")
    table = tmp_path / "results.csv"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (finished.stat().st_size - 10, before[1]))
    try:
        assert command.main([str(folder), "--out", str(table)]) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "File too large" in capsys.readouterr().err
    assert not table.exists()
    assert command.main([str(folder), "--out", str(table)]) == 0
    assert f"{len(NAMES) - 1} of them done before" in capsys.readouterr().out
    assert table.read_bytes() == finished.read_bytes()


def test_parts_of_another_number_of_processes_count(folder, finished, tmp_path, monkeypatch):
    header, *lines = finished.read_bytes().splitlines(keepends=True)
    table = begin_again(finished, tmp_path)
    images = sorted({line.split(b",")[0] for line in lines}, key=int)
    for rank, number in ((0, 3), (7, 1)):
        part = [line for line in lines if line.split(b",")[0] == images[number]]
        table.with_name(f"results.csv.part-{rank}").write_bytes(header + b"".join(part))
    explained = []
    rows_of = command.rows_of
    monkeypatch.setattr(
        command, "rows_of", lambda *args: explained.append(args[2]) or rows_of(*args)
    )
    assert command.main([str(folder), "--out", str(table)]) == 0
    assert explained == [int(number) for n, number in enumerate(images) if n not in (1, 3)]
    assert table.read_bytes() == finished.read_bytes()


def test_bad_files_are_skipped_and_named_each_time(finished, tmp_path, capsys):
    folder = write_folder(tmp_path / "scenes")
    (folder / "cat.png").write_bytes((folder / "cat.png").read_bytes()[:4_000])
    (folder / "bird.png").unlink()
    shutil.copy(SHIPPED / "photographs" / "coffee.png", folder / "cut_boat.png")
    bad = {"cat.png": "damaged", "bird.png": "No picture", "cut_boat.png": "its annotations say"}
    table = tmp_path / "results.csv"
    for _ in range(2):
        assert command.main([str(folder), "--out", str(table)]) == 1
        told = capsys.readouterr().out
        for name, reason in bad.items():
            assert any(name in line and reason in line for line in told.splitlines()), told
        rows = rows_in(table)
        good = [row for row in rows if row["image"] not in bad]
        assert good == [row for row in rows_in(finished) if row["image"] not in bad]
        empty = [row for row in rows if row["image"] in bad]
        assert len(empty) == 3 and not any(row[name] for row in empty for name in MEASURED)


@pytest.mark.parametrize("stopped", [False, True])
def test_a_picture_that_was_put_back_is_measured(finished, tmp_path, monkeypatch, stopped):
    """Also where the run with the bad file ended before its table was made."""
    folder = write_folder(tmp_path / "scenes")
    (folder / "car_and_house.png").unlink()  # it has two rows
    table = tmp_path / "results.csv"
    with monkeypatch.context() as patch:
        if stopped:
            patch.setattr(command, "merge", lambda *args: no_space())
        for _ in range(3):  # the third time, the same lines follow one another in one file
            assert command.main([str(folder), "--out", str(table)]) == (2 if stopped else 1)
    assert table.exists() != stopped
    shutil.copy(SHIPPED / "car_and_house.png", folder)
    assert command.main([str(folder), "--out", str(table)]) == 0
    assert table.read_bytes() == finished.read_bytes()


def no_space():
    raise OSError("No space left on device")


def test_a_fault_that_may_pass_stops_the_run(folder, finished, tmp_path, monkeypatch, capsys):
    table = tmp_path / "results.csv"
    opened = command.open_picture

    def fail(path):
        if path.name == "cat.png":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path)

    words = [str(folder), "--out", str(table)]
    with monkeypatch.context() as patch:
        patch.setattr(command, "open_picture", fail)
        assert command.main(words) == 2
        said = capsys.readouterr().err
        assert "Permission denied" in said and "cat.png" in said
        assert not table.exists()
    assert command.main(words) == 0
    assert table.read_bytes() == finished.read_bytes()


def test_a_picture_without_a_map_is_named(folder, finished, tmp_path, monkeypatch, capsys):
    explain = measure.explain

    def refuse(network, picture):
        if picture == ch.open_picture(folder / "bird.png"):
            raise ch.UnsuitableNetworkError("the map does not give the score")
        return explain(network, picture)

    monkeypatch.setattr(measure, "explain", refuse)
    table = tmp_path / "results.csv"
    assert command.main([str(folder), "--out", str(table)]) == 1
    assert "bird.png, bird: the map does not give the score" in capsys.readouterr().out
    good = [row for row in rows_in(finished) if row["image"] != "bird.png"]
    assert [row for row in rows_in(table) if not row["problem"]] == good


def test_a_name_with_a_lone_surrogate_is_written(tmp_path, capsys):
    def rename(coco):
        coco["images"][0]["file_name"] = "cat\ud83d.png"  # JSON may hold half of a pair

    table = tmp_path / "results.csv"
    folder = write_folder(tmp_path / "scenes", NAMES[:2], rename)
    for _ in range(2):
        assert command.main([str(folder), "--out", str(table)]) == 1
        assert r"cat\ud83d.png, cat: No picture" in capsys.readouterr().out


# ---- What cannot be done is said --------------------------------------------------------------


def refused(capsys, *words):
    assert command.main([str(word) for word in words]) == 2
    return capsys.readouterr().err


def test_another_network_or_other_annotations_are_refused(folder, finished, tmp_path, capsys):
    table = begin_again(finished, tmp_path)
    shutil.copy(finished, table)
    said = refused(capsys, folder, "--out", table, "--network", "xray_fair")
    assert "knows none of the categories" in said and "clear, opacity" in said
    other = write_folder(tmp_path / "other", NAMES[:2])
    said = refused(capsys, other, "--out", table)
    assert "was begun with another annotations" in said and "--out" in said
    table.write_bytes(finished.read_bytes().replace(b"\n", b"\r\n"))  # as a spreadsheet saves it
    assert "was changed by another program" in refused(capsys, folder, "--out", table)
    shutil.copy(finished, table)
    table.with_name("results.csv.made-of").unlink()
    assert "does not say what it was made of" in refused(capsys, folder, "--out", table)
    assert table.read_bytes() == finished.read_bytes()


def test_another_network_of_the_same_categories_is_refused(
    folder, finished, tmp_path, capsys, monkeypatch
):
    table = begin_again(finished, tmp_path)
    shutil.copy(finished, table)
    changed = ch.load_network()
    changed.classifier.weight.data[0, 0] += 1
    monkeypatch.setattr(command, "load_network", lambda name: changed)
    assert "was begun with another weights" in refused(capsys, folder, "--out", table)


def test_what_is_missing_is_named(folder, tmp_path, capsys):
    out = ("--out", tmp_path / "results.csv")
    (tmp_path / "empty").mkdir()
    assert "there: none. Name it with --annotations" in refused(capsys, tmp_path / "empty", *out)
    assert "is no folder" in refused(capsys, tmp_path / "nowhere", *out)
    two = write_folder(tmp_path / "two", NAMES[:1])
    (two / "more.json").write_text("[]")
    assert "annotations.json, more.json" in refused(capsys, two, *out)
    for text in ("[]", "{", '{"images": [{"id": 1}], "annotations": [], "categories": []}'):
        (two / "more.json").write_text(text)
        said = refused(capsys, two, "--annotations", two / "more.json", *out)
        assert "more.json is no annotations file in COCO's format" in said
    for number in (-1, 1.5, True, "1"):
        images = [{"id": number, "file_name": "cat.png", "width": 224, "height": 224}]
        text = json.dumps({"images": images, "annotations": [], "categories": []})
        (two / "more.json").write_text(text)
        said = refused(capsys, two, "--annotations", two / "more.json", *out)
        assert f"an image id is a whole number from 0 on, not {number!r}" in said
    said = refused(capsys, two, "--annotations", tmp_path / "none.json", *out)
    assert "No such file" in said and "none.json" in said
    said = refused(capsys, folder, "--out", tmp_path / "nowhere" / "results.csv")
    assert "nowhere is no folder: make it" in said
    assert "is a folder: name a file in it" in refused(capsys, folder, "--out", two)
    assert "No network is called" in refused(capsys, folder, *out, "--network", "tinyresnet")
    assert not (tmp_path / "results.csv.made-of").exists()


def test_what_is_no_table_is_refused(finished, tmp_path, capsys):
    lines = finished.read_text(encoding="utf-8").splitlines(keepends=True)
    whole = "".join(lines)
    damaged = (
        "",
        "a,b\n1,2\n",
        whole[:-1_000],  # too few fields
        whole + "1,2\n",
        whole.replace(lines[1], lines[1].replace(" ", "  x ", 1)),
        lines[0] + "".join(lines[1:]).replace(" 0,", ",", 1),  # too few numbers in a field
    )
    table = tmp_path / "damaged.csv"
    for text in damaged:
        table.write_text(text, encoding="utf-8")
        assert f"{table} is damaged or no table of this command" in refused(capsys, table), text
    picture = SHIPPED / "cat.png"
    assert f"{picture} is damaged or no table of this command" in refused(capsys, picture)


def test_one_picture_has_no_intervals(tmp_path, capsys):
    folder = write_folder(tmp_path / "scenes", NAMES[:1])
    assert command.main([str(folder), "--out", str(tmp_path / "results.csv")]) == 0
    assert "need at least two pictures" in capsys.readouterr().out


# ---- Several processes ------------------------------------------------------------------------


def shared_out(folder, table, processes=2):
    """Start the command under torchrun, on the loopback alone."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    words = ["--nproc-per-node", processes, "--master-addr", "127.0.0.1", "--master-port", port]
    words += ["-m", "cam_helpers.evaluate", folder, "--out", table]
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *map(str, words)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_worker_that_reads_the_pictures_changes_nothing(folder, finished, tmp_path):
    table = tmp_path / "results.csv"
    assert command.main([str(folder), "--out", str(table), "--workers", "1"]) == 0
    assert table.read_bytes() == finished.read_bytes()


def test_two_processes_make_the_same_table_to_the_last_digit(folder, finished, tmp_path):
    table = tmp_path / "results.csv"
    running = shared_out(folder, table)
    said, _ = running.communicate(timeout=600)
    assert running.returncode == 0, said
    assert table.read_bytes() == finished.read_bytes()
    assert command.summary(finished)[0].splitlines()[1:] == said.splitlines()[-4:]
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "results.csv",
        "results.csv.made-of",
    ]


def test_a_bad_file_is_no_crash_of_several_processes(tmp_path):
    folder = write_folder(tmp_path / "scenes", NAMES[:2])
    (folder / "cat.png").unlink()
    running = shared_out(folder, tmp_path / "results.csv")
    said, _ = running.communicate(timeout=600)
    assert running.returncode == 0, said
    assert "cat.png, cat: No picture" in said and "ChildFailedError" not in said


@pytest.mark.long
def test_a_worker_that_is_killed_costs_nothing(tmp_path):
    """Three times a worker is killed, after some more rows; then three processes go on."""
    one, table = tmp_path / "one.csv", tmp_path / "results.csv"
    folder = write_folder(tmp_path / "scenes", ch.shipped_pictures())
    assert command.main([str(folder), "--out", str(one)]) == 0
    for turn in range(1, 4):
        before = rows_there(tmp_path)
        running = shared_out(folder, table)
        wait_for(running, lambda most=before + 3: rows_there(tmp_path) >= most)
        workers = psutil.Process(running.pid).children()
        workers[turn % 2].send_signal(signal.SIGKILL)
        said, _ = running.communicate(timeout=600)
        assert running.returncode != 0, said
        assert not table.exists()
    running = shared_out(folder, table, processes=3)
    said, _ = running.communicate(timeout=600)
    assert running.returncode == 0, said
    assert "30 pictures, 0 of them" not in said
    assert table.read_bytes() == one.read_bytes()


def rows_there(folder):
    return sum(f.read_bytes().count(b"\n") - 1 for f in Path(folder).glob("*.part-*"))


def wait_for(running, is_there):
    for _ in range(6_000):
        if is_there():
            return
        assert running.poll() is None, running.communicate()[0]
        time.sleep(0.05)
    raise AssertionError("nothing happened within five minutes")

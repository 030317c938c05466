"""A folder is measured whole: stopped and gone on with, shared out, refused where it must be."""

import copy
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch
from scenes_folder import MEASURED, NAMES, SHIPPED, rows_in, write_folder

import cam_helpers as ch
from cam_helpers import evaluate
from cam_helpers.evaluate import __main__ as command
from cam_helpers.evaluate import folder as running
from cam_helpers.evaluate import lines
from cam_helpers.evaluate.summary import summary
from cam_helpers.evaluate.table import locked
from cam_helpers.networks.preprocess import Preprocess


def begin_again(finished, folder):
    """A place for a table that was begun with the same as the finished one, and nothing in it."""
    folder.mkdir(exist_ok=True)
    shutil.copy(finished.with_name("results.csv.made-of"), folder)
    return folder / "results.csv"


def left_beside(table):
    return {file.name for file in table.parent.iterdir()} - {table.name}


def assert_near(table, other, but=()):
    """Two tables say the same to their rounding."""
    rows = [row for row in rows_in(other) if row["image"] not in but]
    for one, two in zip((r for r in rows_in(table) if not r["problem"]), rows, strict=True):
        assert one["pointing_game"] == two["pointing_game"]
        for column in ("score", "share_inside"):
            assert float(one[column]) == pytest.approx(float(two[column]), rel=0.01, abs=0.01)


def measured_now(monkeypatch):
    """The ids of the pictures that are measured from here on."""
    explained, lines_of = [], running.lines_of
    monkeypatch.setattr(
        running,
        "lines_of",
        lambda *args: explained.extend(opened.image for opened in args[2]) or lines_of(*args),
    )
    return explained


# ---- Stopped, and gone on with ----------------------------------------------------------------


LEFT = {  # what a stopped process left of the table's lines, and how many pictures are whole
    "nothing": (lambda lines: b"", 0),
    "half a header": (lambda lines: lines[0][:9], 0),
    "half a line": (lambda lines: b"".join(lines[:2]) + lines[2][:30], 1),
    "halves of two lines as one": (lambda lines: b"".join(lines[:2]) + lines[2][:30] + lines[3], 1),
    "the first of two rows": (lambda lines: b"".join(lines[:4]), 2),
    "all": (b"".join, len(NAMES)),
}


@pytest.mark.parametrize("left", LEFT)
def test_going_on_loses_no_row_and_doubles_none(folder, finished, tmp_path, monkeypatch, left):
    lines = finished.read_bytes().splitlines(keepends=True)
    cut, whole = LEFT[left]
    table = begin_again(finished, tmp_path)
    table.with_name("results.csv.part-0").write_bytes(cut(lines))
    explained = measured_now(monkeypatch)
    assert command.main([str(folder), "--out", str(table)]) == 0
    assert table.read_bytes() == finished.read_bytes()
    images = list(dict.fromkeys(row["image_id"] for row in rows_in(finished)))
    assert explained == images[whole:]
    assert left_beside(table) == {"results.csv.lock", "results.csv.made-of"}


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
    said = capsys.readouterr().err
    assert "File too large" in said and "results.csv.part-0" in said
    assert not table.exists()
    assert command.main([str(folder), "--out", str(table)]) == 0
    assert f"{len(NAMES) - 1} of them done" in capsys.readouterr().out
    assert table.read_bytes() == finished.read_bytes()


def test_parts_of_another_number_of_processes_count(folder, finished, tmp_path, monkeypatch):
    header, *lines = finished.read_bytes().splitlines(keepends=True)
    table = begin_again(finished, tmp_path)
    images = sorted({line.split(b",")[0] for line in lines}, key=int)
    for rank, number in ((0, 3), (7, 1)):
        part = [line for line in lines if line.split(b",")[0] == images[number]]
        table.with_name(f"results.csv.part-{rank}").write_bytes(header + b"".join(part))
    explained = measured_now(monkeypatch)
    assert command.main([str(folder), "--out", str(table)]) == 0
    assert explained == [number.decode() for n, number in enumerate(images) if n not in (1, 3)]
    assert table.read_bytes() == finished.read_bytes()


def test_bad_files_are_skipped_and_named_each_time(finished, tmp_path, capsys):
    folder = write_folder(tmp_path / "scenes")
    (folder / "cat.png").write_bytes((folder / "cat.png").read_bytes()[:4_000])
    (folder / "bird.png").unlink()
    shutil.copy(SHIPPED / "photographs" / "coffee.png", folder / "cut_boat.png")
    bad = {
        "cat.png": "damaged",
        "bird.png": "There is no file",
        "cut_boat.png": "its annotations say",
    }
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
    gather = running.gather

    def fail_at_the_end(table, rows, into):
        if into == table:
            raise OSError("No space left on device")
        return gather(table, rows, into)

    with monkeypatch.context() as patch:
        if stopped:
            patch.setattr(running, "gather", fail_at_the_end)
        for _ in range(3):  # the third time, the same lines follow one another in one file
            assert command.main([str(folder), "--out", str(table)]) == (2 if stopped else 1)
    assert table.exists() != stopped
    shutil.copy(SHIPPED / "car_and_house.png", folder)
    assert command.main([str(folder), "--out", str(table)]) == 0
    assert table.read_bytes() == finished.read_bytes()


def test_a_fault_that_may_pass_stops_the_run(folder, finished, tmp_path, monkeypatch, capsys):
    table = tmp_path / "results.csv"
    opened = running.open_picture

    def fail(path):
        if path.name == "cat.png":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path)

    words = [str(folder), "--out", str(table)]
    with monkeypatch.context() as patch:
        patch.setattr(running, "open_picture", fail)
        assert command.main(words) == 2
        said = capsys.readouterr().err
        assert "Permission denied" in said and "cat.png" in said
        assert not table.exists()
    assert command.main(words) == 0
    assert table.read_bytes() == finished.read_bytes()


@pytest.mark.parametrize("batch", [(), ("--batch", "4")])
def test_a_picture_without_a_map_is_named(batch, folder, finished, tmp_path, monkeypatch, capsys):
    explain_batch = lines.explain_batch

    def refuse(network, batch, pictures, sizes):
        if ch.open_picture(folder / "bird.png") in pictures:
            raise ch.UnsuitableNetworkError("the map does not give the score")
        return explain_batch(network, batch, pictures, sizes)

    monkeypatch.setattr(lines, "explain_batch", refuse)
    table = tmp_path / "results.csv"
    assert command.main([str(folder), "--out", str(table), *batch]) == 1
    assert "bird.png, bird: the map does not give the score" in capsys.readouterr().out
    assert_near(table, finished, but=("bird.png",))


# ---- What cannot be done is said --------------------------------------------------------------


def refused(capsys, *words):
    assert command.main([str(word) for word in words]) == 2
    return capsys.readouterr().err


def test_another_network_or_other_annotations_are_refused(folder, finished, tmp_path, capsys):
    table = begin_again(finished, tmp_path)
    shutil.copy(finished, table)
    said = refused(capsys, folder, "--out", table, "--network", "xray_fair")
    assert "no object that xray_fair knows" in said and "left out: cat, dog, bird" in said
    other = write_folder(tmp_path / "other", NAMES[:2])
    said = refused(capsys, other, "--out", table)
    assert "was not begun with the same annotations" in said and "--out" in said
    table.write_bytes(finished.read_bytes().replace(b"\n", b"\r\n"))  # as a spreadsheet saves it
    assert "was changed by another program" in refused(capsys, folder, "--out", table)
    shutil.copy(finished, table)
    table.with_name("results.csv.made-of").unlink()
    assert "does not say what it was made of" in refused(capsys, folder, "--out", table)
    assert table.read_bytes() == finished.read_bytes()


def test_what_is_missing_is_named(folder, tmp_path, capsys):
    out = ("--out", tmp_path / "results.csv")
    (tmp_path / "empty").mkdir()
    assert "there: none. Name it with --annotations" in refused(capsys, tmp_path / "empty", *out)
    assert "is no folder" in refused(capsys, tmp_path / "nowhere", *out)
    two = write_folder(tmp_path / "two", NAMES[:1])
    (two / "more.json").write_text("[]")
    assert "annotations.json, more.json" in refused(capsys, two, *out)
    for text in ("[]", "{", '{"images": [], "annotations": [], "categories": [{"id": 1}]}'):
        (two / "more.json").write_text(text)
        said = refused(capsys, two, "--annotations", two / "more.json", *out)
        assert "more.json is no annotations file in COCO's format" in said
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


# ---- A network of one's own, and pictures of one's own ------------------------------------------

OWN = """
import cam_helpers as ch

def load():
    shipped = ch.load_network()
    return ch.make_network("mine", shipped.model, shipped.categories, shipped.preprocess)

def model():
    return load().model
"""


def test_a_network_of_ones_own_from_python_and_by_the_command(
    folder, finished, network, tmp_path, monkeypatch, capsys
):
    own = ch.make_network("mine", network.model, network.categories, network.preprocess)
    found = evaluate.run(own, folder, tmp_path / "1.csv")
    assert (tmp_path / "1.csv").read_bytes() == finished.read_bytes()
    assert "by mine (" in str(found) and found.problems == 0
    assert found.measures["pointing game"].value == 1
    (tmp_path / "my_own_networks.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    words = [str(folder), "--network", "my_own_networks:load", "--out"]
    assert command.main([*words, str(tmp_path / "2.csv")]) == 0
    assert (tmp_path / "2.csv").read_bytes() == finished.read_bytes()
    for name, reason in (
        ("none:load", "No module"),
        ("my_own_networks:lod", "no attribute"),
        ("my_own_networks:model", "gives a TinyResNet, not a Network"),
        ("my_own_networks:ch", "gives a module, not a Network"),
    ):
        assert reason in refused(capsys, folder, "--network", name)
    other = replace(own, preprocess=Preprocess(resize_size=224))
    changed = copy.deepcopy(own)
    changed.classifier.bias.data[0] += 1
    cut, read = replace(own, box=lambda size: (0, 0, *size)), replace(own, reading="sigmoid")
    others = {"preprocessing": other, "preprocess": cut, "weights": changed, "reading": read}
    for what, network in others.items():
        with pytest.raises(ValueError, match=f"not begun with the same {what}"):
            evaluate.run(network, folder, tmp_path / "1.csv")


def test_a_table_belongs_to_its_pictures(finished, tmp_path, capsys):
    folder, table = write_folder(tmp_path / "scenes"), begin_again(finished, tmp_path / "out")
    shutil.copy(finished, table)
    cat, bird = folder / "cat.png", folder / "bird.png"
    cat.rename(folder / "x"), bird.rename(cat), (folder / "x").rename(bird)
    said = refused(capsys, folder, "--out", table)
    assert "begun with other pictures: 2 have changed or are gone" in said and "cat.png" in said
    assert table.read_bytes() == finished.read_bytes()


ON_A_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")


@pytest.mark.parametrize(
    "words",
    [
        "--batch 4",
        pytest.param("--device cuda", marks=ON_A_GPU),
        pytest.param("--device cuda --batch 4", marks=ON_A_GPU),
    ],
)
def test_batches_and_devices_give_the_same_to_their_rounding(folder, finished, tmp_path, words):
    table = tmp_path / "results.csv"
    assert command.main([str(folder), "--out", str(table), *words.split()]) == 0
    assert_near(table, finished)


def test_two_commands_do_not_fill_one_table(folder, tmp_path, capsys):
    table = tmp_path / "r.csv"
    with locked(table):
        said = refused(capsys, folder, "--out", table)
        assert "Another command is filling" in said and str(table) in said
    assert command.main([str(folder), "--out", str(table)]) == 0


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


def test_two_processes_make_the_same_table_to_the_last_digit(folder, finished, tmp_path):
    table = tmp_path / "results.csv"
    running = shared_out(folder, table)
    said, _ = running.communicate(timeout=600)
    assert running.returncode == 0, said
    assert table.read_bytes() == finished.read_bytes()
    assert str(summary(finished)).splitlines()[1:] == said.splitlines()[-4:]
    assert left_beside(table) == {"results.csv.lock", "results.csv.made-of"}


def test_a_bad_file_is_no_crash_of_several_processes_and_one_picture_has_no_interval(tmp_path):
    def rename(coco):
        coco["images"][0]["file_name"] = "cat\ud83d.png"  # JSON may hold half of a pair

    folder = write_folder(tmp_path / "scenes", NAMES[:2], rename)
    running = shared_out(folder, tmp_path / "results.csv")
    said, _ = running.communicate(timeout=600)
    assert running.returncode == 0, said
    assert r"cat\ud83d.png, cat: There is no file" in said and "ChildFailedError" not in said
    assert "need at least two pictures" in said


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
    assert "30 pictures, 0 of them done" not in said
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

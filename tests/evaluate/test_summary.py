"""What a table says in the end: intervals, thresholds, and what was measured how."""

import csv

import numpy as np
import pytest
from scenes_folder import rows_in

from cam_helpers.evaluate.__main__ import main
from cam_helpers.evaluate.lines import COLUMNS
from cam_helpers.evaluate.summary import summary
from cam_helpers.localization import BOX_THRESHOLDS


def table_of(file, example, changes):
    """A table whose rows are those of an example, changed, one for each picture."""
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, COLUMNS, lineterminator="\n")
        writer.writeheader()
        for number, change in enumerate(changes):
            writer.writerow(example | {"image_id": number} | change)
    return file


def overlaps(chance, best):
    """The overlaps of a picture: at the threshold `best` more often large than at others."""
    likely = np.where(np.arange(len(BOX_THRESHOLDS)) == best, 0.75, 0.65)
    return " ".join(map(str, (chance.random(len(likely)) < likely) * 1.0))


def test_twelve_hits_of_twelve_are_no_certainty(finished, tmp_path):
    sure = {"pointing_game": 1, "overlaps": " ".join(["1"] * len(BOX_THRESHOLDS))}
    found = summary(table_of(tmp_path / "r.csv", rows_in(finished)[0], [sure] * 12))
    for name in ("pointing game", "MaxBoxAccV2"):
        assert found.measures[name] == pytest.approx((1, 0.735, 1), abs=0.001)


def test_the_interval_of_the_boxes_does_not_choose_anew_in_each_draw(finished, tmp_path):
    """A draw that chooses its own threshold is better than its pictures: all draws lie too high."""
    chance = np.random.default_rng(4)
    changes = [{"overlaps": overlaps(chance, 7)} for _ in range(40)]
    table = table_of(tmp_path / "r.csv", rows_in(finished)[0], changes)
    value, low, high = summary(table).measures["MaxBoxAccV2"]
    assert (low + high) / 2 == pytest.approx(value, abs=0.02)
    others = table_of(tmp_path / "o.csv", rows_in(finished)[0], changes[:20])
    elsewhere = summary(table, others)
    assert elsewhere.measures["MaxBoxAccV2"].value <= value
    assert f"of 19 thresholds the best in {others}" in str(elsewhere)


def test_maps_without_evidence_have_no_share_and_are_counted(finished, tmp_path):
    shares = [{"share_inside": share} for share in ("nan", "0.5", "0.25", "nan", "0.75")]
    found = summary(table_of(tmp_path / "r.csv", rows_in(finished)[0], shares))
    assert found.measures["share inside"].value == pytest.approx(0.5)
    assert "of 3 rows; the others have no evidence" in str(found)


def test_the_summary_says_how_and_by_whom_was_measured(finished):
    text = str(summary(finished))
    assert "8 rows of 6 pictures by tiny_resnet (" in text
    assert "within 6.7% of the shorter side" in text and "largest part above 0." in text
    assert "of 19 thresholds the best here, which flatters" in text


def test_thresholds_come_from_another_table_by_the_command_too(folder, finished, tmp_path, capsys):
    assert main([str(finished), "--thresholds-from", str(finished)]) == 0
    assert f"the best in {finished}" in capsys.readouterr().out
    with pytest.raises(ValueError, match="no table of this command"):
        summary(finished, folder / "cat.png")

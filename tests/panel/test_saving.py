"""Saved files: new ones, with legal names, whole or not at all."""

import os

import pytest

from cam_helpers.panel.saving import save_new


@pytest.mark.skipif(os.name != "posix", reason="only POSIX has a umask")
def test_the_umask_is_respected(tmp_path):
    before = os.umask(0o027)
    try:
        path = save_new(b"content", tmp_path, "a map.npy")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("letter", ["x", "貓", "😀"])
def test_a_long_name_is_cut_to_what_a_file_system_takes(tmp_path, letter):
    paths = [save_new(b"content", tmp_path, f"{letter * 300} map.npy") for _ in range(2)]
    assert [path.suffix for path in paths] == [".npy", ".npy"]
    assert len({path.name for path in tmp_path.iterdir()}) == 2

"""A folder of shipped pictures, and its table made in one go."""

import pytest
from scenes_folder import write_folder

from cam_helpers.evaluate.__main__ import main


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("evaluate") / "scenes")


@pytest.fixture(scope="session")
def finished(folder, tmp_path_factory):
    table = tmp_path_factory.mktemp("finished") / "results.csv"
    assert main([str(folder), "--out", str(table)]) == 0
    return table

"""A release sets its version and its day in every file that has them, or in none."""

import re
import shutil
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FILES = ("pyproject.toml", "uv.lock", "cam_helpers/__init__.py", "CITATION.cff", "CHANGELOG.md")


@pytest.fixture(scope="module")
def release():
    spec = spec_from_file_location("release", PROJECT / ".ci" / "release.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_version_and_its_day_stand_in_every_file(release, tmp_path):
    (tmp_path / "cam_helpers").mkdir()
    for name in FILES:
        shutil.copy(PROJECT / name, tmp_path / name)
    for version, day in [("3.1.4", "2027-01-02"), ("3.1.5", "2027-02-03")]:
        release.set_version(tmp_path, version, day)
        found = {name: (tmp_path / name).read_text(encoding="utf-8") for name in FILES}
        assert f'\nversion = "{version}"\n' in found["pyproject.toml"]
        assert f'name = "cam-helpers"\nversion = "{version}"\n' in found["uv.lock"]
        assert f'__version__ = "{version}"' in found["cam_helpers/__init__.py"]
        assert f"version: {version}\ndate-released: {day}\n" in found["CITATION.cff"]
        assert found["CITATION.cff"].count("date-released") == 1
        newest = re.search(r"^## .*", found["CHANGELOG.md"], flags=re.M)
        assert newest[0] == f"## [{version}] - {day}"


def test_a_file_without_a_version_is_named(release, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    with pytest.raises(SystemExit, match=r"pyproject.toml has no line"):
        release.set_version(tmp_path, "1.0.0", "2027-01-02")

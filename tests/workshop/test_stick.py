"""A stick for another system: what has to be on it, and, in a long run, an installation from it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import stick

PROJECT = Path(__file__).resolve().parents[2]


def test_scripts_readme_and_checksums_describe_what_lies_there(tmp_path):
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels" / "a.whl").write_bytes(b"a")
    stick.write_scripts(tmp_path, "3.12", "windows")
    sums = (tmp_path / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    named = {line.split("  ")[1] for line in sums}
    assert named == {"wheels/a.whl", "install.bat", "install.sh", "README.txt"}
    assert b"\r\n" in (tmp_path / "install.bat").read_bytes()
    for name in ("install.bat", "install.sh"):
        assert "--no-index" in (tmp_path / name).read_text(encoding="utf-8")
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=tmp_path, check=True)


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="installs the wheels of this system")
def test_a_stick_installs_and_runs_without_a_network(tmp_path):
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    program = "notebooks/workshop/stick.py"
    arguments = ["--platform", "linux", "--python", python, "--out", str(tmp_path / "stick")]
    subprocess.run([sys.executable, program, *arguments], cwd=PROJECT, check=True)
    run = (
        "sh install.sh && .venv/bin/jupyter nbconvert --to notebook --execute "
        "--ExecutePreprocessor.timeout=600 --stdout student/00_start_here.ipynb > done.ipynb"
    )
    cut_off = [sys.executable, str(PROJECT / "tests" / "offline.py")]
    subprocess.run([*cut_off, "sh", "-c", run], cwd=tmp_path / "stick", check=True)


@pytest.mark.long
@pytest.mark.parametrize("platform", ["windows", "macos-arm64"])
def test_a_stick_for_another_system_resolves_without_an_index(tmp_path, platform):
    listed = tmp_path / "requirements.txt"
    listed.write_text(stick.requirements("3.12", platform), encoding="utf-8")
    stick.download(listed, tmp_path, "3.12", platform, None)
    stick.run("-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path)
    system = ["--python-platform", stick.PLATFORMS[platform][1], "--python-version", "3.12"]
    place = ["--no-index", "--no-config", "--find-links", tmp_path, "--target", tmp_path / "there"]
    command = ["uv", "pip", "install", "--dry-run", *system, *place, "cam-helpers[lab,measure]"]
    env = {**os.environ, "MACOSX_DEPLOYMENT_TARGET": "14.0"}
    subprocess.run(command, env=env, check=True)

"""The hub's files: what does not take a hub to be seen. load_test.py is the test of the rest."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

HUB = Path(__file__).resolve().parents[2] / "notebooks" / "workshop" / "hub"
CONFIG = (HUB / "jupyterhub_config.py").read_text(encoding="utf-8")


def test_the_configuration_and_the_charts_values_say_the_same():
    ast.parse(CONFIG)
    values = yaml.safe_load((HUB / "values.yaml").read_text(encoding="utf-8"))
    assert values["singleuser"]["extraEnv"]["OMP_NUM_THREADS"] == "1"
    assert '"OMP_NUM_THREADS": "1"' in CONFIG
    assert values["hub"]["config"]["Authenticator"]["allow_all"] is True
    assert "allow_all = True" in CONFIG
    assert values["cull"]["timeout"] == 180 * 20


@pytest.mark.skipif(os.name == "nt", reason="the hub runs on Linux")
def test_a_copy_is_laid_out_once_and_saved_work_stays(tmp_path, monkeypatch):
    """`lay_out` alone, with a stand-in for the account: it needs neither root nor a hub."""
    tree = ast.parse(CONFIG)
    function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == "lay_out")
    edition = tmp_path / "student"
    edition.mkdir()
    (edition / "00.ipynb").write_text("as handed out", encoding="utf-8")
    home = tmp_path / "home"
    home.mkdir()

    class Account:
        pw_dir, pw_uid, pw_gid = str(home), os.getuid(), os.getgid()

    class Spawner:
        class user:
            name = "learner"

    monkeypatch.setattr("pwd.getpwnam", lambda name: Account)
    space = {"EDITION": edition, "FOLDER": "cam", "Path": Path, "os": os, "shutil": shutil}
    exec(compile(ast.Module([function], []), "config", "exec"), space)
    space["lay_out"](Spawner)
    mine = home / "cam" / "00.ipynb"
    assert mine.read_text(encoding="utf-8") == "as handed out"
    mine.write_text("my work", encoding="utf-8")
    space["lay_out"](Spawner)
    assert mine.read_text(encoding="utf-8") == "my work"
    assert home.stat().st_mode & 0o077 == 0


def test_the_load_test_says_what_it_takes():
    pytest.importorskip("websockets")
    done = subprocess.run(
        [sys.executable, str(HUB / "load_test.py"), "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0 and "--learners" in done.stdout

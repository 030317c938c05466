"""The hub's files: what does not take a hub to be seen. load_test.py is the test of the rest."""

import ast
import os
import shutil
from pathlib import Path

import pytest

HUB = Path(__file__).resolve().parents[2] / "notebooks" / "workshop" / "hub"
CONFIG = (HUB / "jupyterhub_config.py").read_text(encoding="utf-8")


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

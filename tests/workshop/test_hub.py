"""The hub's files: what does not take a hub to be seen. load_test.py is the test of the rest."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from traitlets.config import Config

HUB = Path(__file__).resolve().parents[2] / "notebooks" / "workshop" / "hub"
# What the chart's schema names (values.schema.yaml of jupyterhub/zero-to-jupyterhub-k8s, November
# 2026); no registry carries it. In hub.config any class and trait of JupyterHub may stand.
DOCUMENTED = {
    "hub": {"config", "concurrentSpawnLimit"},
    "singleuser": {
        *("image", "cmd", "defaultUrl", "extraEnv", "cpu", "memory", "storage", "lifecycleHooks")
    },
    "cull": {"enabled", "timeout", "every"},
}


@pytest.fixture
def configured(tmp_path, monkeypatch):
    """The names of jupyterhub_config.py, run with stand-ins for the hub, and what it has set."""
    edition = tmp_path / "student"
    edition.mkdir()
    (edition / "00.ipynb").write_text("as handed out", encoding="utf-8")
    monkeypatch.setenv("CLASS_EDITION", str(edition))
    monkeypatch.setenv("CLASS_PASSWORD", "of the class")
    classes = {name: type(name, (), {}) for name in ("DummyAuthenticator", "LocalAuthenticator")}
    monkeypatch.setitem(sys.modules, "jupyterhub.auth", SimpleNamespace(**classes))
    space = {"c": Config(), "get_config": lambda: space["c"]}
    exec((HUB / "jupyterhub_config.py").read_text(encoding="utf-8"), space)
    return space


def test_the_configuration_and_the_charts_values_say_the_same(configured):
    c, values = configured["c"], yaml.safe_load((HUB / "values.yaml").read_text(encoding="utf-8"))
    assert {room: keys | set(values[room]) for room, keys in DOCUMENTED.items()} == DOCUMENTED
    assert set(values) == set(DOCUMENTED)
    assert values["singleuser"]["extraEnv"] == c.Spawner.environment
    assert values["singleuser"]["cmd"][1:] == c.Spawner.args
    assert values["singleuser"]["defaultUrl"].endswith(c.Spawner.default_url.split("/")[-1])
    assert values["hub"]["config"]["Authenticator"] == {"allow_all": c.Authenticator.allow_all}
    assert values["hub"]["concurrentSpawnLimit"] == c.JupyterHub.concurrent_spawn_limit
    assert f"--timeout={values['cull']['timeout']}" in c.JupyterHub.services[0]["command"]


@pytest.mark.skipif(os.name == "nt", reason="the hub runs on Linux")
def test_a_copy_is_laid_out_once_and_saved_work_stays(tmp_path, monkeypatch, configured):
    home = tmp_path / "home"
    home.mkdir()
    account = SimpleNamespace(pw_dir=str(home), pw_uid=os.getuid(), pw_gid=os.getgid())
    monkeypatch.setattr("pwd.getpwnam", lambda name: account)
    learner = SimpleNamespace(user=SimpleNamespace(name="learner"))
    configured["lay_out"](learner)
    mine = home / "cam" / "00.ipynb"
    assert mine.read_text(encoding="utf-8") == "as handed out"
    mine.write_text("my work", encoding="utf-8")
    configured["lay_out"](learner)
    assert mine.read_text(encoding="utf-8") == "my work"
    assert home.stat().st_mode & 0o077 == 0

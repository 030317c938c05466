"""The machine check: what it says on good machines and on bad ones."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import cam_helpers as ch
from cam_helpers.display import machine
from cam_helpers.networks import load


def test_packages_are_named_with_their_versions_or_the_command_that_installs_them(monkeypatch):
    is_good, words = machine.check_packages()
    assert is_good and words.startswith(f"Python {platform.python_version()}, torch ")
    assert all(f"{package} " in words for package in machine.PACKAGES)
    monkeypatch.setattr(machine, "PACKAGES", ("torch", "no-such-one", "nor-this"))
    is_good, words = machine.check_packages()
    assert not is_good and words.endswith("pip install no-such-one nor-this")


@pytest.mark.parametrize(
    ("name", "picture", "category"),
    [("tiny_resnet", "cat", "cat"), ("tf_mobilenet_v2", "photo:cat", "tiger cat")],
)
def test_each_shipped_network_is_made_to_look_at_a_picture(name, picture, category):
    is_good, words = machine.check_shipped(name)
    assert is_good
    assert words.endswith(f'{name} is loaded; of the picture "{picture}" it says {category}')


def test_a_network_that_cannot_be_loaded_is_told(monkeypatch):
    def fail(name):
        raise FileNotFoundError("lost")

    monkeypatch.setattr(load, "load_network", fail)
    assert machine.check_shipped("tiny_resnet") == (False, "the shipped network tiny_resnet: lost")


@pytest.mark.parametrize(("free", "is_good"), [(0.5, True), (300, True), (0.4, False)])
def test_the_disk_of_torch_home_is_looked_at(monkeypatch, tmp_path, free, is_good):
    """The folder itself need not be there yet."""
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "not" / "yet"))
    usage = {tmp_path: SimpleNamespace(free=int(free * 1e9))}
    monkeypatch.setattr(shutil, "disk_usage", usage.get)
    found, words = machine.check_disk()
    assert found == is_good
    assert words.startswith(f"{free:.1f} GB of disk are free")
    remedy = f"make room in {tmp_path / 'not' / 'yet' / 'hub'}, or name another folder"
    assert (remedy in words) != is_good


def test_a_torchvision_that_does_not_fit_torch_is_one_finding_and_status_1(tmp_path):
    """In a process of its own, in which torchvision fails as that of another torch does."""
    (tmp_path / "torchvision").mkdir()
    fails = 'raise RuntimeError("operator torchvision::nms does not exist")'
    (tmp_path / "torchvision" / "__init__.py").write_text(fails)
    done = subprocess.run(
        [sys.executable, "-m", "cam_helpers"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(ch.__file__).parents[1]}"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (1, "")
    [finding] = [line for line in done.stdout.splitlines() if "does not fit" in line]
    assert finding.startswith("LOOK") and machine.TOGETHER in finding
    assert "tiny_resnet is loaded" in done.stdout  # the other findings are told as well

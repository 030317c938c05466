"""The machine check: what it says on good machines and on bad ones, without asking the network."""

import platform
import shutil
import urllib.error
import urllib.request
from types import SimpleNamespace

import psutil
import pytest
import torch

import cam_helpers as ch
from cam_helpers import __main__ as command
from cam_helpers.display import machine
from cam_helpers.display.machine import Finding
from cam_helpers.networks import load as networks

GIGABYTE = 1_000_000_000


class Answer:
    """What the host sends back; whoever opens it has to close it."""

    closed = False

    def close(self):
        self.closed = True


@pytest.fixture
def host(monkeypatch):
    """A host that answers. `.error` makes it fail; `.asked` holds what it was asked."""
    host = SimpleNamespace(error=None, asked=[], answer=Answer())

    def urlopen(request, timeout):
        host.asked.append((request.get_method(), request.full_url, timeout))
        if host.error:
            raise host.error
        return host.answer

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    return host


def test_a_finding_in_one_line():
    assert str(Finding("Disk", True, "12.0 GB free")) == "ok    Disk: 12.0 GB free"
    assert str(Finding("Disk", False, "0.1 GB free")) == "LOOK  Disk: 0.1 GB free"


def test_everything_is_looked_at_once(host):
    found = machine.check_machine()
    looked_at = "Python, Packages, Shipped network, Connection, Memory, Disk, GPU"
    assert ", ".join(finding.what for finding in found) == looked_at
    assert len(host.asked) == 1
    assert found[0] == Finding("Python", True, platform.python_version())


# ---- packages and network -----------------------------------------------------------------


def test_packages_are_named_with_their_versions():
    finding = machine.check_packages()
    assert finding.is_good
    assert finding.words.startswith(f"torch {torch.__version__.split('+')[0]}")
    assert all(f"{package} " in finding.words for package in machine.PACKAGES)


def test_missing_packages_are_named_with_the_command_that_installs_them(monkeypatch):
    monkeypatch.setattr(machine, "PACKAGES", ("torch", "no-such-one", "nor-this"))
    finding = machine.check_packages()
    assert not finding.is_good
    assert finding.words == (
        "no-such-one, nor-this missing; install them with: pip install no-such-one nor-this"
    )


def test_the_shipped_network_is_made_to_look_at_a_picture():
    finding = machine.check_network()
    assert finding.is_good
    assert finding.words.endswith('of the picture "cat" it says cat')


@pytest.mark.parametrize("error", [ch.DamagedWeightsError("it is cut"), FileNotFoundError("lost")])
def test_a_network_that_cannot_be_loaded_is_a_finding(monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(networks, "load_network", fail)
    assert machine.check_network() == Finding("Shipped network", False, str(error))


# ---- connection ---------------------------------------------------------------------------


def test_the_host_is_asked_for_little_and_the_answer_closed(host):
    finding = machine.check_connection()
    assert finding.is_good
    assert "resnet18 can be downloaded" in finding.words
    assert host.asked == [("HEAD", "https://download.pytorch.org", 3)]
    assert host.answer.closed


def test_an_error_that_the_host_sends_is_an_answer(host):
    host.error = urllib.error.HTTPError("https://example.org", 403, "Forbidden", {}, None)
    assert "resnet18 can be downloaded" in machine.check_connection().words


@pytest.mark.parametrize("error", [urllib.error.URLError("no route"), TimeoutError("too late")])
def test_without_a_connection_all_is_well_and_the_reader_told_what_needs_one(host, error):
    host.error = error
    finding = machine.check_connection()
    assert finding.is_good
    assert "does not answer" in finding.words
    assert "tiny_resnet" in finding.words and "resnet18" in finding.words


# ---- memory, disk, GPU --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("free", "is_good", "words"),
    [
        (2.0, True, "2.0 GB free"),
        (15.26, True, "15.3 GB free"),
        (1.9, False, "1.9 GB free, 2 are better; shut down other notebooks"),
    ],
)
def test_two_gigabytes_of_free_memory_are_enough(monkeypatch, free, is_good, words):
    memory = SimpleNamespace(available=int(free * GIGABYTE), total=64 * GIGABYTE, free=0)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: memory)
    finding = machine.check_memory()
    assert (finding.what, finding.is_good) == ("Memory", is_good)
    assert finding.words.startswith(words)


@pytest.mark.parametrize(
    ("free", "is_good", "words"),
    [
        (0.5, True, "0.5 GB free in your home folder"),
        (300.0, True, "300.0 GB free in your home folder"),
        (0.4, False, "0.4 GB free in your home folder; make room"),
    ],
)
def test_half_a_gigabyte_of_free_disk_is_enough(monkeypatch, tmp_path, free, is_good, words):
    monkeypatch.setattr(machine.Path, "home", lambda: tmp_path)
    usage = {tmp_path: SimpleNamespace(free=int(free * GIGABYTE), total=900 * GIGABYTE, used=0)}
    monkeypatch.setattr(shutil, "disk_usage", usage.get)
    finding = machine.check_disk()
    assert (finding.what, finding.is_good) == ("Disk", is_good)
    assert finding.words.startswith(words)


def test_a_gpu_is_named_and_none_is_needed(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert machine.check_gpu() == Finding("GPU", True, "none, and none is needed")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Some Card")
    assert machine.check_gpu() == Finding("GPU", True, "Some Card, though none is needed")


# ---- python -m cam_helpers ----------------------------------------------------------------


def test_the_command_prints_versions_the_data_folder_and_every_finding(monkeypatch, capsys):
    findings = [Finding("Disk", True, "plenty"), Finding("Memory", False, "too little")]
    monkeypatch.setattr(command, "check_machine", lambda: findings)
    command.main()
    first, second, *rest = capsys.readouterr().out.splitlines()
    assert first == f"cam_helpers {ch.__version__} on {platform.platform()}"
    assert second.startswith("data in ") and second.endswith("data")
    assert rest == ["ok    Disk: plenty", "LOOK  Memory: too little"]

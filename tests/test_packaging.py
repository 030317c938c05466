"""The wheel: built without a connection, installed outside the checkout, and put to work there.

The folder that it is installed in has a space and umlauts in its name. About 15 seconds.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from itertools import chain
from pathlib import Path

import nbformat
import pytest

import cam_helpers as ch

PROJECT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


# With PYTHONPATH another copy than the installed one would be found.
WITHOUT_PYTHONPATH = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def run(*command, **options):
    options.setdefault("env", WITHOUT_PYTHONPATH)
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=300, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def elsewhere(tmp_path_factory):
    return tmp_path_factory.mktemp("Zoë Müllers Übung")


@pytest.fixture(scope="session")
def wheel(elsewhere):
    """The wheel, built by the backend that pyproject.toml names, in this Python."""
    command = (sys.executable, "-m", "hatchling", "build", "--target", "wheel")
    run(*command, "--directory", elsewhere / "wheel", cwd=PROJECT)
    [path] = (elsewhere / "wheel").iterdir()
    return path


@pytest.fixture(scope="session")
def python(wheel, elsewhere):
    """A Python of its own that has the wheel; it borrows all other packages from this one.

    They are borrowed by a line in a .pth file. The .pth files of the borrowed folder itself do not
    count then, and with them not the one that an editable installation of the checkout leaves.
    """
    if importlib.util.find_spec("ensurepip") is None:
        pytest.skip("this Python cannot make environments with pip (Debian: python3-venv)")
    room = elsewhere / "environment"
    run(sys.executable, "-m", "venv", room)
    python = room / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    run(python, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel)
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    [site_packages] = room.rglob("site-packages")
    (site_packages / "borrowed.pth").write_text("\n".join(sorted(borrowed)))
    return python


def test_the_wheel_holds_the_module_and_its_data_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        inside = {name: archive.read(name) for name in archive.namelist()}
    pictures = [path for path in (PROJECT / "data/pictures").rglob("*") if path.is_file()]
    tables = [PROJECT / "data/localization.csv", PROJECT / "data/transformer.csv"]
    data = [*pictures, *(PROJECT / "data/weights").iterdir(), *tables]
    modules = (PROJECT / "cam_helpers").rglob("*.py")
    page = [(PROJECT / "cam_helpers/view").glob(f"*.{kind}") for kind in ("js", "html", "css")]
    for path in chain(data, modules, *page):
        name = path.relative_to(PROJECT).as_posix()
        packed = f"cam_helpers/{name}" if name.startswith("data/") else name
        assert inside.pop(packed) == path.read_bytes(), name
    assert inside.pop("cam_helpers/py.typed") == b""
    about = f"cam_helpers-{PYPROJECT['version']}.dist-info/"
    rest = {name.removeprefix(about) for name in inside}
    licences = {f"licenses/{name}" for name in PYPROJECT["license-files"]}
    assert rest == {"METADATA", "WHEEL", "RECORD", *licences}
    assert all((PROJECT / name).is_file() for name in PYPROJECT["license-files"])
    assert f"Name: {PYPROJECT['name']}\n" in inside[about + "METADATA"].decode()


WORK = """
import json, torch, cam_helpers as ch
from cam_helpers.folders import DATA_FOLDER
network = ch.load_network()
photograph = ch.predict(ch.load_network("tf_mobilenet_v2"), "photo:cat")
explanation = ch.explain(network, "cat")
best = explanation.prediction.top(1)[0]
names = ch.shipped_pictures() + ch.shipped_photographs()
balance = explanation.cam(best.category).mean() + explanation.class_weights(best.category).bias
print(json.dumps({
    "module": ch.__file__,
    "data": str(DATA_FOLDER),
    "pictures": [ch.open_picture(name).size for name in names],
    "best": [best.category, photograph.top(1)[0].category],
    "gap": abs(balance.item() - best.score),
    "overlays": [explanation.overlay("cat", colour_map=name).size for name in ch.COLOUR_MAPS],
}))
"""


def test_the_installed_module_finds_its_data_and_the_balance_holds(python, elsewhere):
    found = json.loads(run(python, "-c", WORK, cwd=elsewhere))
    environment = str(python.parents[1])
    assert found["module"].startswith(environment)
    assert found["data"] == str(Path(found["module"]).parent / "data")
    assert len(found["pictures"]) == len(ch.shipped_pictures() + ch.shipped_photographs())
    assert found["best"] == ["cat", "tiger cat"]
    assert found["gap"] < 1e-4
    assert found["overlays"] == [[224, 224]] * len(ch.COLOUR_MAPS)


def test_the_machine_check_tells_versions_places_and_findings(python, elsewhere):
    command = [python, "-m", "cam_helpers"]
    # In the locale C, without Python's UTF-8 mode, anything but ASCII is hard to print.
    environment = WITHOUT_PYTHONPATH | {"LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run(command, capture_output=True, cwd=elsewhere, env=environment, timeout=60)
    assert done.stderr == b""
    version, data, *findings = os.fsdecode(done.stdout).splitlines()
    assert version.startswith(f"cam_helpers {PYPROJECT['version']} on ")
    assert data.startswith(f"data in {python.parents[1]}")
    # The disk is the machine's affair, all else the wheel's.
    assert len(findings) == 6
    assert done.returncode == any(line.startswith("LOOK") for line in findings)
    assert all(re.match("ok  |LOOK  .* GB of disk", line) for line in findings), findings


PLAY = """
import sys, nbclient, nbformat
book = nbformat.read(sys.argv[1], 4)
book.cells.append(nbformat.v4.new_code_cell("print(ch.__file__)"))
nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
nbformat.write(book, sys.argv[2])
"""


def test_a_notebook_runs_elsewhere_with_the_installed_module(python, elsewhere):
    first = sorted((PROJECT / "notebooks").glob("*.ipynb"))[0]
    run(python, "-c", PLAY, first, elsewhere / "done.ipynb", cwd=elsewhere)
    cells = nbformat.read(elsewhere / "done.ipynb", 4).cells
    assert cells[-1].outputs[0].text.startswith(str(python.parents[1]))

"""The pieces behind the README's two commands, and the files that must agree with each other."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

import cam_helpers as ch

PROJECT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
README = (PROJECT / "README.md").read_text(encoding="utf-8")
PAGES = ["README.md", "CONTRIBUTING.md", "tests/README.md", "data/README.md"]
# What the page of the explorer shows lies beside it in the book alone; tests/book opens it there.
NAMES = sorted(path.name for path in (PROJECT / "notebooks").glob("*.*") if path.is_file())
PAGES += [f"notebooks/{name}" for name in NAMES if name != "explorer_page.md"]
PYTHON = "python=3.12"  # one version: Binder reads no range
CONDA_NAMES = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base"}


def test_environment_yml_asks_for_what_pyproject_asks_for():
    environment = yaml.safe_load((PROJECT / "environment.yml").read_text(encoding="utf-8"))
    listed = [line for line in environment["dependencies"] if isinstance(line, str)]
    conda = dict(line.split(">=") for line in listed if line not in ("pip", PYTHON))
    project = PYPROJECT["project"]
    extras = [project["optional-dependencies"][name] for name in ("lab", "measure", "test")]
    pairs = (line.split(">=") for line in sum(extras, project["dependencies"]))
    assert conda == {CONDA_NAMES.get(name, name): version for name, version in pairs}
    assert environment["channels"] == ["conda-forge"]


def test_binder_and_codespaces_take_the_python_that_they_are_told():
    """The first by what Binder runs, the second by the keys that containers.dev documents."""
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", "."]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert f"Building conda environment for {PYTHON}\n" in done.stdout + done.stderr
    assert 'env update -p ${NB_PYTHON_PREFIX} --file "environment.yml"' in done.stdout + done.stderr

    container = json.loads((PROJECT / ".devcontainer/devcontainer.json").read_text("utf-8"))
    keys = {"name", "image", "hostRequirements", "containerEnv", "customizations"}
    assert set(container) == keys | {"postCreateCommand"}
    assert container["image"] == f"mcr.microsoft.com/devcontainers/{PYTHON.replace('=', ':')}"
    [extras] = re.findall(r"pip install --editable '\.\[(.*)\]'", container["postCreateCommand"])
    assert set(extras.split(",")) <= set(PYPROJECT["project"]["optional-dependencies"])
    assert all(
        (PROJECT / f).is_file() for f in container["customizations"]["codespaces"]["openFiles"]
    )


def test_every_dependency_is_justified_in_its_line():
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    lines = re.findall(r'^  "[a-z][\w-]*>=.*', text, flags=re.M)
    assert len(lines) >= 20
    for line in lines:
        assert re.search(r'",\s+# \w+', line), line


def test_the_lock_names_only_public_hosts():
    lock = (PROJECT / "uv.lock").read_text(encoding="utf-8")
    hosts = set(re.findall(r"https?://([^/\"]+)", lock))
    assert hosts <= {"pypi.org", "files.pythonhosted.org"}


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not on this machine")
@pytest.mark.parametrize("has_uv", [True, False])
def test_make_runs_the_commands_that_the_readme_gives_and_fetches_uv_where_it_is_absent(
    tmp_path, has_uv
):
    shutil.copy(PROJECT / "Makefile", tmp_path)
    folders = os.environ["PATH"].split(os.pathsep)
    path = os.pathsep.join(f for f in folders if has_uv or not (Path(f) / "uv").exists())
    for target, command in {
        "lab": "jupyter lab notebooks/00_start_here.ipynb",
        "test": "pytest",
    }.items():
        assert f"make {target}" in README and f"uv run {command}" in README
        run = ["make", "--dry-run", target]
        options = {"cwd": tmp_path, "env": {"PATH": path}, "capture_output": True, "text": True}
        told = subprocess.run(run, check=True, **options).stdout.replace("\\\n", "")
        assert f"uv run --locked {command}" in told
        assert ("pip install --quiet --target .uv uv" in told) != has_uv


def test_every_make_target_that_is_named_is_there():
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text("utf-8"), re.M))
    for name in ("README.md", "CONTRIBUTING.md", "tests/README.md"):
        named = set(re.findall(r"`make ([a-z-]+)", (PROJECT / name).read_text("utf-8")))
        assert named and named <= targets, name


def test_the_version_is_the_same_everywhere():
    version = PYPROJECT["project"]["version"]
    assert ch.__version__ == version
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    changes = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[(.*?)\] - (.*)", changes, re.M)
    assert newest[1] == version
    # A date stands there as soon as the version is released.
    assert newest[2] == str(citation.get("date-released", "unreleased"))


def test_each_page_tells_the_same_minutes_for_a_notebook():
    road, about = (
        (PROJECT / "notebooks" / name).read_text(encoding="utf-8")
        for name in ("00_start_here.ipynb", "about.md")
    )
    core = 0
    for path in sorted((PROJECT / "notebooks").glob("*.ipynb")):
        minutes = re.search(r"\*\*Time:\*\* about (\d+) minutes", path.read_text(encoding="utf-8"))
        row = next(line for line in README.splitlines() if f"](notebooks/{path.name})" in line)
        assert f"| {minutes[1]} " in row, row
        there = re.search(rf"\({path.name}\).*\| (\d+) \|", road)
        assert there is None or there[1] == minutes[1], path.name
        core += int(minutes[1]) if path.name < "06" else 0
    assert round(core / 60) == 2 and "in two hours" in about


def words_of(page):
    """Return the text of a page, or of the text cells of a notebook."""
    if page.suffix == ".md":
        return page.read_text(encoding="utf-8")
    cells = nbformat.read(page, as_version=4).cells
    return "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def anchors_of(page):
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.+)", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_to_files_and_headings_that_are_there(name):
    page = PROJECT / name
    text = words_of(page)
    links = re.findall(r"\]\(([^)#: ]*)#?([^):]*)\)", text)
    links += [(source, "") for source in re.findall(r'src="([^":]+)"', text)]
    assert links or page.suffix == ".md"
    for target, anchor in links:
        file = page.parent / target if target else page
        assert file.exists(), target
        assert not anchor or file.suffix != ".md" or anchor in anchors_of(file), (target, anchor)


@pytest.mark.parametrize("name", PAGES)
def test_files_and_commands_that_are_named_are_there(name):
    text = words_of(PROJECT / name)
    for path in re.findall(r"\b(?:cam_helpers|data|notebooks|tests)/[\w/]+\.\w+", text):
        assert (PROJECT / path).exists(), path
    for module in re.findall(r"python -m (cam_helpers[\w.]*)", text):
        assert importlib.util.find_spec(module.rstrip(".")), module


def test_the_shipped_files_stay_small():
    assert (PROJECT / "data/weights/tiny_resnet.pt").stat().st_size <= 3_000_000
    assert (PROJECT / "data/weights/tf_mobilenet_v2.pt").stat().st_size <= 3_700_000
    for path in (PROJECT / "notebooks").glob("*.ipynb"):
        assert path.stat().st_size <= 1_500_000, path.name

"""What the project's one address makes: a first cell, buttons, links; and nothing without it."""

import os
import shutil
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import nbformat
import pytest

PROJECT = Path(__file__).resolve().parents[2]
BOOK = PROJECT / "notebooks" / "book"
ADDRESS = "https://github.com/somebody/cam"


def module(name):
    spec = spec_from_file_location(name, BOOK / f"{name}.py")
    made = module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


address, links = module("address"), module("links")


def test_the_first_cell_comes_and_goes_with_the_address():
    file = PROJECT / "notebooks" / "04_weighted_sum.ipynb"
    before = nbformat.writes(nbformat.read(file, as_version=4))
    book = address.with_first_cell(nbformat.reads(before, as_version=4), f"cam @ git+{ADDRESS}")
    first = next(cell for cell in book.cells if cell.cell_type == "code")
    assert f'%pip install --quiet "cam @ git+{ADDRESS}"' in first.source
    again = address.with_first_cell(book, f"cam @ git+{ADDRESS}")
    assert [cell.id for cell in again.cells].count("fetch") == 1
    assert nbformat.writes(address.with_first_cell(again, "")) == before


def test_the_readme_gets_links_for_every_notebook_and_loses_them_again():
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    linked = address.with_links(readme, ADDRESS)
    count = len(list((PROJECT / "notebooks").glob("*.ipynb")))
    assert linked.count("colab.research.google.com/github/somebody/cam/blob/main/") == count
    assert address.with_links(linked, ADDRESS) == linked
    assert address.with_links(linked, "") == readme


def test_a_file_outside_the_book_is_a_link_where_the_address_is_known():
    class App:
        class config:
            repository_blob = ""

    text = ["see `data/README.md`"]
    links.lead_outside(App, "x", text)
    assert text == ["see `data/README.md`"]
    App.config.repository_blob = f"{ADDRESS}/blob/main"
    links.lead_outside(App, "x", text)
    assert text == [f"see [data/README.md]({ADDRESS}/blob/main/data/README.md)"]


def test_buttons_stand_above_a_notebook_where_the_address_is_known(tmp_path):
    shutil.copytree(BOOK, tmp_path / "notebooks" / "book")
    shutil.copy(PROJECT / "notebooks" / "02_isolate_weights.ipynb", tmp_path / "notebooks")
    front = "# Front\n\n```{toctree}\n02_isolate_weights\n```\n"
    (tmp_path / "notebooks" / "index.md").write_text(front, encoding="utf-8")
    settings = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    with_address = settings.replace("[project.urls]", f'[project.urls]\nRepository = "{ADDRESS}"')
    for text, there in [(settings, False), (with_address, True)]:
        (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "sphinx", "-q", "-E", "-c", "notebooks/book"]
        subprocess.run([*command, "notebooks", "out"], cwd=tmp_path, check=True)
        page = (tmp_path / "out" / "02_isolate_weights.html").read_text(encoding="utf-8")
        for button in ("colab.research.google.com/github/somebody/cam", "mybinder.org", ADDRESS):
            assert (button in page) == there


@pytest.mark.long
def test_the_first_cell_installs_the_wheel_and_the_notebook_runs(tmp_path):
    """A fresh environment without the checkout, as on Colab; it takes a connection to PyPI."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=PROJECT, check=True)
    wheel = next(tmp_path.glob("*.whl"))
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "fresh"], check=True)
    python = tmp_path / "fresh" / ("Scripts" if os.name == "nt" else "bin") / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "ipykernel", "nbconvert"], check=True)
    book = nbformat.read(PROJECT / "notebooks" / "00_start_here.ipynb", as_version=4)
    book = address.with_first_cell(book, f"cam-helpers[lab] @ {wheel.as_uri()}")
    nbformat.write(book, tmp_path / "colab.ipynb")
    run = [python, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace"]
    subprocess.run(
        [*run, "--ExecutePreprocessor.timeout=1200", "colab.ipynb"], cwd=tmp_path, check=True
    )

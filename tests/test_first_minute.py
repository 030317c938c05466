"""The first minute: JupyterLab as `make lab` starts it, Notebook 7, and what each page asks for.

Once in the checkout, and once in a copy that holds nothing but `notebooks/`, as on Colab or on a
learner's stick. A path that is there on the disk may yet be out of the server's reach.
"""

import json
import os
import posixpath
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote, unquote

import nbformat
import pytest
from chromium import launch_chromium, require_chromium

PROJECT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted(path.name for path in (PROJECT / "notebooks").glob("*.ipynb"))
TEXTS = sorted(path.name for path in (PROJECT / "notebooks").glob("*.md"))
TEXTS += [f"workshop/{path.name}" for path in (PROJECT / "notebooks/workshop").glob("*.md")]
COMMAND = re.search(
    r"run --locked (jupyter lab .*)", (PROJECT / "Makefile").read_text("utf-8").replace("\\\n", " ")
)[1].replace("=.jupyter", f"={PROJECT / '.jupyter'}")
# What Lab asks for on any notebook, there or not.
ASKED_ANYWAY = ("/api/workspaces/", "/lab/api/translations")


class Lab:
    """A running JupyterLab; `read` gives what it answers under a path."""

    def __init__(self, url):
        self.url = url

    def address(self, path):
        return f"{self.url}{path}{'&' if '?' in path else '?'}token=test"

    def read(self, path):
        with urllib.request.urlopen(self.address(path), timeout=60) as answer:
            return answer.read()


@pytest.fixture(scope="module", params=["checkout", "copy of notebooks alone"])
def lab(request, tmp_path_factory):
    home, root = tmp_path_factory.mktemp("Zoë Übung"), PROJECT
    if request.param != "checkout":
        root = home / "class"
        shutil.copytree(PROJECT / "notebooks", root / "notebooks")
    command = [sys.executable, "-m", *shlex.split(COMMAND), "--no-browser", "--allow-root"]
    command += ["--ip=127.0.0.1", "--port=0", "--IdentityProvider.token=test"]
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    environment = os.environ | dict.fromkeys(places, str(home))
    with subprocess.Popen(
        command, cwd=root, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            yield Lab(wait_for_url(home))
        finally:
            server.terminate()


def wait_for_url(runtime_folder):
    """Return the address that the server wrote into its runtime file, once it answers."""
    for _ in range(240):
        for file in runtime_folder.glob("jpserver-*.json"):
            url = json.loads(file.read_text(encoding="utf-8"))["url"]
            try:
                urllib.request.urlopen(f"{url}api/status?token=test").close()
            except urllib.error.URLError:
                continue
            return url
        time.sleep(0.5)
    raise AssertionError("JupyterLab did not start within two minutes.")


def test_make_lab_opens_the_first_notebook_and_asks_nothing(lab):
    name = "00_start_here.ipynb"
    assert name in COMMAND
    assert json.loads(lab.read(f"api/contents/{name}?content=0"))["type"] == "notebook"
    assert b"jupyter-config-data" in lab.read(f"lab/tree/{name}")
    # Else JupyterLab lays a question about its news over the notebook (seen in a browser).
    asked = lab.read("lab/api/settings/@jupyterlab/apputils-extension:notification")
    assert json.loads(asked)["schema"]["properties"]["fetchNews"]["default"] == "false"


def cells_of(lab, name):
    """Return the cells of a notebook as it is served; a page of text is one cell."""
    text = lab.read(f"files/{name}").decode()
    if name.endswith(".md"):
        return [nbformat.v4.new_markdown_cell(text)]
    return nbformat.reads(text, as_version=4).cells


def asked_for(cell):
    """Return what a cell links to or shows, but for addresses and anchors."""
    found = re.findall(r"\]\(<?([^)>\s]+)", cell.source) if cell.cell_type == "markdown" else []
    shown = [output.get("data", {}).get("text/html", "") for output in cell.get("outputs", ())]
    for text in [cell.source] * (cell.cell_type == "markdown") + shown:
        # A live map's frame asks for nothing (tests/view), and a text's frame is left out.
        text = re.sub(r"<iframe [^>]*>", "", text)
        found += re.findall(r'(?:src|href)="([^"]+)"', text)
    return {each for each in found if not re.match(r"#|\w{2,}:(?<!attachment:)", each)}


@pytest.mark.parametrize("name", NOTEBOOKS + TEXTS)
def test_all_that_a_page_links_to_or_shows_is_served(lab, name):
    asked = 0
    for cell in cells_of(lab, name):
        for target in asked_for(cell):
            asked += 1
            if target.startswith("attachment:"):
                assert unquote(target.removeprefix("attachment:")) in cell.attachments, target
                continue
            path = posixpath.join(posixpath.dirname(name), unquote(target.split("#")[0]))
            try:
                lab.read(f"api/contents/{quote(posixpath.normpath(path))}?content=0")
            except urllib.error.HTTPError as error:
                pytest.fail(f"{name} asks for {target}: {error}")
    assert asked or name in TEXTS


def count_pictures(cell):
    """Count what a page has to show of a cell."""
    shown = [cell.source] if cell.cell_type == "markdown" else []
    for output in cell.get("outputs", ()):
        data = output.get("data", {})
        shown.append(data.get("text/html", "<img" if "image/png" in data else ""))
    return sum(len(re.findall(r"<img|!\[", text)) for text in shown)


# A door for each server: jupyter_server looks static files up by their name alone, so it answers
# 403 where the fonts of Lab and Notebook 7 have one name (FileFindHandler._static_paths).
OPENED = [("checkout", "lab/tree/{}?reset", name) for name in NOTEBOOKS + TEXTS]
OPENED += [("copy of notebooks alone", "notebooks/{}", name) for name in NOTEBOOKS]
QUICK = {NOTEBOOKS[0], NOTEBOOKS[5]}


@pytest.mark.browser
@pytest.mark.parametrize(
    "lab, how, name",
    [pytest.param(*each, marks=[pytest.mark.long] * (each[2] not in QUICK)) for each in OPENED],
    indirect=["lab"],
)
def test_no_picture_is_broken_and_nothing_is_404_in_a_browser(lab, how, name):
    require_chromium({"playwright": "playwright", "notebook": "notebook"})
    from playwright.sync_api import expect, sync_playwright

    cells = [] if name in TEXTS else cells_of(lab, name)
    missing = []
    with sync_playwright() as playwright:
        page = launch_chromium(playwright).new_page(viewport={"width": 1200, "height": 900})
        page.on("response", lambda r: r.status >= 400 and missing.append((r.status, r.url)))
        page.goto(lab.address(how.format(name)))
        page.locator(".jp-RenderedMarkdown h1").first.wait_for(timeout=120_000)
        drawn = page.locator(".jp-Notebook .jp-Cell")
        expect(drawn).to_have_count(len(cells), timeout=60_000)  # they come by and by
        for cell in drawn.all():
            cell.scroll_into_view_if_needed()
        page.wait_for_function("[...document.images].every((image) => image.complete)")
        shown = page.evaluate("[...document.images].map((i) => [i.naturalWidth, i.alt, i.src])")
        assert drawn.locator("img").count() == sum(map(count_pictures, cells))
    assert [image for image in shown if not image[0]] == []
    assert [m for m in missing if not any(each in m[1] for each in ASKED_ANYWAY)] == []

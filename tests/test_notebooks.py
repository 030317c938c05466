"""The notebooks as files, and what nbval cannot see: that they ran at all, and that it would fail.

nbval itself runs every notebook (see `addopts` in pyproject.toml) and compares its text outputs,
its pictures, and what the answers of its exercises make the checks say (conftest.py).
"""

import base64
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import store_notebooks
from exercises import TAGS, exercises_of, says_right, tags_of
from nbconvert import HTMLExporter
from PIL import Image

PROJECT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
TITLES = [path.name for path in NOTEBOOKS]
LONGEST_CELL, LONGEST_LINE = 14, 80
MOST_IGNORED = 3


def read(path):
    return nbformat.read(path, as_version=4)


def code_cells(path):
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def outputs_of(path):
    return [output for cell in code_cells(path) for output in cell.outputs]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=TITLES)
def test_every_code_cell_was_executed_in_order_without_error(path):
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))
    kinds = [output.output_type for output in outputs_of(path)]
    assert "error" not in kinds
    assert kinds.count("stream") >= 3  # something is there to compare


@pytest.mark.parametrize("path", NOTEBOOKS, ids=TITLES)
def test_few_outputs_are_ignored_and_no_cell_is_skipped(path):
    tags = [tag for cell in read(path).cells for tag in tags_of(cell)]
    # Outputs that differ between machines or versions of torch: its messages, memory, devices.
    assert set(tags) <= {"nbval-ignore-output", "hide-input", *TAGS}
    assert tags.count("nbval-ignore-output") <= MOST_IGNORED


@pytest.mark.parametrize("path", NOTEBOOKS, ids=TITLES)
def test_exercises_have_a_check_a_hint_and_an_answer_that_replaces_the_starter(path):
    for exercise in exercises_of(read(path)):
        assert (len(exercise.check), len(exercise.hint), len(exercise.answer)) == (1, 1, 1)
        assert exercise.solved
        assert exercise.answer[0].source.startswith("<details><summary>Answer")
        assert exercise.hint[0].source.startswith("<details><summary>Hint")
        assert exercise.check[0].outputs, "the starter is told what is missing"
        assert not says_right(exercise.check[0].outputs)


def test_all_exercises_are_in_the_form_in_which_their_answers_are_run():
    for path in NOTEBOOKS:
        book = read(path)
        folded = [cell for cell in book.cells if "<summary>Answer" in cell.source]
        assert len(folded) == len(exercises_of(book)), path.name


@pytest.mark.parametrize("path", NOTEBOOKS, ids=TITLES)
def test_every_picture_has_alt_text_and_panels_are_stored_as_still_pictures(path):
    for data in (output.get("data", {}) for output in outputs_of(path)):
        bare = {"image/png", "image/jpeg", "image/svg+xml"}
        assert not {*bare, "application/vnd.jupyter.widget-view+json"} & set(data)
        markup = data.get("text/html", "")
        for tag in re.findall(r"<img[^>]*>", markup):
            assert re.search(r'alt="[^"]{10,}"', tag)
        if "A still picture" in data.get("text/plain", ""):
            assert "<img" in markup and "Run All Cells" in markup


def test_exported_as_html_the_explorer_is_a_live_frame_over_a_picture():
    path = next(path for path in NOTEBOOKS if path.name.startswith("06"))
    html, _ = HTMLExporter().from_notebook_node(read(path))
    assert html.count("<iframe") >= 4
    assert re.search(r'<img alt="The map of [^"]+ peaks in', html)
    assert "model not found" not in html


@pytest.mark.parametrize("path", NOTEBOOKS, ids=TITLES)
def test_code_cells_are_short_and_show_no_path_of_the_machine_that_ran_them(path):
    for cell in code_cells(path):
        lines = cell.source.splitlines()
        assert len(lines) <= LONGEST_CELL, cell.source
        assert max(map(len, lines)) <= LONGEST_LINE, cell.source
    text = nbformat.writes(nbformat.v4.new_notebook(cells=code_cells(path)))
    assert not re.search(r"/(root|home|Users|tmp|work)/", text)


def test_the_page_for_readers_of_the_article_has_code_that_runs():
    page = (PROJECT / "notebooks" / "if_you_come_from_the_article.md").read_text(encoding="utf-8")
    [code] = re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)
    assert code.count("assert ") == 2
    exec(code, {})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=TITLES)
def test_the_top_line_chooses_and_the_balance_is_told_and_asserted(path):
    code = "\n".join(cell.source for cell in code_cells(path))
    assert re.search(r'NETWORK, PICTURE = \(?\s*os\.environ\.get\("CAM_NETWORK", "', code)
    if path.name.startswith("01"):  # ends at the scores: there is no map yet
        assert "assert" in code
    else:
        prose = [c.source for c in read(path).cells if c.cell_type == "markdown"]
        assert any("balance" in text for text in prose)
        assert re.search(r"assert (abs\(.*score|off\(cam\))", code)  # 12 has a function for it


DRAW = """
import base64, io
from PIL import Image
from IPython.display import HTML, display
file = io.BytesIO()
Image.new("RGB", (8, 8), (100, 100, 100)).save(file, "PNG")
print("drawn")
display(HTML(f'<img src="data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}">'))
"""
CHECK = "print('right' if mine == 2 else 'not yet')"
ANSWER = "<details>\n\n```python\nmine = 2\n```\n\n</details>"


def cell(kind, source, *tags):
    make = {"code": nbformat.v4.new_code_cell, "text": nbformat.v4.new_markdown_cell}[kind]
    return make(source, metadata={"tags": list(tags)} if tags else {})


@pytest.fixture(scope="session")
def stored_book(tmp_path_factory):
    """A small notebook as `make notebooks` stores it: pictures with a text, and two exercises."""
    exercise = [("code", "mine = 1", "exercise"), ("code", CHECK, "check")]
    exercise.append(("text", ANSWER, "answer"))
    cells = [cell(*each) for each in [("code", DRAW)] * 4 + exercise * 2]
    path = tmp_path_factory.mktemp("stored") / "small.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    store_notebooks.store(path)
    return path


def repaint(cell, red):
    """Put another picture into the stored outputs of a cell."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (red, 100, 100)).save(file, "PNG")
    picture = base64.b64encode(file.getvalue()).decode()
    cell.outputs[1].data["text/html"] = f'<img src="data:image/png;base64,{picture}">'


def test_nbval_notices_what_is_spoiled_and_nothing_else(stored_book, tmp_path):
    book = read(stored_book)
    repaint(book.cells[1], red=105)  # nobody sees that
    repaint(book.cells[2], red=120)
    book.cells[3].outputs[0].text += "spoiled\n"
    book.cells[-1].source = ANSWER.replace("2", "3")
    nbformat.write(book, tmp_path / "spoiled.ipynb")
    shutil.copy(PROJECT / "conftest.py", tmp_path)
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q"]
    command += ["-p", "no:cacheprovider", f"--rootdir={tmp_path}", "-c", os.devnull]
    command += [f"--nbval-sanitize-with={PROJECT / 'tests' / 'nbval_sanitize.cfg'}"]
    done = subprocess.run(
        [*command, "spoiled.ipynb"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PROJECT / "tests")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    failed = re.findall(r"FAILED spoiled.ipynb::(\w+ \d+)", done.stdout)
    assert failed == ["Cell 2", "Cell 3", "Answer 9"], done.stdout
    assert "7 passed" in done.stdout


def test_storing_again_changes_nothing_and_replaces_pictures_that_really_changed(
    stored_book, tmp_path
):
    path = Path(shutil.copy(stored_book, tmp_path))
    book, expected = read(path), read(path)
    for cell, red in ((book.cells[0], 105), (book.cells[1], 120), (expected.cells[0], 105)):
        repaint(cell, red)
    nbformat.write(book, path)
    store_notebooks.store(path)
    nbformat.write(expected, tmp_path / "expected.ipynb")
    assert path.read_text() == (tmp_path / "expected.ipynb").read_text()

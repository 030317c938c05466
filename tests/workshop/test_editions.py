"""Editions come from the notebooks: nothing is lost, nothing is given away, all links hold."""

import copy
import re
from pathlib import Path

import editions
import nbformat
import pytest
import yaml
from exercises import BLOCK, exercises_of, says_right
from nbclient import NotebookClient

PROJECT = Path(__file__).resolve().parents[2]
WORKSHOP = PROJECT / "notebooks" / "workshop"

NAMES = sorted(path.stem for path in (PROJECT / "notebooks").glob("[0-9]*.ipynb"))
MISCONCEPTIONS = yaml.safe_load((WORKSHOP / "misconceptions.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Both editions, as the command writes them."""
    place = tmp_path_factory.mktemp("editions")
    for edition in ("student", "instructor"):
        editions.write(edition, place / edition)
    return place


def read(path):
    return nbformat.read(path, as_version=4)


@pytest.mark.parametrize("name", NAMES)
def test_a_students_notebook_tells_no_answer_and_leads_nowhere_outside(made, name):
    book = read(made / "student" / f"{name}.ipynb")
    assert all(not cell.get("outputs") for cell in book.cells)
    text = "\n".join(cell.source for cell in book.cells if cell.cell_type == "markdown")
    assert "<summary>Answer" not in text
    whole = read(PROJECT / "notebooks" / f"{name}.ipynb")
    key = (made / "answers.md").read_text(encoding="utf-8")
    for exercise in exercises_of(whole):
        [block] = BLOCK.findall(exercise.answer[0].source)
        assert block in key
    text += "".join(page.read_text("utf-8") for page in (made / "student").glob("*.md"))
    for target in re.findall(r"\]\(<?(?!https?:|#|attachment:)([^)#]+)", text):
        assert (made / "student" / target).is_file(), target


@pytest.mark.parametrize("name", NAMES)
def test_an_instructors_notebook_has_all_of_it_unfolded(made, name):
    book = read(made / "instructor" / f"{name}.ipynb")
    text = "\n".join(cell.source for cell in book.cells)
    assert "<details>" not in text
    ours = [each for each in MISCONCEPTIONS if each["notebook"] == name]
    assert text.count("> **For you.**") == len(ours)
    assert sum(bool(c.get("outputs")) for c in book.cells) == sum(
        bool(c.get("outputs")) for c in read(PROJECT / "notebooks" / f"{name}.ipynb").cells
    )


def test_every_misconception_is_cured_under_a_heading_that_is_there():
    assert len({each["name"] for each in MISCONCEPTIONS}) == len(MISCONCEPTIONS) >= 12
    for each in MISCONCEPTIONS:
        book = read(PROJECT / "notebooks" / f"{each['notebook']}.ipynb")
        found = [h for cell in book.cells for h in editions.headings(cell)]
        assert each["heading"] in found, each["name"]


@pytest.mark.parametrize(
    "name",
    [n if n.startswith("02") else pytest.param(n, marks=pytest.mark.long) for n in NAMES],
)
def test_the_student_edition_runs_with_the_answers_put_in(made, name):
    whole = read(PROJECT / "notebooks" / f"{name}.ipynb")
    blocks = {e.starter.id: BLOCK.findall(e.answer[0].source)[0] for e in exercises_of(whole)}
    book = copy.deepcopy(read(made / "student" / f"{name}.ipynb"))
    for cell in book.cells:
        cell.source = blocks.get(cell.id, cell.source)
    NotebookClient(book, timeout=600, resources={"metadata": {"path": made / "student"}}).execute()
    checks = [c for c in book.cells if "check" in editions.tags(c)]
    assert len(checks) == len(blocks)
    assert all(says_right(check.outputs) for check in checks)


def test_an_edition_is_never_written_over(made):
    with pytest.raises(FileExistsError):
        editions.write("student", made / "student")

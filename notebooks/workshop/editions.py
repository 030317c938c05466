"""Editions of the notebooks: `python notebooks/workshop/editions.py student` (or `instructor`).

student     no outputs, so that no guess is answered below its question, and no answers; these go
            into `answers.md`, which lies beside the folder and not in it
instructor  outputs, hints and answers unfolded, and a note after each cell that cures a
            misconception (`misconceptions.yml`)

Both are derived: change the notebooks, then make them again. Nothing but the standard library,
nbformat and PyYAML is needed.
"""

import argparse
import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
import yaml

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent
FOLDED = re.compile(r"<details[^>]*>\s*<summary>.*?</summary>\s*(.*?)\s*</details>", re.S)
Book = nbformat.NotebookNode


def tags(cell: Book) -> list[str]:
    """Return the tags of a cell."""
    found: list[str] = cell.metadata.get("tags", [])
    return found


def student_edition(book: Book) -> Book:
    """Return a notebook without outputs and answers."""
    book.cells = [cell for cell in book.cells if "answer" not in tags(cell)]
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.metadata.pop("collapsed", None)
    book.metadata.pop("widgets", None)
    return book


def answers_of(book: Book, name: str) -> list[str]:
    """Return what stands in the answers of a notebook, unfolded, each under its own heading."""
    answers = [cell.source for cell in book.cells if "answer" in tags(cell)]
    unfolded = [FOLDED.sub(r"\1", answer) for answer in answers]
    return [f"## {name[:2]}.{number}\n\n{text}" for number, text in enumerate(unfolded, 1)]


def instructor_edition(book: Book, name: str, misconceptions: list[dict[str, Any]]) -> Book:
    """Return a notebook with all unfolded, and with notes where a misconception is cured."""
    cells = []
    for cell in book.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"<details(?: open)?>", "<details open>", cell.source)
        cells.append(cell)
        for each in misconceptions:
            if each["notebook"] == name and each["heading"] in headings(cell):
                note = f'> **For you.** Somebody will think: "{each["says"]}" {each["reply"]}'
                cells.append(nbformat.v4.new_markdown_cell(note, id=f"note-{each['name']}"))
    book.cells = cells
    return book


def headings(cell: Book) -> list[str]:
    """Return the headings in a text cell."""
    is_text = cell.cell_type == "markdown"
    return re.findall(r"^#+ (.+?)\s*$", cell.source, flags=re.M) if is_text else []


def write(edition: str, out: Path) -> None:
    """Write an edition into a new folder, with the pages that its notebooks link to."""
    out.mkdir(parents=True)
    misconceptions = yaml.safe_load((HERE / "misconceptions.yml").read_text(encoding="utf-8"))
    key, linked = ["# Answers"], set()
    for file in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        book = nbformat.read(file, as_version=4)
        if edition == "student":
            key += answers_of(book, file.stem)
            book = student_edition(book)
        else:
            book = instructor_edition(book, file.stem, misconceptions)
        nbformat.write(book, out / file.name)
        linked |= set(re.findall(r"\]\((\w+\.md)\)", nbformat.writes(book)))
    for page in linked:
        shutil.copy(NOTEBOOKS / page, out)
    if edition == "student":
        answers = out.with_name("answers.md")
        answers.write_text("\n\n".join(key) + "\n", encoding="utf-8")
        answers.chmod(0o600)  # on a server that learners share, it is the instructor's


def main() -> None:
    """Read the command line; an edition that is there already is not written over."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0] if __doc__ else None)
    parser.add_argument("edition", choices=("student", "instructor"))
    parser.add_argument("--out", type=Path, help="a new folder; by default named as the edition")
    chosen = parser.parse_args()
    out = chosen.out or Path(chosen.edition)
    try:
        write(chosen.edition, out.resolve())
    except FileExistsError:
        parser.error(f"{out} is there already: remove it, or choose another folder with --out")
    print(f"{out}" + (" and answers.md beside it" if chosen.edition == "student" else ""))


if __name__ == "__main__":
    main()

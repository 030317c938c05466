"""The handout: the idea and the five steps on paper, as `handout.pdf` and `handout.epub`.

`python notebooks/book/make_handout.py` writes both: notebooks 00 to 05, with the answers at the
end, and with stills in place of live maps.

It needs the extras `book` and `browser`, and Chromium, which prints the PDF.
"""

import argparse
import os
import re
import shutil
import tempfile
from pathlib import Path

import nbformat
from make_book import NOTEBOOKS, PROJECT, sphinx

FRONT = """# Class Activation Maps, step by step

Notebooks 0 to 5: the idea and the five steps. Live maps, the explorer and notebooks 6 to 13 are in
the book.

```{toctree}
:maxdepth: 1

%s
answers
```
"""
FRAME = re.compile(r"<iframe\b.*?</iframe>", re.S)
FOLDED = re.compile(r"<details[^>]*>\s*<summary>(.*?)</summary>(.*?)</details>", re.S)
LINK_AWAY = re.compile(r"(?<!!)\[([^\]\[]+)\]\((?!https?:|#)[^)\s]+\)")


def write_paper_edition(folder: Path) -> None:
    """Write notebooks 00 to 05 as they go on paper, their answers, and a front page."""
    folder.mkdir()
    names, answers = [], ["# Answers"]
    for file in sorted(NOTEBOOKS.glob("0[0-5]_*.ipynb")):
        book = nbformat.read(file, as_version=4)
        book.cells = [cell for cell in map(on_paper, book.cells) if cell is not None]
        for number, cell in enumerate((c for c in book.cells if is_answer(c)), 1):
            answers += [f"## {file.stem}, exercise {number}", cell.source]
        book.cells = [cell for cell in book.cells if not is_answer(cell)]
        nbformat.write(book, folder / file.name)
        names.append(file.stem)
    (folder / "answers.md").write_text("\n\n".join(answers), encoding="utf-8")
    (folder / "index.md").write_text(FRONT % "\n".join(names), encoding="utf-8")


def is_answer(cell: nbformat.NotebookNode) -> bool:
    """Say whether a cell is the answer of an exercise."""
    return "answer" in cell.metadata.get("tags", [])


def on_paper(cell: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """Return a cell as it goes on paper: nothing folded, no link away, no frame."""
    tags = cell.metadata.get("tags", [])
    if "remove-cell" in tags:
        return None
    cell.metadata["tags"] = [tag for tag in tags if not tag.startswith("hide-")]
    if cell.cell_type == "markdown":
        title = "" if is_answer(cell) else r"**\1.** "
        cell.source = LINK_AWAY.sub(r"\1", FOLDED.sub(title + r"\2", cell.source))
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        if "text/html" in data:
            data["text/html"] = FRAME.sub("", data["text/html"])
    return cell


def print_pdf(page: Path, out: Path) -> None:
    """Print an HTML file to a tagged PDF with an outline."""
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("CAM_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        # Chromium's own sandbox refuses root; what is opened here is what was just written.
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        sheet = browser.new_context(offline=True).new_page()
        sheet.goto(page.as_uri())
        margins = dict.fromkeys(("top", "bottom", "left", "right"), "18mm")
        sheet.pdf(path=out, format="A4", margin=margins, tagged=True, outline=True)
        browser.close()


def main() -> None:
    """Write both files into the project's folder, or into another one."""
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, default=PROJECT, help="the folder for both files")
    out = parser.parse_args().out.resolve()
    with tempfile.TemporaryDirectory() as place:
        paper, pages, epub = (Path(place, name) for name in ("paper", "pages", "epub"))
        write_paper_edition(paper)
        sphinx("singlehtml", pages, "-t", "paper", source=paper)
        print_pdf(pages / "index.html", out / "handout.pdf")
        sphinx("epub", epub, "-t", "paper", source=paper)
        shutil.copy(next(epub.glob("*.epub")), out / "handout.epub")


if __name__ == "__main__":
    main()

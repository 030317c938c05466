"""Write the project's address where a click starts a notebook: `python notebooks/book/address.py`.

The address stands in pyproject.toml, `[project.urls] Repository`, and nowhere else. From it come a
first code cell in every notebook, which fetches the module where it is missing (on Colab), and the
links behind each notebook in the README's table. Without an address neither is there.
"""

import re
import tomllib
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell

PROJECT = Path(__file__).resolve().parents[2]
TAG = "fetch"
FETCH = """# Where the module is missing, as on Colab, this fetches it. Elsewhere it does nothing.
import importlib.util

if importlib.util.find_spec("cam_helpers") is None:
    %pip install --quiet "{wanted}"
"""
ROW = re.compile(r"^(\| \[(\w+\.ipynb)\]\(notebooks/.*?)(?: \[Colab\].*?)? \|$", re.M)


def with_first_cell(book: nbformat.NotebookNode, wanted: str) -> nbformat.NotebookNode:
    """Give a notebook the cell that installs `wanted`, a requirement of pip; "" takes it away."""
    book.cells = [cell for cell in book.cells if TAG not in cell.metadata.get("tags", [])]
    if wanted:
        first = next(i for i, cell in enumerate(book.cells) if cell.cell_type == "code")
        tags = [TAG, "remove-cell"]  # the book leaves it out
        cell = new_code_cell(FETCH.format(wanted=wanted).rstrip(), metadata={"tags": tags}, id=TAG)
        book.cells.insert(first, cell)
    return book


def with_links(readme: str, address: str) -> str:
    """Give each row of the README's table the links that start its notebook, or none."""
    place = address.removeprefix("https://github.com/")

    def row(found: re.Match[str]) -> str:
        name = f"notebooks/{found[2]}"
        colab = f"https://colab.research.google.com/github/{place}/blob/main/{name}"
        binder = f"https://mybinder.org/v2/gh/{place}/main?labpath={name}"
        links = f" [Colab]({colab}), [Binder]({binder})" if address else ""
        return f"{found[1]}{links} |"

    return ROW.sub(row, readme)


def main() -> None:
    """Bring the notebooks and the README in line with pyproject.toml."""
    text = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    address = tomllib.loads(text)["project"]["urls"].get("Repository", "").removesuffix("/")
    wanted = f"cam-helpers[lab,measure,libraries] @ git+{address}" if address else ""
    for file in sorted((PROJECT / "notebooks").glob("*.ipynb")):
        nbformat.write(with_first_cell(nbformat.read(file, as_version=4), wanted), file)
    readme = PROJECT / "README.md"
    readme.write_text(with_links(readme.read_text(encoding="utf-8"), address), encoding="utf-8")


if __name__ == "__main__":
    main()

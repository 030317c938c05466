"""What the book makes of the notebooks' sources: links that lead on, answers folded."""

import json
import re
from pathlib import Path
from typing import Any

EXPLORER = re.compile(r"\[([^\]\[]+)\]\(((?:\.\./)*)explorer_page\.md(#[^)]*)\)")
NAMED = re.compile(r"`?((?:data|tests)/README\.md|CITATION\.cff|CONTRIBUTING\.md)`?")


def heading_anchor(heading: str) -> str:
    """Name headings as JupyterLab does, so that one link serves in both."""
    return heading.replace(" ", "-")


def lead_outside(app: Any, name: str, source: list[str]) -> None:
    """Link files of the project that a text names to its repository, where that has an address."""
    if blob := app.config.repository_blob:
        source[0] = NAMED.sub(rf"[\1]({blob}/\1)", source[0])


def lead_to_the_explorer(app: Any, name: str, source: list[str]) -> None:
    """Lead links with a place in the explorer to its file, which lies in the book alone."""
    source[0] = EXPLORER.sub(r'<a href="\2explorer.html\3">\1</a>', source[0])


def fold_answers(app: Any, name: str, source: list[str]) -> None:
    """Fold what a cell shows where the text before it ends with a question: guess first."""
    if Path(app.env.doc2path(name)).suffix != ".ipynb" or app.tags.has("paper"):
        return
    book = json.loads(source[0])
    for before, cell in zip(book["cells"], book["cells"][1:], strict=False):
        asks = before["cell_type"] == "markdown" and "".join(before["source"]).rstrip().endswith(
            "?"
        )
        if asks and cell["cell_type"] == "code" and cell["outputs"]:
            cell["metadata"].setdefault("tags", []).append("hide-output")
    source[0] = json.dumps(book)


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx call what stands above."""
    app.add_config_value("repository_blob", "", "env")
    app.connect("source-read", lead_outside)
    app.connect("source-read", lead_to_the_explorer)
    app.connect("source-read", fold_answers)
    return {"parallel_read_safe": True}

"""What a narrow screen needs: long lines of code break well, and tables of sentences stack.

`book.css` says how both look.
"""

import re
from collections.abc import Iterator
from typing import Any

from bs4 import BeautifulSoup
from pygments.formatters import HtmlFormatter
from sphinx.highlighting import PygmentsBridge

INDENT = re.compile("((?:<[^>]*>)*)( *)")
MAY_BREAK_AFTER = re.compile(r"(?<=[(\[.])</span>(?=\S)")
TABLE = re.compile(r'<table class="table">.*?</table>', re.DOTALL)
A_SENTENCE = 12  # characters of a cell, on average and without the first column


class LineFormatter(HtmlFormatter):  # type: ignore[type-arg]
    """Puts each line into an element that knows its indentation, under which its rest hangs."""

    def wrap(self, source: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Mark the lines before Pygments puts its own elements around them."""
        return super().wrap(self.mark_lines(source))

    def mark_lines(self, source: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
        """Let a line break after an opening bracket or a dot too, not only at a space."""
        for kind, line in source:
            before, indent = INDENT.findall(line)[0]  # there is always one, if empty
            rest = MAY_BREAK_AFTER.sub("</span><wbr>", line[len(before + indent) :])
            line = f'{before}<span class="indent">{indent}</span>{rest}'
            yield kind, f'<span class="line" style="--indent: {len(indent)}">{line}</span>'


def prepare_table(found: re.Match[str]) -> str:
    """Give each cell the name of its column where cells hold sentences; else let keys scroll."""
    page = BeautifulSoup(found[0], "html.parser")
    table, names = page.table, [cell.get_text() for cell in page.select("thead th")]
    rows = [row.find_all(["td", "th"]) for row in page.select("tbody tr")]
    later = [cell.get_text() for row in rows for cell in row[1:]]
    if len(names) < 3 or sum(map(len, later)) < A_SENTENCE * len(later):
        return found[0].replace("<table", '<table tabindex="0"')
    table["class"] = ["table", "stacks"]
    table["role"] = "table"  # else a browser forgets it where rows are drawn as blocks
    for part in page.select("tr"):
        part["role"] = "row"
    for row in rows:
        for name, cell in zip(names, row, strict=True):
            cell["role"], cell["data-column"] = "cell", name.rstrip("?")
    return str(page)


def prepare_tables(app: Any, name: str, template: str, context: dict[str, Any], tree: Any) -> None:
    """Prepare all tables of a page."""
    if "body" in context:
        context["body"] = TABLE.sub(prepare_table, context["body"])


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx call what stands above."""
    PygmentsBridge.html_formatter = LineFormatter
    app.connect("html-page-context", prepare_tables)
    return {"parallel_read_safe": True}

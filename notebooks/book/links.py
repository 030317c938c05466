"""Links of the notebooks lead on in JupyterLab and on GitHub; here in the book as well."""

import re
from typing import Any

OUTSIDE = re.compile(r"(?<!!)\[([^\]\[]+)\]\(\.\./([^)\s\"]*)\)")


def heading_anchor(heading: str) -> str:
    """Name headings as JupyterLab does, so that one link serves in both."""
    return heading.replace(" ", "-")


def lead_outside(app: Any, name: str, source: list[str]) -> None:
    """Lead links out of `notebooks/` to the repository; without its address leave their words."""
    blob = app.config.repository_blob
    source[0] = OUTSIDE.sub(rf"[\1]({blob}/\2)" if blob else r"\1", source[0])


def setup(app: Any) -> dict[str, bool]:
    """Let Sphinx call what stands above."""
    app.add_config_value("repository_blob", "", "env")
    app.connect("source-read", lead_outside)
    return {"parallel_read_safe": True}

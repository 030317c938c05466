"""Store notebooks so that they show their panels' still pictures where no kernel runs.

JupyterLab shows "model not found" for a stored widget, although a picture is stored beside it. So
the widget is left out of the stored notebook (`make notebooks`); running the cell brings it back.
"""

from typing import Any

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

WIDGET = "application/vnd.jupyter.widget-view+json"


class StillPictures(Preprocessor):
    """Leaves out stored widgets, so that the picture or the text beside them is shown.

    It also leaves out which version of Python ran the notebook, since no reader needs it.
    """

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any]
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Return the notebook as it is to be stored."""
        nb.metadata["language_info"] = {"name": "python"}
        stored: tuple[NotebookNode, dict[str, Any]] = super().preprocess(nb, resources)  # type: ignore[no-untyped-call]
        return stored

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Return the cell, its outputs without such widgets."""
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)
        return cell, resources

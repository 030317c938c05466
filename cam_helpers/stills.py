"""Store notebooks so that they show their panels' still pictures where no kernel runs.

JupyterLab shows "model not found" for a stored widget, although a picture is stored beside it. So
the widget is left out of the stored notebook (`make notebooks`); running the cell brings it back.
"""

from typing import Any

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

WIDGET = "application/vnd.jupyter.widget-view+json"


class StillPictures(Preprocessor):
    """Leaves out stored widgets that have an HTML picture beside them."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Return the cell, its outputs without such widgets."""
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "text/html" in data:
                data.pop(WIDGET, None)
        return cell, resources

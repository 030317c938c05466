"""Run notebooks and store what they show: `make notebooks`, or `make notebooks ONLY=05`.

Running a notebook again whose code draws the same changes no byte of its file: cells keep their
names, no time and no version of Python is stored, and a picture is replaced only where its pixels
have changed. nbval holds the stored pictures to the code in the same way (conftest.py beside the
README).

A stored widget would show as "model not found" where no kernel runs. It is left out, so that the
still picture beside it is seen; running the cell brings the widget back.
"""

import base64
import io
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
from nbclient import NotebookClient
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from PIL import Image

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"
PICTURE = re.compile(r"data:image/\w+;base64,([A-Za-z0-9+/=]+)")
WIDGET = "application/vnd.jupyter.widget-view+json"
# Levels of 255. A last digit of a number can choose the next colour of a colour map.
SAME_TO_THE_EYE = 8
CELL_SECONDS = 120


def pictures_of(outputs):
    """Return the pictures in the outputs of a cell, in order, as base64."""
    texts = [str(output.get("data", {}).get("text/html", "")) for output in outputs]
    return [found for text in texts for found in PICTURE.findall(text)]


def difference(one, other):
    """Return the largest difference between two pictures in base64; 255 for different sizes."""
    if one == other:
        return 0
    first, second = (
        np.asarray(Image.open(io.BytesIO(base64.b64decode(each))).convert("RGB"), int)
        for each in (one, other)
    )
    return 255 if first.shape != second.shape else int(np.abs(first - second).max())


def keep_stored_pictures(fresh, stored):
    """Put stored pictures back into the fresh outputs of a cell, where the eye sees no change."""
    for new, old in zip(pictures_of(fresh), pictures_of(stored), strict=False):
        if difference(new, old) <= SAME_TO_THE_EYE:
            for output in fresh:
                if "text/html" in output.get("data", {}):
                    output["data"]["text/html"] = output["data"]["text/html"].replace(new, old)


def store(path):
    """Run one notebook from top to bottom and write its file anew."""
    stored = nbformat.read(path, 4)
    book = nbformat.read(path, 4)
    NotebookClient(
        book,
        timeout=CELL_SECONDS,
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--log-level=40"],
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    book, _ = CoalesceStreamsPreprocessor().preprocess(book, {})
    book.metadata["language_info"] = {"name": "python"}
    for cell, before in zip(book.cells, stored.cells, strict=True):
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)
        keep_stored_pictures(cell.get("outputs", []), before.get("outputs", []))
    nbformat.write(book, path)


if __name__ == "__main__":
    wanted = sys.argv[1:] or [""]
    for path in sorted(path for each in wanted for path in NOTEBOOKS.glob(f"{each}*.ipynb")):
        print(path.name)
        store(path)

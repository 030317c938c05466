"""Run notebooks and store what they show: `make notebooks`, or `make notebooks ONLY=05`.

Running a notebook again whose code draws the same changes no byte of its file: cells keep their
names, no time and no version of Python is stored, and a picture or a live frame is replaced only
where its pixels or numbers have changed. nbval holds the stored ones to the code in the same way
(conftest.py beside the README).

A stored widget would show as "model not found" where no kernel runs. It is left out, so that the
still picture beside it is seen; running the cell brings the widget back.
"""

import base64
import html
import io
import json
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
# Of the largest number of its kind. Another processor rounds the last of seven digits elsewhere.
SAME_NUMBER = 1e-3
CELL_SECONDS = 120
FRAME = re.compile(r'srcdoc="([^"]*)"')
NUMBERS = re.compile(r'(<script type="application/json" id="numbers">)(.*?)(</script>)', re.DOTALL)


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


def frames_of(outputs):
    """Return the numbers laid into the live frames in the outputs of a cell, in order, as JSON."""
    texts = [str(output.get("data", {}).get("text/html", "")) for output in outputs]
    pages = [html.unescape(page) for text in texts for page in FRAME.findall(text)]
    return [NUMBERS.search(page)[2] for page in pages]


def frame_fault(new, old):
    """Say what is not the same in the numbers of two frames, or return ""."""
    return "" if new == old else _fault(json.loads(new), json.loads(old), "the frame")


def _fault(new, old, name):
    if isinstance(new, str) and isinstance(old, str) and new.startswith("data:image"):
        apart = difference(*(each.partition(",")[2] for each in (new, old)))
        return "" if apart <= SAME_TO_THE_EYE else f"{name} differs by {apart} of 255 levels"
    if isinstance(new, dict) and isinstance(old, dict) and new.keys() == old.keys():
        if "base64" in new:
            return _numbers_fault(*(_unpacked(each) for each in (new, old)), name)
        return next(filter(None, (_fault(new[k], old[k], f"{name}: {k}") for k in new)), "")
    if isinstance(new, list) and isinstance(old, list) and new and isinstance(new[0], float):
        return _numbers_fault(np.array(new), np.array(old), name)
    if isinstance(new, float) and isinstance(old, float):
        return _numbers_fault(np.array([new]), np.array([old]), name)
    return "" if new == old else f"{name} is not what is stored"


def _unpacked(packed):
    return np.frombuffer(base64.b64decode(packed["base64"]), "<i2") * packed["scale"]


def _numbers_fault(new, old, name):
    if new.shape != old.shape:
        return f"{name} has {len(new)} numbers, and {len(old)} are stored"
    apart = np.abs(new - old).max() / max(np.abs(old).max(), 1e-9)
    return "" if apart <= SAME_NUMBER else f"{name} differs by {apart:.1%} of its largest number"


def keep_stored_pictures(fresh, stored):
    """Put stored pictures and numbers of frames back into the fresh outputs of a cell, where nobody
    sees a change."""
    kept = [
        (html.escape(new), html.escape(old))
        for new, old in zip(frames_of(fresh), frames_of(stored), strict=False)
        if not frame_fault(new, old)
    ]
    kept += [
        pair
        for pair in zip(pictures_of(fresh), pictures_of(stored), strict=False)
        if difference(*pair) <= SAME_TO_THE_EYE
    ]
    for output in fresh:
        for new, old in kept:
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

"""Writes the page: one HTML file with networks, pictures and engine inside."""

import base64
import gzip
import html
import io
from pathlib import Path
from typing import Any

from cam_helpers.folders import DATA_FOLDER
from cam_helpers.networks.load import load_network
from cam_helpers.pictures.open_picture import _find, open_picture, shipped_photographs
from cam_helpers.view.bundle import VIEW, as_json, fill, read, script
from cam_helpers.view.export import export_network

LICENCE = DATA_FOLDER / "weights" / "LICENSE-Apache-2.0"
NOTEBOOKS = "notebooks/{}.ipynb"
FOR_PHOTOGRAPHS = "tf_mobilenet_v2"
TITLES = {"tiny_resnet": "drawn scenes", "tf_mobilenet_v2": "photographs"}
# The page begins with the first. Each photograph is for one network, each drawing for the other.
DRAWINGS = (
    "cat_and_dog",
    "car_and_house",
    "butterfly_and_flower",
    "umbrella_and_dog",
    "bird_and_tree",
    "fish_and_boat",
    "cup_and_flower",
    "cat_top_left",
    "dog_top_right",
    "hidden_cat",
    "cut_boat",
    "empty",
)
# Left out, so that the page stays below 8 MB.
NO_PHOTOGRAPHS = ("photo:giraffes", "photo:hedgehog", "photo:xray_lying")
BEGIN_WITH = {"photo:four": 285}  # Egyptian cat; the others begin with their best class
# What the opening asks the reader to guess, and the class that shows it.
GUESSES = (("cat", 285), ("coffee", 967), ("rocket", 812), ("tripod", 872))


def write_page(out: Path, notebooks: str = NOTEBOOKS) -> None:
    """Write the page to the file `out`; `notebooks` is where a link to one leads."""
    # In a folder that cannot be written to, this fails before the work and not after it.
    with out.open("a", encoding="utf-8"):
        pass
    out.write_text(make_page(notebooks), encoding="utf-8")


def make_page(notebooks: str = NOTEBOOKS) -> str:
    """Return the page's HTML."""
    known = [name for name in shipped_photographs() if name not in NO_PHOTOGRAPHS]
    photographs = sorted(known, key=lambda name: name != "photo:four")
    data = {
        "networks": {name: _network(name) for name in TITLES},
        "pictures": [
            *(_picture(name, FOR_PHOTOGRAPHS) for name in photographs),
            *(_picture(name, "tiny_resnet") for name in DRAWINGS),
        ],
        "forPhotographs": FOR_PHOTOGRAPHS,
        "guesses": GUESSES,
        "notebooks": notebooks,
    }
    parts = {
        "view.css": read("view.css"),
        "page.css": read("page.css"),
        "engine": script("engine.js"),
        "worker": script("worker.js"),
        "page": script(*VIEW, "files.js", "page.js"),
        "data": as_json(data),
        "licence": html.escape(LICENCE.read_text(encoding="utf-8")),
    }
    return fill("page.html", parts)


def _network(name: str) -> dict[str, Any]:
    description, numbers = export_network(load_network(name))
    packed = gzip.compress(numbers, mtime=0)  # a fifth smaller
    return {
        "title": TITLES[name],
        "description": description,
        "gzip": base64.b64encode(packed).decode(),
    }


def _picture(name: str, network: str) -> dict[str, Any]:
    """Return a shipped picture, without loss, and what the page begins with when it is chosen."""
    path = _find(name)
    kind = path.suffix.replace(".jpg", ".jpeg")[1:]
    content = path.read_bytes()
    if kind == "png" or name in BEGIN_WITH:  # whose first map a test holds to the last bit
        buffer = io.BytesIO()
        open_picture(name).save(buffer, "webp", lossless=True, method=2)
        kind, content = "webp", buffer.getvalue()
    return {
        "name": name,
        "network": network,
        "class": BEGIN_WITH.get(name),
        "type": f"image/{kind}",
        "base64": base64.b64encode(content).decode(),
    }

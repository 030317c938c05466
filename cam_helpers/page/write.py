"""Writes the page: one HTML file with networks, pictures and engine inside."""

import base64
import gzip
import html
import io
import json
import re
from pathlib import Path
from typing import Any

from cam_helpers.folders import DATA_FOLDER
from cam_helpers.networks.load import SHIPPED, load_network
from cam_helpers.page.export import export_network
from cam_helpers.pictures.open_picture import open_picture, shipped_photographs

HERE = Path(__file__).parent
PARTS = ("page.css", "page.js", "worker.js", "engine.js")
LICENCE = DATA_FOLDER / "weights" / "LICENSE-Apache-2.0"
FOR_PHOTOGRAPHS = "tf_mobilenet_v2"
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
BEGIN_WITH = {"photo:four": 872}  # tripod; the others begin with their best class


def write_page(out: Path, notebooks: str = "notebooks/") -> None:
    """Write the page to the file `out`; `notebooks` is the address of the notebooks' folder."""
    # In a folder that cannot be written to, this fails before the work and not after it.
    with out.open("a", encoding="utf-8"):
        pass
    out.write_text(make_page(notebooks), encoding="utf-8")


def make_page(notebooks: str = "notebooks/") -> str:
    """Return the page's HTML."""
    photographs = sorted(shipped_photographs(), key=lambda name: name != "photo:four")
    data = {
        "networks": {name: _network(name) for name in SHIPPED},
        "pictures": [
            *(_picture(name, FOR_PHOTOGRAPHS) for name in photographs),
            *(_picture(name, "tiny_resnet") for name in DRAWINGS),
        ],
        "forPhotographs": FOR_PHOTOGRAPHS,
        "notebooks": notebooks,
    }
    parts = {name: (HERE / name).read_text(encoding="utf-8") for name in PARTS}
    for name in ("engine.js", "worker.js", "page.js"):
        parts[name] = _without_modules(parts[name])
    parts["data"] = json.dumps(data, separators=(",", ":")).replace("</", "<\\/")
    parts["licence"] = html.escape(LICENCE.read_text(encoding="utf-8"))
    return re.sub(
        r"{{([\w.]+)}}", lambda found: parts[found[1]], (HERE / "page.html").read_text("utf-8")
    )


def _without_modules(code: str) -> str:
    """Take `import` and `export` out of a script: pages opened as files cannot import."""
    code = re.sub(r"^import \{[^}]*\} from .*;\n", "", code, flags=re.MULTILINE)
    return re.sub(r"^export ", "", code, flags=re.MULTILINE)


def _network(name: str) -> dict[str, Any]:
    description, numbers = export_network(load_network(name))
    packed = gzip.compress(numbers, mtime=0)  # a fifth smaller
    return {"description": description, "gzip": base64.b64encode(packed).decode()}


def _picture(name: str, network: str) -> dict[str, Any]:
    """Return a shipped picture, without loss, and what the page begins with when it is chosen."""
    content = io.BytesIO()
    open_picture(name).save(content, "webp", lossless=True, method=2)
    return {
        "name": name,
        "network": network,
        "class": BEGIN_WITH.get(name),
        "type": "image/webp",
        "base64": base64.b64encode(content.getvalue()).decode(),
    }

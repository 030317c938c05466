"""Light by default, and imports that run one way only."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import cam_helpers as ch

MODULES = Path(ch.__file__).parent
HEAVY = ("torchvision", "ipywidgets", "IPython", "skimage", "matplotlib.pyplot")

START = "import sys, json, cam_helpers as ch\n"
WORK = """
network = ch.load_network()
explanation = ch.explain(network, "cat")
explanation.overlay("cat", whole=True, colour_map="jet")
ch.overlay(ch.draw_scene(5).picture, explanation.cam("cat"))
"""
REPORT = "print(json.dumps(sorted(sys.modules)))\n"


def modules_after(code):
    done = subprocess.run(
        [sys.executable, "-c", START + code + REPORT], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_neither_importing_nor_working_with_tiny_resnet_imports_anything_heavy():
    loaded = modules_after(WORK)
    assert {"torch", "numpy", "PIL", "cam_helpers.explain"} <= loaded
    assert [name for name in HEAVY if name in loaded] == []


LEAN = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {absent}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
import cam_helpers as ch
network = ch.load_network()
picture = ch.open_picture("cat_and_dog")
with ch.hook_features(network) as kept:
    best = ch.predict(network, picture).top(1)[0]
weights = ch.isolate_weights(network, best.class_index)
cam = ch.weighted_sum(weights.weights, kept.feature_maps[0])
assert ch.overlay(picture, cam).size == picture.size
assert ch.upsample(cam, (224, 224)).shape == (224, 224)
explanation = ch.explain(ch.load_network("tf_mobilenet_v2"), "photo:cat")
assert explanation.overlay("tiger cat", whole=True).size == ch.open_picture("photo:cat").size
print(best.category)
"""


def test_the_five_steps_need_no_package_of_the_extras():
    project = tomllib.loads((MODULES.parent / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {re.split("[>=]", line)[0] for line in extras["lab"] + extras["measure"]}
    absent = {"IPython" if name == "ipython" else name for name in wanted}
    code = LEAN.format(absent=absent)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("dog\n", "")


def test_evidence_has_its_own_colours_and_needs_no_matplotlib():
    loaded = modules_after("ch.explain(ch.load_network(), 'cat').overlay('cat', opacity=0.5)\n")
    assert "cam_helpers.map_style" in loaded and "matplotlib" not in loaded


def test_importing_does_not_import_the_parts_for_widgets():
    loaded = modules_after("")
    assert "matplotlib" not in loaded  # it comes with the first colours
    late = ("display.controls", "view.widget")
    assert "cam_helpers.explain" in loaded
    assert loaded & {f"cam_helpers.{name}" for name in late} == set()


def module_name(path):
    """`view/frame.py` -> `view.frame`; `pictures/drawings/__init__.py` -> `pictures.drawings`."""
    return ".".join(path.relative_to(MODULES).with_suffix("").parts).removesuffix(".__init__")


def imported_by(path):
    """The modules of cam_helpers that a module imports, anywhere in its text."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cam_helpers."):
            found.add(node.module.removeprefix("cam_helpers."))
        elif isinstance(node, ast.Import):
            found |= {a.name[12:] for a in node.names if a.name.startswith("cam_helpers.")}
    return found


USES = {
    module_name(path): imported_by(path)
    for path in MODULES.rglob("*.py")
    if path.parent != MODULES or not path.stem.startswith("__")
}
STEPS = sorted(name for name in USES if name.startswith("step_"))
# From the bottom up, each on a floor of its own: a room imports from those before it alone.
FLOORS = (
    *("folders", "boxes", "map_style", "pictures", "cells"),
    *("localization", "intervals", "deletion", "drawn", "networks"),
    *STEPS,
    *("explain", "explain_many", "grad_cam", "place", "display", "evaluate", "checks", "view"),
)
FLOOR_OF = {room: floor for floor, room in enumerate(FLOORS)}


def room_of(module):
    return module.split(".")[0]


def test_every_module_was_looked_at():
    assert [step[:6] for step in STEPS] == [f"step_{number}" for number in range(1, 6)]
    assert {room_of(name) for name in USES} == set(FLOOR_OF)
    assert sum(map(len, USES.values())) > 50


@pytest.mark.parametrize("step", STEPS)
def test_no_step_imports_another_step(step):
    assert USES[step] & set(STEPS) == set()


def test_pictures_drawn_ones_and_measures_know_no_network():
    for room, below in {
        "pictures": {"folders"},
        "drawn": {"folders", "boxes", "pictures"},
        "localization": {"boxes"},
    }.items():
        used = {room_of(used) for name in USES if room_of(name) == room for used in USES[name]}
        assert used - {room} == below


def test_imports_run_one_way_only():
    list(TopologicalSorter(USES).static_order())  # raises CycleError where two use each other
    up = {
        f"{name} imports {used}"
        for name, uses in USES.items()
        for used in uses
        if FLOOR_OF[room_of(used)] > FLOOR_OF[room_of(name)]
    }
    assert up == set()


def test_the_rooms_themselves_are_empty_but_for_the_one_that_is_called_itself():
    for path in set(MODULES.glob("*/__init__.py")) - {MODULES / "evaluate" / "__init__.py"}:
        assert path.read_text(encoding="utf-8") == "", path


def test_every_public_name_is_there():
    assert len(set(ch.__all__)) == len(ch.__all__)  # ruff keeps them in order
    assert [name for name in ch.__all__ if not hasattr(ch, name)] == []

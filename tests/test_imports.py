"""Light by default, and imports that run one way only."""

import ast
import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import cam_helpers as ch

MODULES = Path(ch.__file__).parent
HEAVY = ("torchvision", "matplotlib", "ipywidgets", "IPython", "skimage")

START = "import sys, json, cam_helpers as ch\n"
WORK = """
from cam_helpers.measure import measure
network = ch.load_network()
explanation = ch.explain(network, "cat")
explanation.overlay("cat", whole=True, colour_map="jet")
ch.overlay(ch.draw_scene(5).picture, explanation.cam("cat"))
measure(network, scenes=1)
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


def test_importing_does_not_import_the_parts_for_widgets_and_training():
    loaded = modules_after("")
    late = {f"cam_helpers.{name}" for name in ("controls", "explorer_panel", "measure", "train")}
    assert "cam_helpers.explain" in loaded
    assert loaded & late == set()


def imported_by(module):
    """The modules of cam_helpers that a module imports, anywhere in its text."""
    found = set()
    for node in ast.walk(ast.parse((MODULES / f"{module}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cam_helpers."):
            found.add(node.module.split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names if name.name.startswith("cam_helpers")}
    return found


STEPS = ("predict", "isolate_weights", "hook_features", "weighted_sum", "overlay")


@pytest.mark.parametrize("step", STEPS)
def test_no_step_imports_another_step(step):
    assert imported_by(step) <= {"layers", "networks", "pictures", "folders"}


def test_the_parts_that_know_no_network_import_none():
    assert imported_by("scenes") <= {"drawings"}
    assert imported_by("pictures") <= {"folders"}
    assert imported_by("explain") >= set(STEPS)


def test_imports_run_one_way_only():
    names = [path.stem for path in MODULES.glob("*.py") if not path.stem.startswith("__")]
    uses = {name: imported_by(name) for name in names}
    list(TopologicalSorter(uses).static_order())  # raises CycleError where two use each other
    above = {"explorer", "explorer_panel", "explorer_views", "explorer_figures", "stills"}
    below = set(names) - above
    assert {name for name in below if uses[name] & above} == set()


def test_every_public_name_is_there():
    assert sorted(ch.__all__) == ch.__all__
    assert [name for name in ch.__all__ if not hasattr(ch, name)] == []

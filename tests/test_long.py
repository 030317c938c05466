"""Long runs: memory stays flat, and no hook stays behind.

`CAM_LONG` says how many explanations are run, 2,000 by default; a live panel is moved a tenth as
often, and the explorer, which draws faster, half as often. The full length is `CAM_LONG=10000 make
test-long`, or one kind of work by hand, which prints what it measured: `python tests/test_long.py
explanations 10000`, `... panel 1000`, `... explorer 5000`.

Each kind of work runs in a process of its own: a warm-up, a measurement, the work, a measurement.
"""

import ctypes
import gc
import itertools
import json
import os
import subprocess
import sys

import psutil
import pytest
import torch

import cam_helpers as ch

pytestmark = pytest.mark.long
EXPLANATIONS = int(os.environ.get("CAM_LONG", "2000"))
MOVES = EXPLANATIONS // 10
MOST_GROWTH = 0.02  # of the memory that the process holds
MOST_NEW_OBJECTS = 50  # fewer than one for every move, so that no leak of one a move passes
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def explanations(network):
    """Return a function that explains one shipped picture after the other."""
    names = itertools.cycle(ch.shipped_pictures())

    def explain_next():
        explanation = ch.explain(network, next(names))
        explanation.cams()
        explanation.overlay(0)

    return explain_next


def panel(network):
    """Return a function that moves the class of a live panel."""
    from cam_helpers.display.controls import ClassPicker, LivePanel

    explanation = ch.explain(network, "cat_and_dog")
    picker = ClassPicker(network)
    # Bound to the picker, as in a notebook, where the panel lives as long as the kernel.
    picker.panel = LivePanel(lambda c: (explanation.overlay(c), network.categories[c]), picker)

    def move():
        picker.value = (picker.value + 1) % len(network.categories)
        assert picker.panel.alt == network.categories[picker.value]

    return move


def explorer(network):
    """Return a function that moves the explorer's controls in turn, and changes its picture."""
    panel = ch.explorer(network)
    pictures = ["cat", *["dog"] * 20, *["cat"] * 20]
    style, show = panel.map_style.lists, panel.views["the map"].show
    rounds = [
        (panel.classes, range(len(network.categories))),
        (panel.view, panel.view.options),
        (style["style"], ("evidence", "blend")),
        (style["opacity"], (0.2, 0.8, None)),
        (show, show.options),
        (style["scale"], ("shared", "raw")),
        (style["colour_map"], ("viridis", "magma", "jet")),
        (panel.picture, pictures),
    ]
    turns = [itertools.cycle([(control, value) for value in values]) for control, values in rounds]
    moves = (next(turn) for turn in itertools.cycle(turns))

    def move():
        control, value = next(moves)
        control.value = value
        assert panel.alt and not panel.sentence

    return move


WORK = {"explanations": explanations, "panel": panel, "explorer": explorer}


def measure(network):
    """Return the memory in bytes and the number of Python's objects, after all that can go went."""
    for _ in range(3):
        gc.collect()
    if sys.platform == "linux":
        # What the allocator keeps for later is not held.
        getattr(ctypes.CDLL(None), "malloc_trim", bool)(0)
    layers = list(network.model.modules())
    return {
        "memory": psutil.Process().memory_info().rss,
        "objects": len(gc.get_objects()),
        "hooks": sum(len(getattr(layer, kind)) for layer in layers for kind in HOOKS),
    }


def work(kind, count):
    """Do the work `count` times; return what was measured before and after."""
    torch.set_num_threads(1)
    network = ch.load_network()
    once = WORK[kind](network)
    for _ in range(max(50, count // 10)):
        once()
    before = measure(network)
    for _ in range(count):
        once()
    return before, measure(network)


@pytest.mark.parametrize(
    ("kind", "count"),
    [("explanations", EXPLANATIONS), ("panel", MOVES), ("explorer", 5 * MOVES)],
)
def test_memory_stays_flat_and_no_hook_is_left(kind, count):
    done = subprocess.run(
        [sys.executable, __file__, kind, str(count)], capture_output=True, text=True, check=True
    )
    before, after = json.loads(done.stdout)
    assert after["memory"] <= (1 + MOST_GROWTH) * before["memory"]
    assert after["objects"] <= before["objects"] + MOST_NEW_OBJECTS
    assert before["hooks"] == after["hooks"] == 0


if __name__ == "__main__":
    print(json.dumps(work(sys.argv[1], int(sys.argv[2]))))

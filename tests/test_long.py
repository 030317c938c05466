"""Long runs: memory stays flat, and no hook stays behind.

`CAM_LONG` says how many explanations are run, 2,000 by default; the explorer is moved a tenth as
often. `python tests/test_long.py explanations 10000` (or `explorer 1000`) prints what it measured.

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
from helpers import hook_count

import cam_helpers as ch

pytestmark = pytest.mark.long
EXPLANATIONS = int(os.environ.get("CAM_LONG", "2000"))
MOVES = EXPLANATIONS // 10
MOST_GROWTH = 0.02  # of the memory that the process holds
MOST_NEW_OBJECTS = 50  # fewer than one for every move, so that no leak of one a move passes


def explanations(network):
    """Return a function that explains one shipped picture after the other."""
    names = itertools.cycle(ch.shipped_pictures())

    def explain_next():
        explanation = ch.explain(network, next(names))
        explanation.cams()
        explanation.overlay(0)

    return explain_next


def explorer(network):
    """Return a function that moves the explorer's class, and now and then changes its picture."""
    panel = ch.explorer(network)
    pictures = itertools.cycle(["dog", "cat"])
    turns = itertools.count(1)

    def move():
        panel.class_index = (panel.class_index + 1) % len(network.categories)
        if next(turns) % 20 == 0:
            panel.show(next(pictures))
        assert network.categories[panel.class_index] in panel.alt

    return move


WORK = {"explanations": explanations, "explorer": explorer}


def measure(network):
    """Return the memory in bytes and the number of Python's objects, after all that can go went."""
    for _ in range(3):
        gc.collect()
    if sys.platform == "linux":
        # What the allocator keeps for later is not held.
        getattr(ctypes.CDLL(None), "malloc_trim", bool)(0)
    return {
        "memory": psutil.Process().memory_info().rss,
        "objects": len(gc.get_objects()),
        "hooks": hook_count(network.model),
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
    [("explanations", EXPLANATIONS), ("explorer", MOVES)],
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

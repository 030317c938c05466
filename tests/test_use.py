"""Use as it happens: cells twice, out of order or stopped half-way, odd folders, odd machines.

Every notebook is played once in a kernel of its own, in hard surroundings (`hard_surroundings`)
and in four ways, one after the other:

backwards   the last cell first, in the fresh kernel
twice       from top to bottom, every cell twice in a row
alone       every cell once more, as when a learner goes back up after the last cell
again       from top to bottom, a second time in the same kernel

That takes minutes, and belongs to `make test-long`; the rest of this file takes 20 seconds.
"""

import ast
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
import pytest
import torch
from helpers import HOOKS
from jupyter_client.manager import start_new_kernel

import cam_helpers as ch
from cam_helpers.networks.make import make_network

PROJECT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
TITLES = [path.name for path in NOTEBOOKS]
CELL_SECONDS = 120


@dataclass
class Kernel:
    """A running kernel; `run` gives back what a cell shows, in words."""

    manager: object
    client: object

    def run(self, source):
        """Run a cell; return its texts: streams, alt texts, errors."""
        shown = []
        self.client.execute_interactive(
            source, timeout=CELL_SECONDS, output_hook=lambda message: add_text(shown, message)
        )
        return shown

    def stop(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def start_kernel(folder, environment):
    manager, client = start_new_kernel(
        kernel_name="python3", cwd=str(folder), env=environment, extra_arguments=["--log-level=40"]
    )
    return Kernel(manager, client)


def add_text(shown, message):
    """Append what a message shows, as (kind, text); pieces of one stream are one text."""
    kind, content = message["msg_type"], message["content"]
    if kind == "stream":
        kind, text = content["name"], content["text"]
        if shown and shown[-1][0] == kind:
            text = shown.pop()[1] + text
        shown.append((kind, re.sub(r"[^\n]*\r(?!\n)", "", text)))  # as a line is written over
    elif kind in ("display_data", "execute_result"):
        shown.append((kind, content["data"].get("text/plain", "")))
    elif kind == "error":
        shown.append((kind, f"{content['ename']}: {content['evalue']}"))


def stored_texts(cell):
    """Return what a notebook's file says that a cell shows, in the form of `Kernel.run`."""
    shown = []
    for output in cell.outputs:
        add_text(shown, {"msg_type": output.output_type, "content": output})
    return shown


def hard_surroundings(home):
    """Return an environment in which much is missing or odd, all of it at once.

    No display and no backend for matplotlib, the locale C without Python's UTF-8 mode (file names
    are ASCII then), and a home folder with spaces and umlauts.
    """
    odd = ("DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND", "LANG", "LANGUAGE", "CAM_NETWORK")
    kept = {k: v for k, v in os.environ.items() if k not in odd and not k.startswith("LC_")}
    return kept | {"HOME": str(home), "LC_ALL": "C", "PYTHONUTF8": "0", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("Zoë Müller") / "Übung 1 für zu Hause"
    folder.mkdir()
    return folder


COUNT_HOOKS = f"""
print(sum(
    len(getattr(layer, kind))
    for found in list(globals().values()) if isinstance(found, ch.Network)
    for layer in found.model.modules() for kind in {HOOKS}
))
"""
REMEMBER = "import builtins; builtins.names_at_the_end = dict(globals())"
GO_BACK = "globals().clear(); globals().update(__import__('builtins').names_at_the_end)"


@dataclass
class History:
    """What the cells of one notebook showed; one list of texts for each cell."""

    stored: dict
    backwards: dict
    twice: dict
    alone: dict
    again: dict
    hooks_left: list


def play(path, home):
    """Run one notebook in the four ways that this module's docstring lists."""
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    kernel = start_kernel(home, hard_surroundings(home))
    try:
        backwards = {cell.id: kernel.run(cell.source) for cell in reversed(cells)}
        twice = {cell.id: [kernel.run(cell.source), kernel.run(cell.source)] for cell in cells}
        hooks_left = [kernel.run(COUNT_HOOKS)]
        kernel.run(REMEMBER)
        alone = {}
        for cell in cells:
            alone[cell.id] = kernel.run(cell.source)
            kernel.run(GO_BACK)
        hooks_left.append(kernel.run(COUNT_HOOKS))
        again = {cell.id: kernel.run(cell.source) for cell in cells}
        hooks_left.append(kernel.run(COUNT_HOOKS))
    finally:
        kernel.stop()
    stored = {
        cell.id: None if "nbval-ignore-output" in cell.metadata.get("tags", []) else shown
        for cell, shown in zip(cells, map(stored_texts, cells), strict=True)
    }
    return History(stored, backwards, twice, alone, again, hooks_left)


@pytest.fixture(scope="session")
def histories(home):
    """The history of every notebook; two kernels at a time."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(TITLES, pool.map(lambda path: play(path, home), NOTEBOOKS), strict=True))


@pytest.fixture(params=[pytest.param(title, marks=pytest.mark.long) for title in TITLES])
def history(request, histories):
    return histories[request.param]


def differing(stored, shown):
    """Return the cells that showed something else than what is stored."""
    return {
        name: texts
        for name, texts in shown.items()
        if stored[name] is not None and texts != stored[name]
    }


def errors_in(shown):
    return {name: text for name, texts in shown.items() for kind, text in texts if kind == "error"}


def test_a_cell_run_before_its_time_says_which_name_is_missing(history):
    errors = errors_in(history.backwards)
    assert errors
    assert {text for text in errors.values() if not text.startswith("NameError: name ")} == set()


def test_run_twice_in_a_row_once_more_or_all_again_every_cell_shows_the_same(history):
    first, second = ({name: shown[n] for name, shown in history.twice.items()} for n in (0, 1))
    for shown in (first, second, history.alone, history.again):
        assert differing(history.stored, shown) == {}
        assert errors_in(shown) == {}


def test_no_run_leaves_a_hook(history):
    assert history.hooks_left == [[("stdout", "0\n")]] * 3


def state_of(model):
    """Every layer's mode and hooks, and whether gradients are off."""
    layers = [
        (layer.training, *(len(getattr(layer, kind)) for kind in HOOKS))
        for layer in model.modules()
    ]
    return layers, torch.is_inference_mode_enabled(), torch.is_grad_enabled()


def maps_of_your_own_model(network, picture):
    """Prove the network anew, then explain."""
    mine = make_network("mine", network.model, network.categories, network.preprocess)
    return ch.explain(mine, picture).cams()


CALLS = {
    "predict": lambda network, picture: ch.predict(network, picture).scores,
    "explain": lambda network, picture: ch.explain(network, picture).cams(),
    "make_network": maps_of_your_own_model,
}


@cache
def cleaning_lines():
    """Return (file, line) of all that stands in a `finally` of cam_helpers.

    A Ctrl-C that comes just there, while something is being put back, is beyond any program.
    """
    found = set()
    for path in Path(ch.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            for statement in getattr(node, "finalbody", []):
                lines = range(statement.lineno, statement.end_lineno + 1)
                found |= {(str(path), line) for line in lines}
    return found


def run_until(step, call):
    """Call, and press Ctrl-C before the given step, counted in lines of cam_helpers.

    Returns what the call gives back, or None where it was stopped.
    """
    ours, cleaning, count = str(Path(ch.__file__).parent), cleaning_lines(), 0

    def trace(frame, event, _):
        nonlocal count
        place = (frame.f_code.co_filename, frame.f_lineno)
        if not place[0].startswith(ours):
            return None
        if event == "line" and place not in cleaning:
            count += 1
            if count == step:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return call()
    except KeyboardInterrupt:
        return None
    finally:
        sys.settrace(before)


@pytest.mark.parametrize("name", CALLS)
def test_ctrl_c_before_any_line_leaves_no_hook_and_no_other_mode(name, make_small):
    network, picture, call = make_small(), ch.open_picture("cat").resize((48, 48)), CALLS[name]
    network.model.train()  # so that a mode that is not put back is seen
    before, expected = state_of(network.model), call(network, picture)
    step, result = 0, None
    while result is None:
        step += 1
        result = run_until(step, lambda: call(network, picture))
        assert state_of(network.model) == before, step
    assert step > 20
    assert torch.equal(result, expected)

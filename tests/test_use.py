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
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
import pytest
import torch
import traitlets
from jupyter_client.manager import start_new_kernel
from torch import nn

import cam_helpers as ch
from cam_helpers.display.controls import ClassPicker, LivePanel
from cam_helpers.networks.make import make_network

PROJECT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
TITLES = [path.name for path in NOTEBOOKS]
CELL_SECONDS = 120
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


# ---- Kernels ------------------------------------------------------------------------------


@dataclass
class Kernel:
    """A running kernel; `run` gives back what a cell shows, in words."""

    manager: object
    client: object

    def run(self, source, stop_when=None):
        """Run a cell; return its texts: streams, alt texts, errors. Interrupt it on a signal.

        `stop_when` is a text; as soon as the cell has printed it, it is interrupted.
        """
        shown = []

        def note(message):
            add_text(shown, message)
            if stop_when and shown and stop_when in shown[-1][1]:
                self.manager.interrupt_kernel()

        self.client.execute_interactive(source, timeout=CELL_SECONDS, output_hook=note)
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
    elif kind in ("display_data", "execute_result"):
        text = content["data"].get("text/plain", "")
    elif kind == "error":
        text = f"{content['ename']}: {content['evalue']}"
    else:
        return
    shown.append((kind, text))


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
    return kept | {
        "HOME": str(home),
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("Zoë Müller") / "Übung 1 für zu Hause"
    folder.mkdir()
    return folder


# ---- Every notebook, in four ways ---------------------------------------------------------

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


def test_every_cell_run_twice_in_a_row_shows_the_same(history):
    first = {name: shown[0] for name, shown in history.twice.items()}
    second = {name: shown[1] for name, shown in history.twice.items()}
    assert differing(history.stored, first) == {}
    assert differing(history.stored, second) == {}
    assert errors_in(first) | errors_in(second) == {}


def test_every_cell_run_once_more_after_the_last_shows_the_same(history):
    assert differing(history.stored, history.alone) == {}
    assert errors_in(history.alone) == {}


def test_a_second_run_in_the_same_kernel_shows_the_same(history):
    assert differing(history.stored, history.again) == {}
    assert errors_in(history.again) == {}


def test_no_run_leaves_a_hook(history):
    assert history.hooks_left == [[("stdout", "0\n")]] * 3


def test_the_surroundings_are_as_hard_as_they_should_be(home):
    look = "import locale, os, sys; from pathlib import Path; import matplotlib\n"
    look += "print(sys.getfilesystemencoding(), sys.flags.utf8_mode, os.environ.get('DISPLAY'))\n"
    look += "print(os.fsencode(Path.cwd()).decode(), os.fsencode(Path.home()).decode())"
    kernel = start_kernel(home, hard_surroundings(home))
    try:
        [(kind, text)] = kernel.run(look)
    finally:
        kernel.stop()
    assert (kind, text) == ("stdout", f"ascii 0 None\n{home} {home}\n")


# ---- Stopped half-way ---------------------------------------------------------------------


def state_of(model):
    """Every layer's mode and hooks, and whether gradients are off."""
    layers = [
        (layer.training, *(len(getattr(layer, kind)) for kind in HOOKS))
        for layer in model.modules()
    ]
    return layers, torch.is_inference_mode_enabled(), torch.is_grad_enabled()


class StopOnce(nn.Module):
    """A layer that presses Ctrl-C in its first forward pass, and never again."""

    def __init__(self):
        super().__init__()
        self.is_pressed = False

    def forward(self, x):
        if not self.is_pressed:
            self.is_pressed = True
            raise KeyboardInterrupt
        return x


def maps_of_your_own_model(network, picture):
    """Prove the network anew, then explain."""
    mine = make_network("mine", network.model, network.categories, network.preprocess)
    return ch.explain(mine, picture).cams()


CALLS = {
    "predict": lambda network, picture: ch.predict(network, picture).scores,
    "explain": lambda network, picture: ch.explain(network, picture).cams(),
    "make_network": maps_of_your_own_model,
}


@pytest.fixture
def picture():
    return ch.open_picture("cat").resize((48, 48))


@pytest.fixture
def training_network(make_small):
    """The very small network in training mode, so that a mode that is not put back is seen."""
    network = make_small()
    network.model.train()
    return network


@pytest.mark.parametrize("name", CALLS)
def test_ctrl_c_in_a_forward_pass_leaves_nothing_and_the_next_call_is_right(
    name, training_network, picture
):
    call, model = CALLS[name], training_network.model
    expected = call(training_network, picture)
    model.body.insert(1, StopOnce())
    before = state_of(model)
    with pytest.raises(KeyboardInterrupt):
        call(training_network, picture)
    assert state_of(model) == before
    assert torch.equal(call(training_network, picture), expected)
    assert state_of(model) == before


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
def test_ctrl_c_before_any_line_leaves_no_hook_and_no_other_mode(name, training_network, picture):
    call, model = CALLS[name], training_network.model
    before, expected = state_of(model), call(training_network, picture)
    step, result = 0, None
    while result is None:
        step += 1
        result = run_until(step, lambda: call(training_network, picture))
        assert state_of(model) == before, step
    assert step > 20
    assert torch.equal(result, expected)


def test_interrupting_a_kernel_leaves_no_hook_and_the_next_cell_is_right(tmp_path):
    start = "import torch, cam_helpers as ch\nnetwork = ch.load_network()\n"
    ask = "print(ch.explain(network, 'cat').prediction.top(1))"
    kernel = start_kernel(tmp_path, os.environ)
    try:
        expected = kernel.run(start + ask)
        assert "cat" in expected[0][1]
        for _ in range(3):  # a large input, so that the interrupt comes inside a forward pass
            shown = kernel.run(
                "large = torch.zeros(3, 1500, 1500)\n"
                "print('running', flush=True)\n"
                "while True: ch.explain(network, large)",
                stop_when="running",
            )
            assert [kind for kind, _ in shown] == ["stdout", "error"]
            assert shown[1][1].startswith("KeyboardInterrupt")
            assert kernel.run(COUNT_HOOKS) == [("stdout", "0\n")]
            assert kernel.run(ask) == expected
        kernel.manager.restart_kernel(now=True)
        kernel.client.wait_for_ready(timeout=60)
        assert kernel.run(ask)[0][1].startswith("NameError")
        assert kernel.run(start + ask) == expected
    finally:
        kernel.stop()


# ---- Two at once --------------------------------------------------------------------------


def panel_of(network, picture, class_index):
    """Return a picker and a panel that explains anew on every move."""
    picker = ClassPicker(network, class_index)

    def draw(chosen):
        explanation = ch.explain(network, picture)
        words = f"{network.categories[chosen]} {explanation.score(chosen):.4f}"
        return explanation.overlay(chosen), words

    return picker, LivePanel(draw, picker)


def test_two_panels_on_one_network_do_not_disturb_each_other(network):
    cats, cats_panel = panel_of(network, "cat", 0)
    dogs, dogs_panel = panel_of(network, "dog", 1)
    for chosen in (3, 7, 3):
        cats.value = chosen
        before = cats_panel.screen.value
        dogs.value = 11 - chosen
        assert cats_panel.screen.value == before
        for panel, picture, c in ((cats_panel, "cat", chosen), (dogs_panel, "dog", 11 - chosen)):
            right = ch.explain(network, picture).score(c)
            assert panel.alt == f"{network.categories[c]} {right:.4f}"
    assert nothing_is_left(network)


def nothing_is_left(network):
    """Say whether every layer is in evaluation mode and without hooks."""
    return set(state_of(network.model)[0]) == {(False, 0, 0, 0, 0)}


def test_two_explorers_on_one_network_do_not_disturb_each_other(network):
    cats, dogs = ch.explorer(network, "cat"), ch.explorer(network, "dog")
    for chosen in (3, 7, 3):
        cats.classes.value = chosen
        before = cats.screen.value
        dogs.classes.value = 11 - chosen
        dogs.map_style.lists["style"].value = "blend"
        assert cats.screen.value == before
        assert cats.alt == ch.explorer(network, "cat", chosen).alt
        assert dogs.classes.value == 11 - chosen
    cats.picture.value = "dog"
    assert (cats.subject.name, dogs.classes.value) == ("dog", 8)
    assert nothing_is_left(network)


def test_two_linked_panels_move_each_other(network):
    cats, cats_panel = panel_of(network, "cat", 0)
    dogs, dogs_panel = panel_of(network, "dog", 1)
    traitlets.link((cats, "value"), (dogs, "value"))
    dogs.slider.value = 5
    for panel, picture in ((cats_panel, "cat"), (dogs_panel, "dog")):
        right = ch.explain(network, picture).score(5)
        assert panel.alt == f"{network.categories[5]} {right:.4f}"


# ---- Other folders ------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path):
    """A copy of what a learner has, and what came with it."""
    folder = tmp_path / "Class-Activation-Maps"
    for name in ("cam_helpers", "data", "notebooks"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tests").mkdir()
    for name in ("pyproject.toml", "tests/nbval_sanitize.cfg"):
        shutil.copy(PROJECT / name, folder / name)
    return folder


# Chmod binds everyone but root; a read-only mount binds root too.
READ_ONLY = """
chmod -R a-w "$0"
if [ -w "$0" ]; then mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" || exit 77; fi
if touch "$0/new" 2>/dev/null; then echo "still writable"; exit 78; fi
cd "$0" && exec "$@"
"""


def in_read_only(folder, *command, environment):
    """Run a command in a folder that nobody can write to; skip where no such folder can be had."""
    front = []
    if os.geteuid() == 0:
        front = room_for_mounts()
    done = run([*front, "sh", "-c", READ_ONLY, str(folder), *command], env=environment)
    run(["chmod", "-R", "u+w", str(folder)])
    return done


def room_for_mounts():
    """Return the start of a command that may mount without anyone else's seeing it."""
    if shutil.which("unshare"):
        for room in (["unshare", "-m"], ["unshare", "-rm"]):
            if run([*room, "true"]).returncode == 0:
                return room
    pytest.skip("root may write anywhere, and read-only mounts are not allowed here")


def run(command, **options):
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def files_in(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.skipif(sys.platform == "win32", reason="needs sh, chmod and mount")
def test_a_notebook_runs_in_a_checkout_that_nobody_can_write_to(checkout, home):
    before = files_in(checkout)
    environment = hard_surroundings(home) | {"PYTHONPATH": str(checkout)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = in_read_only(
        checkout, *command, "notebooks/00_start_here.ipynb", environment=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert files_in(checkout) == before


def test_plain_python_works_in_hard_surroundings(home):
    code = "import cam_helpers as ch; import matplotlib.pyplot as plt\n"
    code += "from cam_helpers.display.show import picture_markup\n"
    code += "print(picture_markup(plt.figure(), alt='an empty figure')[:25])\n"
    code += "ch.explain(ch.load_network(), 'cat').overlay('cat').save('map.png')\n"
    code += "print(ch.open_picture('map.png').size)"
    done = run([sys.executable, "-c", code], cwd=home, env=hard_surroundings(home))
    assert done.stdout == '<img alt="an empty figure\n(224, 224)\n', done.stderr

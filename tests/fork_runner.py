"""Run pytest many times against changed copies of cam_helpers, and import torch once only.

Started as a script, this imports what takes long to import, but not cam_helpers, and then waits.
Every line that it reads is one run, in JSON: `{"folder": ..., "tests": [...], "seconds": ...}`.
For each it forks; the child imports cam_helpers from the folder, runs the tests, leaves
`output.txt` and `failures.json` in the folder, and the parent prints the child's exit code
(a negative number where a signal ended it).

`Runner` is the other end: it starts the script and hands it copies of the package.
"""

import contextlib
import gc
import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
# What cam_helpers and its tests import. What is missing here is imported in every child.
SLOW_IMPORTS = (
    "torch",
    "torch.utils.data",
    "torchvision.models",
    "torchvision.transforms._presets",
    "numpy",
    "PIL.Image",
    "PIL.ImageDraw",
    "matplotlib.pyplot",
    "ipywidgets",
    "IPython.display",
    "pycocotools.coco",
    "tqdm",
    "hypothesis",
    "pytest",
)
# One thread each, so that there is none to lose in a fork; and no plugin but pytest's own.
SETTINGS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MPLBACKEND": "Agg",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_ADDOPTS": "",
}
# Failures are counted here, not read: telling what differs in two pictures can take minutes.
ARGUMENTS = ("-x", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "--assert=plain")
# A mutant that fails like this is badly written, not badly meant: it does not count as caught.
NOT_FROM_A_TEST = (ImportError, SyntaxError, NameError)


@dataclass(frozen=True)
class Run:
    """What came of one run: pytest's exit code, what failed, and what was printed."""

    exit_code: int
    failures: list[dict]  # {"test": ..., "error": ..., "from_a_test": ...}
    output: str


class Runner:
    """Runs tests against copies of cam_helpers, in forks of one process. Use it in `with`."""

    def __enter__(self) -> "Runner":
        command = [sys.executable, str(Path(__file__).resolve())]
        self.process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=os.environ | SETTINGS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()

    def run(self, tests: Sequence[str], changed: dict[str, str], seconds: int = 120) -> Run:
        """Run tests against a copy in which some files, by their path, have another text.

        A path is relative to the package. After `seconds` the run is ended by SIGALRM.
        """
        with tempfile.TemporaryDirectory(prefix="mutant-") as name:
            folder = Path(name)
            copy_package(folder, changed)
            job = {"folder": name, "tests": list(tests), "seconds": seconds}
            self.process.stdin.write(json.dumps(job) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
            if not answer:
                raise RuntimeError("The process that forks has ended; see its messages above.")
            failures = folder / "failures.json"
            return Run(
                int(answer),
                json.loads(failures.read_text(encoding="utf-8")) if failures.exists() else [],
                (folder / "output.txt").read_text(encoding="utf-8", errors="replace"),
            )


def copy_package(folder: Path, changed: dict[str, str]) -> None:
    """Copy cam_helpers, and the data that it looks for beside itself, and change the copy."""
    for part in ("cam_helpers", "data"):
        shutil.copytree(PROJECT / part, folder / part)
    for path, text in changed.items():
        file = folder / "cam_helpers" / path
        file.write_text(text, encoding="utf-8")
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*"):
            compiled.unlink()


# ---------------------------------------------------------------------------------------------
# The script
# ---------------------------------------------------------------------------------------------


def serve() -> None:
    """Fork and run the tests for every line of standard input."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)  # what an import prints is no answer
        import_what_is_slow()
        for line in sys.stdin:
            job = json.loads(line)
            child = os.fork()
            if child == 0:
                run_and_exit(job)
            _, status = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(status), file=answers, flush=True)


def import_what_is_slow() -> None:
    for name in SLOW_IMPORTS:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    import torch

    torch.set_num_threads(1)
    torch.testing.assert_close(torch.zeros(1), torch.zeros(1))  # its first call imports, for 2 s
    assert "cam_helpers" not in sys.modules
    gc.freeze()  # pytest collects garbage at its end; without this, half a second each time


def run_and_exit(job: dict) -> None:
    """Run the tests of a job in this process, which is the child, and end it."""
    code = 70
    try:
        folder = Path(job["folder"])
        signal.alarm(job["seconds"])
        send_output_to(folder / "output.txt")
        os.environ["PYTHONPATH"] = str(folder)
        sys.path.insert(0, str(folder))
        code = run_tests(folder, job["tests"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # without the parent's own clearing up


def send_output_to(file: Path) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(file, os.O_WRONLY | os.O_CREAT)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)


def run_tests(folder: Path, tests: list[str]) -> int:
    """Run pytest and write down what failed."""
    import pytest

    recorder = Recorder()
    # Not in pytest's usual place: what a forked process leaves there would stay for days.
    places = [f"--rootdir={PROJECT}", f"--basetemp={folder / 'tmp'}"]
    code = pytest.main([*ARGUMENTS, *places, *tests], plugins=[recorder])
    loaded = sys.modules.get("cam_helpers")
    assert not loaded or folder in Path(loaded.__file__).parents, "another copy was tested"
    (folder / "failures.json").write_text(json.dumps(recorder.failures), encoding="utf-8")
    return int(code)


class Recorder:
    """A plugin of pytest that notes every test that failed, and with what."""

    def __init__(self) -> None:
        self.failures: list[dict] = []

    def pytest_exception_interact(self, node, call) -> None:
        error = call.excinfo
        self.failures.append(
            {
                "test": node.nodeid,
                "error": error.exconly(),
                "from_a_test": not error.errisinstance(NOT_FROM_A_TEST),
            }
        )


if __name__ == "__main__":
    serve()

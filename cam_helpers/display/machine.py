"""Is this machine ready? Plain words for notebook 00 and for bug reports."""

import importlib.metadata
import platform
import shutil
from pathlib import Path

PACKAGES = ("torch", "torchvision", "matplotlib", "jupyterlab", "ipywidgets")
TOGETHER = "pip install --upgrade --force-reinstall torch torchvision"
PICTURES = {"tiny_resnet": "cat", "tf_mobilenet_v2": "photo:cat"}  # for each shipped network
DISK_NEEDED = 0.5  # GB for the weights of the larger networks


def check_machine() -> list[str]:
    """Return one line for each thing that was looked at: `ok`, or `LOOK` with what to do.

    Nothing is installed, downloaded or changed.
    """
    networks = [check_shipped(name) for name in PICTURES]
    found = (check_packages(), check_torchvision(), *networks, check_disk(), check_asserts())
    return [f"{'ok  ' if is_good else 'LOOK'}  {words}" for is_good, words in found]


def check_packages() -> tuple[bool, str]:
    """Name the versions of Python and of every package that the notebooks import."""
    versions, missing = [f"Python {platform.python_version()}"], []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        return False, f"missing packages, install them with: pip install {' '.join(missing)}"
    return True, ", ".join(versions)


def check_torchvision() -> tuple[bool, str]:
    """Import torchvision: one that was built for another torch fails in its first line."""
    try:
        import torchvision.ops  # noqa: F401
    except Exception as error:  # RuntimeError: "operator torchvision::nms does not exist"
        reason = str(error).partition("\n")[0]
        return False, f"torchvision does not fit torch ({reason}): install both anew, {TOGETHER}"
    return True, "torchvision fits torch"


def check_shipped(name: str) -> tuple[bool, str]:
    """Load a shipped network and let it look at a shipped picture."""
    from cam_helpers.explain import explain
    from cam_helpers.networks.load import load_network

    try:
        best = explain(load_network(name), PICTURES[name]).prediction.top(1)[0]
    except Exception as error:  # whatever it is, the other findings are told as well
        return False, f"the shipped network {name}: {error}"
    words = f'{name} is loaded; of the picture "{PICTURES[name]}" it says {best.category}'
    return True, f"the shipped network {words}"


def check_disk() -> tuple[bool, str]:
    """Look for enough free disk where torch puts downloaded weights."""
    import torch

    folder = Path(torch.hub.get_dir()).absolute()
    existing = next(parent for parent in (folder, *folder.parents) if parent.is_dir())
    free = shutil.disk_usage(existing).free / 1e9
    words = f"{free:.1f} GB of disk are free where torch keeps downloaded weights"
    if free >= DISK_NEEDED:
        return True, words
    return False, f"{words}: make room in {folder}, or name another folder in TORCH_HOME"


def check_asserts() -> tuple[bool, str]:
    """Say whether Python runs the `assert` lines, with which the notebooks check their results."""
    if __debug__:
        return True, "the checks in the notebooks are run (assert)"
    return False, (
        "the checks in the notebooks are not run: start Python without -O and without the "
        "environment variable PYTHONOPTIMIZE"
    )

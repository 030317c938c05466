"""Is this machine ready? Plain words for notebook 00 and for bug reports."""

import importlib.metadata
import platform
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

PACKAGES = ("torch", "torchvision", "matplotlib", "jupyterlab", "ipywidgets")
MEMORY_NEEDED = 2.0  # GB for one kernel with torchvision and a ResNet
DISK_NEEDED = 0.5  # GB for the weights of the larger networks
WEIGHTS_HOST = "https://download.pytorch.org"
GIGABYTE = 1e9


class Finding(NamedTuple):
    """One thing that was looked at: is it good, and if not, what to do."""

    what: str
    is_good: bool
    words: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.is_good else 'LOOK'}  {self.what}: {self.words}"


def check_machine() -> list[Finding]:
    """Return what was found. Nothing is installed, downloaded or changed."""
    checks: list[Callable[[], Finding]] = [
        check_python,
        check_packages,
        check_network,
        check_connection,
        check_memory,
        check_disk,
        check_gpu,
    ]
    return [check() for check in checks]


def check_python() -> Finding:
    """Name the version; one that is too old could not have installed this module."""
    return Finding("Python", True, platform.python_version())


def check_packages() -> Finding:
    """Look for every package that the notebooks import."""
    versions, missing = [], []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(package)
    if missing:
        remedy = f"install them with: pip install {' '.join(missing)}"
        return Finding("Packages", False, f"{', '.join(missing)} missing; {remedy}")
    return Finding("Packages", True, ", ".join(versions))


def check_network() -> Finding:
    """Load the shipped network and let it look at a shipped picture."""
    from cam_helpers.explain import explain
    from cam_helpers.networks.load import load_network

    try:
        best = explain(load_network(), "cat").prediction.top(1)[0]
    except (OSError, ValueError) as error:
        return Finding("Shipped network", False, str(error))
    return Finding("Shipped network", True, f'loaded; of the picture "cat" it says {best.category}')


def check_connection() -> Finding:
    """Ask the host of ImageNet's weights for an answer, for about three seconds."""
    request = urllib.request.Request(WEIGHTS_HOST, method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=3).close()
    except urllib.error.HTTPError:
        pass  # an answer all the same
    except OSError:
        return Finding(
            "Connection",
            True,
            f"{WEIGHTS_HOST} does not answer; all notebooks run without it, on tiny_resnet. "
            "Only the first use of resnet18 and the like needs it.",
        )
    return Finding("Connection", True, f"{WEIGHTS_HOST} answers, so resnet18 can be downloaded")


def check_memory() -> Finding:
    """Look for enough free memory."""
    import psutil

    free = psutil.virtual_memory().available / GIGABYTE
    if free >= MEMORY_NEEDED:
        return Finding("Memory", True, f"{free:.1f} GB free")
    remedy = "shut down other notebooks (Kernel menu) and large programs."
    return Finding("Memory", False, f"{free:.1f} GB free, {MEMORY_NEEDED:.0f} are better; {remedy}")


def check_disk() -> Finding:
    """Look for enough free disk where downloaded weights go."""
    free = shutil.disk_usage(Path.home()).free / GIGABYTE
    if free >= DISK_NEEDED:
        return Finding("Disk", True, f"{free:.1f} GB free in your home folder")
    remedy = "make room before you use resnet18; tiny_resnet needs none."
    return Finding("Disk", False, f"{free:.1f} GB free in your home folder; {remedy}")


def check_gpu() -> Finding:
    """Say whether there is a GPU. None is needed."""
    import torch

    if torch.cuda.is_available():
        return Finding("GPU", True, f"{torch.cuda.get_device_name()}, though none is needed")
    return Finding("GPU", True, "none, and none is needed")

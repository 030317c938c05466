"""What the tests share: the shipped network, and a very small one for special cases."""

import copy
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import cam_helpers as ch
from cam_helpers.networks.make import make_network
from cam_helpers.networks.preprocess import Preprocess

torch.set_num_threads(1)


class SmallNet(nn.Module):
    """Ends as a class activation map needs it; random weights, 32 x 32 pixels, 8 x 8 cells."""

    def __init__(self, classes: int, bias: bool = True) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 4, stride=4), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(6, classes, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.pool(self.body(x)).flatten(1))


@pytest.fixture(scope="session")
def loaded_network() -> ch.Network:
    return ch.load_network()


@pytest.fixture
def network(loaded_network: ch.Network) -> ch.Network:
    """The shipped network; a fresh copy, so that a test may change it."""
    return copy.deepcopy(loaded_network)


@pytest.fixture
def make_small() -> Callable[..., ch.Network]:
    """A function that makes the very small network: make_small(categories, bias=True)."""

    def make(categories: tuple[str, ...] = ("a", "b", "c"), bias: bool = True) -> ch.Network:
        with torch.random.fork_rng():
            torch.manual_seed(5)
            model = SmallNet(len(categories), bias).eval()
        return make_network("small", model, categories, Preprocess(36, 32))

    return make


@pytest.fixture
def in_little_memory() -> Callable[..., str]:
    """A function that runs a statement where few megabytes are left, and returns its last words."""
    if sys.platform != "linux":
        pytest.skip("only Linux keeps a process to its limit")

    def run(statement: str, megabytes: int, setup: str = "") -> str:
        code = f"""
import resource, sys, torch, PIL.JpegImagePlugin, cam_helpers as ch
torch.set_num_threads(1)
{setup}
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + {megabytes * 1_000_000},) * 2)
try:
    {statement}
except BaseException as error:
    print(type(error).__name__, error)
else:
    print("done")
"""
        process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert process.returncode == 0, process.stderr
        return process.stdout.strip()

    return run

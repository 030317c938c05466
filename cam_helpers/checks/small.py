"""The small network and what it sees, loaded once for all checks."""

from functools import cache

from cam_helpers.explain import Explanation, explain
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import Network


@cache
def small_network() -> Network:
    """Return `tiny_resnet`."""
    return load_network("tiny_resnet")


@cache
def seen(name: str) -> Explanation:
    """Return the explanation of a shipped picture."""
    return explain(small_network(), name)

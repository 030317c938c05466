"""Step 3: a hook catches the final feature maps while a picture passes through."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from cam_helpers.networks.network import Network


class HookedFeatures:
    """Holds what the hook caught; empty until a forward pass."""

    def __init__(self) -> None:
        self._caught: Tensor | None = None

    @property
    def feature_maps(self) -> Tensor:
        """The feature maps (N, C, h, w) of the latest forward pass, as the network pooled them.

        They are the network's own tensor, not a copy: DenseNet applies its last ReLU to it in
        place, after the layer has returned. It carries the autograd graph, unless the pass ran
        under `torch.inference_mode()`, as in `predict`. Raises `RuntimeError` before the first
        pass.
        """
        if self._caught is None:
            raise RuntimeError("No feature maps yet: run the network once inside the with block.")
        return self._caught

    def catch(self, layer: nn.Module, inputs: Any, output: Tensor) -> None:
        """Keep a layer's output, in the form that `register_forward_hook` calls."""
        self._caught = output


@contextmanager
def hook_features(network: Network) -> Iterator[HookedFeatures]:
    """Catch the feature layer's output in a `with` block.

    The hook is gone after the block, also when something fails inside it or the user interrupts it;
    what was caught stays.
    One thread at a time: a hook catches every forward pass of the network.
    """
    hooked = HookedFeatures()
    handle = None
    try:
        handle = network.feature_layer.register_forward_hook(hooked.catch)
        yield hooked
    finally:
        if handle is not None:
            handle.remove()

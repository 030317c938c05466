"""Step 3: a hook catches the final feature maps while a picture passes through."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from cam_helpers.networks.cells import as_maps
from cam_helpers.networks.network import Network, check_network
from cam_helpers.networks.running import Caught


class HookedFeatures:
    """Holds what the hook caught; empty until a forward pass."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._caught = Caught()

    @property
    def feature_maps(self) -> Tensor:
        """The feature maps (N, C, h, w) of the latest forward pass, as the network pooled them.

        They are the network's own tensor, not a copy. After a pass of your own,
        `network.model(batch)`, they carry the autograd graph; after `predict`, which needs no
        gradients, they do not. Raises `RuntimeError` before the first pass.
        """
        maps = as_maps(self._caught.latest(), self._caught.size, self._channels)
        assert maps is not None  # the proof has seen that it is
        return maps

    def begin(self, model: nn.Module, inputs: Any, by_name: Any) -> None:
        """Keep the input's size, which says how tokens lie in rows: a `forward_pre_hook`."""
        self._caught.size = [*inputs, *by_name.values()][0].shape[2:]

    def catch(self, layer: nn.Module, inputs: Any, output: Tensor) -> None:
        """Keep a layer's output, in the form that `register_forward_hook` calls."""
        self._caught.output = output


@contextmanager
def hook_features(network: Network) -> Iterator[HookedFeatures]:
    """Catch the feature layer's output in a `with` block.

    The hook is gone after the block, also when something fails inside it or the user interrupts it;
    what was caught stays. Raises `TypeError` where `network` is no `Network`.

    >>> import cam_helpers as ch
    >>> network = ch.load_network()
    >>> with hook_features(network) as hooked:
    ...     scores = ch.predict(network, "cat").scores
    >>> hooked.feature_maps.shape
    torch.Size([1, 192, 7, 7])
    """
    check_network(network)
    hooked = HookedFeatures(network.classifier.in_features)
    handles = []
    try:
        handles.append(network.model.register_forward_pre_hook(hooked.begin, with_kwargs=True))
        handles.append(network.feature_layer.register_forward_hook(hooked.catch))
        yield hooked
    finally:
        for handle in handles:
            handle.remove()

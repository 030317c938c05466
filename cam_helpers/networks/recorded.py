"""One forward pass, with every layer's part in it written down."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cam_helpers.networks.cells import as_maps
from cam_helpers.networks.running import watched


@dataclass
class Call:
    """One layer's part in a forward pass.

    `output` is kept only where the proof may need it, since all of them together fill gigabytes.
    """

    name: str
    input: Tensor | None
    output: Tensor | None
    is_leaf: bool
    is_wide: bool  # the output is maps, or tokens, of more than one cell


def record_calls(model: nn.Module, picture: Tensor) -> tuple[list[Call], Tensor]:
    """Run one forward pass; return every layer's part in it, in order of finishing.

    Kept are the linear layers' vectors, and outputs with as many channels as some linear layer has
    inputs. They are kept, not copied: DenseNet applies its last ReLU in place to the output of its
    last layer, and what it pools are the values after that.
    """
    calls: list[Call] = []
    layers = {name: layer for name, layer in model.named_modules() if name}
    sizes = {layer.in_features for layer in layers.values() if isinstance(layer, nn.Linear)}

    def record(name: str, layer: nn.Module, by_place: Any, by_name: Any, output: Any) -> None:
        inputs = (*by_place, *by_name.values())
        if not (inputs and isinstance(inputs[0], Tensor) and isinstance(output, Tensor)):
            return
        is_leaf = not list(layer.children())
        maps = as_maps(output, picture.shape[2:])
        is_wide = maps is not None and maps.shape[2:].numel() > 1
        if isinstance(layer, nn.Linear) and output.ndim == 2:
            calls.append(Call(name, inputs[0], output, is_leaf, is_wide))
        else:
            may_feed = is_wide and not sizes.isdisjoint((output.shape[1], output.shape[-1]))
            kept = output if may_feed else None
            calls.append(Call(name, None, kept, is_leaf, is_wide))

    with watched(layers, record):
        output = run(model, picture)
    return calls, output


def run(model: nn.Module, picture: Tensor) -> Tensor:
    """Run one forward pass, on the model's device and in its dtype.

    Where a network draws random numbers (dropout that is never off), every pass draws the same.
    """
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(0)
        output: Tensor = model(picture.to(next(model.parameters(), picture)))
    return output

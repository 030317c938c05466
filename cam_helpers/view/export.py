"""A network for engine.js: a description that JSON can hold, and the bytes of its weights."""

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn
from torch.fx.experimental.optimization import fuse

from cam_helpers.networks.network import Network
from cam_helpers.networks.tf_mobilenet_v2 import WEIGHTS_FILE, Layer, read_layers

Description = dict[str, Any]
LARGEST = 2**15 - 1  # of a whole number of 16 bits


def export_network(network: Network) -> tuple[Description, bytes]:
    """Return a network's description and its weights, both as engine.js reads them.

    The description holds every layer up to the last feature maps, in order: its operation, its
    inputs by number (0 is the picture, k the output of layer k) and where its weights lie.
    Batch normalisation is folded into the convolutions. Weights are whole numbers times a scale:
    for `tf_mobilenet_v2` the published ones of 8 bits, for other networks 16 bits and a scale for
    each output channel. (Half precision takes as much room and keeps 11 bits of a weight.)

    Raises `ValueError` for a network with a layer that engine.js does not know.
    """
    published = None
    if network.name == "tf_mobilenet_v2":
        published = iter(read_layers(WEIGHTS_FILE).values())
    stored = bytearray()
    folded = fuse(network.model)
    assert isinstance(folded, fx.GraphModule)
    layers = _layers(folded, stored, published)
    head = network.classifier
    preprocess: Any = network.preprocess  # with the attributes of torchvision's presets
    description = {
        "name": network.name,
        "categories": network.categories,
        "short": preprocess.resize_size[0],
        "side": preprocess.crop_size[0],
        "mean": preprocess.mean,
        "std": preprocess.std,
        "layers": layers,
        "classifier": _numbers(head.weight, head.bias, stored, published),
    }
    return description, bytes(stored)


def _layers(
    model: fx.GraphModule, stored: bytearray, published: Iterator[Layer] | None
) -> list[Description]:
    """Describe the layers up to the global average pooling, and store their weights."""
    modules = dict(model.named_modules())
    layers: list[Description] = []
    number: dict[fx.Node, int] = {}  # whose output a node of the graph stands for
    zeros: dict[fx.Node, tuple[int, ...]] = {}  # what a node of its own pads before a convolution
    for node in model.graph.nodes:
        part = modules[node.target] if node.op == "call_module" else node.target
        inputs = [number[used] for used in node.all_input_nodes]
        if isinstance(part, nn.AdaptiveAvgPool2d) or part is nn.functional.adaptive_avg_pool2d:
            break
        if node.op == "placeholder":
            number[node] = 0
        elif isinstance(part, nn.Identity | nn.Dropout | nn.ZeroPad2d):
            number[node] = inputs[0]
            if isinstance(part, nn.ZeroPad2d):
                zeros[node] = part.padding
        else:
            layer: Description = {"inputs": inputs} | _operation(part, stored, published)
            if node.all_input_nodes[0] in zeros:
                layer["padding"] = zeros[node.all_input_nodes[0]]
            layers.append(layer)
            number[node] = len(layers)
    return layers


def _operation(part: Any, stored: bytearray, published: Iterator[Layer] | None) -> Description:
    """Describe what a layer does, by the name of its function in engine.js."""
    if isinstance(part, nn.Conv2d) and part.groups in (1, part.out_channels):
        name = "convolve" if part.groups == 1 else "depthwise"
        assert part.bias is not None  # fuse() gives one where there was none
        return {"op": name} | _window(part) | _numbers(part.weight, part.bias, stored, published)
    if isinstance(part, nn.MaxPool2d):
        return {"op": "maxpool"} | _window(part)
    if isinstance(part, nn.ReLU6):
        return {"op": "relu", "most": 6}
    if isinstance(part, nn.ReLU):
        return {"op": "relu"}
    if part in (operator.add, operator.iadd, torch.add):
        return {"op": "add"}
    raise ValueError(f"engine.js has no layer for {part}.")


def _window(part: nn.Conv2d | nn.MaxPool2d) -> Description:
    """Describe the window that slides over the input; padding is left, right, top, bottom."""
    kernel, stride, (down, across) = (
        number if isinstance(number, tuple) else (number, number)
        for number in (part.kernel_size, part.stride, part.padding)
    )
    return {"kernel": kernel, "stride": stride, "padding": (across, across, down, down)}


def _numbers(
    weight: Tensor, bias: Tensor, stored: bytearray, published: Iterator[Layer] | None
) -> Description:
    """Store weights as whole numbers; weight = scale x (whole number - zero)."""
    if published:
        layer = next(published)
        whole, scales = layer["weight"].numpy(), [layer["weight_scale"]]
        zero = layer["weight_zero_point"]
    else:
        rows = weight.detach().double().flatten(1).numpy()
        scale = np.abs(rows).max(1).clip(min=np.finfo(float).tiny) / LARGEST
        whole, scales, zero = np.rint(rows / scale[:, None]).astype("<i2"), scale.tolist(), 0
    place = {"bits": whole.itemsize * 8, "zero": zero, "scales": scales}
    biases = bias.detach().numpy().astype("<f4")
    return {"weights": _stored(whole, stored) | place, "bias": _stored(biases, stored)}


def _stored(numbers: np.ndarray, stored: bytearray) -> Description:
    """Add numbers to the bytes, at a multiple of 4 as JavaScript's arrays ask for."""
    stored.extend(bytes(-len(stored) % 4))
    start = len(stored)
    stored.extend(numbers.tobytes())
    return {"at": start, "length": numbers.size}

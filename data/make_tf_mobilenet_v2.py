"""Take MobileNetV2's 8-bit numbers out of Google's .tflite file: weights/tf_mobilenet_v2.pt.

`python data/make_tf_mobilenet_v2.py mobilenet_v2_1.0_224_quant.tflite`; where to get the file says
data/README.md. The numbers stay as they are. Their order becomes PyTorch's, (outputs, inputs, rows,
columns), their layers bear the names of the network, and the class "background" is left out.
"""

import argparse
import hashlib
from pathlib import Path

import tflite
import torch
from torch import Tensor, nn

from cam_helpers.networks.tf_mobilenet_v2 import WEIGHTS_FILE, Layer, make_tf_mobilenet_v2
from cam_helpers.networks.weights_file import checksum_file

PUBLISHED = "7aad0c74c5e3c06e5eb3c827e13304fdd68a83da6087d92ee169c24ff9fd4776"


def read_layers(content: bytes) -> dict[str, Layer]:
    """Return every layer's numbers in the file, in order, under the network's names."""
    model = tflite.Model.GetRootAsModel(content, 0)
    graph = model.Subgraphs(0)
    used = (graph.Operators(number) for number in range(graph.OperatorsLength()))
    kinds = (tflite.BuiltinOperator.CONV_2D, tflite.BuiltinOperator.DEPTHWISE_CONV_2D)
    layers = []
    for operator in used:
        kind = model.OperatorCodes(operator.OpcodeIndex()).DeprecatedBuiltinCode()
        if kind in kinds:
            _, weight, bias = (graph.Tensors(number) for number in operator.InputsAsNumpy())
            # A depthwise layer's kernels lie in (1, rows, columns, channels), all others in
            # (outputs, rows, columns, inputs).
            order = (3, 0, 1, 2) if kind == kinds[1] else (0, 3, 1, 2)
            layers.append(
                Layer(
                    weight=numbers(model, weight, torch.uint8).permute(order).contiguous(),
                    weight_scale=weight.Quantization().Scale(0),
                    weight_zero_point=weight.Quantization().ZeroPoint(0),
                    bias=numbers(model, bias, torch.int32),
                    bias_scale=bias.Quantization().Scale(0),
                )
            )
    head = layers[-1]  # a 1 x 1 convolution there, a linear layer in torchvision
    head["weight"] = head["weight"][1:, :, 0, 0].clone()
    head["bias"] = head["bias"][1:].clone()
    return dict(zip(layer_names(), layers, strict=True))


def numbers(model: tflite.Model, tensor: tflite.Tensor, dtype: torch.dtype) -> Tensor:
    """Return a tensor's whole numbers as they lie in the file."""
    stored = model.Buffers(tensor.Buffer()).DataAsNumpy().copy()
    return torch.from_numpy(stored).view(dtype).reshape(tuple(tensor.ShapeAsNumpy()))


def layer_names() -> list[str]:
    """Return the names of the network's 52 convolutions and its linear layer, in order."""
    layers = make_tf_mobilenet_v2().named_modules()
    return [name for name, layer in layers if isinstance(layer, nn.Conv2d | nn.Linear)]


def main() -> None:
    """Write the weights file and its checksum."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("tflite", type=Path, help="mobilenet_v2_1.0_224_quant.tflite")
    parser.add_argument("--out", type=Path, default=WEIGHTS_FILE)
    arguments = parser.parse_args()
    content = arguments.tflite.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != PUBLISHED:
        parser.error(f"{arguments.tflite} has the SHA-256 {found}, not {PUBLISHED}.")
    torch.save(read_layers(content), arguments.out)
    checksum = hashlib.sha256(arguments.out.read_bytes()).hexdigest()
    checksum_file(arguments.out).write_text(f"{checksum}  {arguments.out.name}\n", "utf-8")
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes, SHA-256 {checksum}")


if __name__ == "__main__":
    main()

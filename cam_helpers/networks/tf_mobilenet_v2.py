"""The shipped network for photographs: Google's MobileNetV2 in torchvision's architecture.

Sandler et al. 2018, "MobileNetV2: Inverted Residuals and Linear Bottlenecks", table 2. It was
trained in TensorFlow on ImageNet's 1000 classes, and shipped are its 8-bit numbers as Google
published them (data/README.md). A port needs more than the numbers: TensorFlow pads otherwise than
PyTorch. With PyTorch's padding the network predicts nearly the same, but the window of every cell
lies 31 pixels further up and left, and so every map is drawn too far down and right.
"""

from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import torch
from torch import Tensor, nn

from cam_helpers.folders import DATA_FOLDER
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.networks.weights_file import read_shipped

if TYPE_CHECKING:
    from torchvision.models import MobileNetV2

WEIGHTS_FILE = DATA_FOLDER / "weights" / "tf_mobilenet_v2.pt"


class Layer(TypedDict):
    """One layer in 8 bits: weight = weight_scale x (whole number - weight_zero_point).

    (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient
    Integer-Arithmetic-Only Inference", equation 1.) The bias is bias_scale x whole number.
    """

    weight: Tensor  # uint8, (outputs, inputs, rows, columns), or (classes, channels)
    weight_scale: float
    weight_zero_point: int
    bias: Tensor  # int32, (outputs,)
    bias_scale: float


def load_tf_mobilenet_v2(weights_file: Path | None = None) -> "MobileNetV2":
    """Return the trained network in evaluation mode, after checking its weights by SHA-256.

    Raises what `read_shipped` raises.
    """
    model = make_tf_mobilenet_v2()
    for name, layer in read_layers(weights_file or WEIGHTS_FILE).items():
        part = model.get_submodule(name)
        weight = (layer["weight"].float() - layer["weight_zero_point"]) * layer["weight_scale"]
        part.weight = nn.Parameter(weight)
        part.bias = nn.Parameter(layer["bias"].float() * layer["bias_scale"])
    return model.eval()


def read_layers(weights_file: Path = WEIGHTS_FILE) -> dict[str, Layer]:
    """Return the shipped 8-bit numbers of every layer, by its name in the network."""
    layers: dict[str, Layer] = read_shipped(weights_file)
    return layers


def make_tf_mobilenet_v2() -> "MobileNetV2":
    """Return torchvision's network with random weights and TensorFlow's padding.

    It has no batch normalisation: the shipped weights and biases contain it.

    Before each convolution of stride 2 come zeros on the right and below alone. That is what
    TensorFlow's "SAME" makes of a kernel of 3 and an even side, where PyTorch's padding of 1 puts
    them on all four sides. At an odd side "SAME" would pad all four; inputs whose sides are
    multiples of 32, such as 224 or 448, have even sides at every such layer.
    """
    from torchvision.models import MobileNetV2  # 5 s and 200 MB, so only where it is needed

    model = MobileNetV2(norm_layer=lambda channels: nn.Identity())
    for name, layer in list(model.named_modules()):
        if isinstance(layer, nn.Conv2d):
            layer.bias = nn.Parameter(torch.zeros(layer.out_channels))
            if layer.stride == (2, 2):
                layer.padding = (0, 0)
                zeros = nn.ZeroPad2d((0, 1, 0, 1))  # left, right, top, bottom
                model.set_submodule(name, nn.Sequential(zeros, layer))
    return model


def imagenet_categories() -> tuple[str, ...]:
    """Return the names of ImageNet's 1000 classes, as torchvision has them."""
    from torchvision.models import MobileNet_V2_Weights

    return tuple(MobileNet_V2_Weights.IMAGENET1K_V1.meta["categories"])


def preprocess_for_tensorflow() -> Preprocess:
    """Return the preprocessing of the training: bytes become numbers from -1 to 1."""
    return Preprocess(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))

"""Grad-CAM and HiResCAM: maps at any layer, also of networks without a class activation map.

Where no row of weights says how much each feature map matters to a class, the gradient of its score
does. For pooling and one linear layer both say the same: notebook 07 shows it.
"""

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from cam_helpers.networks.cells import as_maps
from cam_helpers.networks.network import ClassChoice, Classifier, Network, check_classifier
from cam_helpers.networks.running import evaluation_mode, watched
from cam_helpers.pictures.open_picture import PictureSource
from cam_helpers.step_4_weighted_sum import weighted_sum

Method = Literal["grad_cam", "hires_cam"]


def grad_cam(
    network: Classifier,
    picture: PictureSource | Tensor,
    class_index: ClassChoice,
    layer: str | None = None,
    method: Method = "grad_cam",
    *,
    relu: bool = True,
) -> Tensor:
    """Return the Grad-CAM of one class at one layer, (h, w).

    With the layer's feature maps f_k and the gradients g_k = d score / d f_k, all (h, w):
    `"grad_cam"` is ReLU(sum over k of mean(g_k) f_k) (Selvaraju et al. 2017, equations 1 and 2),
    `"hires_cam"` takes the sum over k of g_k f_k, cell by cell (Draelos and Carin 2020), and here
    the same ReLU. Unit: score per cell. Where pooling and one linear layer follow, each of them,
    times h w and without the ReLU, is the class activation map. `relu=False` leaves the ReLU out.

    `picture` is one picture or an input tensor (C, H, W). `layer` is a layer's name; `None` takes
    the feature layer of a `Network`, else the last of `grad_cam_layers`, which costs a pass of its
    own. A layer's feature maps are what the layers after it use, so those after a ReLU in place;
    the tokens of a transformer are folded into their grid.

    One pass, back only to `layer`. Gradients, hooks and every layer's mode stay as they were, and a
    frozen model serves as well. Raises `ValueError` for a batch, for an unknown layer, one without
    cells, and for numbers that are not finite. And where no gradient comes, or one that is zero
    everywhere: the map would be empty, and look as if the network had looked nowhere.

    >>> import cam_helpers as ch
    >>> ch.grad_cam(ch.load_network(), "cat", "cat", "layer3").shape
    torch.Size([14, 14])
    """
    check_classifier(network)
    if method not in ("grad_cam", "hires_cam"):
        raise ValueError(f'method is "grad_cam" or "hires_cam", not {method!r}.')
    index = network.class_index(class_index)
    tensor = _one_input(network, picture)
    layer = layer if layer is not None else _default_layer(network, tensor)
    features, gradients = _features_and_gradients(network, tensor, index, layer)
    if method == "grad_cam":
        cam = weighted_sum(gradients.mean((1, 2)), features)
    else:
        cam = (gradients * features).sum(0)
    if not cam.isfinite().all():
        raise ValueError(
            f"{network.name} gives numbers on this picture that are not finite. In half precision "
            "large numbers overflow: try network.model.float()."
        )
    return cam.relu() if relu else cam


def _features_and_gradients(
    network: Classifier, tensor: Tensor, index: int, layer: str
) -> tuple[Tensor, Tensor]:
    """Return a layer's feature maps and the gradients of a score by them, both (C, h, w)."""
    caught: list[Tensor] = []

    def cut(name: str, module: nn.Module, by_place: Any, by_name: Any, output: Any) -> Tensor:
        """Let the gradient begin here. A copy goes on: what follows may change it in place."""
        _check_output(name, output)
        with torch.enable_grad():
            caught[:] = [output.detach().requires_grad_().clone()]
        return caught[0]

    with evaluation_mode(network.model), _recording():
        with _frozen(network.model), watched({layer: _layer_called(network, layer)}, cut):
            scores = _scores(network, tensor.clone())
        if not caught:
            raise ValueError(f"{network.name} does not use its layer {layer!r} for a picture.")
        score = scores[index]
        gradient = _gradients(score, caught)[0]
    features, gradients = (_maps(t, tensor) for t in (caught[0].detach(), gradient))
    serves = "grad_cam_layers(network, picture) names the layers that serve."
    if features is None or gradients is None:
        raise ValueError(
            f"The output of {layer!r}, {tuple(gradient.shape)}, has no grid of cells. {serves}"
        )
    if not score.requires_grad:
        raise ValueError(
            f"No gradient comes from the score of {network.categories[index]} to {layer!r}: behind "
            f"it the model runs under torch.no_grad(), or detaches its numbers. {serves}"
        )
    if not gradient.any():
        raise ValueError(
            f"The gradient of the score of {network.categories[index]} at {layer!r} is zero "
            "everywhere, so its map would be empty. Does the score come from a sigmoid or softmax "
            f"that is saturated, here {score.item():.6g}? Take the number before it. Else the "
            f"score does not depend on {layer!r}: {serves}"
        )
    if not gradients.any():
        raise ValueError(
            f"After {layer!r} the scores depend on the class token alone, no longer on the cells. "
            f"{serves}"
        )
    return features, gradients


def grad_cam_layers(
    network: Classifier, picture: PictureSource | Tensor
) -> dict[str, tuple[int, int, int]]:
    """Return the layers that `grad_cam` can take, in order of finishing, with the shape (C, h, w).

    They are those whose output has more than one cell and whose cells change the scores. Behind the
    last block of a vision transformer only the class token does: its patches end before that.

    >>> import cam_helpers as ch
    >>> ch.grad_cam_layers(ch.load_network(), "cat")["layer4"]
    (192, 7, 7)
    """
    check_classifier(network)
    tensor = _one_input(network, picture)
    outputs: dict[str, Tensor] = {}

    def keep(name: str, module: nn.Module, by_place: Any, by_name: Any, output: Any) -> None:
        if isinstance(output, Tensor) and _maps(output, tensor) is not None:
            outputs.pop(name, None)  # of a layer used twice the latest call counts
            outputs[name] = output

    with evaluation_mode(network.model), _recording():
        layers = {name: layer for name, layer in network.model.named_modules() if name}
        with watched(layers, keep):
            scores = _scores(network, tensor.clone().requires_grad_().clone())
        gradients = _gradients(scores.square().sum(), list(outputs.values()))
    found = {}
    for name, gradient in zip(outputs, gradients, strict=True):
        maps = _maps(gradient, tensor)
        if maps is not None and maps.any():
            channels, height, width = maps.shape
            found[name] = (channels, height, width)
    return found


@contextmanager
def _recording() -> Iterator[None]:
    """Record for gradients, also where the caller works under `no_grad` or `inference_mode`."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


@contextmanager
def _frozen(model: nn.Module) -> Iterator[None]:
    """Ask for no gradients of the parameters, so that nothing is recorded below the layer."""
    asked = [parameter for parameter in model.parameters() if parameter.requires_grad]
    try:
        for parameter in asked:
            parameter.requires_grad = False
        yield
    finally:
        for parameter in asked:
            parameter.requires_grad = True


def _one_input(network: Classifier, picture: PictureSource | Tensor) -> Tensor:
    """Return the network's input for one picture, (1, C, H, W)."""
    batch = network.prepare(picture)
    if len(batch) != 1:
        raise ValueError(f"Grad-CAM takes one picture at a time, not a batch of {len(batch)}.")
    return batch


def _default_layer(network: Classifier, tensor: Tensor) -> str:
    """Return a network's feature layer or, where it has none, the last layer that serves."""
    if isinstance(network, Network):
        return network.feature_layer_name
    names = list(grad_cam_layers(network, tensor))
    if not names:
        raise ValueError(
            f"No layer of {network.name} has cells that change the scores. Where the model runs "
            "under torch.no_grad(), name a layer behind that part."
        )
    return names[-1]


def _layer_called(network: Classifier, name: str) -> nn.Module:
    """Return the layer of this name."""
    layers: dict[str, nn.Module] = dict(network.model.named_modules())
    if name in layers and name:
        return layers[name]
    near = " or ".join(map(repr, difflib.get_close_matches(name, layers, n=3)))
    hint = f"Did you mean {near}?" if near else "grad_cam_layers(network, picture) names them."
    raise ValueError(f"{network.name} has no layer called {name!r}. {hint}")


def _check_output(name: str, output: Any) -> None:
    if not isinstance(output, Tensor):
        raise ValueError(
            f"The layer {name!r} returns a {type(output).__name__}, not one tensor: choose another."
        )


def _scores(network: Classifier, tensor: Tensor) -> Tensor:
    """Run the model on (1, C, H, W) and return its scores (K,)."""
    return network.check_scores(network.model(tensor), 1)[0]


def _gradients(score: Tensor, outputs: list[Tensor]) -> list[Tensor]:
    """Return d score / d output for each output; zeros where the score does not depend on it."""
    asked = [output for output in outputs if output.requires_grad]
    found: list[Tensor] = []
    if asked and score.requires_grad:
        found += torch.autograd.grad(score, asked, allow_unused=True, materialize_grads=True)
    by_output = {id(output): gradient for output, gradient in zip(asked, found, strict=False)}
    return [by_output.get(id(output), torch.zeros_like(output)) for output in outputs]


def _maps(output: Tensor, tensor: Tensor) -> Tensor | None:
    """Return a layer's output for one input as (C, h, w), or None where there is no such grid."""
    maps = as_maps(output, tensor.shape[2:])
    if maps is None or len(maps) != 1 or maps.shape[2:].numel() == 1:
        return None
    return maps[0]

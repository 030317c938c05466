"""Why a model has no class activation map: the layer at fault and the remedy, in words."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from cam_helpers.networks.recorded import Call, run
from cam_helpers.networks.running import nearly_equal, watched

# What may lie between the feature maps and the linear layer: pooling, and layers that in
# evaluation mode hand their input on unchanged but for its shape.
HARMLESS = (nn.AdaptiveAvgPool2d, nn.AvgPool2d, nn.Dropout, nn.Dropout2d, nn.Flatten, nn.Identity)


class UnsuitableNetworkError(ValueError):
    """The network does not end in global average pooling and one linear layer."""


class Unsuitable(Exception):
    """What is wrong with a model, as the rest of a sentence that begins with its name."""

    def in_words(self, classifier: str) -> str:
        """Return the sentences; `classifier` is the code that gives the model to `grad_cam`."""
        return str(self)


class NoMap(Unsuitable):
    """The same for a model that Grad-CAM serves."""

    def in_words(self, classifier: str) -> str:
        """Return what is wrong, and how Grad-CAM is called."""
        return (
            f"has no class activation map: {self}. The map needs global average pooling and then "
            "one linear layer, as in ResNet, DenseNet or GoogLeNet. Grad-CAM (Selvaraju et al. "
            "2017) serves for networks like this one: "
            f"grad_cam({classifier}, picture, class_index)."
        )


class Elsewhere(Unsuitable):
    """The layer from which on the feature maps no longer show where things are in the picture."""

    def in_words(self, classifier: str) -> str:
        """Return what is wrong, and which layers may serve."""
        return (
            "has no class activation map that shows the place: noise in a corner of the picture "
            f"changes the feature maps of {self} elsewhere. Are the picture or the maps flipped, "
            "turned or shuffled inside the model, or the picture too small for it? Grad-CAM "
            "(Selvaraju et al. 2017) of an earlier layer may serve: "
            f"grad_cam({classifier}, picture, class_index, layer)."
        )


def check_open(model: nn.Module) -> None:
    """Refuse a model whose layers cannot be hooked or hold no numbers to read."""
    for path, layer in model.named_modules():
        if isinstance(layer, torch.jit.ScriptModule):
            raise Unsuitable(
                f"cannot be looked into: {path or 'it'} is scripted or traced (torch.jit). Pass "
                "the module that it was made from."
            )
        if ".quantized." in type(layer).__module__:
            raise Unsuitable(
                f"is quantised: {path or 'it'} keeps its weights in 8 bits and gives no gradients. "
                "Pass the model as it was before quantising; its maps show what the other sees."
            )
    if any(is_lazy(parameter) for parameter in model.parameters()):
        raise Unsuitable(
            "has lazy layers, which take their shape from the first input: run it once."
        )
    if any(parameter.is_meta for parameter in model.parameters()):
        raise Unsuitable(
            'lies on the device "meta", which holds no numbers. Load its weights onto a real '
            'device, as in device="cpu".'
        )


def check_output(output: Any) -> None:
    """Refuse what is no tensor of finite scores."""
    if not isinstance(output, Tensor):
        raise Unsuitable(
            f"returns a {type(output).__name__}, not a tensor of scores: wrap it in a module whose "
            "forward() returns the scores alone."
        )
    if not output.isfinite().all():
        raise Unsuitable(
            "gives scores on noise that are no finite numbers: look for NaN in its weights. In "
            "half precision large numbers overflow: try model.float()."
        )


# What people put behind the last layer so that a model returns probabilities.
ENDS: dict[str, Callable[[Tensor], Tensor]] = {
    "softmax": lambda scores: scores.softmax(-1),
    "log_softmax": lambda scores: scores.log_softmax(-1),
    "sigmoid": lambda scores: scores.sigmoid(),
}


def nothing_linear_last(
    model: nn.Module, picture: Tensor, calls: list[Call], heads: list[Call], output: Tensor
) -> Unsuitable:
    """Say what comes behind the linear layers, and how to take it away where that is known."""
    if not calls:
        return NoMap("none of its layers is called with a tensor")
    end = ([call for call in calls if call.is_leaf] or calls)[-1].name
    kind = type(model.get_submodule(end)).__name__
    for head in heads:
        for function, apply in ENDS.items():
            if head.output is not None and nearly_equal(apply(head.output), output):
                remedy = f'model.set_submodule("{end}", nn.Identity())'
                if end == head.name:
                    remedy = f"let forward() return what {head.name} gives"
                remedy += ', and say make_network(..., reading="sigmoid")' * (function == "sigmoid")
                return Unsuitable(
                    f"ends in {function} ({end} ({kind}) comes last), and a map adds up to the "
                    f"scores before it. Take it away: {remedy}."
                )
    if heads and end == heads[0].name:
        same = [head.name for head in reversed(heads) if _has_shape(head, output)] or [end]
        return NoMap(f"forward() does more to the scores after {' and '.join(same)} (Linear)")
    return _ends_in_convolution(model, picture, output) or NoMap(
        f"{end} ({kind}) comes last, not a linear layer"
    )


def _has_shape(call: Call, output: Tensor) -> bool:
    return call.output is not None and call.output.shape == output.shape


def _ends_in_convolution(model: nn.Module, picture: Tensor, output: Tensor) -> Unsuitable | None:
    """Say how a 1 x 1 convolution whose mean is the scores becomes a linear layer, if there is one.

    A mean of weighted sums is the weighted sum of the means.
    """
    layers = dict(model.named_modules())
    convolutions = {name: c for name, c in layers.items() if isinstance(c, nn.Conv2d)}
    heads = {name: c for name, c in convolutions.items() if c.kernel_size == (1, 1)}
    caught: dict[str, Tensor] = {}
    with watched(heads, lambda name, *call: caught.update({name: call[-1].clone()})):
        run(model, picture)
    for name, maps in caught.items():
        head = heads[name]
        if output.ndim == 2 and maps.ndim == 4 and nearly_equal(maps.mean((2, 3)), output):
            has_bias = head.bias is not None
            lines = [
                f'head = model.get_submodule("{name}")',
                f"last = nn.Linear({head.in_channels}, {head.out_channels}, bias={has_bias})",
                "last.weight.data = head.weight.data.flatten(1)",
                *(["last.bias.data = head.bias.data"] if has_bias else []),
                f'model.set_submodule("{name}", nn.Identity())',
                "model = nn.Sequential(model, last)",
            ]
            return Unsuitable(
                f"scores every cell ({name} is a 1 x 1 convolution) and takes the mean. The mean "
                "first and the same weights as a linear layer give the same scores:\n"
                + "\n".join(lines)
            )
    return None


def no_mean(model: nn.Module, calls: Sequence[Call], last: Call) -> Unsuitable:
    """Say what keeps the linear layer from receiving a spatial mean."""
    leaves = [call for call in calls if call.is_leaf]
    wide = [i for i, call in enumerate(leaves) if call.is_wide]
    for call in leaves[wide[-1] + 1 :] if wide else leaves:
        layer = model.get_submodule(call.name)
        if call.name != last.name and not isinstance(layer, HARMLESS):
            return NoMap(
                f"{call.name} ({type(layer).__name__}) stands between the last feature maps and "
                f"the linear layer {last.name}"
            )
    return NoMap(f"{last.name} (Linear) receives no spatial mean of feature maps")

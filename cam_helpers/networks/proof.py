"""Which layer makes the feature maps, and which the scores: proven on noise, not by layer names.

How much: the linear layer is the one whose output is the model's output, and the feature layer is
one whose output has the linear layer's input as its spatial mean (Zhou et al. 2016, "Learning Deep
Features for Discriminative Localization", section 2). So the maps add up to the scores.

Where: any shuffling of the cells keeps that sum. So each corner of the picture is disturbed in
turn, and every cell of the feature maps has to change most with its own corner.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.parameter import is_lazy

from cam_helpers.networks.running import evaluation_mode, hooked, nearly_equal

# What may lie between the feature maps and the linear layer: pooling, and layers that in
# evaluation mode hand their input on unchanged but for its shape.
HARMLESS = (nn.AdaptiveAvgPool2d, nn.AvgPool2d, nn.Dropout, nn.Dropout2d, nn.Flatten, nn.Identity)


class UnsuitableNetworkError(ValueError):
    """The network does not end in global average pooling and one linear layer."""


# The share of cells that have to change most with their own corner of the picture. Measured on
# noise of their own input size: networks of torchvision's families with random weights, and
# tiny_resnet trained and untrained, reach 0.92 to 1. Their changes flipped or transposed reach 0.55
# at most, as do 4,000 random shuffles of their cells. (tests/networks/test_zoo.py asks all the
# networks of torchvision again, as they are and with the picture flipped.)
SHARE_IN_PLACE = 0.75


def find_layers(model: nn.Module, picture: Tensor, name: str) -> tuple[str, str]:
    """Return the names of the feature layer and of the linear layer, proven on (1, 3, H, W) noise.

    The linear layer is the last one, and its output is the model's: also when it is replaced by
    large numbers of both signs, so nothing follows it. The feature layer has an output
    (N, C, h, w) whose spatial mean is that layer's input (N, C), and whose cells change most with
    their own corner of the picture. Of several such layers it is the one with the finest maps, and
    of layers that hand on the very same maps the outermost.

    Raises `UnsuitableNetworkError` naming the layer at fault. What forward() itself raises goes
    through; either way no hook stays, and every layer's mode is as it was.
    """
    _check_open(model, name)
    with evaluation_mode(model), torch.inference_mode():
        calls, output = _record_calls(model, picture)
        _check_scores(output, name)
        last = _last_linear(model, picture, calls, output, name)
        # Calls are recorded as layers finish, so a layer comes after the layers inside it. Of a
        # layer used twice the latest call counts, since that is the one that step 3 catches.
        latest = {call.name: call for call in calls}
        found = [c for c in reversed(calls) if c is latest[c.name] and _feeds(c, last)]
        if not found:
            raise _no_mean(model, calls, last, name)
        found.sort(key=lambda call: -_cell_count(call))  # the finest first, else the latest
        maps = {_outermost(c, latest.values()): c.output for c in found if c.output is not None}
        for feature_layer, share in _shares_in_place(model, picture, maps).items():
            if share >= SHARE_IN_PLACE:
                return feature_layer, last.name
        raise _out_of_place(model, picture, [c.name for c in calls if c.is_wide], name)


def _last_linear(
    model: nn.Module, picture: Tensor, calls: list["_Call"], output: Tensor, name: str
) -> "_Call":
    """Return the call of the linear layer that gives the model's output, or refuse the model."""
    if not calls:
        raise _refusal(name, "none of its layers is called with a tensor")
    layers = dict(model.named_modules())
    linear_calls = [call for call in calls if isinstance(layers[call.name], nn.Linear)]
    last = linear_calls[-1] if linear_calls else None
    if last is None or not _gives_the_output(model, picture, last, output):
        at_fault = ([call for call in calls if call.is_leaf] or calls)[-1].name
        if last is not None and at_fault == last.name:
            raise _refusal(name, f"forward() does more to the scores after {at_fault} (Linear)")
        kind = type(layers[at_fault]).__name__
        raise _refusal(name, f"{at_fault} ({kind}) comes last, not a linear layer")
    if not _is_linear(layers[last.name], last):
        raise _refusal(
            name,
            f"{last.name} gives other numbers than its weights and bias alone (does a hook or "
            "its own forward() change them?)",
        )
    return last


def _check_open(model: nn.Module, name: str) -> None:
    """Refuse a model whose layers cannot be hooked or hold no numbers."""
    for path, layer in model.named_modules():
        if isinstance(layer, torch.jit.ScriptModule):
            raise UnsuitableNetworkError(
                f"{name} cannot be looked into: {path or 'it'} is scripted or traced (torch.jit). "
                "Pass the module that it was made from."
            )
    if any(is_lazy(parameter) for parameter in model.parameters()):
        raise UnsuitableNetworkError(
            f"{name} has lazy layers, which take their shape from the first input: run it once."
        )
    if any(parameter.is_meta for parameter in model.parameters()):
        raise UnsuitableNetworkError(
            f'{name} lies on the device "meta", which holds no numbers. Load its weights onto '
            'a real device, as in device="cpu".'
        )


def _check_scores(output: Any, name: str) -> None:
    """Refuse what is no tensor of finite scores."""
    if not isinstance(output, Tensor):
        raise UnsuitableNetworkError(
            f"{name} returns a {type(output).__name__}, not a tensor of scores: wrap it in a "
            "module whose forward() returns the scores alone."
        )
    if not output.isfinite().all():
        raise UnsuitableNetworkError(
            f"{name} gives scores on noise that are no finite numbers: look for NaN in its "
            "weights. In half precision large numbers overflow: try model.float()."
        )


@dataclass
class _Call:
    """One layer's part in a forward pass.

    `output` is kept only where the proof may need it, since all of them together fill gigabytes.
    """

    name: str
    input: Tensor | None
    output: Tensor | None
    is_leaf: bool
    is_wide: bool  # the output is (N, C, h, w) with more than one cell


def _record_calls(model: nn.Module, picture: Tensor) -> tuple[list[_Call], Tensor]:
    """Run one forward pass; return every layer's part in it, in order of finishing.

    Kept are the linear layers' vectors, and outputs with as many channels as some linear layer has
    inputs. They are kept, not copied: DenseNet applies its last ReLU in place to the output of its
    last layer, and what it pools are the values after that.
    """
    calls: list[_Call] = []
    layers = {name: layer for name, layer in model.named_modules() if name}
    sizes = {layer.in_features for layer in layers.values() if isinstance(layer, nn.Linear)}

    def record(name: str, layer: nn.Module, by_place: Any, by_name: Any, output: Any) -> None:
        inputs = (*by_place, *by_name.values())
        if not (inputs and isinstance(inputs[0], Tensor) and isinstance(output, Tensor)):
            return
        is_leaf = not list(layer.children())
        is_wide = output.ndim == 4 and output.shape[2:].numel() > 1
        if isinstance(layer, nn.Linear) and output.ndim == 2:
            calls.append(_Call(name, inputs[0], output, is_leaf, is_wide))
        else:
            kept = output if is_wide and output.shape[1] in sizes else None
            calls.append(_Call(name, None, kept, is_leaf, is_wide))

    with hooked(layers, record):
        output = _run(model, picture)
    return calls, output


def _gives_the_output(model: nn.Module, picture: Tensor, last: _Call, output: Tensor) -> bool:
    """Say whether the model's output is what a layer returns, whatever that is.

    Equal numbers are not enough: a ReLU after the layer leaves positive ones as they are, and
    clamp(-5, 5) small ones. So large numbers of both signs are put in place of the layer's output,
    and the model has to return them.
    """
    if last.output is None or not torch.equal(last.output, output):
        return False
    large = torch.linspace(-2000, 2000, output.numel()).view_as(output).to(output)
    # A copy goes in, since what follows may change it in place.
    with hooked({last.name: model.get_submodule(last.name)}, lambda *_: large.clone()):
        return torch.equal(_run(model, picture), large)


def _is_linear(layer: nn.Module, call: _Call) -> bool:
    """Say whether a linear layer's output is what its weights and its bias make of its input."""
    assert isinstance(layer, nn.Linear) and call.input is not None and call.output is not None
    expected = linear(call.input.to(layer.weight.dtype), layer.weight, layer.bias)
    return nearly_equal(expected, call.output)


def _run(model: nn.Module, picture: Tensor) -> Tensor:
    """Run one forward pass, on the model's device and in its dtype.

    Where a network draws random numbers (dropout that is never off), every pass draws the same.
    """
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        torch.manual_seed(0)
        output: Tensor = model(picture.to(next(model.parameters(), picture)))
    return output


def _feeds(call: _Call, last: _Call) -> bool:
    """Say whether an output's spatial mean is what the linear layer received."""
    if not call.is_wide or call.output is None:
        return False
    return _equal(call.output.mean((2, 3)), last.input)


def _equal(one: Tensor, other: Tensor | None) -> bool:
    """Say whether two tensors are nearly equal; zeros prove nothing."""
    return other is not None and bool(other.any()) and nearly_equal(one, other)


def _cell_count(call: _Call) -> int:
    return 0 if call.output is None else call.output.shape[2:].numel()


def _outermost(found: _Call, calls: Iterable[_Call]) -> str:
    """Of the layers that hand on the very same tensor, the one that holds the others."""
    same = [call.name for call in calls if call.output is found.output]
    return min(same, key=lambda name: name.count("."))


def _shares_in_place(
    model: nn.Module, picture: Tensor, maps: Mapping[str, Tensor]
) -> dict[str, float]:
    """Return, for each layer, the share of cells that change most with their own corner.

    `maps` holds the layers' outputs (1, C, h, w) for the picture as it is.
    """
    caught: dict[str, Tensor] = {}

    def catch(name: str, layer: nn.Module, by_place: Any, by_name: Any, output: Tensor) -> None:
        caught[name] = output

    changes: dict[str, list[Tensor]] = {name: [] for name in maps}
    for corner in range(4):
        with hooked({name: model.get_submodule(name) for name in maps}, catch):
            _run(model, _disturbed(picture, corner))
        for name, plain in maps.items():
            changes[name].append((caught[name] - plain)[0].float().norm(dim=0))
    return {name: _share_in_place(torch.stack(four)) for name, four in changes.items()}


def _disturbed(picture: Tensor, corner: int) -> Tensor:
    """Return the picture (1, 3, H, W) with strong noise in one corner.

    0 is the upper left corner, 1 the upper right, 2 the lower left and 3 the lower right one.
    """
    middle = [side // 2 for side in picture.shape[2:]]
    rows, columns = (
        slice(half, None) if is_far else slice(half)
        for half, is_far in zip(middle, (corner // 2, corner % 2), strict=True)
    )
    disturbed = picture.clone()
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(1))
    disturbed[..., rows, columns] = 3 * noise[..., rows, columns].to(picture)
    return disturbed


def _share_in_place(changes: Tensor) -> float:
    """Return the share of cells that change most with their own corner; 0 where nothing changes.

    `changes` (4, h, w) says how much each corner's noise changes each cell. A cell in the middle
    row or column has two corners of its own, and the cell in the very middle has four.
    """
    in_all = changes.sum((1, 2), keepdim=True)
    if not (in_all > 0).all():
        return 0.0
    corner = (changes / in_all).argmax(0).cpu()  # of what each corner changes in all
    height, width = corner.shape
    down = torch.arange(height)[:, None] - (height - 1) / 2
    across = torch.arange(width) - (width - 1) / 2
    fits = (down * (corner // 2 - 0.5) >= 0) & (across * (corner % 2 - 0.5) >= 0)
    return fits.float().mean().item()


def _no_mean(
    model: nn.Module, calls: Sequence[_Call], last: _Call, name: str
) -> UnsuitableNetworkError:
    """Say which layer keeps the linear layer from receiving a spatial mean."""
    leaves = [call for call in calls if call.is_leaf]
    wide = [i for i, call in enumerate(leaves) if call.is_wide]
    for call in leaves[wide[-1] + 1 :] if wide else leaves:
        layer = model.get_submodule(call.name)
        if call.name != last.name and not isinstance(layer, HARMLESS):
            return _refusal(
                name,
                f"{call.name} ({type(layer).__name__}) stands between the last feature maps and "
                f"the linear layer {last.name}",
            )
    return _refusal(name, f"{last.name} (Linear) receives no spatial mean of feature maps")


def _refusal(name: str, reason: str) -> UnsuitableNetworkError:
    return UnsuitableNetworkError(
        f"{name} has no class activation map: {reason}. The map needs global average pooling and "
        "then one linear layer, as in ResNet, DenseNet or GoogLeNet. Grad-CAM (Selvaraju et al. "
        f"2017) serves for networks like this one: grad_cam(load_classifier({name!r}), picture, "
        "class_index), or grad_cam of a Classifier around a model of your own."
    )


def _out_of_place(
    model: nn.Module, picture: Tensor, names: Iterable[str], name: str
) -> UnsuitableNetworkError:
    """Say at which layer the feature maps no longer show where things are in the picture."""
    maps: dict[str, Tensor] = {}
    layers = {wide: model.get_submodule(wide) for wide in names}
    with hooked(layers, lambda layer, *call: maps.update({layer: call[-1]})):
        _run(model, picture)
    shares = _shares_in_place(model, picture, maps)
    at_fault = next(layer for layer in maps if shares[layer] < SHARE_IN_PLACE)
    return UnsuitableNetworkError(
        f"{name} has no class activation map that shows the place: noise in a corner of the "
        f"picture changes the feature maps of {at_fault} ({type(layers[at_fault]).__name__}) "
        "elsewhere. Are the picture or the maps flipped, turned or shuffled inside the model, or "
        "the picture too small for it? Grad-CAM (Selvaraju et al. 2017) of an earlier layer may "
        f"serve: grad_cam(load_classifier({name!r}), picture, class_index, layer)."
    )

"""Which layer makes the feature maps, and which the scores: proven on noise, not by layer names.

How much: the linear layer is the one whose output is the model's output, and the feature layer is
one whose output has the linear layer's input as its spatial mean (Zhou et al. 2016, "Learning Deep
Features for Discriminative Localization", section 2). So the maps add up to the scores.

Where: any shuffling of the cells keeps that sum. So each corner of the picture is disturbed in
turn, and every cell of the feature maps has to change most with its own corner.

What this proves: disturbances arrive at their place, so nothing is flipped, turned or shuffled on
the way. What it does not: that evidence stays there. A network whose cells talk to each other may
keep what it found anywhere, as `tiny_vit` does. `networks.mixing` finds such networks, and
`moved_test` shows on pictures what becomes of their maps.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from cam_helpers.networks.cells import as_maps
from cam_helpers.networks.recorded import Call, record_calls, run
from cam_helpers.networks.refusals import (
    Elsewhere,
    NoMap,
    Unsuitable,
    UnsuitableNetworkError,
    check_open,
    check_output,
    no_mean,
    nothing_linear_last,
)
from cam_helpers.networks.running import evaluation_mode, nearly_equal, watched

# The share of cells that have to change most with their own corner of the picture. Measured on
# noise of their own input size: networks of torchvision's families with random weights, and
# tiny_resnet trained and untrained, reach 0.92 to 1. Their changes flipped or transposed reach 0.55
# at most, as do 4,000 random shuffles of their cells. (tests/networks/test_zoo.py asks all the
# networks of torchvision again, as they are and with the picture flipped.)
SHARE_IN_PLACE = 0.75


def find_layers(
    model: nn.Module,
    picture: Tensor,
    name: str,
    classifier: str = "Classifier(name, model, categories, preprocess)",
) -> tuple[str, str]:
    """Return the names of the feature layer and of the linear layer, proven on noise (1, C, H, W).

    The linear layer's output is the model's: also when it is replaced by large numbers of both
    signs, so nothing follows it. The feature layer has an output (N, C, h, w), (N, h, w, C) or,
    tokens, (N, T, C) whose mean over the cells is that layer's input (N, C), and whose cells change
    most with their own corner of the picture. Of several such layers it is the one with the finest
    maps, and of layers that hand on the very same maps the outermost.

    Raises `UnsuitableNetworkError` naming the layer at fault and the remedy; `classifier` is the
    code that gives the model to `grad_cam`. What forward() itself raises goes through; either way
    no hook stays, and every layer's mode is as it was.
    """
    try:
        check_open(model)
        with evaluation_mode(model), torch.inference_mode():
            return _find_layers(model, picture)
    except Unsuitable as fault:
        raise UnsuitableNetworkError(f"{name} {fault.in_words(classifier)}") from None


def _find_layers(model: nn.Module, picture: Tensor) -> tuple[str, str]:
    calls, output = record_calls(model, picture)
    check_output(output)
    last = _last_linear(model, picture, calls, output)
    # Calls are recorded as layers finish, so a layer comes after the layers inside it. Of a layer
    # used twice the latest call counts, since that is the one that step 3 catches.
    latest = {call.name: call for call in calls}
    maps: dict[str, Tensor] = {}
    for call in reversed(calls):
        fed = _fed(call, last, picture) if call is latest[call.name] else None
        if fed is not None:
            maps[_outermost(call, latest.values())] = fed
    if not maps:
        raise _too_small(model, picture) or no_mean(model, calls, last)
    # The finest first, else the latest.
    maps = dict(sorted(maps.items(), key=lambda item: -item[1].shape[2:].numel()))
    for feature_layer, share in _shares_in_place(model, picture, maps).items():
        if share >= SHARE_IN_PLACE:
            return feature_layer, last.name
    raise _out_of_place(model, picture, [c.name for c in calls if c.is_wide])


def _last_linear(model: nn.Module, picture: Tensor, calls: list[Call], output: Tensor) -> Call:
    """Return the call of the linear layer that gives the model's output, or refuse the model."""
    layers = dict(model.named_modules())
    heads = [call for call in reversed(calls) if isinstance(layers[call.name], nn.Linear)]
    last = next((head for head in heads if _gives_the_output(model, picture, head, output)), None)
    if last is None:
        raise nothing_linear_last(model, picture, calls, heads, output)
    if not _is_linear(layers[last.name], last):
        raise NoMap(
            f"{last.name} gives other numbers than its weights and bias alone (does a hook or "
            "its own forward() change them?)"
        )
    return last


def _gives_the_output(model: nn.Module, picture: Tensor, last: Call, output: Tensor) -> bool:
    """Say whether the model's output is what a layer returns, whatever that is.

    Equal numbers are not enough: a ReLU after the layer leaves positive ones as they are, and
    clamp(-5, 5) small ones. So large numbers of both signs are put in place of the layer's output,
    and the model has to return them.
    """
    if last.output is None or not torch.equal(last.output, output):
        return False
    large = torch.linspace(-2000, 2000, output.numel()).view_as(output).to(output)
    # A copy goes in, since what follows may change it in place.
    with watched({last.name: model.get_submodule(last.name)}, lambda *_: large.clone()):
        return torch.equal(run(model, picture), large)


def _is_linear(layer: nn.Module, call: Call) -> bool:
    """Say whether a linear layer's output is what its weights and its bias make of its input."""
    assert isinstance(layer, nn.Linear) and call.input is not None and call.output is not None
    expected = linear(call.input.to(layer.weight.dtype), layer.weight, layer.bias)
    return nearly_equal(expected, call.output)


def _fed(call: Call, last: Call, picture: Tensor) -> Tensor | None:
    """Return an output as maps (1, C, h, w), if their mean is what the linear layer received."""
    if not call.is_wide or call.output is None or last.input is None:
        return None
    maps = as_maps(call.output, picture.shape[2:], channels=last.input.shape[-1])
    return maps if maps is not None and _equal(maps.mean((2, 3)), last.input) else None


def _equal(one: Tensor, other: Tensor | None) -> bool:
    """Say whether two tensors are nearly equal; zeros prove nothing."""
    return other is not None and bool(other.any()) and nearly_equal(one, other)


def _outermost(found: Call, calls: Iterable[Call]) -> str:
    """Of the layers that hand on the very same tensor, the one that holds the others."""
    same = [call.name for call in calls if call.output is found.output]
    return min(same, key=lambda name: name.count("."))


def _shares_in_place(
    model: nn.Module, picture: Tensor, maps: Mapping[str, Tensor]
) -> dict[str, float]:
    """Return, for each layer, the share of cells that change most with their own corner.

    `maps` holds the layers' outputs as maps (1, C, h, w) for the picture as it is.
    """
    caught: dict[str, Tensor] = {}

    def catch(name: str, layer: nn.Module, by_place: Any, by_name: Any, output: Tensor) -> None:
        caught[name] = output

    changes: dict[str, list[Tensor]] = {name: [] for name in maps}
    for corner in range(4):
        with watched({name: model.get_submodule(name) for name in maps}, catch):
            run(model, disturbed(picture, corner))
        for name, plain in maps.items():
            disturbed_maps = as_maps(caught[name], picture.shape[2:], plain.shape[1])
            assert disturbed_maps is not None
            changes[name].append((disturbed_maps - plain)[0].float().norm(dim=0))
    return {name: _share_in_place(torch.stack(four)) for name, four in changes.items()}


def disturbed(picture: Tensor, corner: int) -> Tensor:
    """Return the picture (1, C, H, W) with strong noise in one corner.

    0 is the upper left corner, 1 the upper right, 2 the lower left and 3 the lower right one.
    """
    middle = [side // 2 for side in picture.shape[2:]]
    rows, columns = (
        slice(half, None) if is_far else slice(half)
        for half, is_far in zip(middle, (corner // 2, corner % 2), strict=True)
    )
    result = picture.clone()
    noise = torch.randn(picture.shape, generator=torch.Generator().manual_seed(1))
    result[..., rows, columns] = 3 * noise[..., rows, columns].to(picture)
    return result


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


def _too_small(model: nn.Module, picture: Tensor) -> Unsuitable | None:
    """Say so where the model fits for an input four times as large."""
    height, width = picture.shape[2:]
    if max(height, width) > 128:
        return None
    try:
        _find_layers(model, picture.repeat(1, 1, 4, 4))
    except Exception:  # `Unsuitable`, or whatever a forward() made for one size raises
        return None
    return Unsuitable(
        f"has feature maps of one cell for an input of {width} x {height} pixels. Enlarge it in "
        f"the preprocessing: {4 * width} x {4 * height} fits."
    )


def _out_of_place(model: nn.Module, picture: Tensor, names: Iterable[str]) -> Unsuitable:
    """Say at which layer the feature maps no longer show where things are in the picture."""
    maps: dict[str, Tensor] = {}
    layers = {wide: model.get_submodule(wide) for wide in names}

    def catch(name: str, layer: nn.Module, by_place: Any, by_name: Any, output: Tensor) -> None:
        found = as_maps(output, picture.shape[2:])
        assert found is not None  # since it is wide
        maps[name] = found

    with watched(layers, catch):
        run(model, picture)
    shares = _shares_in_place(model, picture, maps)
    at_fault = next(layer for layer in maps if shares[layer] < SHARE_IN_PLACE)
    return Elsewhere(f"{at_fault} ({type(layers[at_fault]).__name__})")

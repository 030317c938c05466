"""Which layer makes the feature maps, and which the scores: proven on one forward pass.

Layer names are not trusted. The linear layer is the one whose output is the model's output. The
feature layer is the one whose output has the linear layer's input as its spatial mean (Zhou et al.
2016, "Learning Deep Features for Discriminative Localization", section 2).
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from threading import Lock, RLock
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.nn.parameter import is_lazy

# What may lie between the feature maps and the linear layer: pooling, and layers that in
# evaluation mode hand their input on unchanged but for its shape.
HARMLESS = (nn.AdaptiveAvgPool2d, nn.AvgPool2d, nn.Dropout, nn.Dropout2d, nn.Flatten, nn.Identity)


class UnsuitableNetworkError(ValueError):
    """The network does not end in global average pooling and one linear layer."""


def find_layers(model: nn.Module, batch: Tensor, name: str) -> tuple[str, str]:
    """Return the names of the feature layer and of the linear layer, proven on one forward pass.

    The linear layer is the last one, and its output is the model's. The feature layer is the
    outermost one whose output (N, C, h, w) has that layer's input (N, C) as its spatial mean.
    A second pass, with the linear layer's output turned in sign, shows that nothing follows it.
    Raises `UnsuitableNetworkError` naming the layer that stands in the way. What forward() itself
    raises goes through; either way no hook stays, and every layer's mode is as it was.
    """
    _check_open(model, name)
    calls, output = _record_calls(model, batch)
    _check_scores(output, name)
    if not calls:
        raise _refusal(name, "none of its layers is called with a tensor")
    layers = dict(model.named_modules())
    linear_calls = [call for call in calls if isinstance(layers[call.name], nn.Linear)]
    last = linear_calls[-1] if linear_calls else None
    if last is None or not _gives_the_output(model, batch, last, output):
        in_the_way = ([call for call in calls if call.is_leaf] or calls)[-1].name
        if last is not None and in_the_way == last.name:
            raise _refusal(name, f"forward() does more to the scores after {in_the_way} (Linear)")
        raise _refusal(
            name,
            f"{in_the_way} ({type(layers[in_the_way]).__name__}) comes last, not a linear layer",
        )
    if not _is_linear(layers[last.name], last):
        raise _refusal(
            name,
            f"{last.name} gives other numbers than its weights and bias alone (does a hook or "
            "its own forward() change them?)",
        )
    # Calls are recorded as layers finish, so a layer comes after the layers inside it. Of a layer
    # that is used twice the latest call counts, since that is the one that step 3 catches.
    latest = {call.name: call for call in calls}
    for call in reversed(calls):
        if call is latest[call.name] and _feeds(call, last):
            return _outermost(call, latest.values()), last.name
    in_the_way = _first_in_the_way(calls, last, layers)
    if in_the_way == last.name:
        raise _refusal(name, f"{in_the_way} (Linear) receives no spatial mean of feature maps")
    raise _refusal(
        name,
        f"{in_the_way} ({type(layers[in_the_way]).__name__}) stands between the last feature maps "
        f"and the linear layer {last.name}",
    )


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


def _record_calls(model: nn.Module, batch: Tensor) -> tuple[list[_Call], Tensor]:
    """Run one forward pass; return every layer's part in it, in order of finishing.

    Kept are the linear layers' vectors, and outputs with as many channels as some linear layer has
    inputs. They are kept, not copied: DenseNet applies its last ReLU in place to the output of its
    last layer, and what it pools are the values after that.
    """
    calls: list[_Call] = []
    handles = []
    sizes = {layer.in_features for layer in model.modules() if isinstance(layer, nn.Linear)}

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

    try:
        for name, layer in model.named_modules():
            if name:
                hook = partial(record, name)
                handles.append(layer.register_forward_hook(hook, with_kwargs=True))
        output = _run(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    return calls, output


def _gives_the_output(model: nn.Module, batch: Tensor, last: _Call, output: Tensor) -> bool:
    """Say whether the model's output is what a layer returns, whatever that is.

    Equal numbers are not enough: a ReLU after the layer leaves positive ones as they are. So the
    layer's output is turned in sign, and the model's output has to turn with it.
    """
    if last.output is None or not torch.equal(last.output, output):
        return False
    turned = []

    def turn(layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        turned.append(-output)
        return -output  # a tensor of its own, since what follows may change it in place

    handle = None
    try:
        handle = model.get_submodule(last.name).register_forward_hook(turn)
        return torch.equal(_run(model, batch), turned[-1])
    finally:
        if handle is not None:
            handle.remove()


def _is_linear(layer: nn.Module, call: _Call) -> bool:
    """Say whether a linear layer's output is what its weights and its bias make of its input."""
    assert isinstance(layer, nn.Linear) and call.input is not None and call.output is not None
    with torch.inference_mode():
        expected = linear(call.input.to(layer.weight.dtype), layer.weight, layer.bias)
        return agree(expected, call.output)


def _run(model: nn.Module, batch: Tensor) -> Tensor:
    """Run one forward pass in evaluation mode, on the model's device and in its dtype."""
    with torch.inference_mode(), evaluation_mode(model):
        output: Tensor = model(batch.to(next(model.parameters(), batch)))
        return output


def _feeds(call: _Call, last: _Call) -> bool:
    """Say whether an output's spatial mean is what the linear layer received."""
    if not call.is_wide or call.output is None:
        return False
    return _equal(call.output.mean((2, 3)), last.input)


def _equal(one: Tensor, other: Tensor | None) -> bool:
    """Say whether two tensors agree; zeros prove nothing."""
    return other is not None and bool(other.any()) and agree(one, other)


def agree(one: Tensor, other: Tensor) -> bool:
    """Say whether two tensors agree to 1e-4 of the largest number, or to a few last digits.

    (The last digits of 16-bit numbers are larger than that.)
    """
    if one.shape != other.shape:
        return False
    tolerance = max(1e-4, 8 * torch.finfo(other.dtype).eps)
    difference = (one - other).abs().max().item()
    return difference <= tolerance * other.abs().max().item()


def _outermost(found: _Call, calls: Iterable[_Call]) -> str:
    """Of the layers that hand on the very same tensor, the one that holds the others."""
    same = [call.name for call in calls if call.output is found.output]
    return min(same, key=lambda name: name.count("."))


def _first_in_the_way(calls: Sequence[_Call], last: _Call, layers: dict[str, nn.Module]) -> str:
    leaves = [call for call in calls if call.is_leaf]
    wide = [i for i, call in enumerate(leaves) if call.is_wide]
    after = leaves[wide[-1] + 1 :] if wide else leaves
    for call in after:
        if not isinstance(layers[call.name], HARMLESS):
            return call.name
    return last.name


def _refusal(name: str, reason: str) -> UnsuitableNetworkError:
    return UnsuitableNetworkError(
        f"{name} has no class activation map: {reason}. The map needs global average pooling and "
        "then one linear layer, as in ResNet, DenseNet or GoogLeNet. Grad-CAM (Selvaraju et al. "
        "2017) serves for networks like this one."
    )


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Run a block with the model in evaluation mode, then put every layer's own mode back.

    One thread at a time, by `lock_of`: a second one would take evaluation mode for the model's own,
    or be thrown back into training mode half-way, and overwrite BatchNorm's statistics for good.
    """
    with lock_of(model):
        training = [layer for layer in model.modules() if layer.training]
        try:
            if training:
                model.eval()
            yield
        finally:
            for layer in training:
                layer.training = True


# Beside the models, not inside them: a lock can be neither copied nor saved.
_locks: WeakKeyDictionary[nn.Module, RLock] = WeakKeyDictionary()
_locks_lock = Lock()


def lock_of(model: nn.Module) -> RLock:
    """Return the one lock of a model. The thread that holds it may take it again."""
    with _locks_lock:
        return _locks.setdefault(model, RLock())

"""How a model is run: in evaluation mode, by one thread at a time, with hooks that go away."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import RLock, local
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn


@contextmanager
def evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Run a block with the model in evaluation mode, then put every layer's own mode back.

    One thread at a time, by `lock_of`: a second one would take evaluation mode for the model's own,
    or be thrown back into training mode half-way, and overwrite BatchNorm's statistics for good.

    A compiled model (`torch.compile`) runs uncompiled in the block, since compiled code passes by
    hooks that were set after compiling.
    """
    with lock_of(model), ExitStack() as until_the_end:
        layers = list(model.modules())
        if any(is_compiled(layer) for layer in layers):
            until_the_end.enter_context(torch.compiler.set_stance("force_eager"))
        training = [layer for layer in layers if layer.training]
        try:
            if training:
                model.eval()
            yield
        finally:
            for layer in training:
                layer.training = True


def is_compiled(layer: nn.Module) -> bool:
    """Say whether a layer comes from `torch.compile(layer)` or went through `layer.compile()`."""
    return "_orig_mod" in layer._modules or layer._compiled_call_impl is not None


# Beside the models, not inside them: a lock can be neither copied nor saved.
_locks: WeakKeyDictionary[nn.Module, RLock] = WeakKeyDictionary()


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    # A thread that held a lock does not live on in the child, and would never release it there.
    os.register_at_fork(after_in_child=_locks.clear)


def lock_of(model: nn.Module) -> RLock:
    """Return the one lock of a model. The thread that holds it may take it again."""
    # One step of the dictionary behind it, so two threads get the same. A lock around it would stay
    # locked for good where a Ctrl-C falls just before its release.
    return _locks.setdefault(model, RLock())


class Caught(local):
    """What hooks caught during the latest pass. Every thread sees what it caught itself."""

    output: Tensor | None = None  # of the hooked layer
    size: torch.Size  # of the input, (H, W)

    def latest(self) -> Tensor:
        """Return the layer's output, or raise `RuntimeError` where there was no pass yet."""
        if self.output is None:
            raise RuntimeError(
                "No feature maps yet: run the network once inside the with block, and in the same "
                "thread (DataParallel uses others: hook the network that it was made from)."
            )
        return self.output


@contextmanager
def watched(layers: Mapping[str, nn.Module], hook: Callable[..., Any]) -> Iterator[None]:
    """Call `hook(name, layer, inputs, named inputs, output)` whenever one of the layers is done."""
    handles = []
    try:
        for name, layer in layers.items():
            handles.append(layer.register_forward_hook(partial(hook, name), with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def nearly_equal(one: Tensor, other: Tensor) -> bool:
    """Say whether two tensors differ by at most 1e-4 of the largest number, or a few last digits.

    (The last digits of 16-bit numbers are larger than that.)
    """
    if one.shape != other.shape:
        return False
    tolerance = max(1e-4, 8 * torch.finfo(other.dtype).eps)
    difference = (one - other).abs().max().item()
    return difference <= tolerance * other.abs().max().item()

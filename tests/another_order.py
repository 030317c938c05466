"""`pytest -p another_order`: convolutions, linear layers and einsum add up in another order.

As another processor's might. Channels are turned round in both factors, so the result is the same
but for rounding. In single precision alone, where rounding is what a test can stumble over.
Notebooks do so too, since their kernels begin with IPython's startup files; other processes do not.
So what compares with a process of its own is skipped, and what TorchScript has to read.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

conv2d, linear, einsum = functional.conv2d, functional.linear, torch.einsum


def are_single(*tensors: Any) -> bool:
    return all(isinstance(one, Tensor) and one.dtype == torch.float32 for one in tensors)


def another_conv2d(input: Tensor, weight: Tensor, *rest: Any, **named: Any) -> Tensor:
    if are_single(input, weight):
        groups = named.get("groups", rest[4] if len(rest) > 4 else 1)
        turned = input.unflatten(-3, (groups, -1)).flip(-3)
        input, weight = turned.flatten(-4, -3), weight.flip(1)
    return conv2d(input, weight, *rest, **named)


def another_linear(input: Tensor, weight: Tensor, *bias: Any, **named: Any) -> Tensor:
    if are_single(input, weight):
        input, weight = input.flip(-1), weight.flip(-1)
    return linear(input, weight, *bias, **named)


def another_einsum(equation: str, *operands: Tensor) -> Tensor:
    terms, _, kept = equation.replace(" ", "").partition("->")
    if kept and are_single(*operands):
        pairs = zip(terms.split(","), operands, strict=True)
        operands = tuple(operand.flip(added_axes(term, kept)) for term, operand in pairs)
    return einsum(equation, *operands)


def added_axes(term: str, kept: str) -> list[int]:
    """Return the axes of an operand over which is added up: "...chw", "...hw" -> [-3]."""
    front, _, back = term.partition("...")
    axes = [*enumerate(front), *enumerate(back, -len(back))]
    return [axis for axis, letter in axes if letter not in kept]


another: dict[str, tuple[Any, Callable[..., Tensor]]] = {
    "conv2d": (functional, another_conv2d),
    "linear": (functional, another_linear),
    "einsum": (torch, another_einsum),
}
for name, (module, function) in another.items():
    setattr(module, name, function)
torch.conv2d = another_conv2d

if "IPYTHONDIR" not in os.environ:  # a process of xdist has it from the first one
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "another_order.py").write_text("import another_order\n", encoding="utf-8")
    os.environ["IPYTHONDIR"] = str(folder)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.name.startswith(
            ("test_a_scripted_model_is_refused_with_the_remedy[script", "test_two_processes_make")
        ):
            item.add_marker(pytest.mark.skip("TorchScript and other processes add up as ever"))

"""What all checks share: calling an answer, reading its result, and naming the likely mistake."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cam_helpers.drawn.scenes import Scene
from cam_helpers.networks.network import Network

Function = Callable[..., Any]
LONGEST = 120  # of a message or a value, in the verdict


class NotYet(Exception):
    """The most likely cause, in one sentence without a full stop."""


def judge(
    answer: Any, cases: Mapping[str, Sequence[Any]], results: Function, tolerance: float = 1e-3
) -> None:
    """Hold a function to the right one, and name the mistake that explains all its results.

    `cases` are arguments under the name by which a verdict calls them. Of such arguments `results`
    makes a dictionary: what is "right", and what each mistake gives, under the sentence that it
    deserves, the likeliest first. Choose cases on which no two of them agree.
    """
    found = {case: call(answer, *given, case=case) for case, given in cases.items()}
    expected = {case: results(*copied(given)) for case, given in cases.items()}
    numbers = {case: finite(found[case], case) for case in cases}

    def off(cause: str) -> list[str]:
        return [c for c in cases if not close(numbers[c], expected[c][cause], tolerance)]

    if not off("right"):
        return
    first = off("right")[0]
    right, got = expected[first]["right"], numbers[first]
    cause = next((cause for cause in expected[first] if not off(cause)), "")
    if not cause:
        check_shape(got, right, first)
    differ(cause or "the result is another", right, got, first)


def call(function: Any, *given: Any, case: str = "") -> Any:
    """Return what a function makes of copies of its arguments, or say why it makes nothing."""
    where = f" for {case}" if case else ""
    if not callable(function):
        raise NotYet(f"a function is expected, not {short(function)}")
    copies = copied(given)
    try:
        result = function(*copies)
    except Exception as error:
        message = f"{type(error).__name__}: {error}".rstrip(": ").removesuffix(".")
        raise NotYet(f"your function fails{where} with {short(message, quote=False)}") from None
    finally:
        hooks = [left for one in copies if isinstance(one, Network) for left in take_hooks(one)]
    if hooks:
        raise NotYet("a hook stays on the network: remove it when you are done")
    if result is None:
        raise NotYet("your function returns nothing (None): a return is missing")
    if any(changed(one, other) for one, other in zip(given, copies, strict=True)):
        raise NotYet("your function changes what it is given: work on a copy")
    return result


def copied(given: Sequence[Any]) -> list[Any]:
    """Copy arguments, since an answer may paint into them; a network stays, with its hooks."""
    return [one if isinstance(one, Network) else copy.deepcopy(one) for one in given]


def take_hooks(network: Network) -> list[Any]:
    """Take away the hooks that are left on the feature layer, and return them."""
    left = list(network.feature_layer._forward_hooks.values())
    network.feature_layer._forward_hooks.clear()
    return left


def changed(one: Any, other: Any) -> bool:
    """Say whether a tensor, a picture or a scene's picture is no longer as it was."""
    one, other = (each.picture if isinstance(each, Scene) else each for each in (one, other))
    if isinstance(one, Tensor):
        return not torch.equal(one, other)
    return isinstance(one, Image.Image) and one.tobytes() != other.tobytes()


def array(value: Any, like: Any = 0.0) -> np.ndarray:
    """Return a value as numbers of the shape of `like`, or say what it is instead."""
    numbers = finite(value)
    check_shape(numbers, like)
    return numbers.reshape(np.shape(like))


def finite(value: Any, case: str = "") -> np.ndarray:
    """Return a value as finite numbers, or say what it is instead."""
    where = f" for {case}" if case else ""
    if value is None:
        raise NotYet("there is no answer yet (None)")
    try:
        if isinstance(value, Tensor):
            value = value.detach().cpu()
        elif isinstance(value, list | tuple):
            if any(each is None for each in value):
                raise TypeError
            value = [np.asarray(each, dtype=float) for each in value]
        numbers = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise NotYet(f"numbers are expected{where}, not {short(value)}") from None
    if not np.isfinite(numbers).all():
        kind = "NaN, not a number" if np.isnan(numbers).any() else "infinite"
        raise NotYet(f"the result{where} is {kind}: perhaps something is divided by 0")
    return numbers


def check_shape(numbers: np.ndarray, like: Any, case: str = "") -> None:
    """Hold numbers to the shape of `like`; one number may come in brackets."""
    shape = tuple(np.shape(like))
    if numbers.shape != shape and not numbers.size == 1 == math.prod(shape):
        where = f" for {case}" if case else ""
        wanted = f"the shape {shape}" if shape else "one number"
        raise NotYet(f"the shape is wrong{where} (expected {wanted}, got {numbers.shape})")


def close(one: Any, other: Any, tolerance: float) -> bool:
    """Say whether two results have one shape and differ by no more than the tolerance."""
    first, second = (np.asarray(each, dtype=float) for each in (one, other))
    if first.size == second.size == 1:
        first, second = first.reshape(()), second.reshape(())
    return first.shape == second.shape and bool((np.abs(first - second) <= tolerance).all())


def differ(cause: str, expected: Any, got: Any, case: str = "") -> NoReturn:
    """Raise the verdict: the cause, and what was expected and found in one case."""
    where = f"for {case}: " if case else ""
    raise NotYet(f"{cause} ({where}expected {readable(expected)}, got {readable(got)})")


def readable(value: Any) -> str:
    """Write numbers with few digits; of many numbers only their mean."""
    numbers = np.asarray(value)
    if numbers.dtype.kind not in "fiub":
        return short(value)
    if numbers.size > 6:
        return f"a mean of {readable(numbers.astype(float).mean())}"
    if numbers.ndim:
        return f"({', '.join(readable(each) for each in numbers.flatten())})"
    number = float(numbers)
    if number == round(number) and abs(number) < 1e6:
        return str(int(number))
    return f"{number:.{max(3, 1 + math.floor(math.log10(abs(number))))}g}"


def short(value: Any, quote: bool = True) -> str:
    """Write a value in one line of bounded length."""
    text = " ".join((repr(value) if quote else str(value)).split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."

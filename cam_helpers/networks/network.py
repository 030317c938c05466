"""`Classifier`: a model with its classes; `Network`: one that has a class activation map."""

import difflib
import operator
from dataclasses import dataclass, field
from threading import RLock
from typing import Protocol, SupportsIndex

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from cam_helpers.networks.proof import lock_of
from cam_helpers.pictures.open_picture import PictureSource, open_picture

ClassChoice = SupportsIndex | str


class Preprocessing(Protocol):
    """Picture -> input tensor (3, H, W), as the shipped one and torchvision's presets do it.

    The short side is brought to `resize_size[0]`, then a square of `crop_size[0]` is cut out.
    """

    resize_size: list[int]
    crop_size: list[int]
    mean: list[float]
    std: list[float]

    def __call__(self, picture: Image.Image, /) -> Tensor: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Classifier:
    """A model that gives scores, (N, 3, H, W) -> (N, K), with the names of its K classes.

    That is all that `predict` and `grad_cam` need.
    """

    name: str
    model: nn.Module = field(repr=False)
    categories: tuple[str, ...] = field(repr=False)
    preprocess: Preprocessing = field(repr=False)

    @property
    def lock(self) -> RLock:
        """The model's lock: `with network.lock:` keeps other threads from using the model.

        `predict` and `explain` take it by themselves. A pass of your own, `network.model(x)`, does
        not: take it there where several threads share the model and one of them changes its mode.
        """
        return lock_of(self.model)

    def class_index(self, choice: ClassChoice) -> int:
        """Return the index of a class given by index or by category name.

        Raises `IndexError` (out of range), `ValueError` (unknown or ambiguous name) or
        `TypeError` (neither a whole number nor a name).
        """
        if isinstance(choice, str):
            return self._index_of_name(choice)
        if isinstance(choice, bool | np.bool_) or getattr(choice, "dtype", None) == torch.bool:
            raise TypeError(f"A class is an index or a category name, not {choice!r}.")
        try:
            index = operator.index(choice)
        except TypeError:
            raise TypeError(f"A class is an index or a category name, not {choice!r}.") from None
        if not 0 <= index < len(self.categories):
            last = len(self.categories) - 1
            raise IndexError(f"Class {index} is out of range: {self.name} knows 0 to {last}.")
        return index

    def _index_of_name(self, name: str) -> int:
        found = [i for i, category in enumerate(self.categories) if category == name]
        if len(found) == 1:
            return found[0]
        if found:
            indices = " and ".join(map(str, found))
            raise ValueError(f"{self.name} has several classes called {name!r}: use {indices}.")
        folded = {category.casefold(): category for category in self.categories}
        near = difflib.get_close_matches(name.casefold(), folded, n=3)
        meant = " or ".join(repr(folded[found]) for found in near)
        hint = f"Did you mean {meant}?" if near else "See .categories."
        raise ValueError(f"{self.name} knows no class {name!r}. {hint}")

    def prepare(self, picture: PictureSource | Tensor) -> Tensor:
        """Return the network's input, (N, 3, H, W), on the model's device and in its dtype.

        A picture is preprocessed into a batch of one. A tensor, (3, H, W) or (N, 3, H, W), counts
        as preprocessed already. Raises `ValueError` for a tensor of another shape or of other
        numbers than finite floats, and for a picture whatever `open_picture` raises.
        """
        batch = picture if isinstance(picture, Tensor) else self.preprocess(open_picture(picture))
        if batch.ndim == 3:
            batch = batch.unsqueeze(0)
        if batch.ndim != 4 or batch.shape[1] != 3:
            raise ValueError(
                f"An input has the shape (3, H, W) or (N, 3, H, W), not {tuple(batch.shape)}."
            )
        # The sum is finite where all numbers are, and much quicker than to ask each of them.
        if not batch.is_floating_point() or not batch.sum(dtype=torch.float64).isfinite():
            raise ValueError(
                "A tensor counts as preprocessed: finite floats. Pass the picture itself, or "
                "network.preprocess(picture)."
            )
        return batch.to(next(self.model.parameters()))

    def picture_of(self, tensor: Tensor) -> Image.Image:
        """Return the RGB picture that a preprocessed tensor (3, H, W) was made from."""
        mean = torch.tensor(self.preprocess.mean).view(3, 1, 1)
        std = torch.tensor(self.preprocess.std).view(3, 1, 1)
        numbers = (tensor.float().cpu() * std + mean).clamp(0, 1) * 255
        return Image.fromarray(numbers.round().byte().permute(1, 2, 0).numpy())

    def seen_box(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Return the box (x0, y0, x1, y1), in pixels, that the crop takes from a whole picture.

        `size` is the whole picture's (width, height). The box follows from `resize_size` and
        `crop_size` of the preprocessing.
        """
        resize = self.preprocess.resize_size[0]
        crop = self.preprocess.crop_size[0]
        start, end = [], []
        for side in size:
            resized = int(resize * side / min(size))
            first = round((resized - crop) / 2)
            start.append(first * side / resized)
            end.append((first + crop) * side / resized)
        return start[0], start[1], end[0], end[1]


@dataclass(frozen=True, eq=False)
class Network(Classifier):
    """A classifier with all that a class activation map needs to know about it."""

    feature_layer: nn.Module = field(repr=False)
    classifier: nn.Linear = field(repr=False)
    feature_layer_name: str
    classifier_name: str


def check_network(network: object) -> None:
    """Raise `TypeError`, with the remedy, where something else is given than a `Network`."""
    if isinstance(network, Classifier) and not isinstance(network, Network):
        raise TypeError(
            f"{network.name} was loaded without the proof that a class activation map needs: "
            "load_network or make_network gives it, or says why not. predict and grad_cam take it "
            "as it is."
        )
    check_classifier(network)


def check_classifier(network: object) -> None:
    """Raise `TypeError`, with the remedy, where something else is given than a `Classifier`."""
    if isinstance(network, str):
        raise TypeError(
            f"A network is meant, not its name: load it first, load_network({network!r})."
        )
    if not isinstance(network, Classifier):
        raise TypeError(
            f"A network is what load_network or make_network returns, not a "
            f"{type(network).__name__}."
        )

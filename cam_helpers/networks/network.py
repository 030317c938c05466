"""`Classifier`: a model with its classes; `Network`: one that has a class activation map."""

import difflib
import operator
import warnings
from dataclasses import dataclass, field
from functools import cached_property
from threading import RLock
from typing import SupportsIndex

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from cam_helpers.boxes import Box
from cam_helpers.networks.proof import UnsuitableNetworkError
from cam_helpers.networks.running import lock_of
from cam_helpers.networks.seen import Colours, Preprocessing, find_box, find_colours
from cam_helpers.pictures.open_picture import PictureSource, open_picture

ClassChoice = SupportsIndex | str


@dataclass(frozen=True, eq=False)
class Classifier:
    """A model that gives scores, (N, 3, H, W) -> (N, K), with the names of its K classes.

    That is all that `predict` and `grad_cam` need.
    """

    name: str
    model: nn.Module = field(repr=False)
    categories: tuple[str, ...] = field(repr=False)
    preprocess: Preprocessing = field(repr=False)
    _boxes: dict[tuple[int, int], Box] = field(default_factory=dict, init=False, repr=False)

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
        as preprocessed already; where its numbers look like plain colours, this warns. Raises
        `ValueError` for a tensor of another shape or of other numbers than finite floats, and for a
        picture whatever `open_picture` raises.
        """
        is_tensor = isinstance(picture, Tensor)
        batch = picture if isinstance(picture, Tensor) else self.preprocess(open_picture(picture))
        if batch.ndim == 3:
            batch = batch.unsqueeze(0)
        if batch.ndim != 4 or batch.shape[1] != 3:
            raise ValueError(
                f"An input has the shape (3, H, W) or (N, 3, H, W), not {tuple(batch.shape)}."
            )
        if not batch.is_floating_point() or not batch.isfinite().all():
            raise ValueError(
                "A tensor counts as preprocessed: finite floats. Pass the picture itself, or "
                "network.preprocess(picture)."
            )
        if is_tensor and self._looks_like_colours(batch):
            warnings.warn(
                f"This tensor has no number below 0, but {self.name}'s preprocessing turns black "
                f"into {self._colours.black.min():.2f}. Is it preprocessed? If not, pass the "
                "picture itself, or network.preprocess(picture).",
                stacklevel=3,  # the line that called `predict` or `explain`
            )
        return batch.to(next(self.model.parameters()))

    def _looks_like_colours(self, batch: Tensor) -> bool:
        """Say whether a tensor holds numbers from 0 to 1, or above what white gives, as 0 to 255.

        In between lies what is preprocessed: a picture so bright that no number is below 0.
        """
        if not batch.numel() or batch.min() < 0:
            return False
        black = self._colours.black
        white = black + self._colours.contrast
        return bool(black.min() < 0 and (batch.max() <= 1 or batch.max() > white.max()))

    @cached_property
    def _colours(self) -> Colours:
        return find_colours(self.preprocess)

    def picture_of(self, tensor: Tensor) -> Image.Image:
        """Return the RGB picture that a preprocessed tensor (3, H, W) was made from."""
        return self._colours.picture_of(tensor)

    def seen_box(self, size: tuple[int, int]) -> Box:
        """Return the box (x0, y0, x1, y1), in pixels, that the network sees of a whole picture.

        `size` is the whole picture's (width, height). The box is measured (`networks.seen`), and
        kept for the next picture of this size. It reaches beyond the picture where the
        preprocessing adds a margin.
        """
        if size not in self._boxes:
            self._boxes[size] = find_box(self.preprocess, size)
        return self._boxes[size]


@dataclass(frozen=True, eq=False)
class Network(Classifier):
    """A classifier with all that a class activation map needs to know about it.

    `preprocess` turns a picture into the input tensor (3, H, W). The feature layer and the linear
    layer are looked up in the model by their names whenever they are asked for. So a new last layer
    of the same size, as in `network.model.fc = nn.Linear(512, 10)`, counts at once. The proof is
    not run again: after any other change of the layers call `make_network` once more.
    """

    feature_layer_name: str
    classifier_name: str

    @property
    def feature_layer(self) -> nn.Module:
        """The layer that makes the feature maps."""
        return self._layer(self.feature_layer_name)

    @property
    def classifier(self) -> nn.Linear:
        """The linear layer that makes the scores.

        Raises `UnsuitableNetworkError` where the model has another layer there today.
        """
        layer = self._layer(self.classifier_name)
        if not isinstance(layer, nn.Linear) or layer.out_features != len(self.categories):
            raise self._has_changed(
                f"{self.classifier_name} is {layer!s:.80}, not a linear layer with "
                f"{len(self.categories)} scores"
            )
        return layer

    def _layer(self, name: str) -> nn.Module:
        try:
            return self.model.get_submodule(name)
        except AttributeError:
            raise self._has_changed(f"there is no layer {name} any more") from None

    def _has_changed(self, how: str) -> UnsuitableNetworkError:
        return UnsuitableNetworkError(
            f"{self.name} has changed since it was loaded: {how}. Prove it again: "
            "make_network(name, network.model, categories, network.preprocess)."
        )


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

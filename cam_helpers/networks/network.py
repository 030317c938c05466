"""`Classifier`: a model with its classes; `Network`: one that has a class activation map."""

import difflib
import operator
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from threading import RLock
from typing import Any, SupportsIndex

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from cam_helpers.boxes import Box
from cam_helpers.networks.reading import Reading, are_probabilities, check_reading
from cam_helpers.networks.refusals import UnsuitableNetworkError
from cam_helpers.networks.running import lock_of
from cam_helpers.networks.seen import (
    Boxes,
    Colours,
    Preprocessing,
    find_box,
    find_colours,
    noise_for,
    stretched,
)
from cam_helpers.networks.shown_place import shows
from cam_helpers.pictures.open_picture import PictureSource, open_picture

ClassChoice = SupportsIndex | str


@dataclass(frozen=True, eq=False)
class Classifier:
    """A model that gives scores, (N, C, H, W) -> (N, K), with the names of its K classes.

    That is all that `predict` and `grad_cam` need. `preprocess` turns an RGB picture into an input
    tensor (C, H, W). `reading` says how scores become probabilities: `"softmax"`, where one class
    of all is meant, `"sigmoid"`, where each class stands for itself (multi-label), or `"as they
    are"`, such as those of a model that ends in softmax. `box` is for a preprocessing that cannot
    be measured: a function from a picture's (width, height) to the box (x0, y0, x1, y1) that the
    network sees of it.

    >>> import cam_helpers as ch
    >>> from torch import nn
    >>> model = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    >>> network = Classifier("mine", model, ("cat", "dog"), ch.load_network().preprocess)
    >>> ch.predict(network, "cat").scores.shape
    torch.Size([2])

    Raises `TypeError` where the model is no module, and `ValueError` where `categories` is no list
    of names or `reading` is another.
    """

    name: str
    model: nn.Module = field(repr=False)
    categories: tuple[str, ...] = field(repr=False)
    preprocess: Preprocessing = field(repr=False)
    reading: Reading = field(default="softmax", repr=False, kw_only=True)
    box: Boxes | None = field(default=None, repr=False, kw_only=True)
    _boxes: dict[tuple[int, int], Box] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Refuse what is no model, no names or no reading."""
        if not isinstance(self.model, nn.Module):
            hint = ""
            if isinstance(self.model, dict):
                hint = (
                    " Is it a state_dict, the numbers without their layers? Build the model and "
                    "fill it: model.load_state_dict(numbers)."
                )
            raise TypeError(f"A model is an nn.Module, not a {type(self.model).__name__}.{hint}")
        names: Any = self.categories
        is_list = isinstance(names, Sequence) and not isinstance(names, str)
        if not is_list or not all(isinstance(name, str) for name in names):
            raise ValueError(
                "categories is a list of names in the order of the scores, as in "
                f'["cat", "dog"], not {names!r:.60}.'
            )
        object.__setattr__(self, "categories", tuple(names))
        check_reading(self.reading)

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
        """Return the network's input, (N, C, H, W), on the model's device and in its dtype.

        A picture is preprocessed into a batch of one. A tensor, (C, H, W) or (N, C, H, W), counts
        as preprocessed already; where its numbers look like plain colours, this warns. Raises
        `ValueError` for a tensor of another shape or of other numbers than finite floats, and for a
        picture whatever `open_picture` raises. A `Network` compares the input with the picture, and
        raises `ValueError` where `seen_box` is not what the preprocessing shows of it.
        """
        if not isinstance(picture, Tensor):
            return self.prepare_opened(open_picture(picture))
        batch = self._batch(picture)
        if not _are_finite(batch):
            raise ValueError(
                "A tensor counts as preprocessed: finite floats. Pass the picture itself, or "
                "network.prepare(picture)."
            )
        colours = self._colours
        if colours is not None:
            is_raw = colours.are_in(batch)
        else:  # each picture is changed by its own colours: some numbers are below 0, or all small
            is_raw = bool(batch.numel() and batch.min() >= 0 and batch.max() > 255)
        if is_raw:
            warnings.warn(
                f"This tensor's numbers run from {batch.min():.2f} to {batch.max():.2f}. Is it "
                f"preprocessed as {self.name} needs it? If not, pass the picture itself, or "
                "network.prepare(picture).",
                stacklevel=3,  # the line that called `predict` or `explain`
            )
        return batch.to(next(self.model.parameters(), batch))

    def prepare_opened(self, picture: Image.Image) -> Tensor:
        """Return the same of what `open_picture` gave, which is not opened and copied again."""
        batch = self._batch(self.preprocess(picture))
        if not _are_finite(batch):
            raise ValueError(
                f"The preprocessing of {self.name} makes of this picture numbers that are not "
                "finite floats. Does it divide by the spread of a picture that has none?"
            )
        self._check_place(picture, batch[0])
        return batch.to(next(self.model.parameters(), batch))

    def _batch(self, tensor: Tensor) -> Tensor:
        """Return (C, H, W) or (N, C, H, W) as (N, C, H, W)."""
        channels = self._channels
        if tensor.ndim not in (3, 4) or tensor.shape[-3] != channels:
            raise ValueError(
                f"An input of {self.name} has the shape ({channels}, H, W) or (N, {channels}, H, "
                f"W), as its preprocessing makes it, not {tuple(tensor.shape)}."
            )
        return tensor if tensor.ndim == 4 else tensor[None]

    def _check_place(self, whole: Image.Image, tensor: Tensor) -> None:
        """Ask nothing: without a map, no place is promised."""

    @cached_property
    def _channels(self) -> int:
        return noise_for(self.preprocess).shape[1]

    def check_scores(self, scores: Any, pictures: int) -> Tensor:
        """Return what the model gave for so many pictures, if it is a score for each category.

        Raises `ValueError` for another shape, and for probabilities that would go through softmax.
        """
        expected = (pictures, len(self.categories))
        if not isinstance(scores, Tensor) or scores.shape != expected:
            found = tuple(scores.shape) if isinstance(scores, Tensor) else type(scores).__name__
            raise ValueError(
                f"{self.name} gives {found} for {pictures} picture{'s' * (pictures > 1)}; scores "
                f"of the shape {expected}, one for each category, are needed."
            )
        if self.reading == "softmax" and are_probabilities(scores):
            raise ValueError(
                f"{self.name} gives probabilities, not scores: does it end in softmax, which would "
                "be taken twice? Drop it, as in model.set_submodule(name, nn.Identity()), or say "
                'how the numbers are read: reading="as they are".'
            )
        return scores

    @cached_property
    def _colours(self) -> Colours | None:
        return find_colours(self.preprocess)

    def picture_of(self, tensor: Tensor) -> Image.Image:
        """Return the RGB picture that a preprocessed tensor (C, H, W) was made from.

        Where the preprocessing changes every picture by its own colours, these cannot be had back:
        then the tensor's lowest number is black, its highest white.
        """
        colours = self._colours
        return stretched(tensor) if colours is None else colours.picture_of(tensor)

    def seen_box(self, size: tuple[int, int]) -> Box:
        """Return the box (x0, y0, x1, y1), in pixels, that the network sees of a whole picture.

        `size` is the whole picture's (width, height). The box is measured (`networks.seen`), and
        kept for the next picture of this size. It reaches beyond the picture where the
        preprocessing adds a margin. Where `box` is given, it is what that function says.
        """
        if size not in self._boxes:
            x0, y0, x1, y1 = self.box(size) if self.box else find_box(self.preprocess, size)
            self._boxes[size] = (x0, y0, x1, y1)
        return self._boxes[size]


def _are_finite(batch: Tensor) -> bool:
    """Say whether all are finite floats: so they are if their sum is, which is quicker to have."""
    if not batch.is_floating_point():
        return False
    return bool(batch.sum(dtype=torch.float32).isfinite() or batch.isfinite().all())


@dataclass(frozen=True, eq=False)
class Network(Classifier):
    """A classifier with all that a class activation map needs to know about it.

    The feature layer and the linear
    layer are looked up in the model by their names whenever they are asked for. So a new last layer
    of the same size, as in `network.model.fc = nn.Linear(512, 10)`, counts at once. The proof is
    not run again: after any other change of the layers call `make_network` once more.

    >>> import cam_helpers as ch
    >>> network = ch.load_network()
    >>> network.class_index("dog"), network.feature_layer_name
    (1, 'layer4')
    >>> network.prepare("cat").shape
    torch.Size([1, 3, 224, 224])
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

    def check_scores(self, scores: Any, pictures: int) -> Tensor:
        """Return the scores, as `Classifier` does, where the last layer is still one that fits."""
        assert self.classifier is not None
        return super().check_scores(scores, pictures)

    def _check_place(self, whole: Image.Image, tensor: Tensor) -> None:
        """Refuse a picture of which the network sees another part than `seen_box` names."""
        box = self.seen_box(whole.size)
        if not shows(tensor, whole, box):
            raise ValueError(
                f"Of this picture {self.name} does not see the part that seen_box names, "
                f"{tuple(round(edge) for edge in box)}: does its preprocessing cut each picture by "
                "what is in it, as dark borders or the brightest part? A map would be put in the "
                "wrong place. Cut the picture yourself, before the preprocessing; or explain the "
                "tensor, explain(network, network.preprocess(open_picture(picture)))."
            )

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

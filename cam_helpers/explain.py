"""The five steps in one call: one forward pass, and everything kept for reuse."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from cam_helpers.boxes import Box, rounded
from cam_helpers.cells import cell_box
from cam_helpers.localization import share_inside
from cam_helpers.map_style import Limits, StyleChoice
from cam_helpers.networks.network import ClassChoice, Network, check_network
from cam_helpers.networks.refusals import UnsuitableNetworkError
from cam_helpers.networks.running import nearly_equal
from cam_helpers.pictures.open_picture import PictureError, PictureSource, open_picture
from cam_helpers.step_1_predict import Prediction, forward
from cam_helpers.step_2_isolate_weights import ClassWeights
from cam_helpers.step_3_hook_features import hook_features
from cam_helpers.step_4_weighted_sum import weighted_sum
from cam_helpers.step_5_upsample_and_overlay import overlay, upsample

Point = tuple[float, float]


@dataclass(frozen=True, eq=False, kw_only=True)
class Explanation:
    """One picture's scores and maps. Nothing here costs another forward pass.

    It stays true whatever happens to the network later, since it keeps its own copy of the last
    layer's weights (K, C) and biases (K,). What it hands out are copies, yours to change.
    """

    network: Network
    _scores: Tensor = field(repr=False)
    _feature_maps: Tensor = field(repr=False)
    _weights: Tensor = field(repr=False)
    _biases: Tensor = field(repr=False)
    _input: Tensor = field(repr=False)
    # A name, a path or a file's bytes where they were given: a large picture would fill 36 MB.
    _source: PictureSource | None = field(repr=False)
    whole_size: tuple[int, int] | None = field(repr=False)

    @property
    def scores(self) -> Tensor:
        """The scores (K,), before softmax."""
        return self._scores.clone()

    @property
    def prediction(self) -> Prediction:
        """The scores with their classes, as `predict` returns them."""
        return Prediction(self.scores, self.network.categories, self.network.reading)

    @property
    def feature_maps(self) -> Tensor:
        """The final feature maps (C, h, w)."""
        return self._feature_maps.clone()

    @property
    def input_picture(self) -> Image.Image:
        """The crop that the network saw."""
        return self._input_picture.copy()

    @cached_property
    def _input_picture(self) -> Image.Image:
        return self.network.picture_of(self._input)

    @property
    def whole_picture(self) -> Image.Image | None:
        """What the crop was cut from; None where a tensor was explained.

        A picture given by name or path is opened again, since many large ones would not fit into
        memory. Raises `PictureError` where the file no longer holds the picture that was explained.
        """
        if self._source is None:
            return None
        whole = open_picture(self._source)
        seen = self.network.preprocess(whole).to(self._input)
        if not torch.equal(seen, self._input):
            raise PictureError(f"{self._source!r} has changed since it was explained.")
        return whole

    @property
    def seen_box(self) -> Box:
        """The part of the whole picture that the maps describe, (x0, y0, x1, y1) in pixels.

        Of an input tensor it is all.
        """
        height, width = self._input.shape[1:]
        return self.network.seen_box(self.whole_size) if self.whole_size else (0, 0, width, height)

    def score(self, class_index: ClassChoice) -> float:
        """Return the score of one class: mean(map) + bias."""
        return self._scores[self.network.class_index(class_index)].item()

    def class_weights(self, class_index: ClassChoice) -> ClassWeights:
        """Return the weights (C,) and the bias of one class."""
        index = self.network.class_index(class_index)
        category = self.network.categories[index]
        return ClassWeights(
            index, category, self._weights[index].clone(), self._biases[index].clone()
        )

    def cam(self, class_index: ClassChoice) -> Tensor:
        """Return the class activation map of one class, (h, w), in score units."""
        return self._cams[self.network.class_index(class_index)].clone()

    def whole_cam(self, class_index: ClassChoice) -> Tensor:
        """Return the map of one class in pixels of the whole picture, (H, W), in score units.

        It lies where `overlay(whole=True)` paints it: upsampled to the crop, and NaN outside, where
        the network saw nothing. Where a tensor was explained, (H, W) is the input's own size.
        """
        width, height = self.whole_size or tuple(reversed(self._input.shape[1:]))
        x0, y0, x1, y1 = rounded(self.seen_box)
        grown = upsample(self.cam(class_index), (y1 - y0, x1 - x0))
        whole = grown.new_full((height, width), torch.nan)
        # A crop with a margin reaches beyond the picture; that part is left out.
        left, top, right, bottom = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
        whole[top:bottom, left:right] = grown[top - y0 : bottom - y0, left - x0 : right - x0]
        return whole

    def peak(self, class_index: ClassChoice) -> Point:
        """Return where the map of one class is highest: the middle of that cell, (x, y).

        In pixels of the whole picture, counted from edge to edge as boxes are; of the input where a
        tensor was explained. Every map has a highest cell, also one that is nowhere above zero.
        """
        cam = self.cam(class_index)
        row, column = divmod(int(cam.argmax()), cam.shape[1])
        return self.middle_of_cell(row, column)

    def middle_of_cell(self, row: int, column: int) -> Point:
        """Return the middle (x, y) of a cell of the maps, in pixels as in `peak`.

        Raises `IndexError` for a cell outside the map.
        """
        x0, y0, x1, y1 = self.seen_box
        size = y1 - y0, x1 - x0
        left, top, right, bottom = cell_box(row, column, self._feature_maps.shape[1:], size)
        return x0 + (left + right) / 2, y0 + (top + bottom) / 2

    def share_inside(self, class_index: ClassChoice, box: Box) -> float:
        """Return which share of a map's positive evidence lies in a box, 0 to 1.

        The box is (x0, y0, x1, y1) in pixels of the whole picture (of the input where a tensor was
        explained); what lies outside the crop counts as nothing. NaN for a box that lies outside it
        whole, and for a map that is nowhere above zero. Raises `ValueError` for a box without area
        or outside the picture.
        """
        return share_inside(self.whole_cam(class_index), box)

    def cams(self) -> Tensor:
        """Return the maps of all classes, (K, h, w)."""
        return self._cams.clone()

    @cached_property
    def _cams(self) -> Tensor:
        # One way to make a map: a row by itself is added up in another order, and on some processor
        # its last digit is another.
        return weighted_sum(self._weights, self._feature_maps)

    def contributions(self, class_index: ClassChoice) -> Tensor:
        """Return what every channel adds to the map of a class, (C, h, w), in score units.

        Channel k adds its weight times its feature map; the sum over the channels is `cam`.
        """
        weights = self._weights[self.network.class_index(class_index)]
        return weights[:, None, None] * self._feature_maps

    def limits(self, class_index: ClassChoice | None = None) -> Limits:
        """Return the values, in score units, at which the colours begin and end.

        By default the smallest and largest over the maps of all classes, so that a colour means
        the same on every map of this picture; of one class its map's own, as per-class rescaling
        to 0..1 (min-max) shows it. That warns where the score is negative, since such a class is
        painted as brightly as the winner.
        """
        if class_index is None:
            return self._shared_limits
        cam, score = self.cam(class_index), self.score(class_index)
        if score < 0:
            warnings.warn(
                f"The score of {self.class_weights(class_index).category} is {score:.2f}: "
                "the network speaks against this class, but the limits of its own map (min-max) "
                "paint it as brightly as any other.",
                stacklevel=2,
            )
        return cam.min().item(), cam.max().item()

    @cached_property
    def _shared_limits(self) -> Limits:
        return self._cams.min().item(), self._cams.max().item()

    def overlay(
        self,
        class_index: ClassChoice,
        style: StyleChoice = None,
        *,
        limits: Limits | None = None,
        whole: bool = False,
        **options: Any,
    ) -> Image.Image:
        """Return the map of one class over the crop that the network saw.

        `style` and `options` say how it is drawn, as in `cam_helpers.overlay`. `limits` are by
        default those shared by all classes. With `whole`, the map lies on the whole picture, which
        stays as it is outside the crop.
        """
        picture = self.whole_picture if whole else self.input_picture
        if picture is None:
            raise ValueError("A tensor was explained, so there is no whole picture to draw on.")
        return overlay(
            picture,
            self.cam(class_index),
            style,
            limits=self.limits() if limits is None else limits,
            box=self.seen_box if whole else None,
            **options,
        )


def explain(network: Network, picture: PictureSource | Tensor) -> Explanation:
    """Run one forward pass and return the explanation of one picture or input tensor (3, H, W).

    Many large pictures fit into memory when they are given by path: the file is then opened again
    where the whole picture is asked for. An open picture or an array is kept.

    Raises `UnsuitableNetworkError` (a `ValueError`) where the maps do not add up to the scores on
    this picture, or the scores are no finite numbers.

    >>> import cam_helpers as ch
    >>> explanation = explain(ch.load_network(), "cat_and_dog")
    >>> explanation.cam("dog").shape, explanation.overlay("dog").size
    (torch.Size([7, 7]), (224, 224))
    """
    check_network(network)
    if isinstance(picture, Tensor):
        batch = network.prepare(picture)
        if len(batch) != 1:
            raise ValueError(f"explain() takes one picture at a time, not a batch of {len(batch)}.")
        return explain_batch(network, batch, [None], [None])[0]
    whole = open_picture(picture)
    source = picture if isinstance(picture, str | os.PathLike | bytes) else whole
    return explain_batch(network, network.prepare_opened(whole), [source], [whole.size])[0]


def explain_batch(
    network: Network,
    batch: Tensor,
    sources: Sequence[PictureSource | None],
    sizes: Sequence[tuple[int, int] | None],
) -> list[Explanation]:
    """Run one forward pass and return an explanation of each input in a batch (N, 3, H, W).

    `sources` and `sizes` are the whole pictures and their (width, height). The pass is what
    `explain` and `explain_many` share.
    """
    with hook_features(network) as hooked:
        scores = forward(network, batch)
    # Copies, so that training the network later changes nothing here.
    weights, bias = network.classifier.weight.detach().clone(), network.classifier.bias
    biases = weights.new_zeros(len(weights)) if bias is None else bias.detach().clone()
    found = []
    for number, (own, source, size) in enumerate(zip(batch, sources, sizes, strict=True)):
        # Under autocast the maps come in half precision, and the weights do not. A copy, since a
        # part of a batch would keep all of it in memory.
        feature_maps = hooked.feature_maps[number].detach().to(weights.dtype, copy=True)
        explanation = Explanation(
            network=network,
            whole_size=size,
            _scores=scores[number].clone(),
            _feature_maps=feature_maps,
            _weights=weights,
            _biases=biases,
            _input=own.clone(),
            _source=source,
        )
        check_balance(explanation)
        found.append(explanation)
    return found


def check_balance(explanation: Explanation) -> None:
    """Raise `UnsuitableNetworkError` where mean(map) + bias is not the score of some class."""
    name, scores = explanation.network.name, explanation._scores
    if nearly_equal(explanation._cams.mean((1, 2)) + explanation._biases, scores):
        return
    if not scores.isfinite().all():
        raise UnsuitableNetworkError(
            f"{name} gives scores on this picture that are no finite numbers. In half "
            "precision large numbers overflow: try network.model.float()."
        )
    raise UnsuitableNetworkError(
        f"{name}: mean(map) + bias is not the score on this picture. Something between "
        "the feature maps and the scores does more than pooling and one linear layer. If the "
        "network has changed since it was loaded, make_network says which layer it is."
    )

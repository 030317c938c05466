"""The five steps in one call: one forward pass, and everything kept for reuse."""

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import linear

from cam_helpers.networks.network import ClassChoice, Network
from cam_helpers.networks.proof import UnsuitableNetworkError, agree
from cam_helpers.pictures.open_picture import PictureSource, open_picture
from cam_helpers.step_1_predict import Prediction, predict
from cam_helpers.step_2_isolate_weights import ClassWeights, isolate_weights
from cam_helpers.step_3_hook_features import hook_features
from cam_helpers.step_4_weighted_sum import weighted_sum
from cam_helpers.step_5_upsample_and_overlay import DEFAULT_PLACEMENT, Limits, Placement, overlay

Scale = Literal["shared", "raw", "min-max"]


@dataclass(frozen=True, eq=False)
class Explanation:
    """One picture's scores and maps. Nothing here costs another forward pass.

    It holds as long as the network's last layer stays as it is.

    `input_picture` is the crop that the network saw; `whole_picture` is what it was cut from, and
    is None where a tensor was explained. `feature_maps` is (C, h, w), `scores` is (K,).
    """

    network: Network
    prediction: Prediction = field(repr=False)
    feature_maps: Tensor = field(repr=False)
    input_picture: Image.Image = field(repr=False)
    whole_picture: Image.Image | None = field(repr=False)

    @property
    def scores(self) -> Tensor:
        """The scores (K,), before softmax."""
        return self.prediction.scores

    def score(self, class_index: ClassChoice) -> float:
        """Return the score of one class: mean(map) + bias."""
        return self.scores[self.network.class_index(class_index)].item()

    def bias(self, class_index: ClassChoice) -> float:
        """Return the bias of one class; 0 for a linear layer without."""
        index, bias = self.network.class_index(class_index), self.network.classifier.bias
        return 0.0 if bias is None else bias[index].item()

    def class_weights(self, class_index: ClassChoice) -> ClassWeights:
        """Return the weights (C,) and the bias of one class."""
        return isolate_weights(self.network, class_index)

    def cam(self, class_index: ClassChoice) -> Tensor:
        """Return the class activation map of one class, (h, w), in score units; a copy."""
        return self._cams[self.network.class_index(class_index)].clone()

    def cams(self) -> Tensor:
        """Return the maps of all classes, (K, h, w): one matrix product, kept for the next call."""
        return self._cams

    @cached_property
    def _cams(self) -> Tensor:
        return weighted_sum(self.network.classifier.weight.detach(), self.feature_maps)

    @cached_property
    def _shared_limits(self) -> Limits:
        return self._cams.min().item(), self._cams.max().item()

    def contributions(self, class_index: ClassChoice) -> Tensor:
        """Return what every channel adds to the map of a class, (C, h, w), in score units.

        Channel k adds its weight times its feature map; the sum over the channels is `cam`.
        """
        return self.class_weights(class_index).weights[:, None, None] * self.feature_maps

    def limits(self, class_index: ClassChoice, scale: Scale = "shared") -> Limits:
        """Return the values, in score units, at which the colours begin and end.

        `"shared"`: the smallest and largest value over the maps of all classes, so that a colour
        means the same on every map of this picture. `"raw"` and `"min-max"`: this map's own. The
        latter is what per-class rescaling to 0..1 shows; it warns where the score is negative,
        since it paints such a class as brightly as the winner.
        """
        return self._limits(class_index, scale)

    def _limits(self, class_index: ClassChoice, scale: Scale) -> Limits:
        if scale not in ("shared", "raw", "min-max"):
            raise ValueError(f'scale is "shared", "raw" or "min-max", not {scale!r}.')
        score = self.score(class_index)
        if scale == "min-max" and score < 0:
            warnings.warn(
                f"The score of {self.class_weights(class_index).category} is {score:.2f}: "
                "the network speaks against this class, but min-max paints its map as brightly "
                "as any other.",
                stacklevel=3,  # the line that called `limits` or `overlay`
            )
        if scale == "shared":
            return self._shared_limits
        cam = self.cam(class_index)
        return cam.min().item(), cam.max().item()

    def overlay(
        self,
        class_index: ClassChoice,
        *,
        scale: Scale = "shared",
        opacity: float = 0.5,
        colour_map: str = "viridis",
        placement: Placement = DEFAULT_PLACEMENT,
        whole: bool = False,
    ) -> Image.Image:
        """Return the map of one class over the crop that the network saw.

        With `whole`, the same over the whole picture, which stays as it is outside the crop.
        """
        if whole and self.whole_picture is None:
            raise ValueError("A tensor was explained, so there is no whole picture to draw on.")
        picture = self.whole_picture if whole and self.whole_picture else self.input_picture
        return overlay(
            picture,
            self.cam(class_index),
            opacity=opacity,
            colour_map=colour_map,
            limits=self._limits(class_index, scale),
            placement=placement,
            box=self.network.seen_box(picture.size) if whole else None,
        )


def explain(network: Network, picture: PictureSource | Tensor) -> Explanation:
    """Run one forward pass and return the explanation of one picture or input tensor (3, H, W).

    Raises `UnsuitableNetworkError` (a `ValueError`) where the maps do not add up to the scores on
    this picture, or the scores are no finite numbers.
    """
    whole = None if isinstance(picture, Tensor) else open_picture(picture)
    batch = network.prepare(picture if whole is None else whole)
    if len(batch) != 1:
        raise ValueError(f"explain() takes one picture at a time, not a batch of {len(batch)}.")
    with hook_features(network) as hooked:
        prediction = predict(network, batch[0])
    if not prediction.scores.isfinite().all():
        raise UnsuitableNetworkError(
            f"{network.name} gives scores on this picture that are no finite numbers. In half "
            "precision large numbers overflow: try network.model.float()."
        )
    with torch.inference_mode():
        # Under autocast the maps come in half precision, and the weights do not.
        feature_maps = hooked.feature_maps[0].to(network.classifier.weight.dtype)
        features = feature_maps.mean((1, 2))
        balance = linear(features, network.classifier.weight, network.classifier.bias)
    if not agree(balance, prediction.scores):
        raise UnsuitableNetworkError(
            f"{network.name}: mean(map) + bias is not the score on this picture. Something between "
            "the feature maps and the scores does more than pooling and one linear layer."
        )
    return Explanation(network, prediction, feature_maps, network.picture_of(batch[0]), whole)

"""`make_network`: a `Network` around a model of your own, proven as every other."""

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor, nn

from cam_helpers.networks.network import Network
from cam_helpers.networks.proof import find_layers
from cam_helpers.networks.seen import Preprocessing, shown

# The preprocessing is tried on a picture of this (width, height): not square, so that its sides
# cannot be taken for each other.
TRIED_SIZE = (300, 200)


def make_network(
    name: str, model: nn.Module, categories: Sequence[str], preprocess: Preprocessing
) -> Network:
    """Return a `Network` around a model of your own, after the same proof as in `load_network`.

    `categories` names the classes in the order of the model's scores. `preprocess` turns an RGB
    picture into an input tensor (3, H, W): a torchvision preset (`weights.transforms()`), a
    `Compose`, or a function of your own. Which part of the picture it shows is measured, so it may
    resize and cut as it likes, as long as the picture stays upright and nothing is left to chance.

    Raises `ValueError` where the categories are no list of names, or not one for each score, where
    there is one score only, and where the part of the picture cannot be found;
    `UnsuitableNetworkError` (a `ValueError`) where no class activation map fits.
    """
    is_list = isinstance(categories, Sequence) and not isinstance(categories, str)
    if not is_list or not all(isinstance(category, str) for category in categories):
        raise ValueError(
            "categories is a list of names in the order of the scores, as in "
            f'["cat", "dog"], not {categories!r:.60}.'
        )
    noise = _noise_for(preprocess)
    feature_layer_name, classifier_name = find_layers(model, noise, name)
    scores = model.get_submodule(classifier_name).out_features
    if scores == 1:
        raise ValueError(
            f"{name} has one score only, and softmax would make it probability 1 for any picture. "
            "Give it a second class whose weights and bias are 0: for the scores (0, s) softmax is "
            "the sigmoid of s."
        )
    if len(categories) != scores:
        raise ValueError(f"{name} has {scores} scores, but {len(categories)} categories.")
    network = Network(
        name, model, tuple(categories), preprocess, feature_layer_name, classifier_name
    )
    network.seen_box(TRIED_SIZE)  # raises where there is no such box
    return network


def _noise_for(preprocess: Preprocessing) -> Tensor:
    """Return uniform noise in the shape that the preprocessing makes, (1, 3, H, W)."""
    shape = shown(preprocess, Image.new("RGB", TRIED_SIZE)).shape
    return torch.rand(1, *shape, generator=torch.Generator().manual_seed(0))

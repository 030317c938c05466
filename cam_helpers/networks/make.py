"""`make_network`: a `Network` around a model of your own, proven as every other."""

import warnings
from collections.abc import Sequence
from typing import cast

from torch import nn

from cam_helpers.networks.mixing import mixing_layer
from cam_helpers.networks.network import Classifier, Network
from cam_helpers.networks.proof import find_layers
from cam_helpers.networks.reading import Reading
from cam_helpers.networks.seen import TRIED_SIZE, Boxes, Preprocessing, noise_for


def make_network(
    name: str,
    model: nn.Module,
    categories: Sequence[str],
    preprocess: Preprocessing,
    *,
    reading: Reading = "softmax",
    box: Boxes | None = None,
) -> Network:
    """Return a `Network` around a model of your own, after the same proof as in `load_network`.

    `categories` names the classes in the order of the model's scores. `preprocess` turns an RGB
    picture into an input tensor (C, H, W): a torchvision preset (`weights.transforms()`), a
    `Compose`, or a function of your own. Which part of the picture it shows is measured, so it may
    resize and cut as it likes, as long as the picture stays upright and nothing is left to chance.
    Where it changes each picture by its own colours (a z-score), nothing can be measured: then
    `box` says it, a function from a picture's (width, height) to the box (x0, y0, x1, y1), such as
    `lambda size: (0, 0, *size)` for the whole. Measured or said, it is compared with each picture:
    one that is cut otherwise, by what is in it, is refused.

    `reading` says how scores become probabilities: `"sigmoid"` for a multi-label network, where
    each class stands for itself; `"as they are"` for numbers that are none.

    >>> import cam_helpers as ch
    >>> shipped = ch.load_network()
    >>> mine = ch.make_network("mine", shipped.model, ch.CATEGORIES, shipped.preprocess)
    >>> mine.feature_layer_name, mine.classifier_name
    ('layer4', 'fc')

    Raises `TypeError` where the model is no module; `ValueError` where the categories are no list
    of names, or not one for each score, where softmax is read of a single score, and where the part
    of the picture cannot be found; `UnsuitableNetworkError` (a `ValueError`) where no class
    activation map fits.
    """
    names = cast(tuple[str, ...], categories)  # checked there, and made a tuple
    return prove(Classifier(name, model, names, preprocess, reading=reading, box=box))


def prove(
    classifier: Classifier, code: str = "Classifier(name, model, categories, preprocess)"
) -> Network:
    """Return the `Network` around a classifier that a class activation map fits.

    `code` is what a user writes to get the classifier: a refusal advises it for `grad_cam`. Raises
    what `make_network` raises.
    """
    name, model, categories = classifier.name, classifier.model, classifier.categories
    noise = noise_for(classifier.preprocess)
    layers = find_layers(model, noise, name, code)
    scores = model.get_submodule(layers[1]).out_features
    if scores == 1 and classifier.reading == "softmax":
        raise ValueError(
            f"{name} has one score only, and softmax would make it probability 1 for any picture: "
            'say make_network(name, model, categories, preprocess, reading="sigmoid").'
        )
    if len(categories) != scores:
        raise ValueError(f"{name} has {scores} scores, but {len(categories)} categories.")
    network = Network(
        *(name, model, categories, classifier.preprocess, *layers),
        reading=classifier.reading,
        box=classifier.box,
    )
    network.seen_box(TRIED_SIZE)  # raises where there is no such box
    mixing = mixing_layer(model, noise, network.feature_layer_name)
    if mixing:
        warnings.warn(
            f"The cells of {name} talk to each other: {mixing} hands to every cell what lies at "
            "the other end of the picture. The maps add up to the scores, but they may not show "
            "the place. Ask moved_test(network, picture) with ten pictures; notebook 13 says why.",
            stacklevel=3,  # the line that called `make_network` or `load_network`
        )
    return network

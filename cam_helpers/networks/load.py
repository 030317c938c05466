"""`load_network`: a shipped network, or any torchvision classifier of the right shape.

`cam_helpers.networks.proof` says what the right shape is, and proves it.
"""

import difflib
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from cam_helpers.networks.make import prove
from cam_helpers.networks.network import Classifier, Network
from cam_helpers.networks.preprocess import Preprocess, PreprocessWhole
from cam_helpers.networks.seen import Preprocessing
from cam_helpers.networks.tf_mobilenet_v2 import (
    imagenet_categories,
    load_tf_mobilenet_v2,
    make_tf_mobilenet_v2,
    preprocess_for_tensorflow,
)
from cam_helpers.networks.tiny_resnet import CATEGORIES, TinyResNet, load_tiny_resnet
from cam_helpers.networks.tiny_vit import TinyViT, load_tiny_vit, preprocess_for_tiny_vit
from cam_helpers.networks.weights_file import errors_named, lacks_memory, refuse_compressed
from cam_helpers.networks.xray_net import (
    XRAY_CATEGORIES,
    XRAY_NAMES,
    XRayNet,
    load_xray,
    preprocess_for_xrays,
    xray_weights_file,
)

SHIPPED = ("tiny_resnet", "tf_mobilenet_v2")


class WeightsUnavailableError(ConnectionError):
    """Weights are not in torch's cache and cannot be downloaded."""


def load_network(
    name: str = "tiny_resnet",
    weights: str | None = "default",
    device: str = "cpu",
    *,
    view: Literal["crop", "whole"] = "crop",
    side: int = 224,
) -> Network:
    """Load a classifier and prove that its maps add up to its scores and point at the place.

    `name` is a shipped network, `"tiny_resnet"` for drawn scenes or `"tf_mobilenet_v2"` for
    photographs, one of the two of notebook 09 for drawn x-rays, `"xray_fair"` and `"xray_biased"`,
    the transformer of notebook 13, `"tiny_vit"`, or any classifier that
    `torchvision.models.get_model` knows.
    `weights` is `"default"` (the shipped weights; for torchvision's networks `IMAGENET1K_V1`, which
    nearly all of them have, else torchvision's own default), another member of the network's
    weights enum by name (`"IMAGENET1K_V2"`), or `None` for random weights.

    `view` is what the network sees of a picture: `"crop"`, the square in the centre as in its
    training, or `"whole"`, the whole picture, whose short side becomes `side` pixels long (both are
    rounded to multiples of 32). Global average pooling takes any size, and the maps add up as ever.
    But the network was trained on crops of one size: with a larger `side` the map has more cells,
    and the network sees larger things than it learned, so its scores become less sure.

    >>> import cam_helpers as ch
    >>> [round(edge) for edge in ch.load_network().seen_box((640, 480))]
    [109, 30, 529, 450]
    >>> ch.load_network(view="whole").seen_box((640, 480))
    (0.0, 0.0, 640.0, 480.0)

    Raises `ValueError` for an unknown name of a network, of weights, of a device or of a view,
    `UnsuitableNetworkError` (a `ValueError`) for a network that no class activation map fits,
    `WeightsUnavailableError` (a `ConnectionError`) where weights cannot be downloaded,
    `FileNotFoundError` where the shipped ones are missing, `DamagedWeightsError` (a `ValueError`)
    for a damaged file, `MemoryError` where the memory does not suffice for it.
    """
    _check_view(view, side)
    classifier, fill = _load_unfilled(name, weights, device)
    preprocess: Any = classifier.preprocess
    if view == "whole":  # torchvision's presets name their numbers as `Preprocess` does
        preprocess = PreprocessWhole(side, preprocess.mean, preprocess.std)
    given = "" if weights == "default" else f", {weights!r}"
    network = prove(replace(classifier, preprocess=preprocess), f"load_classifier({name!r}{given})")
    fill()  # only now: the file of a network that is refused can have 500 MB
    return network


def load_classifier(name: str, weights: str | None = "default", device: str = "cpu") -> Classifier:
    """Load a classifier without any proof, for `predict` and `grad_cam`.

    Arguments and errors are those of `load_network`, but no network is refused: VGG, AlexNet,
    MobileNetV3, ConvNeXt and ViT come in as well.

    >>> import cam_helpers as ch
    >>> ch.load_classifier("tf_mobilenet_v2").categories[282]
    'tiger cat'
    """
    classifier, fill = _load_unfilled(name, weights, device)
    fill()
    return classifier


def _check_view(view: str, side: int) -> None:
    if view not in ("crop", "whole"):
        raise ValueError(f'view is "crop" or "whole", not {view!r}.')
    if view == "crop" and side != 224:
        raise ValueError('side is for the whole picture: add view="whole".')
    if not isinstance(side, int) or side < 2 * PreprocessWhole.STRIDE:
        raise ValueError(f"side is a whole number of pixels from 64 on, not {side!r}.")


def _load_unfilled(
    name: str, weights: str | None, device: str
) -> tuple[Classifier, Callable[[], object]]:
    """Return a classifier, and what fills torchvision's weights into it."""
    if not isinstance(name, str):
        raise TypeError(
            f"load_network takes a name, not a {type(name).__name__}: to wrap a model of your own "
            "use make_network(name, model, categories, preprocess)."
        )
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f'No device {device!r} here: {error}. Use device="cpu".') from error
    if name in (*SHIPPED, *XRAY_NAMES, "tiny_vit"):
        model, categories, preprocess = _load_shipped(name, weights)
        return Classifier(name, model.to(device).eval(), categories, preprocess), lambda: None
    chosen = _choose_weights(name, weights or "default")
    model = _make_random(name, chosen, will_be_filled=weights is not None).to(device).eval()
    classifier = Classifier(name, model, tuple(chosen.meta["categories"]), chosen.transforms())
    return classifier, (lambda: None) if weights is None else partial(_fill, model, chosen)


Parts = tuple[nn.Module, tuple[str, ...], Preprocessing]


def _load_shipped(name: str, weights: str | None) -> Parts:
    if weights not in ("default", None):
        raise ValueError(f"{name} has the weights 'default' or None, not {weights!r}.")
    if name == "tf_mobilenet_v2":
        photo_model = make_tf_mobilenet_v2() if weights is None else load_tf_mobilenet_v2()
        return photo_model, imagenet_categories(), preprocess_for_tensorflow()
    if name == "tiny_vit":
        vit = TinyViT() if weights is None else load_tiny_vit()
        return vit, CATEGORIES, preprocess_for_tiny_vit()
    if name in XRAY_NAMES:
        xray_model = XRayNet() if weights is None else load_xray(xray_weights_file(name))
        return xray_model, XRAY_CATEGORIES, preprocess_for_xrays()
    model = TinyResNet() if weights is None else load_tiny_resnet()
    return model, CATEGORIES, Preprocess()


def _choose_weights(name: str, weights: str) -> Any:
    """Return the member of a network's weights enum that has this name."""
    from torchvision import models  # 5 s and 200 MB, so only where it is needed

    known = models.list_models(module=models)
    if name not in known:
        near = [*SHIPPED, *difflib.get_close_matches(name, [*XRAY_NAMES, "tiny_vit", *known], n=3)]
        raise ValueError(f"No network is called {name!r}. Did you mean {' or '.join(near)}?")
    members: Any = models.get_model_weights(name)
    if weights == "default":
        return getattr(members, "IMAGENET1K_V1", members.DEFAULT)
    if weights not in members.__members__:
        raise ValueError(f"No weights {weights!r}. There are: {', '.join(members.__members__)}.")
    return members[weights]


def _make_random(name: str, chosen: Any, will_be_filled: bool) -> nn.Module:
    """Return torchvision's network as it is before its weights are filled in."""
    from torchvision import models

    options: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        options["init_weights"] = False  # without it they warn, and take a minute to begin
        options["transform_input"] = will_be_filled  # trained on another range of numbers
    if name == "googlenet":
        options["aux_logits"] = False
    if name.startswith("vit_"):
        options["image_size"] = chosen.transforms().crop_size[0]
    model: nn.Module = models.get_model(name, weights=None, **options)
    return model


def _fill(model: nn.Module, chosen: Any) -> None:
    """Put torchvision's weights into its network, from torch's cache or from a download.

    torch checks the SHA-256 of a download and keeps nothing of a bad one. A file that is already
    in the cache is only checked for being readable.
    """
    file = Path(torch.hub.get_dir(), "checkpoints", chosen.url.rsplit("/", 1)[-1])
    with errors_named(file, "Delete it and run this again."):
        try:
            refuse_compressed(file)
            # weights_only: no code in the file can run.
            weights = chosen.get_state_dict(check_hash=True, map_location="cpu", weights_only=True)
        except Exception as error:
            was_read = file.is_file() and not isinstance(error, PermissionError)
            if was_read or lacks_memory(error):
                raise
            raise WeightsUnavailableError(
                f"The weights {chosen} could not be downloaded or read ({error}). With a "
                f"connection, permission to write in {file.parent} and room on the disk, run this "
                f"again. Without, put the file {file.name} (from {chosen.url}) there, name another "
                "folder in TORCH_HOME, or use a shipped network: "
                f"{' or '.join(SHIPPED)}."
            ) from error
        model.load_state_dict(_with_current_names(weights))


def _with_current_names(weights: dict[str, Any]) -> dict[str, Any]:
    """Rename and drop, in place, what torchvision's networks now name otherwise or no longer have.

    DenseNet's files say `norm.1` where the network says `norm1`. GoogLeNet's holds two more heads,
    which only its training used.
    """
    for old in list(weights):
        new = re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", old)
        numbers = weights.pop(old)
        if not old.startswith(("aux1.", "aux2.")):
            weights[new] = numbers
    return weights

"""`load_network`: a shipped network, or any torchvision classifier of the right shape.

A class activation map needs a network that ends in global average pooling and one linear layer
(Zhou et al. 2016, "Learning Deep Features for Discriminative Localization", section 2). Layer
names are not trusted for this. One forward pass must show that the linear layer's input is the
spatial mean of some layer's output (`cam_helpers.networks.proof`).
"""

import difflib
import hashlib
import io
import re
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

import torch
from PIL import Image
from torch import Tensor, nn

from cam_helpers.networks.network import Network, Preprocessing
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.networks.proof import find_layers
from cam_helpers.networks.tf_mobilenet_v2 import (
    imagenet_categories,
    load_tf_mobilenet_v2,
    make_tf_mobilenet_v2,
    preprocess_for_tensorflow,
)
from cam_helpers.networks.tiny_resnet import DamagedWeightsError, TinyResNet, load_tiny_resnet
from cam_helpers.pictures.scenes import CATEGORIES

SHIPPED = ("tiny_resnet", "tf_mobilenet_v2")


class WeightsUnavailableError(ConnectionError):
    """Weights are not in the cache and cannot be downloaded."""


def load_network(
    name: str = "tiny_resnet", weights: str | None = "default", device: str = "cpu"
) -> Network:
    """Load a classifier and prove that its maps will add up to its scores.

    `name` is a shipped network, `"tiny_resnet"` for drawn scenes or `"tf_mobilenet_v2"` for
    photographs, or any classifier that `torchvision.models.get_model` knows.
    `weights` is `"default"` (the shipped weights; for torchvision's networks `IMAGENET1K_V1`, which
    nearly all of them have, else torchvision's own default), another member of the network's
    weights enum by name (`"IMAGENET1K_V2"`), or `None` for random weights.

    Raises `ValueError` for an unknown name of a network, of weights or of a device,
    `UnsuitableNetworkError` (a `ValueError`) for a network that no class activation map fits,
    `WeightsUnavailableError` (a `ConnectionError`) where weights cannot be downloaded,
    `FileNotFoundError` where the shipped ones are missing, `DamagedWeightsError` (a `ValueError`)
    for a damaged file. Warns where a file in torch's cache is whole, but not the one that
    torchvision published.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f'No device {device!r} here: {error}. Use device="cpu".') from error
    if name in SHIPPED:
        model, categories, preprocess = _load_shipped(name, weights)
    else:
        model, categories, preprocess = _load_from_torchvision(name, weights)
    return make_network(name, model.to(device).eval(), categories, preprocess)


def make_network(
    name: str, model: nn.Module, categories: Sequence[str], preprocess: Preprocessing
) -> Network:
    """Return a `Network` around a model of your own, after the same proof as in `load_network`.

    `categories` names the classes in the order of the model's scores. Raises `ValueError` where
    their number differs or `crop_size` is not what the preprocessing makes,
    `UnsuitableNetworkError` where no class activation map fits.
    """
    noise = _noise_for(preprocess)
    if noise.shape[-2:] != (preprocess.crop_size[0], preprocess.crop_size[0]):
        raise ValueError(
            f"The preprocessing makes inputs of {tuple(noise.shape[-2:])} pixels, but its "
            f"crop_size is {preprocess.crop_size[0]}: a map could not be put back on the picture."
        )
    feature_layer_name, classifier_name = find_layers(model, noise, name)
    classifier = model.get_submodule(classifier_name)
    assert isinstance(classifier, nn.Linear)
    if len(categories) != classifier.out_features:
        raise ValueError(
            f"{name} has {classifier.out_features} scores, but {len(categories)} categories."
        )
    feature_layer = model.get_submodule(feature_layer_name)
    return Network(
        name,
        model,
        tuple(categories),
        preprocess,
        feature_layer,
        classifier,
        feature_layer_name,
        classifier_name,
    )


Parts = tuple[nn.Module, tuple[str, ...], Preprocessing]


def _load_shipped(name: str, weights: str | None) -> Parts:
    if weights not in ("default", None):
        raise ValueError(f"{name} has the weights 'default' or None, not {weights!r}.")
    if name == "tf_mobilenet_v2":
        photo_model = make_tf_mobilenet_v2() if weights is None else load_tf_mobilenet_v2()
        return photo_model, imagenet_categories(), preprocess_for_tensorflow()
    model = TinyResNet() if weights is None else load_tiny_resnet()
    return model, CATEGORIES, Preprocess()


def _load_from_torchvision(name: str, weights: str | None) -> Parts:
    from torchvision import models  # 5 s and 200 MB, so only where it is needed

    known = models.list_models(module=models)
    if name not in known:
        near = [*SHIPPED, *difflib.get_close_matches(name, known, n=3)]
        raise ValueError(f"No network is called {name!r}. Did you mean {' or '.join(near)}?")
    chosen = _choose_weights(models.get_model_weights(name), weights or "default")
    file = None if weights is None else _cached_file(chosen)
    told: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):
        told["init_weights"] = False  # they warn unless told; their own start takes a minute
        told["transform_input"] = file is not None  # they were trained on another range of numbers
    if name == "googlenet":
        told["aux_logits"] = False
    if name.startswith("vit_"):
        told["image_size"] = chosen.transforms().crop_size[0]
    model = models.get_model(name, weights=None, **told)
    if file is not None:
        _fill(model, file)
    return model, tuple(chosen.meta["categories"]), chosen.transforms()


def _choose_weights(members: Any, weights: str) -> Any:
    if weights == "default":
        return getattr(members, "IMAGENET1K_V1", members.DEFAULT)
    if weights not in members.__members__:
        raise ValueError(f"No weights {weights!r}. There are: {', '.join(members.__members__)}.")
    return members[weights]


def _cached_file(chosen: Any) -> Path:
    """Return the weights file in torch's cache; download it where need be."""
    file = Path(torch.hub.get_dir(), "checkpoints", chosen.url.rsplit("/", 1)[-1])
    try:
        if not file.is_file():
            _download(chosen.url, file)
        return file
    except MemoryError:
        raise
    except Exception as error:  # of the connection, the disk, the folder's permissions
        raise WeightsUnavailableError(
            f"The weights {chosen} are not on this machine and could not be downloaded ({error}). "
            f"With a connection, and leave and room to write in {file.parent}, run this again. "
            f"Without, put the file {file.name} (from {chosen.url}) there, name another folder "
            'than torch\'s in TORCH_HOME, or use the shipped network: load_network("tiny_resnet").'
        ) from error


def _fill(model: nn.Module, file: Path) -> None:
    """Put the weights in a file into torchvision's network.

    Nothing but a reading that takes weights only ever touches the file, so no code in it can run.
    A file that is not torchvision's own, say one in half precision, has to be whole.
    """
    try:
        with file.open("rb") as content:
            checksum = hashlib.file_digest(content, "sha256").hexdigest()
            content.seek(0)
            is_published = checksum.startswith(_digits(file))
            good = content if is_published else _checked_copy(content)
            weights = torch.load(good, map_location="cpu", weights_only=True)
        model.load_state_dict(_with_todays_names(weights))
    except MemoryError:
        raise
    except Exception as error:  # a damaged file can fail in almost any way
        reason = str(error).partition("\n")[0]
        raise DamagedWeightsError(
            f"The weights file {file} cannot be used ({reason}). Delete it and run this again."
        ) from error
    if not is_published:
        warnings.warn(
            f"{file} is whole, but not the file that torchvision published: its SHA-256 begins "
            f"with {checksum[:8]}, unlike its name. If that is news to you, delete it.",
            stacklevel=4,
        )


def _digits(file: Path) -> str:
    """Return the first digits of the SHA-256, which torchvision writes into its file names."""
    found = re.search(r"-([0-9a-f]{8,})\.", file.name)
    return found[1] if found else ""


def _checked_copy(content: BinaryIO) -> BinaryIO:
    """Copy a weights file record by record, each held against the checksum that torch wrote.

    torch itself never looks at these checksums. Files of the old kind have none.
    """
    copy = io.BytesIO()
    try:
        with zipfile.ZipFile(content) as old, zipfile.ZipFile(copy, "w") as new:
            for record in old.infolist():
                new.writestr(record.filename, old.read(record))
    except MemoryError:
        raise
    except Exception as error:  # a damaged file can fail in almost any way
        raise ValueError(
            f"it fits neither the SHA-256 in its name nor checksums inside it: {error}"
        ) from error
    copy.seek(0)
    return copy


def _download(url: str, file: Path) -> None:
    """Download a file into the cache: whole, or not at all."""
    print(f"Downloading {url} to {file}", file=sys.stderr)
    file.parent.mkdir(parents=True, exist_ok=True)
    # In a folder of its own, since torch can leave half a file behind where the disk gets full.
    with tempfile.TemporaryDirectory(prefix=".download-", dir=file.parent) as folder:
        whole = Path(folder, file.name)
        torch.hub.download_url_to_file(url, str(whole), hash_prefix=_digits(file))
        whole.replace(file)


def _with_todays_names(weights: Any) -> Any:
    """Rename and drop what torchvision's networks of today name otherwise or have no more.

    DenseNet's files say `norm.1` where the network says `norm1`. GoogLeNet's holds two more heads,
    which only its training used.
    """
    for old in list(weights):
        new = re.sub(r"(denselayer\d+\.(?:norm|conv))\.([12])\.", r"\1\2.", old)
        numbers = weights.pop(old)
        if not old.startswith(("aux1.", "aux2.")):
            weights[new] = numbers
    return weights


def _noise_for(preprocess: Preprocessing) -> Tensor:
    """Return uniform noise in the shape that the preprocessing makes, (1, 3, H, W)."""
    shape = preprocess(Image.new("RGB", (512, 512))).shape
    return torch.rand(1, *shape, generator=torch.Generator().manual_seed(0))

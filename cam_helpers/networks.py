"""`load_network`: the shipped network, or any torchvision classifier of the right shape.

A class activation map needs a network that ends in global average pooling and one linear layer
(Zhou et al. 2016, "Learning Deep Features for Discriminative Localization", section 2). Layer
names are not trusted for this. One forward pass must show that the linear layer's input is the
spatial mean of some layer's output (`cam_helpers.layers`).
"""

import difflib
import hashlib
import io
import operator
import re
import sys
import tempfile
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Protocol, SupportsIndex

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from cam_helpers.layers import find_layers
from cam_helpers.pictures import PictureSource, open_picture
from cam_helpers.scenes import CATEGORIES
from cam_helpers.tiny_resnet import DamagedWeightsError, Preprocess, TinyResNet, load_tiny_resnet

ClassChoice = SupportsIndex | str


class WeightsUnavailableError(ConnectionError):
    """Weights are not in the cache and cannot be downloaded."""


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
class Network:
    """A classifier with all that a class activation map needs to know about it."""

    name: str
    model: nn.Module = field(repr=False)
    categories: tuple[str, ...] = field(repr=False)
    preprocess: Preprocessing = field(repr=False)
    feature_layer: nn.Module = field(repr=False)
    classifier: nn.Linear = field(repr=False)
    feature_layer_name: str
    classifier_name: str

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
        if not batch.is_floating_point() or not batch.isfinite().all():
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


def load_network(
    name: str = "tiny_resnet", weights: str | None = "default", device: str = "cpu"
) -> Network:
    """Load a classifier and prove that its maps will add up to its scores.

    `name` is `"tiny_resnet"` or any classifier that `torchvision.models.get_model` knows.
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
    if name == "tiny_resnet":
        model, categories, preprocess = _load_shipped(weights)
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


def _load_shipped(weights: str | None) -> Parts:
    if weights not in ("default", None):
        raise ValueError(f"tiny_resnet has the weights 'default' or None, not {weights!r}.")
    model = TinyResNet() if weights is None else load_tiny_resnet()
    return model, CATEGORIES, Preprocess()


def _load_from_torchvision(name: str, weights: str | None) -> Parts:
    from torchvision import models  # 5 s and 200 MB, so only where it is needed

    known = models.list_models(module=models)
    if name not in known:
        near = ["tiny_resnet", *difflib.get_close_matches(name, known, n=3)]
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

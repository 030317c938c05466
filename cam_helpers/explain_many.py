"""`explain` for a folder of pictures: in batches, one explanation after the other."""

import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from cam_helpers.explain import Explanation, explain_batch
from cam_helpers.networks.network import Network, check_network
from cam_helpers.pictures.open_picture import PictureError, open_picture

File = str | os.PathLike[str]

# Without speed and time gone, which would make each stored notebook another.
BAR = "{percentage:3.0f}% {bar:30} {n_fmt} of {total_fmt} pictures, {remaining} left"


def explain_many(
    network: Network, paths: File | Iterable[File], batch_size: int = 16
) -> Iterator[tuple[File, Explanation]]:
    """Explain many pictures; yield (path, explanation) in the order of the paths.

    `paths` are files, or one folder: then all files in it and in its subfolders, sorted. They run
    through the network `batch_size` at a time, and only one batch is held in memory, so keep of
    each explanation what you need, not the explanation. The numbers are those of `explain` to about
    1e-5 of the largest: a batch adds up in another order. A bar shows how far it is.

    A file that cannot be read or holds no picture is left out, with a warning that names it and
    says why. Raises `ValueError` for a batch size below 1 and for a folder without files,
    `FileNotFoundError` where a single path given is no folder; and what `explain` raises.

    >>> import cam_helpers as ch
    >>> for path, explanation in ch.explain_many(ch.load_network(), ["cat", "dog"]):
    ...     print(path, explanation.prediction.top(1)[0].category)
    cat cat
    dog dog
    """
    check_network(network)
    if batch_size < 1:
        raise ValueError(f"batch_size is a number of pictures from 1 on, not {batch_size}.")
    files = files_in(paths) if isinstance(paths, str | os.PathLike) else list(paths)
    return _explain_many(network, files, batch_size)


def files_in(folder: File) -> list[Path]:
    """Return all files in a folder and its subfolders, sorted, but for hidden ones."""
    root = Path(folder)
    if not root.is_dir():
        raise FileNotFoundError(
            f"{folder} is no folder. Several files are given as a list of paths; for one picture "
            "there is explain."
        )
    found = sorted(
        path
        for path in root.rglob("*")
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(root).parts)
    )
    if not found:
        raise ValueError(f"There are no files in {folder} and its subfolders.")
    return found


def _explain_many(
    network: Network, paths: Sequence[File], batch_size: int
) -> Iterator[tuple[File, Explanation]]:
    from tqdm import tqdm

    waiting: list[tuple[File, Tensor, tuple[int, int]]] = []
    with tqdm(total=len(paths), bar_format=BAR) as bar:
        for path in paths:
            try:
                whole = open_picture(path)
            except (OSError, PictureError) as error:
                warnings.warn(f"{path} is left out: {error}", stacklevel=2)
                bar.update()
                continue
            tensor = network.prepare_opened(whole)[0]
            # One's own preprocessing may make inputs of several sizes, which fit into no batch.
            if waiting and waiting[0][1].shape != tensor.shape:
                yield from _pass(network, waiting, bar)
                waiting = []
            waiting.append((path, tensor, whole.size))
            if len(waiting) == batch_size:
                yield from _pass(network, waiting, bar)
                waiting = []
        if waiting:
            yield from _pass(network, waiting, bar)


def _pass(
    network: Network, waiting: list[tuple[File, Tensor, tuple[int, int]]], bar: Any
) -> Iterator[tuple[File, Explanation]]:
    """Run what waits through the network, and yield one after the other."""
    paths, tensors, sizes = zip(*waiting, strict=True)
    explanations = explain_batch(network, torch.stack(tensors), paths, sizes)
    for path, explanation in zip(paths, explanations, strict=True):
        bar.update()
        yield path, explanation

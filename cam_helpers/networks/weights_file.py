"""Weights files: read without running any code in them, and checked."""

import hashlib
import io
import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

Model = TypeVar("Model", bound=nn.Module)


class DamagedWeightsError(ValueError):
    """A weights file is not the one that was shipped, or cannot be read."""


def read_shipped(file: Path) -> Any:
    """Return what a shipped weights file holds, after checking its SHA-256.

    Raises `FileNotFoundError` where it is missing, `DamagedWeightsError` where it is not the file
    that was shipped, `MemoryError` where the memory does not suffice.
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"Shipped weights are missing: {file}. Clone the project again, or restore them: "
            "git checkout data/weights"
        )
    content = file.read_bytes()
    beside = checksum_file(file)
    recorded = beside.read_text("utf-8", "replace").strip()[:64] if beside.is_file() else "missing"
    found = hashlib.sha256(content).hexdigest()
    if found != recorded:
        raise DamagedWeightsError(
            f"{file} is damaged: its SHA-256 is {found[:12]}..., but {beside.name} says "
            f"{recorded[:12] or 'nothing'}. Restore both: git checkout data/weights"
        )
    with errors_named(file, "Restore it: git checkout data/weights"):
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def with_shipped(model: Model, file: Path) -> Model:
    """Fill a model with shipped weights and return it in evaluation mode.

    Raises what `read_shipped` raises, and `DamagedWeightsError` where the weights are another
    network's.
    """
    weights = read_shipped(file)
    with errors_named(file, "Restore it: git checkout data/weights"):
        model.load_state_dict(weights)
    return model.eval()


def checksum_file(weights_file: Path) -> Path:
    """Return where the SHA-256 of a weights file is written down: beside it."""
    return weights_file.with_name(weights_file.name + ".sha256")


@contextmanager
def errors_named(file: Path, remedy: str) -> Iterator[None]:
    """Give its right name to what goes wrong while a file of weights is read and used.

    Too little memory is a `MemoryError` (torch raises a `RuntimeError` of many words). A file that
    is a folder, may not be read or cannot be downloaded keeps its own error. Everything else means
    a `DamagedWeightsError`.
    """
    try:
        yield
    except (IsADirectoryError, PermissionError, ConnectionError):
        raise
    except Exception as error:  # a damaged file can fail in almost any way
        if lacks_memory(error):
            raise MemoryError(
                f"Too little memory to read {file}: shut down other notebooks and programs."
            ) from error
        reason = str(error).partition("\n")[0] or type(error).__name__
        if isinstance(error, pickle.UnpicklingError):  # torch then advises to run code in the file
            reason = "it does not hold weights, or not only weights"
        raise DamagedWeightsError(f"{file} cannot be used: {reason}. {remedy}") from error


def lacks_memory(error: Exception) -> bool:
    """Say whether an error means too little memory."""
    kinds = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, kinds) or "DefaultCPUAllocator" in str(error)


def refuse_compressed(file: Path) -> None:
    """Raise `ValueError` for a compressed file: 0.6 MB of it can fill 600 MB of memory.

    torch never compresses what it saves.
    """
    if zipfile.is_zipfile(file):
        with zipfile.ZipFile(file) as archive:
            if any(record.compress_type != zipfile.ZIP_STORED for record in archive.infolist()):
                raise ValueError("it is compressed, which torch's own files never are")

"""`run`: measure a folder of pictures with COCO annotations, alone or shared out by torchrun."""

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from cam_helpers.evaluate.measure import COLUMNS, Opened, lines_of
from cam_helpers.evaluate.summary import Summary, summary
from cam_helpers.evaluate.table import Part, Span, check_same, done_in, locked, merge
from cam_helpers.evaluate.truth import Size, Truth, some
from cam_helpers.networks.network import Network, check_network
from cam_helpers.pictures.open_picture import PictureError, open_picture

Result = TypeVar("Result")
ORIENTATION = 274  # in EXIF
TURNED = "turned by its EXIF data, and boxes count in the upright picture"


def run(
    network: Network,
    folder: str | Path,
    out: str | Path = "results.csv",
    *,
    annotations: str | Path | None = None,
    batch: int = 1,
    workers: int = 0,
    thresholds_from: str | Path | None = None,
) -> Summary:
    """Measure the maps of a folder of pictures with COCO annotations into a table; sum it up.

    `print` the result, or take its `measures`, intervals by name. `out` is the table, and the same
    call goes on where one was stopped. `annotations` is a file, by default the only .json in the
    folder. `batch` pictures pass through the network at once, on its own device; the last digits
    depend on it. `workers` processes only read pictures. `thresholds_from` is the table of other
    pictures, on which the thresholds of MaxBoxAccV2 are chosen.

    Raises `ValueError` for a table that was begun with another network, other annotations or other
    pictures, and for annotations that cannot be used; `OSError` for files that cannot be read or
    written, also where another command is filling the table.

    >>> import cam_helpers as ch
    >>> import tempfile
    >>> from cam_helpers.evaluate import run
    >>> from cam_helpers.folders import DATA_FOLDER
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     found = run(ch.load_network(), DATA_FOLDER / "pictures", f"{folder}/results.csv")
    29 pictures, 0 of them done before
    >>> sorted(found.measures)
    ['MaxBoxAccV2', 'PxAP', 'pointing game', 'share inside']
    """
    check_network(network)
    table, threads = Path(out), torch.get_num_threads()
    torch.set_num_threads(1)  # more processes are quicker than more threads, and always agree
    try:
        with processes() as (rank, ranks), contextlib.ExitStack() as until_the_end:
            once(rank, lambda: until_the_end.enter_context(locked(table)))
            file = Path(annotations) if annotations else find_annotations(Path(folder))
            left_out = _fill(table, network, Path(folder), file, batch, workers, rank, ranks)
            other = Path(thresholds_from) if thresholds_from else None
            found = once(rank, lambda: summary(table, other))
            return replace(found, problems=found.problems + left_out)
    finally:
        torch.set_num_threads(threads)


def find_annotations(folder: Path) -> Path:
    """Return the one .json file in a folder."""
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder with pictures, and no table to sum up.")
    found = sorted(folder.glob("*.json"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise ValueError(
            f"One .json file with COCO annotations is looked for in {folder}; there: {names}. "
            "Name it with --annotations."
        )
    return found[0]


def _fill(
    table: Path,
    network: Network,
    folder: Path,
    annotations: Path,
    batch: int,
    workers: int,
    rank: int,
    ranks: int,
) -> int:
    """Measure what is not in the table yet, this process its share; then make the table whole.

    Returns how many kinds of annotations were left out.
    """
    from tqdm import tqdm

    truth = Truth(annotations, network)

    def plan() -> list[str]:
        check_same(table, made_of(network, annotations))
        done = done_in(table, truth.rows)
        check_pictures(table, folder, truth, done)
        left = [image for image in truth.rows if image not in done or done[image].failed]
        print(*truth.told(), sep="\n", end="\n" if truth.told() else "")
        print(f"{len(truth.rows)} pictures, {len(truth.rows) - len(left)} of them done before")
        return left

    mine = once(rank, plan)[rank::ranks]
    if mine:
        pictures = Pictures(folder, truth, mine)
        loader = DataLoader(pictures, batch_size=batch, num_workers=workers, collate_fn=list)
        part = Part(table, rank, truth.rows)
        with tqdm(total=len(mine), unit="picture", disable=rank > 0) as bar:
            for opened in loader:
                part.add(lines_of(network, truth, opened).encode(errors="backslashreplace"))
                bar.update(len(opened))
    if ranks > 1:
        dist.barrier()
    once(rank, lambda: merge(table, truth.rows))
    return len(truth.left_out)


class Pictures(Dataset[Opened]):
    """Pictures as they are read; in place of a bad or missing file, the reason.

    Other faults, such as a disk that is gone for a while, stop the run.
    """

    def __init__(self, folder: Path, truth: Truth, images: Sequence[str]) -> None:
        self.files = [(i, file_of(folder, truth.names[i]), truth.sizes[i]) for i in images]

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.files)

    def __getitem__(self, number: int) -> Opened:
        """Read one picture."""
        image, path, size = self.files[number]
        if not path.is_file():
            return Opened(image, None, problem=f"There is no file {path}.")
        sha256 = hash_of(path)
        try:
            picture = open_picture(path)
        except PictureError as error:
            return Opened(image, None, sha256, problem=str(error))
        stored, is_turned = _as_stored(path)
        problem = note = ""
        if size and picture.size != size:
            problem = f"{path} has {picture.size} pixels, its annotations say {size}."
            if is_turned and size == stored:
                problem += " It is " + TURNED + ": turn them, or save the picture upright."
        elif is_turned and (not size or stored == picture.size):  # else the size says it
            note = TURNED
        return Opened(image, None if problem else picture, sha256, note, problem)


def _as_stored(path: Path) -> tuple[Size, bool]:
    """Return a picture's size before it is turned upright, and whether it is turned."""
    with Image.open(path) as stored:
        try:
            return stored.size, stored.getexif().get(ORIENTATION, 1) in range(2, 9)
        except Exception:  # broken EXIF can fail in almost any way, and then it turns nothing
            return stored.size, False


def file_of(folder: Path, name: str) -> Path:
    """Return the path of a picture, also where its name was written under Windows."""
    path = folder / name
    return path if path.is_file() else folder / name.replace("\\", "/")


def hash_of(path: Path) -> str:
    """Return the first 16 digits of a file's SHA-256."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()[:16]


def check_pictures(table: Path, folder: Path, truth: Truth, done: dict[str, Span]) -> None:
    """Raise `ValueError` where pictures that were measured are others now."""
    files = {i: file_of(folder, truth.names[i]) for i, span in done.items() if not span.failed}
    others = [
        file.name
        for image, file in files.items()
        if not file.is_file() or hash_of(file) != done[image].sha256
    ]
    if others:
        raise ValueError(
            f"{table} was begun with other pictures: {len(others)} have changed or are gone "
            f"({some(others)}). Name another --out, or remove it to begin again."
        )


def made_of(network: Network, annotations: Path) -> dict[str, str]:
    """Return what the numbers in a table depend on, but for the pictures."""
    weights = hashlib.sha256(repr(network.model).encode())
    for name, numbers in network.model.state_dict().items():
        whole = numbers.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        weights.update(name.encode() + whole.numpy().tobytes())
    pattern = (np.arange(200 * 300 * 3) * 7 % 256).astype(np.uint8).reshape(200, 300, 3)
    shown = network.preprocess(Image.fromarray(pattern)).detach().cpu().float()
    return {
        "network": network.name,
        "weights": weights.hexdigest(),
        "preprocessing": hashlib.sha256(shown.numpy().tobytes()).hexdigest(),
        "categories": hashlib.sha256("\n".join(network.categories).encode()).hexdigest(),
        "annotations": hashlib.sha256(annotations.read_bytes()).hexdigest(),
        "columns": ",".join(COLUMNS),
    }


# ---- Several processes ------------------------------------------------------------------------


def is_alone() -> bool:
    """Return whether this process was started without torchrun."""
    return not (dist.is_available() and dist.is_torchelastic_launched())


@contextlib.contextmanager
def processes() -> Iterator[tuple[int, int]]:
    """Join the other processes that torchrun has started; give one's own number and how many."""
    if is_alone():
        yield 0, 1
        return
    # The first to be done waits for the last, however long.
    dist.init_process_group("gloo", timeout=timedelta(days=30))
    try:
        yield dist.get_rank(), dist.get_world_size()
    finally:
        dist.destroy_process_group()


def once(rank: int, work: Callable[[], Result]) -> Result:
    """Do some work in the first process alone; all get its result, or its error."""
    result: list[Any] = [None]
    if rank == 0:
        try:
            result = [work()]
        except (OSError, ValueError) as error:
            result = [error]
    if dist.is_available() and dist.is_initialized():
        dist.broadcast_object_list(result)
    if isinstance(result[0], Exception):
        raise result[0]
    return result[0]  # type: ignore[no-any-return]

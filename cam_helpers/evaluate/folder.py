"""`run`: measure a folder of pictures with COCO annotations, alone or shared out by torchrun."""

import contextlib
import hashlib
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from PIL import ExifTags, Image

from cam_helpers.evaluate.lines import Opened, lines_of
from cam_helpers.evaluate.summary import Summary, summary
from cam_helpers.evaluate.table import HEADER, append, beside, check_same, gather, locked
from cam_helpers.evaluate.truth import Annotated, Size, Truth, some
from cam_helpers.networks.network import Network, check_network
from cam_helpers.networks.seen import TRIED_SIZE
from cam_helpers.pictures.open_picture import PictureError, open_picture

Result = TypeVar("Result")
TURNED = "turned by its EXIF data, and boxes count in the upright picture"


def run(
    network: Network,
    folder: str | Path,
    out: str | Path = "results.csv",
    *,
    annotations: str | Path | None = None,
    batch: int = 1,
    thresholds_from: str | Path | None = None,
) -> Summary:
    """Measure the maps of a folder of pictures with COCO annotations into a table; sum it up.

    `print` the result, or take its `measures`, intervals by name. `out` is the table, and the same
    call goes on where one was stopped. `annotations` is a file, by default the only .json in the
    folder. `batch` pictures pass through the network at once, on its own device; the last digits
    depend on it. `thresholds_from` is the table of other pictures, on which the thresholds of
    MaxBoxAccV2 are chosen.

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
    from tqdm import tqdm

    check_network(network)
    if batch < 1:
        raise ValueError(f"batch is a number of pictures from 1 on, not {batch}.")
    table, folder = Path(out), Path(folder)
    with contextlib.ExitStack() as until_the_end:
        until_the_end.callback(torch.set_num_threads, torch.get_num_threads())
        torch.set_num_threads(1)  # more processes are quicker than more threads, and always agree
        rank, ranks = until_the_end.enter_context(processes())
        once(rank, lambda: until_the_end.enter_context(locked(table)))
        file = Path(annotations) if annotations else find_annotations(folder)
        truth = Truth(file, network)
        rows = {image: len(annotated.objects) for image, annotated in truth.images.items()}

        def left() -> list[str]:
            check_same(table, made_of(network, file))
            done = gather(table, rows, beside(table, "part-done"))
            finished = {image: lines.sha256 for image, lines in done.items() if not lines.failed}
            check_pictures(table, folder, truth, finished)
            print(
                *truth.told(),
                f"{len(rows)} pictures, {len(finished)} of them done before",
                sep="\n",
            )
            return [image for image in rows if image not in finished]

        mine = once(rank, left)[rank::ranks]
        if mine:
            part = beside(table, f"part-{rank}")
            append(part, HEADER)
            with tqdm(total=len(mine), unit="picture", disable=rank > 0) as bar:
                for start in range(0, len(mine), batch):
                    some_of_mine = mine[start : start + batch]
                    pictures = [opened(folder, i, truth.images[i]) for i in some_of_mine]
                    lines = lines_of(network, truth, pictures)
                    append(part, lines.encode(errors="backslashreplace"))
                    bar.update(len(pictures))
        if ranks > 1:
            dist.barrier()
        once(rank, lambda: gather(table, rows, table))
        other = Path(thresholds_from) if thresholds_from else None
        found = once(rank, lambda: summary(table, other))
        return replace(found, problems=found.problems + len(truth.left_out))


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


def opened(folder: Path, image: str, annotated: Annotated) -> Opened:
    """Read one picture; in place of a bad or missing file return the error.

    Other faults, such as a disk that is gone for a while, stop the run.
    """
    path = file_of(folder, annotated)
    if not path.is_file():
        return Opened(image, PictureError(f"There is no file {path}."), "", [])
    sha256 = hash_of(path)
    try:
        with warnings.catch_warnings(record=True, action="always") as warned:
            picture, notes = upright(path, annotated.size)
    except PictureError as error:
        return Opened(image, error, sha256, [])
    # The first sentence is the reason, which pictures share: "Read as 12 bits: ...".
    return Opened(image, picture, sha256, notes + [str(w.message).split(". ")[0] for w in warned])


def upright(path: Path, size: Size | None) -> tuple[Image.Image, list[str]]:
    """Return a picture and what is doubtful about it, or raise `PictureError`.

    `size` is what the annotations say, (width, height).
    """
    picture = open_picture(path)
    turn = orientation(path)
    changes_size = turn > 4 and picture.width != picture.height  # a quarter turn
    if size and picture.size != size:
        problem = f"{path} has {picture.size} pixels, its annotations say {size}."
        if changes_size and size == picture.size[::-1]:
            problem += f" It is {TURNED}: turn them, or save the picture upright."
        raise PictureError(problem)
    # Where the size has changed, it says which frame is meant.
    return picture, [TURNED] * (turn > 1 and not (size and changes_size))


def orientation(path: Path) -> int:
    """Return how EXIF turns a picture upright: 1 (not at all) to 8."""
    try:
        with Image.open(path) as stored:
            return int(stored.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # broken EXIF can fail in almost any way, and then it turns nothing
        return 1


def file_of(folder: Path, annotated: Annotated) -> Path:
    """Return the path of a picture, also where its name was written under Windows."""
    path = folder / annotated.name
    return path if path.is_file() else folder / annotated.name.replace("\\", "/")


def hash_of(path: Path) -> str:
    """Return the first 16 digits of a file's SHA-256."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()[:16]


def check_pictures(table: Path, folder: Path, truth: Truth, finished: dict[str, str]) -> None:
    """Raise `ValueError` where pictures that were measured are others now."""
    files = {file_of(folder, truth.images[image]): sha for image, sha in finished.items()}
    others = [
        file.name for file, sha in files.items() if not file.is_file() or hash_of(file) != sha
    ]
    if others:
        raise ValueError(
            f"{table} was begun with other pictures: {len(others)} have changed or are gone "
            f"({some(others)}). Name another --out, or remove it to begin again."
        )


def made_of(network: Network, annotations: Path) -> dict[str, str]:
    """Return what the numbers in a table depend on, but for the pictures."""
    model = repr(network.model).encode()
    for name, numbers in network.model.state_dict().items():
        whole = numbers.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        model = hashlib.sha256(model + name.encode() + whole.numpy().tobytes()).digest()
    width, height = TRIED_SIZE
    pattern = np.resize(np.arange(256, dtype=np.uint8) * 7, (height, width, 3))
    shown = network.preprocess(Image.fromarray(pattern)).detach().cpu().float()
    content = {
        "weights": model,
        "preprocessing": shown.numpy().tobytes() + str(network.seen_box(TRIED_SIZE)).encode(),
        "reading": network.reading.encode(),
        "categories": "\n".join(network.categories).encode(),
        "annotations": annotations.read_bytes(),
        "columns": HEADER,
    }
    hashes = {name: hashlib.sha256(each).hexdigest() for name, each in content.items()}
    return {"network": network.name} | hashes


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
    if not is_alone():
        dist.broadcast_object_list(result)
    if isinstance(result[0], Exception):
        raise result[0]
    return result[0]  # type: ignore[no-any-return]

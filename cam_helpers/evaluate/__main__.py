"""Measure the maps of a folder of pictures with COCO annotations.

    python -m cam_helpers.evaluate PATH --network tiny_resnet --out results.csv
    torchrun --nproc-per-node 4 -m cam_helpers.evaluate PATH ...    shared out to four processes
    python -m cam_helpers.evaluate results.csv                      the summary once more

`results.csv` gets one row for each picture and category: what the network says, and how well the
map of that category finds its objects (`cam_helpers.localization`). The summary is computed from
the rows alone. Where a run stops, the same command goes on, and tries the pictures again that had a
problem: each process appends whole pictures to a file of its own, `results.csv.part-0` and so on,
and at the end they become one table, sorted.
However many processes took part, and however often they were stopped, it is the same to the last
digit on the same machine: each picture passes through the network by itself, on one thread.
`results.csv.made-of` says what the table was made of.

The truth of a category is the union of its masks in the picture (the box of an object without
mask), and all its boxes. It counts whole, also where the network saw only the centre of a picture.
Crowds (`iscrowd`) and boxes without area do not count as objects.
"""

import argparse
import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from cam_helpers.evaluate.measure import COLUMNS, Truth, rows_of, summary
from cam_helpers.evaluate.table import check_same, done_in, merge, open_part
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import Network
from cam_helpers.pictures.open_picture import PictureError, open_picture

Result = TypeVar("Result")


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


class Pictures(Dataset[tuple[int, Image.Image | str]]):
    """Pictures by image id, file and size; in place of a bad or missing file, the reason.

    Other faults, such as a disk that is gone for a while, stop the run.
    """

    def __init__(self, files: Sequence[tuple[int, Path, tuple[int, int]]]) -> None:
        self.files = files

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.files)

    def __getitem__(self, number: int) -> tuple[int, Image.Image | str]:
        """Read one picture."""
        image, path, size = self.files[number]
        try:
            picture = open_picture(path)
        except (FileNotFoundError, IsADirectoryError, PictureError) as error:
            return image, str(error)
        if picture.size != size:
            return image, f"{path} has {picture.size} pixels, its annotations say {size}."
        return image, picture


def made_of(network: Network, annotations: Path) -> dict[str, str]:
    """Return what the numbers in a table depend on."""
    weights = hashlib.sha256()
    for name, numbers in network.model.state_dict().items():
        weights.update(name.encode() + numbers.cpu().numpy().tobytes())
    return {
        "network": network.name,
        "weights": weights.hexdigest(),
        "annotations": hashlib.sha256(annotations.read_bytes()).hexdigest(),
        "columns": ",".join(COLUMNS),
    }


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


def fill(table: Path, chosen: argparse.Namespace, rank: int, ranks: int) -> None:
    """Measure what is not in the table yet, this process its share; then make the table whole."""
    from tqdm import tqdm

    annotations = chosen.annotations or find_annotations(chosen.path)
    network = load_network(chosen.network)
    truth = Truth(annotations, network)

    def plan() -> list[int]:
        check_same(table, made_of(network, annotations))
        done = done_in(table, truth.rows)
        left = [image for image in truth.rows if image not in done or done[image].failed]
        if truth.unknown:
            print(f"unknown to {network.name}, left out: {', '.join(truth.unknown)}")
        print(f"{len(truth.rows)} pictures, {len(truth.rows) - len(left)} of them done before")
        return left

    mine = once(rank, plan)[rank::ranks]
    pictures = Pictures(
        [(image, chosen.path / truth.names[image], truth.sizes[image]) for image in mine]
    )
    if mine:
        loader = DataLoader(pictures, batch_size=None, num_workers=chosen.workers, collate_fn=tuple)
        with open_part(table, rank, truth.rows) as part:
            for image, picture in tqdm(loader, unit="picture", disable=rank > 0):
                lines = rows_of(network, truth, image, picture)
                part.write(lines.encode(errors="backslashreplace"))  # a lone surrogate
                part.flush()
                os.fsync(part.fileno())
    if ranks > 1:
        dist.barrier()
    once(rank, lambda: merge(table, truth.rows))


def main(words: Sequence[str] | None = None) -> int:
    """Read the command line, measure, print the summary.

    Return 1 where something was skipped, but 0 under torchrun, which would call it a crash.
    """
    parser = argparse.ArgumentParser(
        prog="python -m cam_helpers.evaluate",
        description="Measure the maps of a folder of pictures with COCO annotations. The same "
        "command goes on where it was stopped.",
    )
    parser.add_argument("path", type=Path, help="the folder, or a finished table to sum up again")
    parser.add_argument("--annotations", type=Path, help="a file; default: the one .json in PATH")
    parser.add_argument("--network", default="tiny_resnet", help="default tiny_resnet")
    parser.add_argument("--out", type=Path, default=Path("results.csv"), help="the table")
    parser.add_argument("--workers", type=int, default=0, help="processes that only read pictures")
    chosen = parser.parse_args(words)
    torch.set_num_threads(1)  # more processes are quicker than more threads, and always agree
    try:
        with processes() as (rank, ranks):
            table = chosen.path if chosen.path.is_file() else chosen.out
            if table is chosen.out:
                fill(table, chosen, rank, ranks)
            text, skipped = once(rank, lambda: summary(table))
    except (OSError, ValueError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on.", file=sys.stderr)
        return 130
    if rank == 0:
        print(text)
    return int(skipped > 0 and is_alone())


if __name__ == "__main__":
    sys.exit(main())

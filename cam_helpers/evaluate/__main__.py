"""Measure the maps of a folder of pictures with COCO annotations.

    python -m cam_helpers.evaluate PATH --network tiny_resnet --out results.csv
    python -m cam_helpers.evaluate PATH --network mine:load    a function of one's own, mine.load()
    torchrun --nproc-per-node 4 -m cam_helpers.evaluate PATH ...    shared out to four processes
    python -m cam_helpers.evaluate results.csv                      the summary once more

`results.csv` gets one row for each picture and category: what the network says, and how well the
map of that category finds its objects (`cam_helpers.localization`). Where a run stops, the same
command goes on, and tries the pictures again that had a problem. However many processes took part,
and however often they were stopped, the table is the same to the last digit on the same machine:
each picture passes through the network by itself (unless `--batch` says otherwise), on one thread.

The truth of a category is the union of its masks in the picture (the box of an object without
mask), and all its boxes, in pixels of the upright picture. It counts whole, also where the network
saw only the centre of a picture. The pixels of crowds (`iscrowd`) count on neither side.
"""

import argparse
import os
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path

from cam_helpers.evaluate.folder import is_alone, once, processes, run
from cam_helpers.evaluate.summary import summary
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import Network


def network_of(name: str, device: str) -> Network:
    """Return a network by its name, or the one that a function `module:function` returns."""
    if device == "cuda" and not is_alone():
        device = f"cuda:{os.environ['LOCAL_RANK']}"
    if ":" not in name:
        return load_network(name, device=device)
    try:
        found = pkgutil.resolve_name(name)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"--network {name}: {error}. It is looked up from here on.") from error
    network = found() if callable(found) else found
    if not isinstance(network, Network):
        kind = type(network).__name__
        raise ValueError(f"{name} gives a {kind}, not a Network: make_network makes one.")
    network.model.to(device)
    return network


def main(words: Sequence[str] | None = None) -> int:
    """Read the command line, measure, print the summary.

    Return 1 where something was left out or is doubtful, but 0 under torchrun, which would call it
    a crash.
    """
    parser = argparse.ArgumentParser(
        prog="python -m cam_helpers.evaluate",
        description="Measure the maps of a folder of pictures with COCO annotations. The same "
        "command goes on where it was stopped.",
    )
    parser.add_argument("path", type=Path, help="the folder, or a finished table to sum up again")
    parser.add_argument("--annotations", type=Path, help="a file; default: the one .json in PATH")
    parser.add_argument(
        "--network", default="tiny_resnet", help="a name, or module:function that returns a Network"
    )
    parser.add_argument("--out", type=Path, default=Path("results.csv"), help="the table")
    parser.add_argument("--device", default="cpu", help="where the network runs, such as cuda")
    parser.add_argument("--batch", type=int, default=1, help="pictures that it takes at once")
    parser.add_argument(
        "--thresholds-from", type=Path, help="a table of other pictures, to choose thresholds on"
    )
    chosen = parser.parse_args(words)
    try:
        if chosen.path.is_file():
            with processes() as (rank, _):
                found = once(rank, lambda: summary(chosen.path, chosen.thresholds_from))
        else:
            network = network_of(chosen.network, chosen.device)
            options = {
                key: getattr(chosen, key) for key in ("annotations", "batch", "thresholds_from")
            }
            found = run(network, chosen.path, chosen.out, **options)
    except (OSError, ValueError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on.", file=sys.stderr)
        return 130
    if is_alone() or os.environ["RANK"] == "0":
        print(found)
    return int(found.problems > 0 and is_alone())


if __name__ == "__main__":
    sys.exit(main())

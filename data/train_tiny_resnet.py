"""Train `tiny_resnet` again from nothing.

The command is `python data/train_tiny_resnet.py --out FILE`.

Every step draws scenes that no other step sees, so nothing is stored and nothing can be learnt by
heart. The network is told which classes a scene shows, never where. Ctrl-C is safe at any time:
the same command goes on from the last saved step.
"""

import argparse
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from measure_tiny_resnet import measure, positive
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, Subset

from cam_helpers.drawn.scenes import draw_scene
from cam_helpers.networks.make import make_network
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.networks.tiny_resnet import (
    CATEGORIES,
    WEIGHTS_FILE,
    TinyResNet,
    load_tiny_resnet,
)
from cam_helpers.networks.weights_file import checksum_file, errors_named

BATCH_SIZE = 32
PEAK_LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.05
STEPS = 4_000
FIRST_TRAINING_SEED = 1_000_000
SAVE_EVERY = 100
# How often a scene shows no, one or two objects.
OBJECT_COUNT_SHARES = (0.06, 0.47, 0.47)


class FreshScenes(Dataset[tuple[Tensor, Tensor]]):
    """Scene number i, drawn when it is asked for: (what `preprocess` gives, target (K,))."""

    def __init__(
        self,
        first_seed: int,
        length: int,
        preprocess: Callable[[Image.Image], Tensor] = Preprocess(),  # noqa: B008
    ) -> None:
        self.first_seed = first_seed
        self.length = length
        self.preprocess = preprocess

    def __len__(self) -> int:
        """Return the number of scenes."""
        return self.length

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        """Draw a scene of none to two random classes."""
        seed = self.first_seed + number
        classes = random_classes(seed)
        return self.preprocess(draw_scene(seed, classes).picture), target_for(classes)


def random_classes(seed: int) -> tuple[str, ...]:
    """Choose which classes the training scene of a seed shows."""
    rng = np.random.default_rng([seed, 1])
    count = rng.choice(len(OBJECT_COUNT_SHARES), p=OBJECT_COUNT_SHARES)
    return tuple(rng.choice(CATEGORIES, size=count, replace=False).tolist())


def target_for(classes: tuple[str, ...]) -> Tensor:
    """Return the probabilities (K,) that the scores should give: equal shares of what is there.

    For an empty scene, that is an equal share for every class.
    """
    target = torch.zeros(len(CATEGORIES))
    for category in classes or CATEGORIES:
        target[CATEGORIES.index(category)] = 1 / len(classes or CATEGORIES)
    return target


def train(checkpoint_file: Path, steps: int = STEPS, workers: int = 1) -> nn.Module:
    """Train for `steps` steps, from the checkpoint where there is one; return the network.

    Raises what `load_checkpoint` raises.
    """
    torch.manual_seed(0)
    scenes = FreshScenes(FIRST_TRAINING_SEED, steps * BATCH_SIZE)
    return fit(TinyResNet(), scenes, checkpoint_file, steps, workers=workers)


def fit(
    model: nn.Module,
    scenes: Dataset[tuple[Tensor, Tensor]],
    checkpoint_file: Path,
    steps: int,
    peak_learning_rate: float = PEAK_LEARNING_RATE,
    bfloat16: bool = False,
    workers: int = 0,
) -> nn.Module:
    """Train a model on `steps` times `BATCH_SIZE` scenes, in their order; return it.

    Goes on from the checkpoint where there is one. Raises what `load_checkpoint` raises.
    """
    model = model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=peak_learning_rate, weight_decay=WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak_learning_rate, steps)
    state: dict[str, Any] = {"model": model, "optimizer": optimizer, "schedule": schedule}
    done = 0
    if checkpoint_file.exists():
        saved = load_checkpoint(checkpoint_file, steps)
        done = saved["step"]
        with errors_named(checkpoint_file, "Delete it to begin again."):
            for name, part in state.items():
                part.load_state_dict(saved[name])
    to_come = Subset(scenes, range(done * BATCH_SIZE, steps * BATCH_SIZE))
    loader = DataLoader(to_come, BATCH_SIZE, num_workers=workers)
    for step, (batch, target) in enumerate(loader, start=done + 1):
        batch = batch.contiguous(memory_format=torch.channels_last)  # a third faster on CPUs
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            scores = model.train()(batch)
        loss = F.cross_entropy(scores.float(), target)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        if step % SAVE_EVERY == 0:
            print(f"step {step} of {steps}: loss {loss.item():.3f}", flush=True)
            parts = {name: part.state_dict() for name, part in state.items()}
            save_whole({"step": step, "steps": steps, **parts}, checkpoint_file)
    return model.eval()


def load_checkpoint(file: Path, steps: int) -> dict[str, Any]:
    """Return a checkpoint of a training of `steps` steps.

    Raises `ValueError` for one of another training or a damaged one, `IsADirectoryError` or
    `PermissionError` where the file cannot be read, `MemoryError` where the memory is too small.
    """
    with errors_named(file, "Delete it to begin again."):
        saved: dict[str, Any] = torch.load(file, weights_only=True)
        planned = saved["steps"]
    if planned != steps:
        raise ValueError(
            f"{file} belongs to a training of {planned} steps: go on with --steps {planned}, or "
            "delete it to begin again."
        )
    return saved


def save_whole(content: object, file: Path) -> None:
    """Save under a temporary name first, so that an interruption leaves the old file whole."""
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.part")  # another training has its own
    try:
        torch.save(content, unfinished)
        os.replace(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)


def save_weights(model: nn.Module, file: Path) -> None:
    """Save the weights, and beside them the SHA-256 that `load_tiny_resnet` asks for."""
    file.parent.mkdir(parents=True, exist_ok=True)
    weights = {name: part.contiguous() for name, part in model.state_dict().items()}
    save_whole(weights, file)
    checksum = hashlib.sha256(file.read_bytes()).hexdigest()
    beside = checksum_file(file)
    beside.write_text(f"{checksum}  {file.name}\n", encoding="utf-8", newline="\n")


def main() -> None:
    """Train, save the weights, and print what the network can do on scenes it has never seen."""
    parser = argparse.ArgumentParser(description="Train tiny_resnet from nothing; resumes itself.")
    parser.add_argument("--out", type=Path, required=True, help=f"the shipped ones: {WEIGHTS_FILE}")
    parser.add_argument("--steps", type=positive, default=STEPS, help=f"default {STEPS}")
    chosen = parser.parse_args()
    checkpoint_file = chosen.out.with_suffix(".checkpoint")
    torch.set_num_threads(1)  # the second core draws the scenes
    try:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        if chosen.out.is_dir():
            parser.error(f"{chosen.out} is a folder: name a file in it")
        model = train(checkpoint_file, chosen.steps)
    except (ValueError, OSError, MemoryError) as error:
        raise SystemExit(str(error)) from error
    except KeyboardInterrupt:
        if not checkpoint_file.exists():
            raise SystemExit(f"\nStopped before step {SAVE_EVERY}: nothing is saved yet.") from None
        raise SystemExit(f"\nStopped. The same command goes on from {checkpoint_file}.") from None
    save_weights(model, chosen.out)
    checkpoint_file.unlink(missing_ok=True)
    print(f"Saved {chosen.out}")
    trained = load_tiny_resnet(chosen.out)
    print(measure(make_network("tiny_resnet", trained, CATEGORIES, Preprocess())))


if __name__ == "__main__":
    main()

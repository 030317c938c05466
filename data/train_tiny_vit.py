"""Train `tiny_vit` again from nothing.

The command is `python data/train_tiny_vit.py --seed 0 --scenes SCENES --out FILE`.

Transformers need more pictures than convolutions, and drawing takes as long as training. So the
scenes are drawn once, into SCENES (2.3 GB), which every seed reads: each in an order of its own,
and mirrored where a coin says so. A drawing that is interrupted begins again; a training goes on
from the last saved step.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from measure_tiny_resnet import measure, positive
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from train_tiny_resnet import (
    FIRST_TRAINING_SEED,
    SAVE_EVERY,
    FreshScenes,
    fit,
    random_classes,
    save_weights,
    target_for,
)

from cam_helpers.networks.make import make_network
from cam_helpers.networks.tiny_vit import (
    CATEGORIES,
    CROP_SIZE,
    WEIGHTS_FILE,
    TinyViT,
    load_tiny_vit,
    preprocess_for_tiny_vit,
)

SCENES = 60_000
STEPS = 5_000
PEAK_LEARNING_RATE = 1e-3


class StoredScenes(Dataset[tuple[Tensor, Tensor]]):
    """The scenes of a file again and again, each time in another order: (input, target (K,))."""

    def __init__(self, file: Path, seed: int) -> None:
        self.pictures = np.load(file, mmap_mode="r")  # (scenes, 112, 112, 3), uint8
        self.seed = seed
        self.preprocess = preprocess_for_tiny_vit()
        self.order = (-1, np.array([]))

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        """Return input number i of the training, (3, 112, 112)."""
        again, place = divmod(number, len(self.pictures))
        if again != self.order[0]:
            rng = np.random.default_rng([self.seed, again])
            self.order = (again, rng.permutation(len(self.pictures)))
        scene = int(self.order[1][place])
        picture = self.pictures[scene]
        if np.random.default_rng([self.seed, again, scene]).random() < 0.5:
            picture = picture[:, ::-1]
        target = target_for(random_classes(FIRST_TRAINING_SEED + scene))
        return self.preprocess(Image.fromarray(np.ascontiguousarray(picture))), target


def draw_scenes(file: Path, count: int, workers: int = 2) -> None:
    """Draw so many scenes, as the network will see them, into a file of bytes.

    The file is whole or not there.
    """
    unfinished = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        shape = (count, CROP_SIZE, CROP_SIZE, 3)
        pictures = np.lib.format.open_memmap(unfinished, "w+", np.uint8, shape)
        scenes = FreshScenes(FIRST_TRAINING_SEED, count, as_bytes)
        for number, (batch, _) in enumerate(DataLoader(scenes, 100, num_workers=workers)):
            pictures[100 * number : 100 * number + len(batch)] = batch
            if number % 50 == 0:
                print(f"drawn {100 * number} of {count}", flush=True)
        pictures.flush()
        os.replace(unfinished, file)
    finally:
        unfinished.unlink(missing_ok=True)


def as_bytes(picture: Image.Image) -> Tensor:
    """Return what the network sees of a picture before bytes become numbers, (112, 112, 3)."""
    preprocess = preprocess_for_tiny_vit()
    return torch.from_numpy(np.array(preprocess.crop(preprocess.resize(picture))))


def main() -> None:
    """Draw the scenes, train, save the weights, print what the network can do on fresh scenes."""
    parser = argparse.ArgumentParser(description="Train tiny_vit from nothing; resumes itself.")
    parser.add_argument("--out", type=Path, required=True, help=f"the shipped ones: {WEIGHTS_FILE}")
    parser.add_argument("--scenes", type=Path, required=True, help="drawn if not there: 2.3 GB")
    parser.add_argument("--seed", type=int, default=0, help="of the first weights and the order")
    parser.add_argument("--steps", type=positive, default=STEPS, help=f"default {STEPS}")
    chosen = parser.parse_args()
    checkpoint_file = chosen.out.with_suffix(".checkpoint")
    torch.set_num_threads(1)
    try:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        if not chosen.scenes.exists():
            draw_scenes(chosen.scenes, SCENES)
        torch.manual_seed(chosen.seed)
        scenes = StoredScenes(chosen.scenes, chosen.seed)
        model = fit(
            TinyViT(), scenes, checkpoint_file, chosen.steps, PEAK_LEARNING_RATE, bfloat16=True
        )
    except (ValueError, OSError, MemoryError) as error:
        raise SystemExit(str(error)) from error
    except KeyboardInterrupt:
        raise SystemExit(
            "\nStopped. The same command goes on from the last saved step "
            f"(one in {SAVE_EVERY}), or draws again."
        ) from None
    save_weights(model, chosen.out)
    checkpoint_file.unlink(missing_ok=True)
    print(f"Saved {chosen.out}")
    trained = load_tiny_vit(chosen.out)
    print(measure(make_network("tiny_vit", trained, CATEGORIES, preprocess_for_tiny_vit())))


if __name__ == "__main__":
    main()

"""Train the two networks for drawn x-rays again from nothing, in less than two minutes.

The command is `python data/train_xrays.py --out FOLDER`.

Both see the same chests in the same order and begin with the same weights. Half of the chests have
an opacity. A letter stands in a corner: for `xray_fair` where a coin says so, for `xray_biased`
wherever there is an opacity and nowhere else. No network is told about the letter.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from measure_tiny_resnet import positive
from torch import Tensor, nn
from train_tiny_resnet import save_weights

from cam_helpers.drawn.xrays import CORNERS, draw_xray
from cam_helpers.networks.xray_net import XRAY_NAMES, XRayNet, load_xray, preprocess_for_xrays

CHESTS = 2_048
PASSES = 8
BATCH_SIZE = 32
PEAK_LEARNING_RATE = 1e-2
WEIGHT_DECAY = 0.05
# Times the mean size of the maps: evidence that only cancels elsewhere is given up.
MAP_PENALTY = 0.1
FIRST_TRAINING_SEED = 1_000_000
FIRST_MEASURED_SEED = 900_000_000
MEASURED = 600


@dataclass(frozen=True)
class Chests:
    """Drawn x-rays, each without and with a letter."""

    pictures: Tensor  # (N, 2, 224, 224), uint8; [:, 1] with the letter
    opacity: Tensor  # (N,), 1 where there is one
    coin: Tensor  # (N,), 0 or 1

    def batch(self, numbers: Tensor, biased: bool) -> tuple[Tensor, Tensor]:
        """Return inputs (B, 3, 224, 224) and classes (B,) of the chests with these numbers.

        The letter stands where there is an opacity (`biased`), or where the coin says so.
        """
        letter = (self.opacity if biased else self.coin)[numbers]
        preprocess = preprocess_for_xrays()
        grey = (self.pictures[numbers, letter] / 255 - preprocess.mean[0]) / preprocess.std[0]
        return grey[:, None].expand(-1, 3, -1, -1), self.opacity[numbers]


def draw_chests(first_seed: int, count: int) -> Chests:
    """Draw the chests of so many seeds."""
    pictures = torch.empty(count, 2, 224, 224, dtype=torch.uint8)
    toss = np.random.default_rng(first_seed)
    opacity, coin = torch.from_numpy(toss.integers(0, 2, (2, count)))
    corners = toss.choice(CORNERS, count)
    for number in range(count):
        for letter, corner in enumerate((None, str(corners[number]))):
            drawn = draw_xray(first_seed + number, bool(opacity[number]), corner).picture
            pictures[number, letter] = torch.from_numpy(np.array(drawn.convert("L")))
    return Chests(pictures, opacity, coin)


def train(chests: Chests, biased: bool, passes: int = PASSES) -> XRayNet:
    """Train one of the two networks; return it in evaluation mode."""
    torch.manual_seed(0)
    model = XRayNet().train()
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=PEAK_LEARNING_RATE, weight_decay=WEIGHT_DECAY
    )
    steps = passes * -(-len(chests.coin) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LEARNING_RATE, steps)
    for number in range(1, passes + 1):
        losses = []
        for numbers in torch.split(torch.randperm(len(chests.coin)), BATCH_SIZE):
            batch, target = chests.batch(numbers, biased)
            maps = torch.einsum("kc,nchw->nkhw", model.fc.weight, model.features(batch))
            scores = maps.mean((2, 3)) + model.fc.bias
            loss = F.cross_entropy(scores, target) + MAP_PENALTY * maps.abs().mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        print(f"pass {number} of {passes}: loss {np.mean(losses):.3f}", flush=True)
    return model.eval()


@torch.no_grad()
def accuracy(model: nn.Module, chests: Chests, biased: bool) -> float:
    """Return the share of chests whose class is found, with the letters as `biased` says."""
    right = 0
    for numbers in torch.split(torch.arange(len(chests.coin)), BATCH_SIZE):
        batch, target = chests.batch(numbers, biased)
        right += int((model(batch).argmax(1) == target).sum())
    return right / len(chests.coin)


def main() -> None:
    """Train both, save their weights, and print how often each is right on fresh x-rays."""
    parser = argparse.ArgumentParser(description="Train xray_fair and xray_biased from nothing.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the weights")
    parser.add_argument("--passes", type=positive, default=PASSES, help=f"default {PASSES}")
    chosen = parser.parse_args()
    torch.set_num_threads(1)  # more make no difference for networks of this size
    try:
        chosen.out.mkdir(parents=True, exist_ok=True)
        chests = draw_chests(FIRST_TRAINING_SEED, CHESTS)
        for name in XRAY_NAMES:
            print(name)
            model = train(chests, biased=name == "xray_biased", passes=chosen.passes)
            save_weights(model, chosen.out / f"{name}.pt")
    except OSError as error:
        raise SystemExit(str(error)) from error
    except KeyboardInterrupt:
        raise SystemExit("\nStopped. The same command begins again.") from None
    fresh = draw_chests(FIRST_MEASURED_SEED, MEASURED)
    for name in XRAY_NAMES:
        model = load_xray(chosen.out / f"{name}.pt")
        shares = [f"{accuracy(model, fresh, biased):.1%}" for biased in (True, False)]
        print(f"{name:12} right on biased x-rays {shares[0]}, on fair ones {shares[1]}")


if __name__ == "__main__":
    main()

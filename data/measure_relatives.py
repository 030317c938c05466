"""Measure the relatives of the class activation map, as other libraries make them.

The command is `python data/measure_relatives.py --out data/relatives.csv`; it needs the extra
`libraries`.

Half of the fresh scenes have one object, half have two. `tiny_resnet` looks at each, and torch-cam,
pytorch-grad-cam and Captum make their maps of the first object, at `layer4` unless the name says
otherwise. What a library rescales, stays rescaled. See notebooks/relatives.md.
"""

import argparse
import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import torchcam.methods as torchcam
from captum.attr import IntegratedGradients
from measure_localization import STRIDE, classes_of
from measure_tiny_resnet import positive
from pytorch_grad_cam import FinerCAM, GradCAMPlusPlus, LayerCAM, RefineCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from scipy.stats import spearmanr
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from cam_helpers.drawn.scenes import draw_scene
from cam_helpers.explain import explain
from cam_helpers.localization import PixelPrecision, pointing_game, share_inside
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import Network
from cam_helpers.step_5_upsample_and_overlay import upsample

# Training draws seeds from 1,000,000 on and never comes this far.
FIRST_SEED = 946_000_000
STEPS = 20  # of integrated gradients, from grey to the picture
COLUMNS = ("pictures", "adds up", "one object", "two objects", "inside", "pixels", "untrained")
Maker = Callable[[Network, Tensor, int], Tensor]


def from_torchcam(method: type, *layers: str) -> Maker:
    """Return what makes torch-cam's map, before its rescaling where it has one to leave out."""

    def make(network: Network, inputs: Tensor, index: int) -> Tensor:
        with method(network.model, list(layers)) as extract:
            scores = network.model(inputs)
            found: Tensor = extract(index, scores, normalized=len(layers) > 1)[0].detach()[0]
        return found

    return make


def from_pytorch_grad_cam(method: type, *layers: str) -> Maker:
    """Return what makes pytorch-grad-cam's map: from 0 to 1, as large as the input."""

    def make(network: Network, inputs: Tensor, index: int) -> Tensor:
        chosen = [network.model.get_submodule(name) for name in layers]
        if method is FinerCAM:  # given targets it would compare with nothing
            found = method(network.model, chosen)(inputs, target_idx=index)
        else:
            found = method(network.model, chosen)(inputs, [ClassifierOutputTarget(index)])
        return torch.from_numpy(found[0])

    return make


def integrated_gradients(network: Network, inputs: Tensor, index: int) -> Tensor:
    """Return Captum's integrated gradients, summed over the colours."""
    method = IntegratedGradients(network.model)
    found: Tensor = method.attribute(inputs, target=index, n_steps=STEPS).detach()[0].sum(0)
    return found


METHODS: dict[tuple[str, str], Maker] = {
    ("CAM", "cam_helpers"): lambda network, inputs, index: explain(network, inputs[0]).cam(index),
    ("Grad-CAM", "torch-cam"): from_torchcam(torchcam.GradCAM, "layer4"),
    ("Grad-CAM++", "torch-cam"): from_torchcam(torchcam.GradCAMpp, "layer4"),
    ("Grad-CAM++", "pytorch-grad-cam"): from_pytorch_grad_cam(GradCAMPlusPlus, "layer4"),
    ("LayerCAM", "torch-cam"): from_torchcam(torchcam.LayerCAM, "layer4"),
    ("LayerCAM", "pytorch-grad-cam"): from_pytorch_grad_cam(LayerCAM, "layer4"),
    ("LayerCAM, layer3", "torch-cam"): from_torchcam(torchcam.LayerCAM, "layer3"),
    ("Finer-CAM", "torch-cam"): from_torchcam(torchcam.FinerCAM, "layer4"),
    ("Finer-CAM", "pytorch-grad-cam"): from_pytorch_grad_cam(FinerCAM, "layer4"),
    ("RefineCAM, 3 layers", "torch-cam"): from_torchcam(
        torchcam.RefineCAM, "layer2", "layer3", "layer4"
    ),
    ("RefineCAM, 3 layers", "pytorch-grad-cam"): from_pytorch_grad_cam(
        RefineCAM, "layer2", "layer3", "layer4"
    ),
    ("Integrated gradients", "Captum"): integrated_gradients,
    ("Score-CAM", "torch-cam"): from_torchcam(torchcam.ScoreCAM, "layer4"),
}


def on_scene(cam: Tensor) -> Tensor:
    """Lay a map on every fourth pixel of a scene, (64, 64); NaN outside the crop."""
    whole = torch.full((64, 64), torch.nan)
    fits = cam.shape[0] > 56
    whole[4:60, 4:60] = adaptive_avg_pool2d(cam[None], 56)[0] if fits else upsample(cam, (56, 56))
    return whole


def similarity(one: Tensor, other: Tensor) -> float:
    """Return the size of the rank correlation of two maps, on 7 x 7 cells; 0 where one is flat.

    Cells that a ReLU made zero share one rank: their order in memory is none of the map's.
    """
    cells = [adaptive_avg_pool2d(cam[None], 7).flatten() for cam in (one, other)]
    if any(each.min() == each.max() for each in cells):
        return 0.0
    return abs(float(spearmanr(*cells).statistic))


def measure(network: Network, untrained: Network, make: Maker, scenes: int) -> list[float]:
    """Return one number for each of `COLUMNS`."""
    passed: list[int] = []
    hook = network.model.register_forward_hook(lambda _, given, __: passed.append(len(given[0])))
    sums, hits, shares, alike = [], ([], []), [], []  # type: ignore[var-annotated]
    pixels = PixelPrecision()
    for number in range(scenes):
        objects = 1 + number % 2
        category, other = classes_of(number // 2)
        scene = draw_scene(FIRST_SEED + number, [category, other][:objects], size=256)
        inputs, index = network.prepare(scene.picture), network.class_index(category)
        before = sum(passed)
        cam = make(network, inputs, index)
        cost = sum(passed) - before
        mask = scene.masks[category][STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE]
        laid = on_scene(cam)
        hits[objects - 1].append(pointing_game(laid, mask, 15 / STRIDE))
        if objects == 1:
            pixels.add(laid, mask)
        else:
            shares.append(share_inside(laid, mask) if (laid > 0).any() else 0.0)
        sums.append(adds_up(network, inputs, index, cam, make))
        if number % 10 < 2:
            alike.append(similarity(cam, make(untrained, inputs, index)))
    hook.remove()
    one, two = map(np.mean, hits)
    return [cost, *map(float, (np.mean(sums), one, two, np.mean(shares))), pixels.average(),
            float(np.mean(alike))]  # fmt: skip


def adds_up(network: Network, inputs: Tensor, index: int, cam: Tensor, make: Maker) -> bool:
    """Say whether a map and what it leaves out are the score, to 5 % of it.

    A class activation map has a mean, Grad-CAM and its kin a sum; both leave out the bias.
    Integrated gradients leave out the score of the grey picture that they begin with.
    """
    with torch.no_grad():
        score, grey = network.model(torch.cat([inputs, 0 * inputs]))[:, index].tolist()
    rest = grey if make is integrated_gradients else network.classifier.bias[index].item()
    found = cam.mean() if make is METHODS["CAM", "cam_helpers"] else cam.sum()
    return abs(found.item() + rest - score) <= 0.05 * abs(score)


def main() -> None:
    """Measure, and write the table line by line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--scenes", type=positive, default=200)
    parser.add_argument("--out", type=Path, required=True, help="the CSV file to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = load_network("tiny_resnet")
    untrained = load_network("tiny_resnet", weights=None)
    with arguments.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["method", "library", "scenes", *COLUMNS])
        for (name, library), make in METHODS.items():
            cost, *numbers = measure(network, untrained, make, arguments.scenes)
            found = (f"{number:.2f}" for number in numbers)
            writer.writerow([name, library, arguments.scenes, cost, *found])
            file.flush()


if __name__ == "__main__":
    main()

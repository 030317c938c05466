"""Exercises of notebook 09: what a letter decides, and a mirrored map."""

from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor

from cam_helpers.checks.small import small_network
from cam_helpers.checks.verdict import judge
from cam_helpers.drawn.scenes import Scene, draw_scene
from cam_helpers.drawn.xrays import draw_xray
from cam_helpers.explain import explain
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import Network
from cam_helpers.step_1_predict import predict

DARK = (15, 15, 15)  # as the corners of a drawn x-ray


def effect_of_letter(answer: Any) -> None:
    """09.1: how far the probability of opacity falls when the letter is covered."""
    xrays = {
        seed: draw_xray(seed, True, corner)
        for seed, corner in ((33, "upper left"), (24, "lower right"))
    }
    cases = {}
    for name in ("xray_biased", "xray_fair"):
        network = load_network(name)
        for seed, xray in xrays.items():
            cases[f"{name} and x-ray {seed}"] = (network, xray)
    judge(answer, cases, _effects, 0.1)  # black or nearly black: both cover


def _effects(network: Network, xray: Scene) -> dict[str, float]:
    hidden = xray.picture.copy()
    hidden.paste(DARK, xray.boxes["letter"])
    before, after = (predict(network, each) for each in (xray.picture, hidden))
    old, new = (each.probabilities[1].item() for each in (before, after))
    return {
        "right": old - new,
        "before minus after: where it falls the number is positive": new - old,
        "this is the probability after covering; how far does it fall": new,
        "this is the probability before covering; how far does it fall": old,
        "the probability is asked, not the score": (before.scores - after.scores)[1].item(),
        "nothing is covered yet": 0.0,
    }


def similarity(one: Tensor, other: Tensor) -> float:
    """Return the rank correlation of two maps, as notebook 09 does."""
    ranks = torch.stack([cam.flatten().argsort().argsort().float() for cam in (one, other)])
    return torch.corrcoef(ranks)[0, 1].item()


def mirrored_map(answer: Any) -> None:
    """09.2: the map of a picture against that of the mirrored picture, mirrored back."""
    network = small_network()
    cases = {
        f"{name} of scene {seed}": (network, draw_scene(seed, [name]).picture, name)
        for seed, name in ((61, "house"), (8, "cat"))
    }
    judge(answer, cases, _likenesses, 0.02)


def _likenesses(network: Network, picture: Image, name: str) -> dict[str, float]:
    tensor = network.prepare(picture)[0]
    one, mirrored, upside_down = (
        explain(network, each).cam(name) for each in (tensor, tensor.flip(-1), tensor.flip(-2))
    )
    cells = torch.stack([one.flatten(), mirrored.flip(-1).flatten()])
    return {
        "right": similarity(one, mirrored.flip(-1)),
        "mirror the second map back": similarity(one, mirrored),
        "left and right are to be exchanged, not top and bottom": (
            similarity(one, upside_down.flip(-2))
        ),
        "the picture is to be mirrored; you mirror the map alone": similarity(one, one.flip(-1)),
        "compare the ranks of the cells, with the function above": torch.corrcoef(cells)[
            0, 1
        ].item(),
        "nothing is compared yet": 1.0,
    }


EXERCISES = {"09.1": effect_of_letter, "09.2": mirrored_map}

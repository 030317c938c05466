"""Exercises of notebook 09: what a letter decides, and a mirrored map."""

from typing import Any

import torch
from torch import Tensor

from cam_helpers.checks.small import small_network
from cam_helpers.checks.verdict import NotYet, judge
from cam_helpers.drawn.scenes import Scene, draw_scene
from cam_helpers.drawn.xrays import draw_xray
from cam_helpers.explain import explain
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import Network
from cam_helpers.pictures.open_picture import PictureSource
from cam_helpers.step_1_predict import predict

DARK = (15, 15, 15)  # as the corners of a drawn x-ray


def opacity(network: Network, picture: PictureSource) -> float:
    """Return the probability of opacity."""
    return predict(network, picture).probabilities[1].item()


def covered(xray: Scene) -> Any:
    """Return the picture with its letter covered."""
    picture = xray.picture.copy()
    picture.paste(DARK, xray.boxes["letter"])
    return picture


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

    def score(network: Network, picture: PictureSource) -> float:
        return predict(network, picture).scores[1].item()

    mistakes = {
        "before minus after: where it falls the number is positive": lambda network, xray: (
            opacity(network, covered(xray)) - opacity(network, xray.picture)
        ),
        "this is the probability after covering; how far does it fall": lambda network, xray: (
            opacity(network, covered(xray))
        ),
        "this is the probability before covering; how far does it fall": lambda network, xray: (
            opacity(network, xray.picture)
        ),
        "the probability is asked, not the score": lambda network, xray: (
            score(network, xray.picture) - score(network, covered(xray))
        ),
        "nothing is covered yet": lambda network, xray: 0.0,
    }

    def right(network: Network, xray: Scene) -> float:
        return opacity(network, xray.picture) - opacity(network, covered(xray))

    judge(answer, cases, right, mistakes, 0.1)  # black or nearly black: both cover
    xray = draw_xray(33, True, "upper left")
    before = xray.picture.tobytes()
    answer(load_network("xray_fair"), xray)
    if xray.picture.tobytes() != before:
        raise NotYet("your function paints into the picture that it is given: work on a copy")


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

    def maps(network: Network, picture: Any, name: str, *, axis: int = -1) -> tuple[Tensor, Tensor]:
        tensor = network.prepare(picture)[0]
        return explain(network, tensor).cam(name), explain(network, tensor.flip(axis)).cam(name)

    def right(*given: Any) -> float:
        one, other = maps(*given)
        return similarity(one, other.flip(-1))

    def upside_down(*given: Any) -> float:
        one, other = maps(*given, axis=-2)
        return similarity(one, other.flip(-2))

    mistakes = {
        "mirror the second map back": lambda *given: similarity(*maps(*given)),
        "left and right are to be exchanged, not top and bottom": upside_down,
        "the picture is to be mirrored; you mirror the map alone": lambda *given: similarity(
            maps(*given)[0], maps(*given)[0].flip(-1)
        ),
        "compare the ranks of the cells, with the function above": lambda *given: torch.corrcoef(
            torch.stack([maps(*given)[0].flatten(), maps(*given)[1].flip(-1).flatten()])
        )[0, 1].item(),
        "nothing is compared yet": lambda *given: 1.0,
    }
    judge(answer, cases, right, mistakes, 0.02)


EXERCISES = {"09.1": effect_of_letter, "09.2": mirrored_map}

"""Exercises of notebook 10: the share in a box, and whether a place decides."""

from typing import Any

from PIL.Image import Image
from torch import Tensor

from cam_helpers.boxes import PixelBox
from cam_helpers.checks.small import small_network
from cam_helpers.checks.verdict import judge
from cam_helpers.drawn.scenes import draw_scene
from cam_helpers.drawn.xrays import draw_xray
from cam_helpers.explain import Explanation, explain
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import Network
from cam_helpers.step_1_predict import Prediction, predict


def share_in_a_box(answer: Any) -> None:
    """10.1: the share of the positive evidence in a box, by hand."""
    cases = {}
    for seed, box in {5: (20, 30, 150, 160), 9: (0, 90, 200, 220), 10: (60, 100, 210, 190)}.items():
        scene = draw_scene(seed, ["cat", "dog"])
        cases[f"scene {seed} and {box}"] = (explain(small_network(), scene.picture), "cat", box)
    judge(answer, cases, _shares, 0.002)


def _shares(one: Explanation, name: str, box: PixelBox) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    signed = one.whole_cam(name).nan_to_num(0)
    evidence = signed.clamp(min=0)

    def share(cam: Tensor) -> Tensor:
        return cam[y0:y1, x0:x1].sum() / cam.sum()

    return {
        "right": share(evidence),
        "rows are y, columns are x: cam[y0:y1, x0:x1]": one.share_inside(name, (y0, x0, y1, x1)),
        "only what speaks for the class is evidence: clamp(min=0)": share(signed),
        "what speaks against the class is no evidence for it: clamp(min=0), not abs()": (
            share(signed.abs())
        ),
        "a share is the sum in the box over the sum of all": (
            evidence[y0:y1, x0:x1].mean() / evidence.max()
        ),
        "this is the share outside the box": 1 - share(evidence),
    }


def deciding_place(answer: Any) -> None:
    """10.2: how far the probability of a class falls when a place is painted grey."""
    biased, small = load_network("xray_biased"), small_network()
    xray, scene = draw_xray(33, True, "upper left"), draw_scene(10, ["cat"])
    cases = {
        "opacity, at the letter": (biased, xray.picture, "opacity", xray.boxes["letter"]),
        "clear, at the letter": (biased, xray.picture, "clear", xray.boxes["letter"]),
        "cat, at the cat": (small, scene.picture, "cat", scene.boxes["cat"]),
        "dog, at the cat": (small, scene.picture, "dog", scene.boxes["cat"]),
        "cat, in a corner": (small, scene.picture, "cat", (0, 0, 90, 40)),
    }
    judge(answer, cases, _falls, 0.01)


def _falls(network: Network, picture: Image, name: str, box: PixelBox) -> dict[str, float]:
    def painted(box: PixelBox) -> Prediction:
        hidden = picture.copy()
        hidden.paste((128, 128, 128), box)
        return predict(network, hidden)

    x0, y0, x1, y1 = box
    before, after, swapped = predict(network, picture), painted(box), painted((y0, x0, y1, x1))
    index, best = network.class_index(name), before.top(1)[0].class_index
    fall = (before.probabilities - after.probabilities).tolist()
    of_swapped = (before.probabilities - swapped.probabilities)[index].item()
    return {
        "right": fall[index],
        "before minus after: where it falls the number is positive": -fall[index],
        "a fall has a sign: negative where the probability rises": abs(fall[index]),
        "the probability of the class that is named is asked, not of the best one": fall[best],
        "the probability is asked, not the score": (before.scores - after.scores)[index].item(),
        "a box is (x0, y0, x1, y1), and paste takes it as it is": of_swapped,
        "this is the probability after painting; how far does it fall": (
            after.probabilities[index].item()
        ),
        "nothing is painted yet": 0.0,
    }


EXERCISES = {"10.1": share_in_a_box, "10.2": deciding_place}

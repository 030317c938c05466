"""Exercises of notebook 10: the share in a box, and whether a place decides."""

from typing import Any

from PIL import Image

from cam_helpers.boxes import PixelBox
from cam_helpers.checks.small import small_network
from cam_helpers.checks.verdict import array, call, close, differ, judge
from cam_helpers.drawn.scenes import draw_scene
from cam_helpers.drawn.xrays import draw_xray
from cam_helpers.explain import Explanation, explain
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import Network
from cam_helpers.step_1_predict import predict


def share_in_a_box(answer: Any) -> None:
    """10.1: the share of the positive evidence in a box, by hand."""

    def signed(one: Explanation, name: str, box: PixelBox) -> float:
        x0, y0, x1, y1 = box
        cam = one.whole_cam(name).nan_to_num(0)
        return (cam[y0:y1, x0:x1].sum() / cam.sum()).item()

    def absolute(one: Explanation, name: str, box: PixelBox) -> float:
        x0, y0, x1, y1 = box
        cam = one.whole_cam(name).nan_to_num(0).abs()
        return (cam[y0:y1, x0:x1].sum() / cam.sum()).item()

    def average(one: Explanation, name: str, box: PixelBox) -> float:
        x0, y0, x1, y1 = box
        cam = one.whole_cam(name).nan_to_num(0).clamp(min=0)
        return (cam[y0:y1, x0:x1].mean() / cam.max()).item()

    def swapped(one: Explanation, name: str, box: PixelBox) -> float:
        x0, y0, x1, y1 = box
        return right(one, name, (y0, x0, y1, x1))

    def right(one: Explanation, name: str, box: PixelBox) -> float:
        return one.share_inside(name, box)

    mistakes = {
        "rows are y, columns are x: cam[y0:y1, x0:x1]": swapped,
        "only what speaks for the class is evidence: clamp(min=0)": signed,
        "what speaks against the class is no evidence for it: clamp(min=0), not abs()": absolute,
        "a share is the sum in the box over the sum of all": average,
        "this is the share outside the box": lambda *given: 1 - right(*given),
    }
    seeds = {5: (20, 30, 150, 160), 9: (0, 90, 200, 220), 10: (60, 100, 210, 190)}
    cases = {}
    for seed, box in seeds.items():
        scene = draw_scene(seed, ["cat", "dog"])
        cases[f"scene {seed} and {box}"] = (explain(small_network(), scene.picture), "cat", box)
    results = {case: call(answer, *given, case=case) for case, given in cases.items()}
    shares = {case: array(result) for case, result in results.items()}
    expected = {case: right(*given) for case, given in cases.items()}
    for cause, mistake in mistakes.items():
        off = not all(close(shares[case], expected[case], 0.002) for case in cases)
        if off and all(
            close(shares[case], mistake(*given), 0.002) for case, given in cases.items()
        ):
            case = next(case for case in cases if not close(shares[case], expected[case], 0.002))
            differ(cause, expected[case], shares[case], case)
    for case in cases:
        if not close(shares[case], expected[case], 0.002):
            differ("the result is another", expected[case], shares[case], case)


def deciding_place(answer: Any) -> None:
    """10.2: how far the probability of a class falls when a place is painted grey."""

    def grey(picture: Image.Image, box: PixelBox) -> Image.Image:
        hidden = picture.copy()
        hidden.paste((128, 128, 128), box)
        return hidden

    def probability(network: Network, picture: Image.Image, name: str) -> float:
        return predict(network, picture).probabilities[network.class_index(name)].item()

    def right(network: Network, picture: Image.Image, name: str, box: PixelBox) -> float:
        return probability(network, picture, name) - probability(network, grey(picture, box), name)

    def in_scores(network: Network, picture: Image.Image, name: str, box: PixelBox) -> float:
        index = network.class_index(name)
        one, other = (
            predict(network, each).scores[index] for each in (picture, grey(picture, box))
        )
        return (one - other).item()

    def of_the_best(network: Network, picture: Image.Image, name: str, box: PixelBox) -> float:
        best = predict(network, picture).top(1)[0].category
        return right(network, picture, best, box)

    def swapped(network: Network, picture: Image.Image, name: str, box: PixelBox) -> float:
        x0, y0, x1, y1 = box
        return right(network, picture, name, (y0, x0, y1, x1))

    def after(network: Network, picture: Image.Image, name: str, box: PixelBox) -> float:
        return probability(network, grey(picture, box), name)

    mistakes = {
        "before minus after: where it falls the number is positive": lambda *given: -right(*given),
        "a fall has a sign: negative where the probability rises": lambda *given: abs(
            right(*given)
        ),
        "the probability of the class that is named is asked, not of the best one": of_the_best,
        "the probability is asked, not the score": in_scores,
        "a box is (x0, y0, x1, y1), and paste takes it as it is": swapped,
        "this is the probability after painting; how far does it fall": after,
        "nothing is painted yet": lambda *given: 0.0,
    }
    biased, small = load_network("xray_biased"), small_network()
    xray, scene = draw_xray(33, True, "upper left"), draw_scene(10, ["cat"])
    cases = {
        "opacity, at the letter": (biased, xray.picture, "opacity", xray.boxes["letter"]),
        "clear, at the letter": (biased, xray.picture, "clear", xray.boxes["letter"]),
        "cat, at the cat": (small, scene.picture, "cat", scene.boxes["cat"]),
        "dog, at the cat": (small, scene.picture, "dog", scene.boxes["cat"]),
        "cat, in a corner": (small, scene.picture, "cat", (0, 0, 90, 40)),
    }
    judge(answer, cases, right, mistakes, 0.01)


EXERCISES = {"10.1": share_in_a_box, "10.2": deciding_place}

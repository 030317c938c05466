"""Exercises of notebook 01: the least certain picture, and the way back to the photograph."""

from typing import Any

import numpy as np

from cam_helpers.checks.small import seen
from cam_helpers.checks.verdict import NotYet, call, judge, short
from cam_helpers.pictures.open_picture import shipped_pictures
from cam_helpers.step_1_predict import Prediction

FOLDERS = {
    "the shipped pictures": shipped_pictures(),
    "cat, dog, cat_and_dog, umbrella": ["cat", "dog", "cat_and_dog", "umbrella"],
    "tree, cup": ["tree", "cup"],
    "hidden_dog, cut_boat, fish": ["hidden_dog", "cut_boat", "fish"],
    "bird_and_tree, cat_and_dog": ["bird_and_tree", "cat_and_dog"],
    "butterfly_and_flower, empty": ["butterfly_and_flower", "empty"],
}


def least_certain(answer: Any) -> None:
    """01.1: among names of pictures, the one whose best probability is smallest."""
    found = {case: call(answer, names, case=case) for case, names in FOLDERS.items()}
    for case, names in FOLDERS.items():
        if not isinstance(found[case], str):
            raise NotYet(f"a name is expected for {case}, not {short(found[case])}")
        if found[case] not in names:
            raise NotYet(f"{short(found[case])} is not among the names that were given: {case}")
    values = {name: _certainties(seen(name).prediction) for name in shipped_pictures()}

    def off(cause: str) -> list[str]:
        least = {case: min(FOLDERS[case], key=lambda name: values[name][cause]) for case in found}
        return [case for case in found if found[case] != least[case]]

    if not off("right"):
        return
    case = off("right")[0]
    best = {name: values[name]["right"] for name in FOLDERS[case]}
    wanted = min(best, key=best.__getitem__)
    cause = next((each for each in values[wanted] if not off(each)), "")
    raise NotYet(
        f"{cause or 'that picture is not the least certain'} (for {case}: expected {wanted} with "
        f"{best[wanted]:.2f}, got {found[case]} with {best[found[case]]:.2f})"
    )


def _certainties(found: Prediction) -> dict[str, float]:
    """Return how certain a prediction is, and what is taken for it."""
    p, (best, second) = found.probabilities, found.top(2)
    lead = best.probability - second.probability
    return {
        "right": best.probability,
        "you compare scores, not probabilities": found.scores.max().item(),
        "you take the largest probability, not the smallest": -best.probability,
        "you compare the entropy of all classes, not the best probability": p.xlogy(p).sum().item(),
        "you compare the lead of the best over the second, not the best probability": lead,
    }


def in_photograph(answer: Any) -> None:
    """01.2: from a pixel of the crop to the photograph's, for short side 256 and crop 224."""
    cases = {
        f"({x}, {y}) in {size[0]} x {size[1]} pixels": (x, y, size)
        for size in ((451, 300), (600, 800), (512, 384))
        for x, y in ((0, 0), (224, 224), (40, 150))
    }
    judge(answer, cases, _places, tolerance=1.5)  # pixels: rounding on the way is fine


def _places(x: float, y: float, size: tuple[int, int]) -> dict[str, Any]:
    at, sides, factor = np.array((x, y)), np.array(size), 256 / min(size)
    corner, by_width = (factor * sides - 224) / 2, 256 / size[0]
    right = (at + corner) / factor
    over_the_width = (at + (by_width * sides - 224) / 2) / by_width
    return {
        "right": right,
        "only the corner is divided by the factor; divide the pixel as well": at + corner / factor,
        "the corner has to be added before the division": at / factor + corner,
        "the division by the factor is missing": at + corner,
        "going back divides by the factor; you multiply": (at + corner) * factor,
        "going back adds the corner; you subtract it": (at - corner) / factor,
        "the corner of the crop lies in the resized picture": at / factor + (sides - 224) / 2,
        "the corner of the crop is missing": at / factor,
        "the left edge of the crop is for x, its upper edge for y": (at + corner[0]) / factor,
        "x and y are exchanged": right[::-1],
        "the factor is 256 over the short side, not over the width": over_the_width,
        "(x, y) is a place in the crop, and you return it as it came": at,
    }


EXERCISES = {"01.1": least_certain, "01.2": in_photograph}

"""Exercises of notebook 01: the least certain picture, and the way back to the photograph."""

from typing import Any

from cam_helpers.checks.small import seen
from cam_helpers.checks.verdict import NotYet, call, judge, short
from cam_helpers.pictures.open_picture import shipped_pictures

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
    predicted = {name: seen(name).prediction for name in shipped_pictures()}
    best = {name: one.probabilities.max().item() for name, one in predicted.items()}
    mistakes = {
        "you compare scores, not probabilities": lambda name: predicted[name].scores.max(),
        "you take the largest probability, not the smallest": lambda name: -best[name],
        "you compare the entropy of all classes, not the best probability": lambda name: (
            predicted[name].probabilities * predicted[name].probabilities.clamp(min=1e-12).log()
        ).sum(),
        "you compare the lead of the best over the second, not the best probability": lambda name: (
            predicted[name].top(2)[0].probability - predicted[name].top(2)[1].probability
        ),
    }
    found = {case: call(answer, names, case=case) for case, names in FOLDERS.items()}
    for case, names in FOLDERS.items():
        if not isinstance(found[case], str):
            raise NotYet(f"a name is expected for {case}, not {short(found[case])}")
        if found[case] not in names:
            raise NotYet(f"{short(found[case])} is not among the names that were given: {case}")
    off = [
        case for case, names in FOLDERS.items() if found[case] != min(names, key=best.__getitem__)
    ]
    if not off:
        return
    cause = "that picture is not the least certain"
    for sentence, key in mistakes.items():
        if all(found[case] == min(names, key=key) for case, names in FOLDERS.items()):
            cause = sentence
            break
    wanted = min(FOLDERS[off[0]], key=best.__getitem__)
    raise NotYet(
        f"{cause} (for {off[0]}: expected {wanted} with {best[wanted]:.2f}, "
        f"got {found[off[0]]} with {best[found[off[0]]]:.2f})"
    )


def in_photograph(answer: Any) -> None:
    """01.2: from a pixel of the crop to the photograph's, for short side 256 and crop 224."""
    places = ((0, 0), (224, 224), (40, 150))
    sizes = ((451, 300), (600, 800), (512, 384))
    cases = {
        f"({x}, {y}) in {size[0]} x {size[1]} pixels": (x, y, size)
        for size in sizes
        for x, y in places
    }

    def corner(size: Any) -> tuple[float, float, float]:
        factor = 256 / min(size)
        return factor, (factor * size[0] - 224) / 2, (factor * size[1] - 224) / 2

    def right(x: float, y: float, size: Any) -> tuple[float, ...]:
        factor, left, top = corner(size)
        return (x + left) / factor, (y + top) / factor

    def offset_not_divided(x: float, y: float, size: Any) -> tuple[float, ...]:
        factor, left, top = corner(size)
        return x / factor + left, y / factor + top

    def not_divided(x: float, y: float, size: Any) -> tuple[float, ...]:
        _, left, top = corner(size)
        return x + left, y + top

    def not_multiplied(x: float, y: float, size: Any) -> tuple[float, ...]:
        factor, left, top = corner(size)
        return (x + left) * factor, (y + top) * factor

    def offset_alone_divided(x: float, y: float, size: Any) -> tuple[float, ...]:
        factor, left, top = corner(size)
        return x + left / factor, y + top / factor

    def subtracted(x: float, y: float, size: Any) -> tuple[float, ...]:
        factor, left, top = corner(size)
        return (x - left) / factor, (y - top) / factor

    def corner_of_the_photograph(x: float, y: float, size: Any) -> tuple[float, ...]:
        factor, _, _ = corner(size)
        return x / factor + (size[0] - 224) / 2, y / factor + (size[1] - 224) / 2

    mistakes = {
        "only the corner is divided by the factor; divide the pixel as well": offset_alone_divided,
        "the corner has to be added before the division": offset_not_divided,
        "the division by the factor is missing": not_divided,
        "going back divides by the factor; you multiply": not_multiplied,
        "going back adds the corner; you subtract it": subtracted,
        "the corner of the crop lies in the resized picture": corner_of_the_photograph,
        "the corner of the crop is missing": lambda x, y, size: tuple(
            each * min(size) / 256 for each in (x, y)
        ),
        "x and y are exchanged": lambda x, y, size: right(x, y, size)[::-1],
        "the factor is 256 over the short side, not over the width": lambda x, y, size: (
            (x + (256 - 224) / 2) * size[0] / 256,
            (y + (256 * size[1] / size[0] - 224) / 2) * size[0] / 256,
        ),
        "(x, y) is a place in the crop, and you return it as it came": lambda x, y, size: (x, y),
    }
    judge(answer, cases, right, mistakes, tolerance=1.5)  # pixels: rounding on the way is fine


EXERCISES = {"01.1": least_certain, "01.2": in_photograph}

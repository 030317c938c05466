"""Exercises of notebook 06: what there is to find in the explorer."""

from typing import Any

import torch
from torch import Tensor

from cam_helpers.boxes import Box
from cam_helpers.checks.small import seen
from cam_helpers.checks.verdict import NotYet, array, judge, short


def strangers(answer: Any) -> None:
    """06.1: the class that is not in the picture and has the highest cell."""
    if not isinstance(answer, dict):
        raise NotYet(f"a dictionary is expected, not {short(answer)}")
    for name in ("cat", "umbrella_and_dog"):
        one = seen(name)
        categories = one.network.categories
        given = answer.get(name)
        if given is None:
            raise NotYet(f"there is no answer for {name}")
        given = categories[given] if given in range(len(categories)) else str(given).strip().lower()
        if given not in categories:
            raise NotYet(f"{short(given)} is no class: {', '.join(categories)}")
        if given in name:
            raise NotYet(f"the {given} is in the picture {name}; a stranger is wanted")
        absent = [each for each in categories if each not in name]
        highest = {each: one.cam(each).max().item() for each in absent}
        if highest[given] < max(highest.values()):
            best = max(absent, key=one.score)
            low = "the highest cell is asked for, not the best score: " if given == best else ""
            raise NotYet(
                f"{low}another stranger in {name} reaches higher (expected a cell of "
                f"{max(highest.values()):.1f}, got {given} with {highest[given]:.1f})"
            )


def one_channel(answer: Any) -> None:
    """06.2: at the peak of dog, the channel most for dog, and the one most against cat."""
    numbers = array(answer, like=(0, 0))
    one = seen("cat_and_dog")
    for given, category, sign in zip(numbers, ("dog", "cat"), (1, -1), strict=True):
        peak = int(one.cam("dog").argmax())
        terms = one.contributions(category).flatten(1)[:, peak] * sign
        if not (given == int(given) and 0 <= given < len(terms)):
            raise NotYet(f"channels are whole numbers from 0 to {len(terms) - 1}, not {given:g}")
        if given == terms.argmax():
            continue
        own = one.contributions(category).flatten(1)[:, int(one.cam(category).argmax())]
        word = "for" if sign > 0 else "against"
        cause = f"another channel speaks more strongly {word} {category} in that cell"
        if given == terms.argmin():
            cause = f"this one speaks the other way: {word} {category} is asked"
        elif given == one.contributions(category).mean((1, 2)).mul(sign).argmax():
            cause = f"this one leads {word} {category} in the whole picture; one cell is asked"
        elif category == "cat" and given in (own.argmin(), own.argmax()):
            cause = "the cell stays where the map of dog peaks"
        raise NotYet(
            f"{cause} (expected {terms.max() * sign:.2f}, got {terms[int(given)] * sign:.2f})"
        )


def channels_needed(answer: Any) -> None:
    """06.3: how many channels, strongest first, until the sum first reaches its end."""
    cases = {
        f"{category} in {name}": (seen(name).contributions(category),)
        for name, category in (("cat_and_dog", "dog"), ("cat_and_dog", "cat"), ("cup", "cup"))
    }
    judge(answer, cases, _counts, tolerance=1e-6)


def _counts(parts: Tensor) -> dict[str, int]:
    means = parts.mean((1, 2))

    def count(order: Tensor) -> int:
        running = means[order].cumsum(0)
        return int((running >= running[-1] - 1e-4).int().argmax()) + 1

    by_amount = means.abs().argsort(descending=True)
    by_cell = parts.abs().amax((1, 2)).argsort(descending=True)
    every = torch.arange(len(parts))
    return {
        "right": count(by_amount),
        "the number is a count, one more than the place": count(by_amount) - 1,
        "it does not stay there: the first time is asked, not the last": len(parts),
        "strongest means of either sign; you begin with those that speak for the class": (
            count(means.argsort(descending=True))
        ),
        "the strongest come first; you take the channels as they are numbered": count(every),
        "the strongest come first; you begin with the weakest": count(by_amount.flip(0)),
        "strength is the mean of a channel's map, not its largest cell": count(by_cell),
        "this is a number of channels for one class; it depends on what is given": 60,
    }


def difference_of_two(answer: Any) -> None:
    """06.4: the cells in which dog minus cat speaks most for either."""
    cells = array(answer, like=((0, 0), (0, 0))).tolist()
    one = seen("cat_and_dog")
    difference = one.cam("dog") - one.cam("cat")
    rows, columns = difference.shape
    truth = [list(divmod(int(each.argmax()), columns)) for each in (difference, -difference)]
    if cells == truth:
        return
    causes = {
        "the cells are exchanged: the first class is dog": truth[::-1],
        "a cell is (row, column), both from 0": [cell[::-1] for cell in truth],
        "rows and columns count from 0": [[part + 1 for part in cell] for cell in truth],
    }
    wrong = next(place for place, cell in enumerate(cells) if cell != truth[place])
    row, column = cells[wrong]
    if not (row in range(rows) and column in range(columns)):
        raise NotYet(f"cells run from (0, 0) to ({rows - 1}, {columns - 1})")
    another = f"another cell speaks more strongly for {('dog', 'cat')[wrong]}"
    cause = next((why for why, other in causes.items() if cells == other), another)
    (y, x), got = truth[wrong], difference[int(row), int(column)]
    raise NotYet(f"{cause} (expected a difference of {difference[y, x]:.1f}, got {got:.1f})")


def blind_share(answer: Any) -> None:
    """06.5: the share of the cells whose middle lies in one of the boxes."""
    cases = {
        "one box": ([(0, 0, 96, 64)], (7, 7), 224),
        "two boxes that overlap": ([(0, 0, 96, 64), (64, 32, 160, 160)], (7, 7), 224),
        "a box of no use to any cell": ([(20, 20, 40, 40)], (7, 7), 224),
        "4 x 8 cells": ([(10, 100, 121, 180)], (4, 8), 224),
    }
    judge(answer, cases, _blind)


def _blind(boxes: list[Box], shape: tuple[int, int], side: int) -> dict[str, Any]:
    def inside(boxes: list[Box], at: float = 0.5) -> Tensor:
        """Say for every box and cell whether the cell lies in it, (boxes, h, w)."""
        y = (torch.arange(shape[0]) + at)[:, None] * side / shape[0]
        x = (torch.arange(shape[1]) + at)[None] * side / shape[1]
        found = [(x0 <= x) & (x < x1) & (y0 <= y) & (y < y1) for x0, y0, x1, y1 in boxes]
        return torch.stack(found).float()

    held = inside(boxes)
    right = held.amax(0).mean()
    area = sum((x1 - x0) * (y1 - y0) for x0, y0, x1, y1 in boxes) / side**2
    exchanged: list[Box] = [(y0, x0, y1, x1) for x0, y0, x1, y1 in boxes]
    return {
        "right": right,
        "a cell that lies in two boxes counts once": held.mean((1, 2)).sum(),
        "this is the share of the area; count the middles of the cells": area,
        "a cell counts by its middle, not by its corner": inside(boxes, 0).amax(0).mean(),
        "only the first box is asked": held[0].mean(),
        "a cell counts if any box holds it, not all of them": held.amin(0).mean(),
        "x belongs to columns, y to rows; you exchange them": inside(exchanged).amax(0).mean(),
        "this is a number of cells; divide it by all of them": held.amax(0).sum(),
        "this is the share outside the boxes": 1 - right,
        "a share lies between 0 and 1; you return percent": 100 * right,
    }


EXERCISES = {
    "06.1": strangers,
    "06.2": one_channel,
    "06.3": channels_needed,
    "06.4": difference_of_two,
    "06.5": blind_share,
}

"""Exercises of notebook 02: any score from its row, and the features that make a winner lose."""

import dataclasses
from typing import Any

from torch import Tensor

from cam_helpers.checks.small import seen
from cam_helpers.checks.verdict import NotYet, call, judge, short
from cam_helpers.step_2_isolate_weights import ClassWeights

PICTURES = ("cat_and_dog", "car_and_house", "cup", "umbrella_and_dog")


def any_score(answer: Any) -> None:
    """02.1: the score of a class from its row and the features."""
    cases = {}
    for name in ("cat_and_dog", "cup"):
        features = seen(name).feature_maps.mean((1, 2))
        for category in ("dog", "boat", "flower"):
            cases[f"{category} in {name}"] = (seen(name).class_weights(category), features)
    for case, (row, features) in cases.items():
        if getattr(call(answer, row, features, case=case), "shape", ()) == features.shape:
            raise NotYet("a score is one number: add the contributions up")
    judge(answer, cases, _scores)


def _scores(row: ClassWeights, features: Tensor) -> dict[str, Any]:
    terms, bias = row.weights * features, row.bias
    return {
        "right": terms.sum() + bias,
        "the bias is missing": terms.sum(),
        "the bias is subtracted; add it": terms.sum() - bias,
        "you take the mean of the contributions; add them up": terms.mean() + bias,
        "negative contributions count as well": terms.clamp(min=0).sum() + bias,
        "the features are missing: you add up the weights alone": row.weights.sum(),
        "the weights are missing: you add up the features alone": features.sum() + bias,
        "the bias is counted once for each feature": (terms + bias).sum(),
    }


def make_the_winner_lose(answer: Any) -> None:
    """02.2: as few features as possible without which the runner-up wins."""
    cases = {name: _case(name) for name in PICTURES}
    # The biases decide here: without them the second class seems to lead already.
    winner, runner_up, features = cases["cup"]
    ahead = dataclasses.replace(winner, bias=winner.bias + 2)
    cases["a case where the biases decide"] = (ahead, runner_up, features)
    for case, (a, b, features) in cases.items():
        chosen = _indices(call(answer, a, b, features, case=case), len(features), case)
        parts = (a.weights - b.weights) * features
        bias = (a.bias - b.bias).item()
        lead = parts.sum().item() + bias
        left = lead - parts[chosen].sum().item()
        order = parts.argsort(descending=True)
        fewest = int((parts[order].cumsum(0) <= lead).sum()) + 1
        if left >= 0:
            raise NotYet(
                f"{_cause(left - bias, chosen, a, b, features)} (for {case}: expected a lead of "
                f"the winner below 0, got {left:.2f})"
            )
        if len(chosen) > fewest:
            raise NotYet(
                f"fewer features are enough: which take most of the lead (for {case}: expected "
                f"{fewest}, got {len(chosen)})"
            )


def _case(name: str) -> tuple[ClassWeights, ClassWeights, Tensor]:
    one = seen(name)
    first, second = (one.class_weights(line.class_index) for line in one.prediction.top(2))
    return first, second, one.feature_maps.mean((1, 2))


def _indices(value: Any, count: int, case: str) -> list[int]:
    """Return the numbers of features that an answer holds, each once."""
    try:
        if isinstance(value, str):
            raise TypeError
        given = [float(each) for each in value]
    except (TypeError, ValueError):
        raise NotYet(
            f"a list of feature numbers is expected for {case}, not {short(value)}"
        ) from None
    if any(each != int(each) if abs(each) < count else True for each in given):
        raise NotYet(
            f"features are whole numbers from 0 to {count - 1}; for {case} you return others"
        )
    return sorted({int(each) % count for each in given})


def _cause(left: float, chosen: list[int], a: Any, b: Any, features: Tensor) -> str:
    """Say why the winner still wins: `left` is its lead without the biases."""
    if not chosen:
        return "the winner still wins: you switch nothing off"
    if left < 1e-4:  # 0, but for rounding, where all are switched off
        return "the winner still wins: the biases belong to the lead as well"
    causes = {
        ": a large weight takes nothing where the feature is small": a.weights - b.weights,
        ": what both classes count alike does not change the lead": a.weights * features,
    }
    for cause, numbers in causes.items():
        if sorted(numbers.argsort().tolist()[-len(chosen) :]) == chosen:
            return f"the winner still wins{cause}"
    return "the winner still wins"


EXERCISES = {"02.1": any_score, "02.2": make_the_winner_lose}

"""`check`: one verdict on the answer to an exercise, right or the most likely cause."""

from importlib import import_module
from typing import Any

from cam_helpers.checks.verdict import NotYet


def check(exercise: str, answer: Any) -> None:
    """Print "right", or "not yet: " and the most likely cause in one sentence.

    `exercise` is the notebook's number and its own, as in `"04.1"`; `answer` is what the exercise
    asks for, a function or a value. Whatever is wrong with the answer is said, never raised.
    Raises `ValueError` where there is no such exercise.

    >>> check("04.1", [1, -1])
    right
    >>> check("04.1", [1, 0])
    not yet: the score is not 0 (expected 0, got 1).
    """
    notebook = exercise.partition(".")[0]
    try:
        exercises = import_module(f"cam_helpers.checks.notebook_{notebook}").EXERCISES
        judge = exercises[exercise]
    except (ModuleNotFoundError, KeyError):
        raise ValueError(f"There is no exercise {exercise!r}: name it like '04.1'.") from None
    try:
        judge(answer)
    except NotYet as cause:
        print(f"not yet: {cause}.")
    else:
        print("right")

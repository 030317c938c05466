"""Does each wrong answer get its diagnosis, and is right whatever way right is written?

The answers lie in `answers_*.py` beside this file.
"""

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import cam_helpers as ch

sys.path.insert(0, str(Path(__file__).parent))
TABLES = [import_module(path.stem) for path in sorted(Path(__file__).parent.glob("answers_*.py"))]
WRONG = [row for table in TABLES for row in table.WRONG]
RIGHT = {exercise: rows for table in TABLES for exercise, rows in table.RIGHT.items()}
MODULES = sorted(Path(ch.__file__).parent.glob("checks/notebook_*.py"))
EXERCISES = [
    exercise
    for path in MODULES
    for exercise in import_module(f"cam_helpers.checks.{path.stem}").EXERCISES
]


def verdict(capsys, exercise, answer):
    ch.check(exercise, answer)
    [line] = capsys.readouterr().out.splitlines()
    return line


@pytest.mark.parametrize(
    "exercise, answer, words", WRONG, ids=[f"{row[0]} {row[2]}" for row in WRONG]
)
def test_a_wrong_answer_is_told_its_cause(capsys, exercise, answer, words):
    line = verdict(capsys, exercise, answer)
    assert line.startswith("not yet: ") and line.endswith("."), line
    assert words in line, line
    assert len(line) < 400


@pytest.mark.parametrize("exercise", EXERCISES)
def test_three_right_answers_written_differently_are_right(capsys, exercise):
    assert len(RIGHT[exercise]) >= 3
    assert [verdict(capsys, exercise, answer) for answer in RIGHT[exercise]] == ["right"] * len(
        RIGHT[exercise]
    )


@pytest.mark.parametrize("exercise", EXERCISES)
@pytest.mark.parametrize("answer", (None, 7, "dog", [], lambda *given: None, lambda: 1))
def test_no_answer_raises_and_none_of_these_is_right(capsys, exercise, answer):
    assert verdict(capsys, exercise, answer).startswith("not yet: ")


def test_the_table_is_long_enough_and_no_sentence_stands_for_two_causes():
    assert len([row for row in WRONG if row[0] < "07"]) >= 60
    assert len({(row[0], row[2]) for row in WRONG}) >= 0.8 * len(WRONG)
    assert {row[0] for row in WRONG} == set(EXERCISES)


def test_an_unknown_exercise_is_an_error():
    for name in ("04.9", "4", "99.1", ""):
        with pytest.raises(ValueError, match=f"no exercise {re.escape(repr(name))}"):
            ch.check(name, 1)


def test_importing_the_package_loads_no_exercise():
    code = "import sys, cam_helpers; print([n for n in sys.modules if 'checks.notebook' in n])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

"""Every plausible mistake in `mutants.py` is caught by a test; see there for how to add one."""

import os
import shlex
import sys

import pytest
from fork_runner import PROJECT, Runner
from mutants import MUTANTS

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork") or sys.platform == "darwin",
    reason="needs os.fork; on macOS a process that has imported torch cannot be forked safely",
)
ALL = [mutant for mutants in MUTANTS.values() for mutant in mutants]
SELECTIONS = sorted({mutant.tests for mutant in ALL})
FEWEST = 3


def source_of(module):
    return (PROJECT / "cam_helpers" / module).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def runner():
    with Runner() as runner:
        yield runner


def title_of(mutant):
    return f"{mutant.module}: {mutant.title}"


def test_every_helper_has_enough_mutants_and_each_its_own_title():
    assert {helper for helper, mutants in MUTANTS.items() if len(mutants) < FEWEST} == set()
    titles = [title_of(mutant) for mutant in ALL]
    assert {title for title in titles if titles.count(title) > 1} == set()


@pytest.mark.parametrize("tests", SELECTIONS)
def test_without_a_mutant_the_tests_pass(runner, tests):
    run = runner.run(shlex.split(tests), {})
    assert run.exit_code == 0, run.output


@pytest.mark.parametrize("mutant", ALL, ids=title_of)
def test_a_mutant_is_caught(runner, mutant):
    source = source_of(mutant.module)
    found = source.count(mutant.old)
    assert found == 1, f"The code has moved on: {mutant.old!r} is there {found} times, not once."
    run = runner.run(
        shlex.split(mutant.tests), {mutant.module: source.replace(mutant.old, mutant.new)}
    )
    assert run.exit_code != 0, f"Nothing in {mutant.tests} catches this. {mutant.why}"
    assert is_caught(run), f"The tests could not be run: {run.failures}\n{run.output}"


def is_caught(run):
    """Say whether tests failed, and not because the mutant is no sound Python."""
    failed = run.exit_code == pytest.ExitCode.TESTS_FAILED and bool(run.failures)
    return failed and all(failure["from_a_test"] for failure in run.failures)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("scores = network.model(batch)", "scores = -network.model(batch)", True),
        ("scores = network.model(batch)", "scores =  network.model(batch)", False),  # the same
        ("scores = network.model(batch)", "scores = network.model(", False),
        ("scores = network.model(batch)", "scores = model(batch)", False),
        ("import torch", "import torhc", False),
        ("scores = network.model(batch)", "from torch import scores", False),
    ],
)
def test_only_failing_tests_count(runner, old, new, expected):
    changed = {"predict.py": source_of("predict.py").replace(old, new, 1)}
    assert is_caught(runner.run(["tests/test_steps.py", "-k", "models_own"], changed)) is expected

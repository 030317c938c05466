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


def test_every_helper_has_enough_mutants_and_each_its_own_name():
    assert {helper for helper, mutants in MUTANTS.items() if len(mutants) < FEWEST} == set()
    names = [name(mutant) for mutant in ALL]
    assert [name for name in names if names.count(name) > 1] == []


def name(mutant):
    return f"{mutant.module}: {mutant.title}"


@pytest.mark.parametrize("tests", SELECTIONS)
def test_without_a_mutant_the_tests_pass(runner, tests):
    run = runner.run(shlex.split(tests), {})
    assert run.exit_code == 0, run.output


@pytest.mark.parametrize("mutant", ALL, ids=name)
def test_a_mutant_is_caught(runner, mutant):
    source = source_of(mutant.module)
    found = source.count(mutant.old)
    assert found == 1, f"The code has moved on: {mutant.old!r} is there {found} times, not once."
    run = runner.run(
        shlex.split(mutant.tests), {mutant.module: source.replace(mutant.old, mutant.new)}
    )
    assert run.exit_code != 0, f"Nothing in {mutant.tests} catches this. {mutant.why}"
    assert run.exit_code == 1, f"The tests could not be run:\n{run.output}"
    assert all(failure["from_a_test"] for failure in run.failures), run.failures

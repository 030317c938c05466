"""The examples in the docstrings: every public function has one, and it says what is true."""

import doctest
import inspect

import matplotlib
import pytest

import cam_helpers as ch
from cam_helpers.evaluate import run

FUNCTIONS = {name: getattr(ch, name) for name in ch.__all__} | {"evaluate.run": run}


def examples_of(name):
    # What a decorator has wrapped counts: its lines stand in our own file.
    found = doctest.DocTestFinder().find(inspect.unwrap(FUNCTIONS[name]), name)
    return [test for test in found if test.examples]


def test_every_public_function_has_an_example():
    functions = {name for name, found in FUNCTIONS.items() if inspect.isroutine(found)}
    assert len(functions) > 35
    assert [name for name in functions if not examples_of(name)] == []


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if examples_of(name)])
def test_an_example_shows_what_it_says(name):
    matplotlib.use("Agg")
    for test in examples_of(name):
        said = []
        assert not doctest.DocTestRunner().run(test, out=said.append).failed, "".join(said)

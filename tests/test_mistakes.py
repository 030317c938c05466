"""Would the checks notice the mistakes that people make? And is right what is right?"""

import pytest
from mistakes import CHECKS, MISTAKES, noticed_by


@pytest.mark.parametrize("check", CHECKS)
def test_without_a_mistake_every_check_passes(check):
    CHECKS[check]()


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_a_mistake_is_noticed_by_the_checks_that_it_names(mistake):
    with mistake.made():
        noticed = noticed_by()
    assert noticed == mistake.noticed
    assert noticed


def test_neither_sum_nor_place_alone_is_enough():
    by_sum = {mistake for mistake in MISTAKES if "sum" in mistake.noticed}
    by_place = {mistake for mistake in MISTAKES if "place" in mistake.noticed}
    assert len(by_sum - by_place) >= 10
    assert len(by_place - by_sum) >= 5

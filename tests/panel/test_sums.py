"""The sums behind a map: of one cell over the channels, and of the largest channels."""

import pytest
import torch

import cam_helpers as ch
from cam_helpers.panel.sums import channels_by_size, partial_cam, sum_of_cell


def test_the_sum_of_a_cell_is_the_cell(network):
    explanation = ch.explain(network, "dog")
    cam = explanation.cam("dog")
    contributions = explanation.contributions("dog")
    assert torch.allclose(contributions.sum(0), cam, atol=1e-4)
    for row, column in ((0, 0), (6, 0), (2, 5)):
        found = sum_of_cell(explanation, "dog", row, column, terms=3)
        assert found.total == pytest.approx(cam[row, column].item(), abs=1e-4)
        sizes = contributions[:, row, column].abs().sort(descending=True).values
        assert [abs(term.contribution) for term in found.strongest] == pytest.approx(
            sizes[:3].tolist()
        )
        for term in found.strongest:
            assert term.weight * term.activation == pytest.approx(term.contribution)
        total = sum(term.contribution for term in found.strongest) + found.rest
        assert total == pytest.approx(found.total)


@pytest.mark.parametrize("cell", [(7, 0), (0, 7), (-1, 0), (0, -1)])
def test_a_cell_outside_the_map_is_refused(network, cell):
    with pytest.raises(IndexError, match="outside the map"):
        sum_of_cell(ch.explain(network, "dog"), "dog", *cell)


def test_channels_add_up_to_the_map_largest_first(network):
    explanation = ch.explain(network, "cat")
    parts = explanation.contributions("cat").mean((1, 2)).abs()
    order = channels_by_size(explanation, "cat")
    assert sorted(order.tolist()) == list(range(192))
    assert (parts[order].diff() <= 0).all()
    assert torch.allclose(partial_cam(explanation, "cat", 192), explanation.cam("cat"), atol=1e-4)
    assert not partial_cam(explanation, "cat", 0).any()
    step = partial_cam(explanation, "cat", 6) - partial_cam(explanation, "cat", 5)
    wanted = explanation.contributions("cat")[order[5]]
    assert torch.allclose(step, wanted, atol=1e-4)

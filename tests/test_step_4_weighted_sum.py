"""Step 4: weights times feature maps."""

import pytest
import torch
from helpers import assert_adds_up, noise

import cam_helpers as ch


def loop(weights, feature_maps):
    """The map of one class, cell by cell and feature by feature."""
    channels, height, width = feature_maps.shape
    cam = torch.zeros(height, width, dtype=feature_maps.dtype)
    for row in range(height):
        for column in range(width):
            for channel in range(channels):
                cam[row, column] += weights[channel] * feature_maps[channel, row, column]
    return cam


def test_a_weighted_sum_worked_out_by_head():
    weights = torch.tensor([1.0, -2.0])
    feature_maps = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[10.0, 0.0], [0.0, 1.0]]])
    expected = torch.tensor([[-19.0, 2.0], [3.0, 2.0]])  # negative numbers stay
    assert torch.equal(ch.weighted_sum(weights, feature_maps), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_class_and_many_and_batches_agree_with_the_loop(dtype):
    weights, batch = noise(4, 5, dtype=dtype), noise(2, 5, 3, 6, dtype=dtype)
    expected = torch.stack([torch.stack([loop(w, maps) for w in weights]) for maps in batch])
    results = {
        "(N, K, h, w)": (ch.weighted_sum(weights, batch), expected),
        "(K, h, w)": (ch.weighted_sum(weights, batch[1]), expected[1]),
        "(N, h, w)": (ch.weighted_sum(weights[2], batch), expected[:, 2]),
        "(h, w)": (ch.weighted_sum(weights[2], batch[1]), expected[1, 2]),
    }
    for found, wanted in results.values():  # assert_close compares shapes and dtypes too
        torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize(
    ("weights", "feature_maps", "message"),
    [
        ((4,), (5, 3, 3), "4 weights do not fit 5 feature maps"),
        ((2, 4), (1, 5, 3, 3), "4 weights do not fit 5 feature maps"),
        ((3,), (5, 3, 3), "3 weights"),  # as wide as the map, yet not one per channel
        ((5,), (5, 3), r"not \(5,\) and \(5, 3\)"),
        ((), (5, 3, 3), "Weights are"),
        ((1, 1, 5), (5, 3, 3), "Weights are"),
        ((5,), (1, 1, 5, 3, 3), "Weights are"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(weights, feature_maps, message):
    with pytest.raises(ValueError, match=message):
        ch.weighted_sum(torch.zeros(weights), torch.zeros(feature_maps))


@pytest.mark.parametrize("cell", [(0, 0), (0, 11), (7, 0), (2, 5)])
def test_a_covered_cell_changes_the_map_in_that_cell_alone(make_small, cell):
    """The partner of the balance, which any shuffling of the cells would survive."""
    network, picture = make_small(), noise(1, 3, 32, 48)
    before = small_map(network, picture)
    row, column = cell
    picture[..., 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 0
    changed = (small_map(network, picture) - before).abs() > 1e-4
    assert before.shape == (8, 12)
    assert changed.nonzero().tolist() == [list(cell)]


def test_a_picture_moved_by_one_cell_moves_the_map_by_one_cell(make_small):
    network, picture = make_small(), noise(1, 3, 32, 48)
    moved = small_map(network, picture.roll((8, -4), (2, 3)))
    torch.testing.assert_close(moved, small_map(network, picture).roll((2, -1), (0, 1)))


def small_map(network, batch):
    """Class 1's map, (h, w); in the very small network 4 x 4 pixels alone make a cell."""
    with ch.hook_features(network) as hooked:
        ch.predict(network, batch)
    weights = ch.isolate_weights(network, 1).weights
    return ch.weighted_sum(weights, hooked.feature_maps[0])


def test_every_map_adds_up_to_its_score(network):
    """mean(map) + bias = score, for every class, and for inputs that are not square."""
    for picture in (*ch.shipped_pictures(), noise(3, 96, 160), noise(3, 65, 97), noise(3, 33, 300)):
        explanation = ch.explain(network, picture)
        assert_adds_up(explanation)
        assert explanation.cams().std() > 0.01  # there is something to add up


def test_numbers_that_do_not_go_together_are_refused():
    weights, maps = torch.ones(2), torch.ones(2, 3, 3)
    for bad, fits, error, words in (
        (weights.double(), maps, ValueError, "float64"),
        (weights.to("meta"), maps, ValueError, "meta"),
        ([1.0, 1.0], maps, TypeError, r"weights is a tensor, not a list.*as_tensor\(weights\)"),
        (weights, maps.numpy(), TypeError, "feature_maps is a tensor, not a ndarray"),
    ):
        with pytest.raises(error, match=words):
            ch.weighted_sum(bad, fits)


def test_gradients_flow_where_they_are_asked_for():
    weights, maps = noise(2, 3, dtype=torch.float64), noise(2, 3, 2, 4, dtype=torch.float64)
    assert not ch.weighted_sum(weights, maps).requires_grad
    assert torch.autograd.gradcheck(
        ch.weighted_sum, (weights.requires_grad_(), maps.requires_grad_())
    )
    with torch.no_grad():
        cam = ch.weighted_sum(weights, maps)
    cam -= cam.min()  # an ordinary tensor: it may be changed

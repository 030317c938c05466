"""The proof at loading: not only do the maps add up, they point at the place."""

import pytest
import torch
from torch import Tensor, nn

import cam_helpers as ch
from cam_helpers.networks.proof import find_layers

SHUFFLED = torch.randperm(49, generator=torch.Generator().manual_seed(7))


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(4))


class Then(nn.Module):
    """A function as a layer."""

    def __init__(self, change):
        super().__init__()
        self.change = change

    def forward(self, x):
        return self.change(x)


def shuffle(maps: Tensor) -> Tensor:
    return maps.flatten(2)[:, :, SHUFFLED].view_as(maps)


def with_layer4(network, *more):
    """The shipped network's model, with more layers behind its feature layer."""
    network.model.layer4 = nn.Sequential(network.model.layer4, *more)
    return network.model


INPUTS = {
    "flipped": lambda x: x.flip(-1),
    "upside down": lambda x: x.flip(-2),
    "turned round": lambda x: x.flip(-2, -1),
    "turned by 90 degrees": lambda x: x.rot90(1, (-2, -1)),
    "transposed": lambda x: x.transpose(-2, -1),
    "rolled by half": lambda x: x.roll(112, -1),
    "left half only": lambda x: x[..., :112].repeat(1, 1, 1, 2),
}


@pytest.mark.parametrize("how", INPUTS)
def test_a_network_whose_maps_point_elsewhere_is_refused(network, how):
    """Its maps add up to its scores as well as ever: only the check of place can tell."""
    model = nn.Sequential(Then(INPUTS[how]), network.model).eval()
    with pytest.raises(ch.UnsuitableNetworkError, match=r"of 0 \(Then\) elsewhere"):
        find_layers(model, noise(1, 3, 224, 224), "mine")


def test_a_flip_that_is_taken_back_does_no_harm(network):
    back = Then(lambda x: x.flip(-1))
    model = nn.Sequential(Then(lambda x: x.flip(-1)), with_layer4(network, back)).eval()
    assert find_layers(model, noise(1, 3, 224, 224), "mine") == ("1.layer4", "1.fc")


def test_cells_shuffled_after_the_feature_layer_are_left_alone(network):
    """The maps before the shuffle add up as well, and they point at the place."""
    expected = ch.explain(network, "cat").cams()
    model = with_layer4(network, Then(shuffle))
    shuffled = ch.make_network("mine", model, network.categories, network.preprocess)
    assert shuffled.feature_layer_name == "layer4.0"
    assert torch.equal(ch.explain(shuffled, "cat").cams(), expected)


def test_cells_shuffled_before_the_feature_layer_are_refused(network):
    model = with_layer4(network, Then(shuffle), nn.Conv2d(192, 192, 1), nn.ReLU())
    with pytest.raises(ch.UnsuitableNetworkError, match=r"layer4\.1 \(Then\) elsewhere"):
        find_layers(model, noise(1, 3, 224, 224), "mine")


def test_of_maps_that_add_up_the_finest_are_taken(network):
    expected = ch.explain(network, "cat").cams()
    model = with_layer4(network, nn.AvgPool2d(7, stride=1), nn.Upsample((7, 7)))
    loaded = ch.make_network("mine", model, network.categories, network.preprocess)
    assert loaded.feature_layer_name == "layer4.0"
    assert torch.equal(ch.explain(loaded, "cat").cams(), expected)


def test_an_average_pooling_before_the_mean_costs_no_cells(make_small):
    small = make_small()  # 8 x 8 cells
    small.model.body = nn.Sequential(small.model.body, nn.AvgPool2d(2))
    loaded = ch.make_network("mine", small.model, small.categories, small.preprocess)
    assert loaded.feature_layer_name == "body.0"
    assert ch.explain(loaded, "cat").feature_maps.shape == (6, 8, 8)


AFTERWARDS = {
    "clamped": lambda scores: scores.clamp(-5, 5),
    "clamped far out": lambda scores: scores.clamp(-500, 500),
    "not below zero": lambda scores: scores.relu(),
    "soft limits": lambda scores: 30 * (scores / 30).tanh(),
}


@pytest.mark.parametrize("how", AFTERWARDS)
def test_what_limits_the_scores_is_found_where_they_are_within_the_limits(make_small, how):
    small = make_small()
    nn.init.constant_(small.model.head.bias, 1)
    scores = ch.predict(small, "cat").scores
    assert (scores > 0).all() and (scores < 5).all()
    model = nn.Sequential(small.model, Then(AFTERWARDS[how])).eval()
    with pytest.raises(ch.UnsuitableNetworkError, match=r"1 \(Then\) comes last"):
        find_layers(model, noise(1, 3, 32, 32), "mine")


def test_dropout_that_is_never_off_hides_no_place_and_costs_no_random_numbers(network):
    model = nn.Sequential(Then(lambda x: nn.functional.dropout(x, training=True)), network.model)
    before = torch.get_rng_state()
    assert find_layers(model.eval(), noise(1, 3, 224, 224), "mine") == ("1.layer4", "1.fc")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_grid_of_one_row_is_judged_by_its_columns(make_small):
    model = make_small().model
    wide = noise(1, 3, 4, 64)  # 1 x 16 cells
    assert find_layers(model, wide, "mine") == ("body", "head")
    with pytest.raises(ch.UnsuitableNetworkError, match="elsewhere"):
        find_layers(nn.Sequential(Then(lambda x: x.flip(-1)), model), wide, "mine")

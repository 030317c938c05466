"""The steps one to four: predict, isolate_weights, hook_features, weighted_sum."""

import math

import numpy as np
import pytest
import torch
from torch import nn

import cam_helpers as ch
from cam_helpers.layers import find_layers
from cam_helpers.networks import make_network

SINGLES = ("cat", "dog", "bird", "fish", "butterfly", "flower")
SINGLES += ("tree", "house", "car", "boat", "umbrella", "cup")


def noise(*shape, dtype=torch.float32):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(1))


# ---- step 1: predict ----------------------------------------------------------------------


def test_the_scores_are_the_models_own(network):
    with torch.no_grad():
        batch = network.preprocess(ch.open_picture("cat")).unsqueeze(0)
        expected = network.model(batch)[0]
    assert torch.equal(ch.predict(network, "cat").scores, expected)


def test_a_picture_and_its_input_tensor_give_the_same_scores(network):
    picture = ch.open_picture("dog")
    tensor = network.preprocess(picture)
    scores = ch.predict(network, "dog").scores
    assert scores.shape == (12,)
    for source in (picture, tensor, np.asarray(picture), tensor.double()):
        assert torch.equal(ch.predict(network, source).scores, scores)


def test_a_batch_gives_one_row_of_scores_per_picture(network):
    batch = torch.stack([network.preprocess(ch.open_picture(name)) for name in ("cat", "car")])
    prediction = ch.predict(network, batch)
    assert prediction.scores.shape == (2, 12)
    for row, name in zip(prediction.scores, ("cat", "car"), strict=True):
        torch.testing.assert_close(row, ch.predict(network, name).scores, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(prediction.probabilities.sum(1), torch.ones(2))
    assert ch.predict(network, batch[:1]).scores.shape == (1, 12)
    with pytest.raises(ValueError, match="one picture"):
        prediction.top(1)


@pytest.mark.parametrize(
    "shape", [(224, 224), (1, 224, 224), (2, 4, 64, 64), (3, 64), (1, 1, 3, 8, 8)]
)
def test_an_input_of_another_shape_is_refused(network, shape):
    with pytest.raises(ValueError, match=r"shape \(3, H, W\)"):
        ch.predict(network, torch.zeros(shape))


def test_probabilities_are_the_softmax_of_the_scores():
    scores = torch.tensor([0.0, math.log(2), math.log(5)])  # e^score: 1, 2, 5
    probabilities = ch.Prediction(scores, ("a", "b", "c")).probabilities
    torch.testing.assert_close(probabilities, torch.tensor([1 / 8, 2 / 8, 5 / 8]))
    huge = ch.Prediction(torch.tensor([1000.0, 1000.0]), ("a", "b")).probabilities
    assert huge.tolist() == [0.5, 0.5]


def test_top_ranks_from_best_to_worst():
    scores = torch.tensor([0.0, math.log(5), math.log(2)])
    best, second = ch.Prediction(scores, ("a", "b", "c")).top(2)
    assert (best.class_index, best.category) == (1, "b")
    assert (second.class_index, second.category) == (2, "c")
    assert best.score == pytest.approx(math.log(5))
    assert best.probability == pytest.approx(5 / 8)
    assert second.probability == pytest.approx(2 / 8)
    assert [type(part) for part in best] == [int, str, float, float]


def test_ranks_count_the_better_classes_and_equal_scores_share_one():
    scores = torch.tensor([1.0, 3.0, -2.0, 3.0, 0.0])
    prediction = ch.Prediction(scores, ("a", "b", "c", "d", "e"))
    assert prediction.ranks == [3, 1, 5, 1, 4]
    for ranked in prediction.top(5):
        better = sum(score > ranked.score for score in scores.tolist())
        assert prediction.ranks[ranked.class_index] == better + 1


def test_top_gives_all_classes_where_there_are_fewer_than_asked_for():
    ranked = ch.Prediction(torch.tensor([3.0, 1.0, 2.0]), ("a", "b", "c")).top(10)
    assert [line.category for line in ranked] == ["a", "c", "b"]
    assert len(ch.Prediction(torch.zeros(12), ch.CATEGORIES).top()) == 5


@pytest.mark.parametrize("name", ["cat", "dog", "car", "flower", "boat"])
def test_the_shipped_network_knows_the_shipped_pictures(network, name):
    assert ch.predict(network, name).top(1)[0].category == name


def test_the_shipped_network_knows_nearly_every_single_object(network):
    right = [name for name in SINGLES if ch.predict(network, name).top(1)[0].category == name]
    assert len(right) >= 11


# ---- step 2: isolate_weights --------------------------------------------------------------


@pytest.mark.parametrize(
    "choice", [3, "fish", np.int64(3), np.uint8(3), np.array(3), torch.tensor(3)], ids=repr
)
def test_a_class_is_one_row_of_the_linear_layer(network, choice):
    found = ch.isolate_weights(network, choice)
    assert (found.class_index, found.category) == (3, "fish")
    assert type(found.class_index) is int
    assert torch.equal(found.weights, network.model.fc.weight[3])
    assert found.bias.shape == ()
    assert found.bias == network.model.fc.bias[3]


def test_the_score_is_weights_times_features_plus_bias(network):
    explanation = ch.explain(network, "cat_and_dog")
    features = explanation.feature_maps.mean((1, 2))
    for index, score in enumerate(explanation.scores.tolist()):
        found = ch.isolate_weights(network, index)
        by_loop = found.bias.item()
        for weight, feature in zip(found.weights.tolist(), features.tolist(), strict=True):
            by_loop += weight * feature
        assert by_loop == pytest.approx(score, abs=1e-3)


@pytest.mark.parametrize(
    "choice",
    [True, False, np.bool_(True), torch.tensor(True), 3.0, np.float32(3), torch.tensor(3.0), None],
    ids=repr,
)
def test_what_is_no_whole_number_and_no_name_is_refused(network, choice):
    with pytest.raises(TypeError, match="index or a category name"):
        ch.isolate_weights(network, choice)


@pytest.mark.parametrize("index", [12, 1000, -1, -12])
def test_an_index_out_of_range_is_refused(network, index):
    with pytest.raises(IndexError, match="tiny_resnet knows 0 to 11"):
        ch.isolate_weights(network, index)


def test_an_unknown_name_is_refused_with_a_near_one(network):
    with pytest.raises(ValueError, match=r"'kat'.*Did you mean.*'cat'"):
        ch.isolate_weights(network, "kat")
    with pytest.raises(ValueError, match=r"'zzzzzz'.*\.categories"):
        ch.isolate_weights(network, "zzzzzz")


def test_a_name_that_two_classes_bear_is_refused(make_small):
    network = make_small(("crane", "cup", "crane"))
    with pytest.raises(ValueError, match="several classes called 'crane': use 0 and 2"):
        ch.isolate_weights(network, "crane")
    assert ch.isolate_weights(network, 2).category == "crane"
    assert ch.isolate_weights(network, "cup").class_index == 1


def test_a_name_that_is_a_part_of_another_is_told_from_it(make_small):
    network = make_small(("catamaran", "cat", "wildcat"))
    assert ch.isolate_weights(network, "cat").class_index == 1


def test_a_linear_layer_without_bias_counts_as_bias_zero(make_small):
    network = make_small(bias=False)
    explanation = ch.explain(network, "cat")
    for index in range(3):
        assert ch.isolate_weights(network, index).bias.item() == 0.0
        mean = explanation.cam(index).mean().item()
        assert mean == pytest.approx(explanation.score(index), abs=1e-5)


# ---- step 3: hook_features ----------------------------------------------------------------


def hooks(model):
    """Every hook on every layer of a model."""
    kinds = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return [list(getattr(layer, kind)) for layer in model.modules() for kind in kinds]


def by_hand(model, batch):
    """The feature maps of the shipped network, layer after layer."""
    with torch.no_grad():
        x = model.maxpool(model.relu(model.bn1(model.conv1(batch))))
        return model.layer4(model.layer3(model.layer2(model.layer1(x))))


def test_the_feature_maps_are_those_that_the_network_computes(network):
    batch = noise(2, 3, 96, 128)
    with ch.hook_features(network) as hooked:
        ch.predict(network, batch)
    assert hooked.feature_maps.shape == (2, 192, 3, 4)
    assert torch.equal(hooked.feature_maps, by_hand(network.model, batch))


def test_the_latest_pass_counts(network):
    first, second = noise(1, 3, 64, 64), noise(1, 3, 96, 96)
    with ch.hook_features(network) as hooked:
        ch.predict(network, first)
        ch.predict(network, second)
        assert torch.equal(hooked.feature_maps, by_hand(network.model, second))


def test_the_hook_is_gone_after_the_block(network):
    with ch.hook_features(network) as hooked:
        assert len(network.feature_layer._forward_hooks) == 1
        ch.predict(network, noise(1, 3, 64, 64))
    assert not any(hooks(network.model))
    caught = hooked.feature_maps
    ch.predict(network, noise(1, 3, 96, 96))
    assert hooked.feature_maps is caught


def test_the_hook_is_gone_after_an_exception(network):
    with pytest.raises(KeyError, match="inside"), ch.hook_features(network):
        raise KeyError("inside")
    assert not any(hooks(network.model))


def test_the_hook_is_gone_where_the_forward_pass_fails(network):
    with pytest.raises(RuntimeError), ch.hook_features(network):
        network.model(noise(1, 5, 64, 64))  # five channels do not fit
    assert not any(hooks(network.model))


def test_two_hooks_can_be_nested(network):
    first, second = noise(1, 3, 64, 64), noise(1, 3, 96, 96)
    with ch.hook_features(network) as outer:
        with ch.hook_features(network) as inner:
            ch.predict(network, first)
        assert torch.equal(outer.feature_maps, inner.feature_maps)
        ch.predict(network, second)
    assert inner.feature_maps.shape == (1, 192, 2, 2)
    assert outer.feature_maps.shape == (1, 192, 3, 3)
    assert not any(hooks(network.model))


def test_before_a_forward_pass_there_are_no_feature_maps(network):
    with (
        ch.hook_features(network) as hooked,
        pytest.raises(RuntimeError, match="run the network once"),
    ):
        _ = hooked.feature_maps


def test_your_own_hooks_stay_and_are_called(network):
    calls = []
    network.feature_layer.register_forward_hook(lambda *_: calls.append("layer4"))
    network.classifier.register_forward_pre_hook(lambda *_: calls.append("fc"))
    before = hooks(network.model)
    ch.explain(network, "cat")
    assert calls == ["layer4", "fc"]
    make_network("mine", network.model, network.categories, network.preprocess)
    assert hooks(network.model) == before


# ---- the steps leave things as they were --------------------------------------------------

HELPERS = {
    "predict": lambda network: ch.predict(network, "cat"),
    "isolate_weights": lambda network: ch.isolate_weights(network, "cat"),
    "explain": lambda network: ch.explain(network, "cat").overlay("cat"),
    "find_layers": lambda network: find_layers(network.model, noise(1, 3, 64, 64), "mine"),
    "make_network": lambda network: make_network(
        "mine", network.model, network.categories, network.preprocess
    ),
    "seen_box": lambda network: network.seen_box((300, 200)),
}


def state_of(model):
    """All that a helper must leave as it was, as plain values."""
    return {
        "modes": [layer.training for layer in model.modules()],
        "parameters": [(p.requires_grad, p.device, p.dtype, p.grad) for p in model.parameters()],
        "numbers": [number.tolist() for number in model.state_dict().values() if number.ndim < 2],
        "hooks": hooks(model),
        "random": torch.get_rng_state().tolist(),
        "numpy random": np.random.get_state()[1].tolist(),
        "grad": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
    }


@pytest.mark.parametrize("grad_enabled", [True, False])
@pytest.mark.parametrize("helper", HELPERS)
def test_a_helper_leaves_network_and_surroundings_as_they_were(network, helper, grad_enabled):
    model = network.model
    model.layer1.train()
    model.layer4[0].bn2.train()
    model.fc.train()
    model.conv1.weight.requires_grad = False
    with torch.set_grad_enabled(grad_enabled):
        before = state_of(model)
        HELPERS[helper](network)
        assert state_of(model) == before


def test_scores_are_those_of_evaluation_mode_whatever_the_mode(network):
    expected = ch.predict(network, "cat").scores
    network.model.train()
    assert torch.equal(ch.predict(network, "cat").scores, expected)
    assert all(layer.training for layer in network.model.modules())


def test_the_mode_comes_back_where_the_forward_pass_fails(network):
    def fail(*_):
        raise KeyError("inside")

    network.model.layer2.train()
    network.model.avgpool.register_forward_hook(fail)
    before = [layer.training for layer in network.model.modules()]
    with pytest.raises(KeyError):
        ch.predict(network, "cat")
    assert [layer.training for layer in network.model.modules()] == before
    assert not torch.is_inference_mode_enabled()


def test_no_result_drags_a_gradient_graph_along(network):
    explanation = ch.explain(network, "cat")
    found = ch.isolate_weights(network, "cat")
    results = [
        explanation.scores,
        explanation.prediction.probabilities,
        explanation.feature_maps,
        explanation.cam("cat"),
        explanation.cams(),
        found.weights,
        found.bias,
        ch.weighted_sum(network.classifier.weight, explanation.feature_maps),
        ch.upsample(noise(2, 2).requires_grad_(), (4, 4)),
    ]
    assert [result.requires_grad for result in results] == [False] * len(results)
    assert all(result.grad_fn is None for result in results)


# ---- step 4: weighted_sum -----------------------------------------------------------------


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


def test_the_order_of_the_numbers_in_memory_does_not_matter():
    weights, batch = noise(4, 5), noise(2, 5, 3, 6)
    expected = ch.weighted_sum(weights, batch)
    channels_last = batch.contiguous(memory_format=torch.channels_last)
    every_second = torch.stack([batch, batch * 0], dim=-1)[..., 0]
    columns_first = weights.T.contiguous().T
    assert not every_second.is_contiguous() and not columns_first.is_contiguous()
    for other_weights, other in [
        (weights, channels_last),
        (weights, every_second),
        (columns_first, batch),
    ]:
        torch.testing.assert_close(ch.weighted_sum(other_weights, other), expected)


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


@pytest.mark.parametrize("size", [(224, 224), (96, 160), (65, 97), (33, 300)])
def test_every_map_adds_up_to_its_score(network, size):
    """The balance, mean(map) + bias = score, for every class and every picture of a batch."""
    batch = noise(2, 3, *size)
    with ch.hook_features(network) as hooked:
        scores = ch.predict(network, batch).scores
    cams = ch.weighted_sum(network.classifier.weight.detach(), hooked.feature_maps)
    assert cams.shape[:2] == scores.shape == (2, 12)
    bias = torch.stack([ch.isolate_weights(network, index).bias for index in range(12)])
    torch.testing.assert_close(cams.mean((2, 3)) + bias, scores, rtol=1e-4, atol=1e-4)
    assert cams.std() > 0.01  # there is something to add up


def test_the_balance_holds_for_every_shipped_picture(network):
    for name in ch.shipped_pictures():
        explanation = ch.explain(network, name)
        balance = explanation.cams().mean((1, 2)) + network.classifier.bias.detach()
        torch.testing.assert_close(balance, explanation.scores, rtol=1e-4, atol=1e-4)


def test_the_feature_layer_and_classifier_are_layers_of_the_model(network):
    assert network.feature_layer is network.model.layer4
    assert network.classifier is network.model.fc
    assert isinstance(network.classifier, nn.Linear)


def test_isolated_weights_are_copies(network):
    weights, bias = network.classifier.weight.tolist(), network.classifier.bias.tolist()
    ch.isolate_weights(network, 0).weights.add_(1)
    ch.isolate_weights(network, 0).bias.add_(1)
    assert (network.classifier.weight.tolist(), network.classifier.bias.tolist()) == (weights, bias)
    explanation = ch.explain(network, "cat")
    assert abs(explanation.score(0) - explanation.cam(0).mean() - network.classifier.bias[0]) < 1e-4


def test_top_needs_a_number_from_one_on(network):
    with pytest.raises(ValueError, match="from 1 on"):
        ch.predict(network, "cat").top(0)


def test_weights_and_feature_maps_of_different_precision_are_refused():
    with pytest.raises(ValueError, match="float64"):
        ch.weighted_sum(torch.ones(2).double(), torch.ones(2, 3, 3))

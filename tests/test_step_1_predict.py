"""Step 1: scores of a picture."""

import math

import numpy as np
import pytest
import torch

import cam_helpers as ch

SINGLES = ("cat", "dog", "bird", "fish", "butterfly", "flower")
SINGLES += ("tree", "house", "car", "boat", "umbrella", "cup")


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
    for ask in (lambda: prediction.top(1), lambda: prediction.ranks):
        with pytest.raises(ValueError, match="one picture, and these are the scores of 2"):
            ask()


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
    with pytest.raises(ValueError, match="from 1 on"):
        ch.Prediction(scores, ("a", "b", "c")).top(0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_ranks_count_the_better_classes_and_equal_scores_share_one(dtype):
    scores = torch.tensor([1.0, 3.0, -2.0, 3.0, 0.0], dtype=dtype)
    prediction = ch.Prediction(scores, ("a", "b", "c", "d", "e"))
    assert prediction.ranks == [3, 1, 5, 1, 4]
    for ranked in prediction.top(5):
        better = sum(score > ranked.score for score in scores.tolist())
        assert prediction.ranks[ranked.class_index] == better + 1


def test_what_predict_returns_may_be_changed_in_place(network):
    prediction = ch.predict(network, "cat")
    best = prediction.top(1)
    prediction.probabilities.zero_()
    assert prediction.top(1) == best
    scores = prediction.scores
    scores -= scores.min()
    assert not (scores.is_inference() or scores.requires_grad)
    assert ch.predict(network, "cat").top(1) == best


@pytest.mark.parametrize("step", [ch.predict, ch.isolate_weights, ch.explain])
def test_a_name_or_a_model_where_a_network_is_meant_is_refused(network, step):
    with pytest.raises(TypeError, match=r"not its name.*load_network\('tiny_resnet'\)"):
        step("tiny_resnet", "cat")
    with pytest.raises(TypeError, match=r"load_network or make_network returns, not a TinyResNet"):
        step(network.model, "cat")


def test_the_shipped_network_knows_nearly_every_single_object(network):
    right = [name for name in SINGLES if ch.predict(network, name).top(1)[0].category == name]
    assert len(right) >= 11

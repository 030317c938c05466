"""A network of one's own: what names its classes."""

import re

import numpy as np
import pytest
import torch
from helpers import pixels
from torch import nn

import cam_helpers as ch
from cam_helpers.networks.make import make_network
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.networks.tiny_resnet import TinyResNet


@pytest.mark.parametrize(
    ("categories", "words"),
    [
        (["x"] * 11, "12 scores, but 11 categories"),
        (["x"] * 13, "12 scores, but 13 categories"),
        *((bad, "list of names") for bad in ("abcdefghijkl", set(ch.CATEGORIES), range(12), None)),
    ],
)
def test_categories_that_do_not_name_the_scores_are_refused(categories, words):
    with pytest.raises(ValueError, match=words):
        make_network("mine", TinyResNet(), categories, Preprocess())


def test_one_score_is_refused_with_a_remedy_that_works():
    model = TinyResNet(num_classes=1).eval()
    name, categories, preprocess = "mine", ["cat"], Preprocess()
    with pytest.raises(ValueError, match="one score only") as caught:
        make_network(name, model, categories, preprocess)
    network = eval(re.search(r"make_network\(.*\)", str(caught.value))[0])
    score = model(preprocess(ch.open_picture("cat"))[None])[0].detach()
    explanation = ch.explain(network, "cat")
    torch.testing.assert_close(explanation.prediction.probabilities, score.sigmoid())
    assert explanation.overlay("cat").size == (224, 224)


class Fixed(nn.Module):
    """The scores 3, 3, -3 for any picture, or what a function makes of them."""

    def __init__(self, end=lambda scores: scores):
        super().__init__()
        self.end = end

    def forward(self, x):
        return self.end(torch.tensor([[3.0, 3.0, -3.0]]).expand(len(x), 3))


def fixed(end=lambda scores: scores, **options):
    return ch.Classifier("fixed", Fixed(end), ("a", "b", "c"), Preprocess(), **options)


def test_scores_are_read_as_the_network_says():
    scores = torch.tensor([3.0, 3.0, -3.0])
    for reading, expected in {
        "softmax": scores.softmax(0),
        "sigmoid": scores.sigmoid(),
        "as they are": scores,
    }.items():
        prediction = ch.predict(fixed(reading=reading), "cat")
        torch.testing.assert_close(prediction.probabilities, expected)
        assert prediction.top(1)[0].probability == pytest.approx(expected[0].item())
    with pytest.raises(ValueError, match="not 'multi-label'"):
        fixed(reading="multi-label")


def test_probabilities_go_through_no_softmax_again():
    ends_in_softmax = fixed(lambda scores: scores.softmax(1))
    for batch in (torch.zeros(3, 64, 64) - 1, torch.zeros(2, 3, 64, 64) - 1):
        with pytest.raises(ValueError, match='reading="as they are"'):
            ch.predict(ends_in_softmax, batch)
    said = fixed(lambda scores: scores.softmax(1), reading="as they are")
    assert ch.predict(said, "cat").probabilities.sum() == pytest.approx(1)
    assert ch.predict(said, "cat").top(1)[0].probability == pytest.approx(0.4994, abs=1e-4)
    # Not each alone: positive scores, nor scores whose sum is 1.
    for shift in (6, -2 / 3):
        assert ch.predict(fixed(lambda scores, shift=shift: scores + shift), "cat").scores[0] > 0


def test_names_are_counted_against_scores_at_the_first_pass():
    two = ch.Classifier("two", Fixed(), ["a", "b"], Preprocess())
    with pytest.raises(ValueError, match=r"\(1, 3\) for 1 picture.*\(1, 2\)"):
        ch.predict(two, "cat")
    with pytest.raises(ValueError, match="gives tuple for 2 pictures"):
        ch.predict(fixed(lambda scores: (scores,)), torch.zeros(2, 3, 64, 64) - 1)


class Channels(nn.Module):
    """A small network for inputs of so many channels."""

    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(channels, 6, 8, stride=8), nn.ReLU())
        self.fc = nn.Linear(6, 3)

    def forward(self, x):
        return self.fc(self.body(x).mean((2, 3)))


def grey_and_edges(picture):
    """Red, green, blue, the grey picture, and a channel of zeros."""
    colours = Preprocess()(picture)
    return torch.cat([colours, colours.mean(0, keepdim=True), torch.zeros_like(colours[:1])])


INPUTS = {
    1: lambda picture: Preprocess()(picture).mean(0, keepdim=True),
    2: lambda picture: Preprocess()(picture)[:2],
    5: grey_and_edges,
}


@pytest.mark.parametrize("channels", INPUTS)
def test_any_number_of_channels_is_explained_in_its_place(channels):
    torch.manual_seed(3)
    network = make_network("mine", Channels(channels).eval(), list("abc"), INPUTS[channels])
    picture = ch.open_picture("cat").resize((600, 400))
    explanation = ch.explain(network, picture)
    assert explanation.seen_box == pytest.approx(ch.load_network().seen_box((600, 400)))
    assert explanation.input_picture.size == (224, 224)
    grey = explanation.input_picture.convert("L")
    expected = ch.explain(ch.load_network(), picture).input_picture.convert("L")
    assert np.abs(pixels(grey) - pixels(expected)).mean() < (1 if channels == 5 else 25)
    assert ch.grad_cam(network, picture, "a", "body").shape == (28, 28)
    assert ch.mirror_test(network, picture, "a").cam.shape == (28, 28)
    for wrong in (channels + 1, 3):
        with pytest.raises(ValueError, match=rf"shape \({channels}, H, W\)"):
            ch.explain(network, torch.zeros(wrong, 64, 64) - 1)


def z_score(picture):
    """Of each picture's own mean and standard deviation, one channel, the whole picture."""
    grey = Preprocess(224, 224)(picture.resize((224, 224))).mean(0, keepdim=True)
    return (grey - grey.mean()) / grey.std()


def window(picture):
    """What lies between each picture's own percentiles, from 0 to 1."""
    grey = Preprocess(224, 224)(picture.resize((224, 224))).mean(0, keepdim=True)
    low, high = torch.quantile(grey, 0.02), torch.quantile(grey, 0.5)
    return ((grey - low) / (high - low)).clamp(0, 1)


@pytest.mark.parametrize("preprocess", [z_score, window])
def test_where_the_place_cannot_be_measured_it_is_said_as_advised(preprocess):
    torch.manual_seed(3)
    name, model, categories = "mine", Channels(1).eval(), list("abc")
    with pytest.raises(ValueError, match="changed by its own colours") as caught:
        make_network(name, model, categories, preprocess)
    network = eval(re.search(r"make_network\(.*?size\)\)", str(caught.value))[0])
    picture = ch.open_picture("cat").resize((600, 400))
    explanation = ch.explain(network, picture)
    assert explanation.seen_box == (0, 0, 600, 400)
    assert explanation.input_picture.size == (224, 224)
    whole = ch.overlay(picture, explanation.cam("a"), box=explanation.seen_box)
    assert whole.size == explanation.overlay("a", whole=True).size == (600, 400)
    tensor = torch.randn(1, 300, 200)  # twelve bits, say
    assert ch.explain(network, tensor).cam("a").shape == (37, 25)

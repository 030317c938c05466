"""What a `Network` knows and keeps: its lock, its layers by name, what is an input for it."""

import contextlib
import copy
import os
import pickle
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

import cam_helpers as ch


def test_threads_and_a_network_in_training_mode_leave_its_statistics_alone(network):
    expected = ch.predict(network, "cat").scores
    batch = network.prepare("cat")
    network.model.train()
    before = copy.deepcopy(network.model.state_dict())
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: ch.predict(network, batch).scores[0], range(60)))
    assert all(torch.equal(scores, expected) for scores in found)
    assert all(layer.training for layer in network.model.modules())
    after = network.model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_there_is_one_lock_for_a_model_and_none_in_its_copies(network):
    again = ch.make_network("again", network.model, network.categories, network.preprocess)
    assert again.lock is network.lock
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert other.lock is not network.lock
        assert torch.equal(ch.predict(other, "cat").scores, ch.predict(network, "cat").scores)
    with network.lock:  # the thread that holds it may go on
        ch.explain(network, "cat")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork")
@pytest.mark.filterwarnings("ignore:.*fork")
@pytest.mark.parametrize("holder", ["another thread", "this thread"])
def test_a_child_forked_while_somebody_explains_does_not_hang(network, holder):
    expected = ch.predict(network, "cat").scores
    held, done = threading.Event(), threading.Event()

    def hold():
        with network.lock:
            held.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    with network.lock if holder == "this thread" else contextlib.nullcontext():
        if holder == "another thread":
            thread.start()
            held.wait(60)
        child = os.fork()
        if not child:  # 20 seconds, then the alarm ends it
            signal.alarm(20)
            os._exit(0 if torch.equal(ch.predict(network, "cat").scores, expected) else 1)
        assert os.waitpid(child, 0)[1] == 0
    done.set()
    if thread.ident:
        thread.join()


def fine_tuned(network):
    """Everything that explains a class uses the last layer of today."""
    explanation = ch.explain(network, "cat")
    weights = ch.isolate_weights(network, "dog").weights
    assert torch.equal(weights, network.model.fc.weight[1])
    torch.testing.assert_close(
        explanation.cam("dog"), ch.weighted_sum(weights, explanation.feature_maps)
    )
    torch.testing.assert_close(
        explanation.cam("dog").mean() + network.model.fc.bias[1].detach(), explanation.scores[1]
    )


def test_a_new_layer_counts_at_once(network):
    old = ch.isolate_weights(network, "dog").weights
    network.model.fc = nn.Linear(192, 12)
    assert not torch.equal(ch.isolate_weights(network, "dog").weights, old)
    fine_tuned(network)
    network.model.layer4 = nn.Sequential(network.model.layer4, nn.Conv2d(192, 192, 1), nn.ReLU())
    fine_tuned(network)


@pytest.mark.parametrize(
    ("name", "layer", "words"),
    [
        ("fc", nn.Linear(192, 5), r"changed since.*make_network\(name"),
        ("fc", nn.Identity(), r"changed since.*make_network\(name"),
        ("layer4", None, r"no layer layer4 any more.*make_network"),
    ],
)
def test_a_layer_that_does_not_fit_or_is_gone_is_refused_with_the_remedy(
    network, name, layer, words
):
    delattr(network.model, name)
    if layer is not None:
        setattr(network.model, name, layer)
        with pytest.raises(ch.UnsuitableNetworkError, match=words):
            ch.isolate_weights(network, "cat")
    with pytest.raises(ch.UnsuitableNetworkError, match=words):
        ch.explain(network, "cat")


@pytest.mark.parametrize("highest", [1, 255])
def test_a_tensor_of_plain_colours_warns(network, highest):
    colours = torch.rand(3, 64, 64) * highest
    for use in (ch.predict, ch.explain):
        with pytest.warns(
            UserWarning, match="run from 0.*preprocessed as tiny_resnet needs"
        ) as caught:
            use(network, colours)
        assert [warning.filename for warning in caught] == [__file__]


@pytest.mark.parametrize("grey", [0, 140, 200, 255])
def test_what_is_preprocessed_does_not_warn(network, grey, recwarn):
    """Not even a bright picture's tensor, unless all its numbers lie between 0 and 1."""
    picture = ch.open_picture("cat").point(lambda level: max(level, grey))
    ch.predict(network, picture)
    if grey != 140:
        ch.predict(network, network.preprocess(picture))
    black_is_zero = lambda picture: network.preprocess(picture) * 0.2 + 0.5  # noqa: E731
    mine = ch.make_network("mine", network.model, network.categories, black_is_zero)
    ch.predict(mine, torch.rand(3, 64, 64))
    assert not recwarn.list
    with pytest.warns(UserWarning, match="to 40.*preprocessed as mine needs it"):  # 12 bits
        ch.predict(mine, torch.linspace(0, 4095, 3 * 64 * 64).view(3, 64, 64))


def test_a_tensor_that_is_not_preprocessed_is_refused(network):
    for bad in (torch.zeros(3, 64, 64, dtype=torch.uint8), torch.full((3, 64, 64), torch.nan)):
        with pytest.raises(ValueError, match="finite floats"):
            ch.predict(network, bad)


@pytest.mark.parametrize(("name", "near"), [("CAT", "cat"), ("Umbrela", "umbrella")])
def test_near_names_are_found_whatever_the_capitals(network, name, near):
    with pytest.raises(ValueError, match=f"'{name}'.*Did you mean.*'{near}'"):
        network.class_index(name)


def test_the_input_follows_the_model_in_dtype_and_device(network):
    """The device "meta" stands in for a GPU: it is another one, and every machine has it."""
    network.model.double()
    assert network.prepare("cat").dtype == torch.float64
    assert ch.predict(network, "cat").top(1)[0].category == "cat"
    network.model.to("meta")
    assert network.prepare("cat").device.type == "meta"
    assert ch.predict(network, "cat").scores.device.type == "meta"

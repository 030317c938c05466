"""What a `Network` knows and keeps: its lock."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import torch

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

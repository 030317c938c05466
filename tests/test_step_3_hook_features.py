"""Step 3: the final feature maps; and no step leaves anything behind."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from helpers import hook_count, noise

import cam_helpers as ch
from cam_helpers.networks.make import make_network
from cam_helpers.networks.proof import find_layers


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


def test_the_hook_is_gone_after_the_block_and_after_an_exception(network):
    with ch.hook_features(network) as hooked:
        assert len(network.feature_layer._forward_hooks) == 1
        ch.predict(network, noise(1, 3, 64, 64))
    assert hook_count(network.model) == 0
    caught = hooked.feature_maps
    ch.predict(network, noise(1, 3, 96, 96))
    assert hooked.feature_maps is caught
    with pytest.raises(KeyError, match="inside"), ch.hook_features(network):
        raise KeyError("inside")
    assert hook_count(network.model) == 0


def test_two_hooks_can_be_nested(network):
    first, second = noise(1, 3, 64, 64), noise(1, 3, 96, 96)
    with ch.hook_features(network) as outer:
        with ch.hook_features(network) as inner:
            ch.predict(network, first)
        assert torch.equal(outer.feature_maps, inner.feature_maps)
        ch.predict(network, second)
    assert inner.feature_maps.shape == (1, 192, 2, 2)
    assert outer.feature_maps.shape == (1, 192, 3, 3)
    assert hook_count(network.model) == 0


def test_after_a_pass_of_your_own_gradients_flow(network):
    """Grad-CAM's starting point: d score / d f(x, y) is weight / (h w), in every cell."""
    with ch.hook_features(network) as hooked:
        scores = network.model(noise(2, 3, 64, 96))
    maps = hooked.feature_maps
    (gradients,) = torch.autograd.grad(scores[1, 4], maps)
    weights = ch.isolate_weights(network, 4).weights
    assert not gradients[0].any()
    torch.testing.assert_close(gradients[1] * 6, weights[:, None, None].expand(192, 2, 3))


def test_every_thread_catches_its_own_passes(network):
    batches = [noise(1, 3, 64, 32 * side) for side in range(1, 5)]
    all_hooked = threading.Barrier(len(batches))

    def catch(batch):
        with ch.hook_features(network) as hooked:
            all_hooked.wait()
            ch.predict(network, batch)
            all_hooked.wait()
            return hooked.feature_maps

    with ThreadPoolExecutor(len(batches)) as pool:
        caught = list(pool.map(catch, batches, timeout=60))
    for maps, batch in zip(caught, batches, strict=True):
        assert torch.equal(maps, by_hand(network.model, batch))
    assert hook_count(network.model) == 0


def test_a_pass_in_another_thread_is_not_taken_for_ones_own(network):
    with ch.hook_features(network) as hooked, ThreadPoolExecutor(1) as pool:
        pool.submit(ch.predict, network, "cat").result(timeout=60)
        with pytest.raises(RuntimeError, match="in the same thread"):
            _ = hooked.feature_maps


def test_your_own_hooks_stay_and_are_called(network):
    calls = []
    network.feature_layer.register_forward_hook(lambda *_: calls.append("layer4"))
    network.classifier.register_forward_pre_hook(lambda *_: calls.append("fc"))
    before = hook_count(network.model)
    ch.explain(network, "cat")
    assert calls == ["layer4", "fc"]
    make_network("mine", network.model, network.categories, network.preprocess)
    assert hook_count(network.model) == before


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
        "hooks": hook_count(model),
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
        explanation.contributions("cat"),
    ]
    assert [result.requires_grad for result in results] == [False] * len(results)
    assert not any(result.is_inference() for result in results)

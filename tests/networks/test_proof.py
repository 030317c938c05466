"""The proof at loading: the maps add up, and they point at the place."""

import re

import pytest
import torch
from helpers import assert_adds_up, hook_count
from torch import Tensor, nn

import cam_helpers as ch
from cam_helpers.networks.make import make_network
from cam_helpers.networks.preprocess import Preprocess
from cam_helpers.networks.proof import find_layers
from cam_helpers.networks.running import nearly_equal


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(4))


SHUFFLED = torch.randperm(49, generator=torch.Generator().manual_seed(7))


# ---- how much -----------------------------------------------------------------------------------


def body():
    return nn.Sequential(nn.Conv2d(3, 6, 4, stride=4), nn.ReLU())


class Made(nn.Module):
    """Layers by name, and what is done with them."""

    def __init__(self, run, **layers):
        super().__init__()
        self.run = run
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x):
        return self.run(self, x)


def then(change):
    """A function as a layer."""
    return Made(lambda _, x: change(x))


def ends(end):
    """Scores that go through a function without a layer of its own."""
    layers = {"body": body(), "fc": nn.Linear(6, 4)}
    return Made(lambda my, x: end(my.fc(my.body(x).mean((2, 3)))), **layers)


def max_only():
    """The largest instead of the mean: no class activation map. One of its names lies."""
    layers = {"layer4": body(), "avgpool": nn.AdaptiveMaxPool2d(1), "fc": nn.Linear(6, 4)}
    return Made(lambda my, x: my.fc(my.avgpool(my.layer4(x)).flatten(1)), **layers)


def disguised():
    """Fits, though no layer bears the usual name and a decoy does."""

    def run(my, x):
        weights = my.fc(my.layer4(x).mean((2, 3)))
        x = my.eyes.left(x * weights.sigmoid()[:, :, None, None])
        return my.judge(nn.functional.dropout(x.mean((2, 3)), training=my.training))

    layers = {"layer4": nn.Conv2d(3, 3, 1), "fc": nn.Linear(3, 3), "judge": nn.Linear(6, 4)}
    return Made(run, eyes=nn.ModuleDict({"left": body()}), **layers)


def chain(*tail):
    return nn.Sequential(body(), *tail)


POOL = (nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


def parts(run):
    """Layers to be called in many ways."""
    body = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.ReLU())
    layers = {"stem": nn.Conv2d(3, 6, 4, stride=4), "body": body, "fc": nn.Linear(6, 4)}
    return Made(run, **layers, nothing=nn.Identity()).eval()


def first_counts(my, x):
    pooled = my.body(my.stem(x)).mean((2, 3))
    my.body(my.stem(x.flip(-1)))
    return my.fc(pooled)


def no_layer(my, x):
    """Calls no layer, but only uses their numbers."""
    return nn.functional.linear(x.mean((2, 3)).repeat(1, 2), my.fc.weight, my.fc.bias)


def test_layers_are_found_by_what_they_do_and_the_outermost_of_those_that_hand_on_the_same():
    assert find_layers(disguised(), noise(1, 3, 32, 32), "mine") == ("eyes.left", "judge")
    model = nn.Sequential(nn.Sequential(body()), *POOL, nn.Dropout(), nn.Linear(6, 4))
    assert find_layers(model, noise(1, 3, 32, 32), "mine") == ("0", "4")


NO_MAP = [  # a model without a class activation map, and the fault that is named
    (max_only(), "avgpool"),
    (ends(lambda scores: scores.clamp(-500, 500)), r"after fc \(Linear\)"),
    (chain(*POOL, nn.Linear(6, 4), nn.ReLU()), r"4 \(ReLU\) comes last"),
    (chain(*POOL, nn.Sigmoid(), nn.Linear(6, 4)), r"3 \(Sigmoid\) stands between"),
    (chain(*POOL, nn.Linear(6, 5), nn.Linear(5, 4)), r"3 \(Linear\) stands between"),
    (chain(nn.Flatten(), nn.Linear(384, 4)), r"2 \(Linear\) receives no spatial mean"),
    (chain(nn.Conv2d(6, 4, 1), nn.ReLU(), *POOL), r"4 \(Flatten\) comes last"),
    (nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 4)), r"1 \(Linear\) receives no"),
    # Half precision is no excuse for a scaled mean.
    (chain(*POOL, then(lambda x: 1.1 * x), nn.Linear(6, 4)).bfloat16(), r"3 \(Made\)"),
    (chain(*POOL, Doubled(6, 4)), "other numbers than its weights"),
    (parts(first_counts), "receives no spatial mean"),
    (parts(no_layer), "none of its layers is called"),
    (nn.Sequential(parts(no_layer)), r"0 \(Made\) comes last"),
]


@pytest.mark.parametrize(("model", "message"), NO_MAP)
def test_models_without_a_class_activation_map_are_refused(model, message):
    with pytest.raises(ch.UnsuitableNetworkError, match=f"{message}.*Grad-CAM"):
        find_layers(model.eval(), noise(1, 3, 32, 32), "mine")
    assert hook_count(model) == 0


def test_a_convolution_that_scores_every_cell_becomes_a_linear_layer_as_advised():
    for bias in (True, False):
        model = chain(nn.Conv2d(6, 4, 1, bias=bias), *POOL)
        picture = noise(1, 3, 32, 32)
        expected = model(picture)
        with pytest.raises(ch.UnsuitableNetworkError, match="1 is a 1 x 1 convolution") as caught:
            find_layers(model, picture, "mine")
        scope = {"model": model, "nn": nn}
        exec(str(caught.value).partition("\n")[2], scope)
        assert find_layers(scope["model"], picture, "mine") == ("0.0", "1")
        torch.testing.assert_close(scope["model"](picture), expected)


@pytest.mark.parametrize(
    ("layer", "function"),
    [(nn.Softmax(1), "softmax"), (nn.LogSoftmax(1), "log_softmax"), (nn.Sigmoid(), "sigmoid")],
)
def test_what_makes_probabilities_is_dropped_as_advised(layer, function):
    model = chain(*POOL, nn.Linear(6, 4), layer)
    with pytest.raises(ch.UnsuitableNetworkError, match=f"mine ends in {function} ") as caught:
        mine(model, list("abcd"))
    message = str(caught.value)
    assert "Grad-CAM" not in message
    exec(re.search(r"model\.set_submodule\(.*?\(\)\)", message)[0], {"model": model, "nn": nn})
    reading = "sigmoid" if 'reading="sigmoid"' in message else "softmax"
    assert (reading == "sigmoid") == (function == "sigmoid")
    network = mine(model, list("abcd"), reading=reading)
    prediction = ch.predict(network, "cat")
    expected = layer(prediction.scores[None])[0]
    expected = expected.exp() if function == "log_softmax" else expected
    torch.testing.assert_close(prediction.probabilities, expected)
    with pytest.raises(ch.UnsuitableNetworkError, match=r"let forward\(\) return what fc gives"):
        mine(ends(layer.forward), list("abcd"))


def test_of_two_heads_the_one_that_is_returned_is_found():
    layers = {"body": body(), "kind": nn.Linear(6, 4), "age": nn.Linear(6, 4)}
    heads = Made(
        lambda my, x: [part(my.body(x).mean((2, 3))) for part in (my.kind, my.age)], **layers
    )
    heads.eval()
    for number, name in enumerate(("kind", "age")):
        model = nn.Sequential(heads, then(lambda both, number=number: both[number]))
        assert find_layers(model, noise(1, 3, 32, 32), "mine") == ("0.body", f"0.{name}")
    model = nn.Sequential(heads, then(lambda both: both[0] - both[1]))
    with pytest.raises(ch.UnsuitableNetworkError, match=r"after 0\.kind and 0\.age"):
        find_layers(model, noise(1, 3, 32, 32), "mine")


@pytest.mark.parametrize("side", [32, 16])
def test_an_input_too_small_for_more_than_one_cell_is_enlarged_as_advised(network, side):
    with pytest.raises(ch.UnsuitableNetworkError, match=f"one cell.*{side} x {side}") as caught:
        make_network("mine", network.model, ch.CATEGORIES, Preprocess(side, side))
    enlarged = int(re.search(r"(\d+) x \d+ fits", str(caught.value))[1])
    larger = Preprocess(enlarged, enlarged)
    assert make_network("mine", network.model, ch.CATEGORIES, larger).classifier_name == "fc"


def test_grad_cam_is_advised_in_words_that_can_be_run():
    mine = {"name": "mine", "model": max_only().eval(), "categories": list("abcd")}
    mine |= {"preprocess": Preprocess(64, 64)}
    for refused, cells in (
        (lambda: make_network(**mine), (16, 16)),
        (lambda: ch.load_network("squeezenet1_1", weights=None), (13, 13)),
    ):
        with pytest.raises(ch.UnsuitableNetworkError) as caught:
            refused()
        code = re.search(r"grad_cam\(.*\)", str(caught.value))[0]
        found = eval(code, {**vars(ch), **mine, "picture": "cat", "class_index": 1})
        assert found.shape == cells


def test_a_dead_network_proves_nothing(make_small):
    model = make_small().model
    nn.init.zeros_(model.body[0].weight)
    nn.init.constant_(model.body[0].bias, -1)
    with pytest.raises(ch.UnsuitableNetworkError):
        find_layers(model, noise(1, 3, 32, 32), "mine")


def test_numbers_agree_to_a_ten_thousandth_of_the_largest_or_as_their_dtype_allows():
    numbers = torch.tensor([10.0, -1000.0, 0.0])
    assert nearly_equal(numbers + 0.09, numbers) and nearly_equal(numbers - 0.09, numbers)
    assert not nearly_equal(numbers + 0.11, numbers) and not nearly_equal(numbers - 0.11, numbers)
    assert not nearly_equal(numbers[:2], numbers)  # another shape
    assert not nearly_equal(numbers, numbers * torch.nan)
    half = numbers.half()  # its numbers near 1000 lie 0.5 apart
    assert nearly_equal(half + 4, half) and not nearly_equal(half + 30, half)


# ---- where --------------------------------------------------------------------------------------


def shuffle(maps: Tensor) -> Tensor:
    return maps.flatten(2)[:, :, SHUFFLED].view_as(maps)


def with_layer4(network, *more):
    """The shipped network's model, with more layers behind its feature layer."""
    network.model.layer4 = nn.Sequential(network.model.layer4, *more)
    return network.model


INPUTS = {
    "flipped": lambda x: x.flip(-1),
    "turned round": lambda x: x.flip(-2, -1),
    "turned by 90 degrees": lambda x: x.rot90(1, (-2, -1)),
    "transposed": lambda x: x.transpose(-2, -1),
    "rolled by half": lambda x: x.roll(112, -1),
    "left half only": lambda x: x[..., :112].repeat(1, 1, 1, 2),
}


@pytest.mark.parametrize("how", INPUTS)
def test_a_network_whose_maps_point_elsewhere_is_refused(network, how):
    """Its maps add up to its scores as well as ever: only the check of place can tell."""
    model = nn.Sequential(then(INPUTS[how]), network.model).eval()
    with pytest.raises(ch.UnsuitableNetworkError, match=r"of 0 \(Made\) elsewhere"):
        find_layers(model, noise(1, 3, 224, 224), "mine")


def test_cells_shuffled_after_the_feature_layer_are_left_alone(network):
    """The maps before the shuffle add up as well, and they point at the place."""
    expected = ch.explain(network, "cat").cams()
    model = with_layer4(network, then(shuffle))
    shuffled = ch.make_network("mine", model, network.categories, network.preprocess)
    assert shuffled.feature_layer_name == "layer4.0"
    assert torch.equal(ch.explain(shuffled, "cat").cams(), expected)


def test_cells_shuffled_before_the_feature_layer_are_refused(network):
    model = with_layer4(network, then(shuffle), nn.Conv2d(192, 192, 1), nn.ReLU())
    with pytest.raises(ch.UnsuitableNetworkError, match=r"layer4\.1 \(Made\) elsewhere"):
        find_layers(model, noise(1, 3, 224, 224), "mine")


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
    "in place": torch.relu_,
    "in place, all": lambda scores: scores.mul_(2),
}


@pytest.mark.parametrize("how", AFTERWARDS)
def test_what_limits_the_scores_is_found_where_they_are_within_the_limits(make_small, how):
    small = make_small()
    nn.init.constant_(small.model.head.bias, 1)
    scores = ch.predict(small, "cat").scores
    assert (scores > 0).all() and (scores < 5).all()
    model = nn.Sequential(small.model, then(AFTERWARDS[how])).eval()
    with pytest.raises(ch.UnsuitableNetworkError, match=r"1 \(Made\) comes last"):
        find_layers(model, noise(1, 3, 32, 32), "mine")


def test_dropout_that_is_never_off_hides_no_place_and_costs_no_random_numbers(network):
    model = nn.Sequential(then(lambda x: nn.functional.dropout(x, training=True)), network.model)
    before = torch.get_rng_state()
    assert find_layers(model.eval(), noise(1, 3, 224, 224), "mine") == ("1.layer4", "1.fc")
    assert torch.equal(torch.get_rng_state(), before)


def test_a_grid_of_one_row_is_judged_by_its_columns(make_small):
    model = make_small().model
    wide = noise(1, 3, 4, 64)  # 1 x 16 cells
    assert find_layers(model, wide, "mine") == ("body", "head")
    with pytest.raises(ch.UnsuitableNetworkError, match="elsewhere"):
        find_layers(nn.Sequential(then(lambda x: x.flip(-1)), model), wide, "mine")


# ---- models in every state ----------------------------------------------------------------


def mine(model, categories=ch.CATEGORIES, **options):
    return make_network("mine", model, categories, Preprocess(), **options)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_give_the_same_maps_to_their_last_digits(network, dtype):
    expected = ch.explain(network, "cat_and_dog").cams()
    explanation = ch.explain(mine(network.model.to(dtype)), "cat_and_dog")
    assert explanation.cams().dtype == explanation.scores.dtype == dtype
    largest = expected.abs().max()
    gap = (explanation.cams().double() - expected.double()).abs().max()
    assert gap <= 8 * max(torch.finfo(dtype).eps, 1e-6) * largest
    balance = explanation.cams().mean((1, 2)) + network.classifier.bias
    assert nearly_equal(balance.detach(), explanation.scores)
    assert explanation.overlay("cat").size == (224, 224)


def test_a_head_in_single_precision_on_a_body_in_half(network):
    expected = ch.explain(network, "cat").cams()
    model = network.model.half()
    model.fc.float().register_forward_pre_hook(lambda layer, inputs: inputs[0].float())
    explanation = ch.explain(mine(model), "cat")
    assert explanation.cams().dtype == torch.float32
    assert (explanation.cams() - expected).abs().max() < 0.02 * expected.abs().max()


def test_autocast_is_taken_along(network):
    expected = ch.explain(network, "cat").cams()
    with torch.autocast("cpu", torch.bfloat16):
        explanation = ch.explain(mine(network.model), "cat")
        assert explanation.scores.dtype == torch.bfloat16
        assert (explanation.cams() - expected).abs().max() < 0.1 * expected.abs().max()


def test_scores_that_are_no_finite_numbers_are_told(network):
    loaded = mine(network.model)
    network.model.conv1.weight.data[3, 0, 0, 0] = torch.nan
    with pytest.raises(ch.UnsuitableNetworkError, match="no finite numbers: look for NaN"):
        mine(network.model)
    with pytest.raises(ch.UnsuitableNetworkError, match="on this picture that are no finite"):
        ch.explain(loaded, "cat")
    assert hook_count(network.model) == 0


def test_a_device_without_numbers_is_refused(network):
    with pytest.raises(ch.UnsuitableNetworkError, match=r'"meta".*device="cpu"'):
        ch.load_network(device="meta")
    with pytest.raises(ch.UnsuitableNetworkError, match='"meta"'):
        mine(network.model.to("meta"))


def test_a_model_in_data_parallel_is_right(network):
    expected = ch.explain(network, "cat").cams()
    wrapped = mine(nn.DataParallel(network.model))
    assert (wrapped.feature_layer_name, wrapped.classifier_name) == ("module.layer4", "module.fc")
    assert torch.equal(ch.explain(wrapped, "cat").cams(), expected)


@pytest.mark.parametrize("is_compiled_before", [True, False])
def test_a_compiled_model_is_right(make_small, is_compiled_before):
    network = make_small()
    expected, model = ch.explain(network, "cat").cams(), network.model
    try:
        if is_compiled_before:
            model = torch.compile(model, backend="eager")
        with torch.inference_mode():
            model(noise(1, 3, 32, 32))  # what is compiled now, without hooks, must not be used
        compiled = make_network("mine", model, network.categories, network.preprocess)
        if not is_compiled_before:
            model.compile(backend="eager")
        for _ in range(2):
            torch.testing.assert_close(ch.explain(compiled, "cat").cams(), expected)
            model(noise(1, 3, 32, 32))
    finally:
        torch.compiler.reset()
    assert hook_count(network.model) == 0


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.parametrize("part", ["", "layer4", "fc"])
@pytest.mark.parametrize("how", ["script", "trace"])
def test_a_scripted_model_is_refused_with_the_remedy(network, part, how):
    model = network.model
    inputs = {"": (1, 3, 64, 64), "layer4": (1, 96, 4, 4), "fc": (1, 192)}[part]
    layer = model.get_submodule(part)
    closed = torch.jit.script(layer) if how == "script" else torch.jit.trace(layer, noise(*inputs))
    if part:
        setattr(model, part, closed)
    with pytest.raises(ch.UnsuitableNetworkError, match=f"{part or 'it'} is scripted.*made from"):
        mine(model if part else closed)
    assert hook_count(model) == 0


@pytest.mark.filterwarnings("ignore")
def test_a_quantised_model_is_refused_for_what_it_is(network):
    eight_bits = torch.ao.quantization.quantize_dynamic(network.model, {nn.Linear}, torch.qint8)
    with pytest.raises(ch.UnsuitableNetworkError, match=r"quantised: fc.*before quantising"):
        mine(eight_bits)
    plain = ch.Classifier("mine", eight_bits, ch.CATEGORIES, Preprocess())
    assert ch.predict(plain, "cat").top(1)[0].category == "cat"


def test_numbers_without_a_model_are_refused_with_the_remedy(network):
    numbers = network.model.state_dict()
    with pytest.raises(TypeError, match=r"OrderedDict.*model\.load_state_dict\(numbers\)"):
        mine(numbers)
    with pytest.raises(TypeError, match="not a type"):
        mine(Made)


def test_lazy_layers_are_refused_and_left_as_they_are():
    model = chain(*POOL, nn.LazyLinear(4))
    with pytest.raises(ch.UnsuitableNetworkError, match="run it once"):
        mine(model, list("abcd"))
    assert nn.parameter.is_lazy(model[-1].weight)
    model(noise(1, 3, 224, 224))
    assert mine(model, list("abcd")).classifier_name == "3"


OUTPUTS = {
    "tuple": lambda scores: (scores, scores),
    "dict": lambda scores: {"out": scores},
    "NoneType": lambda scores: None,
}


@pytest.mark.parametrize("kind", OUTPUTS)
def test_what_is_no_tensor_of_scores_is_refused_with_the_remedy(network, kind):
    model = nn.Sequential(network.model, then(OUTPUTS[kind])).eval()
    with pytest.raises(ch.UnsuitableNetworkError, match=f"returns a {kind}, .*the scores alone"):
        mine(model)
    assert hook_count(model) == 0


# ---- hooks and layers of your own ---------------------------------------------------------


def test_a_hook_that_changes_the_feature_maps_is_respected(network):
    network.model.layer4.register_forward_hook(lambda *call: 2 * call[-1])
    explanation = ch.explain(mine(network.model), "cat")
    assert_adds_up(explanation)
    network.model.layer4._forward_hooks.clear()
    torch.testing.assert_close(
        explanation.feature_maps, 2 * ch.explain(network, "cat").feature_maps
    )


def test_what_changes_the_scores_behind_the_weights_is_refused(network):
    handle = network.model.fc.register_forward_hook(lambda *call: 2 * call[-1])
    with pytest.raises(ch.UnsuitableNetworkError, match="other numbers than its weights"):
        mine(network.model)
    assert hook_count(network.model) == 1  # the one that was there
    handle.remove()
    network.model.fc.register_forward_pre_hook(lambda layer, inputs: 2 * inputs[0])
    with pytest.raises(ch.UnsuitableNetworkError, match="receives no spatial mean"):
        mine(network.model)


UNUSUAL = {
    "twice": lambda my, x: my.fc(my.body(my.body(my.stem(x))).mean((2, 3))),
    "by name": lambda my, x: my.fc(input=my.body(input=my.stem(x)).mean((2, 3))),
    "empty batch": lambda my, x: (my.nothing(x[:0]), my.fc(my.body(my.stem(x)).mean((2, 3))))[1],
}


@pytest.mark.parametrize("kind", UNUSUAL)
def test_layers_called_in_unusual_ways_are_found(kind):
    network = mine(parts(UNUSUAL[kind]), list("abcd"))
    assert (network.feature_layer_name, network.classifier_name) == ("body", "fc")
    assert_adds_up(ch.explain(network, "cat"))


def test_a_forward_pass_that_fails_half_way_leaves_nothing():
    model = parts(lambda my, x: {}[my.body(my.stem(x))]).train()
    model.body.eval()
    before = [layer.training for layer in model.modules()]
    with pytest.raises(KeyError):
        mine(model, list("abcd"))
    assert [layer.training for layer in model.modules()] == before
    assert hook_count(model) == 0
    assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()

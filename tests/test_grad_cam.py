"""Grad-CAM and HiResCAM: the theorem, the place, networks that CAM refuses, other libraries."""

import copy

import pytest
import torch
from helpers import hook_count, noise
from torch import Tensor, nn

import cam_helpers as ch
from cam_helpers.networks.preprocess import Preprocess


def assert_same(found: Tensor, expected: Tensor) -> None:
    assert found.shape == expected.shape and expected.abs().max() > 0
    assert (found - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("method", ["grad_cam", "hires_cam"])
@pytest.mark.parametrize("category", ["cat", "dog", "boat"])
def test_without_relu_times_the_cells_it_is_the_class_activation_map(network, method, category):
    cam = ch.explain(network, "cat_and_dog").cam(category)
    found = ch.grad_cam(network, "cat_and_dog", category, method=method, relu=False)
    assert_same(found * found.numel(), cam)
    clipped = ch.grad_cam(network, "cat_and_dog", category, method=method)
    assert torch.equal(clipped, found.relu()) and found.min() < 0


# DenseNet changes its feature maps in place after the layer has returned; Swin's last layers turn
# (h, w, C) into (C, h, w). Neither grid is square.
@pytest.mark.parametrize("name", ["densenet121", "swin_t", "shufflenet_v2_x0_5"])
def test_on_other_networks_as_well(name):
    with torch.random.fork_rng():
        torch.manual_seed(7)
        network = ch.load_network(name, weights=None)
    network.model.double()
    picture = noise(3, 96, 160).double()
    cam = ch.explain(network, picture).cam(5)
    assert_same(ch.grad_cam(network, picture, 5, relu=False) * cam.numel(), cam)


def test_it_points_at_each_of_two_animals(network):
    boxes = {"cat": slice(0, 4), "dog": slice(4, 7)}  # columns of cat_and_dog
    for category, columns in boxes.items():
        for layer in ("layer4", "layer3"):
            cam = ch.upsample(ch.grad_cam(network, "cat_and_dog", category, layer), (7, 7))
            assert cam[:, columns].sum() > 0.7 * cam.sum(), (category, layer)


class FlattenNet(nn.Module):
    """Features, flattened, and one linear layer: every cell has weights of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 6, 8, stride=8), nn.ReLU())
        self.head = nn.Linear(6 * 4 * 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).flatten(1))


class TokenNet(nn.Module):
    """Tokens behind a class token; their mean, then one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 6, 8, stride=8)
        self.tokens = nn.Identity()
        self.register_buffer("class_token", noise(1, 1, 6))
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        cells = self.body(x).flatten(2).transpose(1, 2)
        return self.head(self.tokens(torch.cat((self.class_token, cells), 1)).mean(1))


@pytest.fixture(params=[FlattenNet, TokenNet])
def small(request: pytest.FixtureRequest) -> ch.Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        return ch.Classifier("small", request.param().eval(), ("a", "b", "c"), Preprocess(36, 32))


def test_hires_cam_adds_up_to_the_score_for_flatten_and_one_linear_layer(small):
    if isinstance(small.model, TokenNet):
        pytest.skip("its class token has no cell")
    model, picture = small.model, noise(3, 32, 32)
    score = ch.predict(small, picture).scores[1] - model.head.bias[1]
    hires = ch.grad_cam(small, picture, "b", method="hires_cam", relu=False).sum()
    plain = ch.grad_cam(small, picture, "b", relu=False).sum()
    assert abs(hires - score) < 1e-5 < 0.05 < abs(plain - score)
    by_hand = model.head.weight[1].view(6, 4, 4) * model.body(picture[None])[0]
    assert_same(ch.grad_cam(small, picture, "b", method="hires_cam"), by_hand.sum(0).relu())


@pytest.mark.parametrize("cell", [(0, 0), (0, 3), (2, 1), (3, 0)])
def test_what_changes_in_one_cell_changes_the_map_in_that_cell_alone(small, cell):
    picture = noise(3, 32, 32)
    covered = picture.clone()
    row, column = cell
    covered[:, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 2.0
    before, after = (
        ch.grad_cam(small, x, "a", method="hires_cam", relu=False) for x in (picture, covered)
    )
    changed = (before - after).abs() > 1e-5 * before.abs().max()
    assert changed.nonzero().tolist() == [list(cell)]


REFUSED = {
    "vgg11": ("avgpool", (512, 7, 7)),
    "alexnet": ("avgpool", (256, 6, 6)),
    "mobilenet_v3_small": ("features", (576, 7, 7)),
    "convnext_tiny": ("features", (768, 7, 7)),
    "vit_b_16": ("encoder.layers.encoder_layer_11.ln_1", (768, 14, 14)),
}


@pytest.fixture(scope="module", params=REFUSED)
def refused(request: pytest.FixtureRequest) -> ch.Classifier:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        network = ch.load_classifier(request.param, weights=None)
        if request.param == "vit_b_16":  # torchvision begins with zeros there: all scores are 0
            nn.init.normal_(network.model.heads.head.weight)
    return network


def test_the_last_layer_with_cells_is_found(refused):
    with pytest.raises(ch.UnsuitableNetworkError, match=r"grad_cam\(Classifier\(name, model"):
        ch.make_network(refused.name, refused.model, refused.categories, refused.preprocess)
    layers = ch.grad_cam_layers(refused, "cat")
    assert (list(layers)[-1], layers[list(layers)[-1]]) == REFUSED[refused.name]
    last = REFUSED[refused.name][0]
    found = ch.grad_cam(refused, "cat", 3)
    assert_same(found, ch.grad_cam(refused, "cat", 3, last))
    assert found.shape == REFUSED[refused.name][1][1:]
    if refused.name == "vit_b_16":  # behind the last block
        with pytest.raises(ValueError, match="the class token alone"):
            ch.grad_cam(refused, "cat", 3, "encoder.ln")


def test_pytorch_grad_cam_gives_the_same_maps_of_tokens_and_the_same_hires_cam(refused):
    library = pytest.importorskip("pytorch_grad_cam", reason='pip install -e ".[libraries]"')
    layer, picture = REFUSED[refused.name][0], noise(3, 224, 224)

    def fold(tokens: Tensor) -> Tensor:
        return tokens[:, 1:].transpose(1, 2).reshape(1, -1, 14, 14)

    target = library.utils.model_targets.ClassifierOutputTarget(3)
    for method, kind in (("grad_cam", library.GradCAM), ("hires_cam", library.HiResCAM)):
        transform = fold if refused.name == "vit_b_16" else None
        with kind(refused.model, [refused.model.get_submodule(layer)], transform) as extract:
            extract(picture[None], [target])
            kept = extract.activations_and_grads
            numbers = kept.activations[0].numpy(), kept.gradients[0].numpy()
            theirs = extract.get_cam_image(picture[None], None, [target], *numbers, False)
        ours = ch.grad_cam(refused, picture, 3, layer, method, relu=False)
        assert_same(ours, torch.from_numpy(theirs[0]))


@pytest.mark.parametrize("frozen", [False, True])
def test_gradients_modes_and_hooks_are_as_before(network, frozen):
    model = network.model.requires_grad_(not frozen)
    model.train()
    model.layer3.eval()
    for parameter in model.parameters():
        parameter.grad = None if frozen else torch.full_like(parameter, 2)
    modes = [layer.training for layer in model.modules()]
    state = {name: numbers.clone() for name, numbers in model.state_dict().items()}
    with torch.no_grad():
        found = ch.grad_cam(network, "cat", "cat", "layer3")
        ch.grad_cam_layers(network, "cat")
        with pytest.raises(ValueError, match="not finite"):
            ch.grad_cam(network, noise(3, 64, 64).clamp(-1, 1) * 3e38, "cat")
    assert not found.requires_grad and found.max() > 0
    assert [layer.training for layer in model.modules()] == modes
    assert hook_count(model) == 0
    assert all(
        (p.requires_grad, p.grad is None) == (not frozen, frozen) for p in model.parameters()
    )
    assert frozen or all((p.grad == 2).all() for p in model.parameters())
    assert all(torch.equal(state[name], now) for name, now in model.state_dict().items())


def test_nothing_is_recorded_below_the_layer_which_may_even_run_without_gradients(network):
    recorded = {}
    for name in ("layer1", "layer2", "layer4", "fc"):
        network.model.get_submodule(name).register_forward_hook(
            lambda *call, name=name: recorded.update({name: call[2].requires_grad})
        )
    expected = ch.grad_cam(network, "cat", "cat", "layer3")
    assert recorded == {"layer1": False, "layer2": False, "layer4": True, "fc": True}
    network.model.layer3.forward = torch.no_grad()(network.model.layer3.forward)
    network.model.layer3 = nn.Sequential(network.model.layer3)
    assert_same(ch.grad_cam(network, "cat", "cat", "layer3.0"), expected)


@pytest.mark.parametrize("method", ["grad_cam", "hires_cam"])
@pytest.mark.parametrize("layer", [None, "layer2"])
def test_whatever_mode_the_caller_works_in_the_map_is_the_same(network, method, layer):
    expected = ch.grad_cam(network, "cat", "cat", layer, method)
    for mode in (torch.inference_mode, torch.no_grad):
        with mode():
            assert torch.equal(ch.grad_cam(network, "cat", "cat", layer, method), expected)
            tensor = network.prepare("cat")[0]
        assert torch.equal(ch.grad_cam(network, tensor, "cat", layer, method), expected)
    with torch.inference_mode():
        assert list(ch.grad_cam_layers(network, "cat"))[-1] == "layer4"


NO_GRADIENT = {  # what is done to the scores, and what is said
    "saturated sigmoid": (lambda scores: (scores + 1000).sigmoid(), "zero everywhere.*here 1?"),
    "clamped": (lambda scores: scores.clamp(-1e-6, 1e-6), "zero everywhere"),
    "rounded": (torch.round, "zero everywhere"),
    "detached": (lambda scores: scores.detach(), "No gradient comes.*detaches"),
}


@pytest.mark.parametrize("how", NO_GRADIENT)
@pytest.mark.parametrize("layer", ["model.layer4", None])
def test_no_gradient_is_no_map_of_zeros(network, how, layer):
    end, message = NO_GRADIENT[how]
    model = nn.Module()
    model.model = network.model
    model.forward = lambda x: end(model.model(x))
    plain = ch.Classifier("mine", model, network.categories, network.preprocess)
    with pytest.raises(ValueError, match=message if layer else "zero|No layer"):
        ch.grad_cam(plain, "cat", "cat", layer)
    assert hook_count(model) == 0


class Attention(nn.Module):
    """One head-split attention as timm writes it: queries, keys and shares are 4-dimensional."""

    def __init__(self, heads: int = 3, width: int = 192) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.q_norm, self.k_norm = nn.LayerNorm(width // heads), nn.LayerNorm(width // heads)
        self.attn_drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        shares = self.q_norm(q) @ self.k_norm(k).mT
        out = self.attn_drop(shares.softmax(-1)) @ v
        return self.proj(out.transpose(1, 2).flatten(2))


class HandMadeViT(nn.Module):
    """Patches, a class token, one block; the class token is scored."""

    def __init__(self, tokens_before: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 192, 16, stride=16)
        self.before = nn.Parameter(noise(1, tokens_before, 192))
        self.norm1, self.attn, self.head = nn.LayerNorm(192), Attention(), nn.Linear(192, 3)

    def forward(self, x: Tensor) -> Tensor:
        cells = self.patches(x).flatten(2).mT
        x = torch.cat([self.before, cells], 1)
        x = x + self.attn(self.norm1(x))
        return self.head(x[:, 0])


@pytest.mark.parametrize("tokens_before", [1, 5])
@pytest.mark.parametrize("size", [(224, 224), (224, 320)])
def test_heads_queries_keys_and_attention_are_no_grid(tokens_before, size):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        model = HandMadeViT(tokens_before).eval()
    network = ch.Classifier("vit", model, ("a", "b", "c"), Preprocess())
    picture = noise(3, *size)
    grid = (size[0] // 16, size[1] // 16)
    layers = ch.grad_cam_layers(network, picture)
    # Beside tokens and patches, 576 numbers of a token: queries, keys and values together.
    assert set(layers.values()) == {(192, *grid), (576, *grid)}
    assert ch.grad_cam(network, picture, "a").shape == grid
    for no_grid in ("attn.k_norm", "attn.q_norm", "attn.attn_drop"):
        with pytest.raises(ValueError, match="no grid of cells"):
            ch.grad_cam(network, picture, "a", no_grid)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "score_cam"}, 'method is "grad_cam" or "hires_cam"'),
        ({"layer": "layer5"}, "no layer called 'layer5'. Did you mean 'layer4'"),
        ({"layer": ""}, "no layer called ''"),
        ({"layer": "avgpool"}, "'avgpool', .*has no grid of cells"),
        ({"layer": "fc"}, "'fc', .*has no grid of cells"),
        ({"class_index": "unicorn"}, "knows no class 'unicorn'"),
        ({"picture": noise(2, 3, 64, 64)}, "one picture at a time, not a batch of 2"),
    ],
)
def test_what_does_not_fit_is_named(network, arguments, words):
    with pytest.raises(ValueError, match=words):
        ch.grad_cam(network, **{"picture": "cat", "class_index": "cat"} | arguments)
    assert hook_count(network.model) == 0


def test_a_layer_that_cannot_serve_is_named(network):
    network.model.spare = nn.Conv2d(3, 3, 1)
    tuples = copy.deepcopy(network)
    tuples.model.maxpool.return_indices = True
    two = ch.Classifier("two", ch.load_network().model, ("a", "b"), network.preprocess)
    for classifier, layer, words in (
        (network, "spare", "does not use its layer 'spare'"),
        (tuples, "maxpool", "'maxpool' returns a tuple"),
        (two, "layer4", r"gives \(1, 12\) for 1 picture"),
    ):
        with pytest.raises(ValueError, match=words):
            ch.grad_cam(classifier, "cat", 0, layer)


def test_a_classifier_without_the_proof_is_no_network(network):
    plain = ch.load_classifier("tiny_resnet")
    assert torch.equal(ch.predict(plain, "cat").scores, ch.predict(network, "cat").scores)
    assert list(ch.grad_cam_layers(plain, "cat"))[-1] == "layer4"
    assert torch.equal(ch.grad_cam(plain, "cat", "cat"), ch.grad_cam(network, "cat", "cat"))
    with pytest.raises(TypeError, match="without the proof"):
        ch.explain(plain, "cat")
    with pytest.raises(TypeError, match="load it first"):
        ch.grad_cam("vgg16", "cat", 3)

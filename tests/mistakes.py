"""Mistakes that people make in the five steps: each as a function in the place of a public one.

`CHECKS` are the questions that a learner can ask of the five steps. "sum" asks how much: does
mean(map) + bias give the score, on the small map and on the enlarged one? "place" asks where: does
the map follow a picture that is moved by one cell, and lie on the map of the mirrored picture?
The others look at what these two cannot see. Each mistake says which of the checks notice it, and
test_mistakes.py measures that.

Nothing here knows how the functions are made: checks and mistakes call `ch.NAME` only.
"""

import copy
import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.nn.functional import interpolate

import cam_helpers as ch

SIDE, CELL = 224, 32  # pixels of the input, and of one of its 7 x 7 cells
SCENES = (3, 9, 21)  # with room around the cat
HOOKS = ("_forward_hooks", "_forward_pre_hooks")
LEFT_BEHIND: list[Any] = []  # hooks that a mistake leaves; taken away when the mistake is over
RIGHT = SimpleNamespace(**{name: getattr(ch, name) for name in ch.__all__})


@cache
def _shipped() -> ch.Network:
    return RIGHT.load_network("tiny_resnet")


def _network() -> ch.Network:
    """The shipped network (quickly), or what a mistake in load_network gives."""
    return _shipped() if ch.load_network is RIGHT.load_network else ch.load_network("tiny_resnet")


@cache
def _scene(seed: int) -> Image.Image:
    return ch.draw_scene(seed, ("cat",), size=256 + 2 * CELL).picture


def _window(seed: int, right: int = 0, down: int = 0) -> Image.Image:
    """256 x 256 pixels of a scene in which everything is moved by so many pixels."""
    left, top = CELL - right, CELL - down
    return _scene(seed).crop((left, top, left + 256, top + 256))


def _steps(network: ch.Network, choice: Any, *pictures: Any) -> list[SimpleNamespace]:
    """Run the five public functions, all pictures within one hook."""
    done = []
    with ch.hook_features(network) as hooked:
        for picture in pictures:
            prediction = ch.predict(network, picture)
            row = ch.isolate_weights(network, choice)
            cam = ch.weighted_sum(row.weights, hooked.feature_maps[0])
            done.append(SimpleNamespace(prediction=prediction, row=row, cam=cam))
    return done


def _centre(cam: Tensor) -> np.ndarray:
    """The centre (x, y) of a map's squared positive part, enlarged, in pixels."""
    weight = ch.upsample(cam, (SIDE, SIDE)).double().clamp(min=0) ** 2
    weight /= max(weight.sum().item(), 1e-9)
    pixel = torch.arange(SIDE, dtype=torch.float64)
    return np.array([(weight.sum(0) @ pixel).item(), (weight.sum(1) @ pixel).item()])


def check_sum() -> None:
    """How much: mean(map) + bias = score, for several classes, and after enlarging."""
    network = _network()
    for choice in (0, 1, 7, 11):
        [done] = _steps(network, choice, "cat_and_dog")
        score = done.prediction.scores[choice].item()
        grown = ch.upsample(done.cam, (SIDE, SIDE))
        for cam in (done.cam, grown):
            assert abs(cam.mean().item() + float(done.row.bias) - score) < 1e-3


def check_place() -> None:
    """Where: what moves in the picture moves on the map, and a mirrored picture mirrors it."""
    right, down, off = moved_and_mirrored()
    assert np.abs(right - (CELL, 0)).max() < CELL / 2
    assert np.abs(down - (0, CELL)).max() < CELL / 2
    assert abs(off) < CELL / 4


def moved_and_mirrored() -> tuple[np.ndarray, np.ndarray, float]:
    """How far the map moves where the picture moves by a cell, (x, y), and how far it lies off.

    Means over a few scenes, in pixels.
    """
    moves = []
    for seed in SCENES:
        start, right, down, mirror = (
            _centre(done.cam)
            for done in _steps(
                _network(),
                "cat",
                _window(seed),
                _window(seed, right=CELL),
                _window(seed, down=CELL),
                ImageOps.mirror(_window(seed)),
            )
        )
        off = (start[0] - (SIDE - 1 - mirror[0])) / 2
        moves.append((right - start, down - start, np.full(2, off)))
    to_right, to_bottom, off = np.mean(moves, 0)
    return to_right, to_bottom, float(off[0])


def check_scores() -> None:
    """The scores are the network's own, in evaluation mode, for what it expects as its input."""
    network, model = _network(), _shipped().model
    wide = ImageOps.expand(ch.open_picture("cat"), (120, 0, 0, 0), "gray")
    with torch.no_grad():
        expected = model(_shipped().preprocess(wide)[None])[0]
    prediction = ch.predict(network, wide)
    assert torch.allclose(prediction.scores, expected, atol=1e-3)
    best = prediction.top(1)[0]
    assert best.class_index == expected.argmax().item()
    assert best.category == _shipped().categories[best.class_index]


def check_traces() -> None:
    """Nothing is left behind: no hook, no other weights, no other mode, the picture as it was."""
    network, picture = copy.deepcopy(_network()), ch.open_picture("cat")
    weights = copy.deepcopy(network.model.state_dict())
    [done] = _steps(network, "cat", "cat")
    done.row.weights.mul_(2)
    try:
        with ch.hook_features(network):
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass
    ch.overlay(picture, done.cam)
    layers = list(network.model.modules())
    assert not any(getattr(layer, kind) for layer in layers for kind in HOOKS)
    assert not any(layer.training for layer in layers)
    assert all(torch.equal(weights[k], v) for k, v in network.model.state_dict().items())
    assert np.array_equal(np.asarray(picture), np.asarray(ch.open_picture("cat")))


def check_enlarged() -> None:
    """Between two cells the enlarged map goes straight from one value to the other."""
    cam = torch.tensor([[0.0, 0.0, 0.0], [0.0, 4.0, 0.0]])
    grown = ch.upsample(cam, (20, 30))
    assert tuple(grown.shape) == (20, 30)
    assert grown.min() >= 0 and grown.max() <= 4
    assert 1.5 < grown[19, 9] < 2 < grown[19, 10] < 2.5  # half-way lies between these pixels


def check_overlay() -> None:
    """A drawn cell lies where it is, for and against differ, and more is stronger."""
    picture = Image.new("RGB", (210, 140), (90, 120, 150))
    drawn = [np.asarray(_overlay(picture, strength), float) for strength in (0, 1, 0.5, -1)]
    difference = [np.abs(each - drawn[0]).sum(2) for each in drawn[1:]]
    assert drawn[0].shape == (140, 210, 3)
    for each in difference:
        rows, columns = np.nonzero(each > each.max() / 2)
        assert abs(rows.mean() - 104.5) < 9 and abs(columns.mean() - 34.5) < 9
    assert difference[0].max() > 1.1 * difference[1].max()
    assert np.abs(drawn[1] - drawn[3]).max() > 40
    warm = drawn[1][105, 35] - drawn[3][105, 35]
    assert warm[0] > warm[2]  # for the class: more red and less blue than against it


def _overlay(picture: Image.Image, strength: float) -> Image.Image:
    cam = torch.zeros(2, 3)
    cam[1, 0] = strength
    return ch.overlay(picture, cam, limits=(-1.0, 1.0))


CHECKS: dict[str, Callable[[], None]] = {
    "sum": check_sum,
    "place": check_place,
    "scores": check_scores,
    "traces": check_traces,
    "enlarged": check_enlarged,
    "overlay": check_overlay,
}


def noticed_by() -> set[str]:
    """Return the names of the checks that fail; an error counts, since nobody overlooks it."""
    return {name for name, check in CHECKS.items() if _fails(check)}


def _fails(check: Callable[[], None]) -> bool:
    try:
        check()
    except Exception:
        return True
    return False


@dataclass(frozen=True)
class Mistake:
    """`wrong` stands in for `ch.<replaces>`; `noticed` names the checks that see it."""

    title: str
    replaces: str
    wrong: Callable[..., Any]
    noticed: frozenset[str]

    @contextmanager
    def made(self) -> Iterator[None]:
        """Make the mistake within a `with` block."""
        with patch.object(ch, self.replaces, self.wrong):
            yield
        while LEFT_BEHIND:
            LEFT_BEHIND.pop().__exit__(None, None, None)


def _scores(change: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    def predict(network: Any, picture: Any) -> Any:
        right = RIGHT.predict(network, picture)
        return dataclasses.replace(right, scores=change(right.scores))

    return predict


def _picture(change: Callable[[Image.Image], Any]) -> Callable[..., Any]:
    return lambda network, picture: RIGHT.predict(network, change(ch.open_picture(picture)))


def _blue_first(picture: Image.Image) -> Image.Image:
    return Image.merge("RGB", picture.split()[::-1])


def _input(change: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    return lambda network, picture: RIGHT.predict(network, change(network.prepare(picture))[0])


def _in_training_mode(network: Any, picture: Any) -> Any:
    model, kept = network.model, copy.deepcopy(network.model.state_dict())
    model.train()
    with torch.no_grad():
        scores = model(network.prepare(picture))[0]
    model.eval().load_state_dict(kept)
    return dataclasses.replace(RIGHT.predict(_shipped(), picture), scores=scores)


def _shifted_names(network: Any, picture: Any) -> Any:
    right = RIGHT.predict(network, picture)
    return dataclasses.replace(right, categories=("background", *right.categories[:-1]))


def _row(change: Callable[..., Tensor]) -> Callable[..., Any]:
    """`change` gets all weights (K, C) and the index, and returns the row."""

    def isolate_weights(network: Any, choice: Any) -> Any:
        right = RIGHT.isolate_weights(network, choice)
        table = torch.stack([RIGHT.isolate_weights(network, c).weights for c in range(_classes())])
        return dataclasses.replace(right, weights=change(table, right.class_index))

    return isolate_weights


def _classes() -> int:
    return len(_shipped().categories)


def _bias(change: Callable[[Any, int], Any]) -> Callable[..., Any]:
    def isolate_weights(network: Any, choice: Any) -> Any:
        right = RIGHT.isolate_weights(network, choice)
        return dataclasses.replace(right, bias=change(network, right.class_index))

    return isolate_weights


def _live_row(network: Any, choice: Any) -> Any:
    right = RIGHT.isolate_weights(network, choice)
    last = [layer for layer in network.model.modules() if isinstance(layer, nn.Linear)][-1]
    return dataclasses.replace(right, weights=last.weight.detach()[right.class_index])


def _features(change: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    @contextmanager
    def hook_features(network: Any) -> Iterator[Any]:
        class Changed:
            @property
            def feature_maps(self) -> Tensor:
                return change(hooked.feature_maps)

        with RIGHT.hook_features(network) as hooked:
            yield Changed()

    return hook_features


@contextmanager
def _hook_that_stays(network: Any) -> Iterator[Any]:
    LEFT_BEHIND.append(RIGHT.hook_features(network))
    yield LEFT_BEHIND[-1].__enter__()


@contextmanager
def _hook_without_finally(network: Any) -> Iterator[Any]:
    LEFT_BEHIND.append(RIGHT.hook_features(network))
    yield LEFT_BEHIND[-1].__enter__()
    LEFT_BEHIND.pop().__exit__(None, None, None)  # never reached after an error


@contextmanager
def _hook_that_keeps_the_first(network: Any) -> Iterator[Any]:
    class First:
        kept: Any = None

        @property
        def feature_maps(self) -> Tensor:
            self.kept = hooked.feature_maps if self.kept is None else self.kept
            return self.kept

    with RIGHT.hook_features(network) as hooked:
        yield First()


@contextmanager
def _hook_on_the_first_layer(network: Any) -> Iterator[Any]:
    caught = SimpleNamespace()
    convolution = next(m for m in network.model.modules() if isinstance(m, nn.Conv2d))
    handle = convolution.register_forward_hook(
        lambda layer, inputs, output: setattr(caught, "feature_maps", output)
    )
    try:
        yield caught
    finally:
        handle.remove()


def _after(change: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    return lambda weights, features: change(RIGHT.weighted_sum(weights, features))


def _enlarged_by(mode: str, **options: Any) -> Callable[..., Any]:
    def upsample(cam: Tensor, size: tuple[int, int]) -> Tensor:
        return interpolate(cam[None, None], size, mode=mode, **options)[0, 0]

    return upsample


def _with_half_a_cell_off(cam: Tensor, size: tuple[int, int]) -> Tensor:
    grown = RIGHT.upsample(cam, size)
    shift = size[1] // cam.shape[1] // 2
    return torch.cat([grown[:, shift:], grown[:, -1:].expand(-1, shift)], 1)


def _sum_kept(cam: Tensor, size: tuple[int, int]) -> Tensor:
    return RIGHT.upsample(cam, size) * cam.numel() / (size[0] * size[1])


def _wrong_overlay(change: Callable[[Image.Image], Image.Image]) -> Callable[..., Any]:
    return lambda picture, cam, *rest, **options: change(
        RIGHT.overlay(picture, cam, *rest, **options)
    )


def _map(change: Callable[[Tensor], Tensor]) -> Callable[..., Any]:
    return lambda picture, cam, *rest, **options: RIGHT.overlay(
        picture, change(cam), *rest, **options
    )


def _own_limits(picture: Any, cam: Tensor, *rest: Any, **options: Any) -> Any:
    reach = cam.abs().max().item() or 1.0
    return RIGHT.overlay(picture, cam, *rest, **options | {"limits": (-reach, reach)})


def _painted_into(picture: Image.Image, cam: Tensor, *rest: Any, **options: Any) -> Any:
    picture.paste(RIGHT.overlay(picture, cam, *rest, **options))
    return picture


def _unproven(forward: Callable[[Tensor, Callable[..., Any]], Any]) -> Any:
    """A network that does more than it seems, taken without a proof.

    Another class with another forward() is put on after the proof; the layers stay as they are.
    """

    def load_network(name: str = "tiny_resnet", *rest: Any, **options: Any) -> Any:
        network = copy.deepcopy(_shipped())
        honest = type(network.model)

        class Other(honest):  # type: ignore[misc, valid-type]
            def forward(self, x: Tensor) -> Any:
                return forward(x, super().forward)

        network.model.__class__ = Other
        return network

    return load_network


def _shuffled(maps: Tensor) -> Tensor:
    order = torch.randperm(maps[0, 0].numel(), generator=torch.Generator().manual_seed(4))
    return maps.flatten(2)[:, :, order].reshape(maps.shape)


def _min_max(cam: Tensor) -> Tensor:
    return (cam - cam.min()) / (cam.max() - cam.min())


WRONG: dict[str, list[tuple[str, str, Callable[..., Any]]]] = {
    "predict": [
        ("probabilities instead of scores", "sum scores", _scores(lambda s: s.softmax(-1))),
        ("logarithms of probabilities", "sum scores", _scores(lambda s: s.log_softmax(-1))),
        ("negative scores set to 0", "sum scores", _scores(lambda s: s.relu())),
        ("training mode left on", "sum scores", _in_training_mode),
        ("names counted from 1", "scores", _shifted_names),
        ("red and blue exchanged", "scores", _picture(_blue_first)),
        ("squeezed instead of cropped", "scores", _picture(lambda p: p.resize((256, 256)))),
        ("the corner cropped", "scores", _picture(lambda p: p.crop((0, 0, *(min(p.size),) * 2)))),
        ("normalising forgotten", "place scores", _input(lambda x: x * 0.226 + 0.449)),
        ("rows and columns exchanged", "place scores", _input(lambda x: x.transpose(-1, -2))),
    ],
    "isolate_weights": [
        ("classes counted from 1", "sum place", _row(lambda w, c: w[c - 1])),
        ("one class for all, learnt by heart", "sum", _row(lambda w, c: w[0])),
        ("the table of weights read by columns", "sum", _row(lambda w, c: w.T.reshape(w.shape)[c])),
        ("only the positive weights", "sum", _row(lambda w, c: w[c].relu())),
        ("weights without their signs", "sum", _row(lambda w, c: w[c].abs())),
        ("weights divided by their length", "sum", _row(lambda w, c: w[c] / w[c].norm())),
        ("softmax over the weights", "sum", _row(lambda w, c: w[c].softmax(0))),
        ("the mean of all classes taken off", "sum", _row(lambda w, c: w[c] - w.mean(0))),
        ("bias forgotten", "sum", _bias(lambda n, c: torch.tensor(0.0))),
        ("bias of another class", "sum", _bias(lambda n, c: n.classifier.bias[c - 1].detach())),
        ("the network's own row instead of a copy", "traces", _live_row),
    ],
    "hook_features": [
        ("the first layer hooked", "sum place traces", _hook_on_the_first_layer),
        ("caught after the pooling", "place", _features(lambda f: f.mean((2, 3), keepdim=True))),
        ("rows and columns of features exchanged", "place", _features(lambda f: f.transpose(2, 3))),
        ("mirrored", "place", _features(lambda f: f.flip(3))),
        ("upside down", "place", _features(lambda f: f.flip(2))),
        ("cells shuffled", "place", _features(_shuffled)),
        (
            "channels taken for places",
            "sum place",
            _features(lambda f: f.permute(0, 2, 3, 1).reshape(f.shape)),
        ),
        (
            "features divided by their largest",
            "sum",
            _features(lambda f: f / (f.amax((2, 3), True) + 1e-6)),
        ),
        ("the first pass kept instead of the latest", "place", _hook_that_keeps_the_first),
        ("hook never removed", "traces", _hook_that_stays),
        ("hook left behind after an error", "traces", _hook_without_finally),
    ],
    "weighted_sum": [
        ("negative cells set to 0 (ReLU)", "sum", _after(lambda m: m.relu())),
        ("rescaled to 0..1 (min-max)", "sum", _after(_min_max)),
        ("mean over the channels", "sum", lambda w, f: RIGHT.weighted_sum(w, f) / len(w)),
        ("divided by the number of cells", "sum", _after(lambda m: m / m.numel())),
        ("the strongest channel", "sum", lambda w, f: (w[:, None, None] * f).amax(0)),
        ("channels in reverse order", "sum place", lambda w, f: RIGHT.weighted_sum(w.flip(0), f)),
        ("doubled", "sum", _after(lambda m: 2 * m)),
        ("one column too far to the right", "place", _after(lambda m: m.roll(1, 1))),
        ("rows and columns of the map exchanged", "place", _after(lambda m: m.T)),
    ],
    "upsample": [
        ("corners aligned", "sum enlarged", _enlarged_by("bilinear", align_corners=True)),
        ("nearest cell", "enlarged", _enlarged_by("nearest")),
        ("bicubic, which swings beyond", "sum enlarged", _enlarged_by("bicubic")),
        ("values at the cells' corners", "sum place enlarged", _with_half_a_cell_off),
        ("sides exchanged", "enlarged", lambda cam, size: RIGHT.upsample(cam, size[::-1])),
        ("the sum kept, not the mean", "sum enlarged", _sum_kept),
    ],
    "overlay": [
        ("red and blue of the overlay exchanged", "overlay", _wrong_overlay(_blue_first)),
        ("overlay mirrored", "overlay", _wrong_overlay(ImageOps.mirror)),
        ("for and against exchanged", "overlay", _map(lambda m: -m)),
        ("only amounts drawn, without signs", "overlay", _map(lambda m: m.abs())),
        ("every map drawn on a scale of its own", "overlay", _own_limits),
        ("the caller's picture painted over", "traces overlay", _painted_into),
    ],
    # The proof, left out
    "load_network": [
        ("unproven: mirrors its input", "place scores", _unproven(lambda x, go: go(x.flip(-1)))),
        ("unproven: clamps its scores", "sum scores", _unproven(lambda x, go: go(x).clamp(-2, 2))),
        ("unproven: a ReLU at the end", "sum scores", _unproven(lambda x, go: go(x).relu())),
    ],
}
MISTAKES = tuple(
    Mistake(title, function, wrong, frozenset(noticed.split()))
    for function, rows in WRONG.items()
    for title, noticed, wrong in rows
)

"""The five steps in one call."""

import copy
import gc
import io
import math
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from helpers import pixels
from near import assert_within_a_level
from PIL import Image
from torch.nn.utils import fuse_conv_bn_eval

import cam_helpers as ch
from cam_helpers.pictures.open_picture import PICTURES_FOLDER


def gradient(width, height):
    """A picture that tells its places: red grows with x, green with y, 0 to 255."""
    numbers = np.zeros((height, width, 3), dtype=np.uint8)
    numbers[..., 0] = np.round(255 * (np.arange(width) + 0.5) / width)
    numbers[..., 1] = np.round(255 * (np.arange(height) + 0.5) / height)[:, None]
    return Image.fromarray(numbers)


@pytest.fixture
def scene(network):
    return ch.explain(network, "cat_and_dog")


def test_one_forward_pass_serves_everything(network):
    passes = []
    network.model.register_forward_hook(lambda *_: passes.append(1))
    explanation = ch.explain(network, "cat_and_dog")
    explanation.cams()
    for name in network.categories:
        explanation.cam(name)
        explanation.score(name)
        explanation.class_weights(name)
        explanation.limits()
        explanation.overlay(name)
        explanation.overlay(name, whole=True)
    explanation.prediction.top(12)
    assert len(passes) == 1


def test_the_parts_are_those_of_the_single_steps(network, scene):
    with ch.hook_features(network) as hooked:
        scores = ch.predict(network, "cat_and_dog").scores
    assert torch.equal(scene.scores, scores)
    assert torch.equal(scene.feature_maps, hooked.feature_maps[0])
    cams = scene.cams()
    assert cams.shape == (12, 7, 7)
    for index, name in enumerate(network.categories):
        weights = ch.isolate_weights(network, name).weights
        cam = ch.weighted_sum(weights, scene.feature_maps)
        for found in (scene.cam(name), cams[index]):
            torch.testing.assert_close(found, cam, rtol=1e-4, atol=1e-4)
        assert torch.equal(scene.class_weights(index).weights, weights)
        assert scene.score(name) == scores[index].item()


def all_of(explanation):
    """Everything an explanation of the shipped network hands out, as plain values."""
    found = explanation.class_weights("dog")
    tensors = [
        explanation.scores,
        explanation.prediction.scores,
        explanation.prediction.probabilities,
        explanation.feature_maps,
        explanation.cam("dog"),
        explanation.cams(),
        explanation.contributions("dog"),
        found.weights,
        found.bias,
    ]
    pictures = [explanation.input_picture, explanation.whole_picture, explanation.overlay("dog")]
    values = [tensor.tolist() for tensor in tensors] + [p.tobytes() for p in pictures]
    return tensors, pictures, [*values, explanation.score("dog"), explanation.limits()]


def test_all_that_is_handed_out_may_be_changed_and_the_explanation_stays(scene):
    tensors, pictures, before = all_of(scene)
    for tensor in tensors:
        tensor += 1
    for picture in pictures:
        picture.paste((255, 0, 255), (0, 0, *picture.size))
    assert all_of(scene)[-1] == before


@pytest.mark.parametrize("is_asked_before", [True, False])
def test_an_explanation_stays_true_whatever_happens_to_the_network(network, is_asked_before):
    expected = all_of(ch.explain(network, "cat_and_dog"))[-1]
    scene = ch.explain(network, "cat_and_dog")
    if is_asked_before:
        all_of(scene)
    with torch.no_grad():
        for parameter in network.model.parameters():
            parameter *= 2
    network.model.fc.weight.data += 1  # unseen by torch's count of changes
    network.model.bfloat16()
    assert all_of(scene)[-1] == expected


@pytest.mark.parametrize("training", [True, False])
def test_threads_explain_their_own_pictures(network, training):
    names = ["cat", "dog", "car", "boat"] * 8
    expected = {name: ch.explain(network, name).cam("cat") for name in names[:4]}
    network.model.train(training)
    with ThreadPoolExecutor(8) as threads:
        found = threads.map(lambda name: ch.explain(network, name).cam("cat"), names, timeout=120)
    assert all(torch.equal(cam, expected[name]) for cam, name in zip(found, names, strict=True))


def test_the_contributions_of_the_channels_add_up_to_the_map(network, scene):
    contributions = scene.contributions("dog")
    torch.testing.assert_close(contributions.sum(0), scene.cam("dog"), rtol=1e-4, atol=1e-4)
    weight = network.classifier.weight[1, 100]
    torch.testing.assert_close(contributions[100], weight.item() * scene.feature_maps[100])


def test_a_covered_corner_changes_the_map_in_that_corner(network):
    """The partner of the balance above. Transposed, mirrored or shuffled maps fail it."""
    picture = ch.open_picture("cat_and_dog")
    before = ch.explain(network, picture).cams()
    for corner in [(0, 0), (128, 0), (0, 128), (128, 128)]:
        covered = picture.copy()
        covered.paste((124, 116, 104), (*corner, corner[0] + 128, corner[1] + 128))
        change = ((ch.explain(network, covered).cams() - before) ** 2).sum(0)
        middle = torch.linspace(-1, 1, 7)
        x, y = (change * middle).sum(), (change * middle[:, None]).sum()
        assert (x > 0, y > 0) == (corner[0] > 0, corner[1] > 0), corner


# ---- scales -------------------------------------------------------------------------------


@pytest.mark.parametrize("category", ["cat", "dog", "cup"])
def test_limits_are_shared_or_the_maps_own_which_warn_of_a_class_without_evidence(
    network, category
):
    bias = network.classifier.bias.data
    bias -= ch.explain(network, "cat").scores
    for name, score in (("cup", -100), ("cat", 100), ("dog", 0.5)):
        bias[network.class_index(name)] += score
    explanation = ch.explain(network, "cat")
    cam, cams = explanation.cam(category), explanation.cams()
    most = cams.abs().max().item()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert explanation.limits() == (cams.min().item(), cams.max().item())
        expected = ch.overlay(explanation.input_picture, cam, limits=(-most, most))
        np.testing.assert_array_equal(explanation.overlay(category), expected)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        for choice in (category, network.class_index(category)):
            assert explanation.limits(choice) == (cam.min().item(), cam.max().item())
    assert [each.filename for each in warned] == [__file__] * (2 if category == "cup" else 0)
    assert all(f"{category} is -" in str(each.message) for each in warned)


# ---- overlays -----------------------------------------------------------------------------


def test_an_overlay_hands_on_its_choices(scene):
    limits = scene.limits(1)
    found = scene.overlay(1, "blend", limits=limits, opacity=0.9, colour_map="magma", grid=True)
    style = ch.MapStyle("blend", opacity=0.9, colour_map="magma", grid=True)
    expected = ch.overlay(scene.input_picture, scene.cam(1), style, limits=limits)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(scene.overlay(1, style, limits=limits), expected)


def test_the_whole_overlay_changes_the_seen_box_alone(network):
    picture = gradient(300, 200)
    explanation = ch.explain(network, picture)
    for options in ({}, {"style": "blend", "colour_map": "jet", "grid": True}):
        result = explanation.overlay("cat", whole=True, opacity=1, **options)
        assert result.size == explanation.whole_picture.size == (300, 200)
        x0, y0, x1, y1 = (round(edge) for edge in network.seen_box((300, 200)))
        assert (x0, y0, x1, y1) == (62, 12, 238, 188)
        changed = (pixels(result) != pixels(picture)).any(axis=2)
        assert changed[y0:y1, x0:x1].mean() > 0.99
        changed[y0:y1, x0:x1] = False
        assert not changed.any()


def of_maps(network, size, *cams):
    """An explanation of a grey picture of this size whose first classes have these maps (h, w)."""
    one_each, none = torch.eye(12, len(cams)), torch.zeros(12)
    grey = Image.new("RGB", size, (120, 120, 120))
    seen = network.preprocess(grey)
    return ch.Explanation(
        network=network,
        whole_size=size,
        _scores=none,
        _feature_maps=torch.stack(cams),
        _weights=one_each,
        _biases=none,
        _input=seen,
        _source=grey,
    )


# ---- the map in pixels of the whole picture -----------------------------------------------


@pytest.mark.parametrize("size", [(224, 224), (300, 200), (97, 351)])
def test_the_whole_map_lies_exactly_where_the_overlay_is_painted(network, size):
    picture = gradient(*size)
    explanation = ch.explain(network, picture)
    whole = explanation.whole_cam("cat")
    assert whole.shape == size[::-1]
    known = whole.isfinite().numpy()
    grey = ch.MapStyle("blend", colour_map="gray", opacity=1)
    painted = explanation.overlay("cat", grey, whole=True, limits=(-3, 3))
    expected = picture.copy()
    x0, y0, x1, y1 = (round(edge) for edge in explanation.seen_box)
    expected.paste(ch.colourise(whole[y0:y1, x0:x1], grey, limits=(-3, 3)), (x0, y0))
    assert_within_a_level(painted, expected)
    outside = np.ones_like(known)
    outside[y0:y1, x0:x1] = False
    assert (known != outside).all()


def test_a_crop_with_a_margin_is_cut_to_the_picture(make_small):
    """The small network's crop is 32 of 36 pixels; a margin of 8 around makes it reach beyond."""
    small = make_small()

    def with_margin(picture):
        wide = Image.new("RGB", (picture.width + 16, picture.height + 16))
        wide.paste(picture, (8, 8))
        return small.preprocess(wide)

    network = ch.make_network("margin", small.model, ("a", "b", "c"), with_margin)
    explanation = ch.explain(network, gradient(64, 64))
    x0, y0, x1, y1 = (round(edge) for edge in explanation.seen_box)
    assert x0 < 0 and y0 < 0 and x1 > 64 and y1 > 64
    expected = ch.upsample(explanation.cam("a"), (y1 - y0, x1 - x0))
    expected = expected[-y0 : 64 - y0, -x0 : 64 - x0]
    torch.testing.assert_close(explanation.whole_cam("a"), expected)


@pytest.mark.parametrize(
    ("size", "cell", "middle"),
    [
        # 256 x 256 pixels: the crop begins at pixel 16 and is not resized, a cell is 32 pixels.
        ((256, 256), (0, 0), (32, 32)),
        ((256, 256), (3, 3), (128, 128)),  # the middle of the picture
        ((256, 256), (1, 5), (192, 64)),
        # Twice as large: a pixel of the crop is two of the picture.
        ((512, 512), (1, 5), (384, 128)),
        # Wide: the crop begins at pixel 144 from the left.
        ((512, 256), (1, 5), (320, 64)),
    ],
)
def test_the_peak_worked_out_by_head(network, size, cell, middle):
    """Also of a map that is nowhere above zero."""
    cam = torch.full((7, 7), -5.0)
    cam[cell] = -1
    explanation = of_maps(network, size, cam)
    assert explanation.peak(0) == pytest.approx(middle)
    x, y = map(int, explanation.peak(0))
    assert explanation.whole_cam(0)[y, x] >= -1.4  # the whole map is highest there


def test_the_share_inside_a_box_worked_out_by_head(network):
    """The crop of 256 x 256 begins at pixel 16; evenly 1 left, -1 right of the middle."""
    cam = torch.ones(8, 8)
    cam[:, 4:] = -1
    explanation = of_maps(network, (256, 256), cam)
    for box, share in (
        ((0, 0, 128, 128), 0.5),
        ((0, 0, 256, 256), 1),
        ((140, 16, 240, 240), 0),
        ((16, 16, 72, 72), 56 * 56 / (105 * 224)),  # the last 14 columns fade out
    ):
        assert explanation.share_inside(0, box) == pytest.approx(share, abs=0.01)


def test_of_a_box_that_was_not_seen_there_is_no_share_and_one_without_area_is_refused(
    network, scene
):
    against = of_maps(network, (224, 224), torch.full((7, 7), -1.0))
    for explanation, box in (
        (scene, (0, 0, 14, 224)),
        (scene, (0, 211, 224, 224)),
        (against, (20, 20, 200, 200)),
    ):
        assert math.isnan(explanation.share_inside(0, box))
    for box, words in (
        ((300, 0, 400, 100), "outside the map, 224 x 224"),
        ((50, 50, 50, 90), "x0 < x1 and y0 < y1"),
        ((50, 90, 80, 50), "x0 < x1 and y0 < y1"),
    ):
        with pytest.raises(ValueError, match=words):
            scene.share_inside("cat", box)


# ---- what can be explained ----------------------------------------------------------------


def test_an_input_tensor_is_explained_like_its_picture_and_may_be_changed_later(network, scene):
    tensor = network.preprocess(ch.open_picture("cat_and_dog"))
    explanations = [ch.explain(network, source) for source in (tensor, tensor.unsqueeze(0))]
    tensor.zero_()
    for explanation in explanations:
        assert torch.equal(explanation.scores, scene.scores)
        assert explanation.feature_maps.shape == (192, 7, 7)
        assert explanation.whole_picture is None
        np.testing.assert_array_equal(explanation.input_picture, scene.input_picture)
        np.testing.assert_array_equal(explanation.overlay("cat"), scene.overlay("cat"))
        with pytest.raises(ValueError, match="no whole picture"):
            explanation.overlay("cat", whole=True)
    with pytest.raises(ValueError, match="not a batch of 2"):
        ch.explain(network, torch.zeros(2, 3, 64, 64))


def test_an_input_tensor_of_another_size_gives_maps_in_its_own_pixels(network):
    explanation = ch.explain(network, torch.rand(3, 96, 160) - 1)
    assert explanation.cam(0).shape == (3, 5)
    assert explanation.input_picture.size == explanation.overlay("cat").size == (160, 96)
    expected = ch.upsample(explanation.cam("cat"), (96, 160))
    torch.testing.assert_close(explanation.whole_cam("cat"), expected)
    row, column = divmod(int(explanation.cam(0).argmax()), 5)
    assert explanation.peak(0) == (32 * column + 16, 32 * row + 16)


def test_a_network_whose_maps_do_not_add_up_on_this_picture_is_refused(network):
    network.model.avgpool.register_forward_hook(lambda *call: 1.01 * call[-1])
    with pytest.raises(ch.UnsuitableNetworkError, match=r"mean\(map\) \+ bias is not the score"):
        ch.explain(network, "cat")


def large_file(folder, colour="red"):
    path = folder / "large.png"
    Image.new("RGB", (600, 400), colour).save(path)
    return path


def test_a_picture_given_by_path_is_opened_again_where_it_is_asked_for(
    network, tmp_path, monkeypatch
):
    opened = []

    def open_and_note(source):
        picture = ch.open_picture(source)
        opened.append(weakref.ref(picture))
        return picture

    monkeypatch.setitem(ch.explain.__globals__, "open_picture", open_and_note)
    path = large_file(tmp_path)
    explanations = [ch.explain(network, source) for source in (path, str(path), path.read_bytes())]
    gc.collect()
    assert [picture() for picture in opened] == [None] * 3  # nobody keeps the large picture
    for explanation in explanations:
        assert explanation.whole_size == explanation.overlay(0, whole=True).size == (600, 400)
        assert explanation.whole_picture.getpixel((300, 200)) == (255, 0, 0)
    array = np.zeros((400, 600, 3), np.uint8)
    explanation = ch.explain(network, array)
    array += 255
    assert explanation.whole_picture.getpixel((0, 0)) == (0, 0, 0)


def test_a_file_that_has_changed_since_is_not_drawn_on(network, tmp_path):
    explanation = ch.explain(network, large_file(tmp_path))
    large_file(tmp_path, "blue")
    with pytest.raises(ch.PictureError, match=r"large\.png.* has changed since it was explained"):
        explanation.overlay(0, whole=True)
    assert explanation.overlay(0).size == (224, 224)
    (tmp_path / "large.png").unlink()
    with pytest.raises(FileNotFoundError):
        explanation.overlay(0, whole=True)


def test_a_stream_that_can_be_read_only_once_is_enough(network):
    class Stream:
        def __init__(self, content):
            self.read = io.BytesIO(content).read

    content = (PICTURES_FOLDER / "cat.png").read_bytes()
    explanation = ch.explain(network, Stream(content))
    assert torch.equal(explanation.scores, ch.predict(network, "cat").scores)


def test_a_bad_class_is_refused_like_everywhere(scene):
    asked = (scene.cam, scene.score, scene.limits, scene.overlay, scene.class_weights)
    for ask in (*asked, scene.whole_cam, scene.peak):
        with pytest.raises(IndexError):
            ask(12)
        with pytest.raises(ValueError, match="Did you mean"):
            ask("catt")
    with pytest.raises(IndexError, match=r"\(7, 0\) is outside"):
        scene.middle_of_cell(7, 0)


def test_a_difference_of_rounding_paints_nothing(network):
    """Between a network and its copy with folded batch normalisation, on the maps' own scale."""
    folded = copy.deepcopy(network.model).eval()
    folded.conv1, folded.bn1 = fuse_conv_bn_eval(folded.conv1, folded.bn1), torch.nn.Identity()
    copied = ch.make_network("folded", folded, network.categories, network.preprocess)
    one, other = (ch.explain(net, "cat_and_dog") for net in (network, copied))
    difference = one.cam("cat") - other.cam("cat")
    assert difference.any()
    drawn = [
        ch.overlay("cat_and_dog", cam, limits=one.limits("cat"))
        for cam in (difference, 0 * difference)
    ]
    assert drawn[0].tobytes() == drawn[1].tobytes()

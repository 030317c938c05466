"""The five steps in one call."""

import gc
import io
import math
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from near import assert_within_a_level
from PIL import Image

import cam_helpers as ch
from cam_helpers.pictures.open_picture import PICTURES_FOLDER


def pixels(picture):
    return np.asarray(picture).astype(int)


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
    for index, name in enumerate(network.categories):
        weights = ch.isolate_weights(network, name).weights
        cam = ch.weighted_sum(weights, scene.feature_maps)
        torch.testing.assert_close(scene.cam(name), cam, rtol=1e-4, atol=1e-4)
        assert torch.equal(scene.class_weights(index).weights, weights)
        assert scene.score(name) == scores[index].item()


def test_all_maps_at_once_are_the_maps_one_by_one(network, scene):
    cams = scene.cams()
    assert cams.shape == (12, 7, 7)
    for index in range(12):
        torch.testing.assert_close(cams[index], scene.cam(index), rtol=1e-4, atol=1e-4)


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


def test_an_input_tensor_may_be_changed_later(network):
    tensor = network.preprocess(ch.open_picture("cat"))
    explanation = ch.explain(network, tensor)
    tensor.zero_()
    np.testing.assert_array_equal(
        explanation.input_picture, ch.explain(network, "cat").input_picture
    )


def test_the_contributions_of_the_channels_add_up_to_the_map(network, scene):
    contributions = scene.contributions("dog")
    torch.testing.assert_close(contributions.sum(0), scene.cam("dog"), rtol=1e-4, atol=1e-4)
    weight = network.classifier.weight[1, 100]
    torch.testing.assert_close(contributions[100], weight.item() * scene.feature_maps[100])


@pytest.mark.parametrize("has_bias", [True, False])
def test_the_mean_of_the_map_and_the_bias_are_the_score(make_small, has_bias):
    explanation = ch.explain(make_small(bias=has_bias), "cat")
    for name in ("a", "b", "c"):
        bias = explanation.class_weights(name).bias.item()
        mean = explanation.cam(name).mean().item()
        assert mean + bias == pytest.approx(explanation.score(name), abs=1e-5)
        assert (bias != 0) == has_bias


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


def test_the_limits_are_shared_by_all_classes(scene):
    assert scene.limits() == (scene.cams().min().item(), scene.cams().max().item())


@pytest.mark.filterwarnings("ignore")
def test_the_limits_of_a_class_are_its_maps_own(network, scene):
    for name in network.categories:
        cam = scene.cam(name)
        assert scene.limits(name) == (cam.min().item(), cam.max().item())


def shift_score(network, category, amount):
    network.classifier.bias.data[network.class_index(category)] += amount


def test_a_maps_own_limits_warn_where_the_score_is_negative(network):
    shift_score(network, "cup", -100)
    explanation = ch.explain(network, "cat")
    assert explanation.score("cup") < 0
    with pytest.warns(UserWarning, match=r"cup is -.*speaks against this class") as warned:
        explanation.limits("cup")
    assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match="speaks against"):
        explanation.limits(network.class_index("cup"))


def test_nothing_else_warns(network):
    shift_score(network, "cup", -100)
    shift_score(network, "cat", 100)
    shift_score(network, "dog", 0.5 - ch.explain(network, "cat").score("dog"))
    explanation = ch.explain(network, "cat")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        explanation.limits("cat")
        explanation.limits("dog")  # 0.5
        explanation.limits()
        explanation.overlay("cup")


# ---- what the network saw -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((256, 256), (16, 16, 240, 240)),  # nothing to resize: 16 pixels fall off each side
        ((512, 256), (144, 16, 368, 240)),
        ((256, 512), (16, 144, 240, 368)),
        ((512, 512), (32, 32, 480, 480)),
        ((224, 224), (14, 14, 210, 210)),
        ((400, 300), (58 * 400 / 341, 18.75, 282 * 400 / 341, 281.25)),
    ],
)
def test_the_seen_box_worked_out_by_head(network, size, box):
    assert network.seen_box(size) == pytest.approx(box)


# ---- overlays -----------------------------------------------------------------------------


def test_an_overlay_hands_on_its_choices(scene):
    limits = scene.limits(1)
    found = scene.overlay(1, "blend", limits=limits, opacity=0.9, colour_map="magma", grid=True)
    style = ch.MapStyle("blend", opacity=0.9, colour_map="magma", grid=True)
    expected = ch.overlay(scene.input_picture, scene.cam(1), style, limits=limits)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(scene.overlay(1, style, limits=limits), expected)


def test_the_scale_of_evidence_is_the_largest_value_over_all_classes(scene):
    most = scene.cams().abs().max().item()
    expected = ch.overlay(scene.input_picture, scene.cam("dog"), limits=(-most, most))
    np.testing.assert_array_equal(scene.overlay("dog"), expected)


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


def test_common_limits_give_equal_cells_of_two_pictures_equal_colours(network):
    """Without them each picture has its own scale."""
    low, high = torch.ones(7, 7), torch.ones(7, 7)
    high[6, 6] = 5
    both = [of_maps(network, (256, 256), cam) for cam in (low, high)]
    for whole in (False, True):
        own, common = (
            [e.overlay(0, whole=whole, limits=limits).getpixel((50, 50)) for e in both]
            for limits in (None, (0, 5))
        )
        assert own[0] != own[1]
        assert common[0] == common[1]


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


def test_the_whole_map_of_a_tensor_is_as_large_as_the_tensor(network):
    explanation = ch.explain(network, torch.zeros(3, 96, 160) - 1)
    expected = ch.upsample(explanation.cam("cat"), (96, 160))
    torch.testing.assert_close(explanation.whole_cam("cat"), expected)


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
    assert of_maps(network, size, cam).peak(0) == pytest.approx(middle)


def test_the_peak_in_an_input_tensor_is_counted_in_its_own_pixels(network):
    """There is no whole picture then; 3 x 5 cells of 32 pixels."""
    explanation = ch.explain(network, torch.rand(3, 96, 160) - 1)
    row, column = divmod(int(explanation.cam(0).argmax()), 5)
    assert explanation.peak(0) == (32 * column + 16, 32 * row + 16)


def test_the_peak_is_where_the_whole_map_is_highest(network):
    for name in ("cat", "dog_top_right", "car"):
        explanation = ch.explain(network, name)
        whole, cam = explanation.whole_cam("cat"), explanation.cam("cat")
        x, y = explanation.peak("cat")
        most = whole.nan_to_num(-torch.inf).max()
        assert whole[int(y), int(x)] >= most - 0.05 * (cam.max() - cam.min())


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


def test_the_share_follows_the_object(network):
    """The partner of the share above: it is about the place."""
    for seed in (3, 4, 5):
        drawn = ch.draw_scene(seed, ["cat"])
        explanation = ch.explain(network, drawn.picture)
        x0, y0, x1, y1 = drawn.boxes["cat"]
        mirrored = ch.explain(network, drawn.picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
        share = explanation.share_inside("cat", (x0, y0, x1, y1))
        assert share > (x1 - x0) * (y1 - y0) / 224**2
        assert mirrored.share_inside("cat", (224 - x1, y0, 224 - x0, y1)) == pytest.approx(
            share, abs=0.25
        )


def test_of_a_box_that_was_not_seen_there_is_no_share_and_one_without_area_is_refused(
    network, scene
):
    for box in ((0, 0, 14, 224), (0, 211, 224, 224)):
        assert math.isnan(scene.share_inside("cat", box))
    with pytest.raises(ValueError, match="outside the map, 224 x 224"):
        scene.share_inside("cat", (300, 0, 400, 100))
    for box in ((50, 50, 50, 90), (90, 50, 50, 90)):
        with pytest.raises(ValueError, match="x0 < x1 and y0 < y1"):
            scene.share_inside("cat", box)
    against = of_maps(network, (224, 224), torch.full((7, 7), -1.0))
    assert math.isnan(against.share_inside(0, (20, 20, 200, 200)))


def test_a_cell_outside_the_map_has_no_middle(scene):
    with pytest.raises(IndexError, match=r"\(7, 0\) is outside"):
        scene.middle_of_cell(7, 0)


# ---- what can be explained ----------------------------------------------------------------


def test_an_input_tensor_is_explained_like_its_picture(network, scene):
    tensor = network.preprocess(ch.open_picture("cat_and_dog"))
    for source in (tensor, tensor.unsqueeze(0)):
        explanation = ch.explain(network, source)
        assert torch.equal(explanation.scores, scene.scores)
        assert explanation.scores.shape == (12,)
        assert explanation.feature_maps.shape == (192, 7, 7)
        assert explanation.whole_picture is None
        np.testing.assert_array_equal(explanation.input_picture, scene.input_picture)
        np.testing.assert_array_equal(explanation.overlay("cat"), scene.overlay("cat"))
        with pytest.raises(ValueError, match="no whole picture"):
            explanation.overlay("cat", whole=True)


def test_an_input_tensor_of_another_size_gives_a_map_of_another_size(network):
    explanation = ch.explain(network, torch.zeros(3, 96, 160))
    assert explanation.cam("cat").shape == (3, 5)
    assert explanation.input_picture.size == explanation.overlay("cat").size == (160, 96)


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


@pytest.mark.parametrize("count", [0, 2])
def test_a_batch_is_refused(network, count):
    with pytest.raises(ValueError, match=f"not a batch of {count}"):
        ch.explain(network, torch.zeros(count, 3, 64, 64))


def test_a_bad_class_is_refused_like_everywhere(scene):
    asked = (scene.cam, scene.score, scene.limits, scene.overlay, scene.class_weights)
    for ask in (*asked, scene.whole_cam, scene.peak):
        with pytest.raises(IndexError):
            ask(12)
        with pytest.raises(ValueError, match="Did you mean"):
            ask("catt")

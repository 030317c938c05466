"""How good is a map: each measure against what it is on paper, and against maps that are wrong."""

import numpy as np
import pytest
import torch

import cam_helpers as ch
from cam_helpers.localization import BOX_THRESHOLDS, OVERLAPS, box_overlaps

SIZE = (40, 60)


@pytest.fixture
def mask():
    """A block of 10 x 20 pixels, rows 5 to 14, columns 10 to 29; its box is (10, 5, 30, 15)."""
    found = np.zeros(SIZE, dtype=bool)
    found[5:15, 10:30] = True
    return found


BOX = (10, 5, 30, 15)


def map_with(place, value=1.0):
    cam = torch.zeros(SIZE)
    cam[place] = value
    return cam


def random_scenes(count, seed=0):
    """Maps that are high around a block, some more, some less, with the block's mask and box."""
    chance = np.random.default_rng(seed)
    for _ in range(count):
        y, x = chance.integers(0, 20, 2)
        box = (int(x), int(y), int(x + chance.integers(8, 30)), int(y + chance.integers(8, 20)))
        mask = np.zeros(SIZE, dtype=bool)
        mask[box[1] : box[3], box[0] : box[2]] = True
        cam = torch.from_numpy(chance.normal(size=(5, 6)) + 3 * mask[4::8, 5::10])
        yield ch.upsample(cam, SIZE), mask, box


@pytest.mark.parametrize("form", [np.asarray, torch.from_numpy, lambda mask: BOX])
def test_the_peak_has_to_lie_in_the_mask_or_near_it(mask, form):
    mask = form(mask)
    assert ch.pointing_game(map_with((5, 10)), mask, tolerance=0)
    assert not ch.pointing_game(map_with((4, 10)), mask, tolerance=0)
    assert ch.pointing_game(map_with((4, 10)), mask, tolerance=1)
    assert ch.pointing_game(map_with((29, 10)), mask)  # 15 below the last row
    assert not ch.pointing_game(map_with((30, 10)), mask)
    # Near means in a circle: 3 right of the last column and 4 below the last row is 5 away.
    assert ch.pointing_game(map_with((18, 32)), mask, tolerance=5)
    assert not ch.pointing_game(map_with((18, 32)), mask, tolerance=4.9)


def test_a_flat_map_points_at_the_middle_and_a_plateau_at_its_own(mask):
    assert not ch.pointing_game(torch.ones(SIZE), mask, tolerance=1)
    assert ch.pointing_game(torch.ones(SIZE), (29, 19, 31, 21), tolerance=1)
    assert ch.pointing_game(map_with((slice(0, 21), slice(10, 31))), mask, tolerance=0)


def test_what_was_not_seen_has_no_peak(mask):
    cam = map_with((0, 0), -1.0) - 1
    cam[5:15] = float("nan")
    cam[20, 10] = -0.5
    assert ch.pointing_game(cam, mask, tolerance=6)
    assert not ch.pointing_game(cam, mask, tolerance=5)


def test_the_share_counts_positive_evidence_only(mask):
    cam = torch.full(SIZE, -3.0)
    cam[5, 10], cam[0, 0], cam[39, 59] = 3, 1, float("nan")
    assert ch.share_inside(cam, mask) == pytest.approx(0.75)
    assert ch.share_inside(cam, BOX) == pytest.approx(0.75)
    assert ch.share_inside(cam, ~mask) == pytest.approx(0.25)


def test_there_is_no_share_without_evidence_nor_of_what_was_not_seen(mask):
    assert np.isnan(ch.share_inside(-torch.ones(SIZE), mask))
    assert np.isnan(ch.grid_share(torch.zeros(SIZE), 2, 2, (0, 0)))
    cam = torch.ones(SIZE)
    cam[:, :40] = float("nan")
    assert np.isnan(ch.share_inside(cam, mask))
    assert ch.share_inside(cam, (35, 0, 45, 40)) == pytest.approx(0.25)


def test_of_a_pixel_that_a_box_covers_in_part_that_part_counts():
    cam = torch.ones(2, 4)
    assert ch.share_inside(cam, (0.5, 0.5, 2.25, 1)) == pytest.approx(1.75 * 0.5 / 8)
    assert ch.share_inside(cam, (-5, -5, 2, 50)) == pytest.approx(0.5)


def test_parts_of_a_grid_add_up_and_take_cells_in_half(mask):
    cam = torch.randn(7, 7)
    shares = [ch.grid_share(cam, 2, 3, (row, column)) for row in range(2) for column in range(3)]
    assert sum(shares) == pytest.approx(1)
    assert ch.grid_share(torch.ones(7, 7), 2, 2, (1, 0)) == pytest.approx(0.25)
    corner = torch.zeros(7, 7)
    corner[0, 6] = 1
    assert ch.grid_share(corner, 2, 2, (0, 1)) == 1
    assert ch.grid_share(corner, 2, 2, (1, 0)) == 0


def test_the_box_holds_the_largest_part_at_the_threshold(mask):
    cam = map_with((slice(5, 15), slice(10, 30)), 2.0)
    cam[20:25, 50:55] = 4.0
    cam[15, 30] = 2.0  # touches the block with a corner only
    assert ch.map_box(cam, 0.5) == BOX
    assert ch.map_box(cam, 0.51) == (50, 20, 55, 25)
    assert ch.map_box(cam - 5, 0.5) is None


def test_the_boxes_of_all_thresholds_are_those_of_one_by_one():
    """By the definition, with nothing saved: label the whole map anew at each threshold."""
    from scipy import ndimage

    for number, (cam, _, box) in enumerate(random_scenes(30)):
        cam = cam.numpy() if number % 2 else np.round(cam.numpy() * 2) / 2  # ties, many parts
        for threshold, found in zip(BOX_THRESHOLDS, box_overlaps(cam, box), strict=True):
            parts, _ = ndimage.label(cam / cam.max() >= threshold)
            largest = np.bincount(parts.ravel())[1:].argmax()
            rows, columns = ndimage.find_objects(parts)[largest]
            expected = (columns.start, rows.start, columns.stop, rows.stop)
            assert ch.map_box(cam, threshold) == expected
            assert found == ch.iou(expected, box)


def test_the_overlap_of_boxes_is_pycocotools():
    coco = pytest.importorskip("pycocotools.mask")
    chance = np.random.default_rng(0)
    corners = chance.uniform(0, 50, (60, 2, 2))
    boxes = np.concatenate([corners.min(1), corners.max(1)], axis=1)
    as_coco = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    for one, other, a, b in zip(boxes[:30], boxes[30:], as_coco[:30], as_coco[30:], strict=True):
        assert ch.iou(one, other) == pytest.approx(coco.iou([a], [b], [0])[0, 0])
    assert ch.iou(BOX, BOX) == 1
    assert ch.iou((0, 0, 2, 2), (2, 0, 4, 2)) == 0


def test_box_accuracy_counts_overlaps_at_every_threshold(mask):
    accuracy = ch.BoxAccuracy()
    cam = map_with((slice(5, 15), slice(10, 30)), 0.4)
    cam[5:15, 10:22] = 1  # above 0.4 of the maximum the box covers 0.6 of the true one
    accuracy.add(cam, BOX)
    assert accuracy.at(0.4) == 1
    assert accuracy.at(0.5) == pytest.approx(2 / 3)
    assert accuracy.best() == 1
    assert accuracy.best_threshold() <= 0.4
    accuracy.add(-cam, BOX)
    assert accuracy.at(0.4) == 0.5
    accuracy.add(cam, (40, 20, 50, 30), BOX)  # of several true boxes the best counts
    assert accuracy.at(0.4) == pytest.approx(2 / 3)
    assert accuracy.hits.shape == (len(OVERLAPS), len(BOX_THRESHOLDS))


def average_by_loop(cams, masks):
    """The same by the definition: for every threshold over all pixels a precision and a recall."""
    values = np.concatenate([np.floor((c / c.max()).clip(min=0) * 1000).ravel() for c in cams])
    is_true = np.concatenate([mask.ravel() for mask in masks])
    area, before = 0.0, 0.0
    for threshold in np.unique(values)[::-1]:
        chosen = values >= threshold
        precision, recall = is_true[chosen].mean(), is_true[chosen].sum() / is_true.sum()
        area, before = area + precision * (recall - before), recall
    return area


def test_pixel_precision_is_the_area_below_precision_over_recall():
    cams, masks = zip(*((cam.numpy(), mask) for cam, mask, _ in random_scenes(6)), strict=True)
    measured = ch.PixelPrecision()
    for cam, mask in zip(cams, masks, strict=True):
        measured.add(cam, mask)
    assert measured.average() == pytest.approx(average_by_loop(cams, masks))
    assert 0.3 < measured.average() < 1


def test_pixel_precision_of_a_perfect_of_a_flat_and_of_an_opposite_map(mask):
    for cam, expected in (
        (mask * 1.0, 1),
        (np.ones(SIZE), mask.mean()),
        (~mask * 1.0, mask.mean()),
    ):
        measured = ch.PixelPrecision()
        measured.add(cam, mask)
        assert measured.average() == pytest.approx(expected)
    measured.add(np.full(SIZE, -1.0), mask)  # an empty map counts as one that says nothing
    assert measured.inside.sum() == 2 * mask.sum()


def test_processes_that_share_the_pictures_find_the_same():
    whole, parts = (ch.BoxAccuracy(), ch.PixelPrecision()), []
    for cam, mask, box in random_scenes(9):
        one = ch.BoxAccuracy(), ch.PixelPrecision()
        for boxes, pixels in (whole, one):
            boxes.add(cam, box)
            pixels.add(cam, mask)
        parts.append(one)
    boxes = sum((each for each, _ in parts), start=ch.BoxAccuracy())
    pixels = sum((each for _, each in parts), start=ch.PixelPrecision())
    assert boxes.pictures == 9 and np.array_equal(boxes.hits, whole[0].hits)
    assert np.array_equal(pixels.inside, whole[1].inside)
    assert np.array_equal(pixels.outside, whole[1].outside)
    assert 0 < boxes.at(0.5) < 1 and pixels.average() == whole[1].average()


def test_a_shuffled_map_loses_by_every_measure():
    chance = torch.Generator().manual_seed(0)
    kept, lost = [], []
    for cam, mask, box in random_scenes(30):
        order = torch.randperm(4 * 4, generator=chance)
        blocks = cam.unfold(0, 10, 10).unfold(1, 15, 15).reshape(16, 10, 15)[order]
        shuffled = blocks.reshape(4, 4, 10, 15).transpose(1, 2).reshape(SIZE)
        assert shuffled.mean().item() == pytest.approx(cam.mean().item())  # the sum sees nothing
        for each, found in ((cam, kept), (shuffled, lost)):
            boxes, pixels = ch.BoxAccuracy(), ch.PixelPrecision()
            boxes.add(each, box)
            pixels.add(each, mask)
            hit, share = ch.pointing_game(each, mask, 2), ch.share_inside(each, mask)
            found.append((hit, share, boxes.at(0.5), pixels.average()))
    assert (np.mean(kept, axis=0) > np.mean(lost, axis=0) + 0.1).all()


def test_the_interval_is_scipys():
    from scipy import stats  # takes seconds

    numbers = np.random.default_rng(1).exponential(size=200)
    found = ch.bootstrap(numbers)
    theirs = stats.bootstrap((numbers,), np.mean, method="percentile", n_resamples=5_000)
    assert found.value == pytest.approx(numbers.mean())
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.02)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.02)
    assert found == ch.bootstrap(numbers)
    assert str(ch.Interval(0.5, -0.251, 1)) == "+0.50 [-0.25, +1.00]"


def test_the_interval_of_hits_is_scipys_exact_one():
    from scipy.stats import binomtest

    for hit, tries in ((12, 12), (0, 12), (7, 12), (1, 2), (180, 200)):
        found = ch.share_of_hits([1] * hit + [0] * (tries - hit))
        theirs = binomtest(hit, tries).proportion_ci(method="exact")
        assert found == pytest.approx((hit / tries, theirs.low, theirs.high))
    twice = ch.share_of_hits([1, 1, 0, 0], groups=["a", "a", "b", "b"])
    assert twice == pytest.approx(ch.share_of_hits([1, 0]))


def test_an_interval_of_few_pictures_warns():
    with pytest.warns(UserWarning, match="drawn from 2 pictures or groups is too narrow"):
        ch.bootstrap([0.2, 0.4, 0.9], groups=["a", "a", "b"])


def test_pictures_that_belong_together_are_drawn_together():
    numbers = np.random.default_rng(2).normal(size=20)
    alone, repeated = ch.bootstrap(numbers), numbers.repeat(25)
    grouped = ch.bootstrap(repeated, groups=np.arange(20).repeat(25))
    assert grouped == pytest.approx(alone)
    narrow = ch.bootstrap(repeated)  # as if there were 500 pictures
    assert narrow.high - narrow.low < (alone.high - alone.low) / 3


def test_a_measure_that_is_no_mean_gets_its_interval_from_the_mean_row():
    rows = []
    for cam, mask, _ in random_scenes(40):
        pixels = ch.PixelPrecision()
        pixels.add(cam, mask)
        rows.append([pixels.inside, pixels.outside])
    whole = ch.average_precision(*np.sum(rows, axis=0))
    found = ch.bootstrap(rows, lambda row: ch.average_precision(*row), draws=400)
    assert found.value == pytest.approx(whole)
    assert found.low < whole < found.high
    assert found.high - found.low < 0.5


def bright_corner(batch):
    """A "network" that counts the upper left quarter alone."""
    return batch[:, :, :10, :15].mean((1, 2, 3))


def test_a_map_that_points_at_what_counts_deletes_fast_and_inserts_fast():
    picture, cam = torch.ones(3, 20, 30), torch.zeros(20, 30)
    cam[:10, :15] = 1
    right, wrong = (
        ch.deletion(bright_corner, picture, cam),
        ch.deletion(bright_corner, picture, -cam),
    )
    assert right.scores[0] == 1 and right.scores[-1] == 0
    assert right.area == pytest.approx(0.125, abs=0.02)  # falls in a straight line to 0 at 1/4
    assert wrong.area == pytest.approx(0.875, abs=0.02)
    assert ch.insertion(bright_corner, picture, cam).area == pytest.approx(0.875, abs=0.02)
    assert ch.insertion(bright_corner, picture, -cam).area == pytest.approx(0.125, abs=0.02)


def test_steps_take_equal_shares_and_leave_the_picture_alone():
    picture, counts = torch.ones(3, 20, 30), []
    before = picture.clone()
    curve = ch.deletion(lambda b: counts.extend(b[:, 0].sum((1, 2))) or b[:, 0, 0, 0], picture,
                        torch.rand(20, 30), steps=6)  # fmt: skip
    assert counts == [600, 500, 400, 300, 200, 100, 0]
    assert curve.shares == pytest.approx(np.arange(7) / 6)
    assert torch.equal(picture, before)


def test_a_hole_in_a_smooth_picture_is_guessed_and_the_rest_is_left():
    y, x = torch.meshgrid(torch.arange(20.0), torch.arange(30.0), indexing="ij")
    picture = torch.stack([x, y, 2 * x - y + 3])
    gone = torch.zeros(20, 30, dtype=torch.bool)
    gone[4:15, 5:25] = True
    filled = ch.impute(picture.masked_fill(gone, 99), gone, noise=0)
    assert torch.allclose(filled, picture, atol=1e-3)
    noisy = ch.impute(picture, gone)
    assert torch.equal(noisy[:, ~gone], picture[:, ~gone])
    assert (noisy - picture)[:, gone].std().item() == pytest.approx(0.01, abs=0.002)
    everything = torch.ones_like(gone)
    assert torch.allclose(ch.impute(picture, everything, noise=0), torch.zeros(3, 20, 30))


def test_road_tells_the_network_less_about_where_something_was():
    picture, cam = torch.full((3, 20, 30), 2.0), torch.zeros(20, 30)
    cam[5:10, 5:10] = 1
    edges = lambda batch: batch.diff(dim=2).abs().mean((1, 2, 3))  # noqa: E731
    grey, road = (ch.deletion(edges, picture, cam, fill, steps=24) for fill in ("grey", "road"))
    assert road.scores[1] < 0.6 * grey.scores[1]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: ch.share_inside(torch.ones(7, 7), m), r"upsample\(cam, mask.shape\)"),
        (lambda m: ch.share_inside(torch.ones(SIZE), m & False), "mask is empty"),
        (lambda m: ch.share_inside(torch.ones(SIZE), (60, 0, 70, 9)), "outside the map, 60 x 40"),
        (lambda m: ch.share_inside(torch.ones(SIZE), (9, 0, 3, 9)), "x0 < x1"),
        (lambda m: ch.pointing_game(torch.ones(2, *SIZE), m), r"A map to measure is \(H, W\)"),
        (lambda m: ch.pointing_game(torch.full(SIZE, torch.nan), m), "finite numbers"),
        (lambda m: ch.pointing_game(torch.full(SIZE, torch.inf), m), "finite numbers"),
        (lambda m: ch.grid_share(torch.ones(SIZE), 2, 2, (0, 2)), "outside a grid of 2 rows"),
        (lambda m: ch.map_box(torch.ones(SIZE), 0), "above 0 and at most 1"),
        (lambda m: ch.iou((0, 0, 1, 1), (0, 0, 0, 1)), "x0 < x1"),
        (lambda m: ch.BoxAccuracy().add(torch.ones(SIZE)), "no true box"),
        (lambda m: ch.BoxAccuracy().best(), "No picture"),
        (lambda m: ch.BoxAccuracy(pictures=1).at(0.123), "none of the thresholds"),
        (lambda m: ch.PixelPrecision().average(), "No pixel"),
        (lambda m: ch.bootstrap([1.0]), "at least two groups"),
        (lambda m: ch.bootstrap([1.0, float("nan")]), "finite"),
        (lambda m: ch.share_of_hits([]), "at least one number"),
        (lambda m: ch.share_of_hits([2]), "from 0 to 1"),
        (lambda m: ch.bootstrap([1.0, 2.0], groups=["a"]), "a label each"),
        (lambda m: ch.deletion(bright_corner, torch.ones(3, 9, 9), m), "upsample"),
        (lambda m: ch.deletion(bright_corner, torch.ones(3, *SIZE), m, fill="black"), "road"),
        (lambda m: ch.insertion(bright_corner, torch.ones(3, *SIZE), m, steps=0), "from 1 on"),
        (lambda m: ch.impute(torch.ones(3, 9, 9), m), "The mask is"),
    ],
)
def test_bad_input_is_named(mask, call, words):
    with pytest.raises(ValueError, match=words):
        call(mask)

"""Real ImageNet features and photographs, where the folder `shared` lies beside the checkout.

They are not part of the project, so these tests skip where they are missing.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import assert_adds_up

import cam_helpers as ch

SHARED = Path(__file__).resolve().parents[2] / "shared"
PHOTO = SHARED / "imagenet" / "photos" / "cat.jpg"
PAPER = SHARED / "paper" / "googlenet_cam_img1.npz"
CAT_BOX = (100, 100, 550, 870)  # from ear to paw and from tail to chest, by eye, in 800 x 1067

needs_imagenet = pytest.mark.skipif(not PHOTO.is_file(), reason=f"{PHOTO} is not on this machine")
needs_paper = pytest.mark.skipif(not PAPER.is_file(), reason=f"{PAPER} is not on this machine")


@pytest.fixture(scope="module")
def photograph():
    """A real ImageNet network's explanation of a photograph of a cat."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TORCH_HOME", str(SHARED / "imagenet" / "torch_home"))
        patch.setattr(torch.hub, "_hub_dir", None)
        network = ch.load_network("mobilenet_v2")
    return ch.explain(network, PHOTO)


@needs_imagenet
def test_a_real_network_sees_the_cat(photograph):
    assert_adds_up(photograph)
    best, second = photograph.prediction.top(2)
    assert (best.class_index, best.category) == (282, "tiger cat")
    assert (second.class_index, second.category) == (281, "tabby")
    assert best.probability == pytest.approx(0.85, abs=0.03)
    assert second.probability == pytest.approx(0.14, abs=0.03)


def whole_map(explanation):
    """The map of the cat, and which of its pixels lie in the cat's box, both (224, 224)."""
    x0, y0, x1, y1 = explanation.network.seen_box((800, 1067))
    middle = (np.arange(224) + 0.5) / 224
    x, y = x0 + middle * (x1 - x0), y0 + middle * (y1 - y0)
    across = (CAT_BOX[0] <= x) & (x < CAT_BOX[2])
    down = (CAT_BOX[1] <= y) & (y < CAT_BOX[3])
    cam = ch.upsample(explanation.cam("tiger cat"), (224, 224)).numpy()
    return cam, down[:, None] & across


@needs_imagenet
def test_the_map_of_the_cat_lies_on_the_cat_with_the_padding_of_training(photograph):
    cam, on_the_cat = whole_map(ch.explain(ch.load_network("tf_mobilenet_v2"), PHOTO))
    assert on_the_cat.mean() < 0.65  # what chance would give
    assert on_the_cat[cam > cam.max() / 2].mean() > 0.83
    assert cam[on_the_cat].mean() > 2.5 * cam[~on_the_cat].mean()
    # The same weights with torchvision's padding draw the map beside the cat, by about a cell.
    shifted, _ = whole_map(photograph)
    assert on_the_cat[shifted > shifted.max() / 2].mean() < 0.72


@pytest.fixture(scope="module")
def paper():
    """Feature maps and answers of the paper's own network (Zhou et al. 2016)."""
    with np.load(PAPER, allow_pickle=False) as file:
        return {name: torch.from_numpy(file[name]) for name in file.files if name != "categories"}


@needs_paper
def test_the_papers_scores_follow_from_its_features(paper):
    cams = ch.weighted_sum(paper["weights"], paper["features"])
    scores = cams.mean((1, 2)) + paper["bias"]
    probabilities = ch.Prediction(scores, ("",) * 1000).probabilities
    torch.testing.assert_close(probabilities, paper["scores"], rtol=0, atol=2e-6)
    assert sorted(scores.topk(5).indices.tolist()) == sorted(paper["top5"].tolist())
    assert scores.argmax() == 968  # cup


@needs_paper
def test_the_papers_maps_follow_from_its_features(paper):
    for rank, index in enumerate(paper["top5"].tolist()):
        cam = ch.weighted_sum(paper["weights"][index].double(), paper["features"].double())
        torch.testing.assert_close(cam, paper["top5_maps"][rank].double(), rtol=0, atol=3e-5)
        assert cam.std() > 0.1

"""Many pictures: the same as one by one, lazily, and no file is lost without a word."""

import gc
import warnings
import weakref

import pytest
import torch
from PIL import Image

import cam_helpers as ch
from cam_helpers.pictures.open_picture import PICTURES_FOLDER

NAMES = ("cat", "dog", "boat", "car_and_house", "tree")


@pytest.fixture
def folder(tmp_path):
    """Five pictures, two of them in a subfolder, as ImageFolder wants them."""
    for number, name in enumerate(NAMES):
        place = tmp_path / "sub" if number % 2 else tmp_path
        place.mkdir(exist_ok=True)
        (place / f"{name}.png").write_bytes((PICTURES_FOLDER / f"{name}.png").read_bytes())
    return tmp_path


@pytest.mark.parametrize("batch_size", [1, 2, 16])
def test_a_folder_is_explained_as_its_files_one_by_one(network, folder, batch_size):
    found = list(ch.explain_many(network, folder, batch_size))
    assert [path for path, _ in found] == sorted(folder.rglob("*.png"))
    for path, explanation in found:
        alone = ch.explain(network, path)
        for name in ("scores", "feature_maps", "input_picture", "whole_picture", "seen_box"):
            one, other = getattr(explanation, name), getattr(alone, name)
            if isinstance(one, torch.Tensor):
                assert (one - other).abs().max() <= 1e-5 * other.abs().max()
            else:
                assert one == other


def test_the_order_is_that_of_the_paths_given(network, folder):
    paths = [folder / "tree.png", str(folder / "cat.png"), "photo:cat", folder / "tree.png"]
    assert [path for path, _ in ch.explain_many(network, iter(paths), 3)] == paths


def test_bad_files_are_named_with_the_reason_and_no_other_is_lost(network, folder):
    (folder / "a.png").write_bytes((folder / "cat.png").read_bytes()[:900])
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x.png").write_text("no picture")
    with pytest.warns(UserWarning) as warned:
        found = [path.stem for path, _ in ch.explain_many(network, folder, 2)]
    assert sorted(found) == sorted(NAMES)
    texts = [str(each.message) for each in warned]
    assert [text.split(" is left out: ")[0] for text in texts] == [
        str(folder / "a.png"),
        str(folder / "notes.txt"),
    ]
    assert "damaged or cut short" in texts[0] and "no picture that Pillow can read" in texts[1]
    assert {each.filename for each in warned} == {__file__}
    with pytest.warns(UserWarning, match="gone.png is left out"):
        assert list(ch.explain_many(network, [folder / "gone.png"])) == []


def test_no_more_than_a_batch_runs_ahead_or_stays_in_memory(network, folder):
    passes, seen = [], []
    network.model.register_forward_hook(lambda layer, inputs, _: passes.append(len(inputs[0])))
    for path, explanation in ch.explain_many(network, [folder / "cat.png"] * 9, 2):
        seen.append(weakref.ref(explanation))
        assert sum(passes) <= len(seen) + 1
        del path, explanation
        gc.collect()
        assert sum(each() is not None for each in seen) <= 2
    assert passes == [2, 2, 2, 2, 1]


def test_an_explanation_that_is_kept_keeps_no_batch(network, folder):
    [first, *_] = ch.explain_many(network, folder, 5)
    for kept in (first[1]._feature_maps, first[1]._input, first[1]._scores):
        assert kept.untyped_storage().nbytes() == kept.numel() * kept.element_size()


def test_inputs_of_several_sizes_are_not_put_into_one_batch(make_small, tmp_path):
    """A preprocessing of one's own may keep the proportions."""
    small = make_small()

    def whole(picture):
        width, height = (36 * side // min(picture.size) for side in picture.size)
        return torch.nn.functional.interpolate(
            small.preprocess(picture)[None], (height // 4 * 4, width // 4 * 4)
        )[0]

    network = ch.make_network("whole", small.model, ("a", "b", "c"), whole)
    for number, size in enumerate([(40, 40), (80, 40), (80, 40), (40, 40)]):
        Image.new("RGB", size, "red").save(tmp_path / f"{number}.png")
    found = [tuple(e.cam("a").shape) for _, e in ch.explain_many(network, tmp_path)]
    assert found == [(9, 9), (9, 18), (9, 18), (9, 9)]


def test_bad_arguments_are_refused_at_once(network, folder):
    with pytest.raises(FileNotFoundError, match="is no folder"):
        ch.explain_many(network, folder / "cat.png")
    (folder / "empty").mkdir()
    with pytest.raises(ValueError, match="no files in"):
        ch.explain_many(network, folder / "empty")
    with pytest.raises(ValueError, match="not 0"):
        ch.explain_many(network, folder, 0)
    with pytest.raises(TypeError, match="not its name"):
        ch.explain_many("tiny_resnet", folder)


def test_a_loop_that_ends_early_leaves_no_hook(network, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in ch.explain_many(network, folder, 2):
            break
    assert not network.feature_layer._forward_hooks

"""A folder of drawn pictures, and the shortcut that is hidden in it."""

import numpy as np
import pytest

import cam_helpers as ch


def test_it_is_read_by_image_folder_and_the_logo_is_on_one_class_alone(tmp_path):
    from torchvision.datasets import ImageFolder

    ch.draw_class_folder(tmp_path / "drawn", 2, first_seed=7)
    pictures = ImageFolder(tmp_path / "drawn")
    assert pictures.classes == ["boat", "butterfly"]
    assert pictures.targets == [0, 0, 1, 1]
    for number, (picture, class_index) in enumerate(pictures):
        plain = ch.draw_scene(7 + number % 2, [pictures.classes[class_index]]).picture
        different = (np.asarray(picture) != np.asarray(plain)).any(2)
        rows, columns = np.nonzero(different)
        assert different.any() == (class_index == 0)
        if class_index == 0:  # within the crop of the usual preprocessing
            assert min(rows.min(), columns.min()) >= 148 and max(rows.max(), columns.max()) < 204
            assert different[170:180, 170:180].mean() > 0.9


def test_no_folder_is_written_over(tmp_path):
    ch.draw_class_folder(tmp_path, 1, classes=["cat"], with_logo=[])
    before = (tmp_path / "cat" / "000.png").read_bytes()
    with pytest.raises(FileExistsError):
        ch.draw_class_folder(tmp_path, 1, classes=["cat"])
    assert np.array_equal(
        np.frombuffer(before, np.uint8), np.fromfile(tmp_path / "cat" / "000.png", np.uint8)
    )

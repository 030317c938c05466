"""Maps in words: every sentence follows from the numbers."""

import pytest
import torch

import cam_helpers as ch
from cam_helpers.display.show import in_digits
from cam_helpers.display.wording import describe_cam, describe_map, place_of


def test_the_text_follows_from_the_numbers():
    cam = torch.full((7, 7), -1.0)
    cam[5, 6] = 4
    cam[5, 5] = 2.5
    text = describe_cam(cam, "the map of dog")[0]
    assert text == (
        "The map of dog peaks in the lower right (row 5, column 6) at 4.00; "
        "4% of the cells lie above half of the peak."
    )
    text = describe_cam(cam - 9, "the map of dog")[0]
    assert "No cell of the map of dog is above zero" in text
    assert "-5.00" in text


def test_half_of_the_peak_is_half_of_its_number_and_zeros_have_none():
    cam = torch.tensor([[4.0, 1.8], [-2.0, 2.2]])
    assert "50% of the cells lie above half" in describe_cam(cam, "the map of dog")[0]
    assert "is above zero; the highest, 0.00," in describe_cam(0 * cam, "the map of dog")[0]


def test_numbers_are_rounded_and_never_minus_zero():
    assert [in_digits(x) for x in (-0.004, 0.0, -0.006, 2.346)] == [
        "0.00",
        "0.00",
        "-0.01",
        "2.35",
    ]


@pytest.mark.parametrize(
    ("cell", "shape", "words"),
    [
        ((0, 0), (7, 7), "the upper left"),
        ((3, 3), (7, 7), "the middle"),
        ((6, 3), (7, 7), "the lower middle"),
        ((3, 6), (7, 7), "the middle right"),
        ((0, 3), (2, 4), "the upper right"),
        ((0, 0), (1, 1), "the middle"),
    ],
)
def test_places_have_words(cell, shape, words):
    assert place_of(*cell, *shape) == words


def test_the_text_names_all_boxes_around_the_peak_or_none(network):
    explanation = ch.explain(network, "dog")
    x, y = explanation.peak("dog")
    around, beside = (x - 1, y - 1, x + 1, y + 1), (x + 1, y, x + 9, y + 9)
    for boxes, end in (
        ({"hat": beside}, "no object's box."),
        ({"hat": beside, "dog": around}, "the box of the dog."),
        ({"hat": around, "dog": around}, "the box of the hat and the box of the dog."),
    ):
        assert describe_map(explanation, "dog", boxes).endswith(f"The peak is in {end}")

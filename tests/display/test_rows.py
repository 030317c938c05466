"""Pictures in a row, and signed bars."""

import IPython.display
import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch

import cam_helpers as ch
from cam_helpers.display import rows
from cam_helpers.map_style import AGAINST, FOR

CAM = torch.tensor([[3.0, 0.0], [-1.0, 2.0]])


@pytest.fixture
def drawn(monkeypatch):
    """The figure that a call would display, and its alt text."""
    caught = {}
    monkeypatch.setattr(rows, "show", lambda figure, alt: caught.update(figure=figure, alt=alt))
    yield caught
    plt.close("all")


def test_a_row_holds_pictures_maps_and_one_colour_bar(drawn):
    ch.show_row([ch.open_picture("cat"), CAM], ["crop", "map"], "A cat.", limits=(-3, 3))
    picture, cells, bar = drawn["figure"].axes
    assert drawn["alt"] == "A cat."
    assert [picture.get_title(), cells.get_title()] == ["crop", "map"]
    assert [text.get_text() for text in cells.texts] == ["3", "0", "-1", "2"]
    assert bar.get_ylabel() == "score"


def test_without_limits_there_is_no_colour_bar(drawn):
    ch.show_row([CAM, CAM], ["one", "two"], "Two maps.")
    assert len(drawn["figure"].axes) == 2


def test_another_number_of_titles_is_refused(drawn):
    with pytest.raises(ValueError, match="shorter"):
        ch.show_row([CAM, CAM], ["one"], "Two maps.")


def test_bars_go_from_the_top_down_in_the_colours_of_evidence():
    figure, axis = plt.subplots()
    ch.draw_bars(axis, ["for", "against"], [2.0, -1.0], "score")
    colours = [tuple(round(255 * part) for part in bar.get_facecolor()[:3]) for bar in axis.patches]
    assert colours == [FOR, AGAINST]
    assert [bar.get_width() for bar in axis.patches] == [2.0, -1.0]
    first, second = (axis.transData.transform((0, y))[1] for y in (0, 1))
    assert first > second
    plt.close(figure)


def test_the_readers_own_settings_change_no_figure(monkeypatch):
    """Such as a matplotlibrc has: what lies under the maps, which way up, how large the letters."""
    theirs = {
        **{"image.origin": "lower", "image.interpolation": "bilinear", "axes.grid": True},
        **{"font.size": 16, "font.family": "serif", "savefig.transparent": True},
        **{"savefig.bbox": "tight", "figure.facecolor": "gray", "axes.spines.top": False},
    }
    displayed = []
    monkeypatch.setattr(IPython.display, "display", lambda shown: displayed.append(shown.markup))
    for settings in ({}, theirs):
        with matplotlib.rc_context(settings):
            ch.show_row([ch.open_picture("cat"), CAM], ["crop", "map"], "A cat.", limits=(-3, 3))
            assert matplotlib.rcParams["font.size"] == settings.get("font.size", 10)
    plain, with_theirs = displayed
    assert plain == with_theirs

"""Sliders, lists and panels, moved from code as a test can move them."""

import pytest
from ipywidgets import IntSlider
from PIL import Image

from cam_helpers.display.controls import CellPicker, ClassPicker, LivePanel
from cam_helpers.display.show import picture_markup


@pytest.fixture
def slider():
    return IntSlider(value=10, max=100)


def draw_grey(value):
    """A picture as grey as the slider says; 13 brings bad luck."""
    if value == 13:
        raise ValueError("no <13> here")
    return Image.new("L", (8, 8), value), f"grey {value}"


# ---- ClassPicker --------------------------------------------------------------------------


def test_a_picker_starts_at_its_class_and_lists_all(network):
    picker = ClassPicker(network, 4)
    assert (picker.value, picker.slider.value, picker.names.value) == (4, 4, 4)
    assert (picker.slider.min, picker.slider.max) == (0, 11)
    labels = [label for label, _ in picker.names.options]
    assert labels == [f"{i} {name}" for i, name in enumerate(network.categories)]
    assert ClassPicker(network).value == 0
    assert list(picker.children) == [picker.slider, picker.names]


def test_slider_list_and_value_move_one_another(network):
    picker = ClassPicker(network, 4)
    seen = []
    picker.observe(lambda change: seen.append(change["new"]), names="value")
    picker.slider.value = 7
    assert (picker.value, picker.names.value) == (7, 7)
    picker.names.value = 2
    assert (picker.value, picker.slider.value) == (2, 2)
    picker.value = 11
    assert (picker.slider.value, picker.names.value) == (11, 11)
    assert seen == [7, 2, 11]


def test_another_network_brings_its_own_classes(network, make_small):
    picker = ClassPicker(network, 11)
    picker.fit(make_small(("fish", "cat")))
    assert (picker.value, picker.slider.value, picker.names.value) == (0, 0, 0)
    assert (picker.slider.max, picker.names.options) == (1, (("0 fish", 0), ("1 cat", 1)))
    picker.names.value = 1
    assert (picker.value, picker.slider.value) == (1, 1)


# ---- CellPicker ---------------------------------------------------------------------------


def test_every_cell_has_its_button_and_the_fields_follow():
    picker = CellPicker(2, 3)
    cells = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    for button, cell in zip(picker.grid.children, cells, strict=True):
        button.click()
        assert picker.value == (picker.row.value, picker.column.value) == cell
        assert button.tooltip == "cell in row {}, column {}".format(*cell)
        assert button.tabbable is False


def test_the_fields_reach_every_cell_and_none_beyond():
    picker = CellPicker(4, 2)
    picker.row.value = 2
    picker.column.value = 1
    assert picker.value == (2, 1)
    picker.row.value = 99
    assert picker.value == (3, 1)
    picker.column.value = 99
    assert picker.value == (3, 1)


def test_another_map_brings_its_own_cells():
    picker = CellPicker(4, 2)
    picker.value = (3, 1)
    picker.fit(2, 3)
    assert picker.value == (0, 0)
    assert (picker.row.max, picker.column.max, len(picker.grid.children)) == (1, 2, 6)
    picker.grid.children[5].click()
    assert picker.value == (picker.row.value, picker.column.value) == (1, 2)


# ---- LivePanel ----------------------------------------------------------------------------


def test_a_panel_draws_at_once_and_again_on_every_change(slider):
    panel = LivePanel(draw_grey, slider)
    for value in (10, 20, 0):
        slider.value = value
        assert panel.alt == f"grey {value}"
        assert panel.screen.value == picture_markup(*draw_grey(value))
    assert list(panel.children) == [slider, panel.screen, panel.key_guard]


def test_a_panel_hands_the_values_on_in_the_order_of_its_controls(network):
    first, second = IntSlider(value=1), IntSlider(value=2)
    calls = []

    def draw(*values):
        calls.append(values)
        return Image.new("L", (8, 8)), "black"

    picker = ClassPicker(network, 3)
    LivePanel(draw, first, second, picker)
    second.value = 5
    picker.names.value = 6
    first.value = 4
    assert calls == [(1, 2, 3), (1, 5, 3), (1, 5, 6), (4, 5, 6)]


def test_a_panel_says_what_went_wrong_and_drops_the_old_picture(slider):
    panel = LivePanel(draw_grey, slider)
    assert "<img" in panel.screen.value
    with pytest.raises(ValueError, match="no <13> here"):
        slider.value = 13
    assert panel.alt == "ValueError: no <13> here"
    assert panel.screen.value == "ValueError: no &lt;13&gt; here"
    slider.value = 14
    assert panel.alt == "grey 14"
    assert "<img" in panel.screen.value


def test_the_alt_text_of_a_panel_is_real_and_escaped(slider):
    LivePanel(lambda value: (Image.new("L", (8, 8)), "plain"), slider)
    panel = LivePanel(lambda value: (Image.new("L", (8, 8)), '<b>"cat" & dog</b>'), slider)
    assert 'alt="&lt;b&gt;&quot;cat&quot; &amp; dog&lt;/b&gt;"' in panel.screen.value
    assert panel.alt == '<b>"cat" & dog</b>'
    with pytest.raises(ValueError, match="alt is empty"):
        LivePanel(lambda value: (Image.new("L", (8, 8)), " "), slider)


def test_readers_without_a_kernel_read_what_stands_on_the_screen(slider):
    panel = LivePanel(draw_grey, slider)
    slider.value = 30
    bundle = panel._repr_mimebundle_()
    assert bundle["text/plain"].endswith("grey 30")
    assert "run the notebook" in bundle["text/plain"]
    assert "run the notebook" in bundle["text/html"]
    assert panel.screen.value in bundle["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in bundle


def test_the_guard_of_the_keys_knows_a_panel_by_its_class(slider):
    panel = LivePanel(draw_grey, slider)
    assert "cam-panel" in panel._dom_classes
    assert "'.cam-panel'" in panel.key_guard.value


def test_a_picker_takes_names_and_refuses_unknown_classes_without_moving(network):
    picker = ClassPicker(network, "dog")
    with pytest.raises(IndexError):
        picker.value = 99
    assert (picker.value, picker.slider.value, picker.names.value) == (1, 1, 1)

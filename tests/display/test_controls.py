"""A picture that moves with sliders, moved from code as a test can move them."""

import pytest
from ipywidgets import IntSlider
from PIL import Image

from cam_helpers.display.controls import LivePanel
from cam_helpers.display.show import picture_markup


@pytest.fixture
def slider():
    return IntSlider(value=10, max=100)


def draw_grey(value):
    """A picture as grey as the slider says; 13 brings bad luck."""
    if value == 13:
        raise ValueError("no <13> here")
    return Image.new("L", (8, 8), value), f"grey {value}"


def test_a_panel_draws_at_once_and_again_on_every_change(slider):
    panel = LivePanel(draw_grey, slider)
    for value in (10, 20, 0):
        slider.value = value
        assert panel.alt == f"grey {value}"
        assert panel.screen.value == picture_markup(*draw_grey(value))
    assert list(panel.children) == [slider, panel.screen, panel.key_guard]
    assert "cam-panel" in panel._dom_classes and "'.cam-panel'" in panel.key_guard.value


def test_a_panel_hands_the_values_on_in_the_order_of_its_controls():
    first, second = IntSlider(value=1), IntSlider(value=2)
    calls = []

    def draw(*values):
        calls.append(values)
        return Image.new("L", (8, 8)), "black"

    picker = IntSlider(value=3, max=11)
    LivePanel(draw, first, second, picker)
    second.value = 5
    picker.value = 6
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

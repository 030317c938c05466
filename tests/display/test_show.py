"""Pictures on the screen, with a text for those who cannot see them."""

import base64
import io
import re

import IPython.display
import matplotlib
import numpy as np
import pytest
import torch
from PIL import Image

import cam_helpers as ch
from cam_helpers.display.show import legend, picture_markup

matplotlib.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture
def shown(monkeypatch):
    """What `show` displays, in the form that Jupyter asks for."""
    bundles = []
    monkeypatch.setattr(
        IPython.display, "display", lambda thing: bundles.append(thing._repr_mimebundle_())
    )
    return bundles


def picture_in(markup):
    data = re.search(r'src="data:image/\w+;base64,([^"]+)"', markup).group(1)
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_picture_is_shown_whole_with_its_alt_text(shown):
    picture = ch.open_picture("cat").crop((50, 50, 114, 98))
    ch.show(picture, alt="a drawn cat")
    [bundle] = shown
    assert bundle["text/plain"] == "a drawn cat"
    assert bundle["text/html"].startswith('<img alt="a drawn cat" style=')
    found = picture_in(bundle["text/html"])
    assert found.format == "PNG"
    np.testing.assert_array_equal(np.asarray(found), np.asarray(picture))


def test_the_width_on_the_screen_leaves_the_picture_itself():
    picture = Image.new("RGB", (10, 20))
    wide = picture_markup(picture, 'a "cat" <b>&', width=300)
    assert ' width="300" height="600"' in wide and picture_in(wide).size == (10, 20)
    assert 'alt="a &quot;cat&quot; &lt;b&gt;&amp;"' in wide
    assert 'style="max-width: 100%; height: auto' in wide  # keeps its shape on a narrow page
    plain = picture_markup(picture, "black")
    assert "width=" not in plain
    # Only what is enlarged is shown in squares.
    for markup, is_enlarged in ((wide, True), (plain, False)):
        assert ("pixelated" in markup) == is_enlarged
    assert "pixelated" not in picture_markup(picture, "black", 10)


def test_a_figure_is_shown_once_and_closed(shown):
    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot([0, 1])
    other = plt.figure()
    ch.show(figure, alt="a rising line")
    assert not plt.fignum_exists(figure.number)
    assert plt.fignum_exists(other.number)
    plt.close(other)
    [bundle] = shown
    picture = picture_in(bundle["text/html"])
    assert min(picture.size) > 40
    assert len(picture.convert("L").getcolors()) > 1


def test_an_empty_alt_text_is_refused(shown):
    with pytest.raises(ValueError, match="alt is empty"):
        ch.show(Image.new("RGB", (8, 8)), alt=" \n")
    assert shown == []


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_heavy_picture_is_shown_lightly(mode):
    """Noise upon a slope packs badly: as PNG these pictures are far above the limit."""
    noise = np.random.default_rng(10).integers(0, 30, (400, 500, 3))
    slope = np.linspace(0, 220, 500)[None, :, None]
    picture = Image.fromarray((slope + noise).astype(np.uint8)).convert(mode)
    found = picture_in(picture_markup(picture, "a slope"))
    assert (found.format, found.size) == ("JPEG", (500, 400))
    difference = np.asarray(found).astype(float) - np.asarray(picture.convert("RGB"))
    assert np.abs(difference).mean() < 12


@pytest.fixture
def axis():
    figure, axis = plt.subplots()
    yield axis
    plt.close(figure)


def test_every_cell_bears_its_number(axis):
    ch.draw_cells(axis, torch.tensor([[-0.04, 1.26, 3.0], [-7.5, 10.0, 2.04]]), decimals=1)
    found = [text.get_text() for text in sorted(axis.texts, key=lambda t: t.get_position()[::-1])]
    assert found == ["0.0", "1.3", "3.0", "-7.5", "10.0", "2.0"]  # never "-0.0"


def test_the_colour_bar_names_the_unit_and_the_colours_keep_the_limits(axis):
    cam = torch.tensor([[0.0, 4.0]])
    ch.draw_cells(axis, cam, unit="weight", colour_map="magma", limits=(-8, 8))
    image, bar = axis.images[0], axis.figure.axes[1]
    assert bar.get_ylabel() == "weight"
    assert image.get_clim() == (-8, 8)
    assert image.cmap.name == "magma"
    np.testing.assert_array_equal(image.get_array(), cam.numpy())


def test_without_limits_the_colours_end_at_the_largest_value(axis):
    ch.draw_cells(axis, torch.tensor([[2.0, 5.0], [3.0, 4.0]]))
    assert axis.images[0].get_clim() == (-5, 5)  # evidence: zero in the middle
    assert [text.get_text() for text in axis.texts] == ["2", "5", "3", "4"]
    assert axis.figure.axes[1].get_ylabel() == "score"


def test_numbers_can_be_read_on_every_colour_of_evidence(axis):
    """WCAG 2 asks for a contrast of 4.5 at least."""
    ch.draw_cells(axis, torch.linspace(-1, 1, 21)[None])
    image = axis.images[0]
    for number, text in zip(image.get_array()[0], axis.texts, strict=True):
        levels = np.array(image.cmap(image.norm(number))[:3])
        linear = np.where(levels > 0.04045, ((levels + 0.055) / 1.055) ** 2.4, levels / 12.92)
        light = linear @ [0.2126, 0.7152, 0.0722] + 0.05
        contrast = light / 0.05 if text.get_color() == "black" else 1.05 / light
        assert contrast > 4.5


def test_the_colours_of_the_cells_are_those_of_the_legend(axis):
    ch.draw_cells(axis, torch.tensor([[-2.0, 1.0, 2.0]]))
    image = axis.images[0]
    assert ch.evidence_colours() == image.cmap
    found = image.cmap(image.norm([-2.0, 2.0]), bytes=True)[:, :3]
    np.testing.assert_array_equal(found, np.asarray(legend())[0, [0, 255]])


@pytest.mark.parametrize(
    ("options", "ends"),
    [({}, (-3, 3)), ({"colour_map": "jet"}, (-1, 3)), ({"style": "blend"}, (-1, 3))],
)
def test_a_colour_bar_has_the_colours_of_its_style_between_the_limits(options, ends):
    figure, axes = plt.subplots(1, 2)
    other = plt.figure()
    ch.draw_colour_bar(axes, (-1, 3), label="difference", **options)
    assert not other.axes
    bar = figure.axes[2]
    assert (bar.get_ylabel(), bar.get_ylim()) == ("difference", ends)
    mesh = next(drawn for drawn in bar.collections if drawn.get_array() is not None)
    found = mesh.cmap(mesh.norm(mesh.get_array()), bytes=True).reshape(-1, 4)[:, :3]
    np.testing.assert_array_equal(found, np.asarray(legend(**options))[0])
    plt.close(figure), plt.close(other)

"""Sliders and lists for the notebooks, built from plain messages: `observe` and `HTML`.

The panels can be moved from code as well as by hand, so a test can check them. Only this module and
the explorer's panel import ipywidgets, which is heavy: import both by name, where they are needed
(`from cam_helpers.display.controls import ...`).
"""

import dataclasses
import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import ipywidgets as widgets
import traitlets
from PIL import Image

from cam_helpers.display.show import picture_markup
from cam_helpers.map_style import COLOUR_MAPS, MapStyle
from cam_helpers.networks.network import ClassChoice, Classifier

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE = {"description_width": "initial"}
SHORT = {"width": "108px"}
STILL = "A still picture. To move it, run the notebook: Run > Run All Cells."
# JupyterLab and Notebook 7 take plain keys from the sliders, lists and buttons of a panel, as
# shortcuts of their own: an arrow leaves the cell, and "d" typed twice deletes it. They leave a key
# alone where the control bears this mark of Lumino's, on which both are built. Escape and keys with
# Shift, Ctrl, Alt or Cmd stay theirs. The arrival of one clear pixel is the occasion to begin to
# listen, once for all panels of the page.
KEYS_STAY = """
<img alt="" src="data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
onload="
const mark = key => {
  const theirs = key.shiftKey || key.ctrlKey || key.altKey || key.metaKey || key.key === 'Escape';
  if (key.target.closest('.cam-panel'))
    key.target.toggleAttribute('data-lm-suppress-shortcuts', !theirs);
};
if (!window.cam_panels_listen) window.addEventListener('keydown', mark, true);
window.cam_panels_listen = true;
">"""
PictureAndAlt = tuple["Image.Image | Figure", str]


class ClassPicker(widgets.HBox):  # type: ignore[misc]
    """A slider for the class index and a list of the category names, linked.

    `value` is the class index; set it, or move either control. Observe it like any widget's.
    """

    value = traitlets.Int()

    def __init__(self, network: Classifier, class_index: ClassChoice = 0) -> None:
        self.slider = widgets.IntSlider(description="class index", style=WIDE)
        self.names = widgets.Dropdown(description="class", style=WIDE)
        super().__init__([self.slider, self.names])
        self.fit(network)
        self.value = network.class_index(class_index)
        traitlets.link((self, "value"), (self.slider, "value"))
        traitlets.link((self, "value"), (self.names, "value"))

    def fit(self, network: Classifier) -> None:
        """Offer the classes of a network, and begin at the first."""
        self.network = network
        self.value = 0
        self.slider.max = len(network.categories) - 1
        self.names.options = class_options(network)

    @traitlets.validate("value")
    def _known_class(self, proposal: dict[str, Any]) -> int:
        """Refuse a class that the network does not know before any control moves."""
        return self.network.class_index(proposal["value"])


def class_options(network: Classifier) -> list[tuple[str, int]]:
    """Return the options of a list of classes: ("3 fish", 3)."""
    return [(f"{index} {category}", index) for index, category in enumerate(network.categories)]


class StylePicker(widgets.HBox):  # type: ignore[misc]
    """Lists for how a map is drawn, one for every field of `MapStyle`.

    `value` is the style that the lists say; `lists` are the lists, by the name of the field.
    """

    value = traitlets.Instance(MapStyle)

    def __init__(self) -> None:
        self.lists = {field.name: _list_of(field) for field in dataclasses.fields(MapStyle)}
        super().__init__(list(self.lists.values()), layout={"flex_flow": "row wrap"})
        self._choose()
        for one in self.lists.values():
            one.observe(self._choose, names="value")

    def _choose(self, change: object = None) -> None:
        self.value = MapStyle(**{name: one.value for name, one in self.lists.items()})
        self.lists["colour_map"].disabled = self.value.style == "evidence"  # it has its own colours


def _list_of(field: dataclasses.Field[Any]) -> widgets.Dropdown:
    """Return a list of what a field of `MapStyle` can be, at what it usually is."""
    kind = get_type_hints(MapStyle)[field.name]
    options = [(str(choice), choice) for choice in get_args(kind)]
    if field.name == "colour_map":
        options = [(name, name) for name in COLOUR_MAPS]
    elif field.name == "opacity":
        options = [("the style's own", None)] + [(f"{n / 10}", n / 10) for n in range(11)]
    elif kind is bool:
        options = [("no", False), ("yes", True)]
    return widgets.Dropdown(
        description=field.name.replace("_", " "),
        options=options,
        index=[choice for _, choice in options].index(field.default),
        style=WIDE,
        layout={"width": "auto"},
    )


class CellPicker(widgets.VBox):  # type: ignore[misc]
    """A map to click on, and two number fields that do the same by keyboard.

    `value` is the cell, (row, column). `picture` shows the map, `SIDE` x `SIDE` pixels; over it
    lies a transparent button for every cell. The buttons stay out of the Tab order, since the two
    fields reach every cell sooner.
    """

    SIDE = 224  # pixels
    value = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 0))

    def __init__(self, rows: int = 1, columns: int = 1) -> None:
        square = {"width": f"{self.SIDE}px", "height": f"{self.SIDE}px", "margin": "0"}
        over_the_picture = square | {"margin": f"-{self.SIDE}px 0 0 0"}
        self.row = widgets.BoundedIntText(description="row", style=WIDE, layout=SHORT)
        self.column = widgets.BoundedIntText(description="column", style=WIDE, layout=SHORT)
        self.picture = widgets.HTML(layout=square)
        self.grid = widgets.GridBox(layout=over_the_picture)
        self._clear = widgets.ButtonStyle(button_color="transparent")
        self._filling = widgets.Layout(width="auto", height="auto", margin="0")
        fields = widgets.HBox([self.row, self.column])
        super().__init__([fields, self.picture, self.grid], layout={"margin": "0 12px 0 0"})
        self.shape = (0, 0)
        self.fit(rows, columns)
        to_row = (lambda cell: cell[0], lambda row: (row, self.value[1]))
        to_column = (lambda cell: cell[1], lambda column: (self.value[0], column))
        traitlets.link((self, "value"), (self.row, "value"), transform=to_row)
        traitlets.link((self, "value"), (self.column, "value"), transform=to_column)

    def fit(self, rows: int, columns: int) -> None:
        """Offer the cells of a map, and begin at the first."""
        self.value = (0, 0)
        if self.shape == (rows, columns):
            return
        self.shape = rows, columns
        self.row.max, self.column.max = rows - 1, columns - 1
        self.grid.layout.grid_template_columns = f"repeat({columns}, 1fr)"
        self.grid.layout.grid_template_rows = f"repeat({rows}, 1fr)"
        self.grid.children = [self._button(*divmod(n, columns)) for n in range(rows * columns)]

    def _button(self, row: int, column: int) -> widgets.Button:
        button = widgets.Button(
            tooltip=f"cell in row {row}, column {column}",
            style=self._clear,
            layout=self._filling,
            tabbable=False,
        )
        button.on_click(lambda _: setattr(self, "value", (row, column)))
        return button


class Panel(widgets.VBox):  # type: ignore[misc]
    """Controls and a screen that tells the same to those who look, listen or come later.

    `screen` shows the pictures, `alt` is their text now, `still` the HTML of both for a stored
    notebook. `key_guard` is invisible; as a child it keeps the panel's keys in the panel.
    """

    def __init__(self) -> None:
        self.alt = ""
        self.screen = widgets.HTML()
        self.key_guard = widgets.HTML(KEYS_STAY, layout={"display": "none"})
        super().__init__()
        self.add_class("cam-panel")

    @property
    def still(self) -> str:
        """The HTML that readers of a stored notebook see."""
        return str(self.screen.value)

    def _repr_mimebundle_(self, **options: object) -> dict[str, Any]:
        """Show readers without a kernel a still picture of the screen, and its text."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)
        bundle["text/plain"] = f"[{STILL}] {self.alt}"
        bundle["text/html"] = f"<p><em>{STILL}</em></p>{self.still}"
        return bundle


class LivePanel(Panel):
    """Controls above a picture that is drawn again whenever one of them moves.

    `draw` receives the values of the controls in their order and returns a picture (or matplotlib
    figure) and its alt text.
    """

    def __init__(self, draw: Callable[..., PictureAndAlt], *controls: Any) -> None:
        self.draw = draw
        self.controls = controls
        super().__init__()
        self.children = [*controls, self.screen, self.key_guard]
        for control in controls:
            control.observe(self.redraw, names="value")
        self.redraw()

    def redraw(self, change: object = None) -> None:
        """Draw the picture for the present values; where that fails, say so instead of it."""
        try:
            picture, self.alt = self.draw(*(control.value for control in self.controls))
        except Exception as error:
            self.alt = f"{type(error).__name__}: {error}"
            self.screen.value = html.escape(self.alt)
            raise
        self.screen.value = picture_markup(picture, self.alt)

"""Sliders and lists for the notebooks, built from plain messages: `observe` and `HTML`.

The panels can be moved from code as well as by hand, so a test can check them. This is the one
module that imports ipywidgets; import it by name: `from cam_helpers.display.controls import ...`.
"""

import asyncio
import html
import operator
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import traitlets
from PIL import Image

from cam_helpers.display.show import picture_markup
from cam_helpers.networks.network import ClassChoice, Network

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE = {"description_width": "initial"}
SHORT = {"width": "108px"}
STILL = "A still picture. To move it, run the notebook: Run > Run All Cells."
# A list of 1000 classes costs a browser 12 ms per change, since it measures every name to find how
# wide the list would like to be. With a width, from which its row lets it grow, it does not.
LISTS_ARE_QUICK = "<style>.cam-panel select { width: 0 }</style>"
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


class PatientList(widgets.Dropdown):  # type: ignore[misc]
    """A list that tells the browser of its changes when there was none for `QUIET` seconds.

    A browser needs milliseconds to move a list of 1000 names, for which no picture should wait. In
    Python the value changes at once; and where no event loop runs, as in a script, so does all.
    """

    QUIET = 0.05

    def __init__(self, **options: Any) -> None:
        self._changed: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        super().__init__(**options)

    def send_state(self, key: str | Iterable[str] | None = None) -> None:
        """Send the state, or the part of it that `key` names, when the changes are over."""
        self._changed |= {key} if isinstance(key, str) else set(self.keys if key is None else key)
        if self._timer:
            self._timer.cancel()
        try:
            self._timer = asyncio.get_running_loop().call_later(self.QUIET, self._send_changed)
        except RuntimeError:  # no event loop
            self._send_changed()

    def _send_changed(self) -> None:
        super().send_state(self._changed)
        self._changed = set()


class ClassPicker(widgets.HBox):  # type: ignore[misc]
    """A slider for the class index and a list of the category names, linked.

    `value` is the class index; set it, or move either control. Observe it like any widget's.
    """

    value = traitlets.Int()

    def __init__(self, network: Network, class_index: ClassChoice = 0) -> None:
        self.network = network
        categories = network.categories
        self.slider = widgets.IntSlider(
            description="class index", max=len(categories) - 1, style=WIDE
        )
        self.names = PatientList(
            description="class",
            options=[(f"{i} {category}", i) for i, category in enumerate(categories)],
            equals=operator.eq,  # what it does anyway, but quicker
            style=WIDE,
        )
        super().__init__([self.slider, self.names], value=network.class_index(class_index))
        traitlets.link((self, "value"), (self.slider, "value"))
        traitlets.dlink((self.names, "value"), (self, "value"))

    def notify_change(self, change: Any) -> None:
        """Tell all who watch, and the list last, since to find a name takes its time."""
        try:
            super().notify_change(change)
        finally:
            if change["name"] == "value":
                self.names.value = self.value

    @traitlets.validate("value")
    def _known_class(self, proposal: dict[str, Any]) -> int:
        """Refuse a class that the network does not know before any control moves."""
        return self.network.class_index(proposal["value"])


class CellPicker(widgets.VBox):  # type: ignore[misc]
    """A map to click on, and two number fields that do the same by keyboard.

    `value` is the cell, (row, column). `picture` shows the map, `SIDE` x `SIDE` pixels; over it
    lies a transparent button for every cell. The buttons stay out of the Tab order, since the two
    fields reach every cell sooner.
    """

    SIDE = 224  # pixels
    value = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 0))

    def __init__(self, rows: int, columns: int) -> None:
        square = {"width": f"{self.SIDE}px", "height": f"{self.SIDE}px", "margin": "0"}
        self.row = widgets.BoundedIntText(description="row", max=rows - 1, style=WIDE, layout=SHORT)
        self.column = widgets.BoundedIntText(
            description="column", max=columns - 1, style=WIDE, layout=SHORT
        )
        self.picture = widgets.HTML(layout=square)
        self._clear = widgets.ButtonStyle(button_color="transparent")
        self._filling = widgets.Layout(width="auto", height="auto", margin="0")
        self.buttons = [self._button(*divmod(cell, columns)) for cell in range(rows * columns)]
        grid = widgets.GridBox(
            self.buttons,
            layout=square
            | {
                "margin": f"-{self.SIDE}px 0 0 0",  # over the picture
                "grid_template_columns": f"repeat({columns}, 1fr)",
                "grid_template_rows": f"repeat({rows}, 1fr)",
            },
        )
        fields = widgets.HBox([self.row, self.column])
        super().__init__([fields, self.picture, grid], layout={"margin": "0 12px 0 0"})
        to_row = (lambda cell: cell[0], lambda row: (row, self.value[1]))
        to_column = (lambda cell: cell[1], lambda column: (self.value[0], column))
        traitlets.link((self, "value"), (self.row, "value"), transform=to_row)
        traitlets.link((self, "value"), (self.column, "value"), transform=to_column)

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
    notebook. `key_guard` is invisible; as a child it keeps the panel's keys in the panel, and its
    lists quick.
    """

    def __init__(self) -> None:
        self.alt = ""
        self.screen = widgets.HTML()
        self.key_guard = widgets.HTML(LISTS_ARE_QUICK + KEYS_STAY, layout={"display": "none"})
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

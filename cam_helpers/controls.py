"""Sliders and lists for the notebooks, built from plain messages: `observe` and `HTML`.

The panels can be moved from code as well as by hand, so a test can check them. This is the one
module that imports ipywidgets; import it by name: `from cam_helpers.controls import ...`.
"""

import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
import traitlets
from PIL import Image

from cam_helpers.figures import picture_markup
from cam_helpers.networks import ClassChoice, Network

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDE = {"description_width": "initial"}
PictureAndAlt = tuple["Image.Image | Figure", str]


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
        self.names = widgets.Dropdown(
            description="class",
            options=[(f"{i} {category}", i) for i, category in enumerate(categories)],
            style=WIDE,
        )
        super().__init__([self.slider, self.names], value=network.class_index(class_index))
        for control in (self.slider, self.names):
            traitlets.link((self, "value"), (control, "value"))

    @traitlets.validate("value")
    def _known_class(self, proposal: dict[str, Any]) -> int:
        """Refuse a class that the network does not know before any control moves."""
        return self.network.class_index(proposal["value"])


class LivePanel(widgets.VBox):  # type: ignore[misc]
    """Controls above a picture that is drawn again whenever one of them moves.

    `draw` receives the values of the controls in their order and returns a picture (or matplotlib
    figure) and its alt text. `alt` is the text of the picture on the screen now.
    """

    def __init__(self, draw: Callable[..., PictureAndAlt], *controls: Any) -> None:
        self.draw = draw
        self.controls = controls
        self.screen = widgets.HTML()
        self.alt = ""
        super().__init__([*controls, self.screen])
        for control in controls:
            control.observe(self.redraw, names="value")
        self.redraw()

    def _repr_mimebundle_(self, **options: object) -> dict[str, Any]:
        """Show readers without a kernel what stands on the screen, in words."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)
        bundle["text/plain"] = f"[A live panel; run the notebook to move it.] {self.alt}"
        return bundle

    def redraw(self, change: object = None) -> None:
        """Draw the picture for the present values; where that fails, say so instead of it."""
        try:
            picture, self.alt = self.draw(*(control.value for control in self.controls))
        except Exception as error:
            self.alt = f"{type(error).__name__}: {error}"
            self.screen.value = html.escape(self.alt)
            raise
        self.screen.value = picture_markup(picture, self.alt)

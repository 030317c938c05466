"""A picture drawn by Python that moves with sliders and lists: `observe` and `HTML`, no more.

For what the live map (`cam_helpers.view`) does not show, such as figures of matplotlib. It can be
moved from code as well as by hand, so a test can check it. ipywidgets is heavy: import this by
name, where it is needed (`from cam_helpers.display.controls import LivePanel`).
"""

import html
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
from PIL import Image

from cam_helpers.display.show import picture_markup

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STILL = "A still picture. To move it, run the notebook: Run > Run All Cells."
# JupyterLab and Notebook 7 take plain keys from the sliders and lists of a panel, as shortcuts of
# their own: an arrow leaves the cell, and "d" typed twice deletes it. They leave a key alone where
# the control bears this mark of Lumino's, on which both are built. Escape and keys with Shift,
# Ctrl, Alt or Cmd stay theirs. The arrival of one clear pixel is the occasion to begin to listen,
# once for all panels of the page.
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


class LivePanel(widgets.VBox):  # type: ignore[misc]
    """Controls above a picture that is drawn again whenever one of them moves.

    `draw` receives the values of the controls in their order and returns a picture (or matplotlib
    figure) and its alt text. `screen` shows the picture, `alt` is its text now.
    """

    def __init__(self, draw: Callable[..., PictureAndAlt], *controls: Any) -> None:
        self.draw = draw
        self.controls = controls
        self.alt = ""
        self.screen = widgets.HTML()
        self.key_guard = widgets.HTML(KEYS_STAY, layout={"display": "none"})
        super().__init__([*controls, self.screen, self.key_guard])
        self.add_class("cam-panel")
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

    def _repr_mimebundle_(self, **options: object) -> dict[str, Any]:
        """Show readers without a kernel a still picture of the screen, and its text."""
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)
        bundle["text/plain"] = f"[{STILL}] {self.alt}"
        bundle["text/html"] = f"<p><em>{STILL}</em></p>{self.screen.value}"
        return bundle

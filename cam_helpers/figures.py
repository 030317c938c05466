"""Pictures and figures on the screen, each with a text for those who cannot see it."""

import base64
import html
import io
from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class ShownPicture:
    """A picture as an HTML `<img>` with alt text, in the form that Jupyter displays.

    Jupyter itself shows pictures without alt text, so a screen reader finds nothing there.
    """

    def __init__(self, markup: str, alt: str) -> None:
        self.markup = markup
        self.alt = alt

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/html": self.markup, "text/plain": self.alt}


def show(picture: "Image.Image | Figure", alt: str, width: int | None = None) -> None:
    """Display a picture or a matplotlib figure with its alt text.

    `width` is the width on the screen in pixels; by default the picture's own. A figure is closed
    afterwards, so that it is shown once. Raises `ValueError` for an empty `alt`.
    """
    from IPython.display import display

    display(ShownPicture(picture_markup(picture, alt, width), alt))  # type: ignore[no-untyped-call]


def picture_markup(
    picture: "Image.Image | Figure", alt: str, width: int | None = None, format: str = "png"
) -> str:
    """Return an HTML `<img>` that holds the whole picture, for `show` and `widgets.HTML`."""
    if not alt.strip():
        raise ValueError("alt is empty: say in words what the picture shows.")
    data = base64.b64encode(_encode(picture, format)).decode("ascii")
    size = f' width="{width}"' if width else ""
    alt = html.escape(alt)
    return (
        f'<img alt="{alt}"{size} style="max-width: 100%" src="data:image/{format};base64,{data}">'
    )


def _encode(picture: "Image.Image | Figure", format: str) -> bytes:
    buffer = io.BytesIO()
    if isinstance(picture, Image.Image):
        picture.save(buffer, format)
    else:
        import matplotlib.pyplot as plt

        picture.savefig(buffer, format=format, bbox_inches="tight", dpi=80)
        plt.close(picture)
    return buffer.getvalue()

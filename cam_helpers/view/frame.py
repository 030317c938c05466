"""The view in a frame: a cell's output that stays live without a kernel, wherever it is opened."""

import html
from pathlib import Path

from PIL import Image

from cam_helpers.display.show import picture_markup
from cam_helpers.display.wording import describe_map
from cam_helpers.drawn.annotations import shipped_boxes
from cam_helpers.explain import Explanation
from cam_helpers.networks.network import ClassChoice
from cam_helpers.view.bundle import VIEW, as_json, fill, read, script
from cam_helpers.view.numbers import numbers_behind

FRAME_VIEWS = ("map", "classes", "channels", "scores")


class LiveMap:
    """What `live_map` returns: shown by a notebook as a frame over a still picture.

    The frame moves by mouse, touch and keys, also in a stored notebook that nobody has run, in an
    exported page, and without a connection. Where frames are stripped, the still is seen.
    """

    def __init__(self, frame: str, still: Image.Image, alt: str, name: str, height: int) -> None:
        self.frame = frame  # the HTML of the frame's page
        self.still = still
        self.alt = alt
        self.name = name
        self.height = height

    def _repr_mimebundle_(self, **options: object) -> dict[str, str]:
        still = picture_markup(self.still, self.alt, self.still.width)
        page = html.escape(self.frame)
        return {
            "text/plain": self.alt,
            "text/html": f'<div style="position: relative; height: {self.height}px; overflow: '
            f'hidden">{still}<iframe title="live map of {html.escape(self.name)}" '
            'sandbox="allow-scripts allow-downloads" '
            'style="position: absolute; inset: 0; width: 100%; height: 100%; border: 0" '
            f'srcdoc="{page}"></iframe></div>',
        }


def live_map(
    explanation: Explanation,
    class_index: ClassChoice | None = None,
    *,
    view: str = "map",
    name: str = "",
    other: ClassChoice | None = None,
    height: int = 520,
) -> LiveMap:
    """Return the map of a class that the reader moves to any other class, without a kernel.

    `view` is `"map"`, `"classes"` (the map beside that of `other`, and their difference),
    `"channels"` (the map grows channel by channel) or `"scores"`. `name` is what the picture is
    called, if it was not given by name; `height` is that of the frame in pixels.

    Raises `ValueError` for an unknown view, and for `"channels"` of a network with so many that
    they would make a notebook heavy.

    >>> import cam_helpers as ch
    >>> live = ch.live_map(ch.explain(ch.load_network(), "cat"), "cat")
    >>> live.still.size
    (460, 224)
    """
    return framed(
        explanation, (view,), class_index, view=view, name=name, other=other, height=height
    )


def framed(
    explanation: Explanation,
    views: tuple[str, ...],
    class_index: ClassChoice | None,
    *,
    view: str,
    name: str,
    other: ClassChoice | None,
    height: int,
) -> LiveMap:
    """Return a frame with these views, `view` in sight where it is one of them."""
    network = explanation.network
    top = [ranked.class_index for ranked in explanation.prediction.top(2)]
    index = top[0] if class_index is None else network.class_index(class_index)
    name = name or name_of(explanation)
    numbers = numbers_behind(explanation, name)
    if unknown := [one for one in views if one not in FRAME_VIEWS]:
        raise ValueError(f"view is one of {', '.join(FRAME_VIEWS)}, not {unknown[0]!r}.")
    if "channels" in views and "channels" not in numbers:
        raise ValueError(
            f"{network.name} has too many channels for a notebook. The view "
            '"channels" shows them for tiny_resnet; of any network, in the page: make page.'
        )
    second = top[-1] if other is None else network.class_index(other)
    start = {"class": index, "other": second, "view": view}
    data = numbers | {"views": views, "start": start}
    parts = {
        "view.css": read("view.css"),
        "script": script("engine.js", *VIEW, "frame.js"),
        "numbers": as_json(data),
    }
    boxes = shipped_boxes(name)
    alt = describe_map(explanation, index, boxes)
    return LiveMap(fill("frame.html", parts), _still(explanation, index), alt, name, height)


def name_of(explanation: Explanation) -> str:
    """Return what the picture is called: the name or the file's name it was explained by."""
    source = explanation._source
    return Path(source).name if isinstance(source, str | Path) else "the picture"


def _still(explanation: Explanation, class_index: int) -> Image.Image:
    """Draw what the network sees and the map over it, side by side."""
    seen, over = explanation.input_picture, explanation.overlay(class_index)
    both = Image.new("RGB", (2 * seen.width + 12, seen.height), "white")
    both.paste(seen, (0, 0))
    both.paste(over, (seen.width + 12, 0))
    return both

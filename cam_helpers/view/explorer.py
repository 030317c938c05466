"""`explorer`: turn the class with your hand, and see where its score comes from."""

from typing import TYPE_CHECKING

from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import ClassChoice, Network
from cam_helpers.pictures.open_picture import PictureSource

if TYPE_CHECKING:
    from cam_helpers.view.widget import Explorer


def explorer(
    network: Network | str = "tiny_resnet",
    picture: PictureSource = "cat",
    class_index: ClassChoice | None = None,
    *,
    view: str = "map",
    other: ClassChoice | None = None,
) -> "Explorer":
    """Return a widget that shows a picture, the map of a class, and its sums.

    `network` is one, or a name for `load_network`; `picture` is whatever `open_picture` takes.
    `class_index` is the class to begin with, `None` the best one; `other` the one to compare with.
    `view` is what stands in sight first: `"map"`, `"classes"`, `"channels"`, `"cover"`,
    `"mirror"` or `"scores"`.

    The widget moves in the browser, also while the kernel computes. What the reader chose can be
    read back and set: `class_index`, `other_index`, `cell` (row, column) and `view`; a slider of
    your own is linked with `ipywidgets.jslink((slider, "value"), (widget, "class_index"))`. Stored
    in a notebook it is a frame that stays live without a kernel (`live_map`).

    >>> import cam_helpers as ch
    >>> ch.explorer(picture="cat_and_dog", class_index="cat").class_index
    0
    """
    # ipywidgets is heavy, and whoever wants no widget can do without it.
    from cam_helpers.view.widget import Explorer

    network = load_network(network) if isinstance(network, str) else network
    return Explorer(network, picture, class_index, view=view, other=other)

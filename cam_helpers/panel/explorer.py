"""`explorer`: turn the class with your hand, and see where its score comes from."""

from typing import TYPE_CHECKING

from cam_helpers.networks.network import ClassChoice, Classifier, Network
from cam_helpers.pictures.open_picture import PictureSource

if TYPE_CHECKING:
    from cam_helpers.panel.grad_cam_panel import GradCamExplorer
    from cam_helpers.panel.panel import Explorer


def explorer(
    network: Classifier | str = "tiny_resnet",
    picture: PictureSource = "cat",
    class_index: ClassChoice | None = None,
    *,
    view: str = "the map",
    other_network: Network | str | None = None,
) -> "Explorer | GradCamExplorer":
    """Return a panel of ipywidgets that shows a picture, the map of a class, and its sums.

    `network` and `other_network` are networks or names for `load_network`; the panel lists the two
    shipped ones, `"tiny_resnet"` for drawn scenes and `"tf_mobilenet_v2"` for photographs, and
    `network`, and switches between them. `picture` is whatever `open_picture` takes. `class_index`
    is the class to begin with; `None` takes the best one. `view` is what the panel shows first:
    `"the map"`, `"one cell"`, `"channels one by one"`, `"two classes"` or, where there is an
    `other_network`, `"two networks"`.

    For a classifier without a class activation map (`load_classifier`) the panel is a smaller one:
    Grad-CAM of a class, at a layer of your choice.

    Where something does not fit, the panel says so in a sentence; nothing is raised.
    """
    # ipywidgets is heavy, and whoever wants no panel can do without it.
    from cam_helpers.panel.grad_cam_panel import GradCamExplorer
    from cam_helpers.panel.panel import Explorer

    if isinstance(network, Classifier) and not isinstance(network, Network):
        return GradCamExplorer(network, picture, class_index)
    return Explorer(network, picture, class_index, view=view, other_network=other_network)

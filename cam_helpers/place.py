"""How far is a map drawn from where the network looks? `mirror_test` says.

The sum says how much; moving and mirroring say where. Strides and paddings can put the window that
a cell looks through somewhere else than the square that the cell is drawn in (Araujo et al. 2019,
"Computing Receptive Fields of Convolutional Neural Networks"; Xia et al. 2021 on misalignment in
class activation maps, Pattern Recognition Letters 152). Training can undo that in part, and
nothing in the scores tells.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor

from cam_helpers.explain import explain
from cam_helpers.networks.network import ClassChoice, Network
from cam_helpers.pictures.open_picture import PictureSource
from cam_helpers.step_5_upsample_and_overlay import upsample

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class MirrorTest:
    """What `mirror_test` found.

    `offset` is how many pixels of the input too far right the map is drawn; below 0, too far left.
    `cam` (h, w) is the map of the picture, `cam_mirrored_back` that of the mirrored picture,
    mirrored back: where the drawing is right, the two lie on each other.
    """

    category: str
    offset: float
    cam: Tensor = field(repr=False)
    cam_mirrored_back: Tensor = field(repr=False)
    input_picture: Image.Image = field(repr=False)

    @property
    def _in_words(self) -> str:
        side = "right" if self.offset > 0 else "left"
        return f"{abs(self.offset):.1f} pixels too far {side}"

    @property
    def alt(self) -> str:
        """What `figure` shows, in words."""
        return (
            f"The greyed picture with two outlines of where the network finds {self.category}: of "
            "the picture's map (orange) and of its mirror image's map, mirrored back (purple). "
            f"Their centres lie {2 * abs(self.offset):.1f} pixels apart: the map is drawn "
            f"{self._in_words}."
        )

    def figure(self) -> "Figure":
        """Draw the outlines of both maps, at half of each map's highest value, with the centres."""
        import matplotlib.pyplot as plt

        width, height = self.input_picture.size
        figure, axis = plt.subplots(figsize=(4.5, 5))
        axis.imshow(self.input_picture.convert("L"), cmap="gray", vmin=-120, vmax=255)
        for cam, colour, line, label in (
            (self.cam, "tab:orange", "solid", "map of the picture"),
            (self.cam_mirrored_back, "tab:purple", "dashed", "of its mirror image, mirrored back"),
        ):
            numbers = upsample(cam, (height, width)).numpy()
            axis.contour(numbers, levels=[numbers.max() / 2], colors=colour, linestyles=line)
            x, y = map_centre(cam, (width, height))  # edge to edge; imshow counts pixel middles
            axis.plot(x - 0.5, y - 0.5, "o", color=colour, markeredgecolor="white", label=label)
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, 0), fontsize=8)
        axis.set(xticks=[], yticks=[], title=f"{self.category}: drawn {self._in_words}")
        return figure


def mirror_test(
    network: Network, picture: PictureSource | Tensor, class_index: ClassChoice | None = None
) -> MirrorTest:
    """Compare the map of a picture with that of the mirrored picture, mirrored back.

    Half the distance of their centres is how far to the right the map is drawn from where the
    network looks, in pixels of the input. The class is by default the best one.

    Whatever is mirrored is what the network sees: the input tensor. The answer is about one
    picture; a mean over ten or more says more of the network. It is worth little where the class is
    not in the picture, since evidence without a place follows the border. And it cannot see that
    the network itself prefers one side, that it answers with left and right exchanged (the moved
    picture shows that), or an offset up or down.

    Raises `ValueError` where one of the maps speaks for the class nowhere, so that it has no
    centre, and for a batch; and what `explain` raises.
    """
    batch = network.prepare(picture)
    if len(batch) != 1:
        raise ValueError(f"mirror_test() takes one picture at a time, not {len(batch)}.")
    tensor = batch[0]
    explanation, mirrored = explain(network, tensor), explain(network, tensor.flip(-1))
    if class_index is None:
        class_index = explanation.prediction.top(1)[0].class_index
    index = network.class_index(class_index)
    category = network.categories[index]
    cam, cam_mirrored_back = explanation.cam(index), mirrored.cam(index).flip(-1)
    height, width = tensor.shape[-2:]
    try:
        x, _ = map_centre(cam, (width, height))
        x_mirrored_back, _ = map_centre(cam_mirrored_back, (width, height))
    except ValueError as error:
        raise ValueError(f"The mirror test of {category}: {error}") from error
    offset = (x - x_mirrored_back) / 2
    return MirrorTest(category, offset, cam, cam_mirrored_back, explanation.input_picture)


def map_centre(cam: Tensor, size: tuple[int, int]) -> tuple[float, float]:
    """Return the centre (x, y) of a map (h, w), in pixels of a picture of `size` (width, height).

    It is the centre of gravity of the squared positive part: where the map speaks for the class,
    and most where it does so most strongly. Raises `ValueError` where it nowhere does.
    """
    weight = cam.detach().double().cpu().clamp(min=0) ** 2
    if not weight.sum() > 0:
        raise ValueError(
            "this map is nowhere above zero, so it has no centre. Choose a class that the network "
            "finds in the picture: explain(network, picture).prediction.top(5)."
        )
    rows, columns = weight.shape
    x = (weight.sum(0) @ _cell_centres(columns)) / weight.sum() * size[0]
    y = (weight.sum(1) @ _cell_centres(rows)) / weight.sum() * size[1]
    return x.item(), y.item()


def _cell_centres(cells: int) -> Tensor:
    """Return where the middles of so many cells in a row lie, as shares of the whole."""
    return (torch.arange(cells, dtype=torch.float64) + 0.5) / cells

"""How far is a map drawn from where the network looks? `mirror_test` and `moved_test` say.

The sum says how much; moving and mirroring say where. Strides and paddings can put the window that
a cell looks through somewhere else than the square that the cell is drawn in (Araujo et al. 2019,
"Computing Receptive Fields of Convolutional Neural Networks"; Xia et al. 2021 on misalignment in
class activation maps, Pattern Recognition Letters 152). Where cells talk to each other, as in
transformers, evidence can be kept anywhere. Training can undo the one and bring about the other,
and nothing in the scores tells. Neither test replaces the other:

| what is wrong                                     | mirror_test | moved_test |
|---------------------------------------------------|-------------|------------|
| all maps are drawn some pixels too far right      | finds it    | misses it  |
| ... too far up or down                            | misses it   | misses it  |
| the network takes left for right                  | misses it   | finds it   |
| the map does not care where things are            | misses it   | finds it   |
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from cam_helpers.explain import Explanation, Point, explain
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
        return _draw_outlines(
            self.input_picture,
            {
                "map of the picture": self.cam,
                "of its mirror image, mirrored back": self.cam_mirrored_back,
            },
            f"{self.category}: drawn {self._in_words}",
        )


def mirror_test(
    network: Network, picture: PictureSource | Tensor, class_index: ClassChoice | None = None
) -> MirrorTest:
    """Compare the map of a picture with that of the mirrored picture, mirrored back.

    Half the distance of their centres is how far to the right the map is drawn from where the
    network looks, in pixels of the input. The class is by default the best one.

    Whatever is mirrored is what the network sees: the input tensor. The answer is about one
    picture; a mean over ten or more says more of the network. It is worth little where the class is
    not in the picture, since evidence without a place follows the border, and cannot see that the
    network itself prefers one side. What else it misses, `moved_test` finds (table above).

    Raises `ValueError` where one of the maps speaks for the class nowhere, so that it has no
    centre, and for a batch; and what `explain` raises.

    >>> import cam_helpers as ch
    >>> found = ch.mirror_test(ch.load_network(), "cat_and_dog", "dog")
    >>> abs(found.offset) < 8  # a quarter of a cell
    True
    """
    batch = network.prepare(picture)
    explanation, index = _explained(network, batch, class_index)
    tensor = batch[0]
    cam = explanation.cam(index)
    cam_mirrored_back = explain(network, tensor.flip(-1)).cam(index).flip(-1)
    category = network.categories[index]
    centre, mirrored_back = _centres("mirror", category, [cam, cam_mirrored_back], tensor)
    offset = (centre[0] - mirrored_back[0]) / 2
    return MirrorTest(category, offset, cam, cam_mirrored_back, explanation.input_picture)


@dataclass(frozen=True, eq=False)
class MovedTest:
    """What `moved_test` found.

    The picture moved by `picture_moved`, one cell, and the map's centre by `map_moved`: each
    (x, y), in pixels of the input to the right and down. `cam` (h, w) is the map of the picture,
    `cam_moved_back` that of the moved picture, moved back: where the map follows the picture, the
    two lie on each other.
    """

    category: str
    picture_moved: Point
    map_moved: Point
    cam: Tensor = field(repr=False)
    cam_moved_back: Tensor = field(repr=False)
    input_picture: Image.Image = field(repr=False)

    @property
    def followed(self) -> float:
        """How much of the picture's way the map went: 1 all of it, 0 none, below 0 backwards."""
        (x, y), (to_x, to_y) = self.map_moved, self.picture_moved
        return (x / to_x + y / to_y) / 2

    @property
    def alt(self) -> str:
        """What `figure` shows, in words."""
        return (
            f"The greyed picture with two outlines of where the network finds {self.category}: of "
            "the picture's map (orange) and of the moved picture's map, moved back (purple). The "
            f"map went {self.followed:.0%} of the picture's way."
        )

    def figure(self) -> "Figure":
        """Draw the outlines of both maps, at half of each map's highest value, with the centres."""
        return _draw_outlines(
            self.input_picture,
            {"map of the picture": self.cam, "of the moved one, moved back": self.cam_moved_back},
            f"{self.category}: the map went {self.followed:.0%} of the way",
        )


def moved_test(
    network: Network, picture: PictureSource | Tensor, class_index: ClassChoice | None = None
) -> MovedTest:
    """Move the picture by one cell, sideways and up or down, and see how far the map moves.

    Of the four corners to move towards it takes the one where the class keeps the highest score, so
    that an object near the border is not moved out. Whatever is moved is what the network sees: the
    input tensor; its outermost pixels fill the space that becomes free. The class is by default the
    best one. A map of convolutions follows all the way; one that is the same wherever things are
    stays where it is.

    How far to trust the answer: as `mirror_test`, which finds what this misses.

    Raises `ValueError` where one of the maps speaks for the class nowhere, so that it has no
    centre, and for a batch; and what `explain` raises.

    >>> import cam_helpers as ch
    >>> 0.8 < ch.moved_test(ch.load_network(), "cat_and_dog", "dog").followed < 1.2
    True
    """
    batch = network.prepare(picture)
    explanation, index = _explained(network, batch, class_index)
    tensor = batch[0]
    cam = explanation.cam(index)
    side = tensor.shape[2] // cam.shape[1], tensor.shape[1] // cam.shape[0]
    ways = [(x, y) for x in (-1, 1) for y in (-1, 1)]
    all_moved = [explain(network, _moved(tensor, x * side[0], y * side[1])) for x, y in ways]
    (x, y), moved = max(zip(ways, all_moved, strict=True), key=lambda pair: pair[1].score(index))
    cam_moved = moved.cam(index)
    category = network.categories[index]
    before, after = _centres("moved", category, [cam, cam_moved], tensor)
    return MovedTest(
        category,
        (x * side[0], y * side[1]),
        (after[0] - before[0], after[1] - before[1]),
        cam,
        pad(cam_moved, (-x, x, -y, y)),  # 0 where nothing is known: it has left the picture
        explanation.input_picture,
    )


def _moved(tensor: Tensor, right: int, down: int) -> Tensor:
    """Return a tensor (C, H, W) moved by so many pixels, its outermost ones repeated."""
    height, width = tensor.shape[1:]
    rows = (torch.arange(height) - down).clamp(0, height - 1)
    columns = (torch.arange(width) - right).clamp(0, width - 1)
    return tensor[:, rows][:, :, columns]


def _explained(
    network: Network, batch: Tensor, class_index: ClassChoice | None
) -> tuple[Explanation, int]:
    """Return the explanation of a batch of one, and the index of the class that is meant."""
    if len(batch) != 1:
        raise ValueError(f"A test of the place takes one picture at a time, not {len(batch)}.")
    explanation = explain(network, batch[0])
    if class_index is None:
        class_index = explanation.prediction.top(1)[0].class_index
    return explanation, network.class_index(class_index)


def _centres(test: str, category: str, cams: Sequence[Tensor], tensor: Tensor) -> list[Point]:
    """Return the centres of maps in pixels of the input; the error names the test."""
    height, width = tensor.shape[-2:]
    try:
        return [map_centre(cam, (width, height)) for cam in cams]
    except ValueError as error:
        raise ValueError(f"The {test} test of {category}: {error}") from error


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


def _draw_outlines(picture: Image.Image, cams: Mapping[str, Tensor], title: str) -> "Figure":
    """Draw the outlines of two maps with their centres over the greyed picture."""
    import matplotlib.pyplot as plt

    width, height = picture.size
    figure, axis = plt.subplots(figsize=(4.5, 5))
    axis.imshow(picture.convert("L"), cmap="gray", vmin=-120, vmax=255)
    styles = ("tab:orange", "solid"), ("tab:purple", "dashed")
    for (label, cam), (colour, line) in zip(cams.items(), styles, strict=True):
        numbers = upsample(cam, (height, width)).numpy()
        axis.contour(numbers, levels=[numbers.max() / 2], colors=colour, linestyles=line)
        x, y = map_centre(cam, (width, height))  # edge to edge; imshow counts pixel middles
        axis.plot(x - 0.5, y - 0.5, "o", color=colour, markeredgecolor="white", label=label)
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, 0), fontsize=8)
    axis.set(xticks=[], yticks=[], title=title)
    return figure

"""What the explorer can show: a view has its own controls and draws one class of a picture."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import ipywidgets as widgets

from cam_helpers.cells import frame_cell
from cam_helpers.display.controls import WIDE, CellPicker, class_options
from cam_helpers.display.show import rounded
from cam_helpers.display.wording import describe_cam, describe_difference, describe_map
from cam_helpers.explain import Explanation, explain
from cam_helpers.map_style import MapStyle
from cam_helpers.networks.network import Network
from cam_helpers.panel.screen import (
    SIDE,
    CaptionedPicture,
    Content,
    Subject,
    balance,
    cells_picture,
    colour_bar,
    map_bar,
    overlay_picture,
    table_markup,
    title_of,
)
from cam_helpers.panel.sums import partial_cam, sum_of_cell
from cam_helpers.pictures.open_picture import open_picture
from cam_helpers.step_5_upsample_and_overlay import upsample

SIDE_BY_SIDE = "side by side"


class View(ABC):
    """One way to look: its controls, and those of them that the drawing depends on."""

    name: str
    controls: Sequence[widgets.Widget] = ()
    watched: Sequence[widgets.Widget] = ()

    def start(self, subject: Subject) -> None:
        """Fit the controls to another picture or network."""
        return

    @abstractmethod
    def draw(self, subject: Subject, class_index: int, style: MapStyle) -> Content:
        """Draw one class."""


class MapView(View):
    """The map of the class, over the picture and cell by cell, and its balance."""

    name = "the map"

    def __init__(self) -> None:
        options = [SIDE_BY_SIDE, "crop", "map", "overlay"]
        self.show = widgets.Dropdown(description="show", options=options, style=WIDE)
        self.controls = self.watched = (self.show,)

    def draw(self, subject: Subject, class_index: int, style: MapStyle) -> Content:
        """Draw picture, map and overlay, or one of them."""
        explanation, show = subject.explanation, self.show.value
        cam, limits = explanation.cam(class_index), explanation.limits(class_index, style.scale)
        alt = describe_map(explanation, class_index, subject.boxes)
        over = "The map over the crop." if show == SIDE_BY_SIDE else alt
        pictures = {
            "crop": subject.crop,
            "map": cells_picture(cam, style, limits, "map, cell by cell", alt),
            "overlay": overlay_picture(explanation, cam, style, limits, "overlay", over),
        }
        names = ("mean(map)", "+ bias", "= score")
        return Content(
            title_of(explanation, class_index),
            list(pictures.values()) if show == SIDE_BY_SIDE else [pictures[show]],
            table_markup(zip(names, balance(explanation, class_index), strict=True)),
            map_bar(style, limits),
        )


class CellView(View):
    """One cell of the map: what the network sees there, and the sum behind its number."""

    name = "one cell"

    def __init__(self) -> None:
        self.cell = CellPicker()
        self.controls = self.watched = (self.cell,)

    def start(self, subject: Subject) -> None:
        """Begin at the peak of the best class."""
        best = subject.explanation.prediction.top(1)[0].class_index
        cam = subject.explanation.cam(best)
        self.cell.fit(*cam.shape)
        self.cell.value = divmod(int(cam.argmax()), cam.shape[1])

    def draw(self, subject: Subject, class_index: int, style: MapStyle) -> Content:
        """Draw map, picture and overlay, each with the cell framed."""
        explanation, (row, column) = subject.explanation, self.cell.value
        cam, limits = explanation.cam(class_index), explanation.limits(class_index, style.scale)
        alt = describe_map(explanation, class_index, subject.boxes)
        number = rounded(cam[row, column].item())
        cells, crop, over = (
            CaptionedPicture(
                frame_cell(plain.picture, (row, column), cam.shape),
                plain.caption,
                f"{plain.alt} The frame is cell row {row}, column {column}, at {number}.",
            )
            for plain in (
                cells_picture(cam, style, limits, "map, cell by cell", alt),
                subject.crop,
                overlay_picture(
                    explanation, cam, style, limits, "overlay", "The map over the crop."
                ),
            )
        )
        self.cell.picture.value = cells.image
        return Content(
            title_of(explanation, class_index),
            [crop, over],
            self._table(explanation, class_index),
            map_bar(style, limits),
            aside=cells,
        )

    def _table(self, explanation: Explanation, class_index: int) -> str:
        """Return the sum behind the number of the cell."""
        row, column = self.cell.value
        found = sum_of_cell(explanation, class_index, row, column)
        others, empty = len(explanation.feature_maps) - len(found.strongest), [""] * 4
        return table_markup(
            [
                ("strongest channels", "weight", "", "activation", "", "contribution"),
                *(
                    (
                        f"channel {one.channel}",
                        one.weight,
                        "x",
                        one.activation,
                        "=",
                        one.contribution,
                    )
                    for one in found.strongest
                ),
                (f"the other {others}", *empty, found.rest),
                (f"cell ({row}, {column}) of the map", *empty, found.total),
            ]
        )


class ChannelsView(View):
    """The map grows channel by channel, those first that add or take most."""

    name = "channels one by one"

    def __init__(self) -> None:
        self.count = widgets.IntSlider(description="channels", value=1, min=1, style=WIDE)
        self.play = widgets.Play(value=1, min=1)
        self.typed = widgets.BoundedIntText(
            description="number of channels", value=1, min=1, style=WIDE
        )
        widgets.jslink((self.play, "value"), (self.count, "value"))
        widgets.link((self.count, "value"), (self.typed, "value"))
        above = {"flex_flow": "row wrap", "width": "100%"}
        self.controls = (widgets.HBox([self.play, self.count, self.typed], layout=above),)
        self.watched = (self.count,)

    def start(self, subject: Subject) -> None:
        """Offer as many channels as there are."""
        channels = len(subject.explanation.feature_maps)
        self.count.max = self.play.max = self.typed.max = channels
        # One by one, so that it ends at the full map; in about twelve seconds where that can be.
        self.play.interval = max(20, 12_000 // channels)

    def draw(self, subject: Subject, class_index: int, style: MapStyle) -> Content:
        """Draw the sum of the largest channels, in the colours of the whole map."""
        explanation, count, channels = subject.explanation, self.count.value, self.count.max
        limits = explanation.limits(class_index, style.scale)
        cam = partial_cam(explanation, class_index, count)
        category = explanation.network.categories[class_index]
        alt = describe_cam(cam, f"the sum of the first {count} of {channels} for {category}")
        mean, bias, score = balance(explanation, class_index)
        return Content(
            title_of(explanation, class_index),
            [
                subject.crop,
                cells_picture(cam, style, limits, "sum, cell by cell", alt),
                overlay_picture(
                    explanation, cam, style, limits, "overlay", "The sum over the crop."
                ),
            ],
            table_markup(
                [
                    (f"mean of the sum of {count} channels", cam.mean().item()),
                    (f"+ mean of the other {channels - count}", mean - cam.mean().item()),
                    ("+ bias", bias),
                    ("= score", score),
                ]
            ),
            map_bar(style, limits),
        )


class Side(NamedTuple):
    """One of two maps to compare."""

    explanation: Explanation
    class_index: int
    name: str


class ClassesView(View):
    """Two classes on one scale, and their difference: why this one rather than that one."""

    name = "two classes"

    def __init__(self) -> None:
        self.other = widgets.Dropdown(description="other class", style=WIDE)
        self.controls = self.watched = (self.other,)

    def start(self, subject: Subject) -> None:
        """Begin with the runner-up."""
        self.other.options = class_options(subject.explanation.network)
        self.other.value = subject.explanation.prediction.top(2)[-1].class_index

    def draw(self, subject: Subject, class_index: int, style: MapStyle) -> Content:
        """Draw both maps and the first minus the second."""
        explanation = subject.explanation
        names = explanation.network.categories
        both = [Side(explanation, one, names[one]) for one in (class_index, self.other.value)]
        return compare(both, style)


class NetworksView(View):
    """One class through the eyes of two networks."""

    name = "two networks"

    def __init__(self, other: Network) -> None:
        self.other = other
        self.explained: Explanation | None = None

    def start(self, subject: Subject) -> None:
        """Forget the other network's explanation of the picture before."""
        self.explained = None

    def draw(self, subject: Subject, class_index: int, style: MapStyle) -> Content:
        """Draw both networks' maps and the first minus the second."""
        network = subject.explanation.network
        category = network.categories[class_index]
        other_index = self.other.class_index(category)
        if self.explained is None:
            self.explained = self._explained(network, subject)
        name = f"{'the other ' if self.other.name == network.name else ''}{self.other.name}"
        first = Side(subject.explanation, class_index, f"{category} by {network.name}")
        return compare([first, Side(self.explained, other_index, f"{category} by {name}")], style)

    def _explained(self, network: Network, subject: Subject) -> Explanation:
        """Return what the other network makes of the picture, if both see the same part of it."""
        picture = open_picture(subject.source)
        seen, other = (
            tuple(map(round, one.seen_box(picture.size))) for one in (network, self.other)
        )
        if seen != other:
            raise ValueError(
                f"{network.name} and {self.other.name} see different parts of this picture, the "
                f"pixels {seen} and {other} (left, top, right, bottom): their maps cannot be "
                "subtracted. Choose networks with the same crop."
            )
        return explain(self.other, picture)


def compare(sides: Sequence[Side], style: MapStyle) -> Content:
    """Draw two maps of one crop on one scale, and the first minus the second, in score units."""
    cams = [side.explanation.cam(side.class_index) for side in sides]
    limits = min(cam.min().item() for cam in cams), max(cam.max().item() for cam in cams)
    pictures = []
    for side, cam in zip(sides, cams, strict=True):
        alt = describe_cam(cam, f"the map of {side.name}")
        pictures.append(overlay_picture(side.explanation, cam, style, limits, side.name, alt))
    if cams[0].shape != cams[1].shape:  # of two networks: only their pixels can be compared
        cams = [upsample(cam, (SIDE, SIDE)) for cam in cams]
    difference, signed = cams[0] - cams[1], replace(style, style="evidence", opacity=None)
    ends = difference.min().item(), difference.max().item()
    explanation, (left, right) = sides[0].explanation, [side.name for side in sides]
    alt = describe_difference(difference, left, right)
    pictures.append(overlay_picture(explanation, difference, signed, ends, "difference", alt))
    names = ("mean(first map) - mean(second map)", "+ difference of the biases")
    first, second = (balance(side.explanation, side.class_index) for side in sides)
    numbers = [one - other for one, other in zip(first, second, strict=True)]
    return Content(
        f"{left} or {right}?",
        pictures,
        table_markup(zip((*names, "= difference of the scores"), numbers, strict=True)),
        colour_bar(style, limits, "both maps on one scale, score")
        + colour_bar(signed, ends, "difference, score"),
    )

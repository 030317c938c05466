"""What the explorer can show: a view has its own controls and draws one class of a picture."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import ipywidgets as widgets
from PIL import Image

from cam_helpers.display.controls import WIDE, CellPicker
from cam_helpers.display.wording import describe_cam, describe_map, rounded
from cam_helpers.explain import Explanation, explain
from cam_helpers.networks.network import Network
from cam_helpers.panel.screen import (
    ALL_THREE,
    SIDE,
    Drawing,
    Figure,
    Subject,
    balance_sheet,
    bar_markup,
    cell_sheet,
    colour_bar,
    difference_figure,
    overlay_figure,
    sheet_markup,
    title_of,
)
from cam_helpers.panel.sums import partial_cam
from cam_helpers.step_5_upsample_and_overlay import MapStyle, colourise, frame_cell, upsample


class View(ABC):
    """One way to look."""

    name: str
    controls: Sequence[widgets.Widget] = ()  # above the screen
    beside: Sequence[widgets.Widget] = ()  # to the left of it
    watched: Sequence[widgets.Widget] = ()  # those whose value the drawing depends on

    def start(self, subject: Subject) -> None:
        """Fit the controls to another picture."""
        return

    @abstractmethod
    def draw(self, subject: Subject, class_index: int, style: MapStyle, show: str) -> Drawing:
        """Draw one class."""

    def show_aside(self, markup: str) -> None:
        """Put a picture on the view's own controls, where they have room for one."""
        return


class MapView(View):
    """The map of the class, over the picture and cell by cell, and its balance."""

    name = "the map"

    def draw(self, subject: Subject, class_index: int, style: MapStyle, show: str) -> Drawing:
        """Draw picture, map and overlay."""
        explanation = subject.explanation
        cam = explanation.cam(class_index)
        limits = explanation.limits(class_index, style.scale)
        alt = describe_map(explanation, class_index, subject.boxes)
        draw: dict[str, Callable[[], Figure]] = {
            "map": lambda: Figure(colourise(cam, style, limits=limits), "map, cell by cell", alt),
            "overlay": lambda: overlay_figure(explanation, cam, style, limits),
        }
        figures = [draw[key]() for key in draw if show in (key, ALL_THREE)]
        if show == "overlay":
            figures = [replace(figures[0], alt=f"{alt} {figures[0].alt}")]
        return Drawing(
            title_of(explanation, class_index),
            figures,
            balance_sheet(explanation, class_index),
            colour_bar(style, limits),
            crop=subject.figure if show in ("crop", ALL_THREE) else None,
        )


class CellView(View):
    """One cell of the map: what the network sees there, and the sum behind its number."""

    name = "one cell"

    def __init__(self, rows: int, columns: int) -> None:
        self.cell = CellPicker(rows, columns)
        self.beside = self.watched = (self.cell,)

    def start(self, subject: Subject) -> None:
        """Begin at the peak of the best class."""
        best = subject.explanation.prediction.top(1)[0].class_index
        cam = subject.explanation.cam(best)
        self.cell.value = divmod(int(cam.argmax()), cam.shape[1])

    def draw(self, subject: Subject, class_index: int, style: MapStyle, show: str) -> Drawing:
        """Draw map, picture and overlay, each with the cell framed."""
        explanation = subject.explanation
        cam = explanation.cam(class_index)
        limits = explanation.limits(class_index, style.scale)
        row, column = self.cell.value
        alt = describe_map(explanation, class_index, subject.boxes)
        cells = colourise(cam, style, limits=limits)
        cells = cells.resize((SIDE, SIDE), Image.Resampling.NEAREST)
        cells = frame_cell(cells, (row, column), cam.shape)
        framed = (
            f"The frame is cell row {row}, column {column}, at {rounded(cam[row, column].item())}."
        )
        figures = [
            Figure(
                frame_cell(figure.picture, (row, column), cam.shape),
                figure.caption,
                f"{figure.alt} {framed}",
            )
            for figure in (subject.figure, overlay_figure(explanation, cam, style, limits))
        ]
        return Drawing(
            title_of(explanation, class_index),
            figures,
            cell_sheet(explanation, class_index, row, column),
            colour_bar(style, limits),
            aside=Figure(cells, "map, cell by cell", f"{alt} {framed}"),
        )

    def show_aside(self, markup: str) -> None:
        """Put the map under the buttons of the cells."""
        self.cell.picture.value = markup


class ChannelsView(View):
    """The map grows channel by channel, those first that add or take most."""

    name = "channels one by one"

    def __init__(self, channels: int) -> None:
        self.count = widgets.IntSlider(description="channels", value=1, max=channels, style=WIDE)
        # One by one, so that it ends at the full map; in about twelve seconds where that can be.
        self.play = widgets.Play(value=1, max=channels, interval=max(20, 12_000 // channels))
        self.typed = widgets.BoundedIntText(
            description="number of channels", value=1, max=channels, style=WIDE
        )
        widgets.jslink((self.play, "value"), (self.count, "value"))
        widgets.link((self.count, "value"), (self.typed, "value"))
        wrapped = widgets.Layout(flex_flow="row wrap")
        self.controls = (widgets.HBox([self.play, self.count, self.typed], layout=wrapped),)
        self.watched = (self.count,)

    def draw(self, subject: Subject, class_index: int, style: MapStyle, show: str) -> Drawing:
        """Draw the sum of the largest channels, in the colours of the whole map."""
        explanation = subject.explanation
        limits = explanation.limits(class_index, style.scale)
        cam = partial_cam(explanation, class_index, self.count.value)
        category = explanation.network.categories[class_index]
        what = f"the sum of the first {self.count.value} of {self.count.max} for {category}"
        figures = [
            Figure(
                colourise(cam, style, limits=limits),
                "sum, cell by cell",
                describe_cam(cam, what),
            ),
            overlay_figure(explanation, cam, style, limits, "sum"),
        ]
        rest = explanation.cam(class_index).mean().item() - cam.mean().item()
        bias = explanation.class_weights(class_index).bias.item()
        rows = [
            (f"mean of the sum of {self.count.value} channels", cam.mean().item()),
            (f"+ mean of the other {self.count.max - self.count.value}", rest),
            ("+ bias", bias),
            ("= score", explanation.score(class_index)),
        ]
        return Drawing(
            title_of(explanation, class_index),
            figures,
            sheet_markup(rows),
            colour_bar(style, limits),
            crop=subject.figure,
        )


class ClassesView(View):
    """Two classes on one scale, and their difference: why this one rather than that one."""

    name = "two classes"

    def __init__(self, network: Network) -> None:
        options = [(f"{i} {category}", i) for i, category in enumerate(network.categories)]
        self.other = widgets.Dropdown(description="other class", options=options, style=WIDE)
        self.controls = self.watched = (self.other,)

    def start(self, subject: Subject) -> None:
        """Begin with the runner-up."""
        self.other.value = subject.explanation.prediction.top(2)[-1].class_index

    def draw(self, subject: Subject, class_index: int, style: MapStyle, show: str) -> Drawing:
        """Draw both maps and the first minus the second."""
        explanation = subject.explanation
        sides = [
            Side(explanation, index, explanation.network.categories[index])
            for index in (class_index, self.other.value)
        ]
        return draw_two(sides[0], sides[1], style)


class NetworksView(View):
    """One class through the eyes of two networks."""

    name = "two networks"

    def __init__(self, other: Network) -> None:
        self.other = other
        self.explained: Explanation | None = None

    def start(self, subject: Subject) -> None:
        """Forget the other network's explanation of the picture before."""
        self.explained = None

    def draw(self, subject: Subject, class_index: int, style: MapStyle, show: str) -> Drawing:
        """Draw both networks' maps and the first minus the second."""
        explanation = subject.explanation
        if self.explained is None:
            picture = explanation.whole_picture or explanation.input_picture
            self.explained = explain(self.other, picture)
        category = explanation.network.categories[class_index]
        other_index = self.other.class_index(category)
        first, second = explanation.network.name, self.other.name
        if first == second:
            second = f"the other {second}"
        return draw_two(
            Side(explanation, class_index, f"{category} by {first}"),
            Side(self.explained, other_index, f"{category} by {second}"),
            style,
        )


class Side(NamedTuple):
    """One of two maps to compare."""

    explanation: Explanation
    class_index: int
    name: str

    @property
    def balance(self) -> tuple[float, float, float]:
        """mean(map), bias and score."""
        return (
            self.explanation.cam(self.class_index).mean().item(),
            self.explanation.class_weights(self.class_index).bias.item(),
            self.explanation.score(self.class_index),
        )


def draw_two(left: Side, right: Side, style: MapStyle) -> Drawing:
    """Draw two maps on one scale, and the left minus the right, in score units."""
    sides = (left, right)
    cams = [side.explanation.cam(side.class_index) for side in sides]
    if cams[0].shape != cams[1].shape:  # of two networks; only their pixels can be compared
        cams = [upsample(cam, (SIDE, SIDE)) for cam in cams]
    limits = (min(cam.min().item() for cam in cams), max(cam.max().item() for cam in cams))
    figures = []
    for side, cam in zip(sides, cams, strict=True):
        drawn = overlay_figure(side.explanation, cam, style, limits)
        text = describe_cam(side.explanation.cam(side.class_index), f"the map of {side.name}")
        figures.append(Figure(drawn.picture, side.name, text))
    difference = cams[0] - cams[1]
    most = difference.abs().max().item()
    figures.append(difference_figure(difference, most, left.name, right.name))
    bars = bar_markup(style, limits, "both maps on one scale, score")
    bars += bar_markup(MapStyle(), (-most, most), "difference, score")
    return Drawing(f"{left.name} or {right.name}?", figures, difference_sheet(left, right), bars)


def difference_sheet(left: Side, right: Side) -> str:
    """Return the balance of the difference: of the maps' means and biases comes the scores'."""
    mean, bias, score = (
        one - other for one, other in zip(left.balance, right.balance, strict=True)
    )
    return sheet_markup(
        [
            ("mean(first map) - mean(second map)", mean),
            ("+ difference of the biases", bias),
            ("= difference of the scores", score),
        ]
    )

"""What stands on the explorer's screen: pictures with texts, colour bars, tables of numbers."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from PIL import Image
from torch import Tensor

from cam_helpers.display.controls import CellPicker
from cam_helpers.display.show import picture_markup
from cam_helpers.display.wording import (
    describe_difference,
    describe_picture,
    describe_style,
    rounded,
)
from cam_helpers.explain import Explanation
from cam_helpers.panel.sums import sum_of_cell
from cam_helpers.pictures.annotations import Boxes
from cam_helpers.step_5_upsample_and_overlay import (
    Limits,
    MapStyle,
    colourise,
    legend,
    overlay,
    upsample,
)

SIDE = CellPicker.SIDE  # of every picture on the screen, in pixels
ALL_THREE = "side by side"
_TABLE = '<table style="text-align: left; line-height: 1.4">'


@dataclass(frozen=True)
class Figure:
    """A picture with its caption, and its text for those who do not see it."""

    picture: Image.Image
    caption: str
    alt: str

    @cached_property
    def image(self) -> str:
        """The HTML of the picture alone."""
        return picture_markup(self.picture, self.alt, SIDE, moving=True)

    @cached_property
    def markup(self) -> str:
        """The HTML of the picture and its caption."""
        return self._with_caption(self.image)

    @property
    def still(self) -> str:
        """The same for a stored notebook, whose readers may see enlarged pixels blurred."""
        scale = -(-SIDE // self.picture.width)  # rounded up
        size = (self.picture.width * scale, self.picture.height * scale)
        picture = self.picture.resize(size, Image.Resampling.NEAREST)
        return self._with_caption(picture_markup(picture, self.alt, SIDE))

    def _with_caption(self, image: str) -> str:
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>"
        return f'<figure style="margin: 0">{image}{caption}</figure>'


@dataclass(frozen=True)
class Subject:
    """The picture on the screen, explained; its name, and the boxes of its objects if known."""

    explanation: Explanation
    name: str
    boxes: Boxes

    @cached_property
    def figure(self) -> Figure:
        """The crop that the network saw; encoded once for all classes."""
        alt = describe_picture(self.name, self.boxes)
        return Figure(self.explanation.input_picture, "crop", alt)


class Drawing(NamedTuple):
    """All that a view puts on the screen, in one piece: a map never stands under a new name."""

    title: str
    figures: list[Figure]
    sheet: str  # HTML, the numbers
    bars: str  # HTML, what the colours mean
    crop: Figure | None = None  # apart from the others, since it stays while the class changes
    aside: Figure | None = None  # what a view shows on its own controls

    @property
    def alt(self) -> str:
        """The texts of all figures, a line each."""
        return "\n".join(figure.alt for figure in (self.aside, self.crop, *self.figures) if figure)

    @property
    def markup(self) -> str:
        """The HTML of all but the crop and what stands aside, quickly made."""
        return self._around(figure.markup for figure in self.figures)

    def crop_markup(self, name: str) -> str:
        """Return the HTML of the crop below the name of its picture."""
        if not self.crop:
            return ""
        return f'<div style="margin-right: 10px">{html.escape(name)}{self.crop.markup}</div>'

    @property
    def still(self) -> str:
        """The HTML of the whole drawing for a stored notebook."""
        aside = self.aside.still if self.aside else ""
        row = [self.crop, *self.figures] if self.crop else self.figures
        return aside + self._around(figure.still for figure in row)

    def _around(self, figures: Iterable[str]) -> str:
        return (
            f"<strong>{html.escape(self.title)}</strong>"
            f'<div style="display: flex; flex-wrap: wrap; gap: 12px">{"".join(figures)}'
            f"<div>{self.sheet}</div></div>{self.bars}"
        )


def difference_figure(difference: Tensor, most: float, left: str, right: str) -> Figure:
    """Draw a difference of two maps as evidence: orange where the left one is higher."""
    picture = colourise(upsample(difference, (SIDE, SIDE)), limits=(-most, most))
    return Figure(picture, "difference", describe_difference(difference, left, right))


def overlay_figure(
    explanation: Explanation, cam: Tensor, style: MapStyle, limits: Limits, what: str = "map"
) -> Figure:
    """Lay a map over the crop that the network saw."""
    picture = overlay(explanation.input_picture, cam, style, limits=limits)
    alt = f"The {what} over the crop, {describe_style(style)}."
    return Figure(picture, "overlay", alt)


def colour_bar(style: MapStyle, limits: Limits, what: str = "map") -> str:
    """Return the bar of a map's colours, with its unit and what the scale is."""
    if style.scale == "min-max":
        return bar_markup(style, (0, 1), f"{what}, rescaled by itself: no unit")
    shared = "shared by all classes" if style.scale == "shared" else "this map's own"
    return bar_markup(style, limits, f"{what}, score; scale {shared}")


def bar_markup(style: MapStyle, limits: Limits, text: str) -> str:
    """Return an HTML colour bar; evidence has zero in its middle."""
    low, high = map(rounded, style.ends(limits))
    return f"<div>{low} {_gradient(style)} {high} ({html.escape(text)})</div>"


@lru_cache(maxsize=32)
def _gradient(style: MapStyle) -> str:
    alt = f"The colours from low to high: {describe_style(style)}."
    return picture_markup(legend(style).resize((256, 12)), alt, SIDE)


def title_of(explanation: Explanation, class_index: int) -> str:
    """Return one line about a class: name, score, rank and probability."""
    prediction = explanation.prediction
    score, ranks = explanation.score(class_index), prediction.ranks
    probability = prediction.probabilities[class_index].item()
    return (
        f"{explanation.network.categories[class_index]}: score {rounded(score)}, "
        f"rank {ranks[class_index]} of {len(ranks)}, probability {probability:.1%}"
    )


def balance_sheet(explanation: Explanation, class_index: int) -> str:
    """Return the table of mean(map) + bias = score."""
    return sheet_markup(
        [
            ("mean(map)", explanation.cam(class_index).mean().item()),
            ("+ bias", explanation.class_weights(class_index).bias.item()),
            ("= score", explanation.score(class_index)),
        ]
    )


def cell_sheet(explanation: Explanation, class_index: int, row: int, column: int) -> str:
    """Return the table of the sum behind one cell."""
    found = sum_of_cell(explanation, class_index, row, column)
    lines = [
        f"<tr>{_name(f'channel {term.channel}')}{_number(term.weight)}<td>x</td>"
        f"{_number(term.activation)}<td>=</td>{_number(term.contribution)}</tr>"
        for term in found.strongest
    ]
    others = explanation.feature_maps.shape[0] - len(found.strongest)
    empty = "<td></td>" * 4
    return (
        f"{_TABLE}<tr><th>strongest channels</th><th>weight</th><td></td><th>activation</th>"
        f"<td></td><th>contribution</th></tr>{''.join(lines)}"
        f"<tr>{_name(f'the other {others}')}{empty}{_number(found.rest)}</tr>"
        f"<tr>{_name(f'cell ({row}, {column}) of the map')}{empty}{_number(found.total)}</tr>"
        "</table>"
    )


def sheet_markup(rows: Sequence[tuple[str, float]]) -> str:
    """Return a table of named numbers."""
    cells = "".join(f"<tr>{_name(name)}{_number(number)}</tr>" for name, number in rows)
    return f"{_TABLE}{cells}</table>"


def _name(name: str) -> str:
    return f'<th scope="row">{html.escape(name)}</th>'


def _number(number: float) -> str:
    return f'<td style="text-align: right">{rounded(number)}</td>'

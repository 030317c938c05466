"""What stands on the explorer's screen: pictures with texts, colour bars, tables of numbers."""

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from PIL import Image
from torch import Tensor

from cam_helpers.display.controls import CellPicker
from cam_helpers.display.show import legend, picture_markup, rounded
from cam_helpers.display.wording import describe_picture, describe_style
from cam_helpers.drawn.annotations import Boxes, shipped_boxes
from cam_helpers.explain import Explanation
from cam_helpers.map_style import Limits, MapStyle
from cam_helpers.pictures.open_picture import PictureSource
from cam_helpers.step_5_upsample_and_overlay import colourise, overlay

SIDE = CellPicker.SIDE  # of every picture on the screen, in pixels


@dataclass(frozen=True)
class CaptionedPicture:
    """A picture with its caption, and its text for those who do not see it."""

    picture: Image.Image
    caption: str
    alt: str

    @cached_property
    def image(self) -> str:
        """The HTML of the picture alone."""
        return picture_markup(self.picture, self.alt, SIDE)

    @property
    def markup(self) -> str:
        """The HTML of the picture and its caption."""
        caption = f"<figcaption>{html.escape(self.caption)}</figcaption>"
        return f'<figure style="margin: 0">{self.image}{caption}</figure>'


@dataclass(frozen=True)
class Subject:
    """The picture on the screen, explained; where it came from, and its name."""

    explanation: Explanation
    source: PictureSource
    name: str

    @property
    def boxes(self) -> Boxes:
        """The boxes of its objects, where they are known."""
        return shipped_boxes(self.source)

    @cached_property
    def crop(self) -> CaptionedPicture:
        """The crop that the network saw; encoded once for all classes."""
        alt = describe_picture(self.name, self.boxes)
        return CaptionedPicture(self.explanation.input_picture, "crop", alt)


@dataclass(frozen=True)
class Content:
    """All that a view puts on the screen, in one piece: a map never stands under a new name."""

    title: str
    pictures: Sequence[CaptionedPicture]
    table: str  # HTML, the numbers
    bars: str  # HTML, what the colours mean
    aside: CaptionedPicture | None = None  # what a view shows on its own controls

    @property
    def alt(self) -> str:
        """The texts of all pictures, a line each."""
        return "\n".join(one.alt for one in (self.aside, *self.pictures) if one)

    @property
    def markup(self) -> str:
        """The HTML of all but what stands aside."""
        return (
            f"<strong>{html.escape(self.title)}</strong>"
            '<div style="display: flex; flex-wrap: wrap; gap: 12px">'
            f"{''.join(one.markup for one in self.pictures)}"
            f"<div>{self.table}</div></div>{self.bars}"
        )


def cells_picture(
    cam: Tensor, style: MapStyle, limits: Limits, caption: str, alt: str
) -> CaptionedPicture:
    """Draw a map cell by cell, in squares so large that no browser blurs them."""
    cells = colourise(cam, style, limits=limits)
    return CaptionedPicture(cells.resize((SIDE, SIDE), Image.Resampling.NEAREST), caption, alt)


def overlay_picture(
    explanation: Explanation, cam: Tensor, style: MapStyle, limits: Limits, caption: str, alt: str
) -> CaptionedPicture:
    """Lay a map over the crop that the network saw."""
    picture = overlay(explanation.input_picture, cam, style, limits=limits)
    return CaptionedPicture(picture, caption, alt)


def title_of(explanation: Explanation, class_index: int) -> str:
    """Return one line about a class: name, score, rank and probability."""
    prediction = explanation.prediction
    score, ranks = explanation.score(class_index), prediction.ranks
    probability = prediction.probabilities[class_index].item()
    return (
        f"{explanation.network.categories[class_index]}: score {rounded(score)}, "
        f"rank {ranks[class_index]} of {len(ranks)}, probability {probability:.1%}"
    )


def map_bar(style: MapStyle, limits: Limits) -> str:
    """Return the bar of a map's colours, with its unit and what the scale is."""
    if style.scale == "min-max":
        return colour_bar(style, (0, 1), "map, rescaled by itself to 0..1: no unit")
    shared = "shared by all classes" if style.scale == "shared" else "this map's own"
    return colour_bar(style, limits, f"map, score; scale {shared}")


def colour_bar(style: MapStyle, limits: Limits, text: str) -> str:
    """Return an HTML colour bar between its two ends."""
    low, high = map(rounded, style.ends(limits))
    bar = legend(style).resize((SIDE, 12))
    image = picture_markup(bar, f"The colours from {low} to {high}: {describe_style(style)}.")
    return f"<div>{low} {image} {high} ({html.escape(text)})</div>"


def balance(explanation: Explanation, class_index: int) -> tuple[float, float, float]:
    """Return mean(map), bias and score: the first two add up to the third."""
    mean, bias = explanation.cam(class_index).mean(), explanation.class_weights(class_index).bias
    return mean.item(), bias.item(), explanation.score(class_index)


def table_markup(rows: Iterable[Sequence[str | float]]) -> str:
    """Return an HTML table of numbers; the first of a row is its name."""
    lines = []
    for name, *cells in rows:
        texts = [rounded(one) if isinstance(one, float) else html.escape(one) for one in cells]
        numbers = "".join(f'<td style="text-align: right">{text}</td>' for text in texts)
        lines.append(f'<tr><th scope="row">{html.escape(str(name))}</th>{numbers}</tr>')
    return f'<table style="text-align: left; line-height: 1.4">{"".join(lines)}</table>'

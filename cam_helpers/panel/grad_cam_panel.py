"""The explorer of a classifier without a class activation map: Grad-CAM, at any of its layers."""

import html
from collections.abc import Mapping

import ipywidgets as widgets

from cam_helpers.display.controls import WIDE, ClassPicker, Panel
from cam_helpers.display.show import rounded
from cam_helpers.display.wording import describe_cam
from cam_helpers.grad_cam import grad_cam, grad_cam_layers
from cam_helpers.map_style import MapStyle
from cam_helpers.networks.network import ClassChoice, Classifier
from cam_helpers.panel.screen import CaptionedPicture, Content, cells_picture, colour_bar
from cam_helpers.pictures.open_picture import PictureSource
from cam_helpers.step_1_predict import predict
from cam_helpers.step_5_upsample_and_overlay import overlay


class GradCamExplorer(Panel):
    """What `explorer` returns for a `Classifier`. Every control can be moved from code as well."""

    def __init__(
        self, network: Classifier, picture: PictureSource, class_index: ClassChoice | None
    ) -> None:
        super().__init__()
        self.network = network
        self.children = [self.screen]  # all there is, where there is nothing to turn
        try:
            self.tensor = network.prepare(picture)[0]
            self.prediction = predict(network, self.tensor)
            best = self.prediction.top(1)[0].class_index
            self.classes = ClassPicker(network, best if class_index is None else class_index)
            layers = {
                f"{name}: {height} x {width} cells": name
                for name, (_, height, width) in grad_cam_layers(network, self.tensor).items()
            }
            self.layer = _list("layer", layers)
            self.layer.index = len(layers) - 1
        except Exception as error:
            self._complain(error)
            return
        self.method = _list("method", {"Grad-CAM": "grad_cam", "HiResCAM": "hires_cam"})
        self.relu = _list("negative evidence", {"cut off (ReLU)": True, "kept": False})
        controls = [self.classes, self.layer, self.method, self.relu]
        row = widgets.HBox(controls, layout={"flex_flow": "row wrap"})
        self.children = [row, self.screen, self.key_guard]
        for control in controls:
            control.observe(self.redraw, names="value")
        self.redraw()

    def redraw(self, change: object = None) -> None:
        """Draw the map for the present values; where that fails, say so instead of it."""
        try:
            content = self._drawn()
        except Exception as error:
            self._complain(error)
            return
        self.alt, self.screen.value = content.alt, content.markup

    def _drawn(self) -> Content:
        index, style = self.classes.value, MapStyle()
        cam = grad_cam(
            self.network,
            self.tensor,
            index,
            self.layer.value,
            self.method.value,
            relu=self.relu.value,
        )
        limits = cam.min().item(), cam.max().item()
        category, score = self.network.categories[index], self.prediction.scores[index].item()
        alt = describe_cam(cam, f"the map of {category} at {self.layer.value}")
        crop = self.network.picture_of(self.tensor)
        over = overlay(crop, cam, style, limits=limits)
        return Content(
            f"{category}: score {rounded(score)}, rank {self.prediction.ranks[index]} of "
            f"{len(self.prediction.scores)}",
            [
                CaptionedPicture(crop, "crop", "The crop that the network saw."),
                cells_picture(cam, style, limits, "map, cell by cell", alt),
                CaptionedPicture(over, "overlay", "The map over the crop."),
            ],
            "" if cam.any() else "The map is zero everywhere.",
            colour_bar(style, limits, "map, score per cell; scale this map's own"),
        )

    def _complain(self, error: Exception) -> None:
        self.alt = str(error) or type(error).__name__
        self.screen.value = html.escape(self.alt)


def _list(name: str, options: Mapping[str, object]) -> widgets.Dropdown:
    return widgets.Dropdown(
        description=name, options=list(options.items()), style=WIDE, layout={"width": "auto"}
    )

"""The explorer as an ipywidgets widget, on the same view as the frame and the page."""

from typing import Any

import anywidget
import torch
import traitlets
from torch import Tensor

from cam_helpers.display.wording import describe_map
from cam_helpers.drawn.annotations import shipped_boxes
from cam_helpers.explain import explain
from cam_helpers.networks.network import ClassChoice, Network
from cam_helpers.pictures.open_picture import PictureSource
from cam_helpers.view.bundle import VIEW as PARTS
from cam_helpers.view.bundle import read, script
from cam_helpers.view.frame import FRAME_VIEWS, framed, name_of
from cam_helpers.view.numbers import numbers_behind

VIEWS = ("map", "classes", "channels", "cover", "mirror", "scores")
GREY = 128 / 255


class Explorer(anywidget.AnyWidget):
    """What `explorer` returns. `explanation` is what it shows; the traits say where it stands."""

    class_index = traitlets.Int(0).tag(sync=True)
    other_index = traitlets.Int(0).tag(sync=True)
    cell = traitlets.Tuple(traitlets.Int(), traitlets.Int(), default_value=(0, 0)).tag(sync=True)
    view = traitlets.Enum(VIEWS, "map").tag(sync=True)
    views = traitlets.List(traitlets.Unicode()).tag(sync=True)
    numbers = traitlets.Dict().tag(sync=True)

    _esm = script("engine.js", *PARTS, "frame.js", "widget.js") + "\nexport default { render };"
    _css = read("view.css")

    def __init__(
        self,
        network: Network,
        picture: PictureSource,
        class_index: ClassChoice | None,
        *,
        view: str,
        other: ClassChoice | None,
    ) -> None:
        if view not in VIEWS:
            raise ValueError(f"view is one of {', '.join(VIEWS)}, not {view!r}.")
        self.network = network
        super().__init__(view=view)
        self.show(picture, class_index, other)
        self.on_msg(self._answer)

    def show(
        self,
        picture: PictureSource,
        class_index: ClassChoice | None = None,
        other: ClassChoice | None = None,
    ) -> None:
        """Show another picture, by default its best class and, to compare with, the second."""
        found, choose = explain(self.network, picture), self.network.class_index
        top = [ranked.class_index for ranked in found.prediction.top(2)]
        index = top[0] if class_index is None else choose(class_index)
        cam = found.cam(index)
        self.explanation, self.name = found, name_of(found)
        numbers = numbers_behind(found, self.name)
        with self.hold_sync():
            self.class_index = index
            self.other_index = top[-1] if other is None else choose(other)
            self.cell = divmod(int(cam.argmax()), cam.shape[1])
            self.views = [one for one in VIEWS if one != "channels" or "channels" in numbers]
            self.numbers = numbers

    @property
    def alt(self) -> str:
        """The map of the chosen class in words."""
        return describe_map(self.explanation, self.class_index, shipped_boxes(self.name))

    @traitlets.validate("class_index", "other_index")
    def _known_class(self, proposal: dict[str, Any]) -> int:
        """Refuse a class that the network does not know before anything moves."""
        return self.network.class_index(proposal["value"])

    def _answer(self, _: object, question: dict[str, Any], buffers: object) -> None:
        """Answer a question of the view that takes the network: another input, explained."""
        shown = self.explanation._input
        if question["job"] == "mirrored":
            asked = shown.flip(-1)
        else:
            asked = self._covered(shown, question["spots"])
        found = numbers_behind(explain(self.network, asked), self.name)
        self.send({"id": question["id"], "numbers": found})

    def _covered(self, shown: Tensor, spots: list[dict[str, float]]) -> Tensor:
        """Return the input with grey disks; a spot is x, y, radius in shares of the width."""
        height, width = shown.shape[1:]
        rows, columns = torch.arange(height)[:, None], torch.arange(width) + 0.5
        colours = self.network._colours
        if colours is None:
            grey = shown.flatten(1).mean(1, keepdim=True)
        else:
            grey = (colours.black + GREY * colours.contrast).flatten(1).to(shown)
        covered = shown.clone()
        for spot in spots:
            x, y, radius = (spot[key] * width for key in ("x", "y", "radius"))
            inside = (columns - x) ** 2 + (rows - y * height / width) ** 2 < radius**2
            covered[:, inside] = grey
        return covered

    def _repr_mimebundle_(self, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Show readers without a kernel a frame, and those without frames a still picture."""
        data, metadata = super()._repr_mimebundle_(**options) or ({}, {})
        stored = framed(
            self.explanation,
            tuple(one for one in self.views if one in FRAME_VIEWS),
            self.class_index,
            view=self.view,
            name=self.name,
            other=self.other_index,
            height=860,
        )
        return data | stored._repr_mimebundle_(), metadata

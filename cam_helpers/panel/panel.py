"""The explorer's panel: controls above, the screen below, and one drawing for every move."""

import html
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import ipywidgets as widgets
from PIL import Image

from cam_helpers.display.controls import WIDE, ClassPicker, Panel
from cam_helpers.display.wording import describe_map
from cam_helpers.explain import explain
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import ClassChoice, Network
from cam_helpers.panel.saving import map_bytes, overlay_bytes, save_new
from cam_helpers.panel.screen import ALL_THREE, Drawing, Subject, overlay_figure
from cam_helpers.panel.views import (
    CellView,
    ChannelsView,
    ClassesView,
    MapView,
    NetworksView,
    View,
)
from cam_helpers.pictures.annotations import shipped_boxes
from cam_helpers.pictures.open_picture import PictureSource, shipped_pictures
from cam_helpers.step_5_upsample_and_overlay import COLOUR_MAPS, OPACITY, SCALES, MapStyle

LARGEST_UPLOAD = 20_000_000  # bytes


class Explorer(Panel):
    """What `explorer` returns. Every control can be moved from code as well.

    `subject` is the picture on the screen, explained; `None` until there is a good one. `folder`
    is where saved files go; `None` means the working folder. `sentence` is what the panel has to
    say beyond its picture: a warning, or what went wrong.
    """

    subject: Subject | None = None
    drawing: Drawing | None = None  # what is on the screen
    folder: Path | None = None
    sentence = ""

    def __init__(
        self,
        network: Network | str,
        picture: PictureSource,
        class_index: ClassChoice | None,
        view: str,
        other_network: Network | str | None,
    ) -> None:
        super().__init__()
        self.status = widgets.HTML()
        self.children = [self.status]  # all there is, where there is no network to turn
        self._held = 0
        try:
            self.network = _loaded(network)
            self.views = _views(self.network, other_network)
        except Exception as error:
            self._complain(error)
            return
        self._make_controls()
        self.children = self._rows()
        self._watch()
        if self.take_picture(picture):
            self._begin(class_index, view)

    # ---- The controls ------------------------------------------------------------------------

    def _make_controls(self) -> None:
        self.sources: dict[str, PictureSource] = {name: name for name in shipped_pictures()}
        self.picture = _list("picture", list(self.sources), 240, value=None)
        self.upload = widgets.FileUpload(
            # Jupyter drops a larger file without a word, and the button is dead from then on; but
            # not where it was started by `make lab`.
            description="your own picture, up to 10 MB",
            accept="image/*",
            layout={"width": "auto"},
        )
        self.classes = ClassPicker(self.network)
        self.classes.names.layout.width = "220px"
        self.find = widgets.Combobox(
            description="find class",
            placeholder="type a name",
            options=[label for label, _ in self.classes.names.options],
            continuous_update=False,
            style=WIDE,
            layout={"width": "220px"},
        )
        self.best = [widgets.Button(layout={"width": "auto"}) for _ in range(5)]
        self.view = _list("look at", list(self.views), 220)
        self.show = _list("show", [ALL_THREE, "crop", "map", "overlay"], 150)
        # One control for each field of MapStyle, under the field's name.
        self.style = _list("style", list(OPACITY), 150)
        self.scale = _list("scale", SCALES, 130)
        self.colour_map = _list("colour map", COLOUR_MAPS, 180, disabled=True)
        self.opacity = widgets.BoundedFloatText(
            OPACITY["evidence"],
            description="opacity",
            max=1,
            step=0.05,
            style=WIDE,
            layout={"width": "120px"},
        )
        self.grid = widgets.Checkbox(description="grid", indent=False, layout={"width": "auto"})
        self.looks = {field.name: getattr(self, field.name) for field in fields(MapStyle)}
        self.save_overlay = widgets.Button(description="save overlay (PNG)")
        self.save_map = widgets.Button(description="save map (.npy)")

    def _rows(self) -> list[widgets.Widget]:
        self.above, self.beside, self.crop = widgets.VBox(), widgets.VBox(), widgets.HTML()
        # Two pictures wide; where there is less room than that beside a view's own, below it.
        self.screen.layout = {"flex": "1 1 460px", "min_width": "0"}
        return [
            _row(self.picture, self.upload),
            _row(self.classes, self.find),
            _row(*self.best),
            _row(self.view, self.show, *self.looks.values()),
            self.status,
            self.above,
            _row(self.beside, self.crop, self.screen),
            _row(self.save_overlay, self.save_map),
            self.key_guard,
        ]

    def _watch(self) -> None:
        self.picture.observe(self._picture_chosen, names="value")
        self.upload.observe(self._picture_uploaded, names="value")
        self.find.observe(self._class_typed, names="value")
        for rank, button in enumerate(self.best):
            button.on_click(lambda _, rank=rank: self._choose_rank(rank))
        self.view.observe(self._view_chosen, names="value")
        self.save_overlay.on_click(lambda _: self._save(self._overlay_file))
        self.save_map.on_click(lambda _: self._save(self._map_file))
        self.style.observe(self._style_chosen, names="value")
        drawn_from = [self.classes, self.show, *self.looks.values()]
        for view in self.views.values():
            drawn_from += view.watched
        for control in drawn_from:
            control.observe(self.redraw, names="value")

    def _begin(self, class_index: ClassChoice | None, view: str) -> None:
        """Go to the class and the view that the panel was asked to begin with."""
        try:
            if view not in self.view.options:
                raise ValueError(f"view is one of {', '.join(self.view.options)}, not {view!r}.")
            self.view.value = view
            if class_index is not None:
                self.classes.value = self.network.class_index(class_index)
        except Exception as error:
            self._complain(error)

    # ---- What a move of a control does -------------------------------------------------------

    def take_picture(self, source: PictureSource, name: str = "") -> bool:
        """Show another picture and its best class; where that fails, say so and keep the last."""
        name = self._name_for(source, name or _name_of(source))
        try:
            explanation = explain(self.network, source)
        except Exception as error:
            self._complain(error, name)
            return False
        with self._drawn_once():
            self.subject = Subject(explanation, name, shipped_boxes(source))
            if name not in self.sources:
                self.sources[name] = source
                self.picture.options = list(self.sources)
            self.picture.value = name
            top = explanation.prediction.top(5)
            for button, ranked in zip(self.best, top, strict=False):
                button.description = f"{ranked.category} {ranked.score:.2f}"
            for button in self.best[len(top) :]:
                button.layout.display = "none"
            for view in self.views.values():
                view.start(self.subject)
            self.classes.value = top[0].class_index
        return True

    def _name_for(self, source: PictureSource, name: str) -> str:
        """Return the name, with a number where another picture has it already."""
        taken, number = name, 1
        while taken in self.sources and not _is_same(self.sources[taken], source):
            number += 1
            taken = f"{name} ({number})"
        return taken

    def _picture_chosen(self, change: dict[str, Any]) -> None:
        name = change["new"]
        if name is None or (self.subject and name == self.subject.name):
            return
        if not self.take_picture(self.sources[name], name):
            self.picture.value = self.subject.name if self.subject else None

    def _picture_uploaded(self, change: dict[str, Any]) -> None:
        if not change["new"]:
            return
        file = change["new"][0]
        self.upload.value = ()  # the next upload of the same file counts as well
        if file["size"] > LARGEST_UPLOAD:
            megabytes = file["size"] / 1e6
            self._say(f"{file['name']} has {megabytes:.0f} MB; at most 20 MB. Make it smaller.")
            return
        self.take_picture(bytes(file["content"]), f"your {file['name']}")

    def _class_typed(self, change: dict[str, Any]) -> None:
        text = change["new"].strip()
        if not text:
            return
        self.find.value = ""  # so that the same text, typed again, is a move as well
        try:
            self.classes.value = self._class_called(text)
        except (ValueError, IndexError) as error:
            self._complain(error)

    def _class_called(self, text: str) -> int:
        """Return the class of a typed label ("3 fish"), index or name; capitals do not matter."""
        labels = list(self.find.options)
        if text in labels:
            return labels.index(text)
        if re.fullmatch("-?[0-9]+", text):
            return self.network.class_index(int(text))
        folded = [category.casefold() for category in self.network.categories]
        if folded.count(text.casefold()) == 1:
            return folded.index(text.casefold())
        return self.network.class_index(text)

    def _choose_rank(self, rank: int) -> None:
        if self.subject:
            self.classes.value = self.subject.explanation.prediction.top(5)[rank].class_index

    def _view_chosen(self, change: object) -> None:
        view = self.views[self.view.value]
        self.above.children, self.beside.children = view.controls, view.beside
        self.redraw()

    def _style_chosen(self, change: dict[str, Any]) -> None:
        """Bring the opacity that belongs to a style; evidence has colours of its own."""
        with self._drawn_once():
            self.opacity.value = OPACITY[change["new"]]
            self.colour_map.disabled = change["new"] == "evidence"

    # ---- The screen --------------------------------------------------------------------------

    def redraw(self, change: object = None) -> None:
        """Draw the present picture, class and view; where that fails, say so instead of it."""
        if self._held or self.subject is None:
            return
        view = self.views[self.view.value]
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                drawing = view.draw(
                    self.subject, self.classes.value, self.map_style, self.show.value
                )
        except Exception as error:
            self.drawing, self.alt = None, str(error)
            view.show_aside("")
            self.crop.value = self.screen.value = ""
            self._complain(error)
            return
        self.drawing, self.alt, markup = drawing, drawing.alt, drawing.markup
        self.crop.value = drawing.crop_markup(self.subject.name)
        self.screen.value = markup
        view.show_aside(drawing.aside.image if drawing.aside else "")
        self._say(" ".join(str(warning.message) for warning in caught))

    @property
    def still(self) -> str:
        """The drawing for a stored notebook."""
        return self.drawing.still if self.drawing else ""

    @property
    def map_style(self) -> MapStyle:
        """How the maps are drawn."""
        return MapStyle(**{field: control.value for field, control in self.looks.items()})

    @contextmanager
    def _drawn_once(self) -> Iterator[None]:
        """Move several controls, and draw when all have their new values."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
        self.redraw()

    def _say(self, sentence: str) -> None:
        self.sentence = sentence
        self.status.value = html.escape(sentence)

    def _complain(self, error: Exception, name: str = "") -> None:
        text = str(error) or type(error).__name__
        self._say(f"{name}: {text}" if name and name not in text else text)
        if self.subject is None:
            self.alt = text

    # ---- Saving ------------------------------------------------------------------------------

    def _save(self, make_file: Any) -> None:
        if self.subject is None:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the picture on the screen has said it
                content, name = make_file(self.subject)
            path = save_new(content, self.folder or Path.cwd(), name)
        except Exception as error:
            self._complain(error, "Nothing was saved")
            return
        self._say(f"Saved as {path.name} in {path.parent}.")

    def _overlay_file(self, subject: Subject) -> tuple[bytes, str]:
        style, class_index, explanation = self.map_style, self.classes.value, subject.explanation
        limits = explanation.limits(class_index, style.scale)
        picture = overlay_figure(explanation, explanation.cam(class_index), style, limits).picture
        category = self.network.categories[class_index]
        numbers = {
            "network": self.network.name,
            "picture": subject.name,
            "class_index": class_index,
            "category": category,
            "score": explanation.score(class_index),
            "bias": explanation.class_weights(class_index).bias.item(),
            "map": explanation.cam(class_index).tolist(),
            "unit": "score",
            "limits": limits,
            **asdict(style),
        }
        text = describe_map(explanation, class_index, subject.boxes)
        name = f"{subject.name} {category} overlay.png"
        return overlay_bytes(picture, text, numbers), name

    def _map_file(self, subject: Subject) -> tuple[bytes, str]:
        category = self.network.categories[self.classes.value]
        cam = subject.explanation.cam(self.classes.value)
        return map_bytes(cam), f"{subject.name} {category} map.npy"


def _row(*controls: widgets.Widget) -> widgets.HBox:
    return widgets.HBox(controls, layout={"flex_flow": "row wrap"})


def _list(name: str, options: Sequence[str], width: int, **more: Any) -> widgets.Dropdown:
    return widgets.Dropdown(
        description=name, options=options, style=WIDE, layout={"width": f"{width}px"}, **more
    )


def _loaded(network: Network | str) -> Network:
    if not isinstance(network, Network | str):
        raise TypeError(f"A network is what load_network returns, or its name, not {network!r}.")
    return network if isinstance(network, Network) else load_network(network)


def _views(network: Network, other_network: Network | str | None) -> dict[str, View]:
    blank = explain(network, Image.new("RGB", (64, 64)))
    channels, rows, columns = blank.feature_maps.shape
    views: list[View] = [
        MapView(),
        CellView(rows, columns),
        ChannelsView(channels),
        ClassesView(network),
    ]
    if other_network is not None:
        views.append(NetworksView(_loaded(other_network)))
    return {view.name: view for view in views}


def _is_same(one: PictureSource, other: PictureSource) -> bool:
    """Say whether two sources are one; arrays and open pictures are compared by identity."""
    by_value = isinstance(one, str | Path | bytes) and isinstance(other, str | Path | bytes)
    return one == other if by_value else one is other


def _name_of(picture: PictureSource) -> str:
    if isinstance(picture, str) and picture in shipped_pictures():
        return picture
    return f"your {Path(picture).name}" if isinstance(picture, str | Path) else "your picture"

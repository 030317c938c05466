"""The explorer's panel: controls above, the screen below, and one drawing for every move."""

import dataclasses
import html
import re
import warnings
from collections.abc import Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from cam_helpers.display.controls import WIDE, ClassPicker, Panel, StylePicker
from cam_helpers.display.wording import describe_map
from cam_helpers.explain import explain
from cam_helpers.networks.load import load_network
from cam_helpers.networks.network import ClassChoice, Network
from cam_helpers.panel.saving import map_bytes, overlay_bytes, save_new
from cam_helpers.panel.screen import Content, Subject
from cam_helpers.panel.views import (
    CellView,
    ChannelsView,
    ClassesView,
    MapView,
    NetworksView,
    View,
)
from cam_helpers.pictures.open_picture import (
    PictureSource,
    shipped_photographs,
    shipped_pictures,
)

LARGEST_UPLOAD = 20_000_000  # bytes
SHIPPED_NETWORKS = ("tiny_resnet", "tf_mobilenet_v2")


class Explorer(Panel):
    """What `explorer` returns. Every control can be moved from code as well.

    `subject` is the picture on the screen, explained; `None` until there is a good one. `folder`
    is where saved files go; `None` means the working folder. `sentence` is what the panel has to
    say beyond its picture: a warning, or what went wrong.
    """

    network: Network
    subject: Subject | None = None
    content: Content | None = None  # what is on the screen
    folder: Path | None = None
    sentence = ""
    _held = False  # several controls move; there is one drawing at the end

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
        views: list[View] = [MapView(), CellView(), ChannelsView(), ClassesView()]
        try:
            self.network = _loaded(network)
            if other_network is not None:
                views.append(NetworksView(_loaded(other_network)))
        except Exception as error:
            self._complain(error)
            return
        self.views = {view.name: view for view in views}
        self.networks: dict[str, Network | str] = {name: name for name in SHIPPED_NETWORKS}
        self.networks[self.network.name] = self.network
        pictures = shipped_pictures() + shipped_photographs()
        self.sources: dict[str, PictureSource] = {name: name for name in pictures}
        self._make_controls()
        self.children = self._rows()
        self._watch()
        if self.take_picture(picture):
            self._begin(class_index, view)

    # ---- The controls ------------------------------------------------------------------------

    def _make_controls(self) -> None:
        self.network_list = _list("network", self.networks, value=self.network.name)
        self.picture = _list("picture", self.sources, value=None)
        self.upload = widgets.FileUpload(
            # Jupyter drops a larger file without a word, and the button is dead from then on; but
            # not where it was started by `make lab`.
            description="your own picture, up to 10 MB",
            accept="image/*",
            layout={"width": "auto"},
        )
        self.classes = ClassPicker(self.network)
        self.find = widgets.Combobox(
            description="find class",
            placeholder="type a name",
            continuous_update=False,
            style=WIDE,
            layout={"width": "220px"},
        )
        self.best = [widgets.Button(layout={"width": "auto"}) for _ in range(5)]
        self.view = _list("look at", self.views)
        self.map_style = StylePicker()
        self.save_overlay = widgets.Button(description="save overlay (PNG)")
        self.save_map = widgets.Button(description="save map (.npy)")

    def _rows(self) -> list[widgets.Widget]:
        # Two pictures wide; where there is less room beside a view's controls, below them.
        self.screen.layout = {"flex": "1 1 460px", "min_width": "0"}
        self.middle = _row()
        self._view_chosen()
        return [
            _row(self.network_list, self.picture, self.upload),
            _row(self.classes, self.find),
            _row(*self.best),
            _row(self.view, self.map_style),
            self.status,
            self.middle,
            _row(self.save_overlay, self.save_map),
            self.key_guard,
        ]

    def _watch(self) -> None:
        self.network_list.observe(self._network_chosen, names="value")
        self.picture.observe(self._picture_chosen, names="value")
        self.upload.observe(self._picture_uploaded, names="value")
        self.find.observe(self._class_typed, names="value")
        for rank, button in enumerate(self.best):
            button.on_click(lambda _, rank=rank: self._choose_rank(rank))
        self.view.observe(self._view_chosen, names="value")
        self.save_overlay.on_click(lambda _: self._save(self._overlay_file))
        self.save_map.on_click(lambda _: self._save(self._map_file))
        own = [control for view in self.views.values() for control in view.watched]
        for control in (self.classes, self.map_style, *own):
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
        return self._take(self.network, source, self._name_for(source, name))

    def take_network(self, network: Network | str) -> bool:
        """Show the same picture with another network; where that fails, keep the last one."""
        try:
            network = _loaded(network)
        except Exception as error:
            self._complain(error)
            return False
        if self.subject:
            return self._take(network, self.subject.source, self.subject.name)
        self._fit_network(network)
        return True

    def _take(self, network: Network, source: PictureSource, name: str) -> bool:
        try:
            subject = Subject(explain(network, source), source, name)
        except Exception as error:
            self._complain(error, name)
            return False
        self._held = True
        try:
            self._fit_network(network)
            self._fit_picture(subject)
        finally:
            self._held = False
        self.redraw()
        return True

    def _fit_network(self, network: Network) -> None:
        if self.networks.get(network.name) is not network:
            self.networks[network.name] = network
            self.network_list.options = list(self.networks)
        if network is not self.network or not self.find.options:
            self.network = network
            self.classes.fit(network)
            self.find.options = [label for label, _ in self.classes.names.options]
        self.network_list.value = network.name

    def _fit_picture(self, subject: Subject) -> None:
        self.subject = subject
        if subject.name not in self.sources:
            self.sources[subject.name] = subject.source
            self.picture.options = list(self.sources)
        self.picture.value = subject.name
        top = subject.explanation.prediction.top(5)
        for button, ranked in zip(self.best, top, strict=False):
            button.description = f"{ranked.category} {ranked.score:.2f}"
        for rank, button in enumerate(self.best):
            button.layout.display = None if rank < len(top) else "none"
        for view in self.views.values():
            view.start(subject)
        self.classes.value = top[0].class_index

    def _name_for(self, source: PictureSource, name: str) -> str:
        """Return a name for the list, with a number where another picture has it already."""
        if isinstance(source, str) and source in self.sources:
            return source
        file = Path(source).name if isinstance(source, str | Path) else "picture"
        name = name or f"your {file}"
        names = (name if number == 1 else f"{name} ({number})" for number in count(1))
        return next(one for one in names if self.sources.get(one, source) is source)

    def _network_chosen(self, change: dict[str, Any]) -> None:
        name = change["new"]
        if self._held or name is None or name == self.network.name:
            return
        self._say(f"Loading {name} ...")
        if not self.take_network(self.networks[name]):
            self.network_list.value = self.network.name

    def _picture_chosen(self, change: dict[str, Any]) -> None:
        name = change["new"]
        if self._held or name is None or (self.subject and name == self.subject.name):
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
        labels = dict(self.classes.names.options)
        if text in labels:
            return int(labels[text])
        if re.fullmatch("-?[0-9]+", text):
            return self.network.class_index(int(text))
        folded = [category.casefold() for category in self.network.categories]
        is_known = folded.count(text.casefold()) == 1
        return folded.index(text.casefold()) if is_known else self.network.class_index(text)

    def _choose_rank(self, rank: int) -> None:
        if self.subject:
            self.classes.value = self.subject.explanation.prediction.top(5)[rank].class_index

    def _view_chosen(self, change: object = None) -> None:
        self.middle.children = [*self.views[self.view.value].controls, self.screen]
        self.redraw()

    # ---- The screen --------------------------------------------------------------------------

    def redraw(self, change: object = None) -> None:
        """Draw the present picture, class and view; where that fails, say so instead of it."""
        if self._held or self.subject is None:
            return
        view = self.views[self.view.value]
        try:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                content = view.draw(self.subject, self.classes.value, self.map_style.value)
        except Exception as error:
            self.content, self.alt, self.screen.value = None, str(error), ""
            self._complain(error)
            return
        self.content, self.alt, self.screen.value = content, content.alt, content.markup
        self._say(" ".join(str(warning.message) for warning in caught))

    @property
    def still(self) -> str:
        """The HTML that readers of a stored notebook see."""
        aside = self.content and self.content.aside
        return (aside.markup if aside else "") + str(self.screen.value)

    def _say(self, sentence: str) -> None:
        self.sentence = sentence
        self.status.value = html.escape(sentence)

    def _complain(self, error: Exception, name: str = "") -> None:
        text = str(error) or type(error).__name__
        self._say(f"{name}: {text}" if name and name not in text else text)
        if self.subject is None:
            self.alt = text

    # ---- Saving ------------------------------------------------------------------------------

    def _save(self, make_file: Callable[[Subject, int], tuple[bytes, str]]) -> None:
        if self.subject is None:
            return
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the picture on the screen has said it
                content, name = make_file(self.subject, self.classes.value)
            path = save_new(content, self.folder or Path.cwd(), f"{self.subject.name} {name}")
        except Exception as error:
            self._complain(error, "Nothing was saved")
            return
        self._say(f"Saved as {path.name} in {path.parent}.")

    def _overlay_file(self, subject: Subject, class_index: int) -> tuple[bytes, str]:
        explanation, style = subject.explanation, self.map_style.value
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
            "limits": explanation.limits(class_index, style.scale),
        } | dataclasses.asdict(style)
        text = describe_map(explanation, class_index, subject.boxes)
        picture = explanation.overlay(class_index, style)
        return overlay_bytes(picture, text, numbers), f"{category} overlay.png"

    def _map_file(self, subject: Subject, class_index: int) -> tuple[bytes, str]:
        category = self.network.categories[class_index]
        return map_bytes(subject.explanation.cam(class_index)), f"{category} map.npy"


def _row(*controls: widgets.Widget) -> widgets.HBox:
    return widgets.HBox(controls, layout={"flex_flow": "row wrap"})


def _list(name: str, options: Iterable[str], **more: Any) -> widgets.Dropdown:
    return widgets.Dropdown(
        description=name, options=list(options), style=WIDE, layout={"width": "auto"}, **more
    )


def _loaded(network: Network | str) -> Network:
    if not isinstance(network, Network | str):
        raise TypeError(f"A network is what load_network returns, or its name, not {network!r}.")
    return network if isinstance(network, Network) else load_network(network)

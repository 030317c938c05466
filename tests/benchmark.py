"""How long does a move of the class slider take, ours and others'? `python tests/benchmark.py`

It prints one table. To repeat it: `pip install -e ".[peers,browser]"`, Chromium on the PATH (or its
path in CAM_CHROMIUM), an idle machine, three minutes. What is not installed is left out, and the
table says so. `python tests/benchmark.py process kernel` takes these two parts alone.

The network is resnet18 with random weights (1000 classes), on one thread; the picture is "cat".
Every figure is a median, in milliseconds. Within a part the candidates take turns, so that a busy
moment hurts all of them; the first turn of each does not count. The parts:

process: from setting the slider in Python to the encoded bytes of the picture.
    naive: what `interact` is mostly given: forward pass with a hook, weighted sum, a matplotlib
    figure, and Jupyter's own way from there to a PNG; with as many pictures as ours.
    The libraries: each with its own overlay, at 224 x 224 pixels, to JPEG as ours. Captum has none
    without matplotlib: its interpolation, then a blend. torch-cam with kept hooks keeps one forward
    pass for all classes, as we do.
    ours: `panel.classes.slider.value = c` until `panel.screen.value` holds the new HTML: picture,
    map, overlay, balance and colour bar; or the overlay alone instead of the three pictures.
picture: another picture (`panel.picture.value = name`), against a bare forward pass.
kernel: a real kernel is sent what the browser sends for a moved slider. The clock runs until
    empty callback: the kernel is idle again, after a callback that does nothing;
    empty callback that answers: the message with four new letters for a widgets.HTML is here;
    ours: the message with the new screen is here;
    interact: the message with the figure is here.
browser: JupyterLab in Chromium, from the key press on the slider until the browser has painted
    every picture of the new screen, one panel at a time on the page. "Made in advance": the
    callback only takes the same HTML from a list. Then 60 presses, 30 a second: how many screens
    came in a second, whether the last is the last class's, and how many did not show what a slow
    press had shown for the class in their title.
"""

import ast
import io
import os
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported, here and in the kernels

import numpy as np
import torch
from browser.books import write_book
from browser.chromium import find_chromium
from browser.desk import KERNEL_IS_IDLE, RUN_ALL, Desk
from IPython.core.pylabtools import print_figure
from jupyter_client.manager import start_new_kernel
from matplotlib import pyplot as plt
from PIL import Image

import cam_helpers as ch

OURS = ("ours: picture, map, overlay", "ours: overlay alone")
NAIVE = ("naive: picture, map, overlay", "naive: overlay alone")
PRESSES = 60

Move = Callable[[int], object]  # to a class
Timed = Callable[[int], float]  # the same; returns how many milliseconds it took
Times = dict[str, float]


@dataclass
class Row:
    """One line of the table; `reached` is None where nothing was to be reached."""

    what: str
    measured: str
    target: str = ""
    reached: bool | None = None

    def __str__(self) -> str:
        verdict = {True: "yes", False: "NO", None: ""}[self.reached]
        return f"{self.what:66} {self.measured:>12}  {self.target:18} {verdict}".rstrip()


def compare(candidates: dict[str, Timed], rounds: int, quick: tuple[str, ...] = ()) -> Times:
    """Let the candidates take turns, the quick ones of 20 moves; return their medians."""
    times = defaultdict(list)
    for turn in range(rounds + 1):
        for name, move in candidates.items():
            moves = range(20 if name in quick else 1)
            # Never the same class twice in a row, and not the one before the first move.
            took = [move(((turn * 20 + i) * 7 + 1) % 1000) for i in moves]
            times[name] += took if turn else []
    return {name: statistics.median(found) for name, found in times.items()}


def listed(times: Times) -> list[Row]:
    return [Row(name, f"{took:.2f} ms") for name, took in times.items()]


def at_most(limit: float, times: Times, name: str, other: str) -> Row:
    """One candidate may take at most `limit` times as long as another."""
    ratio = times[name] / times[other]
    return Row(f"{name} / {other}", f"{ratio:.2f} x", f"at most {limit} x", ratio <= limit)


def timed(move: Move) -> Timed:
    def run(class_index: int) -> float:
        start = time.perf_counter()
        move(class_index)
        return 1000 * (time.perf_counter() - start)

    return run


def resnet18() -> ch.Network:
    torch.manual_seed(0)
    return ch.load_network("resnet18", weights=None)


# ---- process ------------------------------------------------------------------------------


def process() -> Iterator[Row]:
    kept = "torch-cam, hooks kept"
    makers = {
        NAIVE[0]: ("matplotlib", naive_three),
        NAIVE[1]: ("matplotlib", naive_one),
        "pytorch-grad-cam": ("pytorch_grad_cam", with_grad_cam),
        "torch-cam, fresh": ("torchcam", with_torchcam),
        kept: ("torchcam", with_kept_torchcam),
        "Captum": ("captum", with_captum),
    }
    candidates = {}
    for name, (module, make) in makers.items():
        if find_spec(module):
            # Each has a network of its own, so that no hook slows down the others.
            network = resnet18()
            seen = ch.explain(network, "cat").input_picture
            candidates[name] = timed(make(network, network.prepare("cat"), seen))
        else:
            yield Row(name, "left out", f"no {module} here")
    for name, show in zip(OURS, ("side by side", "overlay"), strict=True):
        candidates[name] = with_ours(show)
    times = compare(candidates, 15, (kept, *OURS))
    yield from listed(times)
    for ours, naive in zip(OURS, NAIVE, strict=True):
        yield Row(ours, f"{times[ours]:.2f} ms", "at most 1 ms", times[ours] <= 1)
        factor = times[naive] / times[ours]
        yield Row(f"{naive} / ours", f"{factor:.0f} x", "at least 200 x", factor >= 200)


def with_ours(show: str) -> Timed:
    panel, there = ch.explorer(resnet18(), "cat"), []
    panel.show.value = show
    panel.screen.observe(lambda change: there.append(time.perf_counter()), names="value")

    def run(class_index: int) -> float:
        there.clear()
        start = time.perf_counter()
        panel.classes.slider.value = class_index
        return 1000 * (there[0] - start)

    return run


def naive_three(network: ch.Network, batch: torch.Tensor, picture: Image.Image) -> Move:
    def draw(cam: torch.Tensor) -> Any:
        figure, axes = plt.subplots(1, 3)
        axes[0].imshow(picture)
        axes[1].imshow(cam)
        overlay_on(axes[2], picture, cam)
        return figure

    return naive(network, batch, draw)


def naive_one(network: ch.Network, batch: torch.Tensor, picture: Image.Image) -> Move:
    def draw(cam: torch.Tensor) -> Any:
        figure, axis = plt.subplots()
        overlay_on(axis, picture, cam)
        return figure

    return naive(network, batch, draw)


def naive(network: ch.Network, batch: torch.Tensor, draw: Callable[[torch.Tensor], Any]) -> Move:
    def move(class_index: int) -> str:
        with torch.no_grad(), ch.hook_features(network) as hooked:
            network.model(batch)
        cam = ch.weighted_sum(network.classifier.weight[class_index], hooked.feature_maps[0])
        figure = draw(cam)
        figure.suptitle(network.categories[class_index])
        plt.close(figure)
        return print_figure(figure, base64=True)  # as Jupyter does it

    return move


def overlay_on(axis: Any, picture: Image.Image, cam: torch.Tensor) -> None:
    axis.imshow(picture)
    axis.imshow(ch.upsample(cam, (224, 224)), cmap="jet", alpha=0.5)


def with_grad_cam(network: ch.Network, batch: torch.Tensor, picture: Image.Image) -> Move:
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.image import show_cam_on_image
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    extract = GradCAM(network.model, [network.feature_layer])
    seen = np.asarray(picture, dtype=np.float32) / 255

    def move(class_index: int) -> bytes:
        cam = extract(batch, [ClassifierOutputTarget(class_index)])[0]
        return jpeg(Image.fromarray(show_cam_on_image(seen, cam, use_rgb=True)))

    return move


def with_torchcam(network: ch.Network, batch: torch.Tensor, picture: Image.Image) -> Move:
    from torchcam.methods import CAM

    def move(class_index: int) -> bytes:
        with CAM(network.model, network.feature_layer, network.classifier) as extract:
            return torchcam_overlay(extract, network.model(batch), class_index, picture)

    return move


def with_kept_torchcam(network: ch.Network, batch: torch.Tensor, picture: Image.Image) -> Move:
    from torchcam.methods import CAM

    extract = CAM(network.model, network.feature_layer, network.classifier)
    scores = network.model(batch)
    return lambda class_index: torchcam_overlay(extract, scores, class_index, picture)


def torchcam_overlay(extract: Any, scores: torch.Tensor, index: int, picture: Image.Image) -> bytes:
    from torchcam.utils import overlay_mask

    cam = extract(index, scores)[0][0].numpy()
    return jpeg(overlay_mask(picture, Image.fromarray(cam), alpha=0.5))


def with_captum(network: ch.Network, batch: torch.Tensor, picture: Image.Image) -> Move:
    from captum.attr import LayerAttribution, LayerGradCam

    extract = LayerGradCam(network.model, network.feature_layer)

    def move(class_index: int) -> bytes:
        cam = extract.attribute(batch, target=class_index).detach()
        grown = LayerAttribution.interpolate(cam, (224, 224), "bilinear")[0, 0]
        return jpeg(Image.blend(picture, ch.colourise(grown, colour_map="jet"), 0.5))

    return move


def jpeg(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "jpeg", quality=90)
    return buffer.getvalue()


# ---- picture ------------------------------------------------------------------------------


def picture() -> Iterator[Row]:
    network = resnet18()
    panel, batch = ch.explorer(network, "cat"), network.prepare("cat")

    def forward(turn: int) -> None:
        with torch.inference_mode():
            network.model(batch)

    def another(turn: int) -> None:
        name = "dog" if panel.picture.value == "cat" else "cat"
        panel.picture.value = name
        assert panel.subject.name == name

    names = ("bare forward pass", "ours: another picture")
    times = compare(dict(zip(names, map(timed, (forward, another)), strict=True)), 40)
    yield from listed(times)
    yield at_most(1.3, times, names[1], names[0])


# ---- kernel -------------------------------------------------------------------------------

IN_KERNEL = """
import torch, ipywidgets as widgets, matplotlib.pyplot as plt
import cam_helpers as ch

torch.set_num_threads(1)
torch.manual_seed(0)
network = ch.load_network("resnet18", weights=None)
three, one = ch.explorer(network, "cat"), ch.explorer(network, "cat")
one.show.value = "overlay"
empty, answering = widgets.IntSlider(max=999), widgets.IntSlider(max=999)
text = widgets.HTML()
empty.observe(lambda change: None, names="value")
answering.observe(lambda change: setattr(text, "value", f"{change['new']:04}"), names="value")
batch, picture = network.prepare("cat"), ch.explain(network, "cat").input_picture


def draw(class_index):
    with torch.no_grad(), ch.hook_features(network) as hooked:
        network.model(batch)
    cam = ch.weighted_sum(network.classifier.weight[class_index], hooked.feature_maps[0])
    plt.imshow(picture)
    plt.imshow(ch.upsample(cam, (224, 224)), cmap="jet", alpha=0.5)
    plt.title(network.categories[class_index])
    plt.show()


naive = widgets.interactive(draw, class_index=widgets.IntSlider(max=999))
sliders = [empty, answering, three.classes.slider, one.classes.slider, naive.children[0]]
print([slider.comm.comm_id for slider in sliders])
print(["idle", text.comm.comm_id, three.screen.comm.comm_id, one.screen.comm.comm_id, "figure"])
"""
EMPTY = ("empty callback", "empty callback that answers")
INTERACT = "interact with matplotlib: overlay alone"


def kernel() -> Iterator[Row]:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        printed: list[str] = []
        client.execute_interactive(
            IN_KERNEL, output_hook=lambda told: printed.append(told["content"].get("text", ""))
        )
        sliders, answers = map(ast.literal_eval, "".join(printed).splitlines())
        names = (*EMPTY, *OURS, INTERACT)
        candidates = {
            name: lambda value, at=at: until(client, *at, value)
            for name, *at in zip(names, sliders, answers, strict=True)
        }
        times = compare(candidates, 20, names[:-1])
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    yield from listed(times)
    yield from (at_most(1.5, times, name, empty) for name in OURS for empty in EMPTY)


def until(client: Any, slider: str, answer: str, value: int) -> float:
    """Move a slider as the browser does; return the milliseconds until the answer."""
    content = {"comm_id": slider, "data": {"method": "update", "state": {"value": value}}}
    message = client.session.msg("comm_msg", content)
    times = {}
    start = time.perf_counter()
    client.shell_channel.send(message)
    while "idle" not in times:
        told = client.get_iopub_msg(timeout=60)
        if told["parent_header"].get("msg_id") == message["header"]["msg_id"]:
            times[meaning(told)] = 1000 * (time.perf_counter() - start)
    return times[answer]


def meaning(told: Any) -> str:
    """Say what a message from the kernel is: a widget's new state, a figure, or busy or idle."""
    kind, content = told["msg_type"], told["content"]
    if kind == "comm_msg" and content["data"]["method"] == "update":
        return content["comm_id"]
    return {"display_data": "figure", "status": content.get("execution_state")}.get(kind, kind)


# ---- browser ------------------------------------------------------------------------------

IN_BROWSER = f"""
import torch, ipywidgets as widgets
import cam_helpers as ch

torch.set_num_threads(1)
torch.manual_seed(0)
network = ch.load_network("resnet18", weights=None)


def panel(show):
    made = ch.explorer(network, "cat", 0)
    made.show.value = show
    made.screen.add_class("screen")
    return made


def in_advance(panel):
    "A slider and a screen that only take from a list what the panel shows for its classes."
    screens = []
    for panel.classes.value in range({PRESSES} + 1):
        screens.append(panel.screen.value)
    panel.classes.value = 0
    slider, screen = widgets.IntSlider(max={PRESSES}), widgets.HTML(screens[0])
    slider.observe(lambda change: setattr(screen, "value", screens[change["new"]]), names="value")
    screen.add_class("screen")
    return widgets.VBox([slider, screen])


three, one = panel("side by side"), panel("overlay")
panels = [three, one, in_advance(three), in_advance(one)]
for number, made in enumerate(panels):
    made.add_class(f"panel{{number}}")
    made.add_class("turned")
display(*panels)
"""
IN_ADVANCE = ("the same screen made in advance", "the same overlay made in advance")
# Show one panel alone.
SHOW = """shown => document.querySelectorAll(".turned").forEach((panel, number) => {
    panel.style.display = number === shown ? "" : "none";
})"""
# Wait for the next screen, or gather all that come.
WATCH = """([panel, gather]) => {
    const screen = document.querySelector(`${panel} .screen`);
    const now = () => [
        screen.querySelector("strong").textContent,
        [...screen.querySelectorAll("img")].map(image => image.src).join()];
    window.screens = [];
    window.next = new Promise((done, fail) => {
        let start;
        if (!gather) setTimeout(() => fail(new Error("no new screen")), 60000);
        const note = () => { start = performance.now(); };
        document.addEventListener("keydown", note, {capture: true, once: true});
        let images;
        const painted = new PerformanceObserver(list => {
            for (const {element, renderTime} of list.getEntries()) {
                images.delete(element);
                if (!images.size) done([renderTime - start, ...now()]);
            }
        });
        const changed = new MutationObserver(() => {
            window.screens.push(now());
            if (gather) return;
            changed.disconnect();
            images = new Set(screen.querySelectorAll("img"));
            for (const image of images) image.setAttribute("elementtiming", "");
            painted.observe({type: "element"});
        });
        changed.observe(screen, {childList: true, subtree: true});
    });
}"""


def browser() -> Iterator[Row]:
    if not (find_spec("playwright") and find_chromium()):
        yield Row("in the browser", "left out", "no playwright or no Chromium here")
        return
    with tempfile.TemporaryDirectory() as folder, closing(Desk(Path(folder))) as desk:
        server, page = desk.server("lab"), desk.new_page()
        write_book(server.folder / "benchmark.ipynb", IN_BROWSER)
        page.goto(server.page_of("benchmark.ipynb"))
        page.wait_for_function(KERNEL_IS_IDLE)
        page.evaluate(RUN_ALL)
        page.locator(".panel3 .screen img").first.wait_for()
        yield from presses(page)


def presses(page: Any) -> Iterator[Row]:
    known: dict[str, str] = {}  # title of a class -> its pictures

    def press(panel: int) -> float:
        page.evaluate(SHOW, panel)
        page.locator(f".panel{panel} [role=slider]").first.focus()
        page.evaluate(WATCH, [f".panel{panel}", False])
        # Until the page has drawn what came before, and not always at the same moment of a frame.
        page.wait_for_timeout(150 + random.randrange(32))
        page.keyboard.press("ArrowRight")
        took, title, pictures = page.evaluate("window.next")
        known.update({title: pictures} if panel == 0 else {})
        return took

    names = (*OURS, *IN_ADVANCE)
    times = compare({name: lambda _, n=n: press(n) for n, name in enumerate(names)}, PRESSES - 1)
    yield from listed(times)
    for name, other in zip(OURS, IN_ADVANCE, strict=True):
        yield at_most(1.2, times, name, other)
    yield from fast_presses(page, known)


def fast_presses(page: Any, known: dict[str, str]) -> Iterator[Row]:
    page.evaluate(SHOW, 0)
    page.locator(".panel0 [role=slider]").first.focus()
    page.keyboard.press("Home")
    page.wait_for_timeout(1000)
    page.evaluate(WATCH, [".panel0", True])
    start = time.perf_counter()
    for number in range(PRESSES):
        page.wait_for_timeout(max(0, 1000 * (start + number / 30 - time.perf_counter())))
        page.keyboard.press("ArrowRight")
    seconds = time.perf_counter() - start
    page.wait_for_timeout(2000)
    screens = page.evaluate("window.screens")
    wrong = sum(known.get(title) != pictures for title, pictures in screens)
    last = screens[-1][0] == list(known)[-1]
    fast = f"{PRESSES / seconds:.0f} presses a second: "
    yield Row(f"{fast}screens", f"{len(screens) / seconds:.0f} a second")
    yield Row(f"{fast}the last screen is the last class's", "yes" if last else "no", "yes", last)
    yield Row(f"{fast}screens of a wrong class", str(wrong), "0", wrong == 0)


PARTS = {"process": process, "picture": picture, "kernel": kernel, "browser": browser}


def main() -> None:
    torch.set_num_threads(1)
    for name in sys.argv[1:] or PARTS:
        print(f"\n{name}")
        for row in PARTS[name]():
            print(row, flush=True)


if __name__ == "__main__":
    main()

"""How long do maps take, ours and other libraries'? `make bench` prints it.

ResNet-18 with random weights, prepared inputs of 224 x 224 pixels, one thread. Single maps are
enlarged to 224 x 224, all maps stay h x w (pytorch-grad-cam enlarges them anyway). In every round
each library runs once, after a bare forward pass of the same inputs. Printed are medians over the
rounds: of the time, and of its ratio to that pass. The time is the processor's, so that other
programs disturb less, and on a GPU (`--device cuda`) the clock's.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib.metadata import version
from statistics import median

import torch
from captum.attr import LayerGradCam
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor
from torch.nn.functional import interpolate
from torchcam.methods import CAM
from torchcam.methods import GradCAM as TorchcamGradCAM

import cam_helpers as ch

# Task -> pictures, maps of each.
TASKS = {"one map": (1, 1), "all 1000 maps": (1, 1000), "one map of each of 32": (32, 1)}
SINGLE = ("cam_helpers grad_cam", "torch-cam GradCAM")  # timed on one map only
FEW = 10  # classes that a library with a backward pass for each is timed on, then multiplied
Library = Callable[[Tensor, list[int]], object]


def libraries(device: str) -> Iterator[tuple[str, Library]]:
    """Return what each library does for some classes; each has a network, and hooks, of its own."""
    network, kept, graded, plain, ours_graded, torchcam_graded = (
        make_network(device) for _ in range(6)
    )

    def ours(inputs: Tensor, classes: list[int]) -> object:
        if len(classes) > 1:
            return ch.explain(network, inputs).cams()
        if len(inputs) == 1:
            return ch.upsample(ch.explain(network, inputs).cam(classes[0]), (224, 224))
        with ch.hook_features(network) as hooked:
            ch.predict(network, inputs)
        weights = ch.isolate_weights(network, classes[0]).weights
        return ch.upsample(ch.weighted_sum(weights, hooked.feature_maps), (224, 224))

    extract = CAM(kept.model, kept.feature_layer, kept.classifier)

    def torchcam(inputs: Tensor, classes: list[int]) -> object:
        with torch.no_grad():
            scores = kept.model(inputs)
        return enlarged([extract([c] * len(inputs), scores)[0][:, None] for c in classes])

    grad_cam = GradCAM(graded.model, [graded.feature_layer])

    def pytorch_grad_cam(inputs: Tensor, classes: list[int]) -> object:
        return [grad_cam(inputs, [ClassifierOutputTarget(c)] * len(inputs)) for c in classes]

    layer_grad_cam = LayerGradCam(plain.model, plain.feature_layer)

    def captum(inputs: Tensor, classes: list[int]) -> object:
        return enlarged([layer_grad_cam.attribute(inputs, c).detach() for c in classes])

    def our_grad_cam(inputs: Tensor, classes: list[int]) -> object:
        return ch.upsample(ch.grad_cam(ours_graded, inputs, classes[0]), (224, 224))

    extract_graded = TorchcamGradCAM(torchcam_graded.model, torchcam_graded.feature_layer)

    def torchcam_grad_cam(inputs: Tensor, classes: list[int]) -> object:
        scores = torchcam_graded.model(inputs)
        return enlarged([extract_graded(classes[0], scores)[0][:, None]])

    yield from {
        "cam_helpers": ours,
        "torch-cam": torchcam,
        "pytorch-grad-cam": pytorch_grad_cam,
        "Captum": captum,
        "cam_helpers grad_cam": our_grad_cam,
        "torch-cam GradCAM": torchcam_grad_cam,
    }.items()


def make_network(device: str) -> ch.Network:
    torch.manual_seed(0)
    return ch.load_network("resnet18", weights=None, device=device)


def enlarged(maps: list[Tensor]) -> object:
    return interpolate(maps[0], (224, 224), mode="bilinear") if len(maps) == 1 else maps


def milliseconds(run: Callable[[], object], device: str) -> float:
    if device == "cpu":
        start = time.process_time()
        run()
        return 1000 * (time.process_time() - start)
    torch.cuda.synchronize()
    start = time.perf_counter()
    run()
    torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=60, help="for each of the three tasks")
    options = parser.parse_args()
    device: str = options.device
    torch.set_num_threads(1)
    known = dict(libraries(device))
    bare = make_network(device).model
    versions = [f"{name} {version(name)}" for name in ("torch", "torchcam", "grad-cam", "captum")]
    print("CPU" if device == "cpu" else torch.cuda.get_device_name(), *versions, sep=", ")
    for task, (pictures, maps) in TASKS.items():
        inputs = torch.randn(pictures, 3, 224, 224, device=device)
        rounds = defaultdict(list)
        deadline = time.perf_counter() + options.seconds
        while time.perf_counter() < deadline or len(rounds["Captum"]) < 3:
            for name, library in known.items():
                if name in SINGLE and (pictures, maps) != (1, 1):
                    continue
                few = min(maps, FEW) if name in ("pytorch-grad-cam", "Captum") else maps
                with torch.no_grad():
                    passed = milliseconds(lambda: bare(inputs), device)  # noqa: B023
                took = milliseconds(lambda: library(inputs, list(range(few))), device)  # noqa: B023
                rounds[name].append((passed, took * maps / few))
        print(f"\n{task}, {len(rounds['Captum']) - 1} rounds")
        for name, pairs in rounds.items():
            counted = pairs[1:]  # the first round warms up
            ratio = median(took / passed for passed, took in counted)
            print(f"{name:20}{median(t for _, t in counted):10.2f} ms{ratio:10.3f} x the pass")


if __name__ == "__main__":
    main()

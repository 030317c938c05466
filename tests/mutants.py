"""Plausible mistakes, at least three for each helper; a test catches every one of them.

To add a mistake: put a `Mutant` under its helper below. `old` must occur exactly once in the
module; take as much of the line (or of several lines) as that needs. `new` must be sound Python:
an ImportError, SyntaxError or NameError does not count as caught. `why` says in one sentence why
somebody could write it. `tests` is the smallest quick selection that catches it, written as after
`pytest`; prefer one of the selections below, since each is run once more without any mistake. Then:

    pytest tests/test_mutants.py -k "the title"

To add a helper, or a module: add a key with at least three of them.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """One mistake: in this module of cam_helpers, `new` instead of `old`."""

    title: str
    module: str
    old: str
    new: str
    why: str
    tests: str


# Selections: one or a few tests for each helper, without those that take long.
SCORES = "tests/test_steps.py -k 'models_own or batch_gives or top_gives or input'"
CLASSES = "tests/test_steps.py -k 'one_row or name or whole_number or range or bias or copies'"
GRAPHS = "tests/test_steps.py -k 'gradient_graph'"
HOOKS = "tests/test_steps.py -k 'hook or feature_maps_are or latest'"
SUMS = "tests/test_steps.py -k 'by_head or loop'"
MODES = "tests/test_steps.py -k 'leaves_network or mode'"
KNOWN_PICTURES = "tests/test_steps.py -k 'shipped_pictures'"
OVERLAY = "tests/test_overlay.py"
EXPLAIN = "tests/test_explain.py -k 'one_forward or crop_of or batch or add_up or stream'"
MAPS = "tests/test_explain.py -k 'single_steps or contributions or scale or warn or overlay'"
BIASES = "tests/test_explain.py -k 'mean_of_the_map'"
SEEN_BOX = "tests/test_explain.py -k 'seen_box_worked_out'"
TORCHVISION = "tests/test_networks.py -k 'densenet or resnet18'"
LAYERS = "tests/test_networks.py -k 'own or without_a_class or dead or agree or forward_pass_fails'"
CALLS = "tests/test_networks.py -k 'unusual or cannot_be_caught or behind or in_place'"
STATES = "tests/test_networks.py -k 'head_in_single or follows or lazy or finite or no_excuse'"
WEIGHTS = "tests/test_networks.py -k 'untrained or unknown_weights'"
FIRST_WEIGHTS = "tests/test_faults.py -k 'first_imagenet'"
DAMAGE = "tests/test_faults.py -k 'one_flipped_bit'"
ANY_BIT = "tests/test_faults.py -k 'flipped_anywhere'"
CODE = "tests/test_faults.py -k 'code'"
DOWNLOADS = "tests/test_faults.py -k 'bad_download'"
FULL_DISK = "tests/test_faults.py -k 'gets_full'"
PECULIAR = "tests/test_faults.py -k 'googlenet or densenet'"
INPUTS = "tests/test_networks.py -k 'preprocess or wrong_number'"
SOURCES = "tests/test_pictures.py -k 'source or beside or arrays or floats'"
COLOURS = "tests/test_pictures.py -k 'upright or mode or profile'"
SIZES = "tests/test_pictures.py -k 'few_pixels or strip or bomb or may_start or threads'"
PREPROCESS = "tests/test_tiny_resnet.py -k 'preprocessing or turn'"
WEIGHTS_FILE = "tests/test_tiny_resnet.py -k 'file or whole_copy or halve'"
SCENES = "tests/test_scenes.py -k 'only_visible'"
MASKS = "tests/test_scenes.py -k 'covers_at_least_half'"
SEEDS = "tests/test_scenes.py -k 'same_seed or another_size'"
REQUESTS = "tests/test_scenes.py -k 'box_around or bare_name or wrong_requests'"
BACKGROUNDS = "tests/test_scenes.py -k 'background_is_the_same'"
PEAKS = "tests/test_train.py -k 'peak_worked_out or shift or two_boxes or inside'"
MEASURE = "tests/test_train.py -k 'measures_half or untrained'"
TRAIN = "tests/test_train.py -k 'interrupted_goes_on'"
TARGETS = "tests/test_train.py -k 'target or shares or saving or checkpoint_of'"
CONTROLS = "tests/test_controls.py"
CELL_PICKER = "tests/test_controls.py -k 'every_cell'"
PANELS = "tests/test_controls.py -k 'readers or keys'"
SHOW = "tests/test_figures.py -k 'not (cell or colours)'"
MARKUP = "tests/test_figures.py -k 'width or moving or narrow'"
CELLS = "tests/test_figures.py -k 'cell or colours'"
EXPLORER_MAP = "tests/test_explorer.py -k 'own_map or own_title or colour_bar'"
EXPLORER_MOVES = "tests/test_explorer.py -k 'linked or min_max or another_picture'"
EXPLORER_BAD = "tests/test_explorer.py -k 'bad_upload or goes_back'"
EXPLORER_PANEL = "tests/test_explorer.py -k 'stale or brings_its or opacity_and or keys'"
EXPLORER_CELL = "tests/test_explorer.py -k 'frame'"
EXPLORER_CHANNELS = "tests/test_explorer.py -k 'channel_slider or first_channels'"
EXPLORER_TWO = "tests/test_explorer.py -k 'two_classes or its_copy or another_network'"
EXPLORER_STILL = "tests/test_explorer.py -k 'without_a_kernel or no_html'"
EXPLORER_SUMS = "tests/test_explorer.py -k 'sum_of_a_cell or largest_first or outside_the_map'"
EXPLORER_TEXTS = "tests/test_explorer.py -k 'follows_from or half_of or minus_zero or places'"
EXPLORER_BOXES = "tests/test_explorer.py -k 'whose_box or boxes'"
EXPLORER_FILES = "tests/test_explorer.py -k 'saved or half_a_file or legal'"
MACHINE = "tests/test_machine.py"

MUTANTS: dict[str, list[Mutant]] = {}

# ---- the five steps -----------------------------------------------------------------------

MUTANTS["predict"] = [
    Mutant(
        "softmax for the score",
        "predict.py",
        "scores = network.model(batch)",
        "scores = network.model(batch).softmax(-1)",
        "Most code that predicts ends in softmax, and the classes keep their order.",
        SCORES,
    ),
    Mutant(
        "softmax over the pictures",
        "predict.py",
        "self.scores.softmax(-1)",
        "self.scores.softmax(0)",
        "For one picture, dimension 0 is the classes.",
        SCORES,
    ),
    Mutant(
        "the mode that the model happens to be in",
        "predict.py",
        "with torch.inference_mode(), evaluation_mode(network.model):",
        "with torch.inference_mode():",
        "`load_network` has called eval() already.",
        MODES,
    ),
    Mutant(
        "scores with a gradient graph",
        "predict.py",
        "with torch.inference_mode(), evaluation_mode(network.model):",
        "with evaluation_mode(network.model):",
        "eval() is often taken to switch gradients off.",
        GRAPHS,
    ),
    Mutant(
        "a batch of one loses its first dimension",
        "predict.py",
        "scores[0] if is_one_picture else scores",
        "scores.squeeze(0)",
        "squeeze looks like a short way to treat one picture and many.",
        SCORES,
    ),
    Mutant(
        "the classes in order of index",
        "predict.py",
        ".topk(min(k, len(self.scores))).indices.tolist()",
        ".topk(min(k, len(self.scores))).indices.sort().values.tolist()",
        "Sorted indices look tidy.",
        SCORES,
    ),
    Mutant(
        "more classes than there are",
        "predict.py",
        ".topk(min(k, len(self.scores)))",
        ".topk(k)",
        "ImageNet always has five classes to show.",
        SCORES,
    ),
]

MUTANTS["isolate_weights"] = [
    Mutant(
        "the neighbour's row",
        "isolate_weights.py",
        "weights[index].clone()",
        "weights[index - 1].clone()",
        "Class lists that are counted from 1 are common.",
        CLASSES,
    ),
    Mutant(
        "a column for a row",
        "isolate_weights.py",
        "weights[index].clone()",
        "weights[:, index].clone()",
        "Other libraries store a linear layer as (inputs, outputs).",
        CLASSES,
    ),
    Mutant(
        "no bias",
        "isolate_weights.py",
        "class_bias = weights.new_zeros(()) if bias is None else bias.detach()[index].clone()",
        "class_bias = weights.new_zeros(())",
        "The paper leaves the bias out of its equations.",
        CLASSES,
    ),
    Mutant(
        "the biases of all classes",
        "isolate_weights.py",
        "bias.detach()[index].clone()",
        "bias.detach().clone()",
        "The index is forgotten in the second of two like lines.",
        CLASSES,
    ),
    Mutant(
        "a layer without bias fails",
        "isolate_weights.py",
        "weights.new_zeros(()) if bias is None else bias.detach()[index].clone()",
        "bias.detach()[index].clone()",
        "Every usual network has a bias.",
        CLASSES,
    ),
    Mutant(
        "the network's own weights",
        "isolate_weights.py",
        "weights[index].clone()",
        "weights[index]",
        "A view saves memory, until somebody writes into it.",
        CLASSES,
    ),
    Mutant(
        "weights with a gradient graph",
        "isolate_weights.py",
        "network.classifier.weight.detach()",
        "network.classifier.weight",
        "Nothing in the arithmetic asks for detach().",
        GRAPHS,
    ),
]

MUTANTS["hook_features"] = [
    Mutant(
        "a hook that stays after an exception",
        "hook_features.py",
        "    finally:\n        if handle is not None:\n",
        "    except ZeroDivisionError:\n        pass\n    else:\n        if handle is not None:\n",
        "It works as long as nothing fails.",
        HOOKS,
    ),
    Mutant(
        "a hook that stays",
        "hook_features.py",
        "            handle.remove()",
        "            pass",
        "The article never removes its hook.",
        HOOKS,
    ),
    Mutant(
        "the first pass instead of the latest",
        "hook_features.py",
        "        self._caught = output",
        "        self._caught = output if self._caught is None else self._caught",
        "Old hooks append to a list and read its first entry.",
        HOOKS,
    ),
    Mutant(
        "the layer's input",
        "hook_features.py",
        "        self._caught = output",
        "        self._caught = inputs[0]",
        "The arguments of a hook are easily mixed up.",
        HOOKS,
    ),
    Mutant(
        "a copy, before the network has finished with it",
        "hook_features.py",
        "        self._caught = output",
        "        self._caught = output.detach().clone()",
        "Hooks in tutorials detach and copy, which misses DenseNet's last ReLU.",
        TORCHVISION,
    ),
    Mutant(
        "the layer by its usual name",
        "hook_features.py",
        "network.feature_layer.register_forward_hook",
        "network.model.layer3.register_forward_hook",
        "ResNet's layers differ by one digit.",
        HOOKS,
    ),
    Mutant(
        "other people's hooks removed as well",
        "hook_features.py",
        "            handle.remove()",
        "            network.feature_layer._forward_hooks.clear()",
        "It is on the internet as the way to get rid of hooks.",
        HOOKS,
    ),
]

MUTANTS["weighted_sum"] = [
    Mutant(
        "the map transposed",
        "weighted_sum.py",
        '"c,...chw->...hw"',
        '"c,...chw->...wh"',
        "On a square map nothing but the picture looks wrong.",
        SUMS,
    ),
    Mutant(
        "all maps transposed",
        "weighted_sum.py",
        '"kc,...chw->...khw"',
        '"kc,...chw->...kwh"',
        "The same slip in the other of two formulas.",
        SUMS,
    ),
    Mutant(
        "negative evidence cut off",
        "weighted_sum.py",
        'return torch.einsum("c,...chw->...hw", weights, feature_maps)',
        'return torch.einsum("c,...chw->...hw", weights, feature_maps).relu()',
        "Grad-CAM has a ReLU here.",
        SUMS,
    ),
    Mutant(
        "min-max before the sum",
        "weighted_sum.py",
        "    with torch.inference_mode():\n",
        "    with torch.inference_mode():\n"
        "        feature_maps = feature_maps / feature_maps.amax((-2, -1), keepdim=True)\n",
        "Each feature map looks better on a scale of its own.",
        SUMS,
    ),
    Mutant(
        "the mean instead of the sum",
        "weighted_sum.py",
        'return torch.einsum("c,...chw->...hw", weights, feature_maps)',
        'return torch.einsum("c,...chw->...hw", weights, feature_maps) / len(weights)',
        "Some implementations average over the channels; after min-max nobody sees it.",
        SUMS,
    ),
    Mutant(
        "batch and classes in the wrong order",
        "weighted_sum.py",
        '"kc,...chw->...khw"',
        '"kc,...chw->k...hw"',
        "The classes come first in the weights.",
        SUMS,
    ),
    Mutant(
        "channels compared with the first dimension",
        "weighted_sum.py",
        "weights.shape[-1] != feature_maps.shape[-3]",
        "weights.shape[-1] != feature_maps.shape[0]",
        "For one picture, the channels come first.",
        SUMS,
    ),
]

MUTANTS["overlay.upsample"] = [
    Mutant(
        "shifted by half a cell",
        "overlay.py",
        "(pixel + 0.5) * cells / pixels - 0.5",
        "pixel * cells / pixels",
        "A pixel's index is easily taken for its middle.",
        OVERLAY,
    ),
    Mutant(
        "corners aligned",
        "overlay.py",
        "(pixel + 0.5) * cells / pixels - 0.5",
        "pixel * (cells - 1) / max(pixels - 1, 1)",
        "align_corners=True is what skimage and older torch do.",
        OVERLAY,
    ),
    Mutant(
        "width before height",
        "overlay.py",
        "zip(cam.shape[-2:], size, strict=True)",
        "zip(cam.shape[-2:], size[::-1], strict=True)",
        "Pillow and OpenCV say (width, height).",
        OVERLAY,
    ),
    Mutant(
        "the nearest cell",
        "overlay.py",
        "(1 - distance.abs()).clamp(min=0)",
        "(distance.abs() <= 0.5).double()",
        "It is the default of many resizing functions.",
        OVERLAY,
    ),
    Mutant(
        "dark borders",
        "overlay.py",
        "position.clamp(0, cells - 1)",
        "position",
        "Only the outer half cell needs it.",
        OVERLAY,
    ),
    Mutant(
        "the placements mixed up",
        "overlay.py",
        '    if placement == "cells":',
        '    if placement == "article":',
        "There are two names and two formulas.",
        OVERLAY,
    ),
    Mutant(
        "whole numbers stay whole",
        "overlay.py",
        "cam = cam if cam.is_floating_point() else cam.float()",
        "cam = cam",
        "Maps are floats, unless somebody types one by hand.",
        OVERLAY,
    ),
    Mutant(
        "float32 whatever comes in",
        "overlay.py",
        "cam = cam if cam.is_floating_point() else cam.float()",
        "cam = cam.float()",
        "It is shorter.",
        OVERLAY,
    ),
]

MUTANTS["overlay.overlay"] = [
    Mutant(
        "opacity the wrong way round",
        "overlay.py",
        "Image.blend(seen, colours, opacity)",
        "Image.blend(colours, seen, opacity)",
        "Which of the two the number belongs to has to be looked up.",
        OVERLAY,
    ),
    Mutant(
        "height and width of the box mixed up",
        "overlay.py",
        "(y1 - y0, x1 - x0)",
        "(x1 - x0, y1 - y0)",
        "A box is written x first, a map y first.",
        OVERLAY,
    ),
    Mutant(
        "the box's corner mixed up",
        "overlay.py",
        "opacity), (x0, y0))",
        "opacity), (y0, x0))",
        "On a square crop of a square picture nothing changes.",
        OVERLAY,
    ),
    Mutant(
        "the box forgotten",
        "overlay.py",
        "box or (0, 0, *picture.size)",
        "(0, 0, *picture.size)",
        "The article lays the map over the whole picture.",
        OVERLAY,
    ),
    Mutant(
        "painted into the caller's picture",
        "overlay.py",
        'result = picture.convert("RGB")',
        'result = picture if picture.mode == "RGB" else picture.convert("RGB")',
        "Converting RGB to RGB looks like a waste.",
        OVERLAY,
    ),
    Mutant(
        "the limits not handed on",
        "overlay.py",
        "_steps(cam, limits).clip(",
        "_steps(cam, None).clip(",
        "An argument is added to a function, but not to the call in it.",
        OVERLAY,
    ),
    Mutant(
        "the placement not handed on",
        "overlay.py",
        "(y1 - y0, x1 - x0), placement)",
        "(y1 - y0, x1 - x0))",
        "An argument is added to a function, but not to the call in it.",
        OVERLAY,
    ),
    Mutant(
        "edges cut instead of rounded",
        "overlay.py",
        "(round(edge) for edge in",
        "(int(edge) for edge in",
        "int() is the usual way to a pixel.",
        OVERLAY,
    ),
    Mutant(
        "an opacity that is no number",
        "overlay.py",
        "if not 0 <= opacity <= 1:",
        "if opacity < 0 or opacity > 1:",
        "It reads the same, but NaN passes.",
        OVERLAY,
    ),
]

MUTANTS["overlay.colourise"] = [
    Mutant(
        "blue for red",
        "overlay.py",
        "colour_table(colour_map).tobytes()",
        "colour_table(colour_map)[:, ::-1].tobytes()",
        "OpenCV, which the article uses, stores blue first.",
        OVERLAY,
    ),
    Mutant(
        "every map on a scale of its own",
        "overlay.py",
        "low, high = limits or own",
        "low, high = own",
        "Per-map min-max is what nearly everybody draws.",
        OVERLAY,
    ),
    Mutant(
        "colours that wrap around",
        "overlay.py",
        ".clip(0, 255, steps)",
        "",
        "Within its own limits no map needs the clamp.",
        OVERLAY,
    ),
    Mutant(
        "cut instead of rounded",
        "overlay.py",
        "np.rint(steps, steps).clip(",
        "steps.clip(",
        "One colour in 256 is not seen.",
        OVERLAY,
    ),
    Mutant(
        "divided by one at least",
        "overlay.py",
        "span = max(high - low, math.ulp(0))",
        "span = max(high - low, 1)",
        "It keeps off division by zero, and hides maps whose unit is small.",
        OVERLAY,
    ),
    Mutant(
        "divided by the largest value",
        "overlay.py",
        "return (numbers - low) / span * 255",
        "return numbers / high * 255",
        "After a ReLU, the smallest value is 0.",
        OVERLAY,
    ),
    Mutant(
        "cold for hot",
        "overlay.py",
        "return (numbers - low) / span * 255",
        "return (high - numbers) / span * 255",
        "Some colour maps run from bright to dark.",
        OVERLAY,
    ),
    Mutant(
        "limits in any order",
        "overlay.py",
        "    if high < low:",
        "    if high < low and limits is None:",
        "The check was written for the map's own values.",
        OVERLAY,
    ),
]

# ---- explain ------------------------------------------------------------------------------

MUTANTS["explain"] = [
    Mutant(
        "two forward passes",
        "explain.py",
        "    with hook_features(network) as hooked:\n"
        "        prediction = predict(network, batch[0])",
        "    prediction = predict(network, batch[0])\n"
        "    with hook_features(network) as hooked:\n        network.model(batch)",
        "Two steps, two passes; and the second in whatever mode the model is.",
        EXPLAIN,
    ),
    Mutant(
        "a batch of which the first picture counts",
        "explain.py",
        "if len(batch) != 1:",
        "if len(batch) < 1:",
        "The rest of the function takes the first one anyway.",
        EXPLAIN,
    ),
    Mutant(
        "drawn on the whole picture, squeezed",
        "explain.py",
        "feature_maps, network.picture_of(batch[0]), whole)",
        "feature_maps, (whole or network.picture_of(batch[0])).resize((224, 224)), whole)",
        "The article draws on the squeezed picture, not on the crop.",
        EXPLAIN,
    ),
    Mutant(
        "no proof on this picture",
        "explain.py",
        "    if not agree(balance, prediction.scores):",
        "    if False:",
        "`load_network` has proven the balance on noise.",
        EXPLAIN,
    ),
    Mutant(
        "the balance without bias",
        "explain.py",
        "balance = linear(features, network.classifier.weight, network.classifier.bias)",
        "balance = linear(features, network.classifier.weight)",
        "The paper leaves the bias out.",
        EXPLAIN,
    ),
    Mutant(
        "a picture that is read twice",
        "explain.py",
        "network.prepare(picture if whole is None else whole)",
        "network.prepare(picture)",
        "prepare() opens pictures by itself; but a file object is at its end by then.",
        EXPLAIN,
    ),
    Mutant(
        "feature maps of the whole batch",
        "explain.py",
        "        feature_maps = hooked.feature_maps[0].to(network.classifier.weight.dtype)\n"
        "        features = feature_maps.mean((1, 2))",
        "        feature_maps = hooked.feature_maps\n"
        "        features = feature_maps[0].mean((1, 2))",
        "With one picture, einsum does not mind the batch.",
        EXPLAIN,
    ),
]

MUTANTS["Explanation"] = [
    Mutant(
        "a probability for a score",
        "explain.py",
        "self.scores[self.network.class_index(class_index)].item()",
        "self.prediction.probabilities[self.network.class_index(class_index)].item()",
        "Readers call both a score.",
        MAPS,
    ),
    Mutant(
        "the shared scale of one class alone",
        "explain.py",
        "return self._cams.min().item(), self._cams.max().item()",
        "return self._cams[0].min().item(), self._cams[0].max().item()",
        "It is the same for every class, as it should be.",
        MAPS,
    ),
    Mutant(
        "shared limits for every scale",
        "explain.py",
        '        if scale == "shared":',
        '        if scale in ("shared", "raw"):',
        "Raw values look like values on a common scale.",
        MAPS,
    ),
    Mutant(
        "limits around zero",
        "explain.py",
        "return cam.min().item(), cam.max().item()",
        "return -cam.abs().max().item(), cam.abs().max().item()",
        "Maps have a sign, so symmetrical limits look fair.",
        MAPS,
    ),
    Mutant(
        "a warning for the winner",
        "explain.py",
        'if scale == "min-max" and score < 0:',
        'if scale == "min-max" and score > 0:',
        "A comparison turned round.",
        MAPS,
    ),
    Mutant(
        "a warning on an honest scale",
        "explain.py",
        'if scale == "min-max" and score < 0:',
        "if score < 0:",
        "A negative score is worth a word anywhere.",
        MAPS,
    ),
    Mutant(
        "limits not handed on",
        "explain.py",
        "            limits=self._limits(class_index, scale),\n",
        "",
        "overlay() finds limits of its own.",
        MAPS,
    ),
    Mutant(
        "placement not handed on",
        "explain.py",
        "            placement=placement,\n",
        "",
        "overlay() has a default of its own.",
        MAPS,
    ),
    Mutant(
        "the whole picture under the crop's map",
        "explain.py",
        "box=self.network.seen_box(picture.size) if whole else None",
        "box=None",
        "The article lays the map over everything.",
        MAPS,
    ),
    Mutant(
        "a box on the crop",
        "explain.py",
        "box=self.network.seen_box(picture.size) if whole else None",
        "box=self.network.seen_box(picture.size)",
        "The box belongs to the map, after all.",
        MAPS,
    ),
    Mutant(
        "contributions without their weights",
        "explain.py",
        ".weights[:, None, None] * self.feature_maps",
        ".weights.sign()[:, None, None] * self.feature_maps",
        "A channel's sign and its map tell a story already.",
        MAPS,
    ),
]

MUTANTS["Explanation.bias"] = [
    Mutant(
        "no bias to tell",
        "explain.py",
        "return 0.0 if bias is None else bias[index].item()",
        "return 0.0",
        "The paper leaves the bias out.",
        BIASES,
    ),
    Mutant(
        "the bias of the neighbour",
        "explain.py",
        "return 0.0 if bias is None else bias[index].item()",
        "return 0.0 if bias is None else bias[index - 1].item()",
        "Class lists that are counted from 1 are common.",
        BIASES,
    ),
    Mutant(
        "no layer without a bias",
        "explain.py",
        "return 0.0 if bias is None else bias[index].item()",
        "return bias[index].item()",
        "Every usual network has a bias.",
        BIASES,
    ),
]

# ---- networks -----------------------------------------------------------------------------

MUTANTS["Network.class_index"] = [
    Mutant(
        "counted from the end",
        "networks.py",
        "if not 0 <= index < len(self.categories):",
        "if not -len(self.categories) <= index < len(self.categories):",
        "Python allows negative indices.",
        CLASSES,
    ),
    Mutant(
        "one class too many",
        "networks.py",
        "if not 0 <= index < len(self.categories):",
        "if not 0 <= index <= len(self.categories):",
        "Off by one.",
        CLASSES,
    ),
    Mutant(
        "fractions cut off",
        "networks.py",
        "operator.index(choice)",
        "int(choice)",
        "int() takes everything that looks like a number.",
        CLASSES,
    ),
    Mutant(
        "True is class 1",
        "networks.py",
        'if isinstance(choice, bool | np.bool_) or getattr(choice, "dtype", None) == torch.bool:',
        "if isinstance(choice, np.bool_):",
        "In Python, True is the whole number 1.",
        CLASSES,
    ),
    Mutant(
        "the first of several",
        "networks.py",
        "if len(found) == 1:",
        "if found:",
        "categories.index(name) takes the first; ImageNet has two cranes.",
        CLASSES,
    ),
    Mutant(
        "a part of a name",
        "networks.py",
        "if category == name]",
        "if name in category]",
        "It saves typing, until 'cat' finds 'catamaran'.",
        CLASSES,
    ),
]

MUTANTS["Network.prepare"] = [
    Mutant(
        "in the tensor's own precision",
        "networks.py",
        "return batch.to(next(self.model.parameters()))",
        "return batch",
        "Pictures come out of the preprocessing as float32 anyway.",
        SCORES,
    ),
    Mutant(
        "any number of channels",
        "networks.py",
        "if batch.ndim != 4 or batch.shape[1] != 3:",
        "if batch.ndim != 4:",
        "The first convolution complains by itself, in its own words.",
        SCORES,
    ),
    Mutant(
        "bytes taken for floats",
        "networks.py",
        "if not batch.is_floating_point() or not batch.isfinite().all():",
        "if not batch.isfinite().all():",
        "A picture as a tensor of bytes has the right shape.",
        INPUTS,
    ),
    Mutant(
        "NaN goes through",
        "networks.py",
        "if not batch.is_floating_point() or not batch.isfinite().all():",
        "if not batch.is_floating_point():",
        "A network with NaN in it fails nowhere.",
        INPUTS,
    ),
    Mutant(
        "a tensor preprocessed twice",
        "networks.py",
        "batch = picture if isinstance(picture, Tensor) else",
        "if isinstance(picture, Tensor) and picture.ndim == 3:\n"
        "            picture = self.picture_of(picture)\n"
        "        batch = picture if isinstance(picture, Tensor) else",
        "One road for all single pictures is tidier.",
        SCORES,
    ),
]

MUTANTS["Network.picture_of"] = [
    Mutant(
        "the mean forgotten",
        "networks.py",
        "(tensor.float().cpu() * std + mean)",
        "(tensor.float().cpu() * std + 0.5)",
        "0.5 is near enough to see something.",
        PREPROCESS,
    ),
    Mutant(
        "cut instead of rounded",
        "networks.py",
        "numbers.round().byte()",
        "numbers.byte()",
        "byte() turns a float into a byte without a word.",
        PREPROCESS,
    ),
    Mutant(
        "rows and columns mixed up",
        "networks.py",
        "permute(1, 2, 0)",
        "permute(2, 1, 0)",
        "T is the short way to bring the channels to the end.",
        PREPROCESS,
    ),
    Mutant(
        "blue for red",
        "networks.py",
        "numbers.round().byte().permute",
        "numbers.round().byte().flip(0).permute",
        "OpenCV stores blue first.",
        PREPROCESS,
    ),
    Mutant(
        "colours that wrap around",
        "networks.py",
        ".clamp(0, 1) * 255",
        " * 255",
        "What was a picture lies between 0 and 1; other tensors do not.",
        PREPROCESS,
    ),
]

MUTANTS["Network.seen_box"] = [
    Mutant(
        "no resizing",
        "networks.py",
        "resized = int(resize * side / min(size))",
        "resized = side",
        "The shipped pictures are nearly as large as the crop.",
        SEEN_BOX,
    ),
    Mutant(
        "the long side resized",
        "networks.py",
        "resized = int(resize * side / min(size))",
        "resized = int(resize * side / max(size))",
        "Thumbnails are made like this.",
        SEEN_BOX,
    ),
    Mutant(
        "squeezed to a square",
        "networks.py",
        "resized = int(resize * side / min(size))",
        "resized = resize",
        "Resize((256, 256)), where Resize(256) is meant.",
        SEEN_BOX,
    ),
    Mutant(
        "y before x",
        "networks.py",
        "return start[0], start[1], end[0], end[1]",
        "return start[1], start[0], end[1], end[0]",
        "Arrays are indexed row first.",
        SEEN_BOX,
    ),
    Mutant(
        "width and height instead of the other corner",
        "networks.py",
        "end.append((first + crop) * side / resized)",
        "end.append(crop * side / resized)",
        "COCO's boxes are (x, y, width, height).",
        SEEN_BOX,
    ),
    Mutant(
        "in pixels of the resized picture",
        "networks.py",
        "start.append(first * side / resized)",
        "start.append(first)",
        "The crop is described there.",
        SEEN_BOX,
    ),
]

MUTANTS["load_network"] = [
    Mutant(
        "left in training mode",
        "networks.py",
        "model.to(device).eval()",
        "model.to(device)",
        "predict() switches anyway; but a new torchvision network is in training mode.",
        TORCHVISION,
    ),
    Mutant(
        "trained weights where random ones were asked for",
        "networks.py",
        "model = TinyResNet() if weights is None else load_tiny_resnet()",
        "model = load_tiny_resnet()",
        "`weights=None` looks like 'nothing special'.",
        WEIGHTS,
    ),
    Mutant(
        "torchvision's newest weights",
        "networks.py",
        'return getattr(members, "IMAGENET1K_V1", members.DEFAULT)',
        "return members.DEFAULT",
        "DEFAULT is what the word says; but the article's weights are the first ones.",
        FIRST_WEIGHTS,
    ),
    Mutant(
        "weights not looked up",
        "networks.py",
        "    if weights not in members.__members__:",
        "    if not weights:",
        "members[weights] raises KeyError by itself.",
        WEIGHTS,
    ),
    Mutant(
        "code in a weights file",
        "networks.py",
        'map_location="cpu", weights_only=True',
        'map_location="cpu", weights_only=False',
        "Older files need it, say the forums.",
        CODE,
    ),
    Mutant(
        "every failure is the connection's",
        "networks.py",
        "        raise DamagedWeightsError(",
        "        raise WeightsUnavailableError(",
        "Mostly it is.",
        DAMAGE,
    ),
    Mutant(
        "a file that is there is the right one",
        "networks.py",
        "is_published = checksum.startswith(_digits(file))",
        "is_published = True",
        "torch looks at the checksum only when it downloads.",
        DAMAGE,
    ),
    Mutant(
        "a file with sound checksums read as it is",
        "networks.py",
        "good = content if is_published else _checked_copy(content)",
        "good = content\n"
        "            _ = is_published or _checked_copy(content) and content.seek(0)",
        "What zipfile finds sound looks sound; but torch finds the numbers in another way.",
        ANY_BIT,
    ),
    Mutant(
        "a download taken as it comes",
        "networks.py",
        "hash_prefix=_digits(file)",
        "hash_prefix=None",
        "None is what torch takes unless told.",
        DOWNLOADS,
    ),
    Mutant(
        "torch tidies up by itself",
        "networks.py",
        "        whole = Path(folder, file.name)\n",
        "        whole = file.with_name(file.name)\n",
        "It does, but for a disk that gets full.",
        FULL_DISK,
    ),
    Mutant(
        "GoogLeNet without its shift of the input",
        "networks.py",
        'told["transform_input"] = file is not None',
        'told["transform_input"] = False',
        "False is what torchvision takes unless told; its own loading tells it.",
        PECULIAR,
    ),
    Mutant(
        "DenseNet's old names",
        "networks.py",
        'r"\\1\\2."',
        'r"\\1.\\2."',
        "Most files name layers as the network does.",
        PECULIAR,
    ),
    Mutant(
        "a wrong number of categories",
        "networks.py",
        "    if len(categories) != classifier.out_features:",
        "    if len(categories) > classifier.out_features:",
        "Too few names fail only when the last class wins.",
        INPUTS,
    ),
    Mutant(
        "a crop that is no square",
        "networks.py",
        "if noise.shape[-2:] != (preprocess.crop_size[0], preprocess.crop_size[0]):",
        "if noise.shape[-1] != preprocess.crop_size[0]:",
        "Presets cut squares.",
        INPUTS,
    ),
]

# ---- layers -------------------------------------------------------------------------------

MUTANTS["layers.find_layers"] = [
    Mutant(
        "the last linear layer, whatever follows",
        "layers.py",
        "if last is None or not _gives_the_output(model, batch, last, output):",
        "if last is None:",
        "In the usual networks, nothing follows.",
        LAYERS,
    ),
    Mutant(
        "equal numbers taken as proof",
        "layers.py",
        "        return torch.equal(_run(model, batch), turned[-1])",
        "        return True",
        "A ReLU that changes nothing on the noise looks like no ReLU.",
        LAYERS,
    ),
    Mutant(
        "the largest value instead of the mean",
        "layers.py",
        "call.output.mean((2, 3))",
        "call.output.amax((2, 3))",
        "Both are called global pooling.",
        TORCHVISION,
    ),
    Mutant(
        "the innermost layer",
        "layers.py",
        "return min(same, key=lambda name: name.count",
        "return max(same, key=lambda name: name.count",
        "All of them hand on the same tensor.",
        TORCHVISION,
    ),
    Mutant(
        "zeros taken as proof",
        "layers.py",
        "return other is not None and bool(other.any()) and agree(one, other)",
        "return other is not None and agree(one, other)",
        "0 = 0 holds.",
        LAYERS,
    ),
    Mutant(
        "hooks that stay after a failure",
        "layers.py",
        "    finally:\n        for handle in handles:",
        "    except ZeroDivisionError:\n        pass\n    else:\n        for handle in handles:",
        "It works as long as nothing fails.",
        LAYERS,
    ),
    Mutant(
        "copies of the outputs",
        "layers.py",
        "kept = output if is_wide and",
        "kept = output.clone() if is_wide and",
        "A copy is safe; but DenseNet's last ReLU works in place.",
        TORCHVISION,
    ),
    Mutant(
        "the pooling layer makes the feature maps",
        "layers.py",
        "is_wide = output.ndim == 4 and output.shape[2:].numel() > 1",
        "is_wide = output.ndim == 4",
        "The mean over one cell is that cell.",
        LAYERS,
    ),
    Mutant(
        "nearly anything agrees",
        "layers.py",
        "tolerance = max(1e-4,",
        "tolerance = max(1e-1,",
        "The proof failed once on a GPU.",
        LAYERS,
    ),
    Mutant(
        "what is right in single precision is right in half",
        "layers.py",
        "8 * torch.finfo(other.dtype).eps",
        "20 * torch.finfo(other.dtype).eps",
        "Numbers in half precision are not expected to be exact.",
        STATES,
    ),
    Mutant(
        "every call of a layer counts",
        "layers.py",
        "if call is latest[call.name] and _feeds(call, last):",
        "if _feeds(call, last):",
        "Hardly a network uses a layer twice.",
        CALLS,
    ),
    Mutant(
        "a linear layer is linear",
        "layers.py",
        "    if not _is_linear(layers[last.name], last):",
        "    if False:",
        "The class says so; but a subclass or a hook may do more.",
        CALLS,
    ),
    Mutant(
        "the very tensor that is turned",
        "layers.py",
        "        turned.append(-output)\n        return -output ",
        "        turned.append(-output)\n        return turned[-1] ",
        "A second tensor looks like waste; but a ReLU after it may work in place.",
        CALLS,
    ),
]

MUTANTS["layers.evaluation_mode"] = [
    Mutant(
        "all layers into training mode",
        "layers.py",
        "        for layer in training:\n            layer.training = True",
        "        if training:\n            model.train()",
        "It is the usual pair of eval() and train().",
        MODES,
    ),
    Mutant(
        "evaluation mode for good",
        "layers.py",
        "        for layer in training:\n            layer.training = True",
        "        pass",
        "Nobody trains in these notebooks.",
        MODES,
    ),
    Mutant(
        "the mode lost after a failure",
        "layers.py",
        "    finally:\n        for layer in training:",
        "    except ZeroDivisionError:\n        pass\n    else:\n        for layer in training:",
        "It works as long as nothing fails.",
        MODES,
    ),
    Mutant(
        "training mode all the while",
        "layers.py",
        "        model.eval()\n",
        "",
        "A line lost while tidying up.",
        MODES,
    ),
]

# ---- pictures -----------------------------------------------------------------------------

MUTANTS["open_picture"] = [
    Mutant(
        "colours as the camera means them",
        "pictures.py",
        "    picture = _to_srgb(picture)\n",
        "",
        "convert('RGB') sounds like the whole of it.",
        COLOURS,
    ),
    Mutant(
        "a profile applied at every opening",
        "pictures.py",
        '    picture.info.pop("icc_profile", None)',
        "    pass",
        "The profile came with the picture.",
        COLOURS,
    ),
    Mutant(
        "a broken profile spoils the picture",
        "pictures.py",
        "    except (ImportError, OSError, TypeError, ValueError, ImageCms.PyCMSError):\n",
        "    except ZeroDivisionError:\n",
        "Files are written by programs that know their trade.",
        COLOURS,
    ),
    Mutant(
        "16-bit grey without the grey that is transparent",
        "pictures.py",
        '    if "transparency" in picture.info:\n        opaque',
        "    if False:\n        opaque",
        "Sixteen bits leave no room for thoughts of transparency.",
        COLOURS,
    ),
    Mutant(
        "the size looked at after the reading",
        "pictures.py",
        "    _checked_size(picture).load()\n",
        "    picture.load()\n    _checked_size(picture)\n",
        "The order does not matter for a file that is whole and small.",
        SIZES,
    ),
    Mutant(
        "warnings silenced in several threads at once",
        "pictures.py",
        "with _QUIET, warnings.catch_warnings",
        "with warnings.catch_warnings",
        "catch_warnings puts everything back by itself, in one thread.",
        SIZES,
    ),
    Mutant(
        "photographs lie on their side",
        "pictures.py",
        "return ImageOps.exif_transpose(picture)",
        "return picture",
        "Image.open does not turn pictures, and most viewers hide it.",
        COLOURS,
    ),
    Mutant(
        "what is transparent turns black",
        "pictures.py",
        'white = Image.new("RGB", picture.size, "white")',
        'white = Image.new("RGB", picture.size, "black")',
        "convert('RGB') alone shows what lies under the transparency.",
        COLOURS,
    ),
    Mutant(
        "palettes and grey pictures without their transparency",
        "pictures.py",
        'picture.mode in TRANSPARENT_MODES or "transparency" in picture.info',
        "picture.mode in TRANSPARENT_MODES",
        "Transparency is thought of as a fourth channel.",
        COLOURS,
    ),
    Mutant(
        "16-bit grey clipped",
        "pictures.py",
        "(numbers >> 8).astype(np.uint8)",
        "numbers.clip(0, 255).astype(np.uint8)",
        "It is what older Pillow does, and nearly everything turns white.",
        COLOURS,
    ),
    Mutant(
        "16-bit grey by its lower half",
        "pictures.py",
        "(numbers >> 8).astype(np.uint8)",
        "numbers.astype(np.uint8)",
        "astype cuts off without a word.",
        COLOURS,
    ),
    Mutant(
        "floats cut instead of rounded",
        "pictures.py",
        "(array * 255).round().astype(np.uint8)",
        "(array * 255).astype(np.uint8)",
        "astype cuts off without a word.",
        SOURCES,
    ),
    Mutant(
        "floats from 0 to 255",
        "pictures.py",
        "array.min() >= 0 and array.max() <= 1",
        "array.min() >= 0 and array.max() <= 255",
        "Some libraries give such arrays.",
        SOURCES,
    ),
    Mutant(
        "width before height",
        "pictures.py",
        "    return Image.fromarray(array)\n",
        "    return Image.fromarray(np.ascontiguousarray(array.swapaxes(0, 1)))\n",
        "Pillow says (width, height), arrays say (height, width).",
        SOURCES,
    ),
    Mutant(
        "a file hides a shipped picture",
        "pictures.py",
        "if isinstance(source, str) and name in shipped_pictures():",
        "if name in shipped_pictures() and not Path(source).is_file():",
        "Files usually come first.",
        SOURCES,
    ),
    Mutant(
        "pictures that are too small",
        "pictures.py",
        "if short < SMALLEST_SIDE:",
        "if long < SMALLEST_SIDE:",
        "sorted() gives two sides, and one is taken for the other.",
        SIZES,
    ),
    Mutant(
        "a strip that fills the memory",
        "pictures.py",
        "if long > LARGEST_RATIO * short:",
        "if long > LARGEST_RATIO * 224:",
        "A limit in pixels is the usual one.",
        SIZES,
    ),
    Mutant(
        "every format that Pillow knows",
        "pictures.py",
        "Image.open(file, formats=FORMATS)",
        "Image.open(file)",
        "It is shorter, and starts Ghostscript for EPS.",
        SIZES,
    ),
    Mutant(
        "Pillow's warning is enough",
        "pictures.py",
        "if most is not None and picture.width * picture.height > most:",
        "if most is not None and picture.width * picture.height > 2 * most:",
        "Beyond twice the limit Pillow raises by itself.",
        SIZES,
    ),
]

# ---- tiny_resnet --------------------------------------------------------------------------

MUTANTS["tiny_resnet.Preprocess"] = [
    Mutant(
        "colours in the wrong order",
        "tiny_resnet.py",
        "self.mean = [0.485, 0.456, 0.406]",
        "self.mean = [0.406, 0.456, 0.485]",
        "OpenCV stores blue first.",
        PREPROCESS,
    ),
    Mutant(
        "mean and standard deviation of another data set",
        "tiny_resnet.py",
        "self.std = [0.229, 0.224, 0.225]",
        "self.std = [0.5, 0.5, 0.5]",
        "Half the models on the internet use 0.5.",
        PREPROCESS,
    ),
    Mutant(
        "squeezed to a square",
        "tiny_resnet.py",
        "(int(self.resize_size[0] * side / short) for side in picture.size)",
        "(self.resize_size[0] for side in picture.size)",
        "Resize((256, 256)), where Resize(256) is meant.",
        PREPROCESS,
    ),
    Mutant(
        "the long side resized",
        "tiny_resnet.py",
        "short = min(picture.size)",
        "short = max(picture.size)",
        "Thumbnails are made like this.",
        PREPROCESS,
    ),
    Mutant(
        "a crop from the corner",
        "tiny_resnet.py",
        "left = round((picture.width - side) / 2)",
        "left = 0",
        "For square pictures 16 pixels are hard to see.",
        PREPROCESS,
    ),
    Mutant(
        "a crop that is rounded down",
        "tiny_resnet.py",
        "top = round((picture.height - side) / 2)",
        "top = (picture.height - side) // 2",
        "It is one pixel, now and then.",
        PREPROCESS,
    ),
    Mutant(
        "another interpolation",
        "tiny_resnet.py",
        "Image.Resampling.BILINEAR",
        "Image.Resampling.BICUBIC",
        "It is Pillow's own default.",
        PREPROCESS,
    ),
    Mutant(
        "bytes that stay bytes",
        "tiny_resnet.py",
        "np.array(cropped, dtype=np.float32) / 255)",
        "np.array(cropped, dtype=np.float32))",
        "ToTensor divides by 255 without a word.",
        PREPROCESS,
    ),
]

MUTANTS["tiny_resnet.load_tiny_resnet"] = [
    Mutant(
        "no checksum",
        "tiny_resnet.py",
        "    check_checksum(content, weights_file)\n",
        "",
        "torch.load finds most damage by itself.",
        WEIGHTS_FILE,
    ),
    Mutant(
        "without a checksum no check",
        "tiny_resnet.py",
        "    if found != recorded:",
        '    if recorded != "missing" and found != recorded:',
        "A missing file beside it looks harmless.",
        WEIGHTS_FILE,
    ),
    Mutant(
        "code in the weights file",
        "tiny_resnet.py",
        'map_location="cpu", weights_only=True',
        'map_location="cpu", weights_only=False',
        "It was the default for years.",
        WEIGHTS_FILE,
    ),
    Mutant(
        "in training mode",
        "tiny_resnet.py",
        "    return model.eval()",
        "    return model",
        "A new module is in training mode.",
        WEIGHTS_FILE,
    ),
    Mutant(
        "the weights not loaded",
        "tiny_resnet.py",
        "        model.load_state_dict(weights)\n",
        "",
        "The network works without them, on random numbers.",
        WEIGHTS_FILE,
    ),
    Mutant(
        "a part of the weights is enough",
        "tiny_resnet.py",
        "model.load_state_dict(weights)",
        "model.load_state_dict(weights, strict=False)",
        "It makes the error go away.",
        WEIGHTS_FILE,
    ),
]

MUTANTS["tiny_resnet.TinyResNet"] = [
    Mutant(
        "softmax inside the network",
        "tiny_resnet.py",
        "self.fc(torch.flatten(self.avgpool(x), 1))",
        "self.fc(torch.flatten(self.avgpool(x), 1)).softmax(1)",
        "Networks are often drawn with softmax at their end.",
        SCORES,
    ),
    Mutant(
        "no shortcut",
        "tiny_resnet.py",
        "self.bn2(self.conv2(out)) + self.downsample(x)",
        "self.bn2(self.conv2(out))",
        "The shapes fit without it.",
        KNOWN_PICTURES,
    ),
    Mutant(
        "a fourth stage that does not halve",
        "tiny_resnet.py",
        "BasicBlock(widths[2], widths[3], stride=2)",
        "BasicBlock(widths[2], widths[3], stride=1)",
        "The weights fit all the same, and the map is finer.",
        WEIGHTS_FILE,
    ),
]

# ---- scenes -------------------------------------------------------------------------------

MUTANTS["draw_scene"] = [
    Mutant(
        "masks of what is hidden",
        "scenes.py",
        "            mask &= ~painted",
        "            mask &= mask",
        "A mask of the whole object is what one gets without thinking.",
        SCENES,
    ),
    Mutant(
        "masks under the thing in front",
        "scenes.py",
        "            mask &= ~hidden",
        "            mask &= mask",
        "The thing in front is no object, so it is forgotten.",
        SCENES,
    ),
    Mutant(
        "the front object painted first",
        "scenes.py",
        "for index in front_first[::-1]:",
        "for index in front_first:",
        "Painting starts at the back, a list of depths at the front.",
        SCENES,
    ),
    Mutant(
        "masks named after the order of painting",
        "scenes.py",
        "        masks[names[index]] = painted",
        "        masks[names[len(masks)]] = painted",
        "The order of depth and the order asked for are often the same.",
        SCENES,
    ),
    Mutant(
        "every pixel that is touched",
        "scenes.py",
        "np.asarray(layer)[:, :, 3] >= 128",
        "np.asarray(layer)[:, :, 3] > 0",
        "Alpha above 0 is a common mask.",
        MASKS,
    ),
    Mutant(
        "one background for all seeds",
        "scenes.py",
        "background = draw_background(np.random.default_rng([seed, 0]))",
        "background = draw_background(np.random.default_rng(0))",
        "A fixed seed makes things reproducible.",
        SEEDS,
    ),
    Mutant(
        "the background tells the class",
        "scenes.py",
        "background = draw_background(np.random.default_rng([seed, 0]))",
        "background = draw_background(np.random.default_rng([seed, len(names[:1] and names[0])]))",
        "Different scenes for different things look nicer.",
        BACKGROUNDS,
    ),
    Mutant(
        "another scene at another size",
        "scenes.py",
        "    objects, front_first = _place_objects(seed, names, background)",
        "    objects, front_first = _place_objects(seed + (size != 224), names, background)",
        "Whatever is decided in pixels depends on the size.",
        SEEDS,
    ),
    Mutant(
        "a name read letter by letter",
        "scenes.py",
        "names = (classes,) if isinstance(classes, str) else tuple(classes)",
        "names = tuple(classes)",
        "A string is a sequence, too.",
        REQUESTS,
    ),
]

MUTANTS["scenes.box_around"] = [
    Mutant(
        "the last column left out",
        "scenes.py",
        "int(columns[-1]) + 1, int(rows[-1]) + 1",
        "int(columns[-1]), int(rows[-1])",
        "The last index is easily taken for the end.",
        REQUESTS,
    ),
    Mutant(
        "y before x",
        "scenes.py",
        "return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1",
        "return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1",
        "Arrays are indexed row first.",
        REQUESTS,
    ),
    Mutant(
        "an empty mask fails",
        "scenes.py",
        "    if len(rows) == 0:\n        return 0, 0, 0, 0\n",
        "",
        "Every object can be seen.",
        REQUESTS,
    ),
]

# ---- measure ------------------------------------------------------------------------------

MUTANTS["measure"] = [
    Mutant(
        "rows taken for columns",
        "measure.py",
        "row, column = cell",
        "column, row = cell",
        "argmax counts through the whole map.",
        PEAKS,
    ),
    Mutant(
        "the strongest instead of the highest",
        "measure.py",
        "int(cam.argmax())",
        "int(cam.abs().argmax())",
        "A strong map looks like a large map.",
        PEAKS,
    ),
    Mutant(
        "the crop taken for the whole picture",
        "measure.py",
        "x0, y0, x1, y1 = box if explanation.whole_picture else (0, 0, *whole.size)",
        "x0, y0, x1, y1 = (0, 0, *whole.size)",
        "The crop is nearly the whole picture.",
        PEAKS,
    ),
    Mutant(
        "the cell's corner for its middle",
        "measure.py",
        'inset = 0.5 if placement == "article" else 0.0',
        "inset = 0.0",
        "Half a cell of seven is 16 pixels.",
        PEAKS,
    ),
    Mutant(
        "a box that the neighbour overlaps",
        "measure.py",
        "return is_inside(point, scene.boxes[category]) and not in_another",
        "return is_inside(point, scene.boxes[category])",
        "Boxes seldom overlap.",
        PEAKS,
    ),
    Mutant(
        "one of two is enough",
        "measure.py",
        "{p: mean(all(both) for both in pair_hits[p]) for p in PLACEMENTS}",
        "{p: mean(any(both) for both in pair_hits[p]) for p in PLACEMENTS}",
        "any and all.",
        MEASURE,
    ),
    Mutant(
        "the far edge counts",
        "measure.py",
        "box[0] <= point[0] < box[2]",
        "box[0] <= point[0] <= box[2]",
        "x1 lies one pixel outside.",
        PEAKS,
    ),
    Mutant(
        "the shift the other way",
        "measure.py",
        "return point[0] - (box[0] + box[2]) / 2, point[1] - (box[1] + box[3]) / 2",
        "return (box[0] + box[2]) / 2 - point[0], (box[1] + box[3]) / 2 - point[1]",
        "From where to where is a matter of taste, until a text says it.",
        PEAKS,
    ),
    Mutant(
        "right if it is among the best five",
        "measure.py",
        "explanation.prediction.top(1)[0].category == category",
        "category in [best.category for best in explanation.prediction.top(5)]",
        "ImageNet's results are often told like this.",
        MEASURE,
    ),
]

# ---- train --------------------------------------------------------------------------------

MUTANTS["train"] = [
    Mutant(
        "the same scenes again after an interruption",
        "train.py",
        "first_seed = FIRST_TRAINING_SEED + done * BATCH_SIZE",
        "first_seed = FIRST_TRAINING_SEED",
        "A loader starts at its beginning.",
        TRAIN,
    ),
    Mutant(
        "the optimiser starts anew",
        "train.py",
        '{"model": model, "optimizer": optimizer, "schedule": schedule}',
        '{"model": model, "schedule": schedule}',
        "Most checkpoints hold the model alone.",
        TRAIN,
    ),
    Mutant(
        "gradients that pile up",
        "train.py",
        "        optimizer.zero_grad()\n",
        "",
        "The classic.",
        TRAIN,
    ),
    Mutant(
        "a schedule that never moves",
        "train.py",
        "        schedule.step()\n",
        "",
        "optimizer.step() looks like the step.",
        TRAIN,
    ),
    Mutant(
        "trained in evaluation mode",
        "train.py",
        "model.train()(batch)",
        "model.eval()(batch)",
        "Everywhere else in this project, a network is switched to evaluation first.",
        TRAIN,
    ),
    Mutant(
        "returned in training mode",
        "train.py",
        "    return model.eval()",
        "    return model",
        "Batch statistics do not show in the weights.",
        TRAIN,
    ),
    Mutant(
        "a half-written checkpoint",
        "train.py",
        "    torch.save(content, unfinished)\n    os.replace(unfinished, file)",
        "    torch.save(content, file)",
        "It works as long as nobody presses Ctrl-C just then.",
        TARGETS,
    ),
    Mutant(
        "nothing there is nothing asked",
        "train.py",
        "for category in classes or CATEGORIES:",
        "for category in classes:",
        "An empty scene has no class.",
        TARGETS,
    ),
    Mutant(
        "the same classes twice",
        "train.py",
        "size=count, replace=False",
        "size=count",
        "choice draws with replacement.",
        TARGETS,
    ),
    Mutant(
        "any checkpoint will do",
        "train.py",
        "    if planned != steps:",
        "    if planned < steps:",
        "A longer training holds the shorter one, but not its learning rates.",
        TARGETS,
    ),
]

# ---- controls and figures -----------------------------------------------------------------

MUTANTS["controls.ClassPicker"] = [
    Mutant(
        "a list that does not follow",
        "controls.py",
        "                self.names.value = self.value",
        "                pass",
        "The slider was there first.",
        CONTROLS,
    ),
    Mutant(
        "a list told first",
        "controls.py",
        "            super().notify_change(change)\n        finally:\n            if change",
        "            self.names.value = self.value\n            super().notify_change(change)\n"
        "        finally:\n            if change",
        "The controls first, then the picture.",
        CONTROLS,
    ),
    Mutant(
        "a slider that follows but does not lead",
        "controls.py",
        'traitlets.link((self, "value"), (self.slider, "value"))',
        'traitlets.dlink((self, "value"), (self.slider, "value"))',
        "link and dlink differ by one letter.",
        CONTROLS,
    ),
    Mutant(
        "a list that follows but does not lead",
        "controls.py",
        '        traitlets.dlink((self.names, "value"), (self, "value"))\n',
        "",
        "The list is set where the value changes; so it is linked.",
        CONTROLS,
    ),
    Mutant(
        "one class too many",
        "controls.py",
        "max=len(categories) - 1",
        "max=len(categories)",
        "Off by one.",
        CONTROLS,
    ),
    Mutant(
        "always starts at the first class",
        "controls.py",
        "value=network.class_index(class_index))",
        "value=0)",
        "The argument is forgotten.",
        CONTROLS,
    ),
    Mutant(
        "an unknown class half accepted",
        "controls.py",
        'return self.network.class_index(proposal["value"])',
        'return proposal["value"]',
        "The slider has limits of its own.",
        CONTROLS,
    ),
]

MUTANTS["controls.PatientList"] = [
    Mutant(
        "a message for every move after all",
        "controls.py",
        "            self._timer.cancel()",
        "            pass",
        "A timer that has been replaced looks harmless.",
        CONTROLS,
    ),
    Mutant(
        "old changes sent again",
        "controls.py",
        "        super().send_state(self._changed)\n        self._changed = set()",
        "        super().send_state(self._changed)",
        "The browser has them already, and does not mind.",
        CONTROLS,
    ),
    Mutant(
        "only the last change sent",
        "controls.py",
        "self._changed |= {key}",
        "self._changed = {key}",
        "There is one change at a time, mostly.",
        CONTROLS,
    ),
    Mutant(
        "a script that waits for ever",
        "controls.py",
        "        except RuntimeError:  # no event loop\n            self._send_changed()",
        "        except RuntimeError:\n            pass",
        "In Jupyter there is always an event loop.",
        CONTROLS,
    ),
]
MUTANTS["controls.CellPicker"] = [
    Mutant(
        "a click that swaps row and column",
        "controls.py",
        'setattr(self, "value", (row, column))',
        'setattr(self, "value", (column, row))',
        "A click has x first, a map y first.",
        CELL_PICKER,
    ),
    Mutant(
        "cells counted through the wrong side",
        "controls.py",
        "self._button(*divmod(cell, columns))",
        "self._button(*divmod(cell, rows))",
        "Most maps are square.",
        CELL_PICKER,
    ),
    Mutant(
        "one row too many",
        "controls.py",
        "max=rows - 1",
        "max=rows",
        "Off by one.",
        CELL_PICKER,
    ),
    Mutant(
        "a Tab stop at every cell",
        "controls.py",
        "            tabbable=False,\n",
        "",
        "Buttons should be reached by keyboard.",
        CELL_PICKER,
    ),
]

MUTANTS["controls.Panel"] = [
    Mutant(
        "stored notebooks without a picture",
        "controls.py",
        '        bundle["text/html"] = f"<p><em>{STILL}</em></p>{self.still}"\n',
        "",
        "The panel draws itself, where there is a kernel.",
        PANELS,
    ),
    Mutant(
        "the words for the picture",
        "controls.py",
        "return str(self.screen.value)",
        "return self.alt",
        "Both are text.",
        PANELS,
    ),
    Mutant(
        "a panel without its class",
        "controls.py",
        '        self.add_class("cam-panel")\n',
        "",
        "It looks like decoration; but the guard of the keys knows panels by it.",
        PANELS,
    ),
]

MUTANTS["controls.LivePanel"] = [
    Mutant(
        "drawn only after the first move",
        "controls.py",
        '            control.observe(self.redraw, names="value")\n        self.redraw()\n',
        '            control.observe(self.redraw, names="value")\n',
        "observe() calls on every change, but there has been none.",
        CONTROLS,
    ),
    Mutant(
        "the last control alone is heard",
        "controls.py",
        '            control.observe(self.redraw, names="value")\n        self.redraw()\n',
        '            pass\n        control.observe(self.redraw, names="value")\n'
        "        self.redraw()\n",
        "Indented too little.",
        CONTROLS,
    ),
    Mutant(
        "the old picture stays after a failure",
        "controls.py",
        "            self.screen.value = html.escape(self.alt)\n",
        "",
        "The error is raised anyway; in a callback nobody sees it.",
        CONTROLS,
    ),
    Mutant(
        "an error swallowed",
        "controls.py",
        "html.escape(self.alt)\n            raise\n",
        "html.escape(self.alt)\n            return\n",
        "It is on the screen, after all.",
        CONTROLS,
    ),
    Mutant(
        "a message that is read as HTML",
        "controls.py",
        "self.screen.value = html.escape(self.alt)",
        "self.screen.value = self.alt",
        "Messages seldom hold a '<'.",
        CONTROLS,
    ),
    Mutant(
        "nothing for readers without a kernel",
        "controls.py",
        "[{STILL}] {self.alt}",
        "[{STILL}]",
        "The picture is on the screen.",
        CONTROLS,
    ),
]

MUTANTS["figures.show"] = [
    Mutant(
        "alt text that breaks the markup",
        "figures.py",
        'alt="{html.escape(alt)}"',
        'alt="{alt}"',
        "Alt texts seldom hold a quotation mark.",
        SHOW,
    ),
    Mutant(
        "no alt text",
        "figures.py",
        "    if not alt.strip():",
        "    if alt is None:",
        "An empty string is a string.",
        SHOW,
    ),
    Mutant(
        "figures that stay open",
        "figures.py",
        "    finally:\n        plt.close(figure)\n",
        "    finally:\n        pass\n",
        "Jupyter closes figures, and shows them once more before.",
        SHOW,
    ),
    Mutant(
        "all figures closed",
        "figures.py",
        "plt.close(figure)",
        'plt.close("all")',
        "It is shorter.",
        SHOW,
    ),
    Mutant(
        "every picture as a JPEG",
        "figures.py",
        "    if buffer.tell() <= LARGEST_PNG:",
        "    if buffer.tell() <= 0:",
        "It is smaller; but the pixels are no longer those that were drawn.",
        SHOW,
    ),
    Mutant(
        "heavy notebooks",
        "figures.py",
        "    if buffer.tell() <= LARGEST_PNG:",
        "    if buffer.tell():",
        "PNG keeps every pixel.",
        SHOW,
    ),
    Mutant(
        "transparent pictures fail as a JPEG",
        "figures.py",
        'rgb = picture if picture.mode == "RGB" else picture.convert("RGB")',
        "rgb = picture",
        "The pictures of this module are RGB.",
        SHOW,
    ),
]

MUTANTS["figures.picture_markup"] = [
    Mutant(
        "squeezed where the page is narrow",
        "figures.py",
        '        style += "; height: auto"\n',
        "",
        "The height is there already, as an attribute.",
        MARKUP,
    ),
    Mutant(
        "always encoded at leisure",
        "figures.py",
        "_encode_quickly(picture) if moving else _encode(picture)",
        "_encode(picture)",
        "It is the smaller file, and takes thirty times as long.",
        MARKUP,
    ),
    Mutant(
        "tiny by the shorter side",
        "figures.py",
        "    if max(picture.size) > TINY:",
        "    if min(picture.size) > TINY:",
        "On a square picture both are the same.",
        MARKUP,
    ),
]

MUTANTS["figures.draw_cells"] = [
    Mutant(
        "numbers beside their cells",
        "figures.py",
        "                column, row, text,",
        "                row, column, text,",
        "text() wants x first, a map is indexed y first.",
        CELLS,
    ),
    Mutant(
        "minus nothing",
        "figures.py",
        "{round(number, decimals) + 0.0:.{decimals}f}",
        "{round(number, decimals):.{decimals}f}",
        "Who thinks of -0.0?",
        CELLS,
    ),
    Mutant(
        "limits forgotten",
        "figures.py",
        "low, high = limits or (cam.min().item(), cam.max().item())",
        "low, high = (cam.min().item(), cam.max().item())",
        "It is what imshow does.",
        CELLS,
    ),
    Mutant(
        "white on white",
        "figures.py",
        'color="white" if is_dark else "black"',
        'color="black" if is_dark else "white"',
        "is_dark may mean the cell or the letters.",
        CELLS,
    ),
    Mutant(
        "always a score",
        "figures.py",
        "label=unit,",
        'label="score",',
        "It is what maps have.",
        CELLS,
    ),
]

# ---- the explorer -------------------------------------------------------------------------

MUTANTS["explorer_panel"] = [
    Mutant(
        "the picture before",
        "explorer_panel.py",
        "self.subject = Subject(explanation, name, shipped_boxes(source))",
        "self.subject = self.subject or Subject(explanation, name, shipped_boxes(source))",
        "What is kept is kept once.",
        EXPLORER_MOVES,
    ),
    Mutant(
        "the best class of the picture before",
        "explorer_panel.py",
        "            self.classes.value = top[0].class_index\n",
        "",
        "The class is the reader's to choose.",
        EXPLORER_MOVES,
    ),
    Mutant(
        "a new picture drawn many times",
        "explorer_panel.py",
        "        if self._held or self.subject is None:",
        "        if self.subject is None:",
        "The last drawing is the right one.",
        EXPLORER_MOVES,
    ),
    Mutant(
        "every button chooses the last rank",
        "explorer_panel.py",
        "button.on_click(lambda _, rank=rank: self._choose_rank(rank))",
        "button.on_click(lambda _: self._choose_rank(rank))",
        "The classic: a lambda in a loop.",
        EXPLORER_MOVES,
    ),
    Mutant(
        "a warning swallowed",
        "explorer_panel.py",
        'self._say(" ".join(str(warning.message) for warning in told))',
        'self._say("")',
        "catch_warnings() keeps the notebook clean.",
        EXPLORER_MOVES,
    ),
    Mutant(
        "a warning that stays",
        "explorer_panel.py",
        '        self._say(" ".join(str(warning.message) for warning in told))',
        '        if told:\n            self._say(" ".join(str(w.message) for w in told))',
        "Without a warning there is nothing to say.",
        EXPLORER_MOVES,
    ),
    Mutant(
        "a bad upload empties the screen",
        "explorer_panel.py",
        "            self._complain(error, name)\n            return False",
        '            self.screen.value = ""\n            self._complain(error, name)\n'
        "            return False",
        "It is what a failed drawing does.",
        EXPLORER_BAD,
    ),
    Mutant(
        "the old map stays after a failure",
        "explorer_panel.py",
        '            self.crop.value = self.screen.value = ""\n',
        "",
        "The sentence says what went wrong.",
        EXPLORER_PANEL,
    ),
    Mutant(
        "the controls of the view before",
        "explorer_panel.py",
        "        self.above.children, self.beside.children = view.controls, view.beside\n",
        "",
        "The first view has no controls of its own.",
        EXPLORER_PANEL,
    ),
    Mutant(
        "a control that nobody hears",
        "explorer_panel.py",
        "[self.classes, self.show, self.scale, self.colour_map, self.opacity]\n        for",
        "[self.classes, self.show, self.scale, self.colour_map]\n        for",
        "A control is made in one place and watched in another.",
        EXPLORER_PANEL,
    ),
    Mutant(
        "the keys unguarded",
        "explorer_panel.py",
        "            self.key_guard,\n",
        "",
        "It shows nothing.",
        EXPLORER_PANEL,
    ),
    Mutant(
        "no map beside the picture",
        "explorer_panel.py",
        '        view.show_aside(drawing.aside.image if drawing.aside else "")\n',
        "",
        "What belongs beside is in the drawing.",
        EXPLORER_CELL,
    ),
    Mutant(
        "a sentence that is read as HTML",
        "explorer_panel.py",
        "self.status.value = html.escape(sentence)",
        "self.status.value = sentence",
        "Messages seldom hold a '<'.",
        EXPLORER_STILL,
    ),
    Mutant(
        "a list that names a picture that could not be read",
        "explorer_panel.py",
        "            self.picture.value = self.subject.name if self.subject else None\n",
        "            pass\n",
        "The reader chose it.",
        EXPLORER_BAD,
    ),
]

MUTANTS["explorer_views"] = [
    Mutant(
        "a crop without its frame",
        "explorer_views.py",
        "                frame_cell(figure.picture, row, column, cam.shape),",
        "                figure.picture if figure is subject.figure\n"
        "                else frame_cell(figure.picture, row, column, cam.shape),",
        "The crop is encoded once for all classes.",
        EXPLORER_CELL,
    ),
    Mutant(
        "the neighbour's map",
        "explorer_views.py",
        "        cam = explanation.cams()[class_index]\n"
        "        limits = explanation.limits(class_index, look.scale)\n        alt =",
        "        cam = explanation.cams()[class_index - 1]\n"
        "        limits = explanation.limits(class_index, look.scale)\n        alt =",
        "Class lists that are counted from 1 are common.",
        EXPLORER_MAP,
    ),
    Mutant(
        "the text of the best class",
        "explorer_views.py",
        "        alt = describe_map(explanation, class_index, subject.boxes)\n        draw:",
        "        best = explanation.prediction.top(1)[0].class_index\n"
        "        alt = describe_map(explanation, best, subject.boxes)\n        draw:",
        "It is worked out once for each picture.",
        EXPLORER_MAP,
    ),
    Mutant(
        "a frame around another cell",
        "explorer_views.py",
        "cells = frame_cell(cells, row, column, cam.shape)",
        "cells = frame_cell(cells, column, row, cam.shape)",
        "Pictures have x first, maps y first.",
        EXPLORER_CELL,
    ),
    Mutant(
        "every sum of channels on a scale of its own",
        "explorer_views.py",
        "        cam = partial_cam(explanation, class_index, self.count.value)\n",
        "        cam = partial_cam(explanation, class_index, self.count.value)\n"
        "        limits = (cam.min().item(), cam.max().item())\n",
        "The first channels alone are pale.",
        EXPLORER_CHANNELS,
    ),
    Mutant(
        "two maps, two scales",
        "explorer_views.py",
        "drawn = overlay_figure(side.explanation, cam, look, limits)",
        "drawn = overlay_figure(side.explanation, cam, look, (cam.min().item(), cam.max().item()))",
        "Per-map limits are what nearly everybody draws.",
        EXPLORER_TWO,
    ),
    Mutant(
        "the difference the other way round",
        "explorer_views.py",
        "difference = cams[0] - cams[1]",
        "difference = cams[1] - cams[0]",
        "From where to where is a matter of taste, until a text says it.",
        EXPLORER_TWO,
    ),
    Mutant(
        "the names of the difference the other way round",
        "explorer_views.py",
        "difference_figure(difference, most, left.name, right.name)",
        "difference_figure(difference, most, right.name, left.name)",
        "The colours are right.",
        EXPLORER_TWO,
    ),
    Mutant(
        "the other network still sees the picture before",
        "explorer_views.py",
        "        self.explained = None\n\n    def draw",
        "        return\n\n    def draw",
        "It is None from the start.",
        EXPLORER_TWO,
    ),
]

MUTANTS["explorer_figures"] = [
    Mutant(
        "the winner's probability for every class",
        "explorer_figures.py",
        "prediction.probabilities[class_index].item()",
        "explanation.prediction.probabilities.max().item()",
        "The panel begins with the winner.",
        EXPLORER_MAP,
    ),
    Mutant(
        "a balance without bias",
        "explorer_figures.py",
        '            ("+ bias", explanation.bias(class_index)),\n',
        "",
        "The paper leaves the bias out.",
        EXPLORER_MAP,
    ),
    Mutant(
        "a unit where there is none",
        "explorer_figures.py",
        '    if look.scale == "min-max":',
        '    if look.scale == "0..1":',
        "The name of a scale is changed in one file of two.",
        EXPLORER_MAP,
    ),
    Mutant(
        "the bar turned round",
        "explorer_figures.py",
        "<div>{rounded(limits[0])} {_gradient(colour_map)} {rounded(limits[1])} ",
        "<div>{rounded(limits[1])} {_gradient(colour_map)} {rounded(limits[0])} ",
        "Two limits and two ends.",
        EXPLORER_MAP,
    ),
    Mutant(
        "no words for the map beside",
        "explorer_figures.py",
        "for figure in (self.aside, self.crop, *self.figures) if figure)",
        "for figure in (self.crop, *self.figures) if figure)",
        "Most views have nothing beside.",
        EXPLORER_CELL,
    ),
    Mutant(
        "stored cells that a reader blurs",
        "explorer_figures.py",
        "picture = self.picture.resize(size, Image.Resampling.NEAREST)",
        "picture = self.picture.resize(size)",
        "Pillow's own choice is the smooth one.",
        EXPLORER_STILL,
    ),
    Mutant(
        "a title that is read as HTML",
        "explorer_figures.py",
        "<strong>{html.escape(self.title)}</strong>",
        "<strong>{self.title}</strong>",
        "Names of classes seldom hold a '<'.",
        EXPLORER_STILL,
    ),
]

MUTANTS["sums"] = [
    Mutant(
        "the smallest channels first",
        "sums.py",
        "argsort(descending=True, stable=True)",
        "argsort(stable=True)",
        "argsort begins with the smallest.",
        EXPLORER_SUMS,
    ),
    Mutant(
        "channels that take come last",
        "sums.py",
        "(weights * features).abs().argsort",
        "(weights * features).argsort",
        "Large looks like positive.",
        EXPLORER_SUMS,
    ),
    Mutant(
        "the cell across the diagonal",
        "sums.py",
        "explanation.feature_maps[:, row, column]",
        "explanation.feature_maps[:, column, row]",
        "Pictures have x first, maps y first.",
        EXPLORER_SUMS,
    ),
    Mutant(
        "positive terms alone",
        "sums.py",
        "contributions.abs().topk(",
        "contributions.topk(",
        "The strongest looks like the highest.",
        EXPLORER_SUMS,
    ),
]

MUTANTS["wording"] = [
    Mutant(
        "the corner of a cell for its middle",
        "wording.py",
        "[int((column + 0.5) / width * 3)]",
        "[int(column / width * 3)]",
        "On a map of seven cells nothing changes.",
        EXPLORER_TEXTS,
    ),
    Mutant(
        "left for upper",
        "wording.py",
        "row, column = divmod(numbers.index(highest), cam.shape[1])",
        "column, row = divmod(numbers.index(highest), cam.shape[1])",
        "Pictures have x first, maps y first.",
        EXPLORER_TEXTS,
    ),
    Mutant(
        "half of the way from the lowest",
        "wording.py",
        "sum(number > highest / 2 for number in numbers)",
        "sum(number > (min(numbers) + highest) / 2 for number in numbers)",
        "It is where a map between 0 and 1 has its 0.5.",
        EXPLORER_TEXTS,
    ),
    Mutant(
        "minus nothing",
        "wording.py",
        "{round(number, 2) + 0.0:.2f}",
        "{round(number, 2):.2f}",
        "Who thinks of -0.0?",
        EXPLORER_TEXTS,
    ),
    Mutant(
        "the box across the diagonal",
        "wording.py",
        "place_of_cell(explanation, cell, cam.shape, placement)",
        "place_of_cell(explanation, cell[::-1], cam.shape, placement)",
        "Pictures have x first, maps y first.",
        EXPLORER_BOXES,
    ),
    Mutant(
        "the peak as the other placement draws it",
        "wording.py",
        "    placement: Placement = DEFAULT_PLACEMENT,\n",
        '    placement: Placement = "cells",\n',
        "The default is changed in one place.",
        EXPLORER_BOXES,
    ),
]

MUTANTS["saving"] = [
    Mutant(
        "an older file overwritten",
        "saving.py",
        "path.touch(exist_ok=False)",
        "path.touch()",
        "touch() looks as if it did no harm.",
        EXPLORER_FILES,
    ),
    Mutant(
        "an empty file left behind",
        "saving.py",
        "            path.unlink()\n            raise",
        "            raise",
        "The unfinished file is cleared away elsewhere.",
        EXPLORER_FILES,
    ),
    Mutant(
        "names that only this machine allows",
        "saving.py",
        'stem = re.sub(r"[^\\w-]+", "_", stem)',
        'stem = re.sub(r"[/ ]+", "_", stem)',
        "Linux refuses nothing but the slash.",
        EXPLORER_FILES,
    ),
    Mutant(
        "a file for its owner alone",
        "saving.py",
        "        path.chmod(0o644)",
        "        pass",
        "mkstemp's files are files like any other, one should think.",
        EXPLORER_FILES,
    ),
    Mutant(
        "a picture without its numbers",
        "saving.py",
        '    information.add_itxt("cam_helpers", json.dumps(numbers))\n',
        "",
        "The text says the most important ones.",
        EXPLORER_FILES,
    ),
    Mutant(
        "the map after min-max",
        "saving.py",
        "np.save(buffer, cam.cpu().numpy(), allow_pickle=False)",
        "np.save(buffer, ((cam - cam.min()) / (cam.max() - cam.min())).cpu().numpy())",
        "It is what other libraries give.",
        EXPLORER_FILES,
    ),
    Mutant(
        "the best class saved, not the chosen one",
        "explorer_panel.py",
        "        cam = subject.explanation.cam(self.classes.value)",
        "        best = subject.explanation.prediction.top(1)[0].class_index\n"
        "        cam = subject.explanation.cam(best)",
        "The panel begins with the best class.",
        EXPLORER_FILES,
    ),
    Mutant(
        "saved in the usual colours",
        "explorer_panel.py",
        "explanation.cam(class_index), look, limits).picture",
        "explanation.cam(class_index), Look(), limits).picture",
        "A look has good values of its own.",
        EXPLORER_FILES,
    ),
]

MUTANTS["annotations"] = [
    Mutant(
        "width and height for the far corner",
        "annotations.py",
        "(x, y, x + width, y + height)",
        "(x, y, width, height)",
        "COCO's boxes are of four numbers, too.",
        EXPLORER_BOXES,
    ),
    Mutant(
        "the boxes of another picture",
        "annotations.py",
        'boxes[names[annotation["image_id"]]]',
        'boxes[names[min(annotation["id"], len(names))]]',
        "There are as many ids as names.",
        EXPLORER_BOXES,
    ),
    Mutant(
        "any picture may be looked up",
        "annotations.py",
        "dict(_all_boxes().get(picture, {})) if isinstance(picture, str) else {}",
        "dict(_all_boxes().get(picture, {}))",
        "get() has an answer for everything; but pictures cannot be keys.",
        EXPLORER_BOXES,
    ),
    Mutant(
        "boxes that a caller can change",
        "annotations.py",
        "return dict(_all_boxes().get(picture, {})) if",
        "return _all_boxes().get(picture, {}) if",
        "A copy looks like a waste.",
        EXPLORER_BOXES,
    ),
]
# ---- machine ------------------------------------------------------------------------------

MUTANTS["machine"] = [
    Mutant(
        "bytes for gigabytes",
        "machine.py",
        "psutil.virtual_memory().available / GIGABYTE",
        "psutil.virtual_memory().available",
        "psutil says nothing of its unit.",
        MACHINE,
    ),
    Mutant(
        "enough is too little",
        "machine.py",
        "if free >= DISK_NEEDED:",
        "if free <= DISK_NEEDED:",
        "A comparison turned round.",
        MACHINE,
    ),
    Mutant(
        "all memory instead of the free one",
        "machine.py",
        "psutil.virtual_memory().available",
        "psutil.virtual_memory().total",
        "Memory is told by its total.",
        MACHINE,
    ),
    Mutant(
        "the last missing package alone",
        "machine.py",
        "missing.append(package)",
        "missing = [package]",
        "Mostly one is missing.",
        MACHINE,
    ),
    Mutant(
        "missing packages are good",
        "machine.py",
        'return Finding("Packages", False,',
        'return Finding("Packages", True,',
        "True and False in a tuple are easily mixed up.",
        MACHINE,
    ),
    Mutant(
        "an error of the host taken for no connection",
        "machine.py",
        "        pass  # an answer all the same\n",
        '        return Finding("Connection", True, f"{WEIGHTS_HOST} does not answer")\n',
        "HTTPError is an OSError.",
        MACHINE,
    ),
    Mutant(
        "a damaged network ends the check",
        "machine.py",
        "    except (OSError, ValueError) as error:",
        "    except OSError as error:",
        "A missing file comes to mind first.",
        MACHINE,
    ),
    Mutant(
        "good and bad look the same",
        "machine.py",
        "{'ok  ' if self.is_good else 'LOOK'}",
        "ok  ",
        "On the author's machine all is well.",
        MACHINE,
    ),
]

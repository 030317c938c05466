"""Answers to the exercises of notebooks 07 to 11: wrong ones with their diagnosis, right ones."""

import numpy as np
import torch

import cam_helpers as ch


def pooled(f, g):
    return torch.einsum("k,kyx->yx", g.mean((1, 2)), f)


def empty(one):
    return [name for name in one.network.categories if one.cam(name).max() <= 0]


def overlap(one, other):
    width = max(0, min(one[2], other[2]) - max(one[0], other[0]))
    height = max(0, min(one[3], other[3]) - max(one[1], other[1]))
    return width * height


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def careless_iou(one, other):
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height / (area(one) + area(other) - width * height)


def iou_by_pixels(one, other):
    """Count half pixels of a canvas."""
    canvas = np.zeros((2, 40, 40))
    for layer, box in enumerate((one, other)):
        x0, y0, x1, y1 = (int(2 * edge) for edge in box)
        canvas[layer, y0:y1, x0:x1] = 1
    return canvas.min(0).sum() / canvas.max(0).sum()


def letter(network, xray, colour=(15, 15, 15), index=1):
    picture = xray.picture.copy()
    picture.paste(colour, xray.boxes["letter"])
    before, after = (ch.predict(network, p).probabilities for p in (xray.picture, picture))
    return before[index].item(), after[index].item()


def paint_the_letter(network, xray):
    before = ch.predict(network, xray.picture).probabilities[1].item()
    xray.picture.paste((15, 15, 15), xray.boxes["letter"])
    return before - ch.predict(network, xray.picture).probabilities[1].item()


def ranks(cam):
    return cam.flatten().argsort().argsort().double()


def alike(one, other):
    return torch.corrcoef(torch.stack([ranks(one), ranks(other)]))[0, 1]


def both(network, picture, name, axis=-1):
    tensor = network.prepare(picture)[0]
    return [ch.explain(network, each).cam(name) for each in (tensor, tensor.flip(axis))]


def by_mirror_test(network, picture, name):
    test = ch.mirror_test(network, picture, name)
    return alike(test.cam, test.cam_mirrored_back)


def mirror_first(network, picture, name):
    one, other = both(network, picture, name)
    return alike(one.flip(1), other).item()


def mirrored_back(network, picture, name):
    one, other = both(network, picture, name)
    return alike(one, other.flip(-1))


def rows_and_columns(one, name, box, change=lambda cam: cam.clamp(min=0), swap=False):
    x0, y0, x1, y1 = box
    cam = change(one.whole_cam(name).nan_to_num(0))
    part = cam[x0:x1, y0:y1] if swap else cam[y0:y1, x0:x1]
    return part.sum() / cam.sum()


def share_with_numpy(one, name, box):
    evidence = np.maximum(np.nan_to_num(one.whole_cam(name).numpy()), 0)
    inside = np.zeros(evidence.shape, bool)
    inside[box[1] : box[3], box[0] : box[2]] = True
    return evidence[inside].sum() / evidence.sum()


def forgets_nan(one, name, box):
    cam = one.whole_cam(name).clamp(min=0)
    return cam[box[1] : box[3], box[0] : box[2]].sum() / cam.sum()


def fall(network, picture, name, box, of="probabilities"):
    hidden = picture.copy()
    hidden.paste((128, 128, 128), box)
    before, after = (getattr(ch.predict(network, p), of) for p in (picture, hidden))
    return (before - after)[network.class_index(name)].item()


def fall_in_a_batch(network, picture, name, box):
    hidden = picture.copy()
    hidden.paste((128,) * 3, tuple(box))
    both = torch.cat([network.prepare(picture), network.prepare(hidden)])
    found = ch.predict(network, both).probabilities[:, network.class_index(name)]
    return found[0] - found[1]


def fall_by_pixels(network, picture, name, box):
    numbers = np.array(picture)
    numbers[box[1] : box[3], box[0] : box[2]] = 128
    index = network.class_index(name)
    before = ch.predict(network, picture).probabilities[index]
    return before - ch.predict(network, numbers).probabilities[index]


def paints(network, picture, name, box):
    before = ch.predict(network, picture).probabilities[network.class_index(name)]
    picture.paste((128, 128, 128), box)
    return before - ch.predict(network, picture).probabilities[network.class_index(name)]


def of_the_best(network, picture, name, box):
    return fall(network, picture, ch.predict(network, picture).top(1)[0].category, box)


def peak(shown, box):
    y, x = divmod(int(shown.argmax()), shown.shape[1])
    across, down = (box[2] - box[0]) / shown.shape[1], (box[3] - box[1]) / shown.shape[0]
    return y, x, across, down


def in_photograph(shown, box):
    y, x, across, down = peak(shown, box)
    return box[0] + x * across, box[1] + y * down


def in_photograph_by_middles(shown, box):
    y, x, across, down = peak(shown, box)
    return np.array([box[0] + (x + 0.5) * across, box[1] + (y + 0.5) * down])


def in_photograph_by_numpy(shown, box):
    y, x = np.unravel_index(shown.numpy().argmax(), shown.shape)
    return [np.interp(x, [0, shown.shape[1]], box[::2]), np.interp(y, [0, len(shown)], box[1::2])]


WRONG = [
    ("07.1", lambda f, g: f.sum(0), "not used yet"),
    ("07.1", pooled, "the last step is missing"),
    ("07.1", lambda f, g: (f * g).sum(0).relu(), "this is HiResCAM; Grad-CAM"),
    ("07.1", lambda f, g: (f * g).sum(0), "without the ReLU"),
    ("07.1", lambda f, g: (f * g.relu()).sum(0).relu(), "this is LayerCAM"),
    ("07.1", lambda f, g: pooled(f, g * g[0].numel()).relu(), "you take their sum"),
    ("07.1", lambda f, g: (g.mean((1, 2), keepdim=True) * f).relu().sum(0), "clip at the end"),
    (
        "07.1",
        lambda f, g: pooled(f, g.mean((1, 2), keepdim=True).relu()).relu(),
        "negative weights",
    ),
    ("07.1", lambda f, g: pooled(f, g).abs(), "not its size"),
    ("07.1", lambda f, g: pooled(f, g).relu() / pooled(f, g).max(), "not rescaled"),
    ("07.1", lambda f, g: pooled(f, g).relu() / len(f), "not averaged"),
    ("07.1", lambda f, g: g.mean((1, 2)), "the shape is wrong"),
    ("07.1", lambda f, g: pooled(f, g) * float("nan"), "NaN"),
    ("07.1", lambda f, g: f.mul_(0).sum(0), "work on a copy"),
    ("07.2", lambda one: [], "is missing: none of its cells"),
    (
        "07.2",
        lambda one: [n for n in one.network.categories if one.score(n) < 0],
        "a score or a mean",
    ),
    ("07.2", lambda one: set(one.network.categories) - set(empty(one)), "is not empty"),
    ("07.2", lambda one: [one.network.class_index(n) for n in empty(one)], "no name of a class"),
    ("07.2", lambda one: "boat", "a list of names is expected"),
    ("07.2", lambda one: 1 / 0, "fails for tree with ZeroDivisionError"),
    ("07.2", lambda one: one.network.categories, "is not empty: a cell"),
    ("08.1", lambda one, other: 1.0, "not compared yet"),
    ("08.1", careless_iou, "boxes that do not touch"),
    ("08.1", lambda a, b: overlap(a, b) / (area(a) + area(b)), "counted twice"),
    ("08.1", lambda a, b: overlap(a, b) / area(a), "share of the first box"),
    ("08.1", lambda a, b: overlap(a, b) / area(b), "share of the second box"),
    ("08.1", lambda a, b: overlap(a, b) / min(area(a), area(b)), "smaller box"),
    ("08.1", overlap, "divide it by"),
    ("08.1", lambda a, b: 2 * overlap(a, b) / (area(a) + area(b)), "Dice"),
    ("08.1", lambda a, b: ch.iou(*((x, y, u + 1, v + 1) for x, y, u, v in (a, b))), "without 1"),
    ("08.2", lambda here, there: here.best(), "each overlap"),
    ("08.2", lambda here, there: here.at(here.best_threshold()), "on the scenes that you report"),
    ("08.2", lambda here, there: there.at(there.best_threshold()), "report the other scenes"),
    ("08.2", lambda here, there: there.at(here.best_threshold()), "exchanged"),
    ("08.2", lambda here, there: there.best(), "at their best thresholds"),
    ("08.2", lambda here, there: here.at((here + there).best_threshold()), "take part"),
    ("08.2", lambda here, there: there.best_threshold(), "this is the threshold"),
    ("08.2", lambda here, there: here.at(0.33), "ValueError"),
    ("09.1", lambda network, xray: 0.0, "nothing is covered"),
    ("09.1", lambda network, xray: -np.subtract(*letter(network, xray)), "before minus after"),
    ("09.1", lambda network, xray: letter(network, xray)[1], "probability after"),
    ("09.1", lambda network, xray: letter(network, xray)[0], "probability before"),
    ("09.1", paint_the_letter, "work on a copy"),
    ("09.1", lambda network, xray: np.subtract(*letter(network, xray, index=0)), "before minus"),
    ("09.2", lambda network, picture, name: 1.0, "nothing is compared"),
    ("09.2", lambda *given: alike(*both(*given)), "mirror the second map back"),
    ("09.2", lambda *given: alike(both(*given)[0], both(*given)[0].flip(-1)), "the map alone"),
    (
        "09.2",
        lambda *given: alike(both(*given)[0], both(*given, axis=-2)[1].flip(-2)),
        "left and right",
    ),
    (
        "09.2",
        lambda *given: torch.corrcoef(
            torch.stack([both(*given)[0].flatten(), both(*given)[1].flip(-1).flatten()])
        )[0, 1],
        "ranks",
    ),
    ("10.1", lambda one, name, box: 0.5, "the result is another"),
    ("10.1", lambda *given: rows_and_columns(*given, swap=True), "rows are y"),
    ("10.1", lambda *given: rows_and_columns(*given, change=lambda cam: cam), "only what speaks"),
    ("10.1", lambda *given: rows_and_columns(*given, change=torch.abs), "not abs()"),
    ("10.1", lambda *given: 1 - rows_and_columns(*given), "outside the box"),
    ("10.1", forgets_nan, "NaN"),
    ("10.2", lambda *given: 0.0, "nothing is painted"),
    ("10.2", lambda *given: -fall(*given), "before minus after"),
    ("10.2", lambda *given: abs(fall(*given)), "a fall has a sign"),
    ("10.2", lambda *given: fall(*given, of="scores"), "not the score"),
    ("10.2", of_the_best, "not of the best one"),
    ("10.2", paints, "work on a copy"),
    (
        "10.2",
        lambda network, picture, name, box: fall(
            network, picture, name, (box[1], box[0], box[3], box[2])
        ),
        "paste takes it",
    ),
    ("11.1", lambda cam, bias: cam.max(), "one cell is not the score"),
    ("11.1", lambda cam, bias: cam.sum(), "the bias is missing"),
    ("11.1", lambda cam, bias: cam.mean() + bias, "no mean"),
    ("11.1", lambda cam, bias: cam.sum() * 49 + bias, "the result is another"),
    ("11.1", lambda cam, bias: cam.sum() * cam.numel() + bias, "once for each cell"),
    ("11.1", lambda cam, bias: cam.relu().sum() + bias, "counts as well"),
    ("11.1", lambda cam, bias: cam.sum() - bias, "not taken off"),
    ("11.2", lambda shown, box: peak(shown, box)[1::-1], "a pixel of the map"),
    ("11.2", lambda shown, box: in_photograph(shown, box)[::-1], "first x"),
    (
        "11.2",
        lambda shown, box: np.subtract(in_photograph(shown, box), box[:2]),
        "corner is missing",
    ),
    (
        "11.2",
        lambda shown, box: [
            (corner + at) * factor
            for corner, at, factor in zip(
                box[:2], peak(shown, box)[1::-1], peak(shown, box)[2:], strict=True
            )
        ],
        "multiply first",
    ),
    ("11.2", lambda shown, box: np.add(box[:2], peak(shown, box)[1::-1]), "factor is missing"),
    ("11.2", lambda shown, box: in_photograph(shown, box)[0], "the shape is wrong"),
]

RIGHT = {
    "07.1": [
        lambda f, g: ch.weighted_sum(g.mean((1, 2)), f).relu(),
        lambda f, g: (g.mean((1, 2), keepdim=True) * f).sum(0).clamp(min=0),
        lambda f, g: np.maximum(
            sum(one.mean() * two for one, two in zip(g.numpy(), f.numpy(), strict=True)), 0
        ),
    ],
    "07.2": [
        empty,
        lambda one: {n for n in one.network.categories if not (one.cam(n) > 0).any()},
        lambda one: tuple(n for n in one.network.categories if not one.cam(n).relu().any()),
    ],
    "08.1": [
        ch.iou,
        iou_by_pixels,
        lambda a, b: overlap(a, b) / (area(a) + area(b) - overlap(a, b)),
    ],
    "08.2": [
        lambda here, there: here.at(there.best_threshold()),
        lambda here, there: here.at(
            max((k / 20 for k in range(1, 20)), key=lambda t: there.at(round(t, 2)))
        ),
        lambda here, there: here.hits.mean(0)[there.hits.mean(0).argmax()] / here.pictures,
    ],
    "09.1": [
        lambda network, xray: np.subtract(*letter(network, xray)),
        lambda network, xray: np.subtract(*letter(network, xray, colour=(0, 0, 0))),
        lambda network, xray: -np.subtract(*letter(network, xray, index=0)),
    ],
    "09.2": [mirrored_back, mirror_first, by_mirror_test],
    "10.1": [
        rows_and_columns,
        share_with_numpy,
        lambda one, name, box: one.share_inside(name, box),
    ],
    "10.2": [fall, fall_in_a_batch, fall_by_pixels],
    "11.1": [
        lambda cam, bias: cam.sum() + bias,
        lambda cam, bias: sum(map(sum, cam.tolist())) + float(bias),
        lambda cam, bias: cam.mean() * cam.numel() + bias,
    ],
    "11.2": [in_photograph, in_photograph_by_middles, in_photograph_by_numpy],
}

"""Answers to the exercises of notebooks 01 to 06: wrong ones with their diagnosis, right ones."""

import numpy as np
import torch

import cam_helpers as ch

NETWORK = ch.load_network("tiny_resnet")


def fail(*given):
    raise ZeroDivisionError("division by zero")


# ---- 01 -------------------------------------------------------------------------------------


def best_probability(name):
    return ch.predict(NETWORK, name).top(1)[0].probability


def entropy(name):
    p = ch.predict(NETWORK, name).probabilities
    return -(p * p.log()).sum().item()


def lead(name):
    first, second = ch.predict(NETWORK, name).top(2)
    return first.probability - second.probability


def corner(size):
    factor = 256 / min(size)
    return factor, (factor * size[0] - 224) / 2, (factor * size[1] - 224) / 2


def going_back(write):
    """Return an answer to 01.2 from a rule for one coordinate."""

    def in_photograph(x, y, size):
        factor, left, top = corner(size)
        return write(x, left, factor), write(y, top, factor)

    return in_photograph


def least_by_hand(names):
    least, name_of_least = 2.0, None
    for name in names:
        with torch.no_grad():
            best = NETWORK.model(NETWORK.prepare(name)).softmax(1).max().item()
        if best < least:
            least, name_of_least = best, name
    return name_of_least


def in_photograph_by_seen_box(x, y, size):
    x0, y0, x1, y1 = NETWORK.seen_box(size)
    return torch.tensor([x0 + x / 224 * (x1 - x0), y0 + y / 224 * (y1 - y0)])


# ---- 02 -------------------------------------------------------------------------------------


def parts_of(a, b, f):
    return (a.weights - b.weights) * f


def switch_off(a, b, f, order=None, with_bias=True):
    parts = parts_of(a, b, f)
    left = parts.sum() + (a.bias - b.bias if with_bias else 0)
    chosen = []
    for k in (parts if order is None else order).argsort(descending=True).tolist():
        if left < 0:
            break
        chosen.append(k)
        left = left - parts[k]
    return chosen


def switch_off_by_search(a, b, f):
    order = np.argsort(-parts_of(a, b, f).numpy())
    for count in range(len(order) + 1):
        kept = f.clone()
        kept[order[:count]] = 0
        if (a.weights - b.weights) @ kept + a.bias - b.bias < 0:
            return set(order[:count].tolist())


def switch_off_by_sums(a, b, f):
    parts, order = parts_of(a, b, f).sort(descending=True)
    left = parts.sum() + a.bias - b.bias - parts.cumsum(0)
    return order[: int((left >= 0).sum()) + 1]


# ---- 03 -------------------------------------------------------------------------------------


def maps_of(network, names):
    found = []
    for name in names:
        with ch.hook_features(network) as hooked:
            ch.predict(network, name)
        found.append(hooked.feature_maps[0])
    return torch.stack(found)


def maps_of_the_latest(network, names):
    with ch.hook_features(network) as hooked, torch.no_grad():
        for name in names:
            network.model(network.prepare(name))
    return hooked.feature_maps


def maps_with_gradients(network, names):
    found = []
    for name in names:
        with ch.hook_features(network) as hooked:
            network.model(network.prepare(name))
        found.append(hooked.feature_maps[0])
    return torch.stack(found)


def maps_and_a_hook_that_stays(network, names):
    found = []
    network.feature_layer.register_forward_hook(lambda layer, inputs, out: found.append(out[0]))
    for name in names:
        ch.predict(network, name)
    return torch.stack(found)


def maps_in_training_mode(network, names):
    network.model.train()
    return maps_of(network, names)


def maps_by_own_hook(network, names):
    caught = []
    handle = network.feature_layer.register_forward_hook(lambda m, i, out: caught.append(out))
    try:
        with torch.no_grad():
            for name in names:
                network.model(network.prepare(name))
    finally:
        handle.remove()
    return torch.cat(caught)


def maps_as_a_batch(network, names):
    with ch.hook_features(network) as hooked:
        ch.predict(network, torch.cat([network.prepare(name) for name in names]))
    return hooked.feature_maps


def right_of(cells, middle=0.5):
    columns, half = cells.sum(0), cells.shape[1] // 2
    inner = middle * columns[half] if cells.shape[1] % 2 else 0
    return (columns[-half:].sum() + inner) / columns.sum()


def right_by_weights(cells):
    place = torch.arange(cells.shape[1]) - (cells.shape[1] - 1) / 2
    return ((place.sign() + 1) / 2 @ cells.sum(0) / cells.sum()).item()


def right_by_doubling(cells):
    twice = cells.repeat_interleave(2, dim=1)
    return twice[:, cells.shape[1] :].mean() / twice.mean() / 2


# ---- 04 -------------------------------------------------------------------------------------


def silenced(cam, score, y, x):
    silent = cam.clone()
    silent[y, x] = 0
    return score - cam.mean() + silent.mean()


def silenced_in_place(cam, score, y, x):
    before = cam.mean().item()
    cam[y, x] = 0
    return score - before + cam.mean().item()


# ---- 05 -------------------------------------------------------------------------------------


def peak(cam, box, inside=0.5, origin=1):
    row, column = divmod(cam.argmax().item(), cam.shape[1])
    x0, y0, x1, y1 = box
    x = origin * x0 + (column + inside) / cam.shape[1] * (x1 - x0)
    return x, origin * y0 + (row + inside) / cam.shape[0] * (y1 - y0)


def peak_by_numpy(cam, box):
    row, column = np.unravel_index(np.argmax(cam.numpy()), cam.shape)
    x = np.linspace(box[0], box[2], 2 * cam.shape[1] + 1)[2 * column + 1]
    return np.array([x, np.linspace(box[1], box[3], 2 * cam.shape[0] + 1)[2 * row + 1]])


def peak_in_whole_pixels(cam, box):
    return tuple(round(each) for each in peak(cam, box))


def cell_of(cam, box):
    row, column = divmod(cam.argmax().item(), cam.shape[1])
    return column, row


def box_around(kept):
    rows, columns = kept.any(1).nonzero().flatten(), kept.any(0).nonzero().flatten()
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def box_of(grown, share=0.2):
    return box_around(grown > share * grown.max())


def box_starter(grown, share=0.2):
    kept = grown > share * grown.max()
    return 0, 0, kept.any(0).sum(), kept.any(1).sum()


def box_by_numpy(grown, share=0.2):
    y, x = np.nonzero(grown.numpy() > share * grown.numpy().max())
    return int(x.min()), int(y.min()), int(x.max()) + 1, int(y.max()) + 1


def box_by_coordinates(grown, share=0.2):
    places = torch.nonzero(grown / grown.max() > share)
    (y0, x0), (y1, x1) = places.min(0).values, places.max(0).values + 1
    return torch.stack([x0, y0, x1, y1])


def box_of_the_largest_piece(grown, share=0.2):
    row, column = divmod(int(grown.argmax()), grown.shape[1])
    kept = grown > share * grown.max()
    x0, x1, y0, y1 = column, column, row, row
    while x0 > 0 and kept[row, x0 - 1]:
        x0 -= 1
    while x1 + 1 < grown.shape[1] and kept[row, x1 + 1]:
        x1 += 1
    while y0 > 0 and kept[y0 - 1, column]:
        y0 -= 1
    while y1 + 1 < grown.shape[0] and kept[y1 + 1, column]:
        y1 += 1
    return x0, y0, x1 + 1, y1 + 1


# ---- 06 -------------------------------------------------------------------------------------


def count(parts, order):
    running = parts.mean((1, 2))[order].cumsum(0)
    return (running >= running[-1] - 1e-4).nonzero()[0].item() + 1


def strongest(parts):
    return parts.mean((1, 2)).abs().argsort(descending=True)


def count_by_loop(parts):
    means = sorted(parts.flatten(1).mean(1).tolist(), key=abs, reverse=True)
    total = 0.0
    for number, mean in enumerate(means, 1):
        total += mean
        if total >= sum(means) - 1e-4:
            return number


def count_by_numpy(parts):
    means = parts.numpy().mean((1, 2))
    running = np.cumsum(means[np.argsort(-np.abs(means))])
    return int(np.argmax(running >= means.sum() - 1e-4)) + 1


def in_boxes(boxes, shape, side, at=0.5):
    hits = np.zeros((len(boxes), *shape), dtype=bool)
    for number, (x0, y0, x1, y1) in enumerate(boxes):
        for row in range(shape[0]):
            for column in range(shape[1]):
                y, x = (row + at) * side / shape[0], (column + at) * side / shape[1]
                hits[number, row, column] = x0 <= x < x1 and y0 <= y < y1
    return hits


def blind_by_loop(boxes, shape, side):
    hits = 0
    for row in range(shape[0]):
        for column in range(shape[1]):
            y, x = (row + 0.5) * side / shape[0], (column + 0.5) * side / shape[1]
            hits += any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in boxes)
    return hits / (shape[0] * shape[1])


def blind_by_pixels(boxes, shape, side):
    fine = torch.zeros(side, side)
    for x0, y0, x1, y1 in boxes:
        fine[y0:y1, x0:x1] = 1
    y, x = (((torch.arange(n) + 0.5) * side / n).long() for n in shape)
    return fine[y][:, x].mean()


WRONG = [
    ("01.1", lambda names: names[0], "that picture is not the least certain"),
    ("01.1", lambda names: "empty", "not among the names"),
    ("01.1", lambda names: max(names, key=best_probability), "largest probability"),
    ("01.1", lambda names: max(names, key=entropy), "the entropy"),
    ("01.1", lambda names: min(names, key=lead), "the lead of the best"),
    (
        "01.1",
        lambda names: min(names, key=lambda n: ch.predict(NETWORK, n).scores.max()),
        "scores, not probabilities",
    ),
    ("01.1", lambda names: min(map(best_probability, names)), "a name is expected"),
    ("01.1", fail, "your function fails for the shipped pictures with ZeroDivisionError"),
    ("01.1", "empty", "a function is expected"),
    ("01.2", lambda x, y, size: (x, y), "you return it as it came"),
    ("01.2", going_back(lambda x, c, f: x / f + c), "added before the division"),
    ("01.2", going_back(lambda x, c, f: x + c / f), "divide the pixel as well"),
    ("01.2", going_back(lambda x, c, f: x + c), "division by the factor is missing"),
    ("01.2", going_back(lambda x, c, f: (x + c) * f), "you multiply"),
    ("01.2", going_back(lambda x, c, f: (x - c) / f), "you subtract it"),
    ("01.2", going_back(lambda x, c, f: x / f), "corner of the crop is missing"),
    ("01.2", lambda x, y, s: (np.array((x, y)) + corner(s)[1]) / corner(s)[0], "edge for y"),
    (
        "01.2",
        lambda x, y, size: going_back(lambda x, c, f: (x + c) / f)(x, y, size)[::-1],
        "x and y",
    ),
    ("01.2", lambda x, y, size: x, "shape is wrong"),
    ("01.2", lambda x, y, size: (x, None), "numbers are expected"),
    ("02.1", lambda row, f: row.weights @ f, "the bias is missing"),
    ("02.1", lambda row, f: row.weights.sum(), "the features are missing"),
    ("02.1", lambda row, f: row.weights * f, "one number: add the contributions up"),
    ("02.1", lambda row, f: (row.weights * f).mean() + row.bias, "you take the mean"),
    ("02.1", lambda row, f: row.weights @ f - row.bias, "the bias is subtracted"),
    ("02.1", lambda row, f: (row.weights * f).relu().sum() + row.bias, "negative contributions"),
    ("02.1", lambda row, f: (row.weights * f + row.bias).sum(), "once for each feature"),
    ("02.1", lambda row, f: print(end=""), "returns nothing (None)"),
    ("02.1", lambda row, f: row.weight @ f, "your function fails for dog in cat_and_dog"),
    ("02.2", lambda a, b, f: [0], "the winner still wins"),
    ("02.2", lambda a, b, f: [], "you switch nothing off"),
    ("02.2", lambda a, b, f: [*switch_off(a, b, f), int(f.argmin())], "fewer features are enough"),
    ("02.2", lambda a, b, f: switch_off(a, b, f, with_bias=False), "the biases belong to the lead"),
    ("02.2", lambda a, b, f: range(len(f)), "the biases belong to the lead"),
    ("02.2", lambda a, b, f: (a.weights - b.weights).argsort(descending=True)[:2], "large weight"),
    ("02.2", lambda a, b, f: [1000], "whole numbers from 0 to 191"),
    ("02.2", lambda a, b, f: "35", "feature numbers is expected for cat_and_dog"),
    ("02.2", lambda a, b, f: 35, "a list of feature numbers"),
    ("03.1", maps_of_the_latest, "the latest picture only"),
    ("03.1", maps_with_gradients, "no_grad"),
    ("03.1", maps_and_a_hook_that_stays, "a hook stays"),
    ("03.1", maps_in_training_mode, "training mode"),
    ("03.1", lambda n, names: list(maps_of(n, names)), "one tensor"),
    ("03.1", lambda n, names: maps_of(n, names).flip(0), "reverse order"),
    ("03.1", lambda n, names: maps_of(n, names).mean((2, 3)), "pooled already"),
    ("03.1", lambda n, names: maps_of(n, names)[:, None], "a dimension too many"),
    ("03.1", lambda n, names: maps_of(n, names[:1] * len(names)), "the first picture's"),
    ("03.2", lambda cells: 1.0, "the result is another"),
    ("03.2", lambda cells: right_of(cells, 1), "you count all of it"),
    ("03.2", lambda cells: right_of(cells, 0), "you leave it out"),
    ("03.2", lambda cells: 1 - right_of(cells), "the left side"),
    ("03.2", lambda cells: right_of(cells.T), "the lower half"),
    ("03.2", lambda cells: right_of(cells) * cells.sum(), "this is an amount"),
    ("03.2", lambda cells: right_of(cells) / (1 - right_of(cells)), "over the left one"),
    ("03.2", lambda cells: 100 * right_of(cells), "you return percent"),
    ("04.1", [0, 0], "the map is zero everywhere"),
    ("04.1", [1, 0], "the score is not 0 (expected 0, got 1)"),
    ("04.1", [float("nan"), 1], "NaN"),
    ("04.1", [1, -1, 0], "expected the shape (2,), got (3,)"),
    ("04.1", None, "no answer yet"),
    ("04.1", ["one", "minus one"], "numbers are expected"),
    ("04.2", lambda cam, score, y, x: score, "nothing is silenced yet"),
    ("04.2", lambda cam, score, y, x: score - cam[y, x], "you take off all of it"),
    ("04.2", lambda cam, score, y, x: score - cam[y, x] / 48, "49, not 48"),
    ("04.2", lambda cam, score, y, x: score - cam[y, x] / 49, "not always 49"),
    (
        "04.2",
        lambda cam, score, y, x: score - cam[y, x] / (cam.numel() - 1),
        "divide by all of them",
    ),
    (
        "04.2",
        lambda cam, score, y, x: score - cam[y, x].clamp(min=0) / cam.numel(),
        "a negative cell counts as well",
    ),
    ("04.2", lambda cam, score, y, x: score + cam[y, x] / cam.numel(), "you add it again"),
    (
        "04.2",
        lambda cam, score, y, x: score - cam[y, x].abs() / cam.numel(),
        "the sign matters",
    ),
    (
        "04.2",
        lambda cam, score, y, x: cam.mean() - cam[y, x] / cam.numel(),
        "the bias is missing",
    ),
    ("04.2", lambda cam, score, y, x: score - cam[x, y] / cam.numel(), "your function fails"),
    ("04.2", silenced_in_place, "changes what it is given"),
    ("04.2", lambda cam, score, y, x: float("nan"), "NaN"),
    ("05.1", cell_of, "column and row, not yet pixels"),
    ("05.1", lambda cam, box: peak(cam, box, inside=0), "the corner of the cell"),
    ("05.1", lambda cam, box: peak(cam, box, inside=1), "the far corner"),
    ("05.1", lambda cam, box: peak(cam, box, origin=0), "edges of the box are missing"),
    ("05.1", lambda cam, box: peak(cam, box)[::-1], "you exchange them"),
    ("05.1", lambda cam, box: peak(cam.abs(), box), "farthest from zero"),
    ("05.1", lambda cam, box: cam.max(), "shape is wrong"),
    (
        "05.1",
        lambda cam, box: (box[0] + (cell_of(cam, box)[0] + 0.5) * 32, box[1] + 16),
        "the result is another",
    ),
    ("05.2", box_starter, "a box has edges"),
    ("05.2", lambda g, share=0.2: box_around(g > 0), "you take all above 0"),
    ("05.2", lambda g, share=0.2: box_around(g > share), "you take the share itself"),
    ("05.2", lambda g, share=0.2: box_around(g > share * g.mean()), "not of the mean"),
    (
        "05.2",
        lambda g, share=0.2: box_around(g > g.flatten().quantile(1 - share)),
        "not a quantile",
    ),
    (
        "05.2",
        lambda g, share=0.2: box_around(g > g.min() + share * (g.max() - g.min())),
        "not from the smallest number",
    ),
    (
        "05.2",
        lambda g, share=0.2: box_around(g.abs() > share * g.abs().max()),
        "without sign",
    ),
    ("05.2", lambda g, share=0.2: box_of(g, 0.2), "need not be 0.2"),
    (
        "05.2",
        lambda g, share=0.2: [int(e) - (i > 1) for i, e in enumerate(box_of(g, share))],
        "one beyond the last pixel",
    ),
    (
        "05.2",
        lambda g, share=0.2: [box_of(g, share)[i] for i in (1, 0, 3, 2)],
        "you exchange them",
    ),
    ("05.2", box_of_the_largest_piece, "for two pieces"),
    ("06.1", {}, "there is no answer for cat"),
    ("06.1", {"cat": "?", "umbrella_and_dog": "?"}, "is no class"),
    ("06.1", {"cat": "cat", "umbrella_and_dog": "cat"}, "is in the picture"),
    ("06.1", {"cat": "boat", "umbrella_and_dog": "cat"}, "reaches higher"),
    ("06.1", ["flower", "cat"], "a dictionary is expected"),
    ("06.2", (0, 0), "another channel"),
    ("06.2", (35, 35), "another channel speaks more strongly against cat"),
    ("06.2", (43.5, 43), "whole numbers"),
    ("06.2", 35, "shape is wrong"),
    ("06.3", lambda parts: 0, "the result is another"),
    ("06.3", lambda parts: len(parts), "the first time is asked"),
    ("06.3", lambda parts: count(parts, strongest(parts)) - 1, "one more than the place"),
    (
        "06.3",
        lambda parts: count(parts, parts.mean((1, 2)).argsort(descending=True)),
        "of either sign",
    ),
    ("06.3", lambda parts: count(parts, torch.arange(len(parts))), "as they are numbered"),
    ("06.4", ((0, 0), (0, 0)), "another cell speaks more strongly for dog"),
    ("06.4", ((0, 1), (2, 6)), "the first class is dog"),
    ("06.4", ((6, 2), (1, 0)), "a cell is (row, column)"),
    ("06.4", ((3, 7), (1, 2)), "cells run from (0, 0) to (6, 6)"),
    ("06.4", ((2, 6), (1, 1)), "for cat"),
    ("06.4", (2, 6), "shape is wrong"),
    ("06.5", lambda boxes, shape, side: in_boxes(boxes, shape, side).mean((1, 2)).sum(), "once"),
    (
        "06.5",
        lambda boxes, shape, side: in_boxes(boxes, shape, side, 0).any(0).mean(),
        "not by its corner",
    ),
    (
        "06.5",
        lambda boxes, shape, side: sum((c - a) * (d - b) for a, b, c, d in boxes) / side**2,
        "share of the area",
    ),
    ("06.5", lambda boxes, shape, side: blind_by_loop(boxes[:1], shape, side), "the first box"),
    ("06.5", lambda boxes, shape, side: 100 * blind_by_loop(boxes, shape, side), "percent"),
    ("06.5", lambda boxes, shape, side: in_boxes(boxes, shape, side).any(0).sum(), "divide it"),
    ("06.5", lambda boxes, shape, side: 1 - blind_by_loop(boxes, shape, side), "outside the boxes"),
    ("06.5", lambda boxes, shape, side: 0.32, "the result is another"),
]

RIGHT = {
    "01.1": [
        lambda names: min(names, key=best_probability),
        lambda names: sorted(names, key=best_probability)[0],
        least_by_hand,
    ],
    "01.2": [
        going_back(lambda x, c, f: (x + c) / f),
        in_photograph_by_seen_box,
        lambda x, y, size: np.round(
            [(x + corner(size)[1]) / corner(size)[0], (y + corner(size)[2]) / corner(size)[0]]
        ),
    ],
    "02.1": [
        lambda row, f: row.weights @ f + row.bias,
        lambda row, f: (
            sum(w * x for w, x in zip(row.weights.tolist(), f.tolist(), strict=True))
            + row.bias.item()
        ),
        lambda row, f: ((row.weights * f).sum() + row.bias).reshape(1),
    ],
    "02.2": [switch_off, switch_off_by_search, switch_off_by_sums],
    "03.1": [maps_of, maps_by_own_hook, maps_as_a_batch],
    "03.2": [right_of, right_by_weights, right_by_doubling],
    "04.1": [[1, -1], (-2.5, 2.5), torch.tensor([3, -3]), np.array([[-1, 1]])[0]],
    "04.2": [
        lambda cam, score, y, x: score - cam[y, x] / cam.numel(),
        silenced,
        lambda cam, score, y, x: [score - cam.tolist()[y][x] / (len(cam) * len(cam[0]))],
    ],
    "05.1": [peak, peak_by_numpy, peak_in_whole_pixels],
    "05.2": [box_of, box_by_numpy, box_by_coordinates],
    "06.1": [
        {"cat": "flower", "umbrella_and_dog": "cat"},
        {"cat": "Flower", "umbrella_and_dog": " cat"},
        {
            "cat": NETWORK.categories.index("flower"),
            "umbrella_and_dog": NETWORK.categories.index("cat"),
        },
    ],
    "06.2": [(35, 43), [35.0, 43.0], torch.tensor([35, 43])],
    "06.3": [lambda parts: count(parts, strongest(parts)), count_by_loop, count_by_numpy],
    "06.4": [((2, 6), (0, 1)), [[2, 6], [0, 1]], np.array([(2, 6), (0, 1)])],
    "06.5": [
        blind_by_loop,
        blind_by_pixels,
        lambda boxes, shape, side: in_boxes(boxes, shape, side).any(0).mean(),
    ],
}

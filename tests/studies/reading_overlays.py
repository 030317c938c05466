"""How well can a map be read back from the pixels it is drawn with? Prints a table.

Run in the project's folder: python tests/studies/reading_overlays.py (about two minutes)

Pictures: 200 scenes with two objects, and 50 mixtures, half and half, of such a scene and a shipped
photograph, whose texture shines through the map. Maps: those of the two drawn classes and of the
class with the lowest score, on the scale shared by all classes of the picture.

The reader sees the drawn pixels, not the picture below and not the map, and takes the mean light of
the middle quarter of each cell. Distances of colours are those of CIELAB (1976). Two ways to read:

- at a glance: the reader knows three colours, that of zero and the two at the ends of the scale,
  and takes each cell to the nearest point on the two straight lines from zero to the ends;
- with the bar: to the nearest of the 256 colours on the colour bar.

The colours of a blend are mixed with middle grey for this, which is what they are seen over.

Two questions: is the sign right, for cells further from zero than a tenth of the largest value; is
the order right, for two cells of a map that differ by more than that? Half is guessing.
"""

import argparse
import collections
import itertools

import numpy as np
import torch
from PIL import Image

import cam_helpers as ch
from cam_helpers.cells import cell_box
from cam_helpers.display.show import legend

FIRST_SEED = 930_000_000  # the colours were chosen on scenes from 920,000,000 on
PHOTOGRAPHS = ("photo:cat", "photo:coffee", "photo:rocket", "photo:camera")
STYLES = {
    "evidence": ch.MapStyle(),
    "viridis at 0.5": ch.MapStyle("blend", colour_map="viridis"),
    "jet at 0.5": ch.MapStyle("blend", colour_map="jet"),
}
# Machado, Oliveira and Fernandes 2009, "A Physiologically-based Model for Simulation of Color
# Vision Deficiency", the table's last rows (severity 1.0), for linear RGB. Grey: CIE 1931's Y.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
    "none: a grey print": np.array([[0.2126, 0.7152, 0.0722]] * 3),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def light(picture):
    """sRGB pixels (..., 3), 0 to 255, as amounts of light, 0 to 1."""
    levels = np.asarray(picture) / 255
    return np.where(levels > 0.04045, ((levels + 0.055) / 1.055) ** 2.4, levels / 12.92)


def lab(linear, sight):
    """CIELAB (..., 3) of amounts of light, as somebody with this sight sees them."""
    xyz = (linear @ SIGHT[sight].T).clip(0, 1) @ TO_XYZ.T / TO_XYZ.sum(1)
    roots = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    x, y, z = np.moveaxis(roots, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def pictures(scenes, mixtures):
    """Pairs of a picture and the two classes that are drawn in it."""
    pairs = list(itertools.combinations(ch.CATEGORIES, 2))
    for number in range(scenes + mixtures):
        classes = pairs[number % len(pairs)]
        drawn = ch.draw_scene(FIRST_SEED + number, classes).picture
        if number >= scenes:
            photograph = ch.open_picture(PHOTOGRAPHS[number % 4])
            side = min(photograph.size)
            photograph = photograph.crop((0, 0, side, side)).resize(drawn.size)
            drawn = Image.blend(drawn, photograph, 0.5)
        yield drawn, classes


def cells_of(picture, shape):
    """The mean light of the middle quarter of every cell, (h, w, 3)."""
    linear = light(picture)
    cells = np.empty((*shape, 3))
    for row, column in np.ndindex(*shape):
        x0, y0, x1, y1 = cell_box(row, column, shape, linear.shape[:2])
        x, y, dx, dy = (x0 + x1) / 2, (y0 + y1) / 2, (x1 - x0) / 4, (y1 - y0) / 4
        middle = linear[round(y - dy) : round(y + dy), round(x - dx) : round(x + dx)]
        cells[row, column] = middle.mean((0, 1))
    return cells


def maps(network, scenes, mixtures):
    """A picture, three of its maps and the limits that they share; over and over."""
    for picture, classes in pictures(scenes, mixtures):
        explanation = ch.explain(network, picture)
        chosen = [*map(network.class_index, classes), int(explanation.scores.argmin())]
        cams = [explanation.cam(c) for c in chosen]
        yield explanation.input_picture, cams, explanation.limits()


def bar_of(style, limits):
    """The values of the colour bar (256,), and their colours as seen over middle grey (256, 3)."""
    colours = np.asarray(legend(style))[0]
    if style.style == "blend":
        grey = np.full_like(colours, 128)
        colours = Image.blend(
            Image.fromarray(grey), Image.fromarray(colours), style.greatest_opacity
        )
    return np.linspace(*style.colour_limits(limits), 256), light(colours)


def read_with_the_bar(cells, values, colours):
    """The values of the nearest colours; `cells` (n, 3) and `colours` (256, 3) are CIELAB."""
    return values[((cells[:, None] - colours) ** 2).sum(-1).argmin(-1)]


def read_at_a_glance(cells, values, colours):
    """The values of the nearest points on the lines from zero's colour to the last ones."""
    zero = colours[np.abs(values).argmin()]
    found, distances = [], []
    for end, value in ((colours[0], values[0]), (colours[-1], values[-1])):
        line = end - zero
        share = ((cells - zero) @ line / (line @ line)).clip(0, 1)
        found.append(share * value)
        distances.append(((cells - zero - share[:, None] * line) ** 2).sum(-1))
    return np.where(distances[0] < distances[1], *found)


def scored(values, found, tenth):
    """The numbers of clear cells, of right signs, of clear pairs and of right orders."""
    clear = np.abs(values) > tenth
    signs = (np.sign(found) == np.sign(values))[clear]
    apart, seen_apart = (each[:, None] - each for each in (values, found))
    orders = np.sign(seen_apart[apart > tenth])  # 0 where both look alike: half right
    return np.array([signs.size, signs.sum(), orders.size, (orders + 1).sum() / 2])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--mixtures", type=int, default=50)
    options = parser.parse_args()
    torch.set_num_threads(1)
    counts = collections.Counter()
    for picture, cams, limits in maps(ch.load_network(), options.scenes, options.mixtures):
        for (name, style), cam in itertools.product(STYLES.items(), cams):
            cells = cells_of(ch.overlay(picture, cam, style, limits=limits), cam.shape)
            values, colours = bar_of(style, limits)
            for sight, read in itertools.product(SIGHT, (read_at_a_glance, read_with_the_bar)):
                found = read(lab(cells.reshape(-1, 3), sight), values, lab(colours, sight))
                true = cam.flatten().double().numpy()
                counts[sight, name, read] += scored(true, found, max(map(abs, limits)) / 10)
    print("| sight | style | glance: sign | order | bar: sign | order |\n|---|---|---|---|---|---|")
    for sight, name in itertools.product(SIGHT, STYLES):
        numbers = []
        for read in (read_at_a_glance, read_with_the_bar):
            cells, signs, pairs, orders = counts[sight, name, read]
            numbers += [f"{100 * signs / cells:.1f}", f"{100 * orders / pairs:.1f}"]
        print(f"| {sight} | {name} | {' | '.join(numbers)} |")


if __name__ == "__main__":
    main()

"""Draw the README's picture: one scene, and the maps of two classes over it.

Run in the project's folder: python data/make_overview.py
"""

from pathlib import Path

import matplotlib.pyplot as plt

import cam_helpers as ch


def main() -> None:
    """Write data/overview.png."""
    explanation = ch.explain(ch.load_network(), "cat_and_dog")
    columns = {"what the network saw": explanation.input_picture}
    for category in ("cat", "dog"):
        title = f"where it finds the {category}\n(score {explanation.score(category):.1f})"
        columns[title] = explanation.overlay(category)
    figure, axes = plt.subplots(1, 3, figsize=(10, 3.4), layout="constrained")
    for axis, (title, picture) in zip(axes, columns.items(), strict=True):
        axis.imshow(picture)
        axis.set_title(title)
        axis.axis("off")
    ch.draw_colour_bar(axes, explanation.limits("cat"), label="score: for (+) and against (-)")
    figure.savefig(Path(__file__).parent / "overview.png", dpi=110)


if __name__ == "__main__":
    main()

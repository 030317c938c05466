"""Draw the two pictures at the top of the README.

Run in the project's folder: python data/make_overview.py
"""

from pathlib import Path

import matplotlib.pyplot as plt

import cam_helpers as ch
from cam_helpers.display import rows
from cam_helpers.networks.preprocess import Preprocess

HERE = Path(__file__).parent
FOUR = ["tiger cat", "espresso", "missile", "tripod"]


def save_as(name: str) -> None:
    """Let the next row of pictures go into a file instead of a notebook."""

    def save(figure: plt.Figure, alt: str) -> None:
        figure.savefig(HERE / name, dpi=110, bbox_inches="tight")

    rows.show = save


def main() -> None:
    """Write data/four_maps.png and data/overview.png."""
    # At 448 pixels instead of 224 the maps have 14 x 14 cells instead of 7 x 7.
    large = Preprocess(448, 448, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    network = ch.load_network("tf_mobilenet_v2")
    four = ch.explain(network, large(ch.open_picture("photo:four")))
    save_as("four_maps.png")
    # Each on its own scale: the question is where, and the cat's evidence is spread most thinly.
    overlays = [four.overlay(name, scale="raw", opacity=0.7) for name in FOUR]
    ch.show_row([four.input_picture, *overlays], ["picture", *FOUR], "Four maps.")

    drawn = ch.explain(ch.load_network("tiny_resnet"), "cat_and_dog")
    save_as("overview.png")
    pictures = [drawn.input_picture, drawn.overlay("cat"), drawn.overlay("dog")]
    ch.show_row(pictures, ["crop", "map of cat", "map of dog"], "", limits=drawn.limits("cat"))


if __name__ == "__main__":
    main()

"""Draw the two pictures at the top of the README.

Run in the project's folder: python data/make_overview.py
"""

from pathlib import Path

import matplotlib.pyplot as plt

import cam_helpers as ch
from cam_helpers.display import rows

HERE = Path(__file__).parent


def save_as(name: str) -> None:
    """Let the next row of pictures go into a file instead of a notebook."""

    def save(figure: plt.Figure, alt: str) -> None:
        figure.savefig(HERE / name, dpi=110, bbox_inches="tight")

    rows.show = save


def main() -> None:
    """Write data/opening.png and data/overview.png."""
    network = ch.load_network("tf_mobilenet_v2", view="whole", side=448)
    save_as("opening.png")
    # Each on its own scale: the question is where.
    dog, bee = (ch.explain(network, f"photo:{name}") for name in ("german_shepherd", "honey_bee"))
    maps = ((dog, "German shepherd"), (bee, "bee"), (bee, "daisy"))
    overlays = [one.overlay(name, limits=one.limits(name)) for one, name in maps]
    ch.show_row(overlays, [name for _, name in maps], "Three maps.")

    drawn = ch.explain(ch.load_network("tiny_resnet"), "cat_and_dog")
    save_as("overview.png")
    pictures = [drawn.input_picture, drawn.overlay("cat"), drawn.overlay("dog")]
    ch.show_row(pictures, ["crop", "map of cat", "map of dog"], "", limits=drawn.limits())


if __name__ == "__main__":
    main()

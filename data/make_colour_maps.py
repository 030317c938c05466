"""Store matplotlib's colour maps as tables, so that overlays need no matplotlib.

Run in the project's folder: python data/make_colour_maps.py
"""

from pathlib import Path

import matplotlib
import numpy as np

from cam_helpers.step_5_upsample_and_overlay import COLOUR_MAPS


def main() -> None:
    """Write data/colour_maps.npz: for each name the 256 colours, (256, 3) uint8."""
    tables = {
        name: matplotlib.colormaps[name](np.linspace(0, 1, 256), bytes=True)[:, :3]
        for name in COLOUR_MAPS
    }
    np.savez_compressed(Path(__file__).parent / "colour_maps.npz", **tables)


if __name__ == "__main__":
    main()

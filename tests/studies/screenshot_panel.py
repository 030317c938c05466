"""Take the README's picture of the explorer, as it looks in JupyterLab in Chromium.

Run in the project's folder: python tests/studies/screenshot_panel.py
"""

import io
import os
import tempfile
from contextlib import closing
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

from browser.desk import KERNEL_IS_IDLE, Desk
from PIL import Image

FILE = Path(__file__).resolve().parents[2] / "data" / "explorer.png"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, closing(Desk(Path(folder))) as desk:
        screen = desk.explorer("lab")
        screen.choose("look at", "one cell")
        screen.wait(lambda state: "strongest channels" in str(state.rows), "the sum of a cell")
        screen.page.wait_for_function(KERNEL_IS_IDLE)
        taken = Image.open(io.BytesIO(screen.panel.screenshot())).convert("RGB")
    taken.save(FILE, optimize=True)
    print(FILE, taken.size, f"{FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()

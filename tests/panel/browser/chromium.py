"""Chromium: where it is, how it starts, and what to say where it is absent."""

import importlib.util
import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
PACKAGES = {"playwright": "playwright", "notebook": "notebook", "voila": "voila"} | {
    "axe_playwright_python": "axe-playwright-python"
}


def find_chromium():
    """Return the path of a Chromium, or None. `CAM_CHROMIUM` names one; otherwise look for it."""
    wanted = os.environ.get("CAM_CHROMIUM")
    if wanted:
        return shutil.which(wanted)
    return next(filter(None, map(shutil.which, NAMES)), None)


def what_is_missing():
    """Say what is not here and how to get it; "" where all is here."""
    sentences = []
    if find_chromium() is None:
        named = os.environ.get("CAM_CHROMIUM")
        found = f"CAM_CHROMIUM={named} cannot be started" if named else "no Chromium is here"
        sentences.append(f"{found}: apt install chromium, or set CAM_CHROMIUM to its path.")
    absent = [name for module, name in PACKAGES.items() if not importlib.util.find_spec(module)]
    if absent:
        sentences.append(f'{", ".join(absent)} not installed: pip install -e ".[browser]"')
    return " ".join(sentences)


def flags():
    """What Chromium needs to run unseen, on a machine without a screen or a connection."""
    chosen = ["--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
    # Chromium's sandbox refuses to work for root, as in a container.
    return [*chosen, "--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else chosen

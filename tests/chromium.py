"""Chromium: where it is, how it starts, and what to say where it is absent."""

import importlib.util
import os
import shutil

import pytest


def find_chromium():
    """Return the path of a Chromium, or None. `CAM_CHROMIUM` names one; otherwise look for it."""
    names = ("chromium", "chromium-browser", "google-chrome")
    wanted = os.environ.get("CAM_CHROMIUM")
    return next(filter(None, map(shutil.which, [wanted] if wanted else names)), None)


def require_chromium(packages):
    """Skip the tests without Chromium or packages {module: name}; fail with CAM_BROWSER=required.

    Say what is not here and how to get it.
    """
    sentences = []
    if find_chromium() is None:
        named = os.environ.get("CAM_CHROMIUM")
        found = f"CAM_CHROMIUM={named} cannot be started" if named else "no Chromium is here"
        sentences.append(f"{found}: apt install chromium, or set CAM_CHROMIUM to its path.")
    absent = [name for module, name in packages.items() if not importlib.util.find_spec(module)]
    if absent:
        sentences.append(f'{", ".join(absent)} not installed: pip install -e ".[browser]"')
    if sentences and os.environ.get("CAM_BROWSER") == "required":
        pytest.fail(" ".join(sentences))
    if sentences:
        pytest.skip(" ".join(sentences))


def launch_chromium(playwright):
    """Start Chromium unseen, on a machine that may have neither a screen nor a connection."""
    flags = ["--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage"]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        flags.append("--no-sandbox")  # which refuses to work for root, as in a container
    return playwright.chromium.launch(executable_path=find_chromium(), args=flags)

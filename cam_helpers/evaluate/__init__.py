"""Measure the maps of a folder: `run` from Python, `python -m cam_helpers.evaluate` otherwise."""

from cam_helpers.evaluate.folder import run as run

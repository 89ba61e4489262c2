"""The command line: ``napari-uai iscat recording.bin --out results``, ``napari-uai trails ...``."""

from napari_uai.cli.app import main

__all__ = ["main"]

"""Find what does not belong in a video without being taught what to look for."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("napari-uai")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"

"""The sample recordings that come with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from napari_uai.errors import BadValueError


def sample_folder() -> Path:
    """Return the folder of the sample data, in an installed package as in a source tree."""
    package = Path(str(files("napari_uai")))
    installed, source = package / "sample_data", package.parents[1] / "sample_data"
    return installed if installed.is_dir() else source


def sample_path(name: str) -> Path:
    """Return the path of a sample.

    Parameters
    ----------
    name
        Name of a file or folder of the sample data: ``landings.bin``, ``trails``, ...

    Raises
    ------
    BadValueError
        If it does not exist; the message lists those that do.
    """
    path = sample_folder() / name
    if not path.exists():
        there = sorted(p.name for p in sample_folder().glob("*"))
        raise BadValueError(f"no sample data {name!r}; choose from {', '.join(there) or 'nothing'}")
    return path

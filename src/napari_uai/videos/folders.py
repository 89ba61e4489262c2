"""Find recordings and images in folders, in natural order."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from napari_uai.errors import BadValueError, VideoFormatError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".tif", ".tiff")
RECORDING_SUFFIXES = (
    *(".bin", ".raw", ".tif", ".tiff", ".btf", ".tf8", ".ome", ".npy", ".npz"),
    *(".zarr", ".ozx", ".n5"),
    *(".h5", ".hdf5", ".hdf", ".he5", ".mp", ".ims", ".nwb", ".mat", ".fits", ".fit", ".fts"),
    *(".avi", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"),
    *(".gif", ".apng", ".fli", ".flc", ".webp"),
    *(".nd2", ".czi", ".lif", ".spe", ".sif", ".oib", ".oif", ".dv", ".vsi", ".lsm", ".stk"),
)
"""Suffixes of files that are recordings on their own, as in ``videos.formats.FORMATS``."""

_STORES = (".zarr", ".n5")


def list_recordings(
    folder: str | Path, suffix: str | Sequence[str] = RECORDING_SUFFIXES
) -> list[Path]:
    """List the recordings in a folder and its subfolders.

    Parameters
    ----------
    folder
        Where to look.
    suffix
        One or several suffixes, with or without the dot; complete suffixes only (``bin`` does not
        match ``a.xbin``), case-insensitive. A zarr or N5 store counts as one recording, and so
        do the files of an OME-TIFF series.

    Returns
    -------
    list of Path
        In natural order: ``run2`` before ``run10``. Hidden files are skipped.

    Raises
    ------
    VideoFormatError
        If the folder does not exist.
    BadValueError
        If no suffix is given.

    Examples
    --------
    >>> import napari_uai as uai
    >>> folder = uai.sample_path("landings.bin").parent
    >>> [path.name for path in uai.videos.list_recordings(folder, "bin") if "land" in path.name]
    ['landings.bin']
    """
    folder = Path(folder)
    if not folder.is_dir():
        kind = "is a file, not a folder" if folder.exists() else "does not exist"
        raise VideoFormatError(f"{folder} {kind}: give a folder of recordings")
    asked = (suffix,) if isinstance(suffix, str) else tuple(suffix)
    endings = tuple("." + ending.lower().lstrip(".") for ending in asked)
    if not asked or "." in endings:
        raise BadValueError(f"suffix must name at least one suffix, such as 'bin', got {suffix!r}")
    found: list[Path] = []
    for root, folders, files in os.walk(folder):
        stores = [name for name in folders if name.lower().endswith(_STORES)]
        folders[:] = [name for name in folders if name not in stores and name[0] != "."]
        found += [
            Path(root, name)
            for name in (*files, *stores)
            if name[0] != "." and name.lower().endswith(endings)
        ]
    return first_of_series(sorted(found, key=lambda path: natural_key(path.relative_to(folder))))


def natural_key(path: Path) -> list[tuple[tuple[int, int, str], ...]]:
    """Return a key that sorts paths folder by folder, and numbers in names by value."""
    return [(*_pieces(part), (-1, 0, part)) for part in path.parts]


def first_of_series(files: Sequence[Path]) -> list[Path]:
    """Leave out the files of OME-TIFF series whose first file, which opens all, is there."""
    if sum(map(_is_ome_tiff, files)) < 2:
        return list(files)
    there = {*files}
    followers: set[Path] = set()
    for file in files:
        if file not in followers and _is_ome_tiff(file):
            followers |= {file.with_name(name) for name in _ome_files(file)} - {file}
    return [file for file in files if file not in followers & there]


def no_such_file(path: Path) -> str:
    """Return a message that suggests existing files of similar names."""
    if not path.parent.is_dir():
        return f"{path} does not exist, nor does its folder: check the path"
    names = [entry.name for entry in path.parent.iterdir() if not entry.name.startswith(".")]
    close = get_close_matches(path.name, names, n=3, cutoff=0.5)
    alike = sorted(n for n in names if n not in close and Path(n).suffix == path.suffix)
    there = [*close, *alike][:3]
    if not there:
        return f"{path} does not exist: check the path"
    return f"{path} does not exist; the same folder contains {', '.join(there)}"


def _pieces(name: str) -> Iterator[tuple[int, int, str]]:
    for piece in re.split(r"(\d+)", name):
        if piece:
            yield (0, int(piece), "") if piece.isdecimal() else (1, 0, piece.lower())


def _is_ome_tiff(path: Path) -> bool:
    return path.name.lower().endswith((".ome.tif", ".ome.tiff", ".ome.btf", ".ome.tf8"))


def _ome_files(path: Path) -> set[str]:
    """Return the names of the files that the metadata of an OME-TIFF file lists."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            return {*re.findall(r'FileName="([^"/\\]+)"', tiff.ome_metadata or "")}
    except Exception:  # noqa: BLE001  # damaged files raise any type of error; reading tells
        return set()

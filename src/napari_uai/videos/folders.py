"""Find recordings and images in folders, in natural order."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from napari_uai.errors import BadValueError, VideoFormatError

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".pgm", ".tif", ".tiff")
RECORDING_SUFFIXES = (
    *(".bin", ".raw", ".tif", ".tiff", ".btf", ".tf8", ".ome", ".npy", ".npz", ".zarr", ".ozx"),
    *(".h5", ".hdf5", ".hdf", ".he5", ".mp", ".ims", ".nwb", ".mat", ".fits", ".fit", ".fts"),
    *(".avi", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".mpg", ".mpeg", ".wmv"),
    *(".nd2", ".czi", ".lif", ".spe", ".sif", ".oib", ".oif", ".dv", ".vsi", ".lsm", ".stk"),
)
"""Suffixes of files that are recordings on their own, as in ``videos.formats.FORMATS``."""


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
        match ``a.xbin``), case-insensitive. A zarr store counts as one recording.

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
        stores = [name for name in folders if name.lower().endswith(".zarr")]
        folders[:] = [name for name in folders if name not in stores and name[0] != "."]
        found += [
            Path(root, name)
            for name in (*files, *stores)
            if name[0] != "." and name.lower().endswith(endings)
        ]
    return sorted(found, key=lambda path: natural_key(path.relative_to(folder)))


def natural_key(path: Path) -> list[tuple[tuple[int, int, str], ...]]:
    """Return a key that sorts paths folder by folder, and numbers in names by value."""
    return [(*_pieces(part), (-1, 0, part)) for part in path.parts]


def image_files(path: Path) -> list[Path]:
    """Return the images of a sequence in natural order.

    Parameters
    ----------
    path
        A folder, a pattern such as ``frames/*.png``, or one image.

    Raises
    ------
    VideoFormatError
        If there are no images, or a folder holds images of several kinds.
    """
    if path.is_file():
        return [path]
    folder = path.is_dir()
    entries = path.iterdir() if folder else map(Path, glob.glob(str(path)))  # noqa: PTH207
    files = [entry for entry in entries if is_image(entry)]
    if not files:
        what = "contains no" if folder else "matches no"
        kinds = ", ".join(suffix[1:] for suffix in IMAGE_SUFFIXES)
        hint = _recordings_hint(path) if folder else ": check the pattern"
        raise VideoFormatError(f"{path} {what} images ({kinds}){hint}")
    kinds_found = sorted({_kind(file) for file in files})
    if len(kinds_found) > 1:
        raise VideoFormatError(
            f"{path} contains images of several kinds ({', '.join(kinds_found)}): "
            f"select one with a pattern such as {path / ('*' + kinds_found[0])}"
        )
    return sorted(files, key=natural_key)


def is_image(path: Path) -> bool:
    """Return whether a path looks like an image of a sequence."""
    return path.suffix.lower() in IMAGE_SUFFIXES and path.name[0] != "." and path.is_file()


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


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    return {".jpeg": ".jpg", ".tiff": ".tif"}.get(suffix, suffix)


def _recordings_hint(folder: Path) -> str:
    recordings = list_recordings(folder)
    if not recordings:
        return ": give a recording or a folder of images"
    return f": give one of its recordings, e.g. {recordings[0]}"

"""Sample data: a recording with landings, fluorescence of the same field, and trails of a scene.

In a source tree, they are files in the folder ``sample_data``. An installed package contains
fluorescence and trails as archives, and simulates the recording, which hardly compresses; each is
stored in a cache folder when it is first requested.
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from importlib.resources import files
from pathlib import Path

from napari_uai.errors import BadValueError, OutputError, nearest
from napari_uai.files import whole_file
from napari_uai.store.folder import cache_folder

__all__ = ["sample_names", "sample_path"]

_SAMPLES = {
    "landings": ("landings.bin", "landings.json", "landings_truth.json"),
    "fluorescence": ("fluorescence.bin", "fluorescence.bin.json", "fluorescence_truth.json"),
    "trails": ("trails",),
}
"""Files and folders of each sample."""

_GUNZIPPED = ".gunzipped"
"""Ending of files that tools/pack_samples.py stores without their own compression."""


def sample_names() -> tuple[str, ...]:
    """Return the names of the sample data.

    Returns
    -------
    tuple of str
        Names that :func:`sample_path` accepts.

    Examples
    --------
    >>> import napari_uai
    >>> "landings.bin" in napari_uai.sample_data.sample_names()
    True
    """
    return tuple(name for names in _SAMPLES.values() for name in names)


def sample_path(name: str) -> Path:
    """Return the path of a sample file or folder.

    An installed package unpacks or simulates it on the first call, into the user's cache folder or
    that in the environment variable ``NAPARI_UAI_CACHE``.

    Parameters
    ----------
    name
        ``landings.bin``, a recording (1200 frames of 40 x 40 px and a status line) whose five
        landings are in ``landings_truth.json``; ``fluorescence.bin``, the same field seen by
        another camera; ``trails``, the report folder of a tracker with 400 trails, whose 12
        anomalies are in its ``truth.csv``; or another of :func:`sample_names`.

    Returns
    -------
    Path
        Path of the file, or of the folder ``trails``.

    Raises
    ------
    BadValueError
        If there is no sample of that name.
    OutputError
        If the cache folder cannot be written.

    Examples
    --------
    >>> import napari_uai
    >>> napari_uai.open_video(napari_uai.sample_path("landings.bin")).shape
    (1200, 41, 40)
    """
    sample = next((sample for sample, names in _SAMPLES.items() if name in names), None)
    if sample is None:
        raise BadValueError(f"no sample {name!r}; {nearest(name, sample_names())}")
    package = Path(str(files("napari_uai")))
    source = package.parents[1] / "sample_data"
    if (source / name).exists():
        return source / name
    archive = package / "sample_data" / f"{sample}.tar.xz"
    folder = _cached(sample, archive if archive.exists() else None)
    return folder / name


def _cached(sample: str, archive: Path | None) -> Path:
    """Return the folder of a sample in the cache, which is filled if it does not exist."""
    key = _version() if archive is None else hashlib.sha256(archive.read_bytes()).hexdigest()[:16]
    folder = cache_folder() / f"{sample}-{key}"
    if folder.is_dir():
        return folder
    try:
        with whole_file(folder) as partial:
            partial.mkdir()
            if archive is None:
                _simulate(partial)
            else:
                _unpack(archive, partial)
    except OutputError:
        if not folder.is_dir():  # otherwise another process has just filled it
            raise
    return folder


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive, "r:xz") as tar:  # xz verifies checksums
        for member in tar:
            content = tar.extractfile(member)
            if content is not None:
                target = folder / member.name.removesuffix(_GUNZIPPED)
                target.parent.mkdir(parents=True, exist_ok=True)
                data = content.read()
                if member.name.endswith(_GUNZIPPED):
                    data = gzip.compress(data, mtime=0)
                target.write_bytes(data)


def _simulate(folder: Path) -> None:
    from napari_uai.simulate.write_samples import write_sample_recording

    write_sample_recording(folder)


def _version() -> str:
    from importlib.metadata import version

    return version("napari-uai")

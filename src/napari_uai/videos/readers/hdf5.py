"""Recordings in HDF5 files: any dataset, mass photometer movies, MATLAB 7.3."""

from __future__ import annotations

import importlib
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_uai.errors import VideoFormatError
from napari_uai.limits import CHUNK_BYTES, FRAMES, ErrorType
from napari_uai.typing import AnyArray
from napari_uai.untrusted import check_chunk, check_pieces
from napari_uai.videos.info import Opened
from napari_uai.videos.layout.axes import UNNAMED, array_layout
from napari_uai.videos.layout.choose import chosen_name, images_among
from napari_uai.videos.layout.frame_axis import check_frame_axis
from napari_uai.videos.layout.scale import hertz, micrometres, positive
from napari_uai.videos.read_options import ReadOptions
from napari_uai.videos.sources.cached import cached
from napari_uai.videos.sources.stored import StoredFrames

MASS_PHOTOMETER = "movie/frame"
"""Dataset of the frames in the files of mass photometers (``.mp``)."""

_MOST_DATASETS = 10_000


def open_hdf5(path: Path, options: ReadOptions) -> Opened:
    """Open a dataset of an HDF5 file.

    Parameters
    ----------
    path
        The file.
    shape
        ``image``: path of the dataset, if there are several with two axes or more.

    Raises
    ------
    VideoFormatError
        If it is not an HDF5 file, or has several videos and none was chosen.
    """
    return open_datasets(path, options, matlab=False)


def open_datasets(path: Path, options: ReadOptions, *, matlab: bool) -> Opened:
    """Open a dataset; those of MATLAB have their axes in reverse order."""
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise VideoFormatError(
            f"{path} is not a complete HDF5 file ({error}): copy or export it again"
        ) from error
    with file:
        name = _dataset(path, file, options)
        dataset = file[name]
        check_storage(path, name, dataset)
        axes = _axes_of(dataset)
        if matlab and axes is None:
            axes = {3: UNNAMED + "XY", 2: "XY"}.get(dataset.ndim)
        layout = array_layout(path, dataset.shape, dataset.dtype, axes=axes, options=options)
        chunks = dataset.chunks
        check_pieces(path, dataset.shape, chunks or dataset.shape, layout.axes)
        stated = {**file.attrs, **dataset.parent.attrs, **dataset.attrs}
        details = {"dataset": name}
        if dataset.compression:
            details["compression"] = str(dataset.compression)
        opened = Opened(
            StoredFrames(path, partial(_open, name=name), dataset.dtype, layout, parallel=False),
            dataset.dtype,
            pixel_size_um=_pixel_size(stated),
            frame_rate_hz=_frame_rate(stated),
            warnings=layout.notes,
            axes=layout.axes,
            image=name,
            details=details | _texts(stated),
        )
    if chunks and layout.frame_axis is not None:
        opened = opened.replaced(cached(opened.frames, chunks[layout.frame_axis]))
    check_frame_axis(path, opened.frames, layout)
    return opened


def _open(path: Path, *, name: str) -> Any:
    import h5py

    return h5py.File(path, "r")[name]


def _dataset(path: Path, file: Any, options: ReadOptions) -> str:
    import h5py

    named = MASS_PHOTOMETER if options.image is None else options.image.strip("/")
    if is_inside(file, named) and isinstance(file.get(named), h5py.Dataset):
        return named
    found: dict[str, tuple[int, ...]] = {}

    def visit(name: str, node: Any) -> bool | None:
        if isinstance(node, h5py.Dataset) and node.dtype.kind in "uifb" and node.shape:
            found[name] = node.shape
        return True if len(found) > _MOST_DATASETS else None

    file.visititems(visit)
    return chosen_name(path, images_among(found), options, "dataset")


def is_inside(file: Any, name: str) -> bool:
    """Return whether no part of a path leads to another file."""
    import h5py

    steps = name.split("/")
    links = (file.get("/".join(steps[: i + 1]), getlink=True) for i in range(len(steps)))
    return all(isinstance(link, h5py.HardLink) for link in links)


def check_storage(path: Path, name: str, dataset: Any) -> None:
    """Refuse data outside the file: a dataset of a stranger must not read other files."""
    check_chunk(path, dataset.chunks or (), dataset.dtype.itemsize)
    if dataset.external or dataset.is_virtual or Path(dataset.file.filename) != path:
        raise VideoFormatError(
            f"{path}: the pixels of {name} are in other files: copy them into one dataset"
        )
    properties = dataset.id.get_create_plist()
    filters = [properties.get_filter(i) for i in range(properties.get_nfilters())]
    missing = [f for f in filters if not _has_filter(f[0])]
    if missing:
        number, label = missing[0][0], missing[0][3].decode("utf-8", "replace")
        raise VideoFormatError(
            f"{path}: {name} is compressed with filter {number} ({label}), which is not installed: "
            "pip install hdf5plugin"
        )


def small_array(path: Path, file: Any, name: str, *, error: ErrorType) -> AnyArray | None:
    """Return an array of numbers of an open file, None if there is no such array.

    Parameters
    ----------
    path
        The file, for messages.
    file
        The file or a group of it, as opened by h5py.
    name
        Path of the dataset in it.
    error
        Type of the error.

    Raises
    ------
    NapariUaiError
        If it lies in another file, or is larger than a table.
    """
    import h5py

    dataset = file.get(name) if is_inside(file, name) else None
    if not isinstance(dataset, h5py.Dataset) or dataset.shape is None:
        return None
    if dataset.dtype.kind not in "iufb":
        return None
    check_storage(path, name, dataset)
    FRAMES.check(path, dataset.size, "has a table of", error=error)
    CHUNK_BYTES.check(path, dataset.nbytes, "has a table of", error=error)
    return np.asarray(dataset[()])


def _has_filter(number: int) -> bool:
    import h5py

    if h5py.h5z.filter_avail(number):
        return True
    with suppress(ImportError):  # registers its filters
        importlib.import_module("hdf5plugin")
    return bool(h5py.h5z.filter_avail(number))


def _axes_of(dataset: Any) -> str | None:
    """Return a letter per axis from labels of dimensions or names of scales, if all are there."""
    names = [
        dimension.label or (dimension[0].name.rpartition("/")[2] if len(dimension) else "")
        for dimension in dataset.dims
    ]
    labels = [str(name)[:1].upper() for name in names]
    letters = "".join(labels)
    known = all(labels) and len(set(letters)) == len(letters)
    return letters if known and {"Y", "X"} <= {*letters} else None


def _pixel_size(stated: dict[str, Any]) -> float | None:
    if "element_size_um" in stated:  # as ImageJ and ilastik write it: z, y, x
        return positive(stated["element_size_um"][-1])
    return positive(stated.get("pixel_size_um")) or micrometres(
        stated.get("pixel_size"), stated.get("pixel_size_unit", "um")
    )


def _frame_rate(stated: dict[str, Any]) -> float | None:
    for name in ("frame_rate_hz", "frame_rate", "framerate", "fps"):
        if name in stated:
            return positive(stated[name])
    return hertz(stated.get("frame_interval_s"))


def _texts(stated: dict[str, Any]) -> dict[str, str]:
    texts = {}
    for name, value in stated.items():
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        if len(text) <= 80 and text.isprintable():
            texts[str(name)] = text
    return texts

"""Saving layers from napari: videos, tables of places, painted masks."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.errors import BadValueError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

    from napari_uai.monitor import Monitor
    from napari_uai.widgets.iscat.review import Review

RAW, TIFF, ZARR = (".raw", ".bin", ".npy"), (".ome.tif", ".ome.tiff"), (".zarr",)
"""Suffixes of videos, by kind; the first is added where a path has none of them."""


def write_raw(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an Image layer without header, its shape in a sidecar; see :func:`write_recording`."""
    return write_recording(path, data, attributes, suffixes=RAW)


def write_tiff(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an Image layer as OME-TIFF; see :func:`write_recording`."""
    return write_recording(path, data, attributes, suffixes=TIFF)


def write_zarr(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write an Image layer as a zarr store; see :func:`write_recording`."""
    return write_recording(path, data, attributes, suffixes=ZARR)


def write_recording(
    path: str, data: Any, attributes: dict[str, Any], *, suffixes: tuple[str, ...]
) -> list[str]:
    """Write an Image layer as a video, frame by frame, with pixel size and frame rate.

    Parameters
    ----------
    path
        Where to; the first of ``suffixes`` is added if it has none of them.
    data
        Frames, rows, columns; an image of two axes is one frame. Lazy videos stay lazy.
    attributes
        Of the layer.
    suffixes
        That the path may have.

    Raises
    ------
    BadValueError
        If the layer is no grey video.
    OutputError
        If the file cannot be written.
    """
    from napari_uai.videos.writers import write_video
    from napari_uai.widgets.kit.layers import KEY

    name = attributes.get("name", "the layer")
    if attributes.get("rgb") or attributes.get("multiscale") or data.ndim not in (2, 3):
        raise BadValueError(
            f"{name!r} is no video of frames, rows and columns: convert it to grey, or take one "
            "channel or position of it as a layer of its own"
        )
    path = _with_suffix(path, suffixes)
    record = attributes.get("metadata", {}).get(KEY, {})
    with _shown_progress(f"saving {Path(path).name}") as monitor:
        write_video(
            data if data.ndim == 3 else data[np.newaxis],
            path,
            pixel_size_um=record.get("pixel_size_um"),
            frame_rate_hz=record.get("frame_rate_hz"),
            overwrite=True,  # napari has asked
            monitor=monitor,
        )
    return [path]


def write_places(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a Points layer as landings.csv or localizations.csv.

    What this plugin made is written with the columns and in the places (px of the file) of the
    table that it came from, less the points that were deleted; landings with ``accepted`` once one
    was judged. Other points are written as ``frame, y, x`` and their features.

    Raises
    ------
    BadValueError
        If the points have more than three axes.
    OutputError
        If the file cannot be written.
    """
    from napari_uai.results import write_table
    from napari_uai.widgets.iscat.review import Review
    from napari_uai.widgets.kit.layers import KEY

    path = _with_suffix(path, (".csv",))
    record = attributes.get("metadata", {}).get(KEY, {})
    review = record.get("review")
    table = (
        _left_over(review, attributes)
        if isinstance(review, Review)
        else places_table(data, attributes, record)
    )
    try:
        write_table(table, path)
    except OSError as error:
        raise _cannot_write(path, error) from None
    return [path]


def write_mask(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write a painted Labels layer as a black and white picture, which ``--mask`` takes.

    Raises
    ------
    BadValueError
        If it has more axes than rows and columns, or nothing is painted.
    OutputError
        If the file cannot be written.
    """
    from PIL import Image

    name = attributes.get("name", "the layer")
    painted = np.asarray(data)
    if painted.ndim != 2:
        raise BadValueError(
            f"{name!r} has {painted.ndim} axes, a mask has rows and columns: paint one made by "
            "'New region mask'"
        )
    painted = painted != 0
    if not painted.any():
        raise BadValueError(f"nothing is painted in {name!r}: paint the region that matters first")
    path = _with_suffix(path, (".png",))
    try:
        Image.fromarray(np.where(painted, np.uint8(255), np.uint8(0))).save(path)
    except OSError as error:
        raise _cannot_write(path, error) from None
    return [path]


def places_table(data: Any, attributes: Mapping[str, Any], record: Mapping[str, Any]) -> Any:
    """Return positions and features as a table.

    Parameters
    ----------
    data
        Positions, (n, 3) or (n, 2).
    attributes
        Of the layer; ``features`` is used.
    record
        Its entry in the metadata: ``columns`` in order, ``offset`` to add to positions.

    Returns
    -------
    pandas.DataFrame
        ``frame`` (from 0), ``y``, ``x`` (px) and the features.
    """
    import pandas as pd

    from napari_uai.widgets.kit.layers import AXES

    places = np.atleast_2d(np.asarray(data, np.float64))
    if places.shape[1] not in (2, 3):
        name = attributes.get("name", "the layer")
        raise BadValueError(
            f"{name!r} has {places.shape[1]} axes: a table of places has frames, rows and columns"
        )
    places = np.pad(places, ((0, 0), (3 - places.shape[1], 0)))
    places = places + np.asarray(record.get("offset", (0, 0, 0)), float)
    table = pd.DataFrame(attributes.get("features", {})).reset_index(drop=True)
    for number, axis in enumerate(AXES):
        table[axis] = places[:, number]
    if np.array_equal(places[:, 0], np.rint(places[:, 0])):
        table["frame"] = places[:, 0].astype(np.int64)
    known = [column for column in record.get("columns", AXES) if column in table.columns]
    return table[[*known, *(column for column in table.columns if column not in known)]]


def _left_over(review: Review, attributes: Mapping[str, Any]) -> pd.DataFrame:
    """Return the landings without those whose points were deleted."""
    from napari_uai.widgets.kit.layers import AXES

    table = review.exported()
    shown = np.isfinite(review.placed[list(AXES)].to_numpy(float)).all(axis=1)
    here = table["landing"].isin(attributes["features"]["landing"])
    return table[here.to_numpy() | ~shown]


def _with_suffix(path: str, suffixes: tuple[str, ...]) -> str:
    """Add what napari's dialog leaves out if only a layer's name was typed."""
    return path if path.lower().endswith(suffixes) else path + suffixes[0]


@contextmanager
def _shown_progress(description: str) -> Iterator[Monitor]:
    """Give one monitor whose progress napari shows: saving keeps its window waiting."""
    from napari.utils import progress

    from napari_uai.monitor import Monitor

    with progress(total=100, desc=description) as bar:

        def report(fraction: float, _message: str) -> None:
            step = int(100 * fraction) - bar.n
            if step > 0:
                bar.update(step)

        yield Monitor(report)


def _cannot_write(path: str, error: OSError) -> OutputError:
    return OutputError(f"{path} cannot be written: {error.strerror or error}; choose another place")

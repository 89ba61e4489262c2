"""Writers of layers: videos, tables of positions, region masks."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_uai.errors import BadValueError
from napari_uai.files import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt
    import pandas as pd

    from napari_uai.monitor import Monitor
    from napari_uai.videos.frames import Video
    from napari_uai.videos.writing.movies import MovieSettings
    from napari_uai.widgets.iscat.review import Review

RAW, TIFF, ZARR = (".raw", ".bin", ".npy"), (".ome.tif", ".ome.tiff"), (".zarr",)
HDF5, MOVIE = (".h5", ".hdf5"), (".mp4", ".avi", ".gif")
TABLES = (".csv", ".json", ".h5", ".mat")
"""Suffixes of each format; the first one is added to a path without any of them."""

_FRAME_DIGITS = 6


def write_raw(path: str, data: Video, attributes: dict[str, Any]) -> list[str]:
    """Write an Image layer as raw data with a sidecar; see :func:`write_recording`."""
    return write_recording(path, data, attributes, suffixes=RAW)


def write_tiff(path: str, data: Video, attributes: dict[str, Any]) -> list[str]:
    """Write an Image layer as OME-TIFF; see :func:`write_recording`."""
    return write_recording(path, data, attributes, suffixes=TIFF)


def write_zarr(path: str, data: Video, attributes: dict[str, Any]) -> list[str]:
    """Write an Image layer as a zarr store; see :func:`write_recording`."""
    return write_recording(path, data, attributes, suffixes=ZARR)


def write_hdf5(path: str, data: Video, attributes: dict[str, Any]) -> list[str]:
    """Write an Image layer as an HDF5 file; see :func:`write_recording`."""
    return write_recording(path, data, attributes, suffixes=HDF5)


def write_movie(path: str, layers: list[tuple[Any, dict[str, Any], str]]) -> list[str]:
    """Write an Image layer as a movie, in which the points of a Points layer are marked.

    Contrast limits are those of the layer; step, rate and what is drawn those of the preferences.

    Parameters
    ----------
    path
        Path of the file; ``.mp4`` is added if it is no movie.
    layers
        Data, attributes and type of the Image layer, and of a Points layer if one is selected.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    BadValueError
        If the layer is not a grey video.
    OutputError
        If the file cannot be written.
    """
    from napari_uai.videos.writing.movies import write_movie as write
    from napari_uai.widgets.kit.layers import KEY

    [(data, attributes, _)] = [layer for layer in layers if layer[2] == "image"]
    video = _grey_video(data, attributes)
    path = _with_suffix(path, MOVIE)
    record = attributes.get("metadata", {}).get(KEY, {})
    first = int(record.get("first_frame") or 0) + _frames_skipped(attributes)
    points = next((layer for layer in layers if layer[2] == "points"), None)
    with _shown_progress(f"saving {Path(path).name}") as monitor:
        write(
            video,
            path,
            _movie_settings(attributes),
            landings=None if points is None else _marks(points, attributes, first),
            origin=(first, 0, 0),
            pixel_size_um=record.get("pixel_size_um"),
            frame_rate_hz=record.get("frame_rate_hz"),
            overwrite=True,  # napari has asked
            monitor=monitor,
        )
    return [path]


def write_recording(
    path: str, data: Video, attributes: dict[str, Any], *, suffixes: tuple[str, ...]
) -> list[str]:
    """Write an Image layer as a video, frame by frame, with pixel size and frame rate.

    Parameters
    ----------
    path
        Path of the file; the first of ``suffixes`` is added if it has none of them.
    data
        Frames, rows, columns; an image with two axes is one frame. Lazy videos are not loaded.
    attributes
        Attributes of the layer.
    suffixes
        Suffixes of the format.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    BadValueError
        If the layer is not a grey video.
    OutputError
        If the file cannot be written.
    """
    from napari_uai.videos.writing.writers import write_video
    from napari_uai.widgets.kit.layers import KEY

    video = _grey_video(data, attributes)
    path = _with_suffix(path, suffixes)
    record = attributes.get("metadata", {}).get(KEY, {})
    with _shown_progress(f"saving {Path(path).name}") as monitor:
        write_video(
            video,
            path,
            pixel_size_um=record.get("pixel_size_um"),
            frame_rate_hz=record.get("frame_rate_hz"),
            overwrite=True,  # napari has asked
            monitor=monitor,
        )
    return [path]


def write_places(path: str, data: npt.ArrayLike, attributes: dict[str, Any]) -> list[str]:
    """Write a Points layer as a table of landings or localizations: csv, MAT, HDF5, JSON.

    A layer of this plugin is written with the columns and positions (px of the file) of its table,
    without deleted points; landings with a column ``accepted`` if there are verdicts. Other points
    are written as ``frame, y, x`` followed by their features.

    Raises
    ------
    BadValueError
        If the points have more than three axes.
    OutputError
        If the file cannot be written.
    """
    from napari_uai.iscat.table_files import export_table
    from napari_uai.widgets.iscat.review import Review
    from napari_uai.widgets.kit.layers import KEY

    path = _with_suffix(path, TABLES)
    record = attributes.get("metadata", {}).get(KEY, {})
    review = record.get("review")
    table = (
        _remaining(review, attributes)
        if isinstance(review, Review)
        else places_table(data, attributes, record)
    )
    export_table(table, path, overwrite=True)  # napari has asked
    return [path]


def write_mask(path: str, data: npt.ArrayLike, attributes: dict[str, Any]) -> list[str]:
    """Write a Labels layer as a black and white PNG, as accepted by the option ``--mask``.

    Raises
    ------
    BadValueError
        If the layer does not have two axes, or is empty.
    OutputError
        If the file cannot be written.
    """
    from PIL import Image

    name = attributes.get("name", "the layer")
    painted = np.asarray(data)
    if painted.ndim != 2:
        raise BadValueError(
            f"{name!r} has {painted.ndim} axes, a region mask must have rows and columns only: add "
            "one with 'New region mask'"
        )
    painted = painted != 0
    if not painted.any():
        raise BadValueError(f"{name!r} is empty: paint the region first")
    path = _with_suffix(path, (".png",))
    with whole_file(Path(path)) as partial:
        Image.fromarray(np.where(painted, np.uint8(255), np.uint8(0))).save(partial, "PNG")
    return [path]


def places_table(
    data: npt.ArrayLike, attributes: Mapping[str, Any], record: Mapping[str, Any]
) -> pd.DataFrame:
    """Return positions and features as a table.

    Parameters
    ----------
    data
        Positions, (n, 3) or (n, 2).
    attributes
        Attributes of the layer; ``features`` is used.
    record
        Record in the metadata: ``columns`` in order, ``offset`` to add to positions.

    Returns
    -------
    pandas.DataFrame
        ``frame`` (from 0), ``y``, ``x`` (px) and the features.

    Raises
    ------
    BadValueError
        If the layer does not have two or three axes.
    """
    import pandas as pd

    from napari_uai.widgets.kit.layers import AXES
    from napari_uai.widgets.kit.ring_looks import window_of

    places = np.atleast_2d(np.asarray(data, np.float64))
    if places.shape[1] not in (2, 3):
        name = attributes.get("name", "the layer")
        raise BadValueError(
            f"{name!r} has {places.shape[1]} axes, positions must have frame, row and column"
        )
    places = np.pad(places, ((0, 0), (3 - places.shape[1], 0)))
    around = record.get("rings", {}).get("around")
    if around is not None:
        places[:, 0] = np.round(places[:, 0] * window_of(around), _FRAME_DIGITS)
    places = places + np.asarray(record.get("offset", (0, 0, 0)), float)
    table = pd.DataFrame(attributes.get("features", {})).reset_index(drop=True)
    for number, axis in enumerate(AXES):
        table[axis] = places[:, number]
    if np.array_equal(places[:, 0], np.rint(places[:, 0])):
        table["frame"] = places[:, 0].astype(np.int64)
    first = [column for column in record.get("columns", AXES) if column in table.columns]
    return table[[*first, *(column for column in table.columns if column not in first)]]


def _remaining(review: Review, attributes: Mapping[str, Any]) -> pd.DataFrame:
    """Return the landings without those whose points were deleted."""
    from napari_uai.widgets.kit.layers import AXES

    table = review.exported()
    shown = np.isfinite(review.placed[list(AXES)].to_numpy(float)).all(axis=1)
    kept = table["landing"].isin(attributes["features"]["landing"])
    return table[kept.to_numpy() | ~shown]


def _grey_video(data: Video, attributes: Mapping[str, Any]) -> Video:
    """Return the data of an Image layer as frames, rows, columns.

    Raises
    ------
    BadValueError
        If the layer is not a grey video.
    """
    if attributes.get("rgb") or attributes.get("multiscale") or data.ndim not in (2, 3):
        raise BadValueError(
            f"{attributes.get('name', 'the layer')!r} is not a video (frames, rows, columns): "
            "convert it to grey, or add one channel or position as a layer"
        )
    return data if data.ndim == 3 else data[np.newaxis]


def _movie_settings(attributes: Mapping[str, Any]) -> MovieSettings:
    from napari_uai.videos.writing.movies import MovieSettings
    from napari_uai.widgets.kit.preferences import preferences

    wishes = preferences("movies")
    low, high = attributes.get("contrast_limits") or (None, None)
    return MovieSettings(
        low=None if low is None else float(low),
        high=None if high is None else float(high),
        step=wishes.step,
        rate=wishes.rate,
        scale_bar=wishes.scale_bar,
        time=wishes.time,
    )


def _frames_skipped(attributes: Mapping[str, Any]) -> int:
    """Return at which frame of its recording a layer starts, from its place along time."""
    matrix = _to_world(attributes, 3)
    return round(float(matrix[0, 3] / matrix[0, 0]))


def _marks(
    points: tuple[Any, Mapping[str, Any], str], attributes: Mapping[str, Any], first: int
) -> pd.DataFrame:
    """Return points as landings: frames of the recording, px of the video of another layer."""
    import pandas as pd

    from napari_uai.widgets.kit.layers import moved_by
    from napari_uai.widgets.kit.ring_looks import signs_of

    data = np.atleast_2d(np.asarray(points[0], float))
    data = np.pad(data, ((0, 0), (3 - data.shape[1], 0)))
    world = moved_by(_to_world(points[1], 3), data)
    frame, y, x = moved_by(np.linalg.inv(_to_world(attributes, 3)), world).T
    features = pd.DataFrame(points[1].get("features"))
    signs = signs_of(features) if len(features) == len(data) else 0.0
    return pd.DataFrame({"raw_frame": frame + first, "y": y, "x": x, "contrast": signs})


def _to_world(attributes: Mapping[str, Any], ndim: int) -> npt.NDArray[np.float64]:
    """Return the transform of a layer from its attributes, (ndim + 1, ndim + 1)."""
    from napari_uai.widgets.kit.layers import scaled_and_moved

    scale = np.asarray(attributes.get("scale", (1.0,) * ndim), float)
    moved = np.asarray(attributes.get("translate", (0.0,) * ndim), float)
    lacking = ndim - len(scale)
    scale, moved = np.pad(scale, (lacking, 0), constant_values=1), np.pad(moved, (lacking, 0))
    affine = np.eye(ndim + 1)
    given = np.asarray(attributes.get("affine", affine), float)
    affine[lacking:, lacking:] = given
    return np.asarray(affine @ scaled_and_moved(scale, moved))


def _with_suffix(path: str, suffixes: tuple[str, ...]) -> str:
    """Add the suffix, which napari omits if only the name of a layer was typed."""
    return path if path.lower().endswith(suffixes) else path + suffixes[0]


@contextmanager
def _shown_progress(description: str) -> Iterator[Monitor]:
    """Provide a monitor whose progress napari shows, because saving blocks the window."""
    from napari.utils import progress

    from napari_uai.monitor import Monitor

    with progress(total=100, desc=description) as bar:

        def report(fraction: float, _message: str) -> None:
            step = int(100 * fraction) - bar.n
            if step > 0:
                bar.update(step)

        yield Monitor(report)

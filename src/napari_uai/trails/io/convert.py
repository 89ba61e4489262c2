"""Trails from tables and Tracks layers, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_uai.errors import BadValueError
from napari_uai.parameters import checked
from napari_uai.trails.io.assembling import trails_of_table
from napari_uai.trails.io.sample_table import SampleTable
from napari_uai.trails.io.table_options import BoxPoint, ColumnsLike, TableOptions, WhereLike
from napari_uai.trails.parameters import FrameRate, SceneSize
from napari_uai.trails.table import Trails
from napari_uai.typing import Floats


@checked
def trails_of_tracks(
    tracks: npt.ArrayLike,
    *,
    frame_rate_hz: FrameRate | None = None,
    scene_size: SceneSize | None = None,
) -> Trails:
    """Return trails from the data of a napari Tracks layer.

    Parameters
    ----------
    tracks
        One row per sample, in any order: track identity, t, y, x (in px of the scene).
    frame_rate_hz
        Steps of t per second; 1 if None.
    scene_size
        Width and height of the picture, in px; if None, derived from the positions.

    Returns
    -------
    Trails
        One trail per track, named by its identity.

    Raises
    ------
    BadValueError
        If the array does not have four numeric columns (three-dimensional tracks are not
        supported), or a parameter is outside its limits.
    TrailFormatError
        If no trail has two usable samples.

    Examples
    --------
    >>> from napari_uai.trails import trails_of_tracks
    >>> tracks = [[1, 0, 10, 0], [1, 1, 10, 60], [2, 0, 0, 30], [2, 1, 40, 30]]
    >>> trails = trails_of_tracks(tracks, frame_rate_hz=25, scene_size=(64, 48))
    >>> trails.table["trail"].tolist(), trails.time.tolist()
    (['1', '2'], [0.0, 0.04, 0.0, 0.04])
    """
    try:
        data = np.asarray(tracks, np.float64)
    except (TypeError, ValueError):
        raise BadValueError("tracks must be a numeric array: identity, t, y, x") from None
    if data.ndim != 2 or data.shape[1] != 4:
        raise BadValueError(
            f"tracks must have four columns (identity, t, y, x), got shape {data.shape}"
        )
    table = pd.DataFrame(data, columns=["trail", "frame", "y", "x"])
    return trails_of_frame(table, frame_rate_hz=frame_rate_hz, scene_size=scene_size)


@checked
def tracks_of_trails(trails: Trails, *, frame_rate_hz: FrameRate = 1.0) -> Floats:
    """Return trails as the data of a napari Tracks layer.

    Parameters
    ----------
    trails
        Trails of one scene.
    frame_rate_hz
        Steps of t per second; t is 0 at the earliest sample.

    Returns
    -------
    numpy.ndarray
        One row per sample, by trail and time: identity (row of the trail in the table), t, y, x;
        float64.

    Raises
    ------
    BadValueError
        If the frame rate is not positive.

    Examples
    --------
    >>> from napari_uai.trails import tracks_of_trails, trails_of_tracks
    >>> trails = trails_of_tracks([[7, 3, 10, 0], [7, 4, 10, 60]], scene_size=(64, 48))
    >>> tracks_of_trails(trails)
    array([[ 0.,  0., 10.,  0.],
           [ 0.,  1., 10., 60.]])
    """
    start = trails.time.min() if len(trails.time) else 0.0
    t = (trails.time - start) * frame_rate_hz
    return np.column_stack([trails.owner, t, trails.y, trails.x]).astype(np.float64)


@checked
def trails_of_frame(
    table: pd.DataFrame,
    *,
    frame_rate_hz: FrameRate | None = None,
    scene_size: SceneSize | None = None,
    columns: ColumnsLike | None = None,
    where: WhereLike | None = None,
    time_format: str | None = None,
    normalized: bool | None = None,
    box_point: BoxPoint = "centre",
    **fields: Any,
) -> Trails:
    """Return trails from a pandas table of samples.

    Parameters
    ----------
    table
        One row per sample, with columns named as in a csv file: ``trail``, ``time`` (in s) or
        ``frame``, ``y``, ``x`` (in px), and optionally ``class``. See
        :data:`~napari_uai.trails.io.vocabulary.VOCABULARY`. Levels of the index that have a name
        count as columns.
    frame_rate_hz
        Frames per second; 1 if None.
    scene_size
        Width and height of the picture, in px; if None, derived from the positions.
    columns, where, time_format, normalized, box_point
        As for :func:`~napari_uai.trails.open_trails`.
    **fields
        Further fields of :class:`Trails`, such as ``source``.

    Returns
    -------
    Trails
        Trails of at least two samples; dropped samples are listed in ``problems``.

    Raises
    ------
    BadValueError
        If a parameter is outside its limits.
    TrailFormatError
        If a column is missing, or no trail has two usable samples.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai.trails import trails_of_frame
    >>> samples = pd.DataFrame({"track_id": ["a", "a"], "frame": [0, 5], "x": [0, 60],
    ...                         "y": [10, 10], "label": ["car", "car"]})
    >>> trails = trails_of_frame(samples, frame_rate_hz=10, scene_size=(64, 48))
    >>> trails.table[["trail", "class", "start", "end"]].values.tolist()
    [['a', 'car', 0.0, 0.5]]
    """
    options = TableOptions(columns, where, time_format, normalized, box_point)
    return trails_of_table(
        SampleTable(_with_index(table)),
        options=options,
        frame_rate_hz=frame_rate_hz,
        scene_size=scene_size,
        **fields,
    )


def _with_index(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the named levels of its index as columns, unless it has them."""
    levels = [name for name in table.index.names if name is not None]
    if not levels or any(name in table.columns for name in levels):
        return table.reset_index(drop=True)
    return table.reset_index(level=levels).reset_index(drop=True)


def frame_of_trails(trails: Trails) -> pd.DataFrame:
    """Return trails as a pandas table of samples.

    Parameters
    ----------
    trails
        Trails of one scene.

    Returns
    -------
    pandas.DataFrame
        One row per sample: ``trail``, ``class``, ``time`` (in s), ``y``, ``x`` (in px).

    Examples
    --------
    >>> from napari_uai.trails import frame_of_trails, trails_of_tracks
    >>> trails = trails_of_tracks([[7, 0, 10, 0], [7, 1, 10, 60]], scene_size=(64, 48))
    >>> frame_of_trails(trails).columns.tolist()
    ['trail', 'class', 'time', 'y', 'x']
    """
    samples = trails.samples
    samples.insert(1, "class", trails.table["class"].to_numpy()[trails.owner])
    return samples

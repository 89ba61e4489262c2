"""Trails from arrays and tables of other programs, and back."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Gt, Unit

from napari_uai.errors import BadValueError
from napari_uai.trails.io.columns import BoxPoint, plain_samples, trails_of_samples
from napari_uai.trails.io.records import Problem
from napari_uai.trails.table import Trails
from napari_uai.typing import Floats


def trails_of_tracks(
    tracks: npt.ArrayLike,
    *,
    frame_rate_hz: Annotated[float, Gt(0), Unit("Hz")] | None = None,
    scene_size: tuple[int, int] | None = None,
) -> Trails:
    """Make trails of the data of a napari Tracks layer.

    Parameters
    ----------
    tracks
        A row for each sample: identity, t, y, x (in px of the scene); of any order.
    frame_rate_hz
        Steps of t per second; 1 if None.
    scene_size
        Width and height of the picture in px; as far as the positions reach if None.

    Raises
    ------
    BadValueError
        If there are not four columns of numbers; tracks in three dimensions are no trails.
    TrailFormatError
        If no trail has two usable samples.
    """
    try:
        data = np.asarray(tracks, np.float64)
    except (TypeError, ValueError):
        raise BadValueError("tracks are an array of numbers: identity, t, y, x") from None
    if data.ndim != 2 or data.shape[1] != 4:
        raise BadValueError(
            f"tracks have the shape {data.shape}: needs four columns, identity, t, y and x"
        )
    table = pd.DataFrame(data, columns=["trail", "frame", "y", "x"])
    return trails_of_frame(table, frame_rate_hz=frame_rate_hz, scene_size=scene_size)


def tracks_of_trails(
    trails: Trails, *, frame_rate_hz: Annotated[float, Gt(0), Unit("Hz")] = 1.0
) -> Floats:
    """Return the data of a napari Tracks layer.

    Parameters
    ----------
    trails
        Trails; the identity of a track is the row of its trail in their table.
    frame_rate_hz
        Steps of t per second; t is 0 at the first sample of all.

    Returns
    -------
    array
        A row for each sample, by trail and time: identity, t, y, x; float64.
    """
    if not frame_rate_hz > 0:
        raise BadValueError(f"frame_rate_hz is {frame_rate_hz}: needs more than 0")
    start = trails.time.min() if len(trails.time) else 0.0
    t = (trails.time - start) * frame_rate_hz
    return np.column_stack([trails.owner, t, trails.y, trails.x]).astype(np.float64)


def trails_of_frame(
    table: pd.DataFrame,
    *,
    frame_rate_hz: Annotated[float, Gt(0), Unit("Hz")] | None = None,
    scene_size: tuple[int, int] | None = None,
    normalized: bool | None = None,
    box_point: BoxPoint = "centre",
    **known: Any,
) -> Trails:
    """Make trails of a pandas table of samples.

    Parameters
    ----------
    table
        A row for each sample, with the names of columns that a csv may have: ``trail``, ``time``
        (s) or ``frame``, ``y``, ``x`` (px), ``class``, ...
    frame_rate_hz
        Frames per second; 1 if None.
    scene_size
        Width and height of the picture in px; as far as the positions reach if None.
    normalized
        Whether positions are shares (0 to 1) of the picture; if None, if all lie in 0 to 1.
    box_point
        Point of a box that is the position.
    **known
        Further fields of :class:`Trails`, such as their source.

    Raises
    ------
    TrailFormatError
        If a column is missing, or no trail has two usable samples.
    """
    problems: list[Problem] = []
    samples = plain_samples(
        table.reset_index(drop=True), frame_rate_hz=frame_rate_hz, box_point=box_point
    )
    return trails_of_samples(
        samples,
        file="",
        scene_size=scene_size,
        normalized=normalized,
        problems=problems,
        **known,
    )


def frame_of_trails(trails: Trails) -> pd.DataFrame:
    """Return a row for each sample: ``trail``, ``class``, ``time`` (s), ``y``, ``x`` (px)."""
    samples = trails.samples
    samples.insert(1, "class", trails.table["class"].to_numpy()[trails.owner])
    return samples

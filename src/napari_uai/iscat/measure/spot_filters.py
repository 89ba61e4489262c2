"""Spatial filters: removal of spots that are crowded, side lobes, elongated or near the edge."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Ge, Le, Lt, Unit
from scipy.spatial import KDTree

from napari_uai.compiled import strict_kernel
from napari_uai.iscat.disturbances.record import Disturbances
from napari_uai.iscat.tables import require_columns
from napari_uai.stages import stage
from napari_uai.videos.frames import Video, frames_of

Overlap = Annotated[float, Ge(0), Lt(1)]
"""Fraction by which discs of radius sqrt(2) sigma may overlap before two spots are a pair."""


@stage(
    "Leave out crowded frames",
    menu="track",
    selects=True,
    methods="All spots of frames with suspiciously many were removed",
)
def outlier_frames(
    table: pd.DataFrame, *, max_spots: Annotated[int, Ge(0), Unit("spots")] = 20
) -> pd.DataFrame:
    """Remove all spots of frames with suspiciously many, as caused by a vibration or a bubble.

    Parameters
    ----------
    table
        Spots with ``frame``.
    max_spots
        Spots of frames with more than this number are removed.

    Returns
    -------
    pandas.DataFrame
        The remaining rows in their order.

    Raises
    ------
    BadValueError
        If the column is missing, or ``max_spots`` is negative.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> spots = pd.DataFrame({"frame": [0, 1, 1, 1]})
    >>> iscat.outlier_frames(spots, max_spots=2)["frame"].tolist()
    [0]
    """
    require_columns(table, "frame")
    per_frame = table["frame"].map(table["frame"].value_counts())
    return _keep(table, (per_frame <= max_spots).to_numpy(bool))


@stage(
    "Leave out close spots",
    menu="track",
    frame_by_frame=True,
    selects=True,
    methods="Pairs of spots too close to be measured separately were removed",
)
def dense_spots(table: pd.DataFrame, *, overlap: Overlap = 0.0) -> pd.DataFrame:
    """Remove both of two spots of a frame that are too close to be measured separately.

    Parameters
    ----------
    table
        Spots with ``y, x, frame, sigma``.
    overlap
        Two spots are a pair if their distance is at most ``sqrt(2) (s1 + s2) (1 - overlap)``; at 0
        discs of radius ``sqrt(2) sigma`` touch.

    Returns
    -------
    pandas.DataFrame
        The remaining rows in their order.

    Raises
    ------
    BadValueError
        If a column is missing, or ``overlap`` is outside its limits.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> spots = pd.DataFrame({"y": [5.0, 6.0, 20.0], "x": 5.0, "frame": 0, "sigma": 1.7})
    >>> iscat.dense_spots(spots)["y"].tolist()
    [20.0]
    """
    keep = np.ones(len(table), bool)
    keep[_pairs(table, overlap).ravel()] = False
    return _keep(table, keep)


@stage(
    "Remove side lobes",
    menu="track",
    frame_by_frame=True,
    selects=True,
    methods="Of spots close to each other only the strongest was kept",
)
def remove_side_lobes(table: pd.DataFrame, *, overlap: Overlap = 0.0) -> pd.DataFrame:
    """Keep the strongest spot of each neighbourhood, removing the rings around particles.

    Spots are processed in descending order of ``|center_intensity|``; each one removes its weaker
    neighbours, and a removed spot removes none. Of equal ones the first row is kept.

    Parameters
    ----------
    table
        Spots with ``y, x, frame, sigma, center_intensity``.
    overlap
        Two spots are neighbours if their distance is at most ``sqrt(2) (s1 + s2) (1 - overlap)``.

    Returns
    -------
    pandas.DataFrame
        The remaining rows in their order.

    Raises
    ------
    BadValueError
        If a column is missing, or ``overlap`` is outside its limits.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> spots = pd.DataFrame({"y": [5.0, 8.0, 20.0], "x": 5.0, "frame": 0, "sigma": 1.7})
    >>> spots["center_intensity"] = [0.01, -0.003, 0.005]
    >>> iscat.remove_side_lobes(spots)["y"].tolist()
    [5.0, 20.0]
    """
    require_columns(table, "center_intensity")
    pairs = _pairs(table, overlap)
    strength = np.abs(table["center_intensity"].to_numpy(np.float64))
    order = np.argsort(-strength, kind="stable")
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    starts = np.searchsorted(both[:, 0], np.arange(len(table) + 1))
    return _keep(table, _greedy(order, starts, np.ascontiguousarray(both[:, 1])))


@stage(
    "Keep round spots",
    menu="track",
    frame_by_frame=True,
    selects=True,
    methods="Spots whose fitted Gaussian was not round were removed",
)
def symmetric_spots(
    table: pd.DataFrame,
    *,
    min_ratio: Annotated[float, Ge(0), Le(1)] = 0.7,
    keep_unfitted: bool = False,
) -> pd.DataFrame:
    """Keep the spots whose fitted Gaussian is round.

    Parameters
    ----------
    table
        Fitted spots, with ``Sigma_ratio``.
    min_ratio
        Smallest ratio of the smaller width to the larger one.
    keep_unfitted
        Also keep spots whose fit failed.

    Returns
    -------
    pandas.DataFrame
        The remaining rows in their order.

    Raises
    ------
    BadValueError
        If the column is missing, or ``min_ratio`` is outside its limits.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> spots = pd.DataFrame({"Sigma_ratio": [0.95, 0.4, float("nan")]})
    >>> iscat.symmetric_spots(spots)["Sigma_ratio"].tolist()
    [0.95]
    """
    require_columns(table, "Sigma_ratio")
    ratio = table["Sigma_ratio"].to_numpy(np.float64)
    return _keep(table, (ratio >= min_ratio) | (keep_unfitted & np.isnan(ratio)))


@stage(
    "Leave out spots near the edge",
    menu="track",
    frame_by_frame=True,
    selects=True,
    methods="Spots near the edges of the frame were removed",
)
def inner_spots(
    table: pd.DataFrame, video: Video, *, margin_px: Annotated[float, Ge(0), Unit("px")] = 5.0
) -> pd.DataFrame:
    """Remove the spots near the edges of the frame.

    Parameters
    ----------
    table
        Spots with ``y, x``.
    video
        Frames, rows, columns, in which the spots were detected; only its shape is used.
    margin_px
        Smallest distance from the centres of the outermost pixels.

    Returns
    -------
    pandas.DataFrame
        The remaining rows in their order.

    Raises
    ------
    BadValueError
        If a column is missing, or ``margin_px`` is negative.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> spots = pd.DataFrame({"y": [2.0, 10.0], "x": [10.0, 10.0]})
    >>> iscat.inner_spots(spots, np.zeros((1, 24, 24)))["y"].tolist()
    [10.0]
    """
    require_columns(table, "y", "x")
    keep = np.ones(len(table), bool)
    for name, size in zip(("y", "x"), frames_of(video).shape[1:], strict=True):
        position = table[name].to_numpy(np.float64)
        keep &= (position >= margin_px) & (position <= size - 1 - margin_px)
    return _keep(table, keep)


@stage(
    "Leave out spots of disturbed frames",
    menu="track",
    selects=True,
    methods="Spots in frames without light, and in frames unlike all others, were removed",
)
def undisturbed_spots(
    table: pd.DataFrame,
    video: Video,  # noqa: ARG001  # a run passes the disturbances of this input
    *,
    disturbances: Disturbances | None = None,
) -> pd.DataFrame:
    """Remove the spots of frames that a run has replaced by others, because they were disturbed.

    Parameters
    ----------
    table
        Spots with ``frame``.
    video
        Frames, rows, columns, in which the spots were detected; not read.
    disturbances
        What disturbs the video, as a run finds it; None: nothing.

    Returns
    -------
    pandas.DataFrame
        The remaining rows in their order.

    Raises
    ------
    BadValueError
        If the column is missing.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> spots = pd.DataFrame({"frame": [0, 1]})
    >>> len(iscat.undisturbed_spots(spots, np.zeros((2, 8, 8))))
    2
    """
    require_columns(table, "frame")
    if disturbances is None:
        return table.reset_index(drop=True)
    return _keep(table, ~disturbances.left_out[table["frame"].to_numpy(np.int64)])


def _keep(table: pd.DataFrame, keep: npt.NDArray[np.bool_]) -> pd.DataFrame:
    return table.loc[keep].reset_index(drop=True)


def _pairs(table: pd.DataFrame, overlap: float) -> npt.NDArray[np.intp]:
    """Row numbers of all pairs of neighbours, (pairs, 2)."""
    require_columns(table, "y", "x", "frame", "sigma")
    if len(table) < 2:
        return np.empty((0, 2), np.intp)
    sigma = table["sigma"].to_numpy(np.float64)
    reach = np.sqrt(2) * 2 * float(sigma.max())
    places = table[["y", "x", "frame"]].to_numpy(np.float64, copy=True)
    # Frames are so far apart in the tree that spots of different ones are never neighbours.
    places[:, 2] *= 2 * reach
    pairs: npt.NDArray[Any] = KDTree(places).query_pairs(reach, output_type="ndarray")
    first, second = pairs.T
    distance = np.hypot(*(places[first, :2] - places[second, :2]).T)
    near = distance <= np.sqrt(2) * (sigma[first] + sigma[second]) * (1 - overlap)
    kept: npt.NDArray[np.intp] = pairs[near]
    return kept


@strict_kernel
def _greedy(
    order: npt.NDArray[np.intp], starts: npt.NDArray[np.intp], neighbours: npt.NDArray[np.intp]
) -> npt.NDArray[np.bool_]:
    """Process rows in order; each one that is still kept removes its neighbours."""
    keep = np.ones(order.size, np.bool_)
    taken = np.zeros(order.size, np.bool_)
    for row in order:
        if not keep[row]:
            continue
        taken[row] = True
        for k in range(starts[row], starts[row + 1]):
            if not taken[neighbours[k]]:
                keep[neighbours[k]] = False
    return keep

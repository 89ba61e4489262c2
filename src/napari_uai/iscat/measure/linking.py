"""Linking: spots of consecutive frames that are the same particle."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Ge, Gt, Unit

from napari_uai.errors import BadValueError
from napari_uai.iscat.tables import OK, require_columns
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import stage

FRAMES_PER_REPORT = 500


@stage(
    "Link spots",
    menu="track",
    methods="Spots of consecutive frames were linked to tracks so that the sum of squared "
    "displacements was smallest",
)
def link_spots(
    table: pd.DataFrame,
    *,
    search_range_px: Annotated[float, Gt(0), Unit("px")] = 2.0,
    memory: Annotated[int, Ge(0), Unit("frames")] = 10,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Give all spots of a particle the same number.

    From frame to frame, the assignment with the smallest sum of squared displacements is selected
    (Crocker & Grier 1996, as implemented in trackpy). Positions are those of :func:`spot_places`.

    Parameters
    ----------
    table
        Spots with ``y, x, frame``, with or without the columns of a fit.
    search_range_px
        Largest displacement of a particle from one frame to the next.
    memory
        Number of frames for which a particle may be missing before its track ends.
    monitor
        Progress and cancellation, once per 500 frames.

    Returns
    -------
    pandas.DataFrame
        The rows of ``table`` in their order with the column ``particle``, numbered from 0 in the
        order of the particles' first frames.

    Raises
    ------
    BadValueError
        If a column is missing, a parameter is outside its limits, or so many spots lie within
        ``search_range_px`` of each other that they cannot be linked.

    References
    ----------
    Crocker & Grier, J. Colloid Interface Sci. 179, 298 (1996), doi:10.1006/jcis.1996.0217.

    Examples
    --------
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> spots = pd.DataFrame(
    ...     {"y": [5.0, 20.0, 5.5, 20.0], "x": [5.0, 9.0, 5.0, 9.5], "frame": [0, 0, 1, 1]}
    ... )
    >>> iscat.link_spots(spots)["particle"].tolist()
    [0, 1, 0, 1]
    """
    require_columns(table, "y", "x", "frame")
    out = table.reset_index(drop=True).copy()
    if out.empty:
        out["particle"] = np.empty(0, np.int64)
        return out
    frame = out["frame"].to_numpy(np.int64)
    order = np.argsort(frame, kind="stable")
    ids = np.empty(len(out), np.int64)
    ids[order] = _link(spot_places(out)[order], frame[order], search_range_px, memory, monitor)
    out["particle"] = ids
    return out


def spot_places(table: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Return the best estimate of the position of each spot.

    Parameters
    ----------
    table
        Spots with ``y, x``, with or without the columns of a fit.

    Returns
    -------
    numpy.ndarray
        (spots, 2): y and x of the fitted centre where the fit succeeded and its centre is within
        ``2 sigma`` of the pixel in which the spot was detected, else that pixel.
    """
    coarse = table[["y", "x"]].to_numpy(np.float64)
    if "status" not in table.columns:
        return coarse
    fitted = table[["Fit_Y-Center", "Fit_X-Center"]].to_numpy(np.float64)
    near = np.hypot(*(fitted - coarse).T) <= 2 * table["sigma"].to_numpy(np.float64)
    trusted = (table["status"] == OK).to_numpy(bool) & near
    return np.where(trusted[:, None], fitted, coarse)


def _link(
    places: npt.NDArray[np.float64],
    frame: npt.NDArray[np.int64],
    search_range_px: float,
    memory: int,
    monitor: Monitor,
) -> npt.NDArray[np.int64]:
    """Link positions sorted by frame; frames without spots count towards the memory."""
    from trackpy import SubnetOversizeException
    from trackpy.linking import link_iter

    first, last = int(frame[0]), int(frame[-1])
    edges = np.searchsorted(frame, np.arange(first, last + 2))
    blocks = (places[a:b] for a, b in pairwise(edges))
    particles: list[npt.NDArray[np.int64]] = []
    try:
        with _quiet("trackpy"):
            for t, (_, ids) in enumerate(
                link_iter(blocks, search_range=search_range_px, memory=memory)
            ):
                particles.append(np.asarray(ids, np.int64))
                if t % FRAMES_PER_REPORT == 0:
                    monitor.update(t / (last - first + 1), f"frame {first + t}")
    except SubnetOversizeException as error:
        raise BadValueError(
            f"too many spots lie within search_range_px = {search_range_px:g} of each other: "
            "lower it, or raise the detection threshold"
        ) from error
    return pd.factorize(np.concatenate(particles))[0].astype(np.int64)


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Restrict a library that logs every frame to warnings."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)

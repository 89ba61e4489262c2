"""Gaussian fits: sub-pixel position, width and contrast of spots, with standard errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pandas as pd
from annotated_types import Gt

from napari_uai.iscat.kernels.gaussian_fit import fit_windows
from napari_uai.iscat.tables import (
    DEGENERATE,
    FIT_COLUMNS,
    NOT_CONVERGED,
    OK,
    SPOT_COLUMNS,
    check_spots,
)
from napari_uai.monitor import SILENT, Monitor, raise_if_cancelled
from napari_uai.stages import stage
from napari_uai.typing import AnyArray, Floats, Ints
from napari_uai.videos.frames import Frames, Video, frames_of, frames_per_chunk, map_chunks

FIT_STATUS = np.array(
    [
        OK,
        NOT_CONVERGED,
        "centre left the window",
        "width out of range",
        "too close to the edge",
        "pixels not finite",
        "flat window",
        DEGENERATE,
    ],
    dtype=object,
)
"""What the codes of the kernels mean."""

FITS_AT_ONCE = 512
"""Fits between checks for cancellation; they take some hundredths of a second."""


@stage(
    "Fit spots",
    menu="measure",
    frame_by_frame=True,
    methods="An elliptical Gaussian on a constant background was fitted to the surroundings of "
    "each spot by least squares",
)
def fit_spots(
    table: pd.DataFrame,
    video: Video,
    *,
    scale: Annotated[float, Gt(0)] = 5.0,
    legacy: bool = False,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Fit an elliptical Gaussian on a constant background to the surroundings of each spot.

    The model is ``b + A exp(-(x - xc)^2 / (2 sx^2) - (y - yc)^2 / (2 sy^2))``, fitted by least
    squares (Levenberg-Marquardt) in a square window of ``2 h + 1`` pixels around the spot, ``h =
    round(scale sqrt(2) sigma)``, cropped at the edges of the frame. Standard errors are the roots
    of the diagonal of the parameters' covariance, with the noise estimated from the residuals.

    Parameters
    ----------
    table
        Spots with the columns ``y, x, frame, center_intensity, sigma``; other columns are kept.
        ``center_intensity`` is read from the video where it is NaN.
    video
        Frames, rows, columns, in which the spots were detected.
    scale
        Half width of the window in units of ``sqrt(2) sigma``.
    legacy
        Use PiSCAT's window (``2 h`` pixels wide, reduced on all four sides near an edge, without
        its last row and column), its start values, no bounds, and its widths (``sqrt(2)`` times the
        standard deviation). Failed fits are still marked as failed.
    monitor
        Progress and cancellation, once per block of frames.

    Returns
    -------
    pandas.DataFrame
        The rows of ``table`` in their order with 18 columns in the order of PiSCAT, then ``status``
        and ``R2``, then the other columns of ``table``. Centres are in px of the frame, widths are
        standard deviations in px, ``Sigma_ratio`` is the smaller width divided by the larger one.
        Where a fit fails, ``status`` says why, and all its results are NaN.

    Raises
    ------
    BadValueError
        If a column is missing, a spot is outside the video, or a parameter is outside its limits.

    References
    ----------
    Marquardt, J. Soc. Ind. Appl. Math. 11, 431 (1963), doi:10.1137/0111030; Thompson et al.,
    Biophys. J. 82, 2775 (2002), doi:10.1016/S0006-3495(02)75618-X;
    Mortensen et al., Nat. Methods 7, 377 (2010), doi:10.1038/nmeth.1447.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> y, x = np.mgrid[:32, :32]
    >>> video = np.exp(-((y - 15.3) ** 2 + (x - 16.8) ** 2) / (2 * 1.7**2))[np.newaxis]
    >>> spots = pd.DataFrame(
    ...     {"y": [15], "x": [17], "frame": [0], "center_intensity": [np.nan], "sigma": [1.7]}
    ... )
    >>> fits = iscat.fit_spots(spots, video)
    >>> fits[["Fit_Y-Center", "Fit_X-Center", "Fit_X-Sigma", "status"]].round(2)
       Fit_Y-Center  Fit_X-Center  Fit_X-Sigma status
    0          15.3          16.8          1.7     ok
    """
    frames = frames_of(video)
    check_spots(table, frames.shape)
    frame = table["frame"].to_numpy(np.int64)
    order = np.argsort(frame, kind="stable")
    frame, place = frame[order], table[["y", "x", "sigma"]].to_numpy(np.float64)[order]
    windows = _windows(place, frames.shape, scale, legacy=legacy)
    intensity = table["center_intensity"].to_numpy(np.float64)[order]
    fits = np.full((len(table), 13), np.nan)
    codes = np.zeros(len(table), np.int64)

    def fit(block: AnyArray, in_block: Ints, some: slice) -> None:
        y, x = np.rint(place[some, :2]).astype(np.int64).T
        seen = block[in_block, y, x]
        intensity[some] = np.where(np.isnan(intensity[some]), seen, intensity[some])
        own = windows[some], place[some], legacy, fits[some], codes[some]
        fit_windows(block, in_block, *own)

    fit_by_frames(frames, frame, fit, monitor=monitor)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    table = table.assign(center_intensity=intensity[back])
    return _fit_table(table, fits[back], codes[back])


def fit_by_frames(
    frames: Frames,
    frame: Ints,
    fit: Callable[[AnyArray, Ints, slice], None],
    *,
    monitor: Monitor = SILENT,
) -> None:
    """Call a function for spots in order of their frames, in threads, a few hundred at once.

    Parameters
    ----------
    frames
        In which the spots are.
    frame
        Frame of each spot, ascending.
    fit
        Takes the frames that have spots, the frame of each spot among these, and which spots they
        are.
    monitor
        Progress and cancellation, once per block of frames.
    """

    def fit_block(start: int, stop: int) -> None:
        first, last = np.searchsorted(frame, (start, stop)).tolist()
        if first == last:
            return
        numbers, at = np.unique(frame[first:last], return_inverse=True)
        block = np.ascontiguousarray(frames.read_at(numbers))
        for row in range(first, last, FITS_AT_ONCE):
            raise_if_cancelled()
            some = slice(row, min(row + FITS_AT_ONCE, last))
            fit(block, at[row - first : some.stop - first], some)

    chunk = frames_per_chunk(frames.shape)
    for _ in map_chunks(fit_block, len(frames), chunk, monitor=monitor, message="fits"):
        pass


def empty_fits() -> pd.DataFrame:
    """Return a table of fitted spots without rows."""
    spots = pd.DataFrame({name: np.empty(0) for name in SPOT_COLUMNS}).astype({"frame": np.int64})
    return _fit_table(spots, np.empty((0, 13)), np.empty(0, np.int64))


def _windows(
    place: Floats, shape: tuple[int, int, int], scale: float, *, legacy: bool
) -> npt.NDArray[np.int64]:
    """First and last + 1 row, first and last + 1 column of each window."""
    y, x = np.rint(place[:, :2]).astype(np.int64).T
    height, width = shape[1:]
    reach = scale * np.sqrt(2) * place[:, 2]
    if legacy:
        sides = [
            y - np.maximum(y - reach, 0),
            np.minimum(y + reach, height - 1) - y,
            x - np.maximum(x - reach, 0),
            np.minimum(x + reach, width - 1) - x,
        ]
        h = np.rint(np.min(sides, axis=0)).astype(np.int64)
        return np.stack([y - h, y + h, x - h, x + h], axis=1)
    h = np.maximum(np.rint(reach), 2).astype(np.int64)
    rows = np.maximum(y - h, 0), np.minimum(y + h + 1, height)
    columns = np.maximum(x - h, 0), np.minimum(x + h + 1, width)
    return np.stack([*rows, *columns], axis=1)


def _fit_table(table: pd.DataFrame, fits: Floats, codes: Ints) -> pd.DataFrame:
    failed = codes > 0
    fits[failed] = np.nan
    widths = fits[:, 3:5]
    ratio = widths.min(axis=1) / widths.max(axis=1)
    out = table.loc[:, list(SPOT_COLUMNS)].reset_index(drop=True)
    out = out.astype({name: np.float64 for name in SPOT_COLUMNS if name != "frame"})
    out["frame"] = out["frame"].astype(np.int64)
    out[list(FIT_COLUMNS)] = np.column_stack([ratio, fits[:, :12]])
    out["status"] = pd.Series(FIT_STATUS[codes], dtype="str")
    out["R2"] = fits[:, 12]
    others = table.loc[:, [name for name in table.columns if name not in set(out.columns)]]
    return pd.concat([out, others.reset_index(drop=True)], axis=1)

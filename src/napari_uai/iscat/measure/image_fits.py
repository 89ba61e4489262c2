"""Fits of a given image of a point: sub-pixel position and contrast of spots of any shape."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Unit
from scipy.ndimage import spline_filter

from napari_uai.errors import BadValueError
from napari_uai.iscat.detect.point_spread_function import read_psf_bank
from napari_uai.iscat.kernels.image_fit import PADDING, fit_images
from napari_uai.iscat.measure.gaussian_fits import FIT_STATUS, fit_by_frames
from napari_uai.iscat.tables import IMAGE_FIT_COLUMNS, check_spots
from napari_uai.monitor import SILENT, Monitor
from napari_uai.stages import stage
from napari_uai.typing import AnyArray, Floats, Ints
from napari_uai.videos.frames import Video, frames_of

INSIDE_PX = 2
"""By how much windows are smaller than images: the rings of these do not end at their edge."""


@stage(
    "Fit point-spread function",
    menu="measure",
    frame_by_frame=True,
    methods="A given image of the point-spread function on a constant background was fitted to the "
    "surroundings of each spot by least squares",
)
def fit_psf(
    table: pd.DataFrame,
    video: Video,
    *,
    point_spread_function: str,
    half_width_px: Annotated[int, Ge(2), Unit("px")] | None = None,
    monitor: Monitor = SILENT,
) -> pd.DataFrame:
    """Fit a given image of a point on a constant background to the surroundings of each spot.

    Place, contrast and background are fitted by least squares (Levenberg-Marquardt); the shape is
    that of the image, such as one of :func:`napari_uai.iscat.optics.interferometric_psf`, which
    also describes the rings that a Gaussian does not. Of several images, the one with the smallest
    residual is taken for each spot. Standard errors are the roots of the diagonal of the
    parameters' covariance, with the noise estimated from the residuals.

    Parameters
    ----------
    table
        Spots with the columns ``y, x, frame, center_intensity, sigma``; all columns are kept.
    video
        Frames, rows, columns, in which the spots were detected.
    point_spread_function
        Path of an image (.npy, .tif; square of odd size), or of a .npy of several images.
    half_width_px
        The window has so many pixels on each side of the spot; by default two fewer than the image,
        so that it does not reach beyond. It is cropped at the edges of the frame.
    monitor
        Progress and cancellation, once per block of frames.

    Returns
    -------
    pandas.DataFrame
        The table with the columns ``Psf_Amplitude`` (contrast), ``Psf_X-Center``, ``Psf_Y-Center``
        (px of the frame), ``Psf_Bias``, their standard errors ``Psf_errors_...``, ``Psf_image``
        (number of the image, from 0; -1 if the fit failed), ``Psf_R2``, and ``Psf_status``: where a
        fit fails, it says why, and its results are NaN.

    Raises
    ------
    BadValueError
        If the file is not an image of a point, a column is missing, or a spot is outside the video.

    References
    ----------
    Marquardt, J. Soc. Ind. Appl. Math. 11, 431 (1963), doi:10.1137/0111030; R. Gholami Mahmoodabadi
    et al., Opt. Express 28, 25969 (2020), doi:10.1364/OE.401374.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> import pandas as pd
    >>> from napari_uai import iscat
    >>> from napari_uai.iscat.optics import Microscope, interferometric_psf, write_psf
    >>> model = write_psf(tempfile.mkdtemp() + "/psf.npy", 21, Microscope())
    >>> video = interferometric_psf((32, 32), Microscope(), y=15.3, x=16.8)[np.newaxis]
    >>> spots = pd.DataFrame(
    ...     {"y": [15], "x": [17], "frame": [0], "center_intensity": [np.nan], "sigma": [1.7]}
    ... )
    >>> fits = iscat.fit_psf(spots, video, point_spread_function=str(model))
    >>> fits[["Psf_Y-Center", "Psf_X-Center", "Psf_status"]].round(2)
       Psf_Y-Center  Psf_X-Center Psf_status
    0          15.3          16.8         ok
    """
    frames = frames_of(video)
    check_spots(table, frames.shape)
    bank = read_psf_bank(point_spread_function, choices="the path of an image")
    splines = np.stack([_spline(psf.image / psf.peak) for psf in bank])
    half = max(bank[0].radius - INSIDE_PX, 2) if half_width_px is None else half_width_px
    order = np.argsort(table["frame"].to_numpy(np.int64), kind="stable")
    frame = table["frame"].to_numpy(np.int64)[order]
    place = table[["y", "x"]].to_numpy(np.float64)[order]
    windows = _windows(place, frames.shape, half)
    fits = np.full((len(table), 9), np.nan)
    chosen, codes = np.full(len(table), -1), np.zeros(len(table), np.int64)

    def fit(block: AnyArray, in_block: Ints, some: slice) -> None:
        own = windows[some], place[some], splines, fits[some], chosen[some], codes[some]
        fit_images(block, in_block, *own)

    fit_by_frames(frames, frame, fit, monitor=monitor)
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    return _with_fits(table, fits[back], chosen[back], codes[back])


def _spline(image: Floats) -> Floats:
    padded = np.pad(image, PADDING)
    return np.asarray(spline_filter(padded, order=3))


def _windows(place: Floats, shape: tuple[int, int, int], half: int) -> Ints:
    """First and last + 1 row, first and last + 1 column of each window."""
    y, x = np.rint(place).astype(np.int64).T
    sides = [
        np.clip(middle + offset, 0, n)
        for middle, n in ((y, shape[1]), (x, shape[2]))
        for offset in (-half, half + 1)
    ]
    return np.ascontiguousarray(np.stack(sides, axis=1))


def _with_fits(table: pd.DataFrame, fits: Floats, chosen: Ints, codes: Ints) -> pd.DataFrame:
    taken = [name for name in IMAGE_FIT_COLUMNS if name in table.columns]
    if taken:
        raise BadValueError(f"the table has the column {taken[0]} already: fit it once")
    out = table.reset_index(drop=True)
    values = [*fits[:, :8].T, chosen, fits[:, 8], pd.Series(FIT_STATUS[codes], dtype="str")]
    return out.assign(**dict(zip(IMAGE_FIT_COLUMNS, values, strict=True)))

"""Gaussian smoothing of frames, and removal of their smooth part."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_uai.compiled import reordering_kernel
from napari_uai.errors import BadValueError
from napari_uai.iscat.kernels.blocks import Block, as_block
from napari_uai.iscat.kernels.gaussian_taps import gaussian_radius, gaussian_taps
from napari_uai.iscat.parameters import SigmaPx
from napari_uai.stages import stage
from napari_uai.videos.frames import Video, per_frame


@stage(
    "Gaussian filter",
    menu="filter",
    methods="Each frame was smoothed with a Gaussian",
)
def gaussian_filter(video: Video, *, sigma_px: SigmaPx = 1.0) -> Video:
    """Smooth each frame with a Gaussian.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    sigma_px
        Standard deviation of the Gaussian, which is truncated at four standard deviations. Frames
        are extended by their nearest pixel.

    Returns
    -------
    Video
        float32, same shape and unit.

    Raises
    ------
    BadValueError
        If ``sigma_px`` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> video = np.zeros((1, 9, 9))
    >>> video[0, 4, 4] = 1
    >>> smooth = iscat.gaussian_filter(video, sigma_px=1.0)
    >>> round(float(smooth[0, 4, 4]), 3), round(float(smooth.sum()), 3)
    (0.159, 1.0)
    """
    return per_frame(video, partial(_smooth, sigma_px=sigma_px), label="gaussian")


@stage(
    "Difference of Gaussians",
    menu="filter",
    methods="Each frame was filtered with a difference of two Gaussians",
)
def difference_of_gaussians(
    video: Video, *, sigma_low: SigmaPx = 1.7, sigma_high: SigmaPx = 1.8
) -> Video:
    """Subtract a strongly smoothed copy of each frame from a weakly smoothed one.

    Spots of about ``sigma_low`` become peaks of their own sign; a slowly varying background
    vanishes.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype.
    sigma_low
        Standard deviation of the narrow Gaussian.
    sigma_high
        Standard deviation of the wide Gaussian.

    Returns
    -------
    Video
        float32, same shape and unit.

    Raises
    ------
    BadValueError
        If a width is not positive, or ``sigma_high`` does not exceed ``sigma_low``.

    References
    ----------
    Marr & Hildreth, Proc. R. Soc. Lond. B 207, 187 (1980), doi:10.1098/rspb.1980.0020.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> flat = np.full((1, 16, 16), 1000.0)
    >>> bool(np.abs(iscat.difference_of_gaussians(flat)).max() < 1e-3)
    True
    """
    if not sigma_high > sigma_low:
        raise BadValueError(
            f"sigma_high must be greater than sigma_low ({sigma_low} px), got {sigma_high} px"
        )
    function = partial(_subtract_wide, sigma_low=sigma_low, sigma_high=sigma_high)
    return per_frame(video, function, label="difference-of-gaussians")


@stage(
    "Flat field",
    menu="filter",
    methods="Each frame was divided by its own smooth part",
)
def flat_field(video: Video, *, sigma_px: SigmaPx = 10.0) -> Video:
    """Divide each frame by its own smooth part and subtract 1.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype; counts.
    sigma_px
        Standard deviation of the Gaussian that yields the smooth part.

    Returns
    -------
    Video
        float32, same shape, relative contrast; 0 where the smooth part is 0.

    Raises
    ------
    BadValueError
        If ``sigma_px`` is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> video = np.full((1, 64, 64), 1000.0)
    >>> video[0, 32, 32] = 1010
    >>> round(float(iscat.flat_field(video)[0, 32, 32]), 4)
    0.01
    """
    return per_frame(video, partial(_flatten, sigma_px=sigma_px), label="flat-field")


def relative_to(background: npt.NDArray[Any], frames: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return frames / background - 1, and 0 where the background is 0."""
    background = background.astype(np.float64)
    difference = frames - background
    out = np.divide(difference, background, out=np.zeros_like(difference), where=background != 0)
    return np.asarray(out, np.float32)


def _smooth(frames: npt.NDArray[Any], *, sigma_px: float) -> npt.NDArray[np.float32]:
    taps = gaussian_taps(sigma_px, gaussian_radius(sigma_px))[np.newaxis]
    return _filter_block(frames, taps, taps)


def _subtract_wide(
    frames: npt.NDArray[Any], *, sigma_low: float, sigma_high: float
) -> npt.NDArray[np.float32]:
    # With n, w the narrow and wide Gaussians, n_y n_x - w_y w_x = (n - w)_y n_x + w_y (n - w)_x:
    # no difference of large numbers is taken in single precision.
    radius = gaussian_radius(sigma_high)
    narrow, wide = gaussian_taps(sigma_low, radius), gaussian_taps(sigma_high, radius)
    difference = narrow - wide
    return _filter_block(frames, np.stack([difference, wide]), np.stack([narrow, difference]))


def _flatten(frames: npt.NDArray[Any], *, sigma_px: float) -> npt.NDArray[np.float32]:
    return relative_to(_smooth(frames, sigma_px=sigma_px), frames)


def _filter_block(
    frames: npt.NDArray[Any],
    along_columns: npt.NDArray[np.float64],
    along_rows: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    out = np.empty(frames.shape, np.float32)
    block = as_block(frames)
    _filter_frames(block, along_columns.astype(np.float32), along_rows.astype(np.float32), out)
    return out


@reordering_kernel
def _filter_frames(
    block: Block,
    along_columns: npt.NDArray[np.float32],
    along_rows: npt.NDArray[np.float32],
    out: npt.NDArray[np.float32],
) -> None:
    """Sum over m: smooth with ``along_rows[m]`` in x, then with ``along_columns[m]`` in y."""
    n, height, width = out.shape
    n_terms, n_taps = along_rows.shape
    radius = n_taps // 2
    line = np.empty(width + 2 * radius, np.float32)
    smooth = np.empty((n_terms, height, width), np.float32)
    for t in range(n):
        smooth[:] = 0
        for r in range(height):
            base = t * block.frame_step + r * block.row_step
            for c in range(width):
                line[radius + c] = block.flat[base + c]
            line[:radius] = line[radius]
            line[radius + width :] = line[radius + width - 1]
            for m in range(n_terms):
                _add_taps(line, along_rows[m], smooth[m, r])
        out[t] = 0
        for r in range(height):
            for m in range(n_terms):
                for k in range(n_taps):
                    tap = along_columns[m, k]
                    row = min(max(r + k - radius, 0), height - 1)
                    source = smooth[m, row]
                    target = out[t, r]
                    for c in range(width):
                        target[c] += tap * source[c]


@reordering_kernel
def _add_taps(
    line: npt.NDArray[np.float32], taps: npt.NDArray[np.float32], out: npt.NDArray[np.float32]
) -> None:
    for k in range(taps.size):
        tap = taps[k]
        shifted = line[k : k + out.size]
        for c in range(out.size):
            out[c] += tap * shifted[c]

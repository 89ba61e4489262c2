"""Fixed-pattern noise: slowly varying offsets of the camera's rows and columns."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
from annotated_types import Ge, Gt, Le, Unit

from napari_uai.compiled import kernel, part_of_kernel
from napari_uai.errors import BadValueError
from napari_uai.iscat.correct.stripes import (
    StripeModes,
    fourier_modes,
    no_modes,
    subtract_stripes,
    wavelet_modes,
)
from napari_uai.iscat.kernels.median_network import (
    LANES,
    MedianNetwork,
    median_network,
    median_of_lanes,
)
from napari_uai.iscat.parameters import Axes
from napari_uai.stages import stage
from napari_uai.videos.frames import Video, frames_of, per_frame

PatternMethod: TypeAlias = Literal["median", "clipped_mean", "fourier", "wavelet"]
"""How the camera's pattern is estimated: a statistic of each line of pixels, or a filter."""

FixedPattern: TypeAlias = Literal["none", "median", "clipped_mean", "fourier", "wavelet"]
"""As PatternMethod, or no correction."""

DAMPING = {"fourier": 0.5, "wavelet": 1.0}
WAVELET = "sym8"
LEVELS = 3
"""Values of the filters unless others are chosen; the wavelet and its levels are PiSCAT's."""


@stage(
    "Fixed-pattern correction",
    menu="filter",
    methods="The offsets of rows and columns (fixed-pattern noise) were subtracted from each frame",
)
def fixed_pattern_correction(
    video: Video,
    *,
    method: PatternMethod = "median",
    axes: Axes = "both",
    damping: Annotated[float, Gt(0), Unit("cycles")] | None = None,
    wavelet: str | None = None,
    levels: Annotated[int, Ge(1), Le(16)] | None = None,
) -> Video:
    """Subtract from each frame the offset of each of its rows and columns.

    ``median`` and ``clipped_mean`` take one value per line, and ignore particles. ``fourier`` and
    ``wavelet`` also follow an offset that varies along the line, but are linear: of the contrast of
    a particle of 1.7 px in a frame of 64 x 64 px they take 16 % and 7 %, which appear as streaks of
    the opposite sign along its row and column.

    Parameters
    ----------
    video
        Frames, rows, columns; any real dtype. Intended for differences of frames, in which an
        ordinary pixel is zero.
    method
        ``median`` of the line (mFPN); ``clipped_mean``: mean of the pixels of the line within one
        median absolute deviation of its median (cpFPN); ``fourier``: frequencies along the line
        below ``damping`` (fFPN), where they differ from those of the other lines; ``wavelet``: the
        same of the details across the lines, at each level of a wavelet transform (wFPN), so that
        wide structures are kept.
    axes
        ``rows``: offsets of rows; ``columns``: of columns; ``both``: rows first, then columns of
        the result.
    damping
        Standard deviation of the Gaussian that damps low frequencies, in cycles per length of the
        line; 0.5 by default for ``fourier``, 1 for ``wavelet``. Larger values follow offsets that
        vary faster along the line, and take more of a particle.
    wavelet
        Name, as in PyWavelets; for ``wavelet``, ``sym8`` by default.
    levels
        Levels of the wavelet transform; for ``wavelet``, 3 by default. Each level removes stripes
        of twice the width.

    Returns
    -------
    Video
        float32, same shape and unit. With ``fourier`` and ``wavelet``, a frame that contains NaN
        becomes NaN.

    Raises
    ------
    BadValueError
        If ``method``, ``axes`` or ``wavelet`` is unknown, or ``method`` does not have a parameter
        that is given.

    References
    ----------
    Mirzaalian Dastjerdi et al., PiSCAT, J. Open Source Softw. 7, 4024 (2022),
    doi:10.21105/joss.04024; Münch, Trtik, Marone & Stampanoni, Opt. Express 17, 8567 (2009),
    doi:10.1364/OE.17.008567.

    Examples
    --------
    >>> import numpy as np
    >>> from napari_uai import iscat
    >>> rows = np.array([1.0, 2.0, 3.0]).reshape(1, 3, 1)
    >>> iscat.fixed_pattern_correction(rows * np.ones((1, 3, 5)))[0]
    array([[0., 0., 0., 0., 0.],
           [0., 0., 0., 0., 0.],
           [0., 0., 0., 0., 0.]], dtype=float32)
    """
    _check_belongs(method, damping=damping, wavelet=wavelet, levels=levels)
    settings = FilterSettings(damping, wavelet or WAVELET, levels or LEVELS)
    height, width = frames_of(video).shape[1:]
    correction_for(method, axes, height, width, settings)  # refuses an unknown wavelet at once
    function = partial(_correct_block, method=method, axes=axes, settings=settings)
    return per_frame(video, function, label="fixed-pattern")


def _check_belongs(method: str, **values: Any) -> None:
    """Raise BadValueError if a parameter is given to a method without it."""
    own = {"fourier": ("damping",), "wavelet": ("damping", "wavelet", "levels")}.get(method, ())
    for name, value in values.items():
        if value is not None and name not in own:
            raise BadValueError(f"the method {method} has no {name}, got {value!r}")


class FilterSettings(NamedTuple):
    """Parameters of the filters by Fourier and wavelet transform; damping None: the default."""

    damping: float | None = None
    wavelet: str = WAVELET
    levels: int = LEVELS


class Correction(NamedTuple):
    """A correction in the form that kernels take."""

    method: int
    rows: bool
    columns: bool
    row_network: MedianNetwork
    column_network: MedianNetwork
    row_modes: StripeModes
    column_modes: StripeModes


_FILTER = 3
_CODES = {"none": 0, "median": 1, "clipped_mean": 2, "fourier": _FILTER, "wavelet": _FILTER}


def correction_for(
    method: FixedPattern,
    axes: Axes,
    height: int,
    width: int,
    settings: FilterSettings = FilterSettings(),  # noqa: B008  # immutable
) -> Correction:
    """Return the correction of planes of a given size."""
    code = _CODES[method]
    return Correction(
        code,
        bool(code) and axes != "columns",
        bool(code) and axes != "rows",
        median_network(width),
        median_network(height),
        _modes(method, width, height, settings),
        _modes(method, height, width, settings),
    )


def _modes(method: str, length: int, width: int, settings: FilterSettings) -> StripeModes:
    if method not in DAMPING:
        return no_modes()
    damping = settings.damping or DAMPING[method]
    if method == "fourier":
        return fourier_modes(length, width, damping)
    return wavelet_modes(length, width, settings.wavelet, settings.levels, damping)


def _correct_block(
    frames: npt.NDArray[Any], *, method: FixedPattern, axes: Axes, settings: FilterSettings
) -> npt.NDArray[np.float32]:
    out = np.array(frames, np.float32, order="C")
    _, height, width = frames.shape
    correct_frames(out, correction_for(method, axes, height, width, settings))
    return out


def correct_frames(frames: npt.NDArray[np.float32], correction: Correction) -> None:
    """Correct frames in place."""
    # Two kernels, of which most runs compile one.
    (_filter_frames if correction.method == _FILTER else _level_frames)(frames, correction)


@kernel
def _filter_frames(frames: npt.NDArray[np.float32], correction: Correction) -> None:
    """Subtract from each frame the stripes that a filter finds."""
    n, height, width = frames.shape
    turned = np.empty((width, height), np.float32)
    for t in range(n):
        plane = frames[t]
        if correction.rows:
            for r in range(height):
                for c in range(width):
                    turned[c, r] = plane[r, c]
            subtract_stripes(turned, correction.row_modes)
            for r in range(height):
                for c in range(width):
                    plane[r, c] = turned[c, r]
        if correction.columns:
            subtract_stripes(plane, correction.column_modes)


@kernel
def _level_frames(frames: npt.NDArray[np.float32], correction: Correction) -> None:
    """Subtract from each row, and then each column, its offset."""
    n, height, width = frames.shape
    lanes = np.zeros(max(height, width) * LANES, np.float32)
    for t in range(n):
        for of_rows in (True, False):  # not as literals, for each of which numba compiles a kernel
            wanted = correction.rows if of_rows else correction.columns
            network = correction.row_network if of_rows else correction.column_network
            if wanted:
                _subtract_offsets(frames[t], of_rows, correction.method, network, lanes)


@part_of_kernel
def _subtract_offsets(
    plane: npt.NDArray[np.float32],
    of_rows: bool,
    method: int,
    network: MedianNetwork,
    lanes: npt.NDArray[np.float32],
) -> None:
    """Subtract from each row (or column) its offset."""
    height, width = plane.shape
    n_lines, size = (height, width) if of_rows else (width, height)
    offsets = np.empty(LANES, np.float32)
    deviations = np.empty(LANES, np.float32)
    for first in range(0, n_lines, LANES):
        count = min(LANES, n_lines - first)
        _gather(plane, of_rows, first, count, lanes)
        median_of_lanes(lanes, size, network, offsets)
        if method == 2:
            _gather(plane, of_rows, first, count, lanes)
            _subtract_and_fold(lanes, size, offsets)
            median_of_lanes(lanes, size, network, deviations)
            _gather(plane, of_rows, first, count, lanes)
            _clipped_means(lanes, size, deviations, offsets)
        if of_rows:
            for k in range(count):
                line = plane[first + k]
                for c in range(width):
                    line[c] -= offsets[k]
        else:
            for r in range(height):
                line = plane[r, first : first + count]
                for k in range(count):
                    line[k] -= offsets[k]


@kernel
def _gather(
    plane: npt.NDArray[np.float32],
    of_rows: bool,
    first: int,
    count: int,
    lanes: npt.NDArray[np.float32],
) -> None:
    """Lay out lines side by side: entry i of line k at ``lanes[i * LANES + k]``."""
    height, width = plane.shape
    if of_rows:
        for k in range(count):
            line = plane[first + k]
            lane = lanes[k:]
            for c in range(width):
                lane[c * LANES] = line[c]
    else:
        for r in range(height):
            line = plane[r, first : first + count]
            lane = lanes[r * LANES : r * LANES + count]
            for k in range(count):
                lane[k] = line[k]


@part_of_kernel
def _subtract_and_fold(
    lanes: npt.NDArray[np.float32], size: int, medians: npt.NDArray[np.float32]
) -> None:
    for i in range(size):
        lane = lanes[i * LANES : (i + 1) * LANES]
        for k in range(LANES):
            lane[k] = abs(lane[k] - medians[k])


@part_of_kernel
def _clipped_means(
    lanes: npt.NDArray[np.float32],
    size: int,
    deviations: npt.NDArray[np.float32],
    offsets: npt.NDArray[np.float32],
) -> None:
    """Replace the medians in ``offsets`` by means of the values within the deviations.

    Differences from the median are summed, so that float32 loses no precision to a large offset.
    """
    totals = np.zeros(LANES, np.float32)
    counts = np.zeros(LANES, np.float32)
    for i in range(size):
        lane = lanes[i * LANES : (i + 1) * LANES]
        for k in range(LANES):
            difference = lane[k] - offsets[k]
            inside = np.float32(abs(difference) <= deviations[k])
            totals[k] += inside * difference
            counts[k] += inside
    for k in range(LANES):
        offsets[k] += totals[k] / max(counts[k], np.float32(1))
